//! Pitfall 9: while one feed reads a frame of megabytes, the other feeds of its thread go on.

mod support {
    #[path = "../support/server.rs"]
    pub mod server;
    #[path = "../support/mod.rs"]
    mod shared;
    pub use shared::*;
}

use feeds::adapter::{Adapter, Input, Link, Output, Subscription};
use feeds::model::{Change, Object, Topic, Update};
use feeds::supervise::{Hosts, Limits, run};
use std::sync::mpsc;
use std::time::Duration;
use support::server::WsServer;
use support::{outlet_to_updates, soon};
use tokio::sync::watch;

/// An adapter of one link that does `read` with every frame.
struct Reader<F> {
    links: Vec<Link>,
    read: F,
}

impl<F: FnMut(&[u8], &mut Output) + Send> Adapter for Reader<F> {
    fn provider(&self) -> &str {
        "reader"
    }

    fn links(&self) -> &[Link] {
        &self.links
    }

    fn subscriptions(&self) -> &[Subscription] {
        &[]
    }

    fn handle(&mut self, input: Input<'_>, _now_ms: i64, output: &mut Output) {
        if let Input::Frame(_, bytes) = input {
            (self.read)(bytes, output);
        }
    }
}

fn say(output: &mut Output, word: &str) {
    let state = Object::new().with("word", word);
    output.updates.push(Update::new(Topic::new("desk.word").unwrap(), None, Change::State(state)));
}

/// Starts a feed on the current runtime; what it says comes out of the receiver.
fn start(
    server: &WsServer,
    stop: &watch::Sender<bool>,
    read: impl FnMut(&[u8], &mut Output) + Send + 'static,
) -> tokio::sync::mpsc::Receiver<Update> {
    let (outlet, updates) = outlet_to_updates("reader");
    let adapter = Reader { links: vec![Link { url: server.url(), lifetime_ms: None }], read };
    tokio::spawn(run(Box::new(adapter), outlet, Limits::default(), Hosts::default(), stop.subscribe(), None));
    updates
}

/// The large frame is read for as long as nothing comes of the other feed: were its thread taken, nothing ever would.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_large_frame_does_not_delay_the_other_feeds_of_the_thread() {
    let (mut large, mut small) = (WsServer::start().await, WsServer::start().await);
    let (stop, _) = watch::channel(false);
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (free, wait) = mpsc::channel();
    let mut begun = Some(begun);
    let mut of_large = start(&large, &stop, move |bytes, output| {
        assert_eq!(bytes.len(), 1 << 20);
        if let Some(begun) = begun.take() {
            begun.send(()).unwrap();
        }
        let was_free = wait.recv_timeout(Duration::from_secs(10)).is_ok();
        say(output, if was_free { "others went on" } else { "others waited" });
    });
    let mut of_small = start(&small, &stop, |_, output| say(output, "small"));
    let (mut to_large, mut to_small) = (large.accept().await, small.accept().await);
    to_large.send(&"x".repeat(1 << 20)).await;
    soon(has_begun).await.unwrap();
    to_small.send("x").await;
    let said = tokio::time::timeout(Duration::from_secs(5), word(&mut of_small)).await;
    let _ = free.send(());
    assert_eq!(said.as_deref(), Ok("small"));
    assert_eq!(soon(word(&mut of_large)).await, "others went on");
    stop.send(true).unwrap();
}

/// The next word that is said; what the feed says of itself is passed over.
async fn word(updates: &mut tokio::sync::mpsc::Receiver<Update>) -> String {
    loop {
        let update = updates.recv().await.unwrap();
        if let (Change::State(state), "desk.word") = (update.change, update.topic.as_str()) {
            return state.get("word").unwrap().as_text().unwrap().to_owned();
        }
    }
}
