//! Long-poll: one question with a cursor, answered at once if anything is newer, else when something is.

use super::http::Call;
use super::options::Options;
use super::reply::{Problem, Reply, json};
use super::{SetLease, too_big, too_many_topics};
use crate::log::Cursor;
use crate::shard::{PollAnswer, PollKey, SetKey, Shard, ShardCounters, Transport, WaitingPoll};
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Wait if the client names none, seconds.
const WAIT_DEFAULT_S: u64 = 25;

pub async fn answer(call: Call, request: Request<Incoming>) -> Reply {
    match poll(&call, request).await {
        Ok(body) => json(StatusCode::OK, body),
        Err(problem) => problem.reply(),
    }
}

async fn poll(call: &Call, request: Request<Incoming>) -> Result<Bytes, Problem> {
    let shard = &call.shard;
    let options = options(shard, request).await?;
    let topics = options.required_topics(shard.limits())?;
    let wait_s = options.wait_s.unwrap_or(WAIT_DEFAULT_S).min(shard.limits().poll_wait_max_s);
    let lease = SetLease::take(shard, topics, &options)?;
    let set = lease.set;
    let body = match ask(shard, set, options.cursor.as_ref()).await? {
        Some(body) => body,
        None => match options.cursor {
            Some(cursor) => wait(shard, set, cursor, Duration::from_secs(wait_s)).await?,
            None => shard.core().poll_empty(),
        },
    };
    drop(lease);
    ShardCounters::add(&shard.counters().opened[Transport::LongPoll as usize], 1);
    ShardCounters::add(&shard.counters().deliveries[Transport::LongPoll as usize], 1);
    Ok(body)
}

/// Options from the query, or from the same names in a JSON body.
async fn options(shard: &Shard, request: Request<Incoming>) -> Result<Options, Problem> {
    let limits = shard.limits();
    let paces = shard.paces();
    let mut options = Options::from_query(request.uri().query(), paces)?;
    refuse_streaming(request.uri().query())?;
    if request.method() != Method::POST {
        return Ok(options);
    }
    let body = Limited::new(request.into_body(), limits.body_bytes_max).collect();
    let time = Duration::from_millis(limits.body_timeout_ms);
    let body = match tokio::time::timeout(time, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => {
            let message = format!("the body is longer than {} bytes or broke off", limits.body_bytes_max);
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_big", message));
        }
        Err(_) => return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", "the body came too slowly")),
    };
    let fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(&body).map_err(|error| Problem::bad("bad_json", error.to_string(), "body"))?;
    for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_null()) {
        let values = match value {
            serde_json::Value::Array(values) => values,
            value => vec![value],
        };
        for value in values {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            refuse_option(&name)?;
            options.set(&name, &text, paces)?;
        }
    }
    Ok(options)
}

fn refuse_streaming(query: Option<&str>) -> Result<(), Problem> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes()).try_for_each(|(name, _)| refuse_option(&name))
}

/// A poll has no stream that a rate or a latency budget could shape.
pub(super) fn refuse_option(name: &str) -> Result<(), Problem> {
    if matches!(name, "rate" | "linger_ms") {
        return Err(Problem::bad("bad_option", format!("{name} has no meaning on a poll"), name));
    }
    Ok(())
}

/// What is newer, once every snapshot may be told; `None` if nothing is.
async fn ask(shard: &Shard, set: SetKey, cursor: Option<&Cursor>) -> Result<Option<Bytes>, Problem> {
    loop {
        let answer = shard.core().poll(set, cursor);
        match answer {
            PollAnswer::Body(body) => return Ok(Some(body)),
            PollAnswer::Nothing => return Ok(None),
            PollAnswer::TooBig => return Err(too_big(shard.limits())),
            PollAnswer::TooManyTopics => return Err(too_many_topics(shard.limits())),
            PollAnswer::Hold => shard.read_on().await,
        }
    }
}

/// Hangs on the set until something is newer or the time is up.
async fn wait(shard: &Rc<Shard>, set: SetKey, cursor: Cursor, time: Duration) -> Result<Bytes, Problem> {
    if shard.is_draining() {
        return Ok(shard.core().poll_empty());
    }
    let (reply, answer) = oneshot::channel();
    let key = shard.core().poll_wait(set, WaitingPoll { cursor: cursor.clone(), reply });
    let mut place = Place { shard: Rc::clone(shard), key, answer: Some(answer) };
    let answer = place.answer.as_mut().expect("set above");
    match tokio::time::timeout(time, answer).await {
        Ok(Ok(body)) => Ok(body),
        // The time may be up while entries are being gathered: they are told, since the cursor goes past them.
        _ => Ok(ask(shard, set, Some(&cursor)).await?.unwrap_or_else(|| shard.core().poll_empty())),
    }
}

/// A waiting poll's place in line, freed however the request ends.
struct Place {
    shard: Rc<Shard>,
    key: PollKey,
    answer: Option<oneshot::Receiver<Bytes>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.answer = None;
        self.shard.core().poll_gone(self.key);
    }
}
