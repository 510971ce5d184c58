//! What a connection may be told, and what not.

use super::*;
use crate::scan::scan;

const HELLO: &str = r#"{"t":"hello","v":1}"#;
const SNAP: &str =
    r#"{"t":"snap","topic":"trade.load.3","from":8,"seq":9,"why":"subscribe","data":[{"k":1,"sent":2}]}"#;
const AT: &str = r#"{"t":"at","cursor":"e:9"}"#;
const LATER: &str = r#"{"t":"at","cursor":"e:20"}"#;

fn append(from: u64, seq: u64, offset: u64, ks: &[u64]) -> String {
    let events: Vec<String> = ks.iter().map(|k| format!(r#"{{"k":{k},"sent":5}}"#)).collect();
    let events = events.join(",");
    format!(r#"{{"t":"append","topic":"trade.load.3","from":{from},"seq":{seq},"o":{offset},"data":[{events}]}}"#)
}

fn tell(messages: &[&str]) -> Result<(Ledger, Tally), Breach> {
    let (mut ledger, mut tally) = (Ledger::new("trade.load.", &[3]), Tally::default());
    for json in messages {
        let message = scan(json.as_bytes()).unwrap();
        ledger.take(&message, None, &StampFinder::default(), &mut tally, 100)?;
    }
    Ok((ledger, tally))
}

#[test]
fn what_may_be_told() {
    let (ledger, tally) =
        tell(&[HELLO, SNAP, AT, &append(9, 10, 20, &[2]), LATER, &append(10, 12, 22, &[3, 4])]).unwrap();
    assert!(ledger.is_whole());
    assert_eq!((tally.deliveries, tally.snapshots, tally.lags), (3, 1, 0));
    assert_eq!(ledger.first_behind(|_| 4), None);
    assert_eq!(ledger.first_behind(|_| 5).unwrap().expected, "message 5");
    let lag =
        r#"{"t":"snap","topic":"trade.load.3","from":18,"seq":20,"why":"lag","lost":8,"data":[{"k":12,"sent":2}]}"#;
    let (ledger, tally) =
        tell(&[HELLO, SNAP, AT, &append(9, 10, 20, &[2]), lag, LATER, &append(20, 21, 40, &[13])]).unwrap();
    assert_eq!((tally.lags, tally.lost, ledger.returns()), (1, 8, 1));
    let early = tell(&[HELLO, SNAP, AT, &append(9, 10, 20, &[2]), lag, &append(20, 21, 40, &[13])]).unwrap_err();
    assert_eq!(early.expected, "none before the at that ends a lag");
}

const STATE: &str = r#"{"t":"snap","topic":"quote.load.3","seq":9,"why":"subscribe","data":{"k":1,"f1":1,"sent":2}}"#;

fn delta(from: Option<u64>, seq: u64, data: &str) -> String {
    let from = from.map(|from| format!(r#""from":{from},"#)).unwrap_or_default();
    format!(r#"{{"t":"delta","topic":"quote.load.3",{from}"seq":{seq},"data":{{{data},"sent":5}}}}"#)
}

fn audit(messages: &[&str]) -> Result<(Ledger, Tally), Breach> {
    let (mut ledger, mut tally) = (Ledger::new("quote.load.", &[3]).audited(), Tally::default());
    for json in messages {
        ledger.take(&scan(json.as_bytes()).unwrap(), None, &StampFinder::default(), &mut tally, 100)?;
    }
    Ok((ledger, tally))
}

#[test]
fn a_rate_skips_and_says_so() {
    let tick = STATE.replace("subscribe", "rate").replace(r#""seq":9"#, r#""seq":12"#).replace(r#""k":1"#, r#""k":4"#);
    let (ledger, tally) = audit(&[HELLO, STATE, &tick, AT, &delta(Some(12), 15, r#""k":7,"f1":null"#), LATER]).unwrap();
    assert_eq!((tally.ticks, tally.lags, tally.deliveries), (1, 0, 1));
    let newest = |json: &str| Newest::from([(3, (15, json.as_bytes().to_vec()))]);
    assert_eq!(ledger.first_unlike(&newest(r#"{"sent":5,"k":7}"#)), None);
    let unlike = ledger.first_unlike(&newest(r#"{"sent":5,"k":7,"f1":1}"#)).unwrap();
    assert_eq!(unlike.what, "what is held");
    let skipped = audit(&[HELLO, STATE, AT, &delta(Some(9), 15, r#""k":6"#)]).unwrap_err();
    assert_eq!((skipped.expected, skipped.got), ("7".into(), "6".into()));
}

#[test]
fn a_snapshot_of_what_is_held_is_compared() {
    let again = STATE.replace("subscribe", "lag").replace(r#""f1":1"#, r#""f1":2"#);
    assert_eq!(audit(&[HELLO, STATE, AT, &again]).unwrap_err().what, "what is held");
}

#[test]
fn plain_polls_tell_anew() {
    let (mut ledger, mut tally) = (Ledger::new("trade.load.", &[3]), Tally::default());
    let mut poll = |json: &str, cursor: &[u8]| {
        ledger.begin_answer(false);
        let taken = ledger.take(&scan(json.as_bytes()).unwrap(), None, &StampFinder::default(), &mut tally, 100);
        taken.and_then(|()| ledger.end_answer(cursor))
    };
    poll(SNAP, b"e:9").unwrap();
    let later = r#"{"t":"snap","topic":"trade.load.3","from":11,"seq":13,"why":"subscribe","data":[{"k":4,"sent":2},{"k":5,"sent":2}]}"#;
    poll(later, b"e:20").unwrap();
    assert_eq!(poll(SNAP, b"e:21").unwrap_err().what, "snapshot's seq");
    assert_eq!(poll(later, b"e:19").unwrap_err().what, "cursor");
    assert_eq!((tally.deliveries, tally.lost), (2, 2));
}

#[test]
fn what_may_not() {
    let second = SNAP.replace("\"seq\":9", "\"seq\":10");
    let silent =
        r#"{"t":"snap","topic":"trade.load.3","from":18,"seq":20,"why":"lag","data":[{"k":12,"sent":2}]}"#.to_owned();
    let elsewhere = append(9, 10, 20, &[2]).replace("load.3", "load.4");
    for (messages, what) in [
        (vec![SNAP.to_owned()], "first message"),
        (vec![HELLO.to_owned(), append(9, 10, 20, &[2])], "entry"),
        (vec![HELLO.to_owned(), AT.to_owned()], "the end of the first snapshots"),
        (vec![HELLO.to_owned(), SNAP.to_owned(), second], "snapshot"),
        (vec![HELLO.to_owned(), SNAP.to_owned(), append(10, 11, 20, &[2])], "seq"),
        (vec![HELLO.to_owned(), SNAP.to_owned(), append(8, 9, 20, &[2])], "seq"),
        (vec![HELLO.to_owned(), SNAP.to_owned(), append(9, 10, 20, &[3])], "message"),
        (vec![HELLO.to_owned(), SNAP.to_owned(), append(9, 11, 20, &[2])], "messages in an entry"),
        (vec![HELLO.to_owned(), SNAP.to_owned(), append(9, 10, 0, &[2])], "offset"),
        (vec![HELLO.to_owned(), SNAP.to_owned(), elsewhere], "topic"),
        (vec![HELLO.to_owned(), SNAP.to_owned(), LATER.to_owned(), append(9, 10, 20, &[2])], "offset"),
        (vec![HELLO.to_owned(), SNAP.to_owned(), LATER.to_owned(), AT.to_owned()], "cursor"),
        (vec![HELLO.to_owned(), SNAP.to_owned(), silent], "lost"),
        (vec![HELLO.to_owned(), r#"{"t":"bye","code":"draining"}"#.to_owned()], "the gateway complains"),
    ] {
        let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
        assert_eq!(tell(&messages).unwrap_err().what, what, "{messages:?}");
    }
}

#[test]
fn a_breach_names_everything() {
    let breach = tell(&[HELLO, SNAP, &append(11, 12, 20, &[2])]).unwrap_err();
    assert_eq!(breach.to_string(), "seq, topic trade.load.3: expected 10, got 12");
}
