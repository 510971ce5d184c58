//! One raw TCP connection of a client: a request goes out, bytes come in as many at a time as the schedule wants.

use crate::checker::{Filters, Form, Unframed};
use crate::http::find;
use crate::ws::{TEXT, frame, opening};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a read waits for bytes. It is looked again, so nothing depends on it.
const READ_WAIT: Duration = Duration::from_millis(1);
const RECEIVE_BYTES: usize = 4 * 1024;

pub struct Connection {
    stream: TcpStream,
    pub unframed: Unframed,
    form: Form,
    /// Bytes of the response head, and of a poll's body, that are not whole yet.
    head: Vec<u8>,
    is_open: bool,
    pub is_narrow: bool,
}

/// What a read came to.
#[derive(Debug)]
pub enum Came {
    /// More of the stream, or nothing.
    Bytes,
    /// The whole body of a poll.
    Body(String),
    End,
}

impl Connection {
    /// `is_narrow`: the kernel buffers little for it.
    pub fn open(address: SocketAddr, form: Form, request: &str, is_narrow: bool) -> Connection {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        if is_narrow {
            socket.set_recv_buffer_size(RECEIVE_BYTES).unwrap();
        }
        socket.connect(&address.into()).unwrap();
        let mut stream: TcpStream = socket.into();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(READ_WAIT)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        Connection { stream, unframed: Unframed::new(form), form, head: Vec::new(), is_open: false, is_narrow }
    }

    /// Sends a command. One that does not go out is lost with its connection, which the next read finds out.
    pub fn command(&mut self, json: &str) {
        let _ = self.stream.write_all(&frame(0x80 | TEXT, json.as_bytes()));
    }

    pub fn pong(&mut self, payload: &[u8]) {
        let _ = self.stream.write_all(&frame(0x80 | crate::ws::PONG, payload));
    }

    /// Reads up to `count` bytes of what there is.
    pub fn read(&mut self, count: usize) -> Came {
        let mut chunk = vec![0; count.min(64 * 1024)];
        match self.stream.read(&mut chunk) {
            Ok(0) => Came::End,
            Ok(count) => self.take(&chunk[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Came::Bytes,
            Err(error) if error.kind() == ErrorKind::Interrupted => Came::Bytes,
            Err(_) => Came::End,
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Came {
        if self.is_open {
            self.unframed.push(bytes);
            return Came::Bytes;
        }
        self.head.extend_from_slice(bytes);
        let Some(end) = find(&self.head, b"\r\n\r\n").map(|at| at + 4) else { return Came::Bytes };
        let head = String::from_utf8(self.head[..end].to_vec()).unwrap().to_ascii_lowercase();
        let wanted = if self.form == Form::WebSocket { "http/1.1 101" } else { "http/1.1 200" };
        assert!(head.starts_with(wanted), "{head}{}", String::from_utf8_lossy(&self.head[end..]));
        if self.form.is_stream() {
            self.is_open = true;
            let rest = self.head.split_off(end);
            // What comes with the head is of the stream already.
            self.unframed.push(&rest);
            return Came::Bytes;
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        let length: usize = length.parse().unwrap();
        match self.head.get(end..end + length) {
            Some(body) => Came::Body(String::from_utf8(body.to_vec()).unwrap()),
            None => Came::Bytes,
        }
    }
}

/// Options of a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    pub num_string: bool,
    pub ids: bool,
    pub rate: u32,
    pub linger_ms: u32,
}

pub fn websocket(options: Options) -> String {
    let Options { num_string, ids, linger_ms, .. } = options;
    let num = if num_string { "string" } else { "number" };
    let path = format!("/v1/ws?num={num}&ids={}&linger_ms={linger_ms}", u8::from(ids));
    format!("{}\r\n", opening(&path))
}

/// A request with its topics, and the cursor that it goes on from.
pub fn request(form: Form, filters: &Filters, cursor: Option<&str>, options: Options) -> String {
    let topics: Vec<String> = filters.iter().map(|filter| filter.replace('>', "%3E")).collect();
    let Options { num_string, ids, rate, linger_ms } = options;
    let num = if num_string { "string" } else { "number" };
    let mut query = format!("topics={}&num={num}&ids={}", topics.join(","), u8::from(ids));
    query.extend(cursor.map(|cursor| format!("&cursor={cursor}")));
    let path = match form {
        Form::Sse => format!("sse?{query}&rate={rate}&linger_ms={linger_ms}"),
        Form::LongPoll => format!("poll?{query}&wait=1"),
        _ => format!("snapshot?{query}"),
    };
    format!("GET /v1/{path} HTTP/1.1\r\nhost: test\r\n\r\n")
}
