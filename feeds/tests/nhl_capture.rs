//! Recorded NHL polls through the capture reader and the registry.

mod support;

use feeds::capture::{Head, Reader, Speed, replay};
use feeds::registry::for_replay;
use support::games::played;
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

#[test]
fn single_bodies_are_known_by_their_shape() {
    for (name, topic, phase) in [
        ("nhl/2024020087_play-by-play.json.zst", "score.nhl.2024020087", "final"),
        ("nhl/2024020266_1_pregame_play-by-play.json.zst", "score.nhl.2024020266", "scheduled"),
        ("nhl/score-now-20231217-1st-period-intermission-example.json.zst", "slate.nhl", "break"),
    ] {
        let Some(path) = recording(name) else { return };
        let (topics, counts) = played("nhl", &path);
        assert_eq!((counts.frames, counts.rejected), (1, 0), "{name}");
        let state = topics.state(topic);
        assert!(state.contains(&format!("\"phase\":\"{phase}\"")), "{name}: {state}");
    }
}
