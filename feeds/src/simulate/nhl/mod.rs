//! A simulated NHL: `/v1/score/now`, `/v1/score/{date}` and `/v1/gamecenter/{id}/play-by-play` on loopback, over
//! seeded evenings of four games ([`Evening`]) with the clock sped up; a new evening follows when all are final.

mod body;
mod dates;
mod evening;
mod moment;
mod script;
mod teams;
mod writer;

pub use evening::Evening;

use super::http::{self, Answer};
use super::unix_ms;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Request, StatusCode};
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;

/// Game seconds in a second: an evening takes about nine minutes.
pub const SPEED: u32 = 20;

/// What a test can break. Clones are the same handle; the default has no fault.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    errors: Arc<AtomicU32>,
}

impl Faults {
    /// Answers the next `count` requests with 503 and a page of HTML.
    pub fn fail_next(&self, count: u32) {
        self.errors.store(count, Ordering::Relaxed);
    }

    fn strikes(&self) -> bool {
        self.errors.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

/// Serves the evenings on `listener` until `shutdown`. `speed`: [`SPEED`] is made for demos, 1 is the real pace.
pub async fn serve(
    listener: TcpListener,
    seed: u64,
    speed: u32,
    faults: Faults,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let evening = Arc::new(Mutex::new(Evening::new(seed, speed, unix_ms())));
    let answer = move |request: Request<Incoming>| {
        let mut evening = evening.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ms = unix_ms();
        evening.advance(now_ms);
        std::future::ready(answer(&evening, &faults, request.uri().path(), now_ms))
    };
    http::serve(listener, answer, shutdown).await
}

fn answer(evening: &Evening, faults: &Faults, path: &str, now_ms: i64) -> Answer {
    if faults.strikes() {
        return page(StatusCode::SERVICE_UNAVAILABLE);
    }
    if path == "/v1/score/now" {
        return redirect(&evening.date());
    }
    let body = match path.strip_prefix("/v1/score/") {
        Some(date) => evening.score_body(date, now_ms),
        None => game_id(path).and_then(|id| evening.play_by_play_body(id, now_ms)),
    };
    body.map_or_else(|| page(StatusCode::NOT_FOUND), |body| http::json(StatusCode::OK, body))
}

fn game_id(path: &str) -> Option<i64> {
    path.strip_prefix("/v1/gamecenter/")?.strip_suffix("/play-by-play")?.parse().ok()
}

/// As the league answers `/now`.
fn redirect(date: &str) -> Answer {
    let mut answer = http::json(StatusCode::TEMPORARY_REDIRECT, String::new());
    if let Ok(location) = HeaderValue::try_from(format!("/v1/score/{date}")) {
        answer.headers_mut().insert(LOCATION, location);
    }
    answer
}

fn page(status: StatusCode) -> Answer {
    let mut answer = http::json(status, format!("<html><body><h1>{status}</h1></body></html>"));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    answer
}
