//! What a subscriber asks for, and the request that says so on each transport.

use super::{sse, websocket};
use crate::audience::{Group, Seat};
use crate::workload::{Transport, Workload};
use std::fmt::Write;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The query string after `topics=`, but for the cursor: names or patterns, then the options.
    text: String,
    /// Of a long-poll.
    wait_s: u64,
}

impl Query {
    /// `topics`: names and patterns.
    pub fn new(topics: &str, wait_s: u64) -> Query {
        Query { text: topics.to_owned(), wait_s }
    }

    pub fn of(seat: &Seat, group: &Group, workload: &Workload) -> Query {
        let mut text = if group.pattern {
            format!("{}*", workload.prefix())
        } else {
            let names: Vec<String> = seat.topics.iter().map(|topic| workload.topic(*topic as usize)).collect();
            names.join(",")
        };
        for (option, value) in [("rate", group.rate_hz), ("linger_ms", group.linger_ms)] {
            if value > 0 {
                // Writing to a String cannot fail.
                let _ = write!(text, "&{option}={value}");
            }
        }
        Query { text, wait_s: group.wait_s }
    }

    /// The query string but for the cursor, after `topics=`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The request. `from`: the cursor to go on from; of plain polling the tag of what is held.
    pub fn request(&self, transport: Transport, from: Option<&str>) -> String {
        let Query { text, wait_s } = self;
        let cursor = from.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        match transport {
            Transport::Websocket => websocket::request(&format!("{text}{cursor}")),
            Transport::Sse => sse::request(&format!("{text}{cursor}")),
            Transport::LongPoll => {
                format!("GET /v1/poll?topics={text}{cursor}&wait={wait_s} HTTP/1.1\r\nHost: loadtest\r\n\r\n")
            }
            Transport::Polling => {
                let tag = from.map(|tag| format!("If-None-Match: {tag}\r\n")).unwrap_or_default();
                format!("GET /v1/snapshot?topics={text} HTTP/1.1\r\nHost: loadtest\r\n{tag}\r\n")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_cursors() {
        let workload = Workload { linger_ms: 20, subscriber_rate: 4, ..Workload::of_one_topic() };
        let group = Group::of(&workload, Transport::Sse);
        let seat = Seat { number: 0, group: 0, topics: vec![0], audited: true };
        let query = Query::of(&seat, &group, &workload);
        let request = query.request(Transport::Sse, Some("e:7"));
        assert!(request.starts_with("GET /v1/sse?topics=trade.load.0&rate=4&linger_ms=20&cursor=e:7 HTTP/1.1\r\n"));
        let all = Query::of(&seat, &Group { pattern: true, rate_hz: 0, linger_ms: 0, ..group }, &workload);
        let request = all.request(Transport::Polling, Some("\"e-1\""));
        let head = "GET /v1/snapshot?topics=trade.load.* HTTP/1.1\r\n";
        assert_eq!(request, format!("{head}Host: loadtest\r\nIf-None-Match: \"e-1\"\r\n\r\n"));
    }
}
