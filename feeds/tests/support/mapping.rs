//! What the tests of the generic provider share: the example's feeds, and feeds of a text.
#![allow(dead_code, reason = "each test binary uses a part")]

use feeds::provider::generic::Trial;
use feeds::registry::{FeedConfig, Problem};
use serde::Deserialize;

pub const EXAMPLE: &str = include_str!("../../../config/generic.toml");

#[derive(Deserialize)]
struct File {
    feed: Vec<FeedConfig>,
}

pub fn feeds(text: &str) -> Vec<FeedConfig> {
    toml::from_str::<File>(text).unwrap().feed
}

/// The only feed of a text; it is good.
pub fn feed(text: &str) -> FeedConfig {
    let feed = feeds(&format!("[[feed]]\nprovider = \"generic\"\nname = \"x\"\n{text}")).remove(0);
    assert_eq!(feed.validate(), []);
    feed
}

pub fn problems(text: &str) -> Vec<Problem> {
    feeds(&format!("[[feed]]\nprovider = \"generic\"\n{text}"))[0].validate()
}

/// A trial of one of the example's feeds.
pub fn trial(index: usize) -> Trial {
    match &feeds(EXAMPLE)[index] {
        FeedConfig::Generic(config) => Trial::new(config),
        other => panic!("{other:?}"),
    }
}
