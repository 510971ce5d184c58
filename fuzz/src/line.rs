//! Publish lines: a line is taken exactly if it is one of the four forms; what is then stored and logged is what RFC 7396
//! says of what was taken, digit by digit (EXACT).

use super::exact::Tree;
use super::follower::Follower;
use super::stage::{LINES_MAX, Stage, message};
use fanwire::store::Content;
use fanwire::transport::publish::parse_line;
use feeds::model::{Change, Update};
use std::collections::BTreeMap;

/// What the oracle holds of the topics that are alive: a state, or events without end.
type Truth = BTreeMap<String, Result<Tree, Vec<Tree>>>;

/// The input is a body of lines.
pub fn check(bytes: &[u8]) {
    let mut stage = Stage::new(LINES_MAX);
    let mut truth = Truth::new();
    for line in bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).take(LINES_MAX) {
        let read = Tree::read(line);
        let taken = parse_line(line);
        if let Err(malformed) = &taken {
            assert!(["bad_json", "bad_line", "bad_topic"].contains(&malformed.code), "{malformed:?}");
            let fine = read.as_ref().is_some_and(|read| read.depth() <= 32 && read.fits());
            assert!(!(fine && malformed.code == "bad_json"), "{malformed:?}: {}", line.escape_ascii());
            assert!(!(fine && is_one_of_the_forms(read.as_ref())), "{malformed:?}: {}", line.escape_ascii());
        }
        let Ok(update) = taken else { continue };
        let read = read.unwrap_or_else(|| panic!("serde_json does not take {}", line.escape_ascii()));
        assert!(is_one_of_the_forms(Some(&read)), "{read:?}");
        assert_eq!(update.topic.as_str(), read.text("topic").unwrap_or_default());
        assert_same_words(&update, &read);
        if stage.apply(update).is_ok() {
            note(&mut truth, &read);
        }
    }
    assert_stored(&stage, &truth);
    assert_logged(&stage, &truth);
}

fn is_one_of_the_forms(line: Option<&Tree>) -> bool {
    let Some(line @ Tree::Map(members)) = line else { return false };
    let object = |key: &str| matches!(line.get(key), Some(Tree::Map(_)));
    let said = [object("patch"), object("state"), object("event"), line.get("retire") == Some(&Tree::Bool(true))];
    let known = members.keys().all(|key| ["topic", "te", "patch", "state", "event", "retire"].contains(&key.as_str()));
    let name = line.text("topic").is_some_and(|name| feeds::model::Topic::new(name).is_ok());
    let te = match line.get("te") {
        None => true,
        Some(Tree::Number(te)) => te.text().parse::<i64>().is_ok(),
        Some(_) => false,
    };
    let says = members.keys().filter(|key| !["topic", "te"].contains(&key.as_str())).count();
    known && name && te && says == 1 && said.contains(&true)
}

/// The update holds what the line does, every digit of it.
fn assert_same_words(update: &Update, line: &Tree) {
    let (object, key) = match &update.change {
        Change::Patch(object) => (object, "patch"),
        Change::State(object) => (object, "state"),
        Change::Event(object) => (object, "event"),
        _ => return assert_eq!(line.get("retire"), Some(&Tree::Bool(true))),
    };
    let printed = object.to_string();
    assert_eq!(Tree::read(printed.as_bytes()).as_ref(), line.get(key), "{printed}");
}

fn note(truth: &mut Truth, line: &Tree) {
    let name = line.text("topic").expect("checked").to_owned();
    let clean = |value: &Tree| Tree::patched(None, value).expect("an object");
    if let Some(patch) = line.get("patch") {
        let before = truth.remove(&name).and_then(Result::ok).unwrap_or(Tree::empty());
        truth.insert(name, Ok(Tree::patched(Some(before), patch).expect("an object")));
    } else if let Some(state) = line.get("state") {
        truth.insert(name, Ok(clean(state)));
    } else if let Some(event) = line.get("event") {
        let mut event = clean(event);
        if let (Tree::Map(members), Some(te)) = (&mut event, line.get("te")) {
            members.entry("te".to_owned()).or_insert_with(|| te.clone());
        }
        if let Err(events) = truth.entry(name).or_insert(Err(Vec::new())) {
            events.push(event);
        }
    } else {
        truth.remove(&name);
    }
}

fn assert_stored(stage: &Stage, truth: &Truth) {
    assert_eq!(stage.store.all().count(), truth.len());
    for (name, truth) in truth {
        let snapshot = stage.snapshot(name).unwrap_or_else(|| panic!("{name} is not stored"));
        let data = Tree::read(&snapshot.data(false)).expect("a snapshot is JSON");
        let quoted = Tree::read(&snapshot.data(true)).expect("a snapshot is JSON");
        assert_eq!(quoted, data.quoted(), "{name} with its numbers as text");
        match (&snapshot.content, truth) {
            (Content::State(_), Ok(state)) => assert_eq!(&data, state, "{name}"),
            (Content::Events(kept), Err(events)) => {
                let last = &events[events.len().saturating_sub(kept.len())..];
                assert_eq!(data, Tree::List(last.to_vec()), "{name}");
                assert!(kept.len() == events.len() || kept.len() >= 100, "{name} keeps {}", kept.len());
            }
            (content, _) => panic!("{name} is of the other kind: {content:?}"),
        }
    }
}

/// Who reads the log from its start ends where the store is.
fn assert_logged(stage: &Stage, truth: &Truth) {
    let mut follower = Follower::default();
    for segment in stage.segments() {
        (0..segment.entries.len() as u32).for_each(|index| assert!(follower.hear(&message(&segment, index))));
    }
    assert_eq!(follower.topics.keys().collect::<Vec<_>>(), truth.keys().collect::<Vec<_>>());
    for (name, truth) in truth {
        let held = &follower.topics[name];
        match truth {
            Ok(state) => assert_eq!(held.state, state.quoted(), "{name}"),
            Err(events) => {
                let events: Vec<Tree> = events.iter().map(Tree::quoted).collect();
                assert_eq!(held.events.values().cloned().collect::<Vec<_>>(), events, "{name}");
            }
        }
        assert_eq!(stage.snapshot(name).map(|snapshot| snapshot.seq.0), Some(held.seq), "{name}");
    }
}
