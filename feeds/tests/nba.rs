//! The NBA adapter on bodies written by hand from the documented format: statuses, edited and vanished actions, ids out
//! of order, HTML pages, and what is asked for next.

mod support;

use feeds::adapter::Input;
use feeds::model::Value;
use feeds::provider::nba::{Nba, NbaConfig};
use feeds::score::GameId;
use proptest::prelude::*;
use support::Bench;

const BOARD: &str = "https://cdn.nba.com/static/json/liveData/scoreboard/todaysScoreboard_00.json";
const PLAYS: &str = "https://cdn.nba.com/static/json/liveData/playbyplay/playbyplay_0023000007.json";

fn fixture(name: &str) -> String {
    std::fs::read_to_string(format!("{}/fixtures/nba/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The body, written so many seconds later.
fn later(name: &str, seconds: u32) -> String {
    fixture(name).replace("08:31:10.5", &format!("08:31:{:02}.5", 10 + seconds))
}

fn live() -> Bench {
    Bench { now_ms: 1_919_982_600_000, ..Bench::new(Box::new(Nba::new(&NbaConfig::default()))) }
}

fn score(bench: &Bench) -> String {
    bench.topics.state("score.nba.0023000007")
}

/// The events since the last call, as `action id rev text`.
fn events(bench: &mut Bench) -> Vec<String> {
    let events = bench.topics.events.remove("play.nba.0023000007").unwrap_or_default();
    let text = |value: Option<&Value>| value.and_then(Value::as_text).unwrap_or_default().to_owned();
    let line = |event: &feeds::model::Object| {
        let [action, id, what] = ["action", "id", "text"].map(|key| text(event.get(key)));
        let mut rev = Vec::new();
        event.get("rev").unwrap().write(&mut rev);
        format!("{action} {id} {} {what}", String::from_utf8(rev).unwrap())
    };
    events.iter().map(line).collect()
}

#[test]
fn a_live_game() {
    let mut bench = live();
    bench.fetched(BOARD, 200, &fixture("scoreboard.json"));
    assert_eq!(
        score(&bench),
        concat!(
            r#"{"away":{"abbr":"HBR","by_period":[25,30,20],"id":"91","name":"Pilots","score":75},"#,
            r#""clock":{"dir":"down","ms":277000},"detail":"Q3 4:37","final":false,"game_id":"nba:0023000007","#,
            r#""home":{"abbr":"MTN","by_period":[30,27,20],"id":"92","name":"Goats","score":77},"league":"nba","#,
            r#""period":{"label":"Q3","n":3,"type":"REG"},"phase":"live","start":1919980800000,"#,
            r#""status_native":"Q3 4:37"}"#,
        )
    );
    let scheduled = bench.topics.state("score.nba.0023000008");
    assert!(scheduled.contains(r#""status_native":"7:30 pm ET""#) && !scheduled.contains(r#""score""#), "{scheduled}");
    bench.fetched(PLAYS, 200, &fixture("playbyplay.json"));
    let shot = &bench.topics.events("play.nba.0023000007")[2];
    assert_eq!(
        shot,
        concat!(
            r#"{"action":"add","away_score":0,"clock":"11:41.5","edited":1919981205000,"home_score":3,"id":"9","#,
            r#""order":40000,"period":1,"period_type":"REG","rev":0,"scoring":true,"subtype":"Jump Shot","team":"MTN","#,
            r#""text":"A. Sail 3PT Jump Shot (3 PTS)","type":"3pt"}"#,
        )
    );
    let mut other = live();
    other.fetched(BOARD, 200, &fixture("scoreboard.json"));
    let mut body = fixture("playbyplay.json").into_bytes();
    other.adapter.handle(Input::Fetched { url: PLAYS, status: 200, body: &mut body }, other.now_ms, &mut other.output);
    let times: Vec<Option<i64>> = other.output.updates.iter().map(|update| update.te).collect();
    assert!(times.iter().all(Option::is_some) && !times.is_sorted(), "they run backwards: {times:?}");
    let ids: Vec<String> = events(&mut bench).iter().map(|event| event.split(' ').nth(1).unwrap().into()).collect();
    assert_eq!(ids, ["2", "7", "9", "10"], "by orderNumber; ids and times are out of order");
}

#[test]
fn every_status() {
    for (status, text, clock, phase, detail) in [
        (1, "7:30 pm ET", "", "scheduled", "SCHEDULED"),
        (1, "TBD", "", "scheduled", "SCHEDULED"),
        (1, "Pregame", "", "pregame", "PREGAME"),
        (1, "PPD", "", "postponed", "POSTPONED"),
        (1, "Delayed", "", "delayed", "DELAYED"),
        (2, "Q3 0:23.4", "PT00M23.40S", "live", "Q3 0:23.4"),
        (2, "Half   ", "PT00M00.00S", "break", "HT"),
        (2, "End Q3", "PT00M00.00S", "break", "END Q3"),
        (2, "Susp", "PT04M37.00S", "suspended", "SUSPENDED"),
        (3, "Final", "PT00M00.00S", "final", "FINAL"),
        (3, "Final/2OT", "PT00M00.00S", "final", "FINAL/2OT"),
        (7, "Warp", "", "unknown", "Warp"),
    ] {
        let board = fixture("scoreboard.json")
            .replace(
                r#""gameStatus": 2, "gameStatusText": "Q3 4:37""#,
                &format!(r#""gameStatus": {status}, "gameStatusText": "{text}""#),
            )
            .replace("PT04M37.00S", clock);
        let mut bench = live();
        bench.fetched(BOARD, 200, &board);
        let score = score(&bench);
        assert!(score.contains(&format!(r#""phase":"{phase}""#)), "{text}: {score}");
        assert!(score.contains(&format!(r#""detail":"{detail}""#)), "{text}: {score}");
        assert_eq!(score.contains(r#""winner":"home""#), status == 3, "{text}: {score}");
        assert_eq!(score.contains(r#""start_tbd":true"#), text == "TBD");
    }
    for (period, label) in [(5, "OT"), (6, "2OT")] {
        let mut bench = live();
        bench.fetched(
            BOARD,
            200,
            &fixture("scoreboard.json")
                .replace(r#""period": 3, "gameClock""#, &format!(r#""period": {period}, "gameClock""#)),
        );
        assert!(score(&bench).contains(&format!(r#""label":"{label}","n":{period},"type":"OT""#)));
    }
}

/// Pitfall 12: most actions are edited afterwards, some vanish, and a score goes down with them.
#[test]
fn actions_are_edited_and_vanish() {
    let mut bench = live();
    bench.fetched(BOARD, 200, &fixture("scoreboard.json"));
    bench.fetched(PLAYS, 200, &fixture("playbyplay.json"));
    events(&mut bench);
    let edited = later("playbyplay.json", 10)
        .replace("00:06:58Z", "00:07:20Z")
        .replace(r#""scoreAway": "2""#, r#""scoreAway": "3""#)
        .replace("B. Keel Layup (2 PTS)", "B. Keel 3PT (3 PTS)");
    bench.fetched(PLAYS, 200, &edited);
    assert_eq!(events(&mut bench), ["edit 10 1 B. Keel 3PT (3 PTS)"]);
    let mut body: serde_json::Value = serde_json::from_str(&later("playbyplay.json", 20)).unwrap();
    body["game"]["actions"].as_array_mut().unwrap().retain(|action| action["actionNumber"] != 7);
    bench.fetched(PLAYS, 200, &body.to_string());
    assert_eq!(events(&mut bench), ["remove 7 1 B. Keel bad pass TURNOVER (1 TO)", "edit 10 2 B. Keel Layup (2 PTS)"]);
    bench.fetched(PLAYS, 200, &later("playbyplay.json", 30));
    assert_eq!(events(&mut bench), ["add 7 2 B. Keel bad pass TURNOVER (1 TO)"], "it returns and goes on in rev");
    let down = later("scoreboard.json", 10).replace(r#""score": 77"#, r#""score": 75"#);
    bench.fetched(BOARD, 200, &down);
    assert!(score(&bench).contains(r#""name":"Goats","score":75"#), "down");
    let over = later("scoreboard.json", 20)
        .replace(r#""gameStatus": 2, "gameStatusText": "Q3 4:37""#, r#""gameStatus": 3, "gameStatusText": "Final""#);
    bench.fetched(BOARD, 200, &over);
    assert!(score(&bench).contains(r#""final":true"#));
    let reopened = later("scoreboard.json", 30);
    bench.fetched(BOARD, 200, &reopened);
    bench.fetched(BOARD, 200, &reopened);
    assert!(score(&bench).contains(r#""final":false"#), "a final reopens");
}

/// Pitfall 13: older files from another edge node, told by when they were written.
#[test]
fn older_files_are_dropped() {
    let mut bench = live();
    bench.fetched(BOARD, 200, &later("scoreboard.json", 20));
    bench.fetched(PLAYS, 200, &later("playbyplay.json", 20));
    events(&mut bench);
    let before = (score(&bench), bench.topics.state("slate.nba"));
    for _ in 0..5 {
        bench.fetched(BOARD, 200, &fixture("scoreboard.json").replace(r#""score": 77"#, r#""score": 70"#));
        bench.fetched(PLAYS, 200, &fixture("playbyplay.json").replace("Layup", "Dunk"));
    }
    assert_eq!((score(&bench), bench.topics.state("slate.nba")), before);
    assert_eq!(events(&mut bench), [""; 0]);
    assert_eq!(bench.output.counts.rejected, 0);
}

/// Pitfalls 8 and 13: HTML with 200 and 403, truncated bodies, 304, and the pace.
#[test]
fn errors_and_pace() {
    let mut bench = live();
    assert_eq!(
        bench.adapter.access().headers().next(),
        Some(("referer", "https://www.nba.com/".to_owned())),
        "else 403"
    );
    bench.handle(Input::Start);
    let delays = |bench: &mut Bench| bench.output.fetches.drain(..).map(|fetch| fetch.delay_ms).collect::<Vec<_>>();
    delays(&mut bench);
    bench.fetched(BOARD, 403, &fixture("forbidden.html"));
    assert_eq!(delays(&mut bench), [300_000]);
    bench.fetched(BOARD, 200, &fixture("forbidden.html"));
    assert_eq!((delays(&mut bench), bench.output.counts.rejected), (vec![300_000], 1));
    assert!(bench.topics.states.is_empty());
    bench.fetched(BOARD, 200, &fixture("scoreboard.json"));
    assert_eq!(delays(&mut bench), [10_000, 0], "the scoreboard again, and the plays of the game that is on");
    bench.fetched(PLAYS, 200, &fixture("playbyplay.json"));
    assert_eq!(delays(&mut bench), [10_000]);
    bench.fetched(PLAYS, 304, "");
    assert_eq!(delays(&mut bench), [10_000]);
    for (status, body, delay_ms) in [
        (403, fixture("forbidden.html"), 20_000),
        (200, fixture("forbidden.html"), 40_000),
        (200, fixture("playbyplay.json")[..600].to_owned(), 80_000),
        (200, fixture("playbyplay.json").replace("0023000007", "0023000099"), 160_000),
    ] {
        bench.fetched(PLAYS, status, &body);
        assert_eq!(delays(&mut bench), [delay_ms]);
    }
    assert_eq!(bench.output.counts.rejected, 4);
    let names: Vec<Vec<&str>> = bench
        .adapter
        .subscriptions()
        .iter()
        .map(|subscription| subscription.topics.iter().map(|topic| topic.as_str()).collect())
        .collect();
    let slate = vec!["slate.nba", "score.nba.0023000007", "score.nba.0023000008"];
    assert_eq!(
        names,
        [slate, vec!["play.nba.0023000007"], vec!["play.nba.0023000008"]],
        "each goes stale with its source"
    );
}

#[test]
fn one_bad_entry_hides_no_other() {
    let mut bench = live();
    bench.fetched(BOARD, 200, &fixture("scoreboard.json").replacen(r#""gameStatus": 2"#, r#""gameStatus": "2""#, 1));
    assert_eq!((bench.output.counts.rejected, bench.topics.states["slate.nba"].len()), (1, 1));
    bench.fetched(BOARD, 200, &fixture("scoreboard.json"));
    bench.fetched(PLAYS, 200, &fixture("playbyplay.json"));
    events(&mut bench);
    bench.fetched(PLAYS, 200, &later("playbyplay.json", 9).replace(r#""scoreAway": "2""#, r#""scoreAway": "two""#));
    assert_eq!(events(&mut bench), [""; 0], "what could not be read is not taken for gone");
    assert_eq!(bench.output.counts.rejected, 2);
}

#[test]
fn configuration() {
    let config: NbaConfig = toml::from_str("games = [\"0023000007\"]\nlive_interval_ms = 3000").unwrap();
    assert_eq!(
        config,
        NbaConfig { games: vec![GameId::Text("0023000007".into())], live_interval_ms: 3_000, ..NbaConfig::default() }
    );
    let mut bench = Bench::new(Box::new(Nba::new(&config)));
    bench.handle(Input::Start);
    assert_eq!(bench.fetches(), [BOARD, PLAYS]);
}

proptest! {
    #[test]
    fn damaged_bodies_never_panic(at in 0usize..4000, byte: u8, cut in 0usize..4000, board: bool) {
        let (url, name) = if board { (BOARD, "scoreboard.json") } else { (PLAYS, "playbyplay.json") };
        let mut body = fixture(name).into_bytes();
        let at = at % body.len();
        body[at] = byte;
        body.truncate(body.len().max(cut) - cut / 2);
        Bench::new(Box::new(Nba::for_replay())).handle(Input::Fetched { url, status: 200, body: &mut body });
    }
}
