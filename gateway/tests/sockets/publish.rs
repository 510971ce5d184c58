//! Publishing over HTTP, and as an adapter does what no line says.

use crate::checker::{Act, Truth, trace::tell};
use crate::gateway::{Gateway, object};
use crate::http::Http;
use feeds::model::Change;
use serde_json::{Value, json};

/// A topic whose newest entry is the newest of the log: whoever covers it can be waited for.
pub const FENCE: &str = "fence";

pub struct Publisher {
    http: Http,
    rounds: u64,
}

impl Publisher {
    pub fn new(gateway: &Gateway) -> Publisher {
        Publisher { http: Http::connect(gateway.address), rounds: 0 }
    }

    /// Publishes, and compares what was taken with the truth.
    pub fn publish(&mut self, gateway: &Gateway, truth: &mut Truth, acts: &[(String, Act)]) {
        // What an adapter says goes another way in; the order stays, since each way is waited for.
        for run in acts.chunk_by(|(_, one), (_, other)| is_a_line(one) == is_a_line(other)) {
            match is_a_line(&run[0].1) {
                true => self.post(truth, run),
                false => self.feed(gateway, truth, run),
            }
        }
    }

    /// Publishes the newest entry of the log.
    pub fn fence(&mut self, truth: &mut Truth) {
        self.rounds += 1;
        let act = Act::Patch(json!({ "round": self.rounds }));
        self.post(truth, &[(FENCE.to_owned(), act)]);
    }

    fn post(&mut self, truth: &mut Truth, acts: &[(String, Act)]) {
        let (mut lines, mut refused, before) = (Vec::new(), 0, truth.offset);
        for (topic, act) in acts {
            tell(|| brief(format!("publish {topic} {act:?}")));
            refused += usize::from(truth.apply(topic, act).is_none());
            lines.push(line(topic, act));
        }
        let body = lines.join("\n");
        let reply = self.http.post("/v1/publish", "content-type: application/x-ndjson\r\n", body.as_bytes());
        let report: Value = reply.json();
        assert_eq!(report["accepted"], acts.len() - refused, "{report}");
        assert_eq!(report["rejected"].as_array().map(Vec::len), Some(refused), "{report}");
        let made = (truth.offset > before).then_some(truth.offset);
        assert_eq!(report["offset"].as_u64(), made, "{report}");
    }

    fn feed(&mut self, gateway: &Gateway, truth: &mut Truth, acts: &[(String, Act)]) {
        let mut updates = Vec::new();
        for (topic, act) in acts {
            tell(|| brief(format!("feed {topic} {act:?}")));
            truth.apply(topic, act);
            updates.push((&**topic, change(act)));
        }
        gateway.feed(updates);
        assert_eq!(truth.apply(FENCE, &Act::Patch(json!({}))), Some(0), "the gateway's fence exists");
    }
}

fn is_a_line(act: &Act) -> bool {
    !matches!(act, Act::Reset(_) | Act::Lost(_) | Act::Stale(_))
}

fn line(topic: &str, act: &Act) -> String {
    let line = match act {
        Act::Patch(patch) => json!({ "topic": topic, "patch": patch }),
        Act::State(state) => json!({ "topic": topic, "state": state }),
        Act::Event(event) => json!({ "topic": topic, "event": event }),
        _ => json!({ "topic": topic, "retire": true }),
    };
    line.to_string()
}

fn change(act: &Act) -> Change {
    match act {
        Act::Reset(state) => Change::Reset(object(&state.to_string())),
        Act::Lost(lost) => Change::Lost(*lost),
        Act::Stale(stale) => Change::Stale(*stale),
        other => panic!("{other:?} is published as a line"),
    }
}

fn brief(mut line: String) -> String {
    if line.len() > 300 {
        line.truncate(line.floor_char_boundary(300));
        line.push('…');
    }
    line
}
