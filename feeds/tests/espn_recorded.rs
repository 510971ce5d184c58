//! Recorded ESPN bodies through the capture reader and the registry, against what the bodies themselves say.
//!
//! The recordings are not part of the project: without them these tests say so and pass.

mod support;

use feeds::capture::{Reader, Record};
use feeds::model::Object;
use serde_json::Value;
use std::path::Path;
use support::games::{oracle, played, standing};
use support::{Topics, recording};

/// The bodies of a file.
fn bodies(path: &Path) -> Vec<Value> {
    let of = |record| match record {
        Record::Http { data, .. } => serde_json::from_slice(&data).ok(),
        _ => None,
    };
    Reader::open(path).unwrap().filter_map(|entry| of(entry.unwrap().record)).collect()
}

fn json(state: &Object) -> Value {
    serde_json::from_str(&state.to_string()).unwrap()
}

/// Every game of two sides of a body stands in its topic with the scores that the body says.
fn check_games(topics: &Topics, league: &str, events: &[&Value]) -> usize {
    let mut games = 0;
    for event in events {
        let sides = &event["competitions"][0]["competitors"];
        let is_game = event["competitions"].as_array().is_some_and(|all| all.len() == 1)
            && sides
                .as_array()
                .is_some_and(|sides| sides.len() == 2 && sides.iter().all(|side| side["homeAway"].is_string()));
        if !is_game {
            continue;
        }
        games += 1;
        let id = event["id"].as_str().unwrap();
        let score = json(&topics.states[&format!("score.{league}.{id}")]);
        let played = score["phase"] != "scheduled" && score["phase"] != "postponed";
        for side in sides.as_array().unwrap() {
            let ours = &score[side["homeAway"].as_str().unwrap()];
            let text = side["score"].as_str().unwrap();
            let shown =
                ours["score"].as_i64().map_or(ours["score_text"].as_str().map(str::to_owned), |n| Some(n.to_string()));
            assert_eq!(shown.as_deref(), played.then_some(text), "{id}");
            assert_eq!(ours["id"], side["team"]["id"], "{id}");
            if score["final"] == true && (side["winner"] == true || side["winner"] == "true") {
                assert_eq!(score["winner"], side["homeAway"], "{id}");
            }
        }
    }
    games
}

#[test]
fn scoreboards() {
    for (name, league, games, ignored) in [
        ("espn_scoreboard/nfl.json.zst", "nfl", 16, 0),
        ("espn_scoreboard/mls.json.zst", "usa_1", 11, 0),
        ("espn_scoreboard/body-mls-max.json.zst", "usa_1", 15, 0),
        // Seventeen sports in one body, tennis, golf, races and fights among them.
        ("espn_scoreboard/all.json.zst", "mlb", 26, 6),
        ("espn_league/basketball__nba.json.zst", "nba", 6, 0),
        ("espn_league/cricket__8048.json.zst", "8048", 7, 0),
        ("espn_league/football__nfl.json.zst", "nfl", 5, 0),
        ("espn_league/hockey__nhl.json.zst", "nhl", 6, 0),
        ("espn_league/racing__f1.json.zst", "f1", 0, 4),
        ("espn_league/soccer__eng.1.json.zst", "eng_1", 10, 0),
    ] {
        let Some(path) = recording(name) else { return };
        let (topics, counts) = played("espn", &path);
        assert_eq!((counts.frames, counts.rejected, counts.ignored), (1, 0, ignored), "{name}");
        let body = &bodies(&path)[0];
        let events: Vec<&Value> = body["events"].as_array().unwrap().iter().collect();
        assert_eq!(check_games(&topics, league, &events), games, "{name}");
        assert_eq!(topics.states[&format!("slate.{league}")].len(), games, "{name}");
        assert_eq!(topics.states.len(), games + 1, "{name}");
    }
}

#[test]
fn named_states() {
    for (name, topic, phase, detail) in [
        ("mlb/final", "mlb.401871790", "final", "FINAL"),
        ("mlb/live_inning", "mlb.401816055", "live", "T8"),
        ("mlb/pregame", "mlb.401816067", "scheduled", "SCHEDULED"),
        ("nba/final", "nba.401811026", "final", "FINAL"),
        ("nba/halftime", "nba.401811036", "break", "HT"),
        ("nba/in_progress", "nba.401811037", "live", "Q3 4:37"),
        ("nba/pregame", "nba.401811040", "scheduled", "SCHEDULED"),
        ("soccer/fifa.world/final_after_penalties", "fifa_world.760508", "final", "FT-PENS"),
        ("soccer/fifa.world/first_half", "fifa_world.760507", "live", "45+6"),
        ("soccer/fifa.world/full_time", "fifa_world.760506", "final", "FT"),
        ("soccer/fifa.world/halftime", "fifa_world.760507", "break", "HT"),
        ("soccer/fifa.world/live_red_card", "fifa_world.760513", "live", "72"),
        ("soccer/fifa.world/pregame", "fifa_world.760507", "scheduled", "SCHEDULED"),
        ("soccer/fifa.world/second_half_stoppage", "fifa_world.760507", "live", "90+4"),
    ] {
        let Some(path) = recording(&format!("espn_states/{name}.json.zst")) else { return };
        let (topics, counts) = played("espn", &path);
        assert_eq!((counts.frames, counts.rejected), (1, 0), "{name}");
        let score = json(&topics.states[&format!("score.{topic}")]);
        assert_eq!((&score["phase"], &score["detail"]), (&phase.into(), &detail.into()), "{name}");
        let (league, _) = topic.split_once('.').unwrap();
        assert_eq!(check_games(&topics, league, &[&bodies(&path)[0]]), 1, "{name}");
    }
}

#[test]
fn details_of_named_states() {
    let Some(path) = recording("espn_states/mlb/live_inning.json.zst") else { return };
    let score = played("espn", &path).0.state("score.mlb.401816055");
    assert!(score.contains(r#""situation":{"balls":1,"first":true,"outs":2,"strikes":2}"#), "{score}");
    assert!(score.contains(r#""period":{"half":"top","label":"T8","n":8,"type":"INN"}"#), "{score}");
    let Some(path) = recording("espn_states/soccer/fifa.world/final_after_penalties.json.zst") else { return };
    let score = json(&played("espn", &path).0.states["score.fifa_world.760508"]);
    assert_eq!((&score["home"]["pens"], &score["away"]["pens"]), (&4.into(), &3.into()));
    assert_eq!((&score["home"]["score"], &score["winner"]), (&0.into(), &"home".into()), "level, and yet won");
}

/// Real polls, hours and seconds apart.
#[test]
fn real_polls() {
    let Some(path) = recording("espn_scoreboard/nfl_polls_precog.jsonl.zst") else { return };
    let (topics, counts) = played("espn", &path);
    assert_eq!((counts.frames, counts.rejected, counts.ignored), (3, 0, 0));
    let last = &bodies(&path)[2];
    let events: Vec<&Value> = last["events"].as_array().unwrap().iter().collect();
    assert_eq!(check_games(&topics, "nfl", &events), events.len());
    assert_eq!(topics.states["slate.nfl"].len(), events.len(), "last week's games left the slate");
}

/// Play by play of two NFL games, against rows that were computed independently.
#[test]
fn plays_of_the_nfl_give_the_oracles_rows() {
    for (id, rows) in [("401671664", 202), ("401671491", 191)] {
        let Some(path) = recording(&format!("nfl_espn/{id}_core_playbyplay.json.zst")) else { return };
        let (topics, counts) = played("espn", &path);
        assert_eq!((counts.frames, counts.rejected), (1, 0), "{id}");
        assert_eq!(topics.events(&format!("play.nfl.{id}")).len(), rows, "one event a play");
        let plays = standing(&topics, &format!("play.nfl.{id}"));
        let Some(path) = recording(&format!("expected/nfl_espn_{id}.jsonl")) else { return };
        let expected = oracle(&path);
        assert_eq!((plays.len(), expected.len()), (rows, rows));
        for (play, expected) in plays.iter().zip(&expected) {
            for (ours, theirs) in [
                ("id", "id"),
                ("order", "seq"),
                ("type", "type"),
                ("period", "period"),
                ("clock", "clock"),
                ("home_score", "home"),
                ("away_score", "away"),
                ("scoring", "scoring"),
            ] {
                assert_eq!(play[ours], expected[theirs], "{play}");
            }
        }
    }
}
