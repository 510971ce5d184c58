//! The loopback HTTP server under each simulated provider: accepts, answers, hands over sockets that are upgraded.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Most HTTP connections at a time; more wait to be accepted.
const CONNECTIONS_MAX: usize = 64;

/// After an accept that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

pub(super) type Answer = Response<Full<Bytes>>;

/// Serves until `shutdown`, then ends all HTTP connections; upgraded sockets are their owner's.
pub(super) async fn serve<F, A>(listener: TcpListener, answer: F, shutdown: impl Future<Output = ()>) -> io::Result<()>
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    tokio::pin!(shutdown);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => {
                match accepted {
                    Ok((socket, _)) => drop(connections.spawn(connection(socket, answer.clone()))),
                    // The client gave up, or the process is out of files: both pass.
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                }
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    connections.shutdown().await;
    Ok(())
}

/// A connection that breaks is its client's affair: nothing is told.
async fn connection<F, A>(socket: TcpStream, answer: F)
where
    F: Fn(Request<Incoming>) -> A + Send + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    let service = service_fn(move |request| {
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let socket = TokioIo::new(socket);
    let _ = http1::Builder::new().timer(TokioTimer::new()).serve_connection(socket, service).with_upgrades().await;
}

pub(super) fn json(status: StatusCode, body: String) -> Answer {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

/// The value of one query parameter, not percent-decoded; `None` if it is not there.
pub(super) fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}
