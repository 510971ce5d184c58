//! What is kept of one game's feed, and how patches bring it up to date.

use super::kept::pruned;
use super::patch::Operation;
use crate::score::Unread;
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug)]
pub(super) struct Document {
    state: Value,
}

/// One item of an answer to `diffPatch`.
#[derive(Deserialize)]
struct Patch {
    diff: Vec<Operation>,
}

impl Document {
    /// Of a whole feed; `None` if it is none.
    pub fn of(feed: Value) -> Option<Document> {
        feed.get("gamePk")?;
        Some(Document { state: pruned(feed, &mut Vec::new())? })
    }

    /// After `patches`, in their order. One that does not fit leaves nothing: half a patch is no state that ever was.
    pub fn patched(mut self, patches: Vec<Value>) -> Result<Document, Unread> {
        for patch in patches {
            let patch: Patch = serde_json::from_value(patch).map_err(|_| Unread::OutOfStep)?;
            for operation in patch.diff {
                operation.apply(&mut self.state)?;
            }
        }
        Ok(self)
    }

    /// The feed's version: `20240713_041909`.
    pub fn stamp(&self) -> Option<&str> {
        let stamp = self.state.pointer("/metaData/timeStamp")?.as_str()?;
        let is_stamp = stamp.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
        Some(stamp).filter(|_| is_stamp)
    }

    /// The part at a JSON pointer, read as `T`; `None` if it is absent or anything else.
    pub fn read<'a, T: Deserialize<'a>>(&'a self, pointer: &str) -> Option<T> {
        T::deserialize(self.state.pointer(pointer)?).ok()
    }

    /// The items of the list at a JSON pointer.
    pub fn items(&self, pointer: &str) -> &[Value] {
        self.state.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}
