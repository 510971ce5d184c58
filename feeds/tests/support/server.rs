//! A provider on loopback: hands every WebSocket that is dialled to the test, and answers HTTP from a function.
#![allow(dead_code, reason = "each test binary uses a part")]

use futures_util::{SinkExt, StreamExt};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

pub struct WsServer {
    pub addr: SocketAddr,
    sockets: mpsc::Receiver<ServerSocket>,
}

/// The server's end of a connection.
pub struct ServerSocket {
    pub path: String,
    stream: WebSocketStream<TcpStream>,
}

impl WsServer {
    pub async fn start() -> WsServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (sender, sockets) = mpsc::channel(16);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = sender.send(accept(stream).await).await;
            }
        });
        WsServer { addr, sockets }
    }

    pub fn url(&self) -> String {
        format!("ws://{}", self.addr)
    }

    /// The next connection that is dialled.
    pub async fn accept(&mut self) -> ServerSocket {
        super::soon(self.sockets.recv()).await.unwrap()
    }
}

#[expect(clippy::result_large_err, reason = "the signature is the library's")]
async fn accept(stream: TcpStream) -> ServerSocket {
    let mut path = String::new();
    let note = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        path = request.uri().to_string();
        Ok(response)
    };
    let stream = tokio_tungstenite::accept_hdr_async(stream, note).await.unwrap();
    ServerSocket { path, stream }
}

impl ServerSocket {
    pub async fn send(&mut self, text: &str) {
        self.stream.send(Message::text(text.to_owned())).await.unwrap();
    }

    /// Sends a ping and returns the payload of the pong.
    pub async fn ping(&mut self, payload: &str) -> String {
        self.stream.send(Message::Ping(payload.as_bytes().to_vec().into())).await.unwrap();
        loop {
            match super::soon(self.stream.next()).await {
                Some(Ok(Message::Pong(payload))) => return String::from_utf8(payload.to_vec()).unwrap(),
                Some(Ok(_)) => {}
                other => panic!("no pong but {other:?}"),
            }
        }
    }

    /// Until the client closes.
    pub async fn closed(mut self) {
        while let Some(Ok(_)) = super::soon(self.stream.next()).await {}
    }

    pub async fn close(mut self) {
        self.stream.close(None).await.unwrap();
    }
}

/// Status line and header lines, and the body.
pub type Reply = (&'static str, String);

/// Answers every GET with what `answer` makes of its path.
pub async fn http_server(mut answer: impl FnMut(&str) -> Reply + Send + 'static) -> SocketAddr {
    http_server_of_heads(move |head| answer(head.split(' ').nth(1).unwrap_or_default())).await
}

/// The same, of the whole head.
pub async fn http_server_of_heads(mut answer: impl FnMut(&str) -> Reply + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.is_ok_and(|read| read > 0) {}
            let (lines, body) = answer(&String::from_utf8_lossy(&head));
            let text = format!("HTTP/1.1 {lines}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
            let _ = stream.write_all(text.as_bytes()).await;
        }
    });
    addr
}
