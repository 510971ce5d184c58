//! HTTP answers: JSON bodies, JSON errors, and the headers that all share.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};

pub type Body = Full<Bytes>;
pub type Reply = Response<Body>;

/// A refusal that a client can act on: `{"error":{"code","message","field"}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
    /// The option, header or key at fault; `None` if it is the whole request.
    pub field: Option<String>,
}

/// Goes with an answer that is a refusal, so that it is counted by its code where it leaves.
#[derive(Clone, Copy, Debug)]
pub struct Told(pub &'static str);

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Problem {
        Problem { status, code, message: message.into(), field: None }
    }

    /// 400.
    pub fn bad(code: &'static str, message: impl Into<String>, field: &str) -> Problem {
        Problem { field: Some(field.to_owned()), ..Problem::new(StatusCode::BAD_REQUEST, code, message) }
    }

    pub fn reply(&self) -> Reply {
        let mut error = serde_json::json!({ "code": self.code, "message": self.message });
        if let Some(field) = &self.field {
            error["field"] = field.as_str().into();
        }
        self.mark(json(self.status, serde_json::json!({ "error": error }).to_string()))
    }

    /// Notes on an answer that it tells of this problem.
    pub fn mark(&self, mut reply: Reply) -> Reply {
        reply.extensions_mut().insert(Told(self.code));
        reply
    }
}

pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let mut reply = bare(status, body);
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

pub fn text(status: StatusCode, body: &'static str) -> Reply {
    let mut reply = bare(status, body);
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    reply
}

/// An answer that nobody may keep, without a content type.
pub fn bare(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply
}

pub fn method_not_allowed(allow: &'static str) -> Reply {
    let problem =
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", format!("this path takes {allow}"));
    let mut reply = problem.reply();
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    reply
}
