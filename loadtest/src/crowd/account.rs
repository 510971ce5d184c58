//! What a client of a crowd was told, over all its connections.

/// What was counted over all of a client's sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    pub messages: u64,
    /// Times that the client was live and was put behind.
    pub lags: u64,
    /// Events that it was told it lost.
    pub lost: u64,
    pub births: u64,
    pub ends: u64,
    /// Resumes that were answered anew (`full`).
    pub full: u64,
}

impl Account {
    pub fn plus(self, other: &Account) -> Account {
        Account {
            messages: self.messages + other.messages,
            lags: self.lags + other.lags,
            lost: self.lost + other.lost,
            births: self.births + other.births,
            ends: self.ends + other.ends,
            full: self.full + other.full,
        }
    }
}
