//! The sequencer at work: its thread drains two bounded channels into batches, commits each, wakes the shards once.

use super::{Refusal, Sequencer};
use crate::limits::SEQUENCED_AT_ONCE_MAX;
use crossbeam_channel::{Receiver, TryRecvError};
use feeds::inlet::Bell;
use feeds::model::{Batch, Update};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, oneshot};

/// Most entries of one segment; more is left for the next. Relation: well below a shard's pending cap.
const BATCH_ENTRIES_MAX: usize = 1_024;
/// Most bytes of one segment before it is committed.
const BATCH_BYTES_MAX: usize = 512 * 1024;

/// Updates of a publisher, with the numbers of their lines, and where the outcome goes.
#[derive(Debug)]
pub struct Publish {
    pub updates: Vec<(u64, Update)>,
    pub reply: oneshot::Sender<PublishOutcome>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct PublishOutcome {
    pub accepted: u64,
    pub rejected: Vec<(u64, Refusal)>,
    /// The last entry made; `None` if all lines changed nothing.
    pub offset: Option<u64>,
}

#[derive(Debug)]
pub struct SequencerInputs {
    pub feeds: Receiver<Batch>,
    pub publishes: Receiver<Publish>,
    /// Rung for both.
    pub bell: Bell,
}

/// Read by the metrics page; written by whoever has the seat.
#[derive(Debug, Default)]
pub struct SequencerCounters {
    pub updates: AtomicU64,
    pub unchanged: AtomicU64,
    pub refused: AtomicU64,
    pub births: AtomicU64,
    pub deltas: AtomicU64,
    pub appends: AtomicU64,
    pub marks: AtomicU64,
    pub gones: AtomicU64,
    pub resets: AtomicU64,
    pub commits: AtomicU64,
    pub topics: AtomicU64,
}

/// The sequencer's seat: whoever has it locked is the one writer. That is its thread, or a shard that was given a few lines and
/// finds the seat free.
///
/// Why the latter: where few messages come at a time, the way to another thread and back costs more than all the rest of
/// a message's way (loadtest, W2: a tenth of the CPU of 20 deliveries).
#[derive(Debug)]
pub struct Seat {
    sequencer: Mutex<Sequencer>,
    inputs: SequencerInputs,
    shards: Vec<Arc<Notify>>,
    counters: Arc<SequencerCounters>,
    /// The wall clock, Unix ms.
    now_ms: fn() -> i64,
}

impl Seat {
    pub fn new(
        sequencer: Sequencer,
        inputs: SequencerInputs,
        shards: Vec<Arc<Notify>>,
        counters: Arc<SequencerCounters>,
        now_ms: fn() -> i64,
    ) -> Seat {
        Seat { sequencer: Mutex::new(sequencer), inputs, shards, counters, now_ms }
    }

    /// Sequences a publisher's lines on the calling thread, if they are few, nobody else sits here and nothing came before
    /// them; else they come back.
    pub fn sequence_now(&self, updates: Vec<(u64, Update)>) -> Result<PublishOutcome, Vec<(u64, Update)>> {
        if updates.len() > SEQUENCED_AT_ONCE_MAX {
            return Err(updates);
        }
        let Ok(mut sequencer) = self.sequencer.try_lock() else { return Err(updates) };
        // What the thread has taken out of the channels is sequenced before it leaves the seat.
        if !self.inputs.feeds.is_empty() || !self.inputs.publishes.is_empty() {
            return Err(updates);
        }
        bump(&self.counters.updates, updates.len() as u64);
        let outcome = publish(updates, &mut sequencer, &self.counters, (self.now_ms)());
        self.commit(&mut sequencer);
        Ok(outcome)
    }

    /// Takes from both channels until they are closed.
    pub fn run(&self) {
        let mut replies = Vec::new();
        let mut open = (true, true);
        self.inputs.bell.attend();
        while open.0 || open.1 {
            if !self.sequence_batch(&mut replies, &mut open) {
                self.inputs.bell.wait();
            }
            for (reply, outcome) in replies.drain(..) {
                let _: Result<(), PublishOutcome> = oneshot::Sender::send(reply, outcome);
            }
        }
    }

    /// False if there was nothing to do.
    fn sequence_batch(&self, replies: &mut Replies, open: &mut (bool, bool)) -> bool {
        // Whoever panics while it sits here ends the process (`Fuse`).
        let mut sequencer = self.sequencer.lock().unwrap_or_else(PoisonError::into_inner);
        let found = drain(&self.inputs, &mut sequencer, &self.counters, replies, open, (self.now_ms)());
        self.commit(&mut sequencer);
        found
    }

    fn commit(&self, sequencer: &mut Sequencer) {
        if !sequencer.commit() {
            return;
        }
        for shard in &self.shards {
            shard.notify_one();
        }
        self.counters.note(sequencer);
    }
}

enum Message {
    Feed(Batch),
    Publish(Publish),
    FeedsClosed,
    PublishesClosed,
}

type Replies = Vec<(oneshot::Sender<PublishOutcome>, PublishOutcome)>;

/// Takes what is there, both channels in turn, until they are empty or the batch is full. False if there was nothing.
fn drain(
    inputs: &SequencerInputs,
    sequencer: &mut Sequencer,
    counters: &SequencerCounters,
    replies: &mut Replies,
    open: &mut (bool, bool),
    now: i64,
) -> bool {
    let mut any = false;
    loop {
        let mut found = false;
        if let Some(message) = poll(inputs.feeds.try_recv(), open.0, Message::Feed, Message::FeedsClosed) {
            found = true;
            take(message, sequencer, counters, replies, open, now);
        }
        if let Some(message) = poll(inputs.publishes.try_recv(), open.1, Message::Publish, Message::PublishesClosed) {
            found = true;
            take(message, sequencer, counters, replies, open, now);
        }
        any |= found;
        let (entries, bytes) = sequencer.drafted();
        if !found || entries >= BATCH_ENTRIES_MAX || bytes >= BATCH_BYTES_MAX {
            return any;
        }
    }
}

fn poll<T>(got: Result<T, TryRecvError>, open: bool, take: fn(T) -> Message, closed: Message) -> Option<Message> {
    match got {
        Ok(message) => Some(take(message)),
        Err(TryRecvError::Disconnected) if open => Some(closed),
        Err(_) => None,
    }
}

fn take(
    message: Message,
    sequencer: &mut Sequencer,
    counters: &SequencerCounters,
    replies: &mut Replies,
    open: &mut (bool, bool),
    now: i64,
) {
    match message {
        Message::Feed(batch) => {
            bump(&counters.updates, batch.updates.len() as u64);
            for update in batch.updates {
                if let Err(refusal) = sequencer.apply(update, now) {
                    bump(&counters.refused, 1);
                    tracing::debug!(provider = %batch.provider, %refusal, "an update was refused");
                }
            }
        }
        Message::Publish(Publish { updates, reply }) => {
            bump(&counters.updates, updates.len() as u64);
            replies.push((reply, publish(updates, sequencer, counters, now)));
        }
        Message::FeedsClosed => open.0 = false,
        Message::PublishesClosed => open.1 = false,
    }
}

fn publish(
    updates: Vec<(u64, Update)>,
    sequencer: &mut Sequencer,
    counters: &SequencerCounters,
    now: i64,
) -> PublishOutcome {
    let mut outcome = PublishOutcome::default();
    for (line, update) in updates {
        match sequencer.apply(update, now) {
            Ok(offset) => {
                outcome.accepted += 1;
                outcome.offset = offset.map(|offset| offset.0).or(outcome.offset);
            }
            Err(refusal) => {
                bump(&counters.refused, 1);
                outcome.rejected.push((line, refusal));
            }
        }
    }
    outcome
}

impl SequencerCounters {
    /// Takes note of what the sequencer has made so far.
    fn note(&self, sequencer: &Sequencer) {
        bump(&self.commits, 1);
        let made = sequencer.made();
        for (counter, value) in [
            (&self.births, made.births),
            (&self.deltas, made.deltas),
            (&self.appends, made.appends),
            (&self.marks, made.marks),
            (&self.gones, made.gones),
            (&self.resets, made.resets),
            (&self.unchanged, made.unchanged),
            (&self.topics, sequencer.topics() as u64),
        ] {
            counter.store(value, Ordering::Relaxed);
        }
    }
}

/// One writer at a time, behind the seat's lock: a plain add is enough.
fn bump(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Ordering::Relaxed) + by, Ordering::Relaxed);
}
