//! Every interleaving of a writer and its readers on a tiny log and store: the code that the product runs, on loom's
//! primitives (`gateway/src/sync.rs`). Empty but under `make loom`.
#![cfg(fanwire_loom)]

use fanwire::framing::Draft;
use fanwire::limits::Limits;
use fanwire::log::{EntryKind, Epoch, Link, Log, LogLimits, LogWriter, Offset, Overtaken, Reader, SegmentDraft};
use fanwire::log::{Segment, Seq, TopicId};
use fanwire::sequencer::{KindRules, Sequencer};
use fanwire::store::Store;
use feeds::model::{Change, Object, Topic, Update};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Thread switches that loom tries where a thread could go on: more than any race here needs, and over in seconds.
const SWITCHES_MAX: usize = 4;

/// Loom notices that two threads race for a place only if neither touched it again meanwhile: hence a writer that only
/// writes what it shares (`LogWriter`), and the count, lest a model go through one interleaving alone.
fn model(run: impl Fn() + Sync + Send + 'static) {
    let interleavings = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&interleavings);
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(SWITCHES_MAX);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        run();
    });
    let interleavings = interleavings.load(Ordering::Relaxed);
    eprintln!("{interleavings} interleavings");
    assert!(interleavings > 10, "{interleavings} interleavings: loom sees no race where there is one");
}

/// The writer's end of a log of segments of one entry each, all of one topic: the entry in segment `n` has offset
/// `n + 1`, and every second one is a `gone`.
struct Publisher {
    writer: LogWriter,
    draft: SegmentDraft,
    newest: Option<Link>,
}

impl Publisher {
    fn new(segments_max: usize) -> (Arc<Log>, Publisher) {
        let (log, writer) = Log::new(Epoch::from_bits(1), LogLimits { segments_max, bytes_max: 1 << 20 });
        (log, Publisher { writer, draft: SegmentDraft::default(), newest: None })
    }

    fn publish(&mut self) {
        let link = self.writer.next_link(0);
        let gone = is_gone(link.offset);
        Draft {
            kind: if gone { EntryKind::Gone } else { EntryKind::Delta },
            topic: TopicId(0),
            name: &"a".into(),
            n: 1,
            from: None,
            seq: Seq(1),
            offset: link.offset,
            before: self.newest.replace(link),
            ts: 0,
            te: None,
            stale: false,
            lost: None,
        }
        .add(&mut self.draft, &mut Vec::new(), |out| out.extend_from_slice(b"{}"));
        self.writer.publish(&mut self.draft, |_, _| {});
    }
}

fn is_gone(offset: Offset) -> bool {
    offset.0.is_multiple_of(2)
}

/// What a reader must find true of a segment that it was given.
fn check_segment(log: &Log, segment: &Segment) {
    assert_eq!(segment.first.0, segment.number + 1);
    assert!(log.end() >= segment.last(), "CURSOR-TRUE: the end is behind what was read");
}

/// Reads until the head, `offset` being the newest entry it has. The offset that it came to.
fn read_on(log: &Log, reader: &mut Reader, mut offset: Offset) -> Result<Offset, (Offset, Overtaken)> {
    loop {
        match reader.read(log) {
            Ok(Some(segment)) => {
                assert_eq!(segment.first.0, offset.0 + 1, "a segment was skipped");
                check_segment(log, &segment);
                offset = segment.last();
            }
            Ok(None) => return Ok(offset),
            Err(overtaken) => return Err((offset, overtaken)),
        }
    }
}

/// A reader gets every segment in order, or is overtaken; then it knows of every end that it missed, and goes on from
/// the head.
#[test]
fn a_reader_follows_or_is_overtaken() {
    model(|| {
        let (log, mut publisher) = Publisher::new(2);
        publisher.publish();
        let mut reader = log.reader_at_tail();
        let writing = loom::thread::spawn(move || (0..3).for_each(|_| publisher.publish()));
        let outcome = read_on(&log, &mut reader, Offset(0));
        if let Err((offset, Overtaken)) = outcome {
            let missed = Offset(offset.0 + 1);
            assert!(!is_gone(missed) || log.gone_evicted() >= missed, "a missed end is not explained");
            let (mut reader, head) = log.reader_at_head();
            assert!(head > offset, "it was overtaken by nothing");
            assert!(log.end() >= head);
            // It may be overtaken again, but never misled.
            let _ = read_on(&log, &mut reader, head);
        }
        writing.join().unwrap();
        if let Ok(offset) = outcome {
            // Not overtaken so far: what came since is there too, or its loss is told.
            match read_on(&log, &mut reader, offset) {
                Ok(offset) => assert_eq!(offset, Offset(4)),
                Err((offset, Overtaken)) => assert!(log.gone_evicted() >= Offset(offset.0 + offset.0 % 2)),
            }
        }
    });
}

/// Whoever sees an end finds its entry in the log, unless it was evicted for newer ones.
#[test]
fn the_end_is_never_ahead_of_what_can_be_read() {
    model(|| {
        let (log, mut publisher) = Publisher::new(2);
        let writing = loom::thread::spawn(move || (0..3).for_each(|_| publisher.publish()));
        let end = log.end();
        if end.0 > 0 {
            match log.segment(end.0 - 1) {
                Some(segment) => check_segment(&log, &segment),
                None => assert!(log.reader_at_head().1 > end, "the end was stated before its entry was there"),
            }
        }
        writing.join().unwrap();
    });
}

/// A reader that begins at the head misses nothing that comes after the offset that it was told, even if a log of one
/// segment is empty while the newest takes the place of the one before.
#[test]
fn a_reader_at_the_head_misses_nothing_after_it() {
    for segments_max in [1, 2] {
        model(move || {
            let (log, mut publisher) = Publisher::new(segments_max);
            publisher.publish();
            let writing = loom::thread::spawn(move || (0..2).for_each(|_| publisher.publish()));
            let (mut reader, offset) = log.reader_at_head();
            assert!(offset.0 >= 1 && log.end() >= offset);
            let _ = read_on(&log, &mut reader, offset);
            writing.join().unwrap();
        });
    }
}

/// Resuming: the chain of a topic's entries is told whole or not at all.
#[test]
fn a_chain_is_whole_or_nothing() {
    model(|| {
        let (log, mut publisher) = Publisher::new(2);
        (0..2).for_each(|_| publisher.publish());
        let newest = publisher.newest.unwrap();
        let writing = loom::thread::spawn(move || (0..2).for_each(|_| publisher.publish()));
        match log.entries_after(Offset(0), newest, 8) {
            Some(links) => assert_eq!(links.iter().map(|link| link.offset.0).collect::<Vec<_>>(), [1, 2]),
            // Room was made for an entry that need not be there yet.
            None => assert!(log.segment(0).is_none(), "nothing was evicted"),
        }
        writing.join().unwrap();
    });
}

/// SNAPSHOT-FIRST: whoever read the log to an offset finds a snapshot at least that new.
#[test]
fn a_snapshot_is_stored_before_its_entry_is_read() {
    snapshots_before_entries(false);
}

/// And none at all if what was read is the topic's end.
#[test]
fn a_snapshot_is_taken_away_before_the_end_is_read() {
    snapshots_before_entries(true);
}

/// Whoever takes all that is stored for what there is learns how far it has to read the log first, also of a topic that
/// it does not find any more.
#[test]
fn what_is_stored_is_said_to_be_shown() {
    model(|| {
        let store = Arc::new(Store::new());
        let (_log, writer) = Log::new(Epoch::from_bits(1), LogLimits { segments_max: 4, bytes_max: 1 << 20 });
        let mut sequencer = Sequencer::new(Arc::clone(&store), writer, KindRules::new(Vec::new()), &Limits::default());
        let mut change = move |change| {
            sequencer.apply(Update::new(Topic::new("a").unwrap(), None, change), 0).unwrap();
            sequencer.commit();
        };
        change(Change::Patch(Object::new().with("v", 1)));
        let writing = loom::thread::spawn(move || {
            change(Change::Patch(Object::new().with("v", 2)));
            change(Change::Retire);
        });
        let found = store.all().next().map_or(Offset(3), |snapshot| snapshot.link.offset);
        assert!(store.shown() >= found, "{found:?} is not said to be shown");
        writing.join().unwrap();
    });
}

/// The topic is born and changes; then it ends, or changes again.
fn snapshots_before_entries(ends: bool) {
    let patch = |value: i64| Change::Patch(Object::new().with("v", value));
    model(move || {
        let store = Arc::new(Store::new());
        let (log, writer) = Log::new(Epoch::from_bits(1), LogLimits { segments_max: 4, bytes_max: 1 << 20 });
        let sequencer = Sequencer::new(Arc::clone(&store), writer, KindRules::new(Vec::new()), &Limits::default());
        let writing = loom::thread::spawn(move || {
            let mut sequencer = sequencer;
            for change in [patch(1), patch(2), if ends { Change::Retire } else { patch(3) }] {
                sequencer.apply(Update::new(Topic::new("a").unwrap(), None, change), 0).unwrap();
                sequencer.commit();
            }
        });
        let mut reader = log.reader_at_tail();
        while let Ok(Some(segment)) = reader.read(&log) {
            let snapshot = store.load(segment.entries[0].topic);
            if ends {
                let dead = snapshot.is_none() || segment.last() < Offset(3);
                assert!(dead, "a snapshot of what was read to have ended");
            } else {
                let newest = snapshot.map(|snapshot| snapshot.link.offset);
                assert!(newest >= Some(segment.last()), "an older snapshot than what was read: {newest:?}");
            }
        }
        writing.join().unwrap();
    });
}
