//! What can fall silent: one subscription per symbol and kind.

use super::{Kind, Silence, Symbol};
use crate::adapter::{LinkId, Subscription};

#[derive(Default)]
pub(super) struct Subscriptions {
    all: Vec<Subscription>,
    /// Same indices as `all`.
    links: Vec<LinkId>,
    silence: Silence,
}

impl Subscriptions {
    pub(super) fn new(silence: Silence) -> Subscriptions {
        Subscriptions { silence, ..Subscriptions::default() }
    }

    /// The index of a symbol's subscription, made if it is new.
    pub(super) fn of(&mut self, symbol: &mut Symbol, kind: Kind) -> usize {
        if let Some(index) = symbol.subscription(kind) {
            return index;
        }
        let index = self.all.len();
        let topics = vec![symbol.topics.of(kind).clone()];
        let name = format!("{}:{}", kind.word(), symbol.native);
        self.all.push(Subscription { name, topics, silence_ms: self.silence.of(kind) });
        self.links.push(symbol.link);
        symbol.add_subscription(kind, index);
        index
    }

    pub(super) fn all(&self) -> &[Subscription] {
        &self.all
    }

    pub(super) fn link_of(&self, index: usize) -> Option<LinkId> {
        self.links.get(index).copied()
    }
}
