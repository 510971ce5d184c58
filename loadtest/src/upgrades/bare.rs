//! hyper on one thread, which answers each request with a bare 101 and then waits for the peer to go: the least that a
//! server built on it does for an upgrade.

use anyhow::Context;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, UPGRADE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddrV4;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::LocalSet;

const BACKLOG: u32 = 4_096;

/// Serves until a signal ends the process. Prints where it listens.
pub fn serve(address: SocketAddrV4) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    LocalSet::new().block_on(&runtime, async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(address.into()).with_context(|| format!("cannot listen on {address}"))?;
        let listener = socket.listen(BACKLOG)?;
        writeln!(std::io::stdout(), "listening on http://{}/", listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept().await.context("accept")?;
            stream.set_nodelay(true)?;
            tokio::task::spawn_local(answer(stream));
        }
    })
}

/// How the peer goes is not of interest.
async fn answer(stream: TcpStream) {
    let service = service_fn(|mut request: Request<Incoming>| async move {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::task::spawn_local(async move {
            let Ok(upgraded) = upgrade.await else { return };
            let _ = TokioIo::new(upgraded).read(&mut [0; 64]).await;
        });
        let mut response = Response::new(String::new());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert(CONNECTION, "upgrade".parse().expect("a header value"));
        response.headers_mut().insert(UPGRADE, "websocket".parse().expect("a header value"));
        Ok::<_, Infallible>(response)
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
}
