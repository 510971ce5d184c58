//! One HTTP/1.1 connection on a shard: hyper reads the requests; a streaming subscriber's socket is then taken from it.

use super::reply::{Problem, Reply, Told, method_not_allowed, text};
use super::tap::{Gauge, Tap};
use super::{Place, Takeover, catalogue, history, long_poll, page, polling, publish, sse, websocket};
use crate::close::CloseReason;
use crate::shard::Shard;
use hyper::body::Incoming;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HOST, HeaderMap, HeaderValue,
    ORIGIN, VARY,
};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::TokioTimer;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpStream;

/// One request's surroundings.
#[derive(Clone, Debug)]
pub struct Call {
    pub shard: Rc<Shard>,
    pub peer: SocketAddr,
    pub takeover: Rc<Takeover>,
}

/// Which origins' pages may use the gateway from a browser.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    /// `*` permits all. The gateway's own origin is permitted too, if it is an IP address or `localhost`.
    pub permitted: Vec<String>,
}

impl Origins {
    /// A request without an origin does not come from a foreign page.
    pub fn permit(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()) else {
            return !headers.contains_key(ORIGIN);
        };
        let own = headers.get(HOST).and_then(|host| host.to_str().ok()).is_some_and(|host| {
            let bare = origin.strip_prefix("http://").or(origin.strip_prefix("https://"));
            is_unforgeable(host) && bare == Some(host)
        });
        own || self.permitted.iter().any(|permitted| permitted == "*" || permitted == origin)
    }
}

/// True of an IP address and of `localhost`: any other name can be made to point here by whoever owns it, and then a page
/// of theirs has our own origin (DNS rebinding).
fn is_unforgeable(host: &str) -> bool {
    let bare =
        host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok() || host.eq_ignore_ascii_case("localhost");
    bare || host.parse::<SocketAddr>().is_ok()
        || host.rsplit_once(':').is_some_and(|(name, _)| name.eq_ignore_ascii_case("localhost"))
}

impl Origins {
    /// True if the configuration names the request's origin itself, not by `*`.
    pub fn name(&self, headers: &HeaderMap) -> bool {
        let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
        origin.is_some_and(|origin| self.permitted.iter().any(|permitted| permitted == origin))
    }
}

/// Serves requests until the peer leaves, a time-out strikes, or the shard takes the socket.
pub async fn serve(shard: Rc<Shard>, stream: TcpStream, peer: SocketAddr, place: Place) {
    let limits = shard.limits().clone();
    let _requests = shard.begin_requests();
    let gauge = Rc::new(Gauge::default());
    let io = Tap::new(stream, Rc::clone(&gauge));
    let takeover = Rc::new(Takeover::default());
    let call = Call { shard: Rc::clone(&shard), peer, takeover: Rc::clone(&takeover) };
    let answered = Rc::clone(&gauge);
    let service = service_fn(move |request| {
        let (call, answered) = (call.clone(), Rc::clone(&answered));
        Box::pin(async move {
            let reply = respond(call, request).await;
            answered.note_answer();
            Ok::<_, std::convert::Infallible>(reply)
        })
    });
    let mut connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limits.head_timeout_ms))
        .max_buf_size(limits.head_bytes_max.max(8 * 1024))
        .serve_connection(io, service);
    let mut check = tokio::time::interval(Duration::from_secs(1));
    let mut draining = std::pin::pin!(shard.draining());
    let mut told = false;
    let adoption = loop {
        tokio::select! {
            outcome = &mut connection => {
                if let Some(reason) = cut_by_us(outcome, &gauge, told) {
                    shard.counters().count_close(reason);
                }
                return;
            }
            () = &mut draining, if !told => {
                // A request that is being answered is answered; then the connection ends.
                told = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            () = takeover.asked() => {}
            _ = check.tick() => {
                if gauge.stalled(Duration::from_millis(limits.write_stall_ms)) {
                    return shard.counters().count_close(CloseReason::WriteStalled);
                }
            }
        }
        // Invariant: the socket is only taken when hyper has flushed every earlier response on it.
        if gauge.has_flushed()
            && let Some(adoption) = takeover.take()
        {
            break adoption;
        }
    };
    let parts = connection.into_parts();
    shard.adopt(parts.io.into_inner(), &parts.read_buf, adoption, place);
}

/// CLOSE-NAMED: why we ended a connection of plain requests; `None` if its peer did, or asked for it.
fn cut_by_us(outcome: Result<(), hyper::Error>, gauge: &Gauge, told: bool) -> Option<CloseReason> {
    match outcome {
        Ok(()) => told.then_some(CloseReason::Draining),
        Err(error) if error.is_timeout() && gauge.is_idle() => Some(CloseReason::Idle),
        Err(error) if error.is_timeout() => Some(CloseReason::HeadTimeout),
        Err(error) if error.is_parse() => Some(CloseReason::BadHead),
        Err(_) => None,
    }
}

async fn respond(call: Call, request: Request<Incoming>) -> Reply {
    let origin = request.headers().get(ORIGIN).cloned();
    let permitted = call.shard.context().origins.permit(request.headers());
    let head = request.method() == Method::HEAD;
    let shard = Rc::clone(&call.shard);
    let mut reply = match refuse(&request) {
        Some(problem) => problem.reply(),
        None if request.method() == Method::OPTIONS && origin.is_some() => preflight(),
        None => route(call, request).await,
    };
    if let Some(Told(code)) = reply.extensions().get() {
        shard.counters().count_error(code);
    }
    // Said to all, or a cache could keep a copy for a page that was made without one.
    reply.headers_mut().append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin.filter(|_| permitted) {
        share(&mut reply, origin);
    }
    if head {
        *reply.body_mut() = Default::default();
    }
    reply
}

/// RFC 9112 section 3.2: exactly one Host, which hyper does not insist on.
fn refuse(request: &Request<Incoming>) -> Option<Problem> {
    let hosts = request.headers().get_all(HOST).iter().count();
    let needed = usize::from(request.version() == Version::HTTP_11);
    if hosts < needed || hosts > 1 {
        return Some(Problem::bad("bad_host", "exactly one Host header is needed", "host"));
    }
    None
}

async fn route(call: Call, request: Request<Incoming>) -> Reply {
    let get = matches!(*request.method(), Method::GET | Method::HEAD);
    let post = *request.method() == Method::POST;
    match request.uri().path() {
        "/v1/ws" => websocket::accept(call, request).await,
        "/conformance/echo" if call.shard.context().conformance_echo => websocket::accept_echo(call, request).await,
        "/v1/sse" if get => sse::accept(call, request).await,
        "/v1/poll" if get || post => long_poll::answer(call, request).await,
        "/v1/snapshot" if get => polling::answer(call, request).await,
        "/v1/topics" if get => catalogue::answer(&call, &request),
        "/v1/history" if get => history::answer(&call, &request),
        "/v1/publish" if post => publish::answer(call, request).await,
        "/readyz" if get && call.shard.context().draining.load(Ordering::Relaxed) => {
            text(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
        }
        "/healthz" | "/readyz" if get => text(StatusCode::OK, "ok\n"),
        "/v1/sse" | "/v1/snapshot" | "/v1/topics" | "/v1/history" | "/healthz" | "/readyz" => {
            method_not_allowed("GET, HEAD, OPTIONS")
        }
        "/v1/poll" => method_not_allowed("GET, HEAD, POST, OPTIONS"),
        "/v1/publish" => method_not_allowed("POST, OPTIONS"),
        path if call.shard.context().page && get => page::asset(path).unwrap_or_else(not_found),
        _ => not_found(),
    }
}

fn not_found() -> Reply {
    Problem::new(StatusCode::NOT_FOUND, "not_found", "no such path; see docs/protocol.md").reply()
}

fn preflight() -> Reply {
    let mut reply = text(StatusCode::NO_CONTENT, "");
    let headers = reply.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST, OPTIONS"));
    headers.insert(
        ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("last-event-id, content-type, authorization, cache-control, if-none-match"),
    );
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    reply
}

fn share<B>(reply: &mut Response<B>, origin: HeaderValue) {
    let headers = reply.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("etag, retry-after"));
}
