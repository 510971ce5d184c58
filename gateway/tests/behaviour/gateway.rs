//! A gateway of the test's own, in this process, on free ports of 127.0.0.1.

use crate::http::Http;
use fanwire::app::{App, Listeners};
use fanwire::config;
use fanwire::metrics::Sources;
use feeds::inlet::Inlet;
use feeds::model::{Batch, Change, Object, Topic, Update, parse_object};
use feeds::outlet::Outlet;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long anything is waited for. Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn deadline() -> Instant {
    Instant::now() + PATIENCE
}

/// How subscribers are written to: as the machine allows, or as `IO_URING` says (`make test-rust` runs both).
pub fn io_uring() -> String {
    std::env::var("IO_URING").unwrap_or_else(|_| "auto".into())
}

pub struct Gateway {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    ingest: Option<Inlet<Batch>>,
    sources: Arc<Sources>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Gateway {
    /// Two shards, the default limits.
    pub fn start() -> Gateway {
        Gateway::with("shards = 2", "")
    }

    /// `server`: keys of `[server]`; `sections`: the rest of the configuration.
    pub fn with(server: &str, sections: &str) -> Gateway {
        // Short logs are quicker to make and to drop.
        let short = "[limits]\nlog_segments_max = 1024";
        let sections = match (sections.contains("[limits]"), sections.contains("log_segments_max")) {
            (false, _) => format!("{short}\n{sections}"),
            (true, false) => sections.replace("[limits]", short),
            (true, true) => sections.to_owned(),
        };
        let drain = if server.contains("drain_s") { "" } else { "drain_s = 0" };
        let io_uring = io_uring();
        let text = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\npage = false\nio_uring = \"{io_uring}\"\n\
             {drain}\n{server}\n{sections}\n"
        );
        let config = config::parse(&text, "test").unwrap_or_else(|problems| panic!("{problems}\n{text}"));
        let listeners = Listeners::bind(&config).unwrap();
        let (address, admin) = (listeners.address().unwrap(), listeners.admin_address().unwrap());
        let app = App::start(&config, listeners).unwrap();
        let (ingest, sources) = (Some(app.ingest.clone()), Arc::clone(&app.sources));
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let shutdown = async {
                let _ = stopped.await;
            };
            runtime.block_on(app.run(shutdown)).unwrap();
        });
        Gateway { address, admin, ingest, sources, stop: Some(stop), thread: Some(thread) }
    }

    /// Publishes NDJSON lines, all of which must be taken. The offset of the last entry made, 0 if none was.
    pub fn publish(&self, lines: &[&str]) -> u64 {
        let report = self.report(lines.join("\n").as_bytes());
        assert_eq!(report["rejected"], serde_json::json!([]), "{report}");
        assert_eq!(report["accepted"], lines.len(), "{report}");
        report["offset"].as_u64().unwrap_or_default()
    }

    /// Publishes a body and returns the answer.
    pub fn report(&self, body: &[u8]) -> Value {
        let reply = Http::connect(self.address).post("/v1/publish", "content-type: application/x-ndjson\r\n", body);
        serde_json::from_slice(&reply.body).unwrap_or_else(|_| panic!("{reply:?}"))
    }

    /// Hands updates over as an adapter does, and waits until they are in the log.
    pub fn feed(&self, updates: Vec<(&str, Change)>) {
        let updates =
            updates.into_iter().map(|(topic, change)| Update::new(Topic::new(topic).unwrap(), None, change)).collect();
        let batch = Batch { provider: "test".into(), received_ms: 0, updates };
        self.ingest.as_ref().unwrap().send_timeout(batch, PATIENCE).unwrap();
        // The sequencer empties both its channels before it commits and answers.
        self.publish(&[r#"{"topic":"fence","patch":{}}"#]);
    }

    /// The body of `GET /v1/snapshot`.
    pub fn snapshot(&self, query: &str) -> Value {
        let reply = Http::connect(self.address).get(&format!("/v1/snapshot?{query}"), "");
        assert_eq!(reply.status, 200, "{reply:?}");
        serde_json::from_slice(&reply.body).unwrap()
    }

    /// A cursor at the log's end.
    pub fn cursor(&self) -> String {
        let reply = Http::connect(self.address).get("/v1/poll?topics=nobody", "");
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        body["cursor"].as_str().unwrap().to_owned()
    }

    /// The sum over all labels of a metric's lines that hold `label`.
    pub fn metric(&self, name: &str, label: &str) -> f64 {
        value_of(self.admin, name, label)
    }

    /// Waits until the metric is as `wanted` says.
    pub fn await_metric(&self, name: &str, label: &str, wanted: impl Fn(f64) -> bool) {
        await_metric(self.admin, name, label, wanted);
    }

    /// The way in of a feed of the test's own.
    pub fn outlet(&self, provider: &str) -> Outlet {
        let outlet = Outlet::new(provider, self.ingest.clone().unwrap());
        self.sources.add_feed(provider, outlet.counters());
        outlet
    }

    /// Begins the shutdown without waiting for it.
    pub fn begin_stop(&mut self) {
        self.ingest = None;
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }

    /// Waits until the shutdown that was begun is over.
    pub fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.begin_stop();
        self.join();
    }
}

/// The sum over all labels of a metric's lines that hold `label`, on that page of metrics.
pub fn value_of(admin: SocketAddr, name: &str, label: &str) -> f64 {
    let page = Http::connect(admin).get("/metrics", "").text();
    let lines = page.lines().filter(|line| !line.starts_with('#') && line.contains(label));
    let of_name = lines.filter(|line| line.split(['{', ' ']).next() == Some(name));
    of_name.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

pub fn await_metric(admin: SocketAddr, name: &str, label: &str, wanted: impl Fn(f64) -> bool) {
    let deadline = deadline();
    loop {
        let value = value_of(admin, name, label);
        if wanted(value) {
            return;
        }
        assert!(Instant::now() < deadline, "{name}{{{label}}} stays {value}");
        pause();
    }
}

/// The pace of looking again at something that cannot be waited on.
pub fn pause() {
    std::thread::park_timeout(Duration::from_millis(5));
}

pub fn object(json: &str) -> Object {
    parse_object(json.as_bytes()).unwrap()
}
