//! The MLB adapter on bodies written by hand from the documented format: patches, corrections, doubleheaders, statuses,
//! errors, and what is asked for next.

mod support;

use feeds::adapter::Input;
use feeds::model::Object;
use feeds::provider::mlb::{Mlb, MlbConfig};
use proptest::prelude::*;
use support::Bench;

const SCHEDULE: &str = "https://statsapi.mlb.com/api/v1/schedule?sportId=1&date=2030-07-04&hydrate=linescore,team";
const FEED: &str = "https://statsapi.mlb.com/api/v1.1/game/900001/feed/live";
/// 2030-07-04 23:15 UTC.
const NOW_MS: i64 = 1_909_437_300_000;

fn fixture(name: &str) -> String {
    std::fs::read_to_string(format!("{}/fixtures/mlb/{name}.json", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn live() -> Bench {
    Bench { now_ms: NOW_MS, ..Bench::new(Box::new(Mlb::new(&MlbConfig::default()))) }
}

/// A bench that has read the schedule and the game's feed; the address that it asks for next is returned too.
fn at_bat() -> (Bench, String) {
    let mut bench = live();
    bench.handle(Input::Start);
    assert_eq!(bench.fetches(), [SCHEDULE]);
    bench.fetched(SCHEDULE, 200, &fixture("schedule"));
    assert_eq!(bench.fetches(), [SCHEDULE, FEED, &FEED.replace("900001", "900002")], "those that may have plays");
    bench.fetched(FEED, 200, &fixture("feed"));
    let next = bench.fetches().remove(0);
    (bench, next)
}

fn patch(operations: &str) -> String {
    let stamp = r#"{"op":"replace","path":"/metaData/timeStamp","value":"20300704_231510"}"#;
    format!(r#"[{{"diff":[{stamp},{operations}]}}]"#)
}

/// The events since the last call, as `action id rev home-away`.
fn events(bench: &mut Bench) -> Vec<String> {
    let of = |event: &Object, key: &str| {
        event.get(key).map(|value| {
            let mut text = Vec::new();
            value.write(&mut text);
            String::from_utf8(text).unwrap().replace('"', "")
        })
    };
    let line = |event: Object| {
        let [action, id, rev, home, away] =
            ["action", "id", "rev", "home_score", "away_score"].map(|key| of(&event, key).unwrap());
        format!("{action} {id} {rev} {home}-{away}")
    };
    bench.topics.events.remove("play.mlb.900001").unwrap_or_default().into_iter().map(line).collect()
}

#[test]
fn a_live_game() {
    let (mut bench, next) = at_bat();
    assert_eq!(
        bench.topics.state("score.mlb.900001"),
        concat!(
            r#"{"away":{"abbr":"HBR","by_period":[1],"id":"91","name":"Harbour Pilots","score":1},"detail":"T1","#,
            r#""final":false,"game_id":"mlb:900001","game_no":2,"#,
            r#""home":{"abbr":"MTN","by_period":[null],"id":"92","name":"Mountain Goats","score":0},"league":"mlb","#,
            r#""period":{"half":"top","label":"T1","n":1,"type":"INN"},"phase":"live","season":2030,"#,
            r#""situation":{"balls":1,"outs":1,"second":true,"strikes":0},"start":1909433100000,"#,
            r#""status_native":"In Progress","venue":"Summit Field"}"#,
        )
    );
    assert_eq!(
        bench.topics.events("play.mlb.900001")[0],
        concat!(
            r#"{"action":"add","away_score":1,"end":1909433220500,"half":"top","home_score":0,"id":"0","order":0,"#,
            r#""outs":0,"period":1,"rev":0,"scoring":true,"start":1909433170250,"team":"HBR","#,
            r#""text":"Ada Sail homers (4) to left.","type":"home_run"}"#,
        )
    );
    assert_eq!(events(&mut bench), ["add 0 0 0-1", "add 1 0 0-1"], "the at-bat under way is the situation's");
    assert_eq!(next, format!("{FEED}/diffPatch?startTimecode=20300704_231500"));
}

/// Pitfalls 11 and 12: doubleheaders, postponed games without a linescore, games that stand there twice, extra innings.
#[test]
fn a_schedule() {
    let mut bench = live();
    bench.fetched(SCHEDULE, 200, &fixture("schedule"));
    assert_eq!(bench.output.counts.rejected, 0);
    let state = |id: i64| bench.topics.state(&format!("score.mlb.{id}"));
    assert!(state(900001).contains(r#""game_no":2"#) && state(900002).contains(r#""game_no":1"#), "by gamePk alone");
    assert!(state(900002).contains(r#""detail":"FINAL/10""#) && state(900002).contains(r#""winner":"home""#));
    let moved = state(900003);
    assert!(moved.contains(r#""phase":"scheduled""#) && moved.contains(r#""start":1909501800000"#), "{moved}");
    assert!(state(900004).contains(r#""start_tbd":true"#) && !state(900004).contains(r#""score""#));
    assert_eq!(bench.topics.states["slate.mlb"].len(), 4);
}

#[test]
fn every_status() {
    for (state, code, text, phase, is_final) in [
        ("Preview", "S", "Scheduled", "scheduled", false),
        ("Preview", "P", "Pre-Game", "pregame", false),
        ("Live", "P", "Warmup", "pregame", false),
        ("Live", "I", "In Progress", "live", false),
        ("Live", "M", "Manager challenge: Tag play", "live", false),
        ("Preview", "P", "Delayed Start: Rain", "delayed", false),
        ("Live", "I", "Delayed: Rain", "delayed", false),
        ("Live", "T", "Suspended: Rain", "suspended", false),
        ("Live", "U", "Suspended: Darkness", "suspended", false),
        ("Final", "D", "Postponed: Rain", "postponed", false),
        ("Final", "C", "Cancelled", "cancelled", false),
        ("Final", "Q", "Forfeit: Ineligible Player", "forfeit", true),
        ("Final", "O", "Game Over", "final", false),
        ("Final", "F", "Completed Early: Rain", "final", true),
        ("Warp", "W", "Warped", "unknown", false),
    ] {
        let status =
            format!(r#""abstractGameState": "{state}", "codedGameState": "{code}", "detailedState": "{text}""#);
        let given = r#""abstractGameState": "Live", "codedGameState": "I", "detailedState": "In Progress""#;
        let mut bench = Bench::new(Box::new(Mlb::for_replay()));
        bench.fetched(SCHEDULE, 200, &fixture("schedule").replace(given, &status));
        let score = bench.topics.state("score.mlb.900001");
        assert!(score.contains(&format!(r#""phase":"{phase}""#)), "{text}: {score}");
        assert!(score.contains(&format!(r#""final":{is_final}"#)), "{text}: {score}");
        assert!(score.contains(&format!(r#""status_native":"{text}""#)), "the text is passed on: {score}");
    }
}

#[test]
fn patches_are_applied() {
    let (mut bench, next) = at_bat();
    events(&mut bench);
    let operations = [
        r#"{"op":"replace","path":"/liveData/linescore/balls","value":2}"#,
        r#"{"op":"add","path":"/liveData/linescore/offense/third","value":{"id":2}}"#,
        r#"{"op":"remove","path":"/liveData/linescore/offense/second"}"#,
        r#"{"op":"copy","from":"/liveData/linescore/outs","path":"/liveData/linescore/strikes"}"#,
        r#"{"op":"replace","path":"/liveData/plays/allPlays/2/about/isComplete","value":true}"#,
        r#"{"op":"add","path":"/liveData/plays/allPlays/2/result/eventType","value":"walk"}"#,
        // Of what is not kept.
        r#"{"op":"add","path":"/liveData/plays/allPlays/2/playEvents/-","value":{"isPitch":true}}"#,
        r#"{"op":"replace","path":"/gameData/players/ID1/fullName","value":"Ada Sails"}"#,
        r#"{"op":"add","path":"/liveData/plays/allPlays/-","value":{"about":{"atBatIndex":3,"inning":1,"halfInning":"top",
            "isComplete":true},"result":{"eventType":"single","homeScore":0,"awayScore":1},"matchup":{}}}"#,
    ];
    bench.fetched(&next, 200, &patch(&operations.join(",")));
    assert_eq!(events(&mut bench), ["add 2 0 0-1", "add 3 0 0-1"]);
    let score = bench.topics.state("score.mlb.900001");
    assert!(score.contains(r#""situation":{"balls":2,"outs":1,"strikes":1,"third":true}"#), "{score}");
    let next = bench.fetches();
    assert_eq!(next, [format!("{FEED}/diffPatch?startTimecode=20300704_231510")]);
    bench.fetched(&next[0], 200, "[]");
    assert_eq!((bench.output.counts.rejected, bench.output.counts.gaps, bench.fetches()), (0, 0, next), "nothing new");
}

/// Pitfall 12: a correction of an old play, a run taken back, a play removed, a final reopened.
#[test]
fn corrections() {
    let (mut bench, next) = at_bat();
    events(&mut bench);
    let taken_back = [
        r#"{"op":"replace","path":"/liveData/plays/allPlays/0/result/awayScore","value":0}"#,
        r#"{"op":"replace","path":"/liveData/plays/allPlays/0/result/eventType","value":"field_out"}"#,
        r#"{"op":"remove","path":"/liveData/plays/allPlays/1"}"#,
        r#"{"op":"replace","path":"/liveData/linescore/teams/away/runs","value":0}"#,
    ];
    bench.fetched(&next, 200, &patch(&taken_back.join(",")));
    assert_eq!(events(&mut bench), ["remove 1 1 0-1", "edit 0 1 0-0"]);
    assert!(
        bench
            .topics
            .state("score.mlb.900001")
            .contains(r#""away":{"abbr":"HBR","by_period":[1],"id":"91","name":"Harbour Pilots","score":0}"#)
    );
    let status = |state: &str, code: &str, stamp: &str| {
        fixture("feed")
            .replace(
                r#""abstractGameState": "Live", "codedGameState": "I""#,
                &format!(r#""abstractGameState": "{state}", "codedGameState": "{code}""#),
            )
            .replace("20300704_231500", stamp)
    };
    bench.fetched(FEED, 200, &status("Final", "F", "20300705_010000"));
    assert!(bench.topics.state("score.mlb.900001").contains(r#""final":true"#));
    assert_eq!(events(&mut bench), ["edit 0 2 0-1", "add 1 2 0-1"], "a play that returns goes on in rev");
    bench.fetched(FEED, 200, &status("Live", "I", "20300705_010010"));
    assert!(
        bench.topics.state("score.mlb.900001").contains(r#""final":false"#),
        "reopened: the stamp says that it is newer"
    );
}

/// Pitfall 13: diffPatch may answer with the whole feed; what does not fit is asked for whole.
#[test]
fn patches_that_do_not_fit() {
    for bad in [
        r#"{"op":"remove","path":"/liveData/plays/allPlays/7"}"#,
        r#"{"op":"replace","path":"/liveData/plays/allPlays/7/about/inning","value":1}"#,
        r#"{"op":"remove","path":"/liveData/linescore/note"}"#,
        r#"{"op":"warp","path":"/liveData/linescore"}"#,
        r#"{"op":"move","from":"/gameData/players/ID1","path":"/liveData/linescore/offense/first"}"#,
        r#"{"op":"add","path":"liveData","value":1}"#,
        "7",
    ] {
        let (mut bench, next) = at_bat();
        events(&mut bench);
        let before = bench.topics.state("score.mlb.900001");
        let half = r#"{"op":"replace","path":"/liveData/linescore/balls","value":3}"#;
        bench.fetched(&next, 200, &patch(&format!("{half},{bad}")));
        assert_eq!(bench.topics.state("score.mlb.900001"), before, "{bad}: half a patch is no state that ever was");
        assert_eq!((bench.output.counts.gaps, bench.output.out_of_sync), (1, 1), "{bad}");
        assert_eq!(bench.fetches(), [FEED], "{bad}: the whole feed");
        bench.fetched(FEED, 200, &fixture("feed").replace("20300704_231500", "20300704_231520"));
        assert_eq!((bench.output.counts.resyncs, bench.output.out_of_sync), (1, 0));
    }
    let (mut bench, next) = at_bat();
    events(&mut bench);
    let whole = fixture("feed")
        .replace("20300704_231500", "20300704_231520")
        .replace(r#""balls": 1, "strikes": 0, "innings""#, "")
        .replace(r#""outs": 1, "balls": 1"#, r#""outs": 2, "balls": 0"#);
    bench.fetched(&next, 200, &whole);
    assert!(
        bench.topics.state("score.mlb.900001").contains(r#""situation":{"balls":0,"outs":2"#),
        "a whole feed instead"
    );
    assert_eq!(bench.fetches(), [format!("{FEED}/diffPatch?startTimecode=20300704_231520")]);
}

/// Pitfall 13: older bodies from another edge node, by their time stamps.
#[test]
fn older_bodies_are_dropped() {
    let (mut bench, _) = at_bat();
    let before = bench.topics.state("score.mlb.900001");
    for _ in 0..5 {
        let older = fixture("feed")
            .replace("20300704_231500", "20300704_231450")
            .replace(r#""away": {"runs": 1"#, r#""away": {"runs": 0"#);
        bench.fetched(FEED, 200, &older);
        assert_eq!(bench.topics.state("score.mlb.900001"), before, "however often it comes");
    }
    let (mut bench, _) = at_bat();
    bench.fetched(SCHEDULE, 200, &fixture("schedule").replace(r#""away": {"runs": 1}"#, r#""away": {"runs": 9}"#));
    assert_eq!(bench.topics.state("score.mlb.900001"), before, "the schedule does not take turns with the feed");
}

#[test]
fn errors_and_pace() {
    let (mut bench, next) = at_bat();
    let delays = |bench: &mut Bench| bench.output.fetches.drain(..).map(|fetch| fetch.delay_ms).collect::<Vec<_>>();
    bench.fetched(&next, 200, "[]");
    assert_eq!(delays(&mut bench), [10_000]);
    bench.fetched(&next, 304, "");
    assert_eq!(delays(&mut bench), [10_000]);
    let rejected = bench.output.counts.rejected;
    for (status, body, delay_ms) in [
        (403, "<html>Forbidden</html>", 20_000),
        (200, "<html>Sorry</html>", 40_000),
        (200, &fixture("feed")[..700], 80_000),
        (200, &fixture("feed").replace("900001", "900009"), 160_000),
    ] {
        bench.fetched(&next, status, body);
        assert_eq!(delays(&mut bench), [delay_ms], "{body:.20}");
    }
    assert_eq!(bench.output.counts.rejected, rejected + 3);
    let slower = Bench::new(Box::new(Mlb::new(&MlbConfig { live_interval_ms: 2_000, ..MlbConfig::default() })));
    let mut slower = Bench { now_ms: NOW_MS, ..slower };
    slower.fetched(SCHEDULE, 200, &fixture("schedule"));
    slower.handle(Input::Start);
    slower.fetched(SCHEDULE, 200, &fixture("schedule"));
    delays(&mut slower);
    slower.fetched(FEED, 200, &fixture("feed"));
    assert_eq!(delays(&mut slower), [10_000], "the feed's own advice");
}

proptest! {
    #[test]
    fn damaged_bodies_never_panic(at in 0usize..6000, byte: u8, cut in 0usize..6000, whole: bool) {
        let (mut bench, next) = at_bat();
        let patch = patch(r#"{"op":"add","path":"/liveData/plays/allPlays/2/count/outs","value":2},{"op":"remove","path":""}"#);
        let mut body = if whole { fixture("feed") } else { patch }.into_bytes();
        let at = at % body.len();
        body[at] = byte;
        body.truncate(body.len().max(cut) - cut / 2);
        bench.handle(Input::Fetched { url: &next, status: 200, body: &mut body });
    }

    #[test]
    fn any_operation_never_panics(op in "(add|replace|remove|move|copy|test)", path in "(/(liveData|plays|linescore|allPlays|-|1|about|~0~1|))*", from in "(/(gamePk|liveData|linescore))*") {
        let (mut bench, next) = at_bat();
        bench.fetched(&next, 200, &patch(&format!(r#"{{"op":"{op}","path":"{path}","from":"{from}","value":{{"a":1}}}}"#)));
        bench.fetched(FEED, 200, &fixture("feed"));
        prop_assert_eq!(bench.output.out_of_sync, 0);
    }
}
