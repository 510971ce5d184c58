//! The NHL adapter on bodies written by hand from the documented format: states, corrections, errors, and when it asks
//! for what.

use feeds::adapter::{Adapter, Fetch, Input, Output};
use feeds::model::{Change, Object, Update, Value, merge};
use feeds::provider::nhl::{Nhl, NhlConfig};
use feeds::score::GameId;
use proptest::prelude::*;
use std::collections::BTreeMap;

const GAME: &str = "https://api-web.nhle.com/v1/gamecenter/2030020007/play-by-play";
const SLATE: &str = "https://api-web.nhle.com/v1/score/now";
/// 2030-11-03 00:30 UTC: the slate's evening.
const NOW_MS: i64 = 1_919_896_200_000;

fn fixture(name: &str) -> String {
    std::fs::read_to_string(format!("{}/fixtures/nhl/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The adapter, and what a reader of its topics would hold.
struct Watched {
    nhl: Nhl,
    states: BTreeMap<String, Object>,
    now_ms: i64,
    rejected: u64,
}

impl Watched {
    fn replay() -> Watched {
        Watched::of(Nhl::for_replay())
    }

    fn live(config: NhlConfig) -> Watched {
        Watched::of(Nhl::new(&config))
    }

    fn of(nhl: Nhl) -> Watched {
        Watched { nhl, states: BTreeMap::new(), now_ms: NOW_MS, rejected: 0 }
    }

    fn handle(&mut self, input: Input<'_>) -> Output {
        let mut output = Output::default();
        self.nhl.handle(input, self.now_ms, &mut output);
        self.rejected = output.counts.rejected;
        for Update { topic, change, .. } in &output.updates {
            let name = topic.as_str().to_owned();
            match change {
                Change::State(state) => drop(self.states.insert(name, state.clone())),
                Change::Patch(patch) => drop(merge(self.states.get_mut(&name).unwrap(), patch)),
                Change::Retire => drop(self.states.remove(&name)),
                _ => {}
            }
        }
        output
    }

    fn answer(&mut self, url: &str, status: u16, body: &str) -> Output {
        self.handle(Input::Fetched { url, status, body: &mut body.as_bytes().to_vec() })
    }

    /// A body of the game, ten seconds after the last.
    fn game(&mut self, name: &str) -> Output {
        self.now_ms += 10_000;
        self.answer(GAME, 200, &fixture(name))
    }

    fn score(&self, id: i64) -> &Object {
        &self.states[&format!("score.nhl.{id}")]
    }

    fn line(&self, id: i64) -> Option<&Object> {
        self.states["slate.nhl"].get(&id.to_string()).and_then(Value::as_object).map(|line| &**line)
    }
}

fn json(object: &Object, key: &str) -> String {
    let mut text = Vec::new();
    object.get(key).unwrap_or(&Value::Null).write(&mut text);
    String::from_utf8(text).unwrap()
}

/// The events as `action id rev home-away`.
fn events(output: &Output) -> Vec<String> {
    let event = |update: &Update| match &update.change {
        Change::Event(it) => {
            let [action, id] = ["action", "id"].map(|key| it.get(key).and_then(Value::as_text).unwrap().to_owned());
            let score = [json(it, "home_score"), json(it, "away_score")].join("-");
            Some(format!("{action} {id} {} {score}", json(it, "rev")))
        }
        _ => None,
    };
    output.updates.iter().filter_map(event).collect()
}

fn fetch(url: &str, delay_ms: u64) -> Fetch {
    Fetch { url: url.into(), delay_ms }
}

#[test]
fn a_live_game() {
    let mut watched = Watched::replay();
    let output = watched.game("live.json");
    assert_eq!(
        watched.score(2030020007).to_string(),
        concat!(
            r#"{"away":{"abbr":"MTN","id":"92","name":"Goats","score":1},"#,
            r#""clock":{"dir":"down","ms":635000,"running":true},"detail":"P2 10:35","final":false,"#,
            r#""game_id":"nhl:2030020007","home":{"abbr":"HBR","id":"91","name":"Pilots","score":2},"league":"nhl","#,
            r#""period":{"label":"P2","n":2,"type":"REG"},"phase":"live","season":20302031,"#,
            r#""situation":{"away_strength":4,"code":"1451","home_strength":5,"ms":70000,"power_play":"home"},"#,
            r#""start":1919890800000,"status_native":"LIVE","venue":"Harbour Arena"}"#,
        )
    );
    let added = ["add 12 0 0-0", "add 40 0 1-0", "add 33 0 1-1", "add 58 0 2-1", "add 61 0 2-1"];
    assert_eq!(events(&output), added, "in the league's order, not by id");
    let Change::Event(goal) = &output.updates[2].change else { panic!() };
    assert_eq!(
        goal.to_string(),
        concat!(
            r#"{"action":"add","away_score":0,"clock":"12:04","home_score":1,"id":"40","order":22,"period":1,"#,
            r#""period_type":"REG","rev":0,"scoring":true,"team":"HBR","text":"Ada Sail (4), assisted by Bo Keel","#,
            r#""type":"goal"}"#,
        )
    );
    let Change::Event(start) = &output.updates[1].change else { panic!() };
    assert_eq!([start.get("team"), start.get("text")], [None, None], "absent, not null");
    let Change::Event(penalty) = &output.updates[5].change else { panic!() };
    assert_eq!(json(penalty, "text"), r#""Cy Crag: tripping, 2 min""#);
    assert!(watched.game("live.json").updates.is_empty(), "the same body says nothing");
}

#[test]
fn corrections_are_events_and_scores_go_down() {
    let mut watched = Watched::replay();
    watched.game("live.json");
    let edited = watched.game("edited.json");
    assert_eq!(events(&edited), ["edit 40 1 1-0"]);
    let taken_back = watched.game("goal_taken_back.json");
    assert_eq!(events(&taken_back)[0], "remove 58 1 2-1");
    // Without the edit of the body before, and with the score that the later play now has.
    assert_eq!(events(&taken_back)[1..], ["edit 40 2 1-0", "edit 61 1 1-1"]);
    assert_eq!(json(watched.score(2030020007), "home"), r#"{"abbr":"HBR","id":"91","name":"Pilots","score":1}"#);
    watched.now_ms += 10_000;
    let back = watched.answer(GAME, 200, &fixture("live.json").replace("10:35", "10:05").replace("635", "605"));
    assert_eq!(events(&back), ["add 58 2 2-1", "edit 61 2 2-1"], "a play that returns goes on in rev");
}

#[test]
fn breaks_critical_minutes_and_the_shoot_out() {
    let mut watched = Watched::replay();
    watched.game("live.json");
    watched.game("intermission.json");
    let score = watched.score(2030020007);
    assert_eq!([json(score, "phase"), json(score, "detail")], [r#""break""#, r#""END P2""#]);
    assert_eq!([json(score, "clock"), json(score, "break_ms")], ["null", "1050000"], "not in the period's clock");
    watched.game("crit.json");
    let score = watched.score(2030020007);
    assert_eq!([json(score, "phase"), json(score, "status_native")], [r#""live""#, r#""CRIT""#]);
    assert_eq!(json(score, "break_ms"), "null");
    let output = watched.game("shootout_final.json");
    assert_eq!(events(&output), ["add 70 0 2-2", "add 71 0 2-2", "add 72 0 2-2", "add 73 0 2-2"]);
    let score = watched.score(2030020007);
    assert_eq!([json(score, "winner"), json(score, "detail")], [r#""away""#, r#""FINAL/SO""#]);
    assert_eq!([json(score, "final"), json(score, "clock")], ["true", "null"]);
    assert_eq!(json(score, "away"), r#"{"abbr":"MTN","id":"92","name":"Goats","score":3}"#);
    let reopened = watched.game("reopened.json");
    assert_eq!(events(&reopened), ["remove 73 1 2-2", "add 74 0 2-2"]);
    let score = watched.score(2030020007);
    assert_eq!([json(score, "final"), json(score, "winner"), json(score, "detail")], ["false", "null", r#""SO""#]);
}

#[test]
fn every_state_of_a_slate() {
    let mut watched = Watched::replay();
    watched.answer(SLATE, 200, &fixture("slate.json"));
    assert_eq!(watched.rejected, 0);
    for (n, phase, detail, native, home_score) in [
        (1, "scheduled", "SCHEDULED", "FUT", "null"),
        (2, "pregame", "PREGAME", "PRE", "null"),
        (3, "live", "P1 10:05", "LIVE", "1"),
        (4, "break", "END P2", "LIVE", "1"),
        (5, "live", "OT 0:42", "CRIT", "2"),
        (6, "final", "FINAL", "OFF", "5"),
        (8, "final", "FINAL/2OT", "FINAL", "3"),
        (9, "postponed", "POSTPONED", "FUT/PPD", "null"),
        (10, "suspended", "SUSPENDED", "LIVE/SUSP", "1"),
        (11, "cancelled", "CANCELLED", "FUT/CNCL", "null"),
        (12, "unknown", "WARP", "WARP", "1"),
        (13, "final", "FINAL", "OVER", "2"),
        (14, "scheduled", "SCHEDULED", "FUT/TBD", "null"),
    ] {
        let score = watched.score(2030020000 + n);
        let found = ["phase", "detail", "status_native"].map(|key| json(score, key));
        assert_eq!(found, [phase, detail, native].map(|text| format!("\"{text}\"")), "game {n}");
        let line = watched.line(2030020000 + n).unwrap();
        assert_eq!([json(line, "home_score"), json(line, "phase")], [home_score.into(), format!("\"{phase}\"")]);
    }
    assert_eq!(json(watched.score(2030020006), "final"), "true");
    assert_eq!(json(watched.score(2030020013), "final"), "false", "over is not yet final");
    assert_eq!(json(watched.score(2030020014), "start"), "null");
    assert_eq!(
        watched.line(2030020003).unwrap().to_string(),
        concat!(
            r#"{"away":"A03","away_score":0,"clock_ms":605000,"home":"H03","home_score":1,"label":"P1","#,
            r#""phase":"live","start":1919890980000}"#,
        )
    );
}

#[test]
fn one_bad_game_does_not_hide_the_others() {
    let mut watched = Watched::replay();
    watched.answer(SLATE, 200, &fixture("slate.json"));
    let broken = fixture("slate.json").replacen("\"gameState\": \"FUT\"", "\"gameState\": 7", 1);
    let output = watched.answer(SLATE, 200, &broken);
    assert_eq!(watched.rejected, 1);
    assert!(output.updates.is_empty(), "what could not be read is not taken for gone");
    let broken_play = fixture("live.json").replacen("\"sortOrder\": 47", "\"sortOrder\": \"47\"", 1);
    let mut watched = Watched::replay();
    watched.game("live.json");
    let output = watched.answer(GAME, 200, &broken_play);
    assert_eq!(watched.rejected, 1);
    assert!(!events(&output).iter().any(|event| event.starts_with("remove")), "{:?}", events(&output));
}

#[test]
fn errors_are_counted_or_skipped_and_polling_goes_on() {
    let mut watched = Watched::live(NhlConfig::default());
    assert_eq!(watched.handle(Input::Start).fetches, [fetch(SLATE, 0)]);
    assert_eq!(watched.answer(SLATE, 503, "busy").fetches, [fetch(SLATE, 300_000)]);
    assert_eq!(watched.rejected, 0, "a status is no parse problem");
    let html = fixture("forbidden.html");
    assert_eq!(watched.answer(SLATE, 403, &html).fetches.len(), 1);
    assert_eq!(watched.answer(SLATE, 200, &html).fetches.len(), 1);
    assert_eq!(watched.rejected, 1);
    let slate = fixture("slate.json");
    assert_eq!(watched.answer(SLATE, 200, &slate[..slate.len() / 2]).fetches.len(), 1);
    assert_eq!(watched.rejected, 2, "a truncated body");
    assert_eq!(watched.handle(Input::FetchFailed { url: SLATE }).fetches.len(), 1);
    assert!(watched.states.is_empty());
    assert_eq!(watched.answer(SLATE, 200, &slate).fetches[0], fetch(SLATE, 10_000), "games are live");
}

#[test]
fn a_game_is_polled_while_it_is_on_and_once_more_after_the_end() {
    let mut watched = Watched::live(NhlConfig { games: vec![GameId::Number(2030020007)], ..NhlConfig::default() });
    assert_eq!(watched.handle(Input::Start).fetches, [fetch(SLATE, 0), fetch(GAME, 0)]);
    assert_eq!(watched.game("live.json").fetches, [fetch(GAME, 10_000)]);
    assert_eq!(watched.nhl.subscriptions()[1].silence_ms, Some(40_000));
    let failing: Vec<u64> = (0..7).map(|_| watched.answer(GAME, 502, "").fetches[0].delay_ms).collect();
    assert_eq!(failing, [20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000]);
    assert_eq!(watched.game("shootout_final.json").fetches, [fetch(GAME, 600_000)], "for late corrections");
    assert_eq!(watched.nhl.subscriptions()[1].silence_ms, None, "a game that is over may be silent");
    watched.now_ms += 600_000;
    assert_eq!(watched.game("shootout_final.json").fetches, []);
}

#[test]
fn games_of_the_slate_are_asked_for_one_after_the_other() {
    let mut watched = Watched::live(NhlConfig::default());
    watched.handle(Input::Start);
    let output = watched.answer(SLATE, 200, &fixture("slate.json"));
    let games: Vec<(i64, u64)> = output.fetches[1..]
        .iter()
        .map(|fetch| (fetch.url.split('/').nth(5).unwrap().parse::<i64>().unwrap() - 2030020000, fetch.delay_ms))
        .collect();
    let expected = [3, 4, 5, 6, 8, 12, 13].into_iter().zip((0..).map(|n| n * 250)).collect::<Vec<_>>();
    assert_eq!(games, expected, "all that may have plays");
    let asked = watched.answer(SLATE, 200, &fixture("slate.json")).fetches;
    assert_eq!(asked, [fetch(SLATE, 10_000)], "those that are under way are not asked for again");
}

#[test]
fn an_older_body_is_dropped_until_it_comes_again() {
    let mut watched = Watched::replay();
    watched.game("crit.json");
    watched.game("shootout_final.json");
    assert!(watched.game("crit.json").updates.is_empty(), "from another edge node");
    assert!(watched.game("shootout_final.json").updates.is_empty());
    assert!(watched.game("crit.json").updates.is_empty());
    let again = watched.game("crit.json");
    assert_eq!(events(&again).len(), 4, "it stays: believed, and its missing plays are removed");
    assert_eq!(json(watched.score(2030020007), "final"), "false");
    // The clock alone may be put back at any time.
    watched.now_ms += 10_000;
    let put_back = watched.answer(GAME, 200, &fixture("crit.json").replace("69", "75"));
    assert_eq!(put_back.updates.len(), 1);
}

#[test]
fn play_by_play_speaks_for_a_game_while_it_answers() {
    let mut watched = Watched::replay();
    let on_slate = |home: i64| {
        fixture("slate.json").replace("2030020003", "2030020007").replace(
            "\"H03\", \"name\": {\"default\": \"Home 3\"}, \"score\": 1",
            &format!("\"H03\", \"name\": {{\"default\": \"Home 3\"}}, \"score\": {home}"),
        )
    };
    watched.game("live.json");
    watched.answer(SLATE, 200, &on_slate(9));
    assert_eq!(json(watched.line(2030020007).unwrap(), "home_score"), "2", "the slate's line follows");
    watched.now_ms += 60_000;
    watched.answer(SLATE, 200, &on_slate(9));
    assert_eq!(json(watched.line(2030020007).unwrap(), "home_score"), "2", "further back: once is not believed");
    watched.answer(SLATE, 200, &on_slate(9));
    assert_eq!(json(watched.line(2030020007).unwrap(), "home_score"), "9", "play-by-play has been silent");
}

#[test]
fn games_roll_off_the_slate_and_end() {
    let mut watched = Watched::replay();
    watched.answer(SLATE, 200, &fixture("slate.json"));
    let empty = r#"{"games": []}"#;
    let output = watched.answer(SLATE, 200, empty);
    let Change::Patch(patch) = &output.updates[0].change else { panic!() };
    assert_eq!((patch.len(), json(patch, "2030020001")), (13, "null".into()));
    assert!(watched.states.contains_key("score.nhl.2030020006"), "its topics live on for a while");
    watched.now_ms += 6 * 3_600_000;
    watched.answer(SLATE, 200, empty);
    let left: Vec<&String> = watched.states.keys().filter(|name| name.starts_with("score")).collect();
    assert_eq!(left, ["score.nhl.2030020003", "score.nhl.2030020004", "score.nhl.2030020005"], "still on");
}

#[test]
fn configuration() {
    let config: NhlConfig = toml("live_interval_ms = 1000\ngames = [2030020007]").unwrap();
    assert_eq!(
        config,
        NhlConfig { live_interval_ms: 1_000, games: vec![GameId::Number(2030020007)], ..NhlConfig::default() }
    );
    assert!(toml("live_interval = 1000").is_err(), "unknown keys are refused");
    assert!(NhlConfig::default().validate().is_empty());
    let bad = NhlConfig {
        base_url: "nhle.com/".into(),
        idle_interval_ms: 0,
        games: vec![GameId::Number(-1)],
        ..NhlConfig::default()
    };
    let keys: Vec<String> = bad.validate().into_iter().map(|problem| problem.key).collect();
    assert_eq!(keys, ["base_url", "games", "idle_interval_ms"]);
}

fn toml(text: &str) -> Result<NhlConfig, toml::de::Error> {
    toml::from_str(text)
}

proptest! {
    #[test]
    fn any_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..200), slate: bool) {
        let mut watched = Watched::replay();
        let url = if slate { SLATE } else { GAME };
        watched.handle(Input::Fetched { url, status: 200, body: &mut body.clone() });
        prop_assert_eq!(watched.rejected, 1);
    }

    #[test]
    fn damaged_bodies_never_panic(at in 0usize..4000, byte: u8, cut in 0usize..4000, number in any::<i64>(), slate: bool) {
        let (url, name) = if slate { (SLATE, "slate.json") } else { (GAME, "live.json") };
        let mut watched = Watched::replay();
        let wild = fixture(name).replace("635", &number.to_string()).replace("605", &number.to_string());
        watched.answer(url, 200, &wild);
        let mut body = fixture(name).into_bytes();
        let at = at % body.len();
        body[at] = byte;
        body.truncate(body.len().max(cut) - cut / 2);
        watched.handle(Input::Fetched { url, status: 200, body: &mut body });
    }

    #[test]
    fn any_address_never_panics(url in ".{0,60}") {
        Watched::replay().answer(&url, 200, "{}");
    }
}
