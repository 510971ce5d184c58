//! Keys go onto the wire and nowhere else: headers, URLs and frames of a generic feed on loopback.

use feeds::model::Update;
use feeds::registry::{FeedConfig, spawn};
use feeds::supervise::{Hosts, Tap};
use futures_util::StreamExt;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

#[path = "support/mapping.rs"]
mod mapping;
mod support;
use support::{outlet_to_updates, soon};

/// A variable that cargo sets for every test, with characters that a URL has to escape.
const VARIABLE: &str = "CARGO_MANIFEST_DIR";

fn secret() -> String {
    std::env::var(VARIABLE).unwrap()
}

fn escaped() -> String {
    secret().replace('/', "%2F")
}

/// All that a recorder would write down.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn note(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }

    fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

impl Tap for Seen {
    fn connected(&mut self, _conn: &str, addr: &str, _now_ms: i64) {
        self.note(addr);
    }
    fn closed(&mut self, _conn: &str, _now_ms: i64) {}
    fn sent(&mut self, _conn: &str, text: &str, _now_ms: i64) {
        self.note(text);
    }
    fn received(&mut self, _conn: &str, _frame: &[u8], _now_ms: i64) {}
    fn fetched(&mut self, url: &str, status: u16, _body: &[u8], _now_ms: i64) {
        self.note(&format!("{url} {status}"));
    }
}

/// A running feed; it ends when this is dropped, or when nobody takes its updates.
struct Running {
    seen: Seen,
    _updates: mpsc::Receiver<Update>,
    _stop: watch::Sender<bool>,
}

fn start(source: &str) -> Running {
    let feed: FeedConfig = mapping::feed(&format!(
        "headers = {{ \"X-Key\" = \"Bearer ${{{VARIABLE}}}\" }}\nlimits = {{ backoff_min_ms = 10 }}\n{source}\n\
         [[feed.message]]\ntopic = \"quote.x\"\nfields = {{ bid = \"/b\" }}\n"
    ));
    assert!(!format!("{feed:?}").contains(&secret()) && !serde_json::to_string(&feed).unwrap().contains(&secret()));
    let (outlet, _updates) = outlet_to_updates("x");
    let (_stop, stopped) = watch::channel(false);
    let seen = Seen::default();
    spawn(&feed, outlet, &Hosts::default(), stopped, Some(Box::new(seen.clone())));
    Running { seen, _updates, _stop }
}

#[tokio::test]
#[expect(clippy::result_large_err, reason = "the signature is the library's")]
async fn a_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let feed = start(&format!(
        "[[feed.socket]]\nurl = \"ws://{addr}/v1?k=${{{VARIABLE}}}\"\nsubscribe = '{{\"key\":\"${{{VARIABLE}}}\"}}'"
    ));
    let (stream, _) = soon(listener.accept()).await.unwrap();
    let mut asked = (String::new(), String::new());
    let note = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        asked = (request.uri().to_string(), request.headers()["x-key"].to_str().unwrap().to_owned());
        Ok(response)
    };
    let mut socket = tokio_tungstenite::accept_hdr_async(stream, note).await.unwrap();
    let frame = soon(socket.next()).await.unwrap().unwrap().into_text().unwrap();
    assert_eq!(asked, (format!("/v1?k={}", escaped()), format!("Bearer {}", secret())));
    assert_eq!(frame.as_str(), format!(r#"{{"key":"{}"}}"#, secret()));
    let seen = feed.seen.text();
    assert!(seen.contains(&format!("k=${{{VARIABLE}}}")) && seen.contains(r#"{"key":"#), "{seen}");
    assert!(!seen.contains(&secret()) && !seen.contains(&escaped()), "{seen}");
}

/// Reads a request's head, and answers it.
async fn answer(listener: &TcpListener, answer: &str) -> String {
    let (mut stream, _): (TcpStream, _) = soon(listener.accept()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.unwrap() > 0 {}
    stream.write_all(format!("HTTP/1.1 {answer}\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
    String::from_utf8(head).unwrap().to_lowercase()
}

#[tokio::test]
async fn a_poll_and_no_redirect_to_strangers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stranger = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (addr, other) = (listener.local_addr().unwrap(), stranger.local_addr().unwrap());
    let feed = start(&format!("[[feed.poll]]\nurl = \"http://{addr}/a?k=${{{VARIABLE}}}\"\ninterval_ms = 100"));
    let head = answer(&listener, "307 X\r\ncontent-length: 0\r\nlocation: /b").await;
    assert!(head.starts_with(&format!("get /a?k={} ", escaped()).to_lowercase()), "{head}");
    assert!(head.contains(&format!("x-key: bearer {}\r\n", secret()).to_lowercase()), "{head}");
    let head = answer(&listener, &format!("307 X\r\ncontent-length: 0\r\nlocation: http://{other}/")).await;
    assert!(head.starts_with("get /b ") && !head.contains("referer"), "the same origin is followed to: {head}");
    // The next poll: the feed gave up on the redirect, and the stranger heard nothing.
    let head = answer(&listener, "200 OK\r\ncontent-length: 0").await;
    assert!(head.starts_with("get /a"), "{head}");
    assert!(futures_util::FutureExt::now_or_never(stranger.accept()).is_none());
    let seen = feed.seen.text();
    assert!(seen.contains("307") && !seen.contains(&secret()) && !seen.contains(&escaped()), "{seen}");
}
