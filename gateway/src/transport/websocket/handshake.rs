//! The opening handshake as RFC 6455 section 4.2 asks of servers; fastwebsockets computes the accept key.

use crate::transport::http::Origins;
use crate::transport::reply::{Problem, Reply, method_not_allowed};
use base64::Engine;
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION};
use hyper::{Method, Request, StatusCode, Version};

const PROTOCOL: &str = "fanwire.v1";

/// The head of the 101 answer, or the refusal.
pub fn check(request: &Request<Incoming>, origins: &Origins) -> Result<Vec<u8>, Box<Reply>> {
    let headers = request.headers();
    if request.method() != Method::GET {
        return Err(method_not_allowed("GET").into());
    }
    if request.version() != Version::HTTP_11 {
        return Err(Problem::bad("bad_handshake", "WebSocket needs HTTP/1.1", "version").reply().into());
    }
    if !fastwebsockets::upgrade::is_upgrade_request(request) {
        let message = "this path speaks WebSocket: Connection: Upgrade and Upgrade: websocket are needed";
        return Err(upgrade_required(message, "upgrade").into());
    }
    if headers.get(SEC_WEBSOCKET_VERSION).map(HeaderValue::as_bytes) != Some(b"13") {
        return Err(upgrade_required("WebSocket version 13 is spoken here", "sec-websocket-version").into());
    }
    if !has_good_key(headers) {
        let message = "the key is 16 bytes in base64, once";
        return Err(Problem::bad("bad_handshake", message, "sec-websocket-key").reply().into());
    }
    if !origins.permit(headers) {
        let mut problem = Problem::bad("origin_forbidden", "pages of this origin may not connect", "origin");
        problem.status = StatusCode::FORBIDDEN;
        return Err(problem.reply().into());
    }
    let protocol = choose_protocol(headers)?;
    answer_head(request, protocol)
}

fn upgrade_required(message: &str, field: &str) -> Reply {
    let mut problem = Problem::bad("upgrade_required", message, field);
    problem.status = StatusCode::UPGRADE_REQUIRED;
    let mut reply = problem.reply();
    reply.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    reply.headers_mut().insert(hyper::header::UPGRADE, HeaderValue::from_static("websocket"));
    reply
}

fn has_good_key(headers: &HeaderMap) -> bool {
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let decoded = keys.next().and_then(|key| base64::prelude::BASE64_STANDARD.decode(key.as_bytes()).ok());
    decoded.is_some_and(|key| key.len() == 16) && keys.next().is_none()
}

/// Ours if it is offered; `None` if nothing is. A client that offers only others could not go on.
fn choose_protocol(headers: &HeaderMap) -> Result<Option<&'static str>, Box<Reply>> {
    let mut offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().peekable();
    if offered.peek().is_none() {
        return Ok(None);
    }
    let ours = offered
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|name| name.trim() == PROTOCOL);
    if ours {
        return Ok(Some(PROTOCOL));
    }
    let message = format!("the subprotocol spoken here is {PROTOCOL}");
    Err(Problem::bad("bad_subprotocol", message, "sec-websocket-protocol").reply().into())
}

fn answer_head(request: &Request<Incoming>, protocol: Option<&str>) -> Result<Vec<u8>, Box<Reply>> {
    // The crate wants a request that it may take apart: it gets one with the two headers that it reads.
    let mut probe = Request::new(());
    for name in [SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION] {
        if let Some(value) = request.headers().get(&name) {
            probe.headers_mut().insert(name, value.clone());
        }
    }
    let Ok((answer, _)) = fastwebsockets::upgrade::upgrade(&mut probe) else {
        return Err(Problem::bad("bad_handshake", "the handshake is not complete", "sec-websocket-key").reply().into());
    };
    let mut head = b"HTTP/1.1 101 Switching Protocols\r\n".to_vec();
    for (name, value) in answer.headers() {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    if let Some(protocol) = protocol {
        head.extend_from_slice(format!("sec-websocket-protocol: {protocol}\r\n").as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    Ok(head)
}
