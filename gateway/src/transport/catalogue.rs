//! `GET /v1/topics`: which topics there are, as of the shard's position.

use super::http::Call;
use super::options::parse_pattern;
use super::reply::{Problem, Reply, json};
use feeds::model::Pattern;
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde_json::json;

/// Topics in one answer if the client names no number, and at most.
const LIMIT_DEFAULT: usize = 1_000;
const LIMIT_MAX: usize = 10_000;

pub fn answer(call: &Call, request: &Request<Incoming>) -> Reply {
    match list(call, request) {
        Ok(body) => json(StatusCode::OK, body),
        Err(problem) => problem.reply(),
    }
}

struct Question {
    pattern: Pattern,
    limit: usize,
    after: String,
}

fn question(query: Option<&str>) -> Result<Question, Problem> {
    let mut question = Question { pattern: parse_pattern(">")?, limit: LIMIT_DEFAULT, after: String::new() };
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match &*name {
            "match" => {
                question.pattern = parse_pattern(&value).map_err(|p| Problem { field: Some("match".into()), ..p })?
            }
            "after" => question.after = value.into_owned(),
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                let problem = || Problem::bad("bad_option", format!("limit is 1 to {LIMIT_MAX}"), "limit");
                question.limit = limit.ok_or_else(problem)?;
            }
            _ => {}
        }
    }
    Ok(question)
}

fn list(call: &Call, request: &Request<Incoming>) -> Result<String, Problem> {
    let Question { pattern, limit, after } = question(request.uri().query())?;
    let now_ms = crate::shard::now_ms();
    let mut core = call.shard.core();
    core.settle(call.shard.now_ms());
    let mut found: Vec<_> = core
        .index()
        .iter()
        .filter(|(_, topic)| topic.retired.is_none() && *topic.name > *after && pattern.matches(&topic.name))
        .map(|(id, topic)| (topic.name.clone(), id))
        .collect();
    found.sort_unstable();
    let more = found.len() > limit;
    found.truncate(limit);
    let topics: Vec<_> = found
        .into_iter()
        .filter_map(|(name, id)| {
            let snapshot = core.store().load(id)?;
            Some(json!({
                "topic": &*name,
                "kind": snapshot.kind.word(),
                "seq": snapshot.seq.0,
                "age_ms": now_ms.saturating_sub(snapshot.ts).max(0),
                "stale": snapshot.stale,
            }))
        })
        .collect();
    Ok(json!({ "topics": topics, "more": more }).to_string())
}
