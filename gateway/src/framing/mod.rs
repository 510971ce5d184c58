//! Framing: how an entry, a snapshot or a control message becomes the bytes of one transport.
//!
//! Pure. Knows JSON, WebSocket frame heads and SSE blocks; knows no socket and no subscriber. Server frames are
//! unmasked, so the bytes are the same for every subscriber of a framing.

pub(crate) mod entry;
pub mod message;
mod numbers;
pub mod sse;
pub mod websocket;

pub use entry::Draft;
pub(crate) use numbers::quote_numbers;

/// The outer form of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Form {
    /// One text frame each.
    #[default]
    WebSocket,
    /// One `data:` block each, with `id:` where the message states a cursor.
    Sse,
    /// Bare JSON, for bodies of polls.
    Json,
}

/// Everything that can make the bytes of an entry differ between two subscribers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Framing {
    pub form: Form,
    /// True leaves out `o` and `id:`: the connection is not whole, so its entries state no cursor.
    pub quiet: bool,
    /// `num=string`: every number inside `data` is a string.
    pub num_string: bool,
    /// `ids=1`: the number `n` stands for the topic's name.
    pub ids: bool,
}

/// How many framings there are.
pub const VARIANTS: usize = 24;

impl Framing {
    pub fn index(self) -> usize {
        let form = match self.form {
            Form::WebSocket => 0,
            Form::Sse => 1,
            Form::Json => 2,
        };
        form * 8 + usize::from(self.quiet) * 4 + usize::from(self.num_string) * 2 + usize::from(self.ids)
    }

    /// Every framing there is, by its index.
    pub fn all() -> impl Iterator<Item = Framing> {
        (0..VARIANTS).map(|index| Framing {
            form: [Form::WebSocket, Form::Sse, Form::Json][index / 8],
            quiet: index & 4 > 0,
            num_string: index & 2 > 0,
            ids: index & 1 > 0,
        })
    }

    pub fn quiet(self, quiet: bool) -> Framing {
        Framing { quiet, ..self }
    }
}

/// Frames one after another in one buffer.
#[derive(Clone, Debug, Default)]
pub struct Framed {
    pub bytes: Vec<u8>,
    /// Where each frame ends.
    pub ends: Vec<u32>,
}

impl Framed {
    pub fn range(&self, index: u32) -> std::ops::Range<usize> {
        let start = if index == 0 { 0 } else { self.ends[index as usize - 1] as usize };
        start..self.ends[index as usize] as usize
    }

    pub fn slice(&self, index: u32) -> &[u8] {
        &self.bytes[self.range(index)]
    }
}

/// Wraps one JSON message in `form`; `id` is the cursor that it states, for SSE.
pub fn wrap(form: Form, json: &[u8], id: Option<&str>) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() + 48);
    match form {
        Form::WebSocket => {
            websocket::write_head(websocket::TEXT, json.len(), &mut out);
            out.extend_from_slice(json);
        }
        Form::Sse => sse::write_block(|out| out.extend_from_slice(json), id.as_slice(), &mut out),
        Form::Json => out.extend_from_slice(json),
    }
    out
}
