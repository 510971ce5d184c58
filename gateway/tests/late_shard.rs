//! A shard whose thread comes late: the log has evicted its first entries already (found over sockets, where a short log
//! was published to before the shards' threads had begun).

use fanwire::framing::{Form, Framing};
use fanwire::limits::Limits;
use fanwire::log::{Epoch, Log, LogLimits};
use fanwire::sequencer::{KindRules, Sequencer};
use fanwire::shard::{Core, CoreSettings, Filters, Paces, PollAnswer, Wire};
use fanwire::store::Store;
use feeds::model::{Change, Object, Pattern, Topic, Update};
use std::io::{self, IoSlice};
use std::sync::Arc;

/// Nobody is connected.
struct NoWire;

impl Wire for NoWire {
    fn write(&mut self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(0)
    }
}

#[test]
fn a_shard_that_begins_late_knows_what_was_evicted() {
    let store = Arc::new(Store::new());
    let (log, writer) = Log::new(Epoch::from_bits(1), LogLimits { segments_max: 2, bytes_max: 1 << 20 });
    let limits = Limits::default();
    let mut sequencer = Sequencer::new(Arc::clone(&store), writer, KindRules::new(Vec::new()), &limits);
    for name in ["quote.first", "quote.b", "quote.c", "quote.d"] {
        let update = Update::new(Topic::new(name).unwrap(), None, Change::Patch(Object::new().with("a", 1)));
        sequencer.apply(update, 0).unwrap();
        sequencer.commit();
    }
    let settings = CoreSettings { heartbeat_ms: 15_000, poll_gather_ms: 0, paces: Paces::default(), limits };
    let mut core: Core<NoWire> = Core::new(store, log, settings, Arc::default(), (0, 1));
    let framing = Framing { form: Form::Json, ..Framing::default() };
    let filters = Filters::unthrottled([Pattern::new("quote.first").unwrap()]);
    let set = core.poll_set(filters, framing, 0).unwrap();
    let PollAnswer::Body(body) = core.poll_whole(set) else { panic!("a body") };
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert!(body.contains(r#""topic":"quote.first""#), "{body}");
}
