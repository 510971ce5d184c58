//! Recorded NHL polls through the capture reader and the registry.

mod support;

use feeds::capture::{Head, Reader, Speed, replay};
use feeds::registry::for_replay;
use support::{Topics, recording};

#[test]
fn derived_polls_replay() {
    let Some(path) = recording("derived_polls/nhl_2024020033.jsonl.zst") else { return };
    let head = Head::read(&path).unwrap();
    assert!(head.is_polled);
    let mut adapter = for_replay("nhl", &head).unwrap();
    let mut topics = Topics::default();
    let counts = replay(&mut *adapter, Reader::open(&path).unwrap(), Speed::Max, |_, updates| topics.take(updates));
    assert_eq!(counts.unwrap().rejected, 0);
    assert!(
        topics.state("score.nhl.2024020033").contains("\"phase\":\"final\""),
        "{}",
        topics.state("score.nhl.2024020033")
    );
}
