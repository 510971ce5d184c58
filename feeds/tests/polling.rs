//! A polled provider end to end, against one on loopback: what is sent with a request, and when the next one comes.

mod support {
    #[path = "../support/server.rs"]
    pub mod server;
    #[path = "../support/mod.rs"]
    mod shared;
    pub use shared::*;
}

use feeds::provider::nba::NbaConfig;
use feeds::registry::{FeedConfig, spawn};
use feeds::supervise::Hosts;
use std::time::{Duration, Instant};
use support::server::http_server_of_heads;
use support::{outlet_to_updates, soon};
use tokio::sync::{mpsc, watch};

const SECOND: Duration = Duration::from_millis(990);

/// A request for the scoreboard, as the provider saw it.
struct Seen {
    at: Instant,
    head: String,
}

impl Seen {
    fn has(&self, line: &str) -> bool {
        self.head.lines().any(|found| found.eq_ignore_ascii_case(line))
    }

    fn names_a_body(&self) -> bool {
        self.head.to_ascii_lowercase().contains("if-none-match")
    }
}

fn reply(request: usize) -> (&'static str, String) {
    let board = include_str!("../fixtures/nba/scoreboard.json");
    match request {
        1 => ("200 OK\r\netag: \"a\"\r\ncache-control: public, max-age=1", board.into()),
        2 => ("304 Not Modified\r\netag: \"a\"", String::new()),
        3 => ("403 Forbidden\r\nretry-after: 1", "<html>Forbidden</html>".into()),
        4 => ("429 Too Many Requests\r\nretry-after: 1", String::new()),
        5 => ("200 OK\r\netag: \"b\"", "<html>Sorry</html>".into()),
        6 => ("200 OK\r\netag: \"c\"", board[..board.len() / 2].into()),
        _ => ("200 OK\r\netag: \"d\"", board.replace("08:31:10", "08:31:20")),
    }
}

/// Pitfall 13: 304, 403, 429 with Retry-After, HTML, a truncated body.
#[tokio::test]
async fn headers_are_sent_and_heeded() {
    let (sender, mut requests) = mpsc::channel(64);
    let mut asked = 0;
    let http = http_server_of_heads(move |head| {
        if !head.contains("/scoreboard/") {
            return ("404 Not Found", String::new());
        }
        asked += 1;
        let _ = sender.try_send(Seen { at: Instant::now(), head: head.into() });
        reply(asked)
    })
    .await;
    let config = FeedConfig::Nba(NbaConfig {
        base_url: format!("http://{http}"),
        live_interval_ms: 100,
        pregame_interval_ms: 100,
        idle_interval_ms: 100,
        ..NbaConfig::default()
    });
    let (outlet, _updates) = outlet_to_updates("nba");
    let counters = outlet.counters();
    let (shutdown, signal) = watch::channel(false);
    let task = tokio::spawn(async move { spawn(&config, outlet, &Hosts::default(), signal, None).await.unwrap() });
    let mut seen = Vec::new();
    while seen.len() < 8 {
        seen.push(soon(requests.recv()).await.unwrap());
    }
    assert!(seen.iter().all(|request| request.has("referer: https://www.nba.com/")), "{}", seen[0].head);
    assert!(!seen[0].names_a_body());
    assert!(seen[1].has("if-none-match: \"a\"") && seen[1].at - seen[0].at >= SECOND, "after max-age");
    assert!(seen[2].has("if-none-match: \"a\""), "a 304 leaves it");
    assert!(seen[3].at - seen[2].at >= SECOND, "403 with Retry-After");
    assert!(seen[4].at - seen[3].at >= SECOND, "429 with Retry-After");
    assert!(!seen[5].names_a_body() && !seen[6].names_a_body(), "a body that could not be read must come again");
    assert!(seen[7].has("if-none-match: \"d\""));
    assert_eq!(counters.rejected.load(std::sync::atomic::Ordering::Relaxed), 2);
    shutdown.send(true).unwrap();
    soon(task).await.unwrap();
}
