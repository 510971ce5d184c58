//! WebSocket: the handshake, then commands in and entries out on a socket that the shard owns.

mod assembly;
mod command;
mod handshake;

pub use assembly::{Assembly, Heard};

use super::Adoption;
use super::http::Call;
use super::options::Options;
use super::reply::{Problem, Reply};
use crate::close::CloseReason;
use crate::framing::{Form, Framing, websocket as frames};
use crate::limits::COMMANDS_AT_ONCE_MAX;
use crate::shard::{ConnKey, Core, Peer, Subscription, Transport, Wire};
use hyper::Request;
use hyper::body::Incoming;

pub async fn accept(call: Call, request: Request<Incoming>) -> Reply {
    match prepare(&call, &request) {
        Ok(adoption) => {
            call.takeover.ask(adoption);
            std::future::pending().await
        }
        Err(refusal) => *refusal,
    }
}

/// `/conformance/echo`: the same connection code, whose messages come back. For conformance suites only.
pub async fn accept_echo(call: Call, request: Request<Incoming>) -> Reply {
    match handshake::check(&request, &call.shard.context().origins) {
        Ok(head) => {
            let framing = Framing::default();
            let peer = Peer::Echo(None);
            let transport = Transport::WebSocket;
            let adoption = Adoption { head, peer, transport, framing, linger_ms: 0, subscription: None };
            call.takeover.ask(adoption);
            std::future::pending().await
        }
        Err(refusal) => *refusal,
    }
}

fn prepare(call: &Call, request: &Request<Incoming>) -> Result<Adoption, Box<Reply>> {
    let head = handshake::check(request, &call.shard.context().origins)?;
    let asked = ask(call, request).map_err(|problem| Box::new(problem.reply()))?;
    let (framing, linger_ms, subscription) = asked;
    let (peer, transport) = (Peer::WebSocket(None), Transport::WebSocket);
    Ok(Adoption { head, peer, transport, framing, linger_ms, subscription })
}

/// What the query asks for; topics may also come later, by command.
fn ask(call: &Call, request: &Request<Incoming>) -> Result<(Framing, u32, Option<Subscription>), Problem> {
    let shard = &call.shard;
    let options = Options::from_query(request.uri().query(), shard.paces())?;
    let subscription = options.topics_if_any(shard.limits())?.map(|topics| options.subscription(topics));
    let (framing, linger_ms) = (options.framing(Form::WebSocket), options.linger_ms.unwrap_or(0));
    if let Some(subscription) = &subscription {
        shard.core().check(subscription, framing, linger_ms, shard.now_ms())?;
    }
    Ok((framing, linger_ms, subscription))
}

/// Takes bytes that were read from the peer, none to go on where it was cut short. True if all was heard; false if there
/// is more, which waits until others had their turn. `Err` is how the connection ends.
pub fn hear<W: Wire>(core: &mut Core<W>, key: ConnKey, read: &[u8], now_ms: i64) -> Result<bool, CloseReason> {
    let cap = core.settings().limits.message_bytes_max;
    let Some(connection) = core.connection(key) else { return Ok(true) };
    (connection.heard_s, connection.asked) = ((now_ms / 1_000) as u32, 0);
    if connection.closing.is_some() {
        // Only the end of the peer's stream is still of interest.
        return Ok(true);
    }
    let echo = matches!(connection.peer, Peer::Echo(_));
    let (Peer::WebSocket(slot) | Peer::Echo(slot)) = &mut connection.peer else { return Ok(true) };
    let mut assembly = slot.take().unwrap_or_default();
    assembly.push(read);
    let mut left = COMMANDS_AT_ONCE_MAX;
    while left > 0
        && let Some(heard) = assembly.next(cap)?
    {
        left -= 1;
        match heard {
            Heard::Ping(_) | Heard::Pong if !echo && !command::has_budget(core, key, now_ms) => {
                command::refuse_superfluous(core, key, None)?;
            }
            Heard::Ping(payload) => core.send_raw(key, frames::frame(frames::PONG, &payload)),
            Heard::Pong => {}
            Heard::Close(code) => return Err(answer_close(core, key, code)),
            Heard::Text(text) if echo => core.send_raw(key, frames::frame(frames::TEXT, text.as_bytes())),
            Heard::Binary(bytes) if echo => core.send_raw(key, frames::frame(frames::BINARY, &bytes)),
            Heard::Text(text) => command::obey(core, key, &text, now_ms)?,
            Heard::Binary(_) => return Err(CloseReason::BadData),
        }
    }
    if !assembly.is_empty()
        && let Some(Peer::WebSocket(slot) | Peer::Echo(slot)) = core.connection(key).map(|c| &mut c.peer)
    {
        *slot = Some(assembly);
    }
    Ok(left > 0)
}

/// The peer began the close: its code comes back, and that is the end.
fn answer_close<W: Wire>(core: &mut Core<W>, key: ConnKey, code: Option<u16>) -> CloseReason {
    let frame = match code {
        Some(code) => frames::close_frame(code, ""),
        None => frames::frame(frames::CLOSE, b""),
    };
    core.farewell(key, frame);
    CloseReason::Normal
}
