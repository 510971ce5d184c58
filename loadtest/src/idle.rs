//! What a connection costs that does nothing: opened, then subscribed to one quiet topic, step by step, with what the
//! gateway's allocator, the kernel's page tables and the kernel's socket buffers say after each.
//!
//! The gateway sends no heartbeats meanwhile, and the clients read nothing but what answers them.

use crate::clock::{MILLISECOND_NS, SECOND_NS, now_ns, wait_until};
use crate::measure::pin_clients;
use crate::payload::{Stamp, write_line};
use crate::publisher::Stream;
use crate::target::counters::ask;
use crate::target::process::resident_bytes;
use crate::target::{Plan, Setting, Target};
use crate::workload::{Kind, Transport};
use anyhow::{Context, bail, ensure};
use memchr::memmem;
use serde::Serialize;
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::Duration;

const TOPIC: &str = "quote.idle.0";
/// Longest time until the gateway answers one client.
const ANSWER_TIME: Duration = Duration::from_secs(20);
/// Connections per source address.
const PER_SOURCE_MAX: usize = 10_000;
/// Connections opened and closed before the first look, so that what is made once is made.
const FIRST: usize = 200;

#[derive(Clone, Debug, clap::Args, Serialize)]
pub struct IdleLoad {
    #[arg(long, value_enum, default_value_t = Transport::Websocket)]
    pub transport: Transport,
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    pub subscribers: usize,
    /// Seconds of rest before each look, in which the allocator gives back what it does not need
    #[arg(long, default_value_t = 12, value_name = "S")]
    pub rest: u64,
}

/// One look. Bytes.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Look {
    pub resident: u64,
    pub allocated: u64,
    /// What the allocator holds of the kernel.
    pub held: u64,
    /// Socket buffers of all TCP of this machine, both ends.
    pub tcp_buffers: u64,
    /// The kernel's items of all epolls of this machine.
    pub epoll_items: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Step {
    pub name: &'static str,
    pub look: Look,
    /// Growth since before the first connection, per connection.
    pub resident_each: f64,
    pub allocated_each: f64,
    pub tcp_buffers_each: f64,
    pub epoll_items_each: f64,
}

#[derive(Clone, Debug, Serialize)]
pub struct IdleReport {
    pub load: IdleLoad,
    pub before: Look,
    pub steps: Vec<Step>,
    /// What is known of one connection: name and bytes.
    pub items: Vec<(String, f64)>,
}

pub fn run(load: &IdleLoad, setting: &Setting) -> anyhow::Result<IdleReport> {
    ensure!((1..=19_000).contains(&load.subscribers), "--subscribers is 1 to 19000");
    ensure!(load.transport.is_stream(), "--transport is websocket or sse: a poll is not idle");
    pin_clients(setting.client_cpu);
    let server = "shards = 1\nheartbeat_ms = 600000\ntest_hooks = true\npage = false\ndrain_s = 1";
    let room = format!("connections_max = {}", load.subscribers + FIRST + 100);
    let target = Target::gateway(setting, &Plan::serving(server, &room))?;
    give_birth(target.address)?;
    let first =
        (0..FIRST).map(|n| Client::open(load.transport, target.address, n)).collect::<anyhow::Result<Vec<_>>>()?;
    drop(first);
    let before = look(&target, load.rest)?;
    let mut steps = Vec::new();
    let mut step = |name: &'static str, look: Look| {
        let each = |now: u64, then: u64| (now as f64 - then as f64) / load.subscribers as f64;
        steps.push(Step {
            name,
            look,
            resident_each: each(look.resident, before.resident),
            allocated_each: each(look.allocated, before.allocated),
            tcp_buffers_each: each(look.tcp_buffers, before.tcp_buffers),
            epoll_items_each: each(look.epoll_items, before.epoll_items),
        });
    };
    let open = |n| Client::open(load.transport, target.address, n);
    let mut clients = (0..load.subscribers).map(open).collect::<anyhow::Result<Vec<_>>>()?;
    step("opened", look(&target, load.rest)?);
    if load.transport == Transport::Websocket {
        clients.iter_mut().try_for_each(Client::subscribe)?;
        step("subscribed", look(&target, load.rest)?);
    }
    step("rested", look(&target, load.rest)?);
    let items = items(&target, load.subscribers)?;
    drop(clients);
    step("closed", look(&target, load.rest)?);
    target.stop()?;
    Ok(IdleReport { load: load.clone(), before, steps, items })
}

fn give_birth(target: SocketAddrV4) -> anyhow::Result<()> {
    let (mut stream, mut line) = (Stream::open(target)?, Vec::new());
    write_line(Kind::State, TOPIC, Stamp { k: 1, sent_ns: 0 }, 100, &mut line);
    stream.send(&line)?;
    ensure!(stream.finish()? == 1, "the topic was not accepted");
    Ok(())
}

struct Client {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Client {
    /// A WebSocket without a topic, or an SSE stream of it.
    fn open(transport: Transport, target: SocketAddrV4, number: usize) -> anyhow::Result<Client> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).context("a client's socket")?;
        let source = Ipv4Addr::new(127, 0, 0, 2 + (number / PER_SOURCE_MAX) as u8);
        socket.bind(&SocketAddrV4::new(source, 0).into())?;
        socket.connect(&target.into()).context("a client cannot connect")?;
        let stream: TcpStream = socket.into();
        stream.set_read_timeout(Some(ANSWER_TIME))?;
        let mut client = Client { stream, heard: Vec::new() };
        let (request, until) = match transport {
            Transport::Websocket => (crate::client::websocket::request(""), r#""t":"hello""#),
            _ => (crate::client::sse::request(TOPIC), r#""t":"at""#),
        };
        // A query without a name is none.
        client.stream.write_all(request.replace("?topics= ", " ").as_bytes())?;
        client.hear(until)?;
        Ok(client)
    }

    fn subscribe(&mut self) -> anyhow::Result<()> {
        let command = format!(r#"{{"op":"sub","topics":["{TOPIC}"]}}"#);
        let frame = crate::client::websocket::masked(crate::client::websocket::TEXT, command.as_bytes());
        self.stream.write_all(&frame)?;
        self.hear(r#""t":"at""#)
    }

    fn hear(&mut self, wanted: &str) -> anyhow::Result<()> {
        let mut buffer = [0; 4 * 1024];
        while memmem::find(&self.heard, wanted.as_bytes()).is_none() {
            let length = self.stream.read(&mut buffer).context("an answer of the gateway")?;
            if length == 0 {
                bail!("the gateway ended a connection: {}", String::from_utf8_lossy(&self.heard));
            }
            self.heard.extend_from_slice(&buffer[..length]);
        }
        self.heard = Vec::new();
        Ok(())
    }
}

/// What stands after a rest.
fn look(target: &Target, rest_s: u64) -> anyhow::Result<Look> {
    let until_ns = now_ns() + rest_s * SECOND_NS;
    while now_ns() < until_ns {
        wait_until(until_ns.min(now_ns() + 500 * MILLISECOND_NS));
        // The allocator gives memory back when it is used.
        memory(target)?;
    }
    let memory = memory(target)?;
    let bytes = |name: &str| memory[name].as_u64().unwrap_or(0);
    Ok(Look {
        resident: resident_bytes(target.pid())?,
        allocated: bytes("allocated_bytes"),
        held: bytes("resident_bytes"),
        tcp_buffers: tcp_buffers(),
        epoll_items: slab("eventpoll_epi"),
    })
}

fn memory(target: &Target) -> anyhow::Result<Value> {
    let admin = target.admin.context("a gateway has an admin listener")?;
    Ok(serde_json::from_str(&ask(admin, "GET", "/debug/memory")?)?)
}

/// `mem` of TCP in `/proc/net/sockstat`, which is in pages; 0 if it is not there.
fn tcp_buffers() -> u64 {
    let text = fs::read_to_string("/proc/net/sockstat").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("TCP:")).unwrap_or_default();
    let pages: u64 =
        line.split_whitespace().skip_while(|word| *word != "mem").nth(1).and_then(|n| n.parse().ok()).unwrap_or(0);
    pages * rustix::param::page_size() as u64
}

/// Bytes of one of the kernel's caches; 0 if it does not say.
fn slab(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/slabinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.split_whitespace().next() == Some(name)).unwrap_or_default();
    let mut fields = line.split_whitespace().skip(1).map(|field| field.parse::<u64>().unwrap_or(0));
    let (active, _, size) = (fields.next().unwrap_or(0), fields.next(), fields.next().unwrap_or(0));
    active * size
}

/// What the gateway says of the parts of one connection.
fn items(target: &Target, subscribers: usize) -> anyhow::Result<Vec<(String, f64)>> {
    let memory = memory(target)?;
    let size = |name: &str| memory["size_bytes"][name].as_u64().unwrap_or(0) as f64;
    // Tables double when they are full: what is kept free is shared by those that are there.
    let room = subscribers.next_power_of_two() as f64 / subscribers as f64;
    let slot = size("connection") + size_of::<usize>() as f64;
    Ok(vec![
        ("its slot in the shard's table (socket, place, set, phase)".into(), slot),
        ("free slots of that table, its share".into(), slot * (room - 1.0)),
        ("its entry in its set, with free ones".into(), size("set_member") * room),
        ("its entry in the heartbeats' queue, with free ones".into(), size("heartbeat") * room),
    ])
}

impl IdleReport {
    pub fn table(&self) -> String {
        let IdleLoad { transport, subscribers, .. } = self.load;
        let mut out = format!(
            "{subscribers} idle connections over {transport}; bytes per connection, since before the first\n  \
             step          resident  allocated   kernel: TCP buffers (both ends)  epoll item\n"
        );
        for Step { name, resident_each, allocated_each, tcp_buffers_each, epoll_items_each, .. } in &self.steps {
            // Writing to a String cannot fail.
            let _ = writeln!(
                out,
                "  {name:<12}  {resident_each:>8.0}  {allocated_each:>9.0}  {tcp_buffers_each:>32.0}  {epoll_items_each:>10.0}"
            );
        }
        let known: f64 = self.items.iter().map(|(_, bytes)| bytes).sum();
        let rested = self.steps.iter().find(|step| step.name == "rested");
        let rest = rested.map_or(0.0, |step| step.allocated_each - known);
        let spread = rested.map_or(0.0, |step| step.resident_each - step.allocated_each);
        let more = [("allocated otherwise".to_owned(), rest), ("the allocator's own and its gaps".to_owned(), spread)];
        for (name, bytes) in self.items.iter().chain(&more) {
            let _ = writeln!(out, "  {bytes:>8.0}  {name}");
        }
        out
    }

    /// Resident bytes per connection, rested.
    pub fn resident_each(&self) -> f64 {
        self.steps.iter().find(|step| step.name == "rested").map_or(f64::NAN, |step| step.resident_each)
    }
}
