//! Plain polling: the snapshots of some topics, with an ETag that changes when any of them does.

use super::http::Call;
use super::options::Options;
use super::reply::{Problem, Reply, bare, json};
use super::{SetLease, too_big, too_many_topics};
use crate::shard::{PollAnswer, SetKey, Shard, ShardCounters, Transport};
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use hyper::{Request, StatusCode};

pub async fn answer(call: Call, request: Request<Incoming>) -> Reply {
    match poll(&call, &request).await {
        Ok(reply) => reply,
        Err(problem) => problem.reply(),
    }
}

async fn poll(call: &Call, request: &Request<Incoming>) -> Result<Reply, Problem> {
    let shard = &call.shard;
    let options = Options::from_query(request.uri().query(), shard.paces())?;
    let query = request.uri().query().unwrap_or_default();
    for (name, _) in form_urlencoded::parse(query.as_bytes()) {
        if matches!(&*name, "rate" | "linger_ms" | "cursor") {
            return Err(Problem::bad("bad_option", format!("{name} has no meaning on a snapshot"), &name));
        }
    }
    let topics = options.required_topics(shard.limits())?;
    let lease = SetLease::take(shard, topics, &options)?;
    let set = lease.set;
    let tag = etag(shard, set);
    let reply = if matches(request.headers(), &tag) {
        bare(StatusCode::NOT_MODIFIED, "")
    } else {
        let body = whole(shard, set).await?;
        ShardCounters::add(&shard.counters().deliveries[Transport::Polling as usize], 1);
        json(StatusCode::OK, body)
    };
    ShardCounters::add(&shard.counters().opened[Transport::Polling as usize], 1);
    Ok(with_cache_headers(reply, &tag))
}

fn etag(shard: &Shard, set: SetKey) -> String {
    let core = shard.core();
    let epoch = core.log().epoch().as_str();
    let version = core.version(set);
    format!("\"{epoch}-{}-{:x}\"", version.newest.0, version.lives)
}

fn matches(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|candidate| candidate.trim().trim_start_matches("W/") == tag || candidate.trim() == "*")
}

async fn whole(shard: &Shard, set: SetKey) -> Result<Bytes, Problem> {
    loop {
        let answer = shard.core().poll_whole(set);
        match answer {
            PollAnswer::Body(body) => return Ok(body),
            PollAnswer::Nothing => return Ok(shard.core().poll_empty()),
            PollAnswer::TooBig => return Err(too_big(shard.limits())),
            PollAnswer::TooManyTopics => return Err(too_many_topics(shard.limits())),
            PollAnswer::Hold => shard.read_on().await,
        }
    }
}

/// `no-cache`: it may be kept, but is to be asked for again each time.
fn with_cache_headers(mut reply: Reply, tag: &str) -> Reply {
    if let Ok(tag) = HeaderValue::from_str(tag) {
        reply.headers_mut().insert(ETAG, tag);
    }
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    reply
}
