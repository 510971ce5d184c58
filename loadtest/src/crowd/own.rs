//! Topics that the harness publishes itself: what their messages say of their place in a topic's life.

use crate::client::ledger::{Breach, breach};
use crate::payload::StampFinder;
use crate::scan::Message;

/// Topics whose second token is one of these are published by the harness and carry `k`.
const OWN_TOKENS: [&[u8]; 2] = [b".soak.", b".load."];

/// Of a topic of our own: its newest message is the one that its seq says, and it has as many events as it says.
pub fn check_stamps(message: &Message<'_>, stamps: &StampFinder, n: u64, seq: u64) -> Result<(), Breach> {
    if !is_own(message.topic) {
        return Ok(());
    }
    let expected = (seq + 1).checked_sub(n);
    let got = stamps.last(message.data).map(|stamp| stamp.k);
    if got.is_none() || got != expected {
        return Err(breach("message", message, format!("{expected:?}"), format!("{got:?} at seq {seq}")));
    }
    let Some(from) = message.from else { return Ok(()) };
    let ks = stamps.all(message.data).map(|stamp| stamp.k);
    let first = (from + 2).checked_sub(n);
    if ks.enumerate().any(|(index, k)| first.map(|first| first + index as u64) != Some(k)) {
        return Err(breach("events", message, format!("{first:?} and on, each once"), "others"));
    }
    Ok(())
}

pub fn is_own(topic: &[u8]) -> bool {
    OWN_TOKENS.iter().any(|token| memchr::memmem::find(topic, token).is_some())
}
