//! Recorded MLB feeds through the capture reader and the registry, against oracle rows that were computed independently.
//!
//! The recordings are not part of the project: without them these tests say so and pass.

mod support;

use serde_json::{Value, json};
use support::games::{oracle, played, standing, state};
use support::{Topics, recording};

/// A play in the form of the oracle, but for the times.
fn row(play: &Value) -> Value {
    json!({
        "id": play["id"].as_str().unwrap().parse::<i64>().unwrap(), "type": play["type"], "inning": play["period"],
        "half": play["half"], "outs": play["outs"], "home": play["home_score"], "away": play["away_score"],
        "scoring": play["scoring"],
    })
}

/// The ms since that day's midnight of `2024-07-13T01:40:16.490Z`.
fn day_ms(text: &str) -> i64 {
    let digits = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap();
    ((digits(11, 13) * 60 + digits(14, 16)) * 60 + digits(17, 19)) * 1_000 + digits(20, 23)
}

fn check_plays(topics: &Topics, id: &str) {
    let Some(path) = recording(&format!("expected/mlb_{id}.jsonl")) else { return };
    let (plays, mut expected) = (standing(topics, &format!("play.mlb.{id}")), oracle(&path));
    for (play, expected) in plays.iter().zip(&mut expected) {
        for key in ["start", "end"] {
            let text = expected.as_object_mut().unwrap().remove(key).unwrap();
            assert_eq!(play[key].as_i64().unwrap() % 86_400_000, day_ms(text.as_str().unwrap()), "{play}");
        }
    }
    assert_eq!(plays.iter().map(row).collect::<Vec<_>>(), expected, "{id}");
}

#[test]
fn whole_feeds_give_the_oracles_rows() {
    for (id, home, away, rows) in [("747175", 5, 4, 75), ("717055", 6, 1, 74)] {
        let Some(path) = recording(&format!("mlb/{id}_feed_live.json.zst")) else { return };
        let (topics, counts) = played("mlb", &path);
        assert_eq!((counts.frames, counts.rejected), (1, 0));
        check_plays(&topics, id);
        assert_eq!(topics.events(&format!("play.mlb.{id}")).len(), rows, "one event a play");
        let score = state(&topics, &format!("score.mlb.{id}"));
        assert_eq!((&score["home"]["score"], &score["away"]["score"]), (&home.into(), &away.into()));
        assert_eq!((&score["final"], &score["winner"]), (&true.into(), &"home".into()));
        assert_eq!(score["detail"], "FINAL");
    }
}

#[test]
fn a_game_polled_76_times_ends_with_the_oracles_plays() {
    let Some(path) = recording("derived_polls/mlb_747175.jsonl.zst") else { return };
    let (topics, counts) = played("mlb", &path);
    assert_eq!((counts.frames, counts.rejected, counts.gaps), (76, 0, 0));
    check_plays(&topics, "747175");
    assert_eq!(topics.events("play.mlb.747175").len(), 75, "each play once, as it happened");
    let score = state(&topics, "score.mlb.747175");
    assert_eq!((&score["phase"], &score["period"]["label"]), (&"final".into(), &"B9".into()));
}

/// The recorded polls again, each as the patch from the one before: the same states and the same events.
#[test]
fn patches_tell_what_whole_feeds_tell() {
    use feeds::adapter::Adapter;
    use feeds::adapter::{Input, Output};
    use feeds::capture::{Reader, Record};
    use feeds::provider::mlb::Mlb;
    let Some(path) = recording("derived_polls/mlb_747175.jsonl.zst") else { return };
    let (whole, _) = played("mlb", &path);
    let (mut adapter, mut output, mut topics) = (Mlb::for_replay(), Output::default(), Topics::default());
    let mut last: Option<Value> = None;
    for entry in Reader::open(&path).unwrap() {
        let Record::Http { url, data, .. } = entry.unwrap().record else { continue };
        let next: Value = serde_json::from_slice(&data).unwrap();
        let mut body = match &last {
            None => data,
            Some(last) => patch_between(last, &next).to_string().into_bytes(),
        };
        adapter.handle(Input::Fetched { url: &url, status: 200, body: &mut body }, 0, &mut output);
        topics.take(&mut output.updates);
        last = Some(next);
    }
    assert_eq!((output.counts.frames, output.counts.rejected, output.counts.gaps), (76, 0, 0));
    assert_eq!(topics.states, whole.states);
    assert_eq!(topics.events, whole.events);
}

/// An answer to `diffPatch`, as far as two feeds differ: objects by key, lists by their tail.
fn patch_between(old: &Value, new: &Value) -> Value {
    let mut operations = Vec::new();
    compare("", old, new, &mut operations);
    json!([{ "diff": operations }])
}

fn compare(path: &str, old: &Value, new: &Value, operations: &mut Vec<Value>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for key in old.keys().filter(|key| !new.contains_key(*key)) {
                operations.push(json!({"op": "remove", "path": format!("{path}/{key}")}));
            }
            for (key, value) in new {
                let path = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
                match old.get(key) {
                    Some(old) => compare(&path, old, value, operations),
                    None => operations.push(json!({"op": "add", "path": path, "value": value})),
                }
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() <= new.len() => {
            for (n, value) in new.iter().enumerate() {
                match old.get(n) {
                    Some(old) => compare(&format!("{path}/{n}"), old, value, operations),
                    None => operations.push(json!({"op": "add", "path": format!("{path}/-"), "value": value})),
                }
            }
        }
        (old, new) if old != new => operations.push(json!({"op": "replace", "path": path, "value": new})),
        _ => {}
    }
}
