//! Sessions as a gateway might tell them, good and bad.

use super::*;
use crate::scan::scan;

const HELLO: &str = r#"{"t":"hello","v":1,"id":"c-1","epoch":"e"}"#;
const FIRST: &str = r#"{"t":"snap","topic":"trade.soak.0","n":5,"from":4,"seq":6,"why":"subscribe","data":[{"k":1,"sent":1},{"k":2,"sent":1}]}"#;

fn at(offset: u64) -> String {
    format!(r#"{{"t":"at","cursor":"e:{offset}"}}"#)
}

fn append(seq: u64, offset: u64, k: u64) -> String {
    let from = seq - 1;
    format!(
        r#"{{"t":"append","topic":"trade.soak.0","from":{from},"seq":{seq},"o":{offset},"data":[{{"k":{k},"sent":1}}]}}"#
    )
}

fn born(topic: &str, n: u64) -> String {
    format!(r#"{{"t":"snap","topic":"{topic}","n":{n},"seq":{n},"o":{n},"why":"born","data":{{"k":1,"sent":1}}}}"#)
}

fn gone(topic: &str, seq: u64, offset: u64) -> String {
    format!(r#"{{"t":"gone","topic":"{topic}","seq":{seq},"o":{offset}}}"#)
}

fn quiet(message: &str) -> String {
    let at = message.find(r#","o":"#).unwrap();
    let end = at + 1 + message[at + 1..].find([',', '}']).unwrap();
    format!("{}{}", &message[..at], &message[end..])
}

fn tell(copy: &mut Copy, messages: &[&str]) -> Result<(), Breach> {
    let stamps = StampFinder::default();
    messages.iter().try_for_each(|json| copy.take(&scan(json.as_bytes()).unwrap(), None, &stamps))
}

fn live() -> Copy {
    let mut copy = Copy::new(vec![b"trade.soak.0"[..].into()], true);
    assert_eq!(copy.begin(false), None);
    tell(&mut copy, &[HELLO, FIRST, &at(9), &append(7, 10, 3)]).unwrap();
    copy
}

#[test]
fn a_life_of_sessions() {
    let mut copy = live();
    assert_eq!((copy.is_live(), copy.newest(b"trade.soak.0")), (true, Some(3)));
    tell(&mut copy, &[&born("quote.soak.7", 11), &gone("quote.soak.7", 11, 12)]).unwrap();
    assert_eq!((copy.account.births, copy.account.ends, copy.held()), (1, 1, 1));
    assert_eq!(copy.begin(true).as_deref(), Some("e:12"));
    tell(&mut copy, &[HELLO, &append(8, 13, 4), &at(13), &append(9, 14, 5)]).unwrap();
    // Behind, told what is lost, whole again.
    let lag = r#"{"t":"snap","topic":"trade.soak.0","n":5,"from":19,"seq":20,"why":"lag","lost":10,"data":[{"k":16,"sent":1}]}"#;
    tell(&mut copy, &[lag, &quiet(&append(21, 1, 17)), &at(40), &append(22, 41, 18)]).unwrap();
    assert_eq!((copy.account.lags, copy.account.lost, copy.newest(b"trade.soak.0")), (1, 10, Some(18)));
}

#[test]
fn what_a_cursor_behind_brings_again_is_passed_over() {
    let mut copy = live();
    let lag =
        r#"{"t":"snap","topic":"trade.soak.0","n":5,"from":7,"seq":8,"why":"lag","lost":0,"data":[{"k":4,"sent":1}]}"#;
    let short = (quiet(&born("quote.soak.7", 12)), quiet(&gone("quote.soak.7", 12, 13)));
    tell(&mut copy, &[lag, &short.0, &short.1]).unwrap();
    // The stream broke before the at: the cursor is that of the last entry that stated one.
    assert_eq!(copy.begin(true).as_deref(), Some("e:10"));
    let again = [HELLO, &append(8, 11, 4), &born("quote.soak.7", 12), &gone("quote.soak.7", 12, 13), &append(9, 14, 5)];
    tell(&mut copy, &again).unwrap();
    assert_eq!((copy.newest(b"trade.soak.0"), copy.held()), (Some(5), 1));
    // From a cursor that says all that is held, nothing may come again.
    tell(&mut copy, &[&at(14)]).unwrap();
    copy.begin(true);
    assert_eq!(tell(&mut copy, &[HELLO, &append(9, 15, 5)]).unwrap_err().what, "seq");
}

#[test]
fn a_full_answer_deletes_what_it_does_not_name() {
    let mut copy = live();
    tell(&mut copy, &[&born("quote.soak.7", 11)]).unwrap();
    copy.begin(true);
    let resume = r#"{"t":"snap","topic":"trade.soak.0","n":5,"from":6,"seq":8,"why":"resume","lost":0,"data":[{"k":3,"sent":1},{"k":4,"sent":1}]}"#;
    tell(&mut copy, &[HELLO, resume, r#"{"t":"at","cursor":"e:20","full":true}"#]).unwrap();
    assert_eq!((copy.held(), copy.account.full), (1, 1));
}

#[test]
fn what_may_not_be_told() {
    let lag = |lost: &str| {
        format!(
            r#"{{"t":"snap","topic":"trade.soak.0","n":5,"from":19,"seq":20,"why":"lag","lost":{lost},"data":[{{"k":16,"sent":1}}]}}"#
        )
    };
    for (messages, what) in [
        (vec![append(9, 11, 5)], "seq"),
        (vec![append(7, 11, 3)], "seq"),
        (vec![append(8, 11, 5)], "message"),
        (vec![append(8, 10, 4)], "offset"),
        (vec![lag("9")], "lost"),
        (vec![lag("null")], "lost"),
        (vec![lag("12"), append(21, 41, 17)], "offset"),
        (vec![lag("12").replace("\"lost\":12,", "")], "lost"),
        (vec![lag("12").replace("\"k\":16", "\"k\":15")], "message"),
        (vec![FIRST.to_owned()], "snapshot"),
        (vec![gone("quote.soak.7", 12, 13)], "gone"),
        (vec![born("quote.soak.7", 11), born("quote.soak.7", 12)], "snapshot"),
        (vec![at(8)], "cursor"),
        (vec![r#"{"t":"at","cursor":"f:80"}"#.to_owned()], "cursor"),
        (vec![r#"{"t":"bye","code":"draining"}"#.to_owned()], "the gateway complains"),
    ] {
        let mut copy = live();
        let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
        assert_eq!(tell(&mut copy, &messages).unwrap_err().what, what, "{messages:?}");
    }
    let mut copy = Copy::new(vec![b"trade.soak.0"[..].into()], true);
    copy.begin(false);
    assert_eq!(tell(&mut copy, &[HELLO, &at(9)]).unwrap_err().what, "the end of the first snapshots");
}
