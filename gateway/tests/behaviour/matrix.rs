//! Every behaviour over every transport. Each cell runs against a gateway of its own; the table is printed whole before
//! anything fails. Only plain polling may lack a behaviour, and then a reason is given.

use crate::client::{TRANSPORTS, Transport};
use crate::follower::{Data, Follower, Session, Word};
use crate::gateway::{Gateway, object};
use feeds::model::Change;
use serde_json::{Value, json};
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

enum Cell {
    Proved,
    NotApplicable(&'static str),
    Failed(String),
}

use Cell::{NotApplicable, Proved};

const NO_CURSOR: &str = "a snapshot request takes no cursor";
const NO_DELTAS: &str = "a snapshot holds a state, not the steps to it";

type Behaviour = (&'static str, fn(Transport) -> Cell);

const BEHAVIOURS: &[Behaviour] = &[
    ("a snapshot comes first", snapshot_first),
    ("then every seq, none twice", contiguous),
    ("patches in order equal the next snapshot", patches_equal_snapshot),
    ("events come each once, in order", events_in_order),
    ("no topic at all: a cursor all the same", nothing_there),
    ("a resume loses and repeats nothing", resume),
    ("a resume at every cursor that was stated", resume_anywhere),
    ("a cursor too old: why resume", too_old),
    ("a cursor older than a lost death: full", older_than_a_death),
    ("more deaths than one may be behind: full", many_deaths),
    ("a cursor of a foreign epoch: full", foreign_epoch),
    ("a pattern of one token", one_token),
    ("a pattern of the rest", the_rest),
    ("born later under a pattern", born_under_pattern),
    ("born later under its exact name", born_under_name),
    ("several topics and patterns at once", several),
    ("retire, and a birth with a higher seq", rebirth),
    ("a death that the client slept through", slept_through_death),
    ("stale and fresh again", marks),
    ("reset", reset),
    ("lost events are told", lost),
    ("num=string", num_string),
    ("ids=1", ids),
    ("ids=1, over a death and a birth", ids_over_rebirth),
    ("numbers leave as they came (EXACT)", exact),
    ("line breaks and NUL in a payload", line_breaks),
];

#[test]
fn every_behaviour_over_every_transport() {
    let mut table =
        format!("\n{:<44} {:<10} {:<10} {:<10} {:<10}\n", "behaviour", "websocket", "sse", "long-poll", "polling");
    let (mut reasons, mut failures) = (String::new(), Vec::new());
    for (name, prove) in BEHAVIOURS {
        write!(table, "{name:<44} ").unwrap();
        for transport in TRANSPORTS {
            let cell = catch_unwind(AssertUnwindSafe(|| prove(transport)));
            let cell = cell.unwrap_or_else(|panic| Cell::Failed(message_of(&*panic)));
            let word = match cell {
                Proved => "ok",
                NotApplicable(reason) => {
                    writeln!(reasons, "  n/a: {name}: {reason}").unwrap();
                    if transport != Transport::Polling {
                        failures.push(format!("{name} over {transport:?} is skipped: {reason}"));
                    }
                    "n/a"
                }
                Cell::Failed(why) => {
                    failures.push(format!("{name} over {transport:?}: {why}"));
                    "FAILED"
                }
            };
            write!(table, "{word:<10} ").unwrap();
        }
        table.push('\n');
    }
    eprintln!("{table}{reasons}");
    assert!(failures.is_empty(), "{} cells failed:\n{}", failures.len(), failures.join("\n\n"));
}

pub fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

fn patch(topic: &str, n: usize) -> String {
    format!(r#"{{"topic":"{topic}","patch":{{"n":{n},"last":{{"by":"p{}","x":{}}}}}}}"#, n % 3, 1 + n / 7)
}

/// Compares the view with what a request for a snapshot says now.
fn assert_as_snapshot(gateway: &Gateway, query: &str, follower: &Follower) {
    let body = gateway.snapshot(query);
    let messages = body["messages"].as_array().unwrap();
    let names: Vec<&str> = messages.iter().map(|snap| snap["topic"].as_str().unwrap()).collect();
    assert!(follower.topics.keys().all(|topic| names.contains(&topic.as_str())), "{follower:#?} but {names:?}");
    for snap in messages {
        let topic = snap["topic"].as_str().unwrap();
        let known = follower.topics.get(topic).unwrap_or_else(|| panic!("{topic} is not known: {follower:#?}"));
        assert_eq!(known.seq, snap["seq"].as_u64().unwrap(), "{topic}");
        assert_eq!(known.stale, snap["stale"] == true, "{topic}");
        match &known.data {
            Data::State(state) => assert_eq!(*state, snap["data"], "{topic}"),
            Data::Events(events) => {
                let newest: Vec<&Value> = events.iter().map(|(_, event)| event).collect();
                let theirs: Vec<&Value> = snap["data"].as_array().unwrap().iter().collect();
                assert!(newest.ends_with(&theirs) || theirs.ends_with(&newest), "{newest:?} {theirs:?}");
            }
        }
    }
}

fn entries(follower: &Follower) -> Vec<(&str, u64)> {
    let steps = follower.words.iter().filter(|(t, ..)| t != "snap");
    steps.map(|(t, _, seq, _)| (t.as_str(), *seq)).collect()
}

fn snapshot_first(transport: Transport) -> Cell {
    let gateway = Gateway::start();
    gateway
        .publish(&[r#"{"topic":"quote.x","state":{"bid":1,"ask":2}}"#, r#"{"topic":"quote.x","patch":{"bid":1.5}}"#]);
    let mut session = Session::open(transport, &gateway, "topics=quote.x");
    session.until("an at", |follower| follower.ats > 0);
    assert_eq!(session.follower.whys, ["subscribe"]);
    assert_eq!(session.follower.state("quote.x"), Some(&json!({"bid":1.5,"ask":2})));
    assert_as_snapshot(&gateway, "topics=quote.x", &session.follower);
    Proved
}

fn contiguous(transport: Transport) -> Cell {
    if transport == Transport::Polling {
        return NotApplicable(NO_DELTAS);
    }
    let gateway = Gateway::start();
    let birth = gateway.publish(&[&patch("quote.x", 0)]);
    let mut session = Session::open(transport, &gateway, "topics=quote.x");
    session.until("an at", |follower| follower.ats > 0);
    for n in 1..20 {
        gateway.publish(&[&patch("quote.x", n)]);
    }
    let bulk: Vec<String> = (20..400).map(|n| patch("quote.x", n)).collect();
    let end = gateway.publish(&bulk.iter().map(String::as_str).collect::<Vec<_>>());
    session.until_offset(end);
    // Births seq is its offset, and nothing else was published.
    let want: Vec<(&str, u64)> = (birth + 1..=birth + 399).map(|seq| ("delta", seq)).collect();
    assert_eq!(entries(&session.follower), want);
    Proved
}

fn patches_equal_snapshot(transport: Transport) -> Cell {
    let gateway = Gateway::start();
    gateway.publish(&[r#"{"topic":"book.x","state":{"bid":{"1":5,"2":6},"ask":{"3":1},"deep":{"a":{"b":{"c":1}}}}}"#]);
    let mut session = Session::open(transport, &gateway, "topics=book.x");
    session.until("an at", |follower| follower.ats > 0);
    let end = gateway.publish(&[
        r#"{"topic":"book.x","patch":{"bid":{"1":null,"1.5":7}}}"#,
        r#"{"topic":"book.x","patch":{"ask":{"3":1}}}"#,
        r#"{"topic":"book.x","patch":{"deep":{"a":{"b":null}},"list":[1,null,{"a":null}]}}"#,
        r#"{"topic":"book.x","patch":{"deep":5}}"#,
        r#"{"topic":"book.x","patch":{"deep":{"again":{"x":null}}}}"#,
        r#"{"topic":"book.x","state":{"bid":{"9":1},"deep":{"again":{}},"list":[]}}"#,
    ]);
    session.until_offset(end);
    assert_eq!(session.follower.state("book.x"), Some(&json!({"bid":{"9":1},"deep":{"again":{}},"list":[]})));
    assert_as_snapshot(&gateway, "topics=book.x", &session.follower);
    Proved
}

fn event(topic: &str, n: usize) -> String {
    format!(r#"{{"topic":"{topic}","event":{{"id":"e{n}","price":{n}.5}}}}"#)
}

fn events_in_order(transport: Transport) -> Cell {
    let gateway = Gateway::start();
    let first: Vec<String> = (0..5).map(|n| event("trade.x", n)).collect();
    gateway.publish(&first.iter().map(String::as_str).collect::<Vec<_>>());
    let mut session = Session::open(transport, &gateway, "topics=trade.x");
    session.until("an at", |follower| follower.ats > 0);
    let more: Vec<String> = (5..90).map(|n| event("trade.x", n)).collect();
    let end = gateway.publish(&more.iter().map(String::as_str).collect::<Vec<_>>());
    session.until_offset(end);
    let ids: Vec<String> =
        session.follower.events("trade.x").iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids, (0..90).map(|n| format!("e{n}")).collect::<Vec<_>>());
    assert_as_snapshot(&gateway, "topics=trade.x", &session.follower);
    Proved
}

fn nothing_there(transport: Transport) -> Cell {
    let gateway = Gateway::start();
    let mut session = Session::open(transport, &gateway, "topics=quote.none,score.*");
    session.until("an at", |follower| follower.ats > 0);
    assert!(session.follower.words.is_empty());
    assert_eq!(session.follower.offset(), 0);
    Proved
}

fn resume(transport: Transport) -> Cell {
    if transport == Transport::Polling {
        return NotApplicable(NO_CURSOR);
    }
    let gateway = Gateway::start();
    gateway.publish(&[&patch("quote.x", 0), &patch("quote.y", 0), &event("trade.x", 0)]);
    let mut session = Session::open(transport, &gateway, "topics=quote.*,trade.x");
    session.until("an at", |follower| follower.ats > 0);
    let seen = gateway.publish(&[&patch("quote.x", 1), &event("trade.x", 1)]);
    session.until_offset(seen);
    let snaps = session.follower.whys.len();
    gateway.publish(&[&patch("quote.x", 2), &patch("quote.z", 2), &event("trade.x", 2), &patch("quote.x", 3)]);
    let end = gateway.publish(&[&patch("quote.x", 4)]);
    let mut session = session.resume(&gateway);
    session.until_offset(end);
    assert_eq!(session.follower.whys[snaps..], ["born"], "entries answer, no snapshot but the birth's");
    assert_eq!(session.follower.events("trade.x").len(), 3);
    assert_as_snapshot(&gateway, "topics=quote.*,trade.x", &session.follower);
    // Nothing new: nothing but the cursor comes, and then what is new.
    let mut session = session.resume(&gateway);
    let before = session.follower.words.len();
    if transport != Transport::LongPoll {
        let ats = session.follower.ats;
        session.until("an at", |follower| follower.ats > ats);
        assert_eq!(session.follower.words.len(), before);
    }
    let end = gateway.publish(&[&patch("quote.x", 5)]);
    session.until_offset(end);
    assert_eq!(session.follower.words.len(), before + 1);
    assert_as_snapshot(&gateway, "topics=quote.*,trade.x", &session.follower);
    Proved
}

fn resume_anywhere(transport: Transport) -> Cell {
    if transport == Transport::Polling {
        return NotApplicable(NO_CURSOR);
    }
    let gateway = Gateway::start();
    let mut session = Session::open(transport, &gateway, "topics=%3E");
    // Follower as it was at each cursor that was stated.
    let mut stated: Vec<Follower> = Vec::new();
    let mut end = 0;
    for n in 0..12 {
        end = gateway.publish(&[
            &patch(&format!("quote.{}", n % 3), n),
            &event("trade.x", n),
            &patch(&format!("quote.{}", (n + 1) % 3), n),
        ]);
        if n % 5 == 4 {
            end = gateway.publish(&[&format!(r#"{{"topic":"quote.{}","retire":true}}"#, n % 3)]);
        }
        while session.follower.offset() < end {
            session.step();
            if session.follower.cursor != stated.last().and_then(|follower| follower.cursor.clone()) {
                stated.push(session.follower.clone());
            }
        }
    }
    assert!(stated.len() >= 12);
    for follower in stated {
        let cursor = follower.cursor.clone().unwrap();
        let mut again = Session::with(transport, &gateway, "topics=%3E", follower, Some(&cursor));
        if cursor != session.follower.cursor.clone().unwrap() {
            again.until_offset(end);
        }
        assert_eq!(again.follower.topics, session.follower.topics, "from {cursor}");
    }
    Proved
}

/// A log of four segments: older cursors are answered by snapshots.
fn short_log() -> Gateway {
    Gateway::with("shards = 2", "[limits]\nlog_segments_max = 4")
}

/// Pushes everything before out of a short log.
fn flood(gateway: &Gateway) -> u64 {
    (0..8).fold(0, |_, n| gateway.publish(&[&patch("flood", n + 1_000)]))
}

fn too_old(transport: Transport) -> Cell {
    if transport == Transport::Polling {
        return NotApplicable(NO_CURSOR);
    }
    let gateway = short_log();
    gateway.publish(&[&patch("quote.quiet", 0)]);
    gateway.publish(&[&patch("quote.x", 0)]);
    let mut session = Session::open(transport, &gateway, "topics=quote.*");
    session.until("an at", |follower| follower.ats > 0);
    let (snaps, words) = (session.follower.whys.len(), session.follower.words.len());
    let end = gateway.publish(&[&patch("quote.x", 1)]);
    flood(&gateway);
    let mut session = session.resume(&gateway);
    session.until_offset(end);
    assert_eq!(session.follower.whys[snaps..], ["resume"], "a quiet topic forces no snapshot");
    assert_eq!(session.follower.words.len(), words + 1);
    assert_eq!(session.follower.fulls, 0, "nothing died");
    assert_as_snapshot(&gateway, "topics=quote.*", &session.follower);
    let end = gateway.publish(&[&patch("quote.x", 2)]);
    session.until_offset(end);
    assert_as_snapshot(&gateway, "topics=quote.*", &session.follower);
    Proved
}

fn older_than_a_death(transport: Transport) -> Cell {
    if transport == Transport::Polling {
        return NotApplicable(NO_CURSOR);
    }
    let gateway = short_log();
    gateway.publish(&[&patch("quote.dies", 0), &patch("quote.x", 0), &event("trade.x", 0), &patch("quote.quiet", 0)]);
    let mut session = Session::open(transport, &gateway, "topics=quote.*,trade.x");
    session.until("an at", |follower| follower.ats > 0);
    let snaps = session.follower.whys.len();
    gateway.publish(&[r#"{"topic":"quote.dies","retire":true}"#, &event("trade.x", 1)]);
    let end = flood(&gateway);
    let mut session = session.resume(&gateway);
    session.until_offset(end);
    assert_eq!(session.follower.whys[snaps..], ["resume", "resume", "resume"]);
    assert_eq!(session.follower.fulls, 1);
    assert_eq!(session.follower.events("trade.x").len(), 2);
    assert!(!session.follower.topics.contains_key("quote.dies"));
    assert_as_snapshot(&gateway, "topics=quote.*,trade.x", &session.follower);
    let end = gateway.publish(&[&patch("quote.x", 2), &patch("quote.dies", 7)]);
    session.until_offset(end);
    assert_as_snapshot(&gateway, "topics=quote.*,trade.x", &session.follower);
    Proved
}

/// Told one by one they would close the stream as too far behind, again at every return.
fn many_deaths(transport: Transport) -> Cell {
    if transport == Transport::Polling {
        return NotApplicable(NO_CURSOR);
    }
    let gateway = Gateway::with("shards = 1", "[limits]\npending_entries_max = 16");
    let names: Vec<String> = (0..100).map(|n| format!("quote.dies-{n}")).collect();
    let births: Vec<String> = names.iter().map(|name| patch(name, 0)).collect();
    gateway.publish(&births.iter().map(String::as_str).chain([&*patch("quote.x", 0)]).collect::<Vec<_>>());
    let mut session = Session::open(transport, &gateway, "topics=quote.*");
    session.until("an at", |follower| follower.ats > 0);
    let deaths: Vec<String> = names.iter().map(|name| format!(r#"{{"topic":"{name}","retire":true}}"#)).collect();
    gateway.publish(&deaths.iter().map(String::as_str).collect::<Vec<_>>());
    let end = gateway.publish(&[&patch("quote.x", 1)]);
    let mut session = session.resume(&gateway);
    session.until_offset(end);
    assert_eq!((session.follower.fulls, session.follower.topics.len()), (1, 1));
    let end = gateway.publish(&[&patch("quote.x", 2)]);
    session.until_offset(end);
    assert_as_snapshot(&gateway, "topics=quote.*", &session.follower);
    Proved
}

fn foreign_epoch(transport: Transport) -> Cell {
    if transport == Transport::Polling {
        return NotApplicable(NO_CURSOR);
    }
    let first = Gateway::start();
    first.publish(&[&patch("quote.x", 0), &patch("quote.old", 0), &event("trade.x", 0)]);
    let mut session = Session::open(transport, &first, "topics=quote.*,trade.x");
    session.until("an at", |follower| follower.ats > 0);
    drop(first);
    let second = Gateway::start();
    second.publish(&[&event("trade.x", 5), &patch("quote.x", 9)]);
    let mut session = session.resume(&second);
    session.until("full", |follower| follower.fulls == 1);
    assert_eq!(session.follower.whys[3..], ["resume", "resume"]);
    assert_eq!(session.follower.lost, [None], "across epochs nobody knows what was lost");
    assert!(!session.follower.topics.contains_key("quote.old"));
    assert_as_snapshot(&second, "topics=quote.*,trade.x", &session.follower);
    let end = second.publish(&[&patch("quote.x", 10), &event("trade.x", 6)]);
    session.until_offset(end);
    assert_as_snapshot(&second, "topics=quote.*,trade.x", &session.follower);
    Proved
}

/// The topics that come under `query`, born before and born after.
fn covered(transport: Transport, query: &str, before: &[&str], after: &[&str]) -> Vec<String> {
    let gateway = Gateway::start();
    for topic in before {
        gateway.publish(&[&patch(topic, 0)]);
    }
    let mut session = Session::open(transport, &gateway, query);
    session.until("an at", |follower| follower.ats > 0);
    let mut lines: Vec<String> = after.iter().map(|topic| patch(topic, 1)).collect();
    lines.push(patch(before[0], 2));
    let end = gateway.publish(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    session.until_offset(end);
    assert_as_snapshot(&gateway, query, &session.follower);
    session.follower.topics.keys().cloned().collect()
}

fn one_token(transport: Transport) -> Cell {
    let before = ["score.nhl.1", "score.nhl", "score.nhl.1.2", "score.khl.1"];
    let got = covered(transport, "topics=score.nhl.*", &before, &["score.nhl.2", "score.nhl.2.3", "slate.nhl.1"]);
    assert_eq!(got, ["score.nhl.1", "score.nhl.2"]);
    Proved
}

fn the_rest(transport: Transport) -> Cell {
    let before = ["score.nhl.1", "score", "quote.x"];
    let got = covered(transport, "topics=score.%3E", &before, &["score.nhl.2.3", "score.a", "scores.a"]);
    assert_eq!(got, ["score.a", "score.nhl.1", "score.nhl.2.3"]);
    Proved
}

fn born_later(transport: Transport, query: &str) {
    let gateway = Gateway::start();
    let mut session = Session::open(transport, &gateway, query);
    session.until("an at", |follower| follower.ats > 0);
    let end = gateway.publish(&[
        &patch("quote.x", 0),
        &patch("quote.x", 1),
        &event("trade.x", 0),
        &event("trade.x", 1),
        r#"{"topic":"quote.empty","state":{}}"#,
    ]);
    session.until_offset(end);
    if transport != Transport::Polling {
        assert_eq!(session.follower.whys, ["born", "born", "born"]);
        let kinds: Vec<&str> = session.follower.words.iter().map(|(t, ..)| t.as_str()).collect();
        assert_eq!(kinds, ["snap", "delta", "snap", "append", "snap"]);
    }
    assert_eq!(session.follower.topics.len(), 3);
    assert_as_snapshot(&gateway, query, &session.follower);
}

fn born_under_pattern(transport: Transport) -> Cell {
    born_later(transport, "topics=quote.*,trade.%3E");
    Proved
}

fn born_under_name(transport: Transport) -> Cell {
    born_later(transport, "topics=quote.x,trade.x,quote.empty");
    Proved
}

fn several(transport: Transport) -> Cell {
    let gateway = Gateway::start();
    gateway.publish(&[&patch("quote.x", 0), &patch("quote.y", 0), &event("trade.x", 0), &patch("score.nhl.1", 0)]);
    // Overlapping on purpose: each topic comes once.
    let query = "topics=quote.x,quote.*,trade.x&topics=score.%3E,score.nhl.1,quote.x";
    let mut session = Session::open(transport, &gateway, query);
    session.until("an at", |follower| follower.ats > 0);
    assert_eq!(session.follower.whys, ["subscribe"; 4]);
    let end = gateway.publish(&[
        &patch("quote.x", 1),
        &patch("score.nhl.2", 1),
        &event("trade.x", 1),
        &event("trade.y", 1),
        &patch("quote.y", 2),
        &patch("quote.x", 3),
    ]);
    session.until_offset(end);
    assert_eq!(session.follower.topics.len(), 5);
    assert_as_snapshot(&gateway, query, &session.follower);
    Proved
}

fn rebirth(transport: Transport) -> Cell {
    let gateway = Gateway::start();
    gateway.publish(&[&patch("score.1", 0), &patch("score.1", 1)]);
    let mut session = Session::open(transport, &gateway, "topics=score.*");
    session.until("an at", |follower| follower.ats > 0);
    let first = session.follower.topics["score.1"].seq;
    let end = gateway.publish(&[r#"{"topic":"score.1","retire":true}"#, &patch("score.2", 0)]);
    session.until_offset(end);
    assert!(!session.follower.topics.contains_key("score.1"), "{:#?}", session.follower);
    if transport != Transport::Polling {
        assert_eq!(session.follower.gone, ["score.1"]);
    }
    let end = gateway.publish(&[r#"{"topic":"score.1","state":{"reborn":true}}"#]);
    session.until_offset(end);
    assert!(session.follower.topics["score.1"].seq > first);
    assert_eq!(session.follower.state("score.1"), Some(&json!({"reborn":true})));
    assert_as_snapshot(&gateway, "topics=score.*", &session.follower);
    // Death and birth in one batch, and of another kind.
    let end = gateway.publish(&[r#"{"topic":"alert","event":{"id":"1"}}"#]);
    let mut alerts = Session::open(transport, &gateway, "topics=alert");
    alerts.until_offset(end);
    let end =
        gateway.publish(&[r#"{"topic":"alert","retire":true}"#, r#"{"topic":"alert","state":{"now":"a state"}}"#]);
    alerts.until_offset(end);
    assert_eq!(alerts.follower.state("alert"), Some(&json!({"now":"a state"})));
    Proved
}

fn slept_through_death(transport: Transport) -> Cell {
    if transport == Transport::Polling {
        return NotApplicable(NO_CURSOR);
    }
    let gateway = Gateway::start();
    gateway.publish(&[&patch("score.1", 0), &patch("score.2", 0)]);
    let mut session = Session::open(transport, &gateway, "topics=score.*");
    session.until("an at", |follower| follower.ats > 0);
    let retire = r#"{"topic":"score.1","retire":true}"#;
    let end =
        gateway.publish(&[&patch("score.1", 1), retire, r#"{"topic":"score.2","retire":true}"#, &patch("score.2", 5)]);
    let mut session = session.resume(&gateway);
    session.until_offset(end);
    assert_eq!(session.follower.gone, ["score.1", "score.2"]);
    assert_as_snapshot(&gateway, "topics=score.*", &session.follower);
    Proved
}

fn marks(transport: Transport) -> Cell {
    let gateway = Gateway::start();
    gateway.publish(&[&patch("quote.x", 0), &event("trade.x", 0)]);
    let mut session = Session::open(transport, &gateway, "topics=quote.x,trade.x");
    session.until("an at", |follower| follower.ats > 0);
    gateway.feed(vec![
        ("quote.x", Change::Stale(true)),
        ("trade.x", Change::Stale(true)),
        ("quote.x", Change::Stale(true)),
    ]);
    session.until("stale", |follower| follower.topics.values().all(|topic| topic.stale));
    assert_as_snapshot(&gateway, "topics=quote.x,trade.x", &session.follower);
    // A newcomer is told too.
    let mut late = Session::open(transport, &gateway, "topics=quote.x");
    late.until("an at", |follower| follower.ats > 0);
    assert!(late.follower.topics["quote.x"].stale);
    // Fresh by word, and fresh by data.
    gateway.feed(vec![("quote.x", Change::Stale(false))]);
    let end = gateway.publish(&[&event("trade.x", 1)]);
    session.until_offset(end);
    session.until("fresh", |follower| follower.topics.values().all(|topic| !topic.stale));
    late.until("fresh", |follower| !follower.topics["quote.x"].stale);
    if transport != Transport::Polling {
        let marks = session.follower.words.iter().filter(|(t, ..)| t == "mark").count();
        assert_eq!(marks, 4);
    }
    assert_as_snapshot(&gateway, "topics=quote.x,trade.x", &session.follower);
    Proved
}

fn reset(transport: Transport) -> Cell {
    let gateway = Gateway::start();
    gateway.publish(&[r#"{"topic":"book.x","state":{"bid":{"1":1,"2":2}}}"#]);
    let mut session = Session::open(transport, &gateway, "topics=book.x");
    session.until("an at", |follower| follower.ats > 0);
    let seq = session.follower.topics["book.x"].seq;
    gateway.feed(vec![("book.x", Change::Stale(true)), ("book.x", Change::Reset(object(r#"{"bid":{"3":3}}"#)))]);
    let end = gateway.publish(&[r#"{"topic":"book.x","patch":{"bid":{"4":4}}}"#]);
    session.until_offset(end);
    assert_eq!(session.follower.state("book.x"), Some(&json!({"bid":{"3":3,"4":4}})));
    assert_eq!(session.follower.topics["book.x"].seq, seq + 2);
    assert!(!session.follower.topics["book.x"].stale);
    if transport != Transport::Polling {
        assert_eq!(session.follower.whys, ["subscribe", "reset"]);
        // And over a resume.
        gateway.feed(vec![("book.x", Change::Reset(object(r#"{"bid":{}}"#)))]);
        session = session.resume(&gateway);
        session.until("the second reset", |follower| follower.whys.len() == 3);
        assert_eq!(session.follower.whys[2], "reset");
    }
    assert_as_snapshot(&gateway, "topics=book.x", &session.follower);
    Proved
}

fn lost(transport: Transport) -> Cell {
    if transport == Transport::Polling {
        return NotApplicable("a loss is an entry, and a snapshot holds only events that there are");
    }
    let gateway = Gateway::start();
    gateway.publish(&[&event("trade.x", 0), &event("trade.x", 1)]);
    let mut session = Session::open(transport, &gateway, "topics=trade.x");
    session.until("an at", |follower| follower.ats > 0);
    gateway.feed(vec![("trade.x", Change::Lost(Some(7))), ("trade.none", Change::Lost(Some(7)))]);
    let end = gateway.publish(&[&event("trade.x", 2)]);
    session.until_offset(end);
    assert_eq!((&session.follower.lost[..], session.follower.events("trade.x").len()), (&[Some(7)][..], 3));
    gateway.feed(vec![("trade.x", Change::Lost(None))]);
    let mut session = session.resume(&gateway);
    let end = gateway.publish(&[&event("trade.x", 3)]);
    session.until_offset(end);
    assert_eq!((&session.follower.lost[..], session.follower.events("trade.x").len()), (&[Some(7), None][..], 4));
    assert_as_snapshot(&gateway, "topics=trade.x", &session.follower);
    Proved
}

fn num_string(transport: Transport) -> Cell {
    let gateway = Gateway::start();
    gateway.publish(&[r#"{"topic":"quote.x","state":{"bid":1.50,"deep":{"1.5":-2e-3},"s":"7","list":[1,"2"]}}"#]);
    gateway.publish(&[r#"{"topic":"trade.x","event":{"id":"49","price":65083.70}}"#]);
    let mut session = Session::open(transport, &gateway, "topics=quote.x,trade.x&num=string");
    session.until("an at", |follower| follower.ats > 0);
    let want = json!({"bid":"1.5","deep":{"1.5":"-0.002"},"s":"7","list":["1","2"]});
    assert_eq!(session.follower.state("quote.x"), Some(&want));
    let end = gateway.publish(&[
        r#"{"topic":"quote.x","patch":{"bid":1.25,"s":"a\"1\\"}}"#,
        r#"{"topic":"trade.x","event":{"id":"50","price":1}}"#,
        r#"{"topic":"quote.x","patch":{"bid":12345678901234567890.125}}"#,
    ]);
    session.until_offset(end);
    let want = json!({"bid":"12345678901234567890.125","deep":{"1.5":"-0.002"},"s":"a\"1\\","list":["1","2"]});
    assert_eq!(session.follower.state("quote.x"), Some(&want));
    assert_eq!(
        session.follower.events("trade.x"),
        [&json!({"id":"49","price":"65083.7"}), &json!({"id":"50","price":"1"})]
    );
    assert!(session.follower.topics["quote.x"].seq > 1, "numbers outside data stay numbers");
    Proved
}

fn ids(transport: Transport) -> Cell {
    let gateway = Gateway::start();
    gateway.publish(&[&patch("quote.x", 0), &event("trade.x", 0)]);
    let query = "topics=quote.*,trade.x&ids=1";
    let mut session = Session::open(transport, &gateway, query);
    session.until("an at", |follower| follower.ats > 0);
    let end =
        gateway.publish(&[&patch("quote.x", 1), &event("trade.x", 1), &patch("quote.y", 1), &patch("quote.y", 2)]);
    session.until_offset(end);
    if transport != Transport::Polling {
        let end = gateway.publish(&[&patch("quote.x", 3), &patch("quote.y", 3), &event("trade.x", 3)]);
        session = session.resume(&gateway);
        session.until_offset(end);
    }
    assert_as_snapshot(&gateway, "topics=quote.*,trade.x", &session.follower);
    Proved
}

fn ids_over_rebirth(transport: Transport) -> Cell {
    if transport == Transport::Polling {
        return NotApplicable(NO_CURSOR);
    }
    let gateway = Gateway::start();
    gateway.publish(&[&patch("quote.x", 0), &patch("quote.y", 0)]);
    let mut session = Session::open(transport, &gateway, "topics=quote.*&ids=1");
    session.until("an at", |follower| follower.ats > 0);
    let retire = r#"{"topic":"quote.x","retire":true}"#;
    let end = gateway.publish(&[&patch("quote.x", 1), retire, &patch("quote.x", 2), &patch("quote.x", 3)]);
    let mut session = session.resume(&gateway);
    session.until_offset(end);
    assert_eq!(session.follower.gone, ["quote.x"]);
    assert_as_snapshot(&gateway, "topics=quote.*", &session.follower);
    Proved
}

fn exact(transport: Transport) -> Cell {
    let gateway = Gateway::start();
    let numbers = "0.1234567890123456789012345,12345678901234567890.5,0.00000001,100000000000000000000,-0.7";
    gateway.publish(&[&format!(r#"{{"topic":"quote.x","state":{{"a":[{numbers}],"b":1.10}}}}"#)]);
    let mut session = Session::open(transport, &gateway, "topics=quote.x");
    session.until("an at", |follower| follower.ats > 0);
    let data = |session: &Session| session.follower.words.last().unwrap().3.clone();
    assert_eq!(data(&session), format!(r#"{{"a":[{numbers}],"b":1.1}}"#));
    let end = gateway.publish(&[r#"{"topic":"quote.x","patch":{"b":9007199254740993.00000000000001000}}"#]);
    session.until_offset(end);
    assert!(data(&session).ends_with(r#""b":9007199254740993.00000000000001}"#), "{}", data(&session));
    Proved
}

fn line_breaks(transport: Transport) -> Cell {
    let gateway = Gateway::start();
    let text = r#"a\r\nb\n\ndata: {\"t\":\"bye\"}\n\nid: 7\u0000\u2028\u2029\ud83d\ude00"#;
    let want = "a\r\nb\n\ndata: {\"t\":\"bye\"}\n\nid: 7\0\u{2028}\u{2029}😀";
    gateway.publish(&[&format!(r#"{{"topic":"quote.x","state":{{"{text}":"{text}"}}}}"#)]);
    let mut session = Session::open(transport, &gateway, "topics=quote.x,trade.x");
    session.until("an at", |follower| follower.ats > 0);
    assert_eq!(session.follower.state("quote.x"), Some(&json!({want: want})));
    let end = gateway.publish(&[
        &format!(r#"{{"topic":"trade.x","event":{{"id":"{text}","raw":"{}"}}}}"#, "\u{2028}\u{feff}\u{85}"),
        &format!(r#"{{"topic":"quote.x","patch":{{"{text}":null,"x":"{text}"}}}}"#),
    ]);
    session.until_offset(end);
    assert_eq!(session.follower.state("quote.x"), Some(&json!({"x": want})));
    assert_eq!(session.follower.events("trade.x"), [&json!({"id": want, "raw": "\u{2028}\u{feff}\u{85}"})]);
    Proved
}

/// SAME-WORDS: from the same cursor, where entries answer it, every transport delivers the same (t, topic, seq, data)
/// in the same order.
#[test]
fn same_words() {
    let gateway = Gateway::start();
    gateway.publish(&[&patch("quote.x", 0), &event("trade.x", 0), &patch("score.1", 0)]);
    let cursor = gateway.cursor();
    let mut live: Vec<Session> = [Transport::WebSocket, Transport::Sse, Transport::LongPoll]
        .into_iter()
        .map(|transport| {
            Session::with(transport, &gateway, "topics=quote.*,trade.x,score.*", seeded(&gateway), Some(&cursor))
        })
        .collect();
    for n in 1..30 {
        gateway.publish(&[&patch("quote.x", n), &event("trade.x", n), &patch(&format!("quote.b{}", n % 4), n)]);
        if n % 7 == 0 {
            gateway.feed(vec![("quote.x", Change::Stale(true)), ("trade.x", Change::Lost(Some(2)))]);
            gateway.feed(vec![("score.1", Change::Reset(object(r#"{"n":0}"#)))]);
        }
        if n % 11 == 0 {
            gateway.publish(&[r#"{"topic":"score.1","retire":true}"#, &patch("score.1", n)]);
        }
    }
    let end = gateway.publish(&[&patch("quote.x", 99)]);
    let mut all: Vec<(String, Vec<Word>, Follower)> = Vec::new();
    for session in &mut live {
        session.until_offset(end);
        let name = format!("{:?} live", session.transport);
        all.push((name, session.follower.words.clone(), session.follower.clone()));
    }
    for transport in [Transport::WebSocket, Transport::Sse, Transport::LongPoll] {
        let mut late =
            Session::with(transport, &gateway, "topics=quote.*,trade.x,score.*", seeded(&gateway), Some(&cursor));
        late.until_offset(end);
        all.push((format!("{transport:?} resumed"), late.follower.words.clone(), late.follower.clone()));
    }
    let (_, words, follower) = &all[0];
    assert!(words.len() > 100);
    assert_as_snapshot(&gateway, "topics=quote.*,trade.x,score.*", follower);
    for (name, others, _) in &all[1..] {
        assert_eq!(others, words, "{name}");
    }
}

/// What a client knows that holds the three first topics at their births.
fn seeded(gateway: &Gateway) -> Follower {
    let _ = gateway;
    let mut follower = Follower::default();
    let topics = [
        ("quote.x", 1, Data::State(json!({"n":0,"last":{"by":"p0","x":1}}))),
        ("trade.x", 2, Data::Events(vec![(2, json!({"id":"e0","price":0.5}))])),
        ("score.1", 3, Data::State(json!({"n":0,"last":{"by":"p0","x":1}}))),
    ];
    for (name, seq, data) in topics {
        follower.topics.insert(name.into(), crate::follower::Topic { seq, n: 0, data, stale: false });
    }
    follower
}
