//! CLOSE-NAMED: every close by the server has a reason from this one table.

/// Why the server ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CloseReason {
    /// The peer began the close, and the handshake is done.
    Normal,
    /// The peer's socket ended without a close frame.
    PeerGone,
    Draining,
    ProtocolError,
    BadData,
    BadUtf8,
    MessageTooBig,
    PingTimeout,
    WriteStalled,
    TooManyErrors,
    /// So many topics ended while it took no bytes that it has to begin anew.
    TooFarBehind,
    /// No request's head came whole in time.
    HeadTimeout,
    /// A connection that was kept open after an answer was given no further request.
    Idle,
    /// What came is no HTTP, or its head is too big.
    BadHead,
    /// All places were taken.
    TooManyConnections,
    /// All places that one remote address may have were taken.
    TooManyFromAddress,
    Error,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct CloseRow {
    /// WebSocket close code (RFC 6455 section 7.4; 4000… are ours).
    pub code: u16,
    /// The word on the wire and in the metrics.
    pub word: &'static str,
    /// Whether the client may come back by itself.
    pub may_return: bool,
}

impl CloseReason {
    pub const ALL: [CloseReason; 17] = [
        CloseReason::Normal,
        CloseReason::PeerGone,
        CloseReason::Draining,
        CloseReason::ProtocolError,
        CloseReason::BadData,
        CloseReason::BadUtf8,
        CloseReason::MessageTooBig,
        CloseReason::PingTimeout,
        CloseReason::WriteStalled,
        CloseReason::TooManyErrors,
        CloseReason::TooFarBehind,
        CloseReason::HeadTimeout,
        CloseReason::Idle,
        CloseReason::BadHead,
        CloseReason::TooManyConnections,
        CloseReason::TooManyFromAddress,
        CloseReason::Error,
    ];

    pub fn row(self) -> CloseRow {
        let (code, word, may_return) = match self {
            CloseReason::Normal => (1000, "normal", true),
            CloseReason::PeerGone => (1006, "peer_gone", true),
            CloseReason::Draining => (1001, "draining", true),
            CloseReason::ProtocolError => (1002, "protocol_error", false),
            CloseReason::BadData => (1003, "bad_data", false),
            CloseReason::BadUtf8 => (1007, "bad_utf8", false),
            CloseReason::MessageTooBig => (1009, "message_too_big", false),
            CloseReason::PingTimeout => (4000, "ping_timeout", true),
            CloseReason::WriteStalled => (4001, "write_stalled", true),
            CloseReason::TooManyErrors => (4002, "too_many_errors", false),
            CloseReason::TooFarBehind => (4003, "too_far_behind", true),
            CloseReason::HeadTimeout => (4004, "head_timeout", true),
            CloseReason::Idle => (4005, "idle", true),
            CloseReason::BadHead => (4006, "bad_head", false),
            CloseReason::TooManyConnections => (4007, "too_many_connections", true),
            CloseReason::TooManyFromAddress => (4008, "too_many_from_address", true),
            CloseReason::Error => (1011, "internal_error", true),
        };
        CloseRow { code, word, may_return }
    }

    pub fn index(self) -> usize {
        self as usize
    }
}
