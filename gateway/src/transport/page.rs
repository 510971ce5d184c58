//! The demo page: built by `make run` from `web/`, embedded in the binary.

use super::reply::{Body, Reply};
use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../web/dist"]
#[allow_missing = true]
struct Assets;

const WITHOUT_ASSETS: &str = "<!doctype html><meta charset=utf-8><title>Fanwire</title>\
<h1>Fanwire runs</h1><p>This binary was built without the demo page. <code>make run</code> builds the page and embeds it.\
<p>The data is there: <a href=\"/v1/topics\">/v1/topics</a>, <a href=\"/v1/sse?topics=%3E\">/v1/sse?topics=&gt;</a>.";

/// The asset at `path`; `None` if there is none.
pub fn asset(path: &str) -> Option<Reply> {
    let name = if path == "/" { "index.html" } else { path.trim_start_matches('/') };
    let Some(file) = Assets::get(name) else {
        return (path == "/")
            .then(|| reply("text/html; charset=utf-8", false, Bytes::from_static(WITHOUT_ASSETS.as_bytes())));
    };
    let bytes = match file.data {
        std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
    };
    Some(reply(content_type(name), name.starts_with("assets/"), bytes))
}

fn reply(content_type: &'static str, hashed: bool, bytes: Bytes) -> Reply {
    let mut reply = Response::new(Body::new(bytes));
    *reply.status_mut() = StatusCode::OK;
    let kept = if hashed { "public, max-age=31536000, immutable" } else { "no-cache" };
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(kept));
    reply
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "map") => "application/json",
        Some("ico") => "image/x-icon",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
