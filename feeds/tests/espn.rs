//! The ESPN adapter on bodies written by hand from the documented format: statuses, clocks, corrections, errors, pace.

mod support;

use feeds::adapter::{Fetch, Input};
use feeds::model::Object;
use feeds::provider::espn::{Espn, EspnConfig};
use proptest::prelude::*;
use support::Bench;

const NFL: &str = "https://site.api.espn.com/apis/site/v2/sports/football/nfl/scoreboard";

const PLAYS: &str = "https://cdn.espn.com/core/nfl/playbyplay?xhr=1&gameId=900000001";

fn fixture() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/espn/nfl.json")).unwrap()
}

fn plays() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/espn/plays.json")).unwrap()
}

fn live(leagues: &[&str]) -> Bench {
    let leagues = leagues.iter().map(|league| (*league).to_owned()).collect();
    Bench::new(Box::new(Espn::new(&EspnConfig { leagues, ..EspnConfig::default() })))
}

fn url(league: &str) -> String {
    format!("https://site.api.espn.com/apis/site/v2/sports/{league}/scoreboard")
}

/// A game as a table row says it; what a row leaves out is as before a game.
struct Row {
    uid: &'static str,
    name: &'static str,
    state: &'static str,
    completed: bool,
    period: i64,
    clock: &'static str,
    shown: &'static str,
    short: &'static str,
}

impl Row {
    /// A scoreboard of this one game, with the score 3-2.
    fn body(&self) -> String {
        let Row { uid, name, state, completed, period, clock, shown, short } = self;
        let side = |place: &str, id: &str, score: &str| {
            let team = format!(r#"{{"id":"{id}","abbreviation":"{}"}}"#, place.to_uppercase());
            format!(r#"{{"homeAway":"{place}","score":"{score}","team":{team}}}"#)
        };
        let (home, away) = (side("home", "1", "3"), side("away", "2", "2"));
        format!(
            r#"{{"leagues":[],"events":[{{"id":"7","uid":"{uid}~e:7","date":"2030-11-03T18:00Z","competitions":[{{
            "competitors":[{home},{away}],"status":{{"clock":{clock},"displayClock":"{shown}","period":{period},
            "type":{{"name":"{name}","state":"{state}","completed":{completed},"shortDetail":"{short}"}}}}}}]}}]}}"#
        )
    }
}

const LIVE: Row = Row {
    uid: "s:20~l:28",
    name: "STATUS_IN_PROGRESS",
    state: "in",
    completed: false,
    period: 3,
    clock: "277.0",
    shown: "4:37",
    short: "4:37 - 3rd",
};

/// Field by field, as JSON texts.
fn fields(state: &Object, keys: &[&str]) -> Vec<String> {
    let text = |key: &&str| {
        let mut text = Vec::new();
        state.get(key).unwrap_or(&feeds::model::Value::Null).write(&mut text);
        String::from_utf8(text).unwrap()
    };
    keys.iter().map(text).collect()
}

#[test]
fn one_shape_for_a_game() {
    let mut bench = live(&["football/nfl"]);
    bench.fetched(NFL, 200, &fixture());
    assert_eq!(
        bench.topics.state("score.nfl.900000001"),
        concat!(
            r#"{"away":{"abbr":"HBR","by_period":[7,7,0],"id":"91","name":"Harbour Pilots","score":14},"#,
            r#""clock":{"dir":"down","ms":277000},"detail":"Q3 4:37","final":false,"game_id":"espn:900000001","#,
            r#""home":{"abbr":"MTN","by_period":[7,0,10],"id":"92","name":"Mountain Goats","score":17},"league":"nfl","#,
            r#""period":{"label":"Q3","n":3,"type":"REG"},"phase":"live","season":2030,"#,
            r#""situation":{"distance":6,"down":2,"possession":"home","yard_line":34},"start":1919959200000,"#,
            r#""status_native":"STATUS_IN_PROGRESS","venue":"Summit Field"}"#,
        ),
        "nothing says whether the clock runs, so nobody lets it run"
    );
    assert_eq!(
        bench.topics.state("slate.nfl"),
        concat!(
            r#"{"900000001":{"away":"HBR","away_score":14,"clock_ms":277000,"home":"MTN","home_score":17,"#,
            r#""label":"Q3","phase":"live","start":1919959200000},"900000002":{"away":"DUN","home":"LAK","#,
            r#""label":"SCHEDULED","phase":"scheduled","start":1919985600000}}"#,
        ),
        "before the game there is no score, though the body says 0"
    );
    let scheduled = &bench.topics.states["score.nfl.900000002"];
    assert_eq!(fields(scheduled, &["start_tbd", "period", "clock"]), ["true", "null", "null"]);
}

#[test]
fn every_status() {
    let row = |name, state, completed| Row { name, state, completed, short: "", ..LIVE };
    for (row, phase, is_final) in [
        (row("STATUS_SCHEDULED", "pre", false), "scheduled", false),
        (row("STATUS_IN_PROGRESS", "in", false), "live", false),
        (row("STATUS_HALFTIME", "in", false), "break", false),
        (row("STATUS_END_PERIOD", "in", false), "break", false),
        (row("STATUS_FIRST_HALF", "in", false), "live", false),
        (row("STATUS_SECOND_HALF", "in", false), "live", false),
        (row("STATUS_END_OF_REGULATION", "in", false), "break", false),
        (row("STATUS_HALFTIME_ET", "in", false), "break", false),
        (row("STATUS_OVERTIME", "in", false), "live", false),
        (row("STATUS_SHOOTOUT", "in", false), "live", false),
        (row("STATUS_FULL_TIME", "post", true), "final", true),
        (row("STATUS_FINAL", "post", true), "final", true),
        (row("STATUS_FINAL_AET", "post", true), "final", true),
        (row("STATUS_FINAL_PEN", "post", true), "final", true),
        (row("STATUS_RAIN_DELAY", "in", false), "delayed", false),
        (row("STATUS_DELAYED", "in", false), "delayed", false),
        (row("STATUS_POSTPONED", "post", false), "postponed", false),
        (row("STATUS_CANCELED", "post", false), "cancelled", false),
        (row("STATUS_SUSPENDED", "in", false), "suspended", false),
        (row("STATUS_ABANDONED", "post", true), "abandoned", false),
        (row("STATUS_WALKOVER", "post", true), "forfeit", true),
        (row("STATUS_RETIRED", "post", true), "final", true),
        // Names that nobody has seen yet.
        (row("STATUS_WARP", "pre", false), "scheduled", false),
        (row("STATUS_WARP", "in", false), "live", false),
        (row("STATUS_WARP", "post", true), "final", true),
        (row("STATUS_WARP", "post", false), "unknown", false),
    ] {
        let mut bench = live(&["football/nfl"]);
        bench.fetched(NFL, 200, &row.body());
        let score = &bench.topics.states["score.nfl.7"];
        let expected = [format!("\"{phase}\""), is_final.to_string(), format!("\"{}\"", row.name)];
        assert_eq!(fields(score, &["phase", "final", "status_native"]), expected, "{} {}", row.name, row.state);
        assert_eq!(bench.output.counts.rejected, 0);
    }
}

/// Pitfalls 11 and 12: postponed games, overtime by sport, added time, clocks that run up or not at all.
#[test]
fn periods_and_clocks_of_every_sport() {
    let soccer =
        |name, period, clock, shown, short| Row { uid: "s:600~l:700", name, period, clock, shown, short, ..LIVE };
    let game = |uid, name, period, clock, shown, short| Row { uid, name, period, clock, shown, short, ..LIVE };
    const NBA: &str = "s:40~l:46";
    const MLB: &str = "s:1~l:10";
    const NHL: &str = "s:70~l:90";
    let live = "STATUS_IN_PROGRESS";
    for (row, detail, period, clock) in [
        (game(NBA, live, 4, "23.4", "23.4", ""), "Q4 23.4", "Q4 REG", "23400 down"),
        (game(NBA, live, 5, "0", "0.0", ""), "OT 0.0", "OT OT", "0 down"),
        (game(NBA, live, 6, "-1.5", "0.0", ""), "2OT 0.0", "2OT OT", "-1500 down"),
        (game(NBA, "STATUS_FINAL", 4, "720.0", "12:00", "Final"), "FINAL", "Q4 REG", ""),
        (game(NBA, "STATUS_END_PERIOD", 3, "0.0", "0.0", "End of 3rd"), "END Q3", "Q3 REG", ""),
        (game(MLB, live, 8, "0", "0:00", "Bot 8th"), "B8", "B8 INN", ""),
        (game(MLB, live, 8, "0", "0:00", "Mid 8th"), "M8", "M8 INN", ""),
        (game(MLB, "STATUS_FINAL", 10, "0", "0:00", "Final/10"), "FINAL/10", "10 INN", ""),
        (game(MLB, "STATUS_POSTPONED", 1, "0", "0:00", "Postponed"), "POSTPONED", "", ""),
        (game(NHL, live, 2, "718", "11:58", ""), "P2 11:58", "P2 REG", "718000 down"),
        (game(NHL, "STATUS_SHOOTOUT", 5, "0", "0:00", ""), "SO", "SO SO", ""),
        (soccer("STATUS_FIRST_HALF", 1, "2700", "45'+6'", ""), "45+6", "1H REG", "2700000 up"),
        (soccer("STATUS_HALFTIME", 1, "2700", "45'+6'", "HT"), "HT", "1H REG", ""),
        (soccer("STATUS_SECOND_HALF", 2, "5400", "90'+10'", ""), "90+10", "2H REG", "5400000 up"),
        (soccer("STATUS_OVERTIME", 4, "7200", "120'+4'", ""), "120+4", "ET2 ET", "7200000 up"),
        (soccer("STATUS_SHOOTOUT", 5, "7200", "120'", ""), "PEN", "PEN PEN", ""),
        (soccer("STATUS_FINAL_PEN", 5, "7200", "120'", "FT-Pens"), "FT-PENS", "PEN PEN", ""),
    ] {
        let mut bench = self::live(&["a/b"]);
        bench.fetched(&url("a/b"), 200, &row.body());
        let score = &bench.topics.states["score.b.7"];
        let inner = |key, keys: &[&str]| {
            let found = score.get(key).and_then(|value| value.as_object());
            found.map(|found| fields(found, keys).join(" ").replace('"', "")).unwrap_or_default()
        };
        let found = [fields(score, &["detail"])[0].replace('"', ""), inner("period", &["label", "type"])];
        assert_eq!(found, [detail, period], "{} {}", row.name, row.short);
        assert_eq!(inner("clock", &["ms", "dir"]), clock, "{detail}");
    }
    let mut bench = self::live(&["soccer/eng.1"]);
    bench.fetched(&url("soccer/eng.1"), 200, &soccer("STATUS_SECOND_HALF", 2, "5400", "90'+10'", "").body());
    let score = bench.topics.state("score.eng_1.7");
    assert!(score.contains(r#""clock":{"added_ms":600000,"dir":"up","ms":5400000}"#), "{score}");
}

/// Pitfall 12: a score goes down, a final reopens, a clock goes up.
#[test]
fn corrections() {
    let mut bench = live(&["football/nfl"]);
    bench.fetched(NFL, 200, &LIVE.body());
    bench.fetched(NFL, 200, &LIVE.body().replace(r#""score":"3""#, r#""score":"2""#));
    let home = |bench: &Bench| bench.topics.state("score.nfl.7").split(r#""home":"#).nth(1).unwrap().to_owned();
    assert!(home(&bench).contains(r#""score":2"#), "down");
    let last = Row { name: "STATUS_FINAL", state: "post", completed: true, short: "Final", ..LIVE };
    bench.fetched(NFL, 200, &last.body().replace(r#""homeAway":"home""#, r#""homeAway":"home","winner":true"#));
    let score = &bench.topics.states["score.nfl.7"];
    assert_eq!(fields(score, &["phase", "winner", "final", "clock"]), [r#""final""#, r#""home""#, "true", "null"]);
    let reopened = Row { clock: "2.0", shown: "0:02", period: 4, ..LIVE }.body();
    bench.fetched(NFL, 200, &reopened);
    assert!(
        bench.topics.state("score.nfl.7").contains(r#""final":true"#),
        "it may be an old body of another edge node"
    );
    bench.fetched(NFL, 200, &reopened);
    let score = &bench.topics.states["score.nfl.7"];
    assert_eq!(fields(score, &["phase", "winner", "final"]), [r#""live""#, "null", "false"], "it stays");
    let put_back = Row { clock: "5.0", shown: "0:05", period: 4, ..LIVE }.body();
    bench.fetched(NFL, 200, &put_back);
    bench.fetched(NFL, 200, &put_back);
    assert!(bench.topics.state("score.nfl.7").contains(r#""ms":5000"#), "the clock was put back");
}

/// A bench that polls the NFL and has read its slate.
fn polling() -> Bench {
    let mut bench = live(&["football/nfl"]);
    bench.now_ms = 1_919_962_800_000; // 2030-11-03T19:00Z
    bench.handle(Input::Start);
    bench.fetches();
    assert_eq!(next(&mut bench, 200, &fixture()), [5_000], "a game is live");
    bench
}

/// Answers, and says in how many ms the slate is asked for again.
fn next(bench: &mut Bench, status: u16, body: &str) -> Vec<u64> {
    bench.fetched(NFL, status, body);
    let fetches: Vec<Fetch> = bench.output.fetches.drain(..).collect();
    assert!(fetches.iter().all(|fetch| fetch.url == NFL), "{fetches:?}");
    fetches.iter().map(|fetch| fetch.delay_ms).collect()
}

/// Pitfall 11: without its day a daily slate rolls over as soon as its last game ends.
#[test]
fn daily_slates_are_asked_for_by_their_day() {
    let mut bench = live(&["football/nfl", "basketball/nba?groups=50"]);
    bench.now_ms = 1_919_992_800_000; // 2030-11-04T03:20Z: still the third in America
    bench.handle(Input::Start);
    let nba = "https://site.api.espn.com/apis/site/v2/sports/basketball/nba/scoreboard?dates=20301103&groups=50";
    assert_eq!(bench.fetches(), [NFL, nba]);
}

/// Pitfall 13: the same body twice, and 304.
#[test]
fn repeats_say_nothing() {
    let mut bench = polling();
    for (status, body) in [(200, fixture()), (304, String::new())] {
        bench.output.alive.clear();
        let input = Input::Fetched { url: NFL, status, body: &mut body.into_bytes() };
        bench.adapter.handle(input, bench.now_ms, &mut bench.output);
        assert_eq!(bench.output.updates, [], "{status}: no ETag, and yet the same states");
        assert_eq!(bench.output.alive, [0], "{status}: a sign of life");
    }
    let watched: Vec<&str> = bench.adapter.subscriptions()[0].topics.iter().map(|topic| topic.as_str()).collect();
    assert_eq!(watched, ["slate.nfl", "score.nfl.900000001", "score.nfl.900000002"], "stale together");
}

/// Pitfalls 8 and 13: errors, HTML with 200, truncated bodies.
#[test]
fn errors_wait_longer_and_change_nothing() {
    let mut bench = polling();
    let before = bench.topics.state("slate.nfl");
    assert_eq!(next(&mut bench, 403, "<html>Forbidden</html>"), [10_000]);
    assert_eq!(next(&mut bench, 200, "<html>Sorry</html>"), [20_000]);
    assert_eq!(next(&mut bench, 200, &fixture()[..900]), [40_000], "truncated");
    assert_eq!(bench.output.counts.rejected, 2, "a status is no parse problem");
    bench.handle(Input::FetchFailed { url: NFL });
    assert_eq!(bench.output.fetches.drain(..).map(|fetch| fetch.delay_ms).collect::<Vec<_>>(), [80_000]);
    assert_eq!(bench.topics.state("slate.nfl"), before);
}

#[test]
fn the_pace_is_that_of_the_games() {
    let mut bench = polling();
    let is_live = "\"in\", \"completed\": false";
    let over = fixture().replace("STATUS_IN_PROGRESS", "STATUS_FINAL");
    let over = over.replacen(is_live, "\"post\", \"completed\": true", 1);
    bench.now_ms = 1_919_952_000_000; // hours before the other game
    assert_eq!(next(&mut bench, 200, &over), [300_000], "nothing is on");
    bench.now_ms = 1_919_985_000_000; // ten minutes before it
    assert_eq!(next(&mut bench, 200, &over), [30_000]);
}

#[test]
fn one_bad_event_hides_no_other_and_a_race_is_no_game() {
    let mut bench = live(&["football/nfl"]);
    bench.fetched(NFL, 200, &fixture().replacen("\"id\": \"900000001\"", "\"id\": 900000001", 1));
    assert_eq!(bench.output.counts.rejected, 1);
    assert_eq!(bench.topics.states.keys().collect::<Vec<_>>(), ["score.nfl.900000002", "slate.nfl"]);
    bench.fetched(NFL, 200, &fixture());
    bench.fetched(NFL, 200, &fixture().replacen("\"id\": \"900000001\"", "\"id\": 900000001", 1));
    assert!(bench.topics.state("slate.nfl").contains("900000001"), "what could not be read is not taken for gone");
    bench.fetched(
        NFL,
        200,
        r#"{"events":[{"id":"1","groupings":[]},{"id":"2","competitions":[{"competitors":[{},{},{}]}]}]}"#,
    );
    assert_eq!((bench.output.counts.ignored, bench.topics.state("slate.nfl").as_str()), (2, "{}"));
}

#[test]
fn games_leave_the_slate_and_end_later() {
    let mut bench = live(&["football/nfl"]);
    let last = Row { name: "STATUS_FINAL", state: "post", completed: true, ..LIVE };
    bench.fetched(NFL, 200, &last.body());
    let empty = r#"{"leagues":[],"events":[]}"#;
    bench.fetched(NFL, 200, empty);
    assert_eq!(bench.topics.state("slate.nfl"), "{}");
    assert!(bench.topics.states.contains_key("score.nfl.7"), "its topic lives on for a while");
    bench.now_ms += 6 * 3_600_000;
    bench.fetched(NFL, 200, empty);
    assert_eq!(bench.topics.states.keys().collect::<Vec<_>>(), ["slate.nfl"]);
    assert_eq!(bench.adapter.subscriptions()[0].topics.len(), 1);
    bench.fetched(NFL, 200, &last.body());
    assert!(bench.topics.states.contains_key("score.nfl.7"), "resumed on another day: the same topic again");
}

/// Pitfall 12: plays are edited and removed; the wall clock runs backwards and is missing, the sequence does not.
#[test]
fn plays_of_the_nfl() {
    let leagues = vec!["football/nfl".to_owned(), "hockey/nhl".to_owned()];
    let config = EspnConfig { leagues, plays: true, ..EspnConfig::default() };
    let mut bench = Bench::new(Box::new(Espn::new(&config)));
    bench.handle(Input::Start);
    bench.fetches();
    bench.fetched(NFL, 200, &fixture());
    assert_eq!(bench.fetches(), [NFL, PLAYS], "of the game that is on");
    bench.fetched(PLAYS, 200, &plays());
    assert_eq!(bench.fetches(), [PLAYS]);
    let lines = |bench: &mut Bench| -> Vec<String> {
        let events = bench.topics.events.remove("play.nfl.900000001").unwrap_or_default();
        events
            .iter()
            .map(|event| fields(event, &["action", "id", "rev", "home_score"]).join(" ").replace('"', ""))
            .collect()
    };
    let first = bench.topics.events("play.nfl.900000001")[0].clone();
    assert_eq!(
        first,
        concat!(
            r#"{"action":"add","away_score":0,"clock":"15:00","home_score":0,"id":"90000000141","order":4100,"period":1,"#,
            r#""period_type":"REG","rev":0,"scoring":false,"text":"B. Keel kicks 65 yards, touchback.","type":"Kickoff"}"#,
        )
    );
    assert_eq!(lines(&mut bench), ["add 90000000141 0 0", "add 90000000164 0 7", "add 90000000190 0 7"], "each once");
    let overturned =
        plays().replace(r#""homeScore": 7"#, r#""homeScore": 0"#).replace("Passing Touchdown", "Pass Incompletion");
    bench.fetched(PLAYS, 200, &overturned);
    assert_eq!(lines(&mut bench), ["edit 90000000164 1 0", "edit 90000000190 1 0"], "the touchdown is taken back");
    let removed =
        plays().replace(r#""id": "90000000164", "sequenceNumber""#, r#""id": "90000000165", "sequenceNumber""#);
    bench.fetched(PLAYS, 200, &removed);
    assert_eq!(lines(&mut bench), ["remove 90000000164 2 0", "add 90000000165 0 7", "edit 90000000190 2 7"]);
    bench.fetched(PLAYS, 200, &removed.replace("\"9000\"", "\"nine\""));
    assert_eq!((bench.output.counts.rejected, lines(&mut bench).len()), (1, 0), "what cannot be read is not gone");
    bench.fetched(PLAYS, 200, &plays().replace(r#""id": "900000001""#, r#""id": "900000009""#));
    assert_eq!((bench.output.counts.rejected, lines(&mut bench).len()), (2, 0), "another game");
}

#[test]
fn configuration() {
    let config: EspnConfig = toml::from_str("leagues = [\"soccer/eng.1\"]\nlive_interval_ms = 8000").unwrap();
    assert_eq!(config.validate(), []);
    assert_eq!(config.league_names(), ["eng_1"]);
    assert!(toml::from_str::<EspnConfig>("league = []").is_err(), "unknown keys are refused");
    let bad = EspnConfig {
        base_url: "espn.com/".into(),
        leagues: ["nfl", "football/nfl", "soccer/nfl", "a/b c", "a/b?c d"].map(str::to_owned).into(),
        idle_interval_ms: 0,
        ..EspnConfig::default()
    };
    let bad = EspnConfig { plays_base_url: "cdn".into(), ..bad };
    let keys: Vec<String> = bad.validate().into_iter().map(|problem| problem.key).collect();
    assert_eq!(
        keys,
        ["base_url", "plays_base_url", "leagues[0]", "leagues[2]", "leagues[3]", "leagues[4]", "idle_interval_ms"]
    );
    assert_eq!(EspnConfig::default().validate()[0].key, "leagues");
}

proptest! {
    #[test]
    fn damaged_bodies_never_panic(at in 0usize..4000, byte: u8, cut in 0usize..4000, number in any::<i64>()) {
        let mut bench = live(&["football/nfl"]);
        let mut body = fixture().replace("277.0", &number.to_string()).into_bytes();
        let at = at % body.len();
        body[at] = byte;
        body.truncate(body.len().max(cut) - cut / 2);
        bench.handle(Input::Fetched { url: NFL, status: 200, body: &mut body });
    }

    #[test]
    fn any_recorded_file_never_panics(url in ".{0,40}", body in ".{0,80}") {
        Bench::new(Box::new(Espn::for_replay())).fetched(&url, 200, &body);
    }
}
