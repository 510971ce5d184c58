//! `ws`, as most would use it: a map of topics to sockets, one `send` each.

use super::dialogue::{Bare, Dialogue, WebSocket};
use super::message::topic_names;
use super::node::{self, Lines};
use super::{Peer, Running, Way};
use crate::publisher::Inlet;
use crate::target::Setting;
use crate::workload::Workload;

#[derive(Debug)]
pub struct Ws;

impl Peer for Ws {
    fn name(&self) -> &'static str {
        "ws"
    }

    fn ways(&self) -> &'static [Way] {
        &[Way::Websocket]
    }

    fn version(&self) -> anyhow::Result<String> {
        node::version(self.name(), "ws")
    }

    fn start(&self, setting: &Setting, _workload: &Workload) -> anyhow::Result<Running> {
        node::start(self.name(), setting)
    }

    fn subscriber(&self, _way: Way, topics: &[u32]) -> Box<dyn Dialogue> {
        let path = format!("/?topics={}", topic_names(topics));
        Box::new(WebSocket::new(&path, Bare { ready_word: Some(node::READY) }))
    }

    fn inlet(&self, _way: Way, running: &Running, workload: &Workload) -> anyhow::Result<Box<dyn Inlet>> {
        Ok(Box::new(Lines::open(running.inlet, workload.data_bytes)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::websocket::server_frame;
    use crate::payload::Stamp;
    use crate::peer::fleet::tests::{head_of_upgrade, play};
    use crate::peer::message;

    #[test]
    fn frames_after_the_word() {
        let mut stream = [head_of_upgrade(), server_frame(1, b"ready")].concat();
        for k in [2, 3] {
            let mut message = Vec::new();
            message::write(5, Stamp { k, sent_ns: 7 }, 120, &mut message);
            stream.extend(server_frame(1, &message));
        }
        let heard = play(Ws.subscriber(Way::Websocket, &[5]), &[5], &stream);
        assert_eq!((heard.deliveries, heard.lost), (2, 0));
    }
}
