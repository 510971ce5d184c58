//! `GET /v1/history`: past bars or events of one topic, and the cursor at which that is true.

use super::http::Call;
use super::reply::{Problem, Reply, json};
use crate::history::{Excerpt, Span};
use crate::log::Epoch;
use feeds::model::Topic;
use hyper::body::Incoming;
use hyper::{Request, StatusCode};

/// Items in one answer if the client names no number.
const LIMIT_DEFAULT: usize = 500;

pub fn answer(call: &Call, request: &Request<Incoming>) -> Reply {
    match excerpt(call, request.uri().query()) {
        Ok(body) => json(StatusCode::OK, body),
        Err(problem) => problem.reply(),
    }
}

fn excerpt(call: &Call, query: Option<&str>) -> Result<Vec<u8>, Problem> {
    let mut topic = None;
    let mut span = Span { from: None, to: None, limit: LIMIT_DEFAULT };
    let limit_max = call.shard.limits().history_items_max;
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match &*name {
            "topic" => {
                let parsed = Topic::new(&value);
                topic = Some(parsed.map_err(|error| Problem::bad("bad_topic", error.to_string(), "topic"))?);
            }
            "from" => span.from = Some(milliseconds("from", &value)?),
            "to" => span.to = Some(milliseconds("to", &value)?),
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=limit_max).contains(limit));
                let problem = || Problem::bad("bad_option", format!("limit is 1 to {limit_max}"), "limit");
                span.limit = limit.ok_or_else(problem)?;
            }
            _ => {}
        }
    }
    let topic = topic.ok_or(Problem::bad("topics_missing", "name one topic", "topic"))?;
    let excerpt = call.shard.context().history.excerpt(topic.as_str(), span).ok_or_else(|| {
        let mut problem = Problem::bad("unknown_topic", format!("no history is kept of {topic}"), "topic");
        problem.status = StatusCode::NOT_FOUND;
        problem
    })?;
    Ok(body(call.shard.core().log().epoch(), &topic, excerpt))
}

fn milliseconds(name: &'static str, value: &str) -> Result<i64, Problem> {
    value.parse().map_err(|_| Problem::bad("bad_option", format!("{name} is Unix milliseconds"), name))
}

fn body(epoch: &Epoch, topic: &Topic, excerpt: Excerpt) -> Vec<u8> {
    let Excerpt { cursor, seq, items } = excerpt;
    let mut body =
        format!(r#"{{"cursor":"{}:{}","topic":"{topic}","seq":{},"data":["#, epoch.as_str(), cursor.0, seq.0)
            .into_bytes();
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            body.push(b',');
        }
        body.extend_from_slice(item);
    }
    body.extend_from_slice(b"]}");
    body
}
