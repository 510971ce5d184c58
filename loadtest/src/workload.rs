//! What is put on the target: how many subscribers of how many topics, and what is published to them.

use anyhow::ensure;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest request line that a subscriber sends; the topics are in its query.
const QUERY_BYTES_MAX: usize = 14 * 1024;
/// Relation: a client process and a target hold one descriptor each per subscriber.
pub const SUBSCRIBERS_MAX: usize = 19_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    Websocket,
    Sse,
    LongPoll,
    Polling,
}

impl Transport {
    /// False: the client asks for every answer.
    pub fn is_stream(self) -> bool {
        matches!(self, Transport::Websocket | Transport::Sse)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Websocket => "websocket",
            Transport::Sse => "sse",
            Transport::LongPoll => "long-poll",
            Transport::Polling => "polling",
        })
    }
}

/// What kind of topics are published to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `trade.load.N`: every message has to arrive.
    Event,
    /// `quote.load.N`: each message changes most fields, adds one and removes one.
    State,
}

#[derive(Clone, Debug, Args, Serialize, Deserialize)]
pub struct Workload {
    /// Connections, each of which checks all that it gets
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    pub subscribers: usize,
    /// Topics that are published to, in turn
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub topics: usize,
    /// Topics that each subscriber subscribes to, chosen at random
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub per_subscriber: usize,
    /// Messages published per second, over all topics; 0: none
    #[arg(long, default_value_t = 100, value_name = "HZ")]
    pub rate: u64,
    /// Messages that are published together; the rate stays the same
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub burst: u64,
    /// Kind of the topics
    #[arg(long, value_enum, default_value_t = Kind::Event)]
    pub kind: Kind,
    /// Bytes of JSON in one event or patch
    #[arg(long, default_value_t = 120, value_name = "BYTES")]
    pub data_bytes: usize,
    /// Seconds of publishing before the measurement begins
    #[arg(long, default_value_t = 2, value_name = "S")]
    pub warmup: u64,
    /// Seconds that are measured
    #[arg(long, default_value_t = 10, value_name = "S")]
    pub seconds: u64,
    /// Seed of the random choice of topics
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// Each subscriber takes all topics, by one pattern
    #[arg(long)]
    pub pattern: bool,
    /// The option `rate` of the subscribers, in Hz; 0: every message
    #[arg(long, default_value_t = 0, value_name = "HZ")]
    pub subscriber_rate: u64,
    /// The option `linger_ms` of the subscribers
    #[arg(long, default_value_t = 0, value_name = "MS")]
    pub linger_ms: u64,
    /// Longest wait that a long-poll asks for, seconds
    #[arg(long, default_value_t = 25, value_name = "S")]
    pub wait_s: u64,
    /// Time from one plain poll to the next, ms
    #[arg(long, default_value_t = 1_000, value_name = "MS")]
    pub poll_interval_ms: u64,
}

impl Workload {
    /// 1,000 subscribers of one event topic.
    pub fn of_one_topic() -> Workload {
        Workload {
            subscribers: 1_000,
            topics: 1,
            per_subscriber: 1,
            rate: 100,
            burst: 1,
            kind: Kind::Event,
            data_bytes: 120,
            warmup: 2,
            seconds: 10,
            seed: 1,
            pattern: false,
            subscriber_rate: 0,
            linger_ms: 0,
            wait_s: 25,
            poll_interval_ms: 1_000,
        }
    }

    pub fn validate(&self) -> anyhow::Result<()> {
        let Workload { topics, per_subscriber, rate, burst, seconds, .. } = *self;
        ensure!(self.subscribers > 0, "--subscribers is 1 or more");
        ensure!((1..=100_000).contains(&topics), "--topics is 1 to 100000");
        ensure!((1..=topics).contains(&per_subscriber), "--per-subscriber is 1 to the number of topics");
        ensure!(rate <= 10_000_000, "--rate is at most 10000000 per second");
        ensure!((1..=rate.max(1)).contains(&burst), "--burst is 1 to the rate");
        ensure!((1..=3_600).contains(&seconds), "--seconds is 1 to 3600");
        ensure!(self.warmup <= 600, "--warmup is at most 600");
        let least = if self.kind == Kind::State { 96 } else { 64 };
        ensure!((least..=60_000).contains(&self.data_bytes), "--data-bytes is {least} to 60000");
        ensure!((1..=55).contains(&self.wait_s), "--wait-s is 1 to 55");
        ensure!((10..=9_000).contains(&self.poll_interval_ms), "--poll-interval-ms is 10 to 9000");
        let query = per_subscriber * (self.topic(topics - 1).len() + 1);
        ensure!(query <= QUERY_BYTES_MAX, "--per-subscriber: the names take {query} of {QUERY_BYTES_MAX} bytes");
        Ok(())
    }

    /// What the names of all topics begin with; the number follows.
    pub fn prefix(&self) -> &'static str {
        match self.kind {
            Kind::Event => "trade.load.",
            Kind::State => "quote.load.",
        }
    }

    pub fn topic(&self, number: usize) -> String {
        format!("{}{number}", self.prefix())
    }

    /// Messages of the warm-up and of the measurement.
    pub fn messages(&self) -> u64 {
        self.rate * (self.warmup + self.seconds)
    }

    /// Messages that a topic has been given at the end, the first (its birth) included.
    pub fn messages_of(&self, topic: u32) -> u64 {
        let (messages, topics) = (self.messages(), self.topics as u64);
        1 + messages / topics + u64::from(u64::from(topic) < messages % topics)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload() -> Workload {
        Workload { topics: 30, rate: 100, warmup: 0, seconds: 1, ..Workload::of_one_topic() }
    }

    #[test]
    fn every_message_has_its_topic() {
        let workload = workload();
        let total: u64 = (0..30).map(|topic| workload.messages_of(topic) - 1).sum();
        assert_eq!(total, workload.messages());
        assert_eq!((workload.messages_of(9), workload.messages_of(10)), (1 + 4, 1 + 3));
    }
}
