//! What does a client's command cost, from the masked frame to the answer, and a published line?

use criterion::{Criterion, Throughput};
use fanwire::framing::Framing;
use fanwire::shard::{ConnKey, Core};
use fanwire::transport::publish::parse_line;
use fanwire::transport::websocket::hear;
use fanwire_benches::audience::{NullWire, connect, drive};
use fanwire_benches::engine::{Engine, NOW_MS};
use fanwire_benches::{quotes, requests};
use std::hint::black_box;

pub fn benches(c: &mut Criterion) {
    let mut engine = Engine::default();
    engine.publish(quotes::updates(&quotes::topics(1_000), 0));
    let mut core = engine.shard();
    let key = connect(&mut core, Framing::default());
    let mut client = Client { core, key, now_ms: NOW_MS };
    let mut group = c.benchmark_group("command");
    let names = requests::names(20);
    for (name, commands) in [
        ("ping", vec![requests::masked(requests::PING)]),
        ("sub_and_unsub_20_topics", ["sub", "unsub"].map(|op| requests::masked(&requests::topics(op, &names))).into()),
        ("unknown", vec![requests::masked(r#"{"op":"shout","id":1}"#)]),
    ] {
        group.throughput(Throughput::Elements(commands.len() as u64));
        group.bench_function(name, |b| b.iter(|| commands.iter().for_each(|command| client.say(command))));
    }
    group.throughput(Throughput::Elements(1));
    group.bench_function("publish_line", |b| b.iter(|| parse_line(black_box(requests::LINE)).is_ok()));
}

struct Client {
    core: Core<NullWire>,
    key: ConnKey,
    now_ms: i64,
}

impl Client {
    /// Says it, and is answered. A second later each time, so that the budget of commands is never used up.
    fn say(&mut self, frame: &[u8]) {
        self.now_ms += 1_000;
        if let Some(connection) = self.core.connection(self.key) {
            connection.errors = 0;
        }
        assert!(matches!(hear(&mut self.core, self.key, black_box(frame), self.now_ms), Ok(true)));
        drive(&mut self.core);
    }
}
