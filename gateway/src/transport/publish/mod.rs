//! `POST /v1/publish`: updates from programs, as one JSON object, an array of them, or NDJSON that may never end.

mod line;

pub use line::{Malformed, parse_line};

use crate::limits::PUBLISHES_OUTSTANDING_MAX;
use crate::sequencer::{Publish, PublishOutcome, Refusal};
use crate::shard::{Shard, ShardCounters};
use crate::transport::http::{Call, Origins};
use crate::transport::reply::{Problem, Reply, json};
use crossbeam_channel::TrySendError;
use feeds::model::{Update, Value, parse_value};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, ORIGIN};
use hyper::{Request, StatusCode};
use line::{malformed, update_of};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

/// Lines handed to the sequencer at a time. Relation: below its batch, so that one publisher cannot fill it alone.
const LINES_AT_ONCE: usize = 512;
/// Bytes of a publish stream gathered before its lines go to the sequencer.
const GATHER_BYTES_MAX: usize = 64 * 1024;
/// Rejected lines that the answer lists; the rest is only counted.
const REJECTED_LISTED_MAX: usize = 1_000;

#[derive(Clone, Debug, Default)]
pub struct PublishSettings {
    /// Lets programs on this machine publish without a token.
    pub open_to_loopback: bool,
    /// `None`: nobody else may publish.
    pub token: Option<String>,
    /// How long a line may wait for room before the answer is 503.
    pub wait: Duration,
}

/// Requests to publish that are being answered, over all shards: a drain lets them end before subscribers are told, so
/// that what was accepted is delivered.
#[derive(Debug, Default)]
pub struct Publishers(watch::Sender<usize>);

impl Publishers {
    fn begin(&self) -> Publisher<'_> {
        self.0.send_modify(|count| *count += 1);
        Publisher(self)
    }

    /// Waits until there is none.
    pub async fn ended(&self) {
        let mut count = self.0.subscribe();
        // Cannot fail: `self` is the sender.
        let _ = count.wait_for(|count| *count == 0).await;
    }
}

struct Publisher<'a>(&'a Publishers);

impl Drop for Publisher<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}

pub async fn answer(call: Call, request: Request<Incoming>) -> Reply {
    let context = call.shard.context();
    // Counted before it looks: a drain that it does not see yet waits for it.
    let _publisher = context.publishers.begin();
    if call.shard.is_draining() {
        return draining().reply();
    }
    if let Err(problem) = authorize(&context.publish, &context.origins, call.peer.ip(), request.headers()) {
        return problem.reply();
    }
    let whole = is_json(request.headers());
    let mut intake = Intake::new(Arc::clone(call.shard.core().counters()));
    let outcome = if whole {
        take_whole(&call.shard, &mut intake, request.into_body()).await
    } else {
        take_lines(&call.shard, &mut intake, request.into_body()).await
    };
    let settled = intake.settle().await;
    match outcome.and(settled) {
        Ok(()) => json(StatusCode::OK, intake.report(None)),
        Err(problem) => problem.mark(json(problem.status, intake.report(Some(&problem)))),
    }
}

fn authorize(settings: &PublishSettings, origins: &Origins, peer: IpAddr, headers: &HeaderMap) -> Result<(), Problem> {
    if !origins.permit(headers) {
        let problem = Problem::bad("origin_forbidden", "pages of this origin may not publish", "origin");
        return Err(Problem { status: StatusCode::FORBIDDEN, ..problem });
    }
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let right = settings.token.as_deref().zip(given).is_some_and(|(token, given)| same(token, given));
    // A page in a browser on this machine comes from loopback too, and may have made our own origin its own by a name
    // that it points here: without a token only pages that the configuration names count as programs.
    let local = peer.is_loopback() && given.is_none() && (!headers.contains_key(ORIGIN) || origins.name(headers));
    if right || (settings.open_to_loopback && local) {
        return Ok(());
    }
    let problem = Problem::bad("unauthorized", "publishing needs the configured bearer token", "authorization");
    Err(Problem { status: StatusCode::UNAUTHORIZED, ..problem })
}

/// Compares in a time that tells nothing about where the first difference lies.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// A line that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rejected {
    line: u64,
    code: &'static str,
    message: String,
}

/// What one request has published so far.
#[derive(Debug)]
struct Intake {
    counters: Arc<ShardCounters>,
    line: u64,
    accepted: u64,
    rejected: Vec<Rejected>,
    rejected_count: u64,
    offset: Option<u64>,
    waiting: Vec<(u64, Update)>,
    /// What the sequencer was handed and has not been heard of.
    outstanding: VecDeque<oneshot::Receiver<PublishOutcome>>,
}

impl Intake {
    fn new(counters: Arc<ShardCounters>) -> Intake {
        let (rejected, waiting, outstanding) = (Vec::new(), Vec::new(), VecDeque::new());
        Intake { counters, line: 0, accepted: 0, rejected, rejected_count: 0, offset: None, waiting, outstanding }
    }

    fn reject(&mut self, line: u64, code: &'static str, message: String) {
        self.counters.count_error(code);
        self.rejected_count += 1;
        if self.rejected.len() < REJECTED_LISTED_MAX {
            self.rejected.push(Rejected { line, code, message });
        }
    }

    /// Takes one item of a JSON array, or one line.
    fn take(&mut self, line: Result<Update, Malformed>) {
        self.line += 1;
        match line {
            Ok(update) => self.waiting.push((self.line, update)),
            Err(malformed) => self.reject(self.line, malformed.code, malformed.message),
        }
    }

    /// Hands what is waiting to the sequencer, whose word on each line is taken as it comes.
    ///
    /// Cost: nobody is woken by that word. A stream of single lines would otherwise wake this shard twice for each, once
    /// to deliver it and once to hear that it was taken.
    async fn flush(&mut self, shard: &Shard) -> Result<(), Problem> {
        while let Some(Ok(outcome)) = self.outstanding.front_mut().map(oneshot::Receiver::try_recv) {
            self.outstanding.pop_front();
            self.note(outcome);
        }
        if self.waiting.is_empty() {
            return Ok(());
        }
        let mut updates = std::mem::take(&mut self.waiting);
        // In order: not while earlier lines are still on their way.
        if let Some(seat) = shard.context().seat.as_ref().filter(|_| self.outstanding.is_empty()) {
            match seat.sequence_now(updates) {
                Ok(outcome) => {
                    self.note(outcome);
                    return Ok(());
                }
                Err(back) => updates = back,
            }
        }
        if self.outstanding.len() == PUBLISHES_OUTSTANDING_MAX {
            self.hear().await?;
        }
        let (reply, outcome) = oneshot::channel();
        send(shard, Publish { updates, reply }).await?;
        self.outstanding.push_back(outcome);
        Ok(())
    }

    /// Waits for the sequencer's word on everything that it was handed.
    async fn settle(&mut self) -> Result<(), Problem> {
        while !self.outstanding.is_empty() {
            self.hear().await?;
        }
        Ok(())
    }

    async fn hear(&mut self) -> Result<(), Problem> {
        let Some(oldest) = self.outstanding.front_mut() else { return Ok(()) };
        let outcome = oldest.await;
        self.outstanding.pop_front();
        self.note(outcome.map_err(|_| draining())?);
        Ok(())
    }

    fn note(&mut self, outcome: PublishOutcome) {
        self.accepted += outcome.accepted;
        self.offset = outcome.offset.or(self.offset);
        for (line, refusal) in outcome.rejected {
            self.reject(line, Refusal::code(refusal), refusal.to_string());
        }
    }

    fn report(&self, problem: Option<&Problem>) -> String {
        let mut rejected = self.rejected.clone();
        rejected.sort_by_key(|rejected| rejected.line);
        let rejected: Vec<_> = rejected
            .iter()
            .map(|r| serde_json::json!({ "line": r.line, "code": r.code, "message": r.message }))
            .collect();
        let mut report = serde_json::json!({ "accepted": self.accepted, "rejected": rejected, "offset": self.offset });
        if self.rejected_count > rejected.len() as u64 {
            report["rejected_count"] = self.rejected_count.into();
        }
        if let Some(problem) = problem {
            report["error"] = serde_json::json!({ "code": problem.code, "message": problem.message });
        }
        report.to_string()
    }
}

/// Waits for room, reading nothing meanwhile; past the time it is the publisher's turn to wait.
async fn send(shard: &Shard, publish: Publish) -> Result<(), Problem> {
    let context = shard.context();
    let deadline = Instant::now() + context.publish.wait;
    let mut publish = publish;
    loop {
        publish = match context.publishes.try_send(publish) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(back)) => back,
            Err(TrySendError::Disconnected(_)) => return Err(draining()),
        };
        if Instant::now() >= deadline {
            return Err(busy("ingest is full; the lines that are not in `accepted` were not taken"));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn draining() -> Problem {
    let message = "the gateway is shutting down; lines that are neither accepted nor rejected were not taken";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "draining", message)
}

fn busy(message: &str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "ingest_full", message)
}

async fn take_whole(shard: &Shard, intake: &mut Intake, body: Incoming) -> Result<(), Problem> {
    let limits = shard.limits();
    let time = Duration::from_millis(limits.body_timeout_ms);
    let collect = http_body_util::Limited::new(body, limits.body_bytes_max).collect();
    let body = tokio::select! {
        body = tokio::time::timeout(time, collect) => body,
        () = shard.draining() => return Err(draining()),
    };
    let body = match body {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return Err(body_too_big(limits.body_bytes_max)),
        Err(_) => return Err(body_timeout()),
    };
    let value = parse_value(&body).map_err(|error| Problem::bad("bad_json", error.to_string(), "body"))?;
    let items = match &value {
        Value::Array(items) => items.to_vec(),
        _ => vec![value],
    };
    for item in items {
        intake.take(update_of(item));
        if intake.waiting.len() == LINES_AT_ONCE {
            intake.flush(shard).await?;
        }
    }
    intake.flush(shard).await
}

/// Each line takes effect as it arrives. A publisher may be silent for as long as it likes between lines.
async fn take_lines(shard: &Shard, intake: &mut Intake, mut body: Incoming) -> Result<(), Problem> {
    let cap = shard.limits().publish_line_bytes_max;
    let time = Duration::from_millis(shard.limits().body_timeout_ms);
    let mut rest: Vec<u8> = Vec::new();
    // When the line that has begun must have ended.
    let mut due: Option<Instant> = None;
    let mut drain = pin!(shard.draining());
    loop {
        let Some(frame) = next_frame(drain.as_mut(), &mut body, due).await? else {
            return Err(draining());
        };
        let Some(frame) = frame else { break };
        let Ok(frame) = frame else { return Err(body_broken()) };
        let Ok(data) = frame.into_data() else { continue };
        rest.extend_from_slice(&data);
        let whole = gather(&mut body, &mut rest);
        let held = rest.len();
        take_whole_lines(shard, intake, &mut rest).await?;
        due = match due {
            _ if rest.is_empty() => None,
            Some(due) if rest.len() == held => Some(due),
            _ => Some(Instant::now() + time),
        };
        if !whole {
            return Err(body_broken());
        }
        if rest.len() > cap {
            return Err(body_too_big(cap));
        }
    }
    rest.push(b'\n');
    take_whole_lines(shard, intake, &mut rest).await
}

/// Adds what has arrived already, so that a fast publisher's lines share a way to the sequencer. False if the body broke.
fn gather(body: &mut Incoming, rest: &mut Vec<u8>) -> bool {
    while rest.len() < GATHER_BYTES_MAX && !body.is_end_stream() {
        match body.frame().now_or_never() {
            Some(Some(Ok(frame))) => rest.extend(frame.into_data().into_iter().flatten()),
            Some(Some(Err(_))) => return false,
            Some(None) | None => break,
        }
    }
    true
}

type Frame = Option<Result<hyper::body::Frame<bytes::Bytes>, hyper::Error>>;

/// The next piece of a body; `None` if the gateway drains. Between lines a stream may rest; a line that has begun
/// is to end by `due`.
async fn next_frame(
    drain: Pin<&mut impl Future<Output = ()>>,
    body: &mut Incoming,
    due: Option<Instant>,
) -> Result<Option<Frame>, Problem> {
    let next = async {
        match due {
            Some(due) => tokio::time::timeout_at(due, body.frame()).await.map_err(|_| body_timeout()),
            None => Ok(body.frame().await),
        }
    };
    tokio::select! {
        biased;
        // First, or a publisher that always has more would be read until the end.
        () = drain => Ok(None),
        frame = next => frame.map(Some),
    }
}

async fn take_whole_lines(shard: &Shard, intake: &mut Intake, rest: &mut Vec<u8>) -> Result<(), Problem> {
    let cap = shard.limits().publish_line_bytes_max;
    let mut start = 0;
    while let Some(length) = rest[start..].iter().position(|byte| *byte == b'\n') {
        let line = rest[start..start + length].trim_ascii();
        start += length + 1;
        if line.is_empty() {
            // A blank line says nothing, but counts, so that numbers are those of the publisher's editor.
            intake.line += 1;
        } else if line.len() > cap {
            intake.take(Err(malformed("line_too_big", format!("a line is at most {cap} bytes"))));
        } else {
            intake.take(parse_line(line));
        }
        if intake.waiting.len() == LINES_AT_ONCE {
            intake.flush(shard).await?;
        }
    }
    rest.drain(..start);
    intake.flush(shard).await
}

fn body_too_big(cap: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_big", format!("at most {cap} bytes are taken"))
}

fn body_broken() -> Problem {
    Problem::bad("body_broken", "the body broke off", "body")
}

fn body_timeout() -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", "the body came too slowly")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens() {
        let settings = |token: Option<&str>, open| PublishSettings {
            open_to_loopback: open,
            token: token.map(str::to_owned),
            wait: Duration::ZERO,
        };
        let with = |name: hyper::header::HeaderName, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            headers
        };
        let origins = Origins { permitted: vec!["https://good.example".into()] };
        let authorize =
            |settings: &PublishSettings, peer, headers: &HeaderMap| authorize(settings, &origins, peer, headers);
        let (here, there) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([192, 0, 2, 1]));
        assert!(authorize(&settings(None, true), here, &HeaderMap::new()).is_ok());
        assert!(authorize(&settings(None, true), here, &with(ORIGIN, "https://good.example")).is_ok());
        let evil = authorize(&settings(None, true), here, &with(ORIGIN, "https://evil.example")).unwrap_err();
        assert_eq!(evil.code, "origin_forbidden", "a page is not a program of this machine");
        assert!(authorize(&settings(None, true), there, &HeaderMap::new()).is_err());
        assert!(authorize(&settings(None, false), here, &HeaderMap::new()).is_err());
        assert!(authorize(&settings(Some("s3"), false), there, &with(AUTHORIZATION, "Bearer s3")).is_ok());
        assert!(
            authorize(&settings(Some("s3"), true), here, &with(AUTHORIZATION, "Bearer wrong")).is_err(),
            "a wrong token is no token"
        );
    }
}
