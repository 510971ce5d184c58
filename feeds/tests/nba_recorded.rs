//! Recorded NBA files through the capture reader and the registry, against oracle rows that were computed independently.
//!
//! The recordings are not part of the project: without them these tests say so and pass.

mod support;

use serde_json::Value;
use support::games::{oracle, played, standing, state};
use support::{Topics, recording};

/// `PT11M58.50S` as `11:58.5`.
fn shown(duration: &str) -> String {
    let (minutes, seconds) = duration["PT".len()..duration.len() - 1].split_once('M').unwrap();
    let (whole, hundredths) = seconds.split_once('.').unwrap();
    let hundredths = hundredths.trim_end_matches('0');
    let point = if hundredths.is_empty() { "" } else { "." };
    format!("{}:{whole}{point}{hundredths}", minutes.parse::<u8>().unwrap())
}

/// The seconds since that day's midnight of `2020-12-23T00:06:19Z`.
fn day_s(text: &str) -> i64 {
    let digits = |from: usize| text[from..from + 2].parse::<i64>().unwrap();
    (digits(11) * 60 + digits(14)) * 60 + digits(17)
}

fn check_plays(topics: &Topics) {
    let Some(path) = recording("expected/nba_0022000001.jsonl") else { return };
    let (plays, expected) = (standing(topics, "play.nba.0022000001"), oracle(&path));
    assert_eq!((plays.len(), expected.len()), (610, 610));
    for (play, expected) in plays.iter().zip(&expected) {
        assert_eq!(play["id"], expected["id"].to_string());
        assert_eq!(play["clock"], shown(expected["clock"].as_str().unwrap()), "{play}");
        for (ours, theirs) in
            [("order", "order"), ("type", "type"), ("period", "period"), ("home_score", "home"), ("away_score", "away")]
        {
            assert_eq!(play[ours], expected[theirs], "{play}");
        }
        let edited = play["edited"].as_i64().unwrap() / 1_000 % 86_400;
        assert_eq!(edited, day_s(expected["edited"].as_str().unwrap()), "{play}");
    }
}

#[test]
fn a_final_body_gives_the_oracles_rows() {
    let Some(path) = recording("nba/playbyplay_0022000001.json.zst") else { return };
    let (topics, counts) = played("nba", &path);
    assert_eq!((counts.frames, counts.rejected), (1, 0));
    check_plays(&topics);
    assert!(topics.states.is_empty(), "play-by-play does not tell the score");
}

#[test]
fn a_game_polled_103_times_ends_with_the_oracles_plays() {
    let Some(path) = recording("derived_polls/nba_0022000001.jsonl.zst") else { return };
    let (topics, counts) = played("nba", &path);
    assert_eq!((counts.frames, counts.rejected), (103, 0));
    check_plays(&topics);
    assert_eq!(topics.events("play.nba.0022000001").len(), 610, "each action once, as it came");
}

#[test]
fn a_box_score_is_a_final_state() {
    let Some(path) = recording("nba/boxscore_0022000001.json.zst") else { return };
    let (topics, counts) = played("nba", &path);
    assert_eq!((counts.frames, counts.rejected), (1, 0));
    let score = state(&topics, "score.nba.0022000001");
    assert_eq!((&score["home"]["score"], &score["away"]["score"]), (&125.into(), &99.into()));
    assert_eq!(score["home"]["by_period"], Value::from(vec![40, 23, 36, 26]));
    assert_eq!(
        (&score["phase"], &score["winner"], &score["detail"]),
        (&"final".into(), &"home".into(), &"FINAL".into())
    );
    assert_eq!(score["clock"], Value::Null);
}
