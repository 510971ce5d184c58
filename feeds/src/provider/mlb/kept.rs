//! Which parts of a feed are kept: a game's feed is a megabyte, and a score board needs a fortieth of it.

use serde_json::Value;

/// Paths of what is kept whole; `*` is any one key or index.
const KEPT: [&[&str]; 15] = [
    &["gamePk"],
    &["metaData", "timeStamp"],
    &["metaData", "wait"],
    &["gameData", "game"],
    &["gameData", "datetime"],
    &["gameData", "status"],
    &["gameData", "teams", "*", "id"],
    &["gameData", "teams", "*", "abbreviation"],
    &["gameData", "teams", "*", "name"],
    &["gameData", "venue", "name"],
    &["liveData", "linescore"],
    &["liveData", "plays", "allPlays", "*", "about"],
    &["liveData", "plays", "allPlays", "*", "result"],
    &["liveData", "plays", "allPlays", "*", "count"],
    &["liveData", "plays", "allPlays", "*", "atBatIndex"],
];

/// How much of the value at a path is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    All,
    /// Something inside it.
    Part,
    Nothing,
}

pub(super) fn share(path: &[String]) -> Share {
    let fits = |kept: &&&[&str]| kept.iter().zip(path).all(|(kept, key)| *kept == "*" || kept == key);
    let mut share = Share::Nothing;
    for kept in KEPT.iter().filter(fits) {
        if kept.len() <= path.len() {
            return Share::All;
        }
        share = Share::Part;
    }
    share
}

/// What is kept of a value at a path; `None` if nothing is.
pub(super) fn pruned(value: Value, path: &mut Vec<String>) -> Option<Value> {
    match (share(path), value) {
        (Share::Nothing, _) => None,
        (Share::All, value) => Some(value),
        (Share::Part, Value::Object(fields)) => {
            let kept = fields.into_iter().filter_map(|(key, value)| Some((key.clone(), below(value, key, path)?)));
            Some(Value::Object(kept.collect()))
        }
        (Share::Part, Value::Array(items)) => {
            let items = items.into_iter().enumerate();
            // An item of which nothing is kept holds its place, so that indices mean what they meant.
            let kept = items.map(|(n, value)| below(value, n.to_string(), path).unwrap_or(Value::Null));
            Some(Value::Array(kept.collect()))
        }
        (Share::Part, scalar) => Some(scalar),
    }
}

fn below(value: Value, key: String, path: &mut Vec<String>) -> Option<Value> {
    path.push(key);
    let kept = pruned(value, path);
    path.pop();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> Share {
        share(&path.split('/').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn shares() {
        assert_eq!(at("liveData/linescore/teams/home/runs"), Share::All);
        assert_eq!(at("liveData/plays/allPlays/7"), Share::Part);
        assert_eq!(at("liveData/plays/allPlays/7/playEvents/3/details"), Share::Nothing);
        assert_eq!(at("gameData/players"), Share::Nothing);
        assert_eq!(share(&[]), Share::Part);
    }

    #[test]
    fn what_is_kept_keeps_its_place() {
        let feed = serde_json::json!({"gamePk": 7, "copyright": "c", "liveData": {"boxscore": {}, "plays": {
            "currentPlay": {}, "allPlays": [{"about": {"inning": 1}, "playEvents": [{}]}, 5]}}});
        let kept = pruned(feed, &mut Vec::new()).unwrap();
        let expected =
            serde_json::json!({"gamePk": 7, "liveData": {"plays": {"allPlays": [{"about": {"inning": 1}}, 5]}}});
        assert_eq!(kept, expected);
    }
}
