//! Server-sent events (WHATWG HTML, section 9.2): one `data:` line per message, since our JSON holds no line break.

/// Appends one block whose JSON `json` appends. The pieces of `id` become the client's `Last-Event-ID`; none: the block
/// has no `id:`. Why pieces: a cursor is put together for every entry, and needs no text of its own.
pub fn write_block(json: impl FnOnce(&mut Vec<u8>), id: &[&str], out: &mut Vec<u8>) {
    if !id.is_empty() {
        out.extend_from_slice(b"id: ");
        id.iter().for_each(|piece| out.extend_from_slice(piece.as_bytes()));
        out.push(b'\n');
    }
    out.extend_from_slice(b"data: ");
    json(out);
    out.extend_from_slice(b"\n\n");
}
