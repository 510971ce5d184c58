//! Pushpin: a proxy that holds subscribers for an application behind it (GRIP), which here is [`Origin`]. A message is a
//! POST to its control port. Four processes: condure, zurl, its proxy and its handler.

use super::dialogue::{Bare, Dialogue, Events, WebSocket};
use super::message::{self, topic_name, topic_names};
use super::origin::{Origin, PROBE, READY};
use super::post::{connect, write_head};
use super::{Peer, Running, Way, debian_version, http};
use crate::clock::{MILLISECOND_NS, SECOND_NS, now_ns, wait_until};
use crate::payload::Stamp;
use crate::publisher::Inlet;
use crate::target::program::{Folder, Program, find, free_addresses};
use crate::target::{Setting, Target};
use crate::workload::Workload;
use anyhow::{Context, ensure};
use serde_json::json;
use std::io::{Read, Write};
use std::net::SocketAddrV4;

/// Longest time until its processes have found each other, and time between two looks.
const START_TIME_NS: u64 = 15 * SECOND_NS;
const LOOK_NS: u64 = 50 * MILLISECOND_NS;

#[derive(Debug)]
pub struct Pushpin;

impl Peer for Pushpin {
    fn name(&self) -> &'static str {
        "pushpin"
    }

    fn ways(&self) -> &'static [Way] {
        &[Way::Sse, Way::Websocket]
    }

    fn version(&self) -> anyhow::Result<String> {
        for program in ["pushpin", "condure", "zurl"] {
            find(program).with_context(|| format!("{program} is not installed"))?;
        }
        debian_version("pushpin")
    }

    fn start(&self, setting: &Setting, workload: &Workload) -> anyhow::Result<Running> {
        let path = find("pushpin").context("pushpin is not installed")?;
        let (folder, [address, inlet, command]) = (Folder::new("pushpin")?, free_addresses()?);
        let origin = Origin::start()?;
        // Over WebSocket too the origin is asked by HTTP.
        folder.write("routes", &format!("* {},over_http\n", origin.address))?;
        let ports = Ports { address, inlet, command };
        let config = folder.write("pushpin.conf", &config(&folder, &ports, workload.subscribers))?;
        let arguments = vec!["--merge-output".into(), "--config".into(), config.into()];
        let target = Target::program(setting, Program { path, arguments, folder, ports: vec![address, inlet] })?;
        await_origin(address)?;
        Ok(Running { target, inlet, origin: Some(origin) })
    }

    fn subscriber(&self, way: Way, topics: &[u32]) -> Box<dyn Dialogue> {
        let path = format!("/?topics={}", topic_names(topics));
        match way {
            Way::Websocket => Box::new(WebSocket::new(&path, Bare { ready_word: Some(READY) })),
            _ => Box::new(Events::new(path)),
        }
    }

    fn inlet(&self, way: Way, running: &Running, workload: &Workload) -> anyhow::Result<Box<dyn Inlet>> {
        let (control, message_bytes) = (running.inlet, workload.data_bytes);
        Ok(Box::new(Items { way, control, message_bytes, message: Vec::new(), waiting: 0, accepted: 0 }))
    }
}

/// Its processes find each other some time after its ports are open.
fn await_origin(address: SocketAddrV4) -> anyhow::Result<()> {
    let deadline = now_ns() + START_TIME_NS;
    loop {
        match probe(address) {
            Ok(200) => return Ok(()),
            other => ensure!(now_ns() < deadline, "Pushpin does not reach its origin: {other:?}"),
        }
        wait_until(now_ns() + LOOK_NS);
    }
}

/// The status with which the origin answers through the proxy.
fn probe(address: SocketAddrV4) -> anyhow::Result<u16> {
    let mut socket = connect(address)?;
    write!(socket, "GET {PROBE} HTTP/1.1\r\nHost: loadtest\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer)?;
    Ok(http::head(&answer)?.context("no answer")?.status)
}

struct Ports {
    address: SocketAddrV4,
    inlet: SocketAddrV4,
    command: SocketAddrV4,
}

/// What differs from its defaults: everything in a folder of its own, room for the subscribers, and no cap on messages
/// per second (2,500 by default: 2.5 messages to a thousand subscribers).
fn config(folder: &Folder, ports: &Ports, subscribers: usize) -> String {
    let (folder, connections) = (folder.path().display(), subscribers + 500);
    let zurl = |end: &str| format!("ipc://{folder}/p-zurl-{end}");
    format!(
        "[global]
include={{libdir}}/internal.conf
rundir={folder}
ipc_prefix=p-
port_offset=0
stats_connection_ttl=120

[runner]
services=condure,zurl,pushpin-proxy,pushpin-handler
http_port={address}
logdir={folder}
log_level=0
client_buffer_size=8192
client_maxconn={connections}
condure_bin=condure
zurl_bin=zurl

[proxy]
routesfile={folder}/routes
updates_check=off
zurl_out_specs={zurl_in}
zurl_out_stream_specs={zurl_stream}
zurl_in_specs={zurl_out}

[handler]
push_in_http_addr={inlet_ip}
push_in_http_port={inlet_port}
command_spec=tcp://{command}
message_rate=100000000
message_hwm=100000000
connection_subscription_max=100
stats_report_interval=60
",
        address = ports.address,
        zurl_in = zurl("in"),
        zurl_stream = zurl("in-stream"),
        zurl_out = zurl("out"),
        inlet_ip = ports.inlet.ip(),
        inlet_port = ports.inlet.port(),
        command = ports.command,
    )
}

/// Publishes over the control port, which ends its connection after each answer: what is due goes into one request, and
/// the next waits for its answer, so that messages stay in order.
#[derive(Debug)]
struct Items {
    way: Way,
    control: SocketAddrV4,
    message_bytes: usize,
    message: Vec<u8>,
    /// Items written and not sent yet.
    waiting: u64,
    accepted: u64,
}

impl Inlet for Items {
    fn write(&mut self, topic: usize, stamp: Stamp, out: &mut Vec<u8>) {
        self.message.clear();
        message::write(topic, stamp, self.message_bytes, &mut self.message);
        let separator = if out.is_empty() { "" } else { "," };
        let item = item(self.way, &topic_name(topic), &String::from_utf8_lossy(&self.message));
        // Writing to a Vec cannot fail.
        let _ = write!(out, "{separator}{item}");
        self.waiting += 1;
    }

    fn send(&mut self, written: &[u8]) -> anyhow::Result<()> {
        let body = [br#"{"items":["#, written, b"]}"].concat();
        let mut request = Vec::new();
        write_head("/publish/", "application/json", body.len(), &mut request);
        request.extend_from_slice(&body);
        let mut socket = connect(self.control)?;
        socket.write_all(&request).context("Pushpin takes no more from the publisher")?;
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).context("the answer to publishing")?;
        let taken = http::answer(&answer)?.is_some_and(|answer| answer.status == 200);
        ensure!(taken, "publishing was refused: {}", String::from_utf8_lossy(&answer));
        self.accepted += std::mem::take(&mut self.waiting);
        Ok(())
    }

    /// Each request was answered when it was sent.
    fn finish(&mut self, sent: u64) -> anyhow::Result<()> {
        ensure!(self.accepted == sent, "Pushpin accepted {} of {sent} messages", self.accepted);
        Ok(())
    }
}

fn item(way: Way, topic: &str, message: &str) -> serde_json::Value {
    let formats = match way {
        Way::Websocket => json!({ "ws-message": { "content": message } }),
        _ => json!({ "http-stream": { "content": format!("data: {message}\n\n") } }),
    };
    json!({ "channel": topic, "formats": formats })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::websocket::server_frame;
    use crate::peer::fleet::tests::{head_of_upgrade, play};

    fn message(k: u64) -> String {
        let mut message = Vec::new();
        message::write(5, Stamp { k, sent_ns: 7 }, 120, &mut message);
        String::from_utf8(message).unwrap()
    }

    #[test]
    fn events_in_chunks() {
        let mut stream =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
        // Two events in one chunk, and one over two.
        let (events, third) = (format!("data: {}\n\ndata: {}\n\n", message(2), message(3)), message(5));
        for chunk in [&events, "data: ", &third, "\n\n"] {
            stream += &format!("{:x}\r\n{chunk}\r\n", chunk.len());
        }
        let heard = play(Pushpin.subscriber(Way::Sse, &[5]), &[5], stream.as_bytes());
        assert_eq!((heard.deliveries, heard.lost), (3, 1));
    }

    #[test]
    fn frames_after_the_word() {
        let frames = [READY, &message(2)].map(|text| server_frame(1, text.as_bytes())).concat();
        let heard = play(Pushpin.subscriber(Way::Websocket, &[5]), &[5], &[head_of_upgrade(), frames].concat());
        assert_eq!((heard.deliveries, heard.lost), (1, 0));
    }

    #[test]
    fn items() {
        let frame = item(Way::Websocket, "load.5", r#"{"k":2}"#).to_string();
        assert_eq!(frame, r#"{"channel":"load.5","formats":{"ws-message":{"content":"{\"k\":2}"}}}"#);
        let event = item(Way::Sse, "load.5", "{}").to_string();
        assert_eq!(event, r#"{"channel":"load.5","formats":{"http-stream":{"content":"data: {}\n\n"}}}"#);
    }
}
