//! The operators' listener: `/metrics`, `/healthz`, `/readyz`; with `server.test_hooks` also `/debug/…`.

use crate::hooks::TestHooks;
use crate::metrics::Sources;
use crate::transport::Context;
use crate::transport::reply::{Body, Problem, Reply, json, method_not_allowed, text};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Operators' connections at a time: scrapers and probes are few.
const CONNECTIONS_MAX: usize = 64;

pub async fn serve(listener: tokio::net::TcpListener, sources: Arc<Sources>, context: Arc<Context>) {
    let places = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let (sources, context) = (Arc::clone(&sources), Arc::clone(&context));
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                std::future::ready(Ok::<_, Infallible>(respond(&request, &sources, &context)))
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(30))
                .serve_connection(TokioIo::new(stream), service);
            let _ = connection.await;
            drop(place);
        });
    }
}

fn respond(request: &Request<Incoming>, sources: &Arc<Sources>, context: &Context) -> Reply {
    let path = request.uri().path();
    if let Some(hooks) = context.hooks.as_ref().filter(|_| path.starts_with("/debug/")) {
        return debug(request, hooks);
    }
    if !matches!(path, "/metrics" | "/healthz" | "/readyz") {
        return Problem::new(StatusCode::NOT_FOUND, "not_found", "/metrics, /healthz or /readyz").reply();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return method_not_allowed("GET, HEAD");
    }
    match path {
        "/metrics" => {
            let mut reply: Reply = Response::new(Body::new(sources.render().into()));
            let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
            reply.headers_mut().insert(CONTENT_TYPE, kind);
            reply
        }
        "/readyz" if context.draining.load(Ordering::Relaxed) => text(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
        _ => text(StatusCode::OK, "ok\n"),
    }
}

fn debug(request: &Request<Incoming>, hooks: &TestHooks) -> Reply {
    let uri = request.uri();
    match (request.method(), uri.path()) {
        (&Method::POST, "/debug/block") => {
            let asked = |name: &str| {
                let mut pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
                pairs.find_map(|(key, value)| (key == name).then(|| value.parse().ok())?)
            };
            match (asked("shard"), asked("ms")) {
                (Some(shard), Some(ms)) if hooks.block(shard as usize, ms) => text(StatusCode::OK, "ok\n"),
                _ => Problem::bad("bad_option", "shard: one that there is; ms: at most a minute", "shard").reply(),
            }
        }
        (&Method::GET, "/debug/memory") => json(StatusCode::OK, hooks.memory()),
        _ => Problem::new(StatusCode::NOT_FOUND, "not_found", "POST /debug/block or GET /debug/memory").reply(),
    }
}
