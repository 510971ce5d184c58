//! Entries: encoded once as a WebSocket text frame by the sequencer, and recut from there into the other framings.

use super::{Form, Framed, Framing, numbers, sse, websocket};
use crate::log::{Entry, EntryKind, Link, Offset, Segment, SegmentDraft, Seq, TopicId};
use std::sync::Arc;

/// Where the parts lie that some framings leave out or change; offsets into the JSON text of the entry.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cuts {
    /// Length of the frame head before the JSON.
    pub head: u8,
    /// The member `"topic":"…"`.
    pub topic: (u16, u16),
    /// The member `,"o":…`.
    offset: (u16, u16),
    /// Where the value of `data` begins; 0 if there is none. It ends one byte before the JSON does.
    data: u16,
    /// The topic's number, for `ids=1`.
    pub n: u64,
}

impl Cuts {
    /// Where the value of `data` begins, from the start of the JSON.
    pub fn data_start(&self) -> usize {
        self.data.into()
    }
}

/// What the sequencer knows of an entry that it adds to a draft.
#[derive(Debug)]
pub struct Draft<'a> {
    pub kind: EntryKind,
    pub topic: TopicId,
    pub name: &'a Arc<str>,
    pub n: u64,
    /// Of an append, the seq before its first event; of a snapshot of events, before the oldest it holds; of a delta over
    /// a tick, the seq at the tick before.
    pub from: Option<Seq>,
    pub seq: Seq,
    pub offset: Offset,
    pub before: Option<Link>,
    pub ts: i64,
    pub te: Option<i64>,
    /// On a mark, the new mark; on a snapshot, whether the data is stale.
    pub stale: bool,
    /// On a reset of an event topic: how many events were lost, `Some(None)` if nobody knows.
    pub lost: Option<Option<u64>>,
}

impl Draft<'_> {
    /// Encodes the entry, `data` writing its payload, and adds it to the draft.
    pub fn add(self, segment: &mut SegmentDraft, scratch: &mut Vec<u8>, data: impl FnOnce(&mut Vec<u8>)) {
        scratch.clear();
        let mut cuts = self.write_json(scratch, data);
        let bytes = &mut segment.plain.bytes;
        let start = bytes.len();
        websocket::write_head(websocket::TEXT, scratch.len(), bytes);
        cuts.head = (bytes.len() - start) as u8;
        bytes.extend_from_slice(scratch);
        segment.plain.ends.push(bytes.len() as u32);
        let name = (self.kind == EntryKind::Born).then(|| Arc::clone(self.name));
        let Draft { topic, kind, seq, before, ts, .. } = self;
        segment.entries.push(Entry { topic, kind, seq, before, ts, name, cuts });
    }

    fn write_json(&self, out: &mut Vec<u8>, data: impl FnOnce(&mut Vec<u8>)) -> Cuts {
        let mut cuts = Cuts { n: self.n, ..Cuts::default() };
        let mut digits = itoa::Buffer::new();
        let mut member = |out: &mut Vec<u8>, name: &str, value: u64| {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(digits.format(value).as_bytes());
        };
        let snapshot = matches!(self.kind, EntryKind::Born | EntryKind::Reset | EntryKind::Rate);
        out.extend_from_slice(match self.kind {
            EntryKind::Born | EntryKind::Reset | EntryKind::Rate => br#"{"t":"snap","#,
            EntryKind::Delta => br#"{"t":"delta","#,
            EntryKind::Append => br#"{"t":"append","#,
            EntryKind::Mark => br#"{"t":"mark","#,
            EntryKind::Gone => br#"{"t":"gone","#,
        });
        cuts.topic.0 = out.len() as u16;
        out.extend_from_slice(br#""topic":""#);
        out.extend_from_slice(self.name.as_bytes());
        out.push(b'"');
        cuts.topic.1 = out.len() as u16;
        if snapshot {
            member(out, r#","n":"#, self.n);
        }
        if let Some(from) = self.from {
            member(out, r#","from":"#, from.0);
        }
        member(out, r#","seq":"#, self.seq.0);
        cuts.offset.0 = out.len() as u16;
        member(out, r#","o":"#, self.offset.0);
        cuts.offset.1 = out.len() as u16;
        if self.kind == EntryKind::Mark {
            out.extend_from_slice(if self.stale { br#","stale":true}"# } else { br#","stale":false}"# });
            return cuts;
        }
        if self.kind == EntryKind::Gone {
            out.push(b'}');
            return cuts;
        }
        out.extend_from_slice(br#","ts":"#);
        out.extend_from_slice(itoa::Buffer::new().format(self.ts).as_bytes());
        if let Some(te) = self.te {
            out.extend_from_slice(br#","te":"#);
            out.extend_from_slice(itoa::Buffer::new().format(te).as_bytes());
        }
        match self.kind {
            EntryKind::Born => out.extend_from_slice(br#","why":"born""#),
            EntryKind::Reset => out.extend_from_slice(br#","why":"reset""#),
            EntryKind::Rate => out.extend_from_slice(br#","why":"rate""#),
            _ => {}
        }
        match self.lost {
            Some(Some(lost)) => member(out, r#","lost":"#, lost),
            Some(None) => out.extend_from_slice(br#","lost":null"#),
            None => {}
        }
        if snapshot && self.stale {
            out.extend_from_slice(br#","stale":true"#);
        }
        out.extend_from_slice(br#","data":"#);
        cuts.data = out.len() as u16;
        data(out);
        out.push(b'}');
        cuts
    }
}

/// Bytes that `id: `, `data: ` and the line ends of an SSE block add, beside the epoch and the offset.
const SSE_BYTES: usize = "id: :\ndata: \n\n".len();

/// Makes a whole segment's bytes in `framing` from its plain ones.
///
/// Cost: for SSE two allocations a segment, however many entries it has (`gateway/tests/steady_state.rs`).
pub(crate) fn recut(segment: &Segment, framing: Framing) -> Framed {
    let mut framed = Framed {
        bytes: Vec::with_capacity(recut_bytes(segment, framing)),
        ends: Vec::with_capacity(segment.entries.len()),
    };
    let (mut scratch, mut digits) = (Vec::new(), itoa::Buffer::new());
    for (index, entry) in (0u32..).zip(segment.entries.iter()) {
        // A death may be all that a lagging reader is told of a short life: it says the name itself.
        let ids = framing.ids && entry.kind != EntryKind::Gone;
        let json = |out: &mut Vec<u8>| recut_json(segment.json(index), &entry.cuts, Framing { ids, ..framing }, out);
        match framing.form {
            Form::WebSocket => {
                scratch.clear();
                json(&mut scratch);
                websocket::write_head(websocket::TEXT, scratch.len(), &mut framed.bytes);
                framed.bytes.extend_from_slice(&scratch);
            }
            Form::Sse if framing.quiet => sse::write_block(json, &[], &mut framed.bytes),
            Form::Sse => {
                let id = [segment.epoch.as_str(), ":", digits.format(segment.offset_of(index).0)];
                sse::write_block(json, &id, &mut framed.bytes);
            }
            Form::Json => json(&mut framed.bytes),
        }
        framed.ends.push(framed.bytes.len() as u32);
    }
    segment.recuts.note(framing, framed.bytes.capacity());
    framed
}

/// About what the recut will take: enough but for `num=string`, whose quotes nobody has counted.
fn recut_bytes(segment: &Segment, framing: Framing) -> usize {
    let more = match framing.form {
        Form::WebSocket | Form::Json => 0,
        Form::Sse if framing.quiet => SSE_BYTES,
        Form::Sse => SSE_BYTES + segment.epoch.as_str().len() + itoa::Buffer::new().format(segment.last().0).len(),
    };
    segment.plain_bytes() + more * segment.entries.len()
}

fn recut_json(plain: &[u8], cuts: &Cuts, framing: Framing, out: &mut Vec<u8>) {
    let (topic_start, topic_end) = (usize::from(cuts.topic.0), usize::from(cuts.topic.1));
    out.extend_from_slice(&plain[..topic_start]);
    // A snapshot says its own `n` beside the topic, which is how the client learns it.
    let names_itself = plain[topic_end..].starts_with(br#","n":"#);
    if framing.ids && !names_itself {
        out.extend_from_slice(br#""n":"#);
        out.extend_from_slice(itoa::Buffer::new().format(cuts.n).as_bytes());
    } else {
        out.extend_from_slice(&plain[topic_start..topic_end]);
    }
    out.extend_from_slice(&plain[topic_end..usize::from(cuts.offset.0)]);
    let after_offset = if framing.quiet { cuts.offset.1 } else { cuts.offset.0 };
    if framing.num_string && cuts.data > 0 {
        out.extend_from_slice(&plain[usize::from(after_offset)..usize::from(cuts.data)]);
        numbers::quote_numbers(&plain[usize::from(cuts.data)..], out);
    } else {
        out.extend_from_slice(&plain[usize::from(after_offset)..]);
    }
}
