//! Server-sent events as the gateway promises them: blocks of `id:`, one `data:` and `retry:` lines, ended by an empty
//! line. What a browser would take but the gateway never sends is an error here.

pub fn request(topics: &str) -> String {
    format!("GET /v1/sse?topics={topics} HTTP/1.1\r\nHost: loadtest\r\nAccept: text/event-stream\r\n\r\n")
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block<'a> {
    /// The cursor that the message states; `None` if it states none.
    pub id: Option<&'a [u8]>,
    /// `None`: a block of `retry:` or comments alone.
    pub data: Option<&'a [u8]>,
    /// Bytes of the block, its empty line included.
    pub length: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an SSE line that the gateway does not send")]
pub struct BlockError;

/// The first block in `bytes`; `None` if it is not whole yet.
pub fn next(bytes: &[u8]) -> Result<Option<Block<'_>>, BlockError> {
    let mut block = Block::default();
    let mut at = 0;
    loop {
        let Some(length) = memchr::memchr(b'\n', &bytes[at..]) else { return Ok(None) };
        let line = &bytes[at..at + length];
        at += length + 1;
        if line.is_empty() {
            block.length = at;
            return Ok(Some(block));
        }
        let slot = if let Some(data) = line.strip_prefix(b"data: ") {
            block.data.replace(data)
        } else if let Some(id) = line.strip_prefix(b"id: ") {
            block.id.replace(id)
        } else if line.starts_with(b"retry: ") || line.starts_with(b":") {
            None
        } else {
            return Err(BlockError);
        };
        if slot.is_some() {
            return Err(BlockError);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cut_at_every_byte() {
        let stream = b"retry: 2000\n\nid: k3:7\ndata: {\"t\":\"at\"}\n\ndata: {}\n\n: beat\n\n";
        let mut at = 0;
        let mut found = Vec::new();
        while at < stream.len() {
            let whole = next(&stream[at..]).unwrap().unwrap();
            for end in at..at + whole.length {
                assert_eq!(next(&stream[at..end]), Ok(None), "{}", String::from_utf8_lossy(&stream[at..end]));
            }
            found.push((whole.id, whole.data));
            at += whole.length;
        }
        let at_block = (Some(&b"k3:7"[..]), Some(&br#"{"t":"at"}"#[..]));
        assert_eq!(found, [(None, None), at_block, (None, Some(&b"{}"[..])), (None, None)]);
    }

    #[test]
    fn lines_that_the_gateway_does_not_send() {
        for bad in [&b"data: 1\ndata: 2\n\n"[..], b"id: 1\nid: 2\n\n", b"event: x\n\n", b"data: 1\r\n\r\n"] {
            assert_eq!(next(bad), Err(BlockError), "{}", String::from_utf8_lossy(bad));
        }
    }
}
