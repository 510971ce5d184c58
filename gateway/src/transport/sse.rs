//! Server-sent events over HTTP/1.1, and 1.0: the head is written by hand, then the shard owns the socket.
//!
//! The stream ends with the connection (`Connection: close`), so its bytes need no chunk heads and are the same for
//! every subscriber.

use super::http::Call;
use super::options::Options;
use super::reply::{Problem, Reply, bare};
use super::{Adoption, Context};
use crate::framing::Form;
use crate::log::Cursor;
use crate::shard::{Peer, Subscription, Transport};
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, ORIGIN};
use hyper::{Method, Request, StatusCode, Version};

pub async fn accept(call: Call, request: Request<Incoming>) -> Reply {
    let adoption = match prepare(&call, &request) {
        Ok(adoption) => adoption,
        Err(problem) => return problem.reply(),
    };
    if request.method() == Method::HEAD {
        let mut reply = bare(StatusCode::OK, "");
        let headers = reply.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        return reply;
    }
    call.takeover.ask(adoption);
    std::future::pending().await
}

fn prepare(call: &Call, request: &Request<Incoming>) -> Result<Adoption, Problem> {
    let shard = &call.shard;
    let options = Options::from_query(request.uri().query(), shard.paces())?;
    let topics = options.required_topics(shard.limits())?;
    let cursor = last_event_id(request.headers()).or(options.cursor.clone());
    let subscription = Subscription { cursor, ..options.subscription(topics) };
    let (framing, linger_ms) = (options.framing(Form::Sse), options.linger_ms.unwrap_or(0));
    shard.core().check(&subscription, framing, linger_ms, shard.now_ms())?;
    Ok(Adoption {
        head: response_head(shard.context(), request.version(), request.headers()),
        peer: Peer::Sse,
        transport: Transport::Sse,
        framing,
        linger_ms,
        subscription: Some(subscription),
    })
}

/// The header wins over the query: a browser sends it on its own when it comes back. One that we cannot read is a
/// cursor of nobody's: its client gets everything anew.
fn last_event_id(headers: &HeaderMap) -> Option<Cursor> {
    let text = headers.get("last-event-id")?.to_str().unwrap_or_default();
    if text.is_empty() {
        return None;
    }
    text.parse().ok().or_else(|| "unknown:0".parse().ok())
}

fn response_head(context: &Context, version: Version, headers: &HeaderMap) -> Vec<u8> {
    let version = if version == Version::HTTP_10 { "1.0" } else { "1.1" };
    let mut head = format!(
        "HTTP/{version} 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store, no-transform\r\n\
         x-accel-buffering: no\r\nconnection: close\r\n"
    )
    .into_bytes();
    if let Some(origin) = headers.get(ORIGIN).filter(|_| context.origins.permit(headers)) {
        head.extend_from_slice(b"access-control-allow-origin: ");
        head.extend_from_slice(origin.as_bytes());
        head.extend_from_slice(b"\r\naccess-control-allow-credentials: true\r\nvary: origin\r\n");
    }
    head.extend_from_slice(format!("\r\nretry: {}\n\n", context.retry_ms).as_bytes());
    head
}
