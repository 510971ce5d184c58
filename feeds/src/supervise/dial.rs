//! One WebSocket handshake: DNS, TCP, TLS, upgrade.

use super::Limits;
use crate::access::Access;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, handshake::client::Request, http, protocol::WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why a dial failed. Whose fault: the network's or the provider's; the supervisor tries again.
#[derive(Debug)]
pub(super) struct DialError {
    pub reason: String,
    /// The provider refused and said (or is known to mean) how long to stay away.
    pub stay_away_ms: Option<i64>,
}

pub(super) async fn dial(url: &str, access: &Access, limits: &Limits) -> Result<Socket, DialError> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(limits.frame_bytes_max))
        .max_frame_size(Some(limits.frame_bytes_max));
    let dialled = async { connect_async_with_config(request(url, access)?, Some(config), true).await };
    match tokio::time::timeout(Duration::from_millis(limits.dial_timeout_ms), dialled).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(Error::Http(answer))) => Err(DialError {
            reason: format!("the provider answered {}", answer.status()),
            stay_away_ms: stay_away_ms(answer.status().as_u16(), answer.headers()),
        }),
        Ok(Err(error)) => Err(DialError { reason: error.to_string(), stay_away_ms: None }),
        Err(_) => Err(DialError { reason: "dial timed out".to_owned(), stay_away_ms: None }),
    }
}

fn request(url: &str, access: &Access) -> Result<Request, Error> {
    let mut request = access.url(url).into_client_request()?;
    for (name, value) in access.headers() {
        let name = http::HeaderName::try_from(name).map_err(http::Error::from)?;
        request.headers_mut().insert(name, http::HeaderValue::try_from(value).map_err(http::Error::from)?);
    }
    Ok(request)
}

/// How long an HTTP answer tells us to stay away, in ms; `None` if it does not. 418 is Binance's ban.
pub(super) fn stay_away_ms(status: u16, headers: &http::HeaderMap) -> Option<i64> {
    let retry_after = headers.get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let asked_ms = retry_after.and_then(|text| text.trim().parse::<u32>().ok()).map(|s| i64::from(s) * 1_000);
    match status {
        429 | 503 => Some(asked_ms.unwrap_or(30_000)),
        418 => Some(asked_ms.unwrap_or(120_000)),
        403 => asked_ms,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_say_stay_away() {
        let mut headers = http::HeaderMap::new();
        let said = |status, headers: &_| stay_away_ms(status, headers);
        assert_eq!((said(429, &headers), said(418, &headers)), (Some(30_000), Some(120_000)));
        assert_eq!((said(403, &headers), said(404, &headers)), (None, None));
        headers.insert("retry-after", "7".parse().unwrap());
        assert_eq!((said(429, &headers), said(403, &headers)), (Some(7_000), Some(7_000)));
        headers.insert("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT".parse().unwrap());
        assert_eq!(said(429, &headers), Some(30_000), "dates are not read");
    }
}
