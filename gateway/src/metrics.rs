//! The metrics page: plain counters of every thread, merged when somebody looks. Described in `docs/metrics.md`.

use crate::close::CloseReason;
use crate::codes::CODES;
use crate::framing::{Form, Framing};
use crate::log::Log;
use crate::memory::Memory;
use crate::sequencer::SequencerCounters;
use crate::shard::{LATENCY_BUCKETS_MS, ShardCounters, TRANSPORTS};
use crate::store::Store;
use feeds::counters::FeedCounters;
use feeds::inlet::Inlet;
use feeds::model::Batch;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text::encode};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// All that is counted anywhere.
#[derive(Debug)]
pub struct Sources {
    log: Arc<Log>,
    store: Arc<Store>,
    sequencer: Arc<SequencerCounters>,
    shards: Vec<Arc<ShardCounters>>,
    ingest: Inlet<Batch>,
    feeds: Mutex<Vec<(String, Arc<FeedCounters>)>>,
}

impl Sources {
    pub fn new(
        log: Arc<Log>,
        store: Arc<Store>,
        sequencer: Arc<SequencerCounters>,
        shards: Vec<Arc<ShardCounters>>,
        ingest: Inlet<Batch>,
    ) -> Sources {
        Sources { log, store, sequencer, shards, ingest, feeds: Mutex::default() }
    }

    pub fn add_feed(&self, provider: &str, counters: Arc<FeedCounters>) {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner).push((provider.to_owned(), counters));
    }

    /// The page, in the OpenMetrics text format.
    pub fn render(self: &Arc<Sources>) -> String {
        let mut registry = Registry::with_prefix("fanwire");
        registry.register_collector(Box::new(Page(Arc::clone(self))));
        let mut page = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut page, &registry);
        page
    }
}

#[derive(Debug)]
struct Page(Arc<Sources>);

impl Collector for Page {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut writer = Writer(encoder);
        sequencer(&mut writer, &self.0.sequencer)?;
        log(&mut writer, &self.0.log)?;
        encodings(&mut writer, &self.0.log, &self.0.store)?;
        memory(&mut writer, Memory::read())?;
        ingest(&mut writer, &self.0)?;
        shards(&mut writer, &self.0.shards)?;
        by_transport(&mut writer, &self.0.shards)?;
        by_reason(&mut writer, &self.0.shards)?;
        latency(&mut writer, &self.0.shards)
    }
}

/// Writes families of one unlabelled or labelled value each.
struct Writer<'a>(DescriptorEncoder<'a>);

type Row = (Vec<(&'static str, String)>, u64);

impl Writer<'_> {
    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let counter = ConstCounter::new(value);
        let encoder = self.0.encode_descriptor(name, help, None, prometheus_client::metrics::MetricType::Counter)?;
        counter.encode(encoder)
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let gauge = ConstGauge::new(value as i64);
        let encoder = self.0.encode_descriptor(name, help, None, prometheus_client::metrics::MetricType::Gauge)?;
        gauge.encode(encoder)
    }

    fn counters(&mut self, name: &str, help: &str, rows: &[Row]) -> fmt::Result {
        let mut encoder =
            self.0.encode_descriptor(name, help, None, prometheus_client::metrics::MetricType::Counter)?;
        for (labels, value) in rows {
            ConstCounter::new(*value).encode(encoder.encode_family(labels)?)?;
        }
        Ok(())
    }

    fn gauges(&mut self, name: &str, help: &str, rows: &[Row]) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, None, prometheus_client::metrics::MetricType::Gauge)?;
        for (labels, value) in rows {
            ConstGauge::new(*value as i64).encode(encoder.encode_family(labels)?)?;
        }
        Ok(())
    }
}

fn row(labels: &[(&'static str, &str)], value: u64) -> Row {
    (labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(), value)
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn sequencer(writer: &mut Writer<'_>, counters: &SequencerCounters) -> fmt::Result {
    writer.counter("updates", "Updates taken from feeds and publishers", read(&counters.updates))?;
    writer.counter("updates_unchanged", "Updates that changed nothing", read(&counters.unchanged))?;
    writer.counter("updates_refused", "Updates refused (kind, limits)", read(&counters.refused))?;
    let entries = [
        row(&[("kind", "born")], read(&counters.births)),
        row(&[("kind", "delta")], read(&counters.deltas)),
        row(&[("kind", "append")], read(&counters.appends)),
        row(&[("kind", "mark")], read(&counters.marks)),
        row(&[("kind", "gone")], read(&counters.gones)),
        row(&[("kind", "reset")], read(&counters.resets)),
    ];
    writer.counters("entries", "Entries made, by kind", &entries)?;
    writer.counter("commits", "Segments appended to the log", read(&counters.commits))?;
    writer.gauge("topics", "Topics alive", read(&counters.topics))
}

fn log(writer: &mut Writer<'_>, log: &Log) -> fmt::Result {
    let (segments, bytes) = log.held();
    writer.gauge("log_segments", "Segments that the log holds", segments)?;
    writer.gauge("log_bytes", "Bytes that the log holds", bytes)?;
    writer.counter("log_offset", "Offset of the newest entry", log.end().0)
}

/// What was encoded or recut for readers. Only by the form, though options make more framings.
fn encodings(writer: &mut Writer<'_>, log: &Log, store: &Store) -> fmt::Result {
    let of = |form: Form| Framing::all().filter(|f| f.form == form).map(|f| log.segments_recut(f)).sum();
    let forms = [
        row(&[("form", "websocket")], of(Form::WebSocket)),
        row(&[("form", "sse")], of(Form::Sse)),
        row(&[("form", "json")], of(Form::Json)),
    ];
    writer.counters("segments_recut", "Segments recut into a framing that a reader asked for", &forms)?;
    let numbers = [
        row(&[("num", "number")], store.snapshots_encoded(false)),
        row(&[("num", "string")], store.snapshots_encoded(true)),
    ];
    writer.counters("snapshots_encoded", "Snapshots encoded because a reader asked", &numbers)
}

fn memory(writer: &mut Writer<'_>, memory: Memory) -> fmt::Result {
    writer.gauge("memory_allocated_bytes", "Memory that the gateway uses", memory.allocated)?;
    writer.gauge("memory_resident_bytes", "Memory that the allocator holds for it", memory.resident)
}

fn ingest(writer: &mut Writer<'_>, sources: &Sources) -> fmt::Result {
    writer.gauge(
        "ingest_batches_waiting",
        "Batches from feeds that wait for the sequencer",
        sources.ingest.len() as u64,
    )?;
    let feeds = sources.feeds.lock().unwrap_or_else(PoisonError::into_inner);
    let rows = |pick: fn(&FeedCounters) -> u64| -> Vec<Row> {
        feeds.iter().map(|(provider, counters)| row(&[("provider", provider)], pick(counters))).collect()
    };
    writer.counters("feed_batches", "Batches handed over by a feed", &rows(|c| read(&c.batches)))?;
    writer.counters("feed_updates", "Updates handed over by a feed", &rows(|c| read(&c.updates)))?;
    writer.counters("feed_conflated", "Updates conflated because ingest was full", &rows(|c| read(&c.conflated)))?;
    writer.counters("feed_lost_events", "Events lost because ingest was full", &rows(|c| read(&c.lost_events)))?;
    writer.counters("feed_frames", "Frames and bodies read from a provider", &rows(|c| read(&c.frames)))?;
    writer.counters("feed_gaps", "Breaks found in a provider's sequence", &rows(|c| read(&c.gaps)))?;
    writer.counters("feed_resyncs", "Books or games brought back into sync", &rows(|c| read(&c.resyncs)))?;
    writer.counters("feed_rejected", "Frames or values that could not be read", &rows(|c| read(&c.rejected)))?;
    writer.counters(
        "feed_refused",
        "Subscriptions and requests that a provider refused",
        &rows(|c| read(&c.refused)),
    )?;
    writer.counters("feed_ignored", "Messages of types that mean nothing here", &rows(|c| read(&c.ignored)))?;
    writer.counters(
        "feed_dropped",
        "State updates dropped because too many topics were held back",
        &rows(|c| read(&c.dropped)),
    )?;
    writer.counters("feed_checksums_good", "Checksums that were right", &rows(|c| read(&c.checksum_ok)))?;
    writer.counters("feed_checksums_bad", "Checksums that were wrong", &rows(|c| read(&c.checksum_failed)))?;
    writer.counters("feed_dials", "Connections made to a provider", &rows(|c| read(&c.dials)))?;
    writer.counters(
        "feed_dial_failures",
        "Connections to a provider that failed",
        &rows(|c| read(&c.dial_failures)),
    )?;
    writer.counters("feed_fetches", "HTTP requests made to a provider", &rows(|c| read(&c.fetches)))?;
    writer.counters(
        "feed_fetch_failures",
        "HTTP requests to a provider that failed",
        &rows(|c| read(&c.fetch_failures)),
    )?;
    writer.gauges("feed_connections", "Sockets open to a provider", &rows(|c| read(&c.connections)))?;
    writer.gauges("feed_held_topics", "Topics held back because ingest is full", &rows(|c| read(&c.held_topics)))?;
    writer.gauges(
        "feed_stale_subscriptions",
        "Subscriptions silent for longer than they may be",
        &rows(|c| read(&c.stale_subscriptions)),
    )?;
    writer.gauges(
        "feed_state",
        "0 connecting, 1 live, 2 degraded, 3 stale, 4 resyncing, 5 down",
        &rows(|c| read(&c.state)),
    )
}

fn shards(writer: &mut Writer<'_>, shards: &[Arc<ShardCounters>]) -> fmt::Result {
    let rows = |pick: fn(&ShardCounters) -> &AtomicU64| -> Vec<Row> {
        let labelled =
            |(n, counters): (usize, &Arc<ShardCounters>)| row(&[("shard", &n.to_string())], read(pick(counters)));
        shards.iter().enumerate().map(labelled).collect()
    };
    writer.counters("shard_passes", "Turns of a shard's loop", &rows(|c| &c.passes))?;
    writer.counters("shard_wakes", "Wake-ups of a shard by the sequencer", &rows(|c| &c.wakes))?;
    writer.counters("shard_segments_read", "Segments read by a shard", &rows(|c| &c.segments_read))?;
    writer.counters("shard_overtaken", "Times the log's eviction overtook a shard", &rows(|c| &c.overtaken))?;
    writer.counters("shard_ticks", "Ticks of rate classes that had something to say", &rows(|c| &c.ticks))?;
    writer.counters(
        "shard_ticked_entries",
        "Entries made by ticks of rate classes, each once for all members",
        &rows(|c| &c.ticked_entries),
    )?;
    writer.counters("topics_limited", "Subscription sets that met the cap on topics", &rows(|c| &c.topics_limited))?;
    writer.gauges("shard_sets", "Subscription sets of a shard", &rows(|c| &c.sets))?;
    writer.gauges("shard_topics", "Topics that a shard knows", &rows(|c| &c.topics))?;
    writer.counters("writes", "Writes for subscribers", &rows(|c| &c.writes))?;
    writer.counters(
        "ring_submissions",
        "Submissions to io_uring, each of many writes",
        &rows(|c| &c.ring_submissions),
    )?;
    writer.gauges("ring_in_use", "1 if a shard writes through io_uring", &rows(|c| &c.uses_ring))?;
    writer.counters("writes_short", "Writes that the kernel took in part or not at all", &rows(|c| &c.writes_short))?;
    writer.counters("delivered_bytes", "Bytes written to subscribers", &rows(|c| &c.delivered_bytes))?;
    writer.counters("lags", "Times a subscriber fell behind its caps", &rows(|c| &c.lags))?;
    writer.counters("lost_events", "Events not delivered, and counted to the reader", &rows(|c| &c.lost_events))?;
    writer.counters(
        "connections_refused",
        "Connections refused because there were too many",
        &rows(|c| &c.connections_refused),
    )?;
    writer.counters(
        "accepts_deferred",
        "Times that accepting waited for the subscribers' turn",
        &rows(|c| &c.accepts_deferred),
    )?;
    writer.counters("polls_encoded", "Bodies of polls that were made, not shared", &rows(|c| &c.polls_encoded))?;
    writer.counters("polls_cut", "Bodies of polls that were cut at their cap", &rows(|c| &c.polls_cut))?;
    let sum = |pick: fn(&ShardCounters) -> &AtomicU64| shards.iter().map(|counters| read(pick(counters))).sum();
    let resumes = [
        row(&[("outcome", "entries")], sum(|c| &c.resumes_entries)),
        row(&[("outcome", "snapshots")], sum(|c| &c.resumes_snapshots)),
        row(&[("outcome", "full")], sum(|c| &c.resumes_full)),
    ];
    writer.counters("resumes", "Resumes, by what answered them", &resumes)
}

fn by_transport(writer: &mut Writer<'_>, shards: &[Arc<ShardCounters>]) -> fmt::Result {
    let rows = |pick: fn(&ShardCounters) -> &[AtomicU64; 4]| -> Vec<Row> {
        let sum = |slot: usize| shards.iter().map(|counters| read(&pick(counters)[slot])).sum();
        TRANSPORTS.iter().map(|transport| row(&[("transport", transport.word())], sum(*transport as usize))).collect()
    };
    writer.gauges("connections", "Streaming connections open, and long-polls waiting", &rows(|c| &c.connections))?;
    writer.counters("connections_opened", "Connections opened, and polls answered", &rows(|c| &c.opened))?;
    writer.counters("deliveries", "Entries and snapshots written; of polls, bodies", &rows(|c| &c.deliveries))
}

fn by_reason(writer: &mut Writer<'_>, shards: &[Arc<ShardCounters>]) -> fmt::Result {
    let rows: Vec<Row> = CloseReason::ALL
        .iter()
        .map(|reason| {
            let closed = shards.iter().map(|counters| read(&counters.closes[reason.index()])).sum();
            row(&[("reason", reason.row().word)], closed)
        })
        .collect();
    writer.counters("closes", "Connections ended, by reason", &rows)?;
    let rows: Vec<Row> = CODES
        .iter()
        .enumerate()
        .map(|(place, code)| {
            let told = shards.iter().map(|counters| read(&counters.errors[place])).sum();
            row(&[("code", code)], told)
        })
        .collect();
    writer.counters("errors", "Errors told to clients, by code", &rows)
}

fn latency(writer: &mut Writer<'_>, shards: &[Arc<ShardCounters>]) -> fmt::Result {
    let counts: Vec<u64> = (0..=LATENCY_BUCKETS_MS.len())
        .map(|bucket| shards.iter().map(|counters| read(&counters.latency_ms[bucket])).sum())
        .collect();
    let sum_ms: u64 = shards.iter().map(|counters| read(&counters.latency_ms_sum)).sum();
    let bounds = LATENCY_BUCKETS_MS.iter().map(|ms| *ms as f64 / 1_000.0).chain([f64::INFINITY]);
    let buckets: Vec<(f64, u64)> = bounds.zip(counts.iter().copied()).collect();
    let (name, help) = ("fanout_latency_seconds", "From an entry's ts to the pass that delivers it");
    let kind = prometheus_client::metrics::MetricType::Histogram;
    let mut encoder = writer.0.encode_descriptor(name, help, None, kind)?;
    encoder.encode_histogram::<prometheus_client::encoding::NoLabelSet>(
        sum_ms as f64 / 1_000.0,
        counts.iter().sum(),
        &buckets,
        None,
    )
}
