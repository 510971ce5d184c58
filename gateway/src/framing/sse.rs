//! Server-sent events (WHATWG HTML, section 9.2): one `data:` line per message, since our JSON holds no line break.

/// Appends one block; `id` becomes the client's `Last-Event-ID`.
pub fn write_block(json: &[u8], id: Option<&str>, out: &mut Vec<u8>) {
    if let Some(id) = id {
        out.extend_from_slice(b"id: ");
        out.extend_from_slice(id.as_bytes());
        out.push(b'\n');
    }
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(json);
    out.extend_from_slice(b"\n\n");
}
