//! What can fall silent: each symbol's kinds by themselves, or with `*` each kind as a whole; and only while the
//! market is open.

use super::config::{AlpacaConfig, Kind};
use super::symbols::Symbol;
use crate::adapter::Subscription;
use std::collections::HashMap;

#[derive(Debug)]
pub(super) struct Watch {
    subscriptions: Vec<Subscription>,
    /// The first subscription of each symbol; one for each kind follows.
    first_of: HashMap<String, usize>,
    /// And the silence that is trouble while the market is open.
    kinds: Vec<(Kind, Option<u64>)>,
    is_open: bool,
}

impl Watch {
    pub(super) fn new(config: &AlpacaConfig, symbols: &HashMap<String, Symbol>) -> Watch {
        let kinds = config.kinds.iter().map(|kind| (*kind, config.silence_ms(*kind))).collect();
        let mut watch = Watch { subscriptions: Vec::new(), first_of: HashMap::new(), kinds, is_open: true };
        for native in &config.symbols {
            watch.first_of.insert(native.clone(), watch.subscriptions.len());
            for (kind, silence_ms) in &watch.kinds {
                let topics = symbols.get(native).map(|symbol| symbol.topic(*kind).clone()).into_iter().collect();
                let name = format!("{kind:?}/{native}");
                watch.subscriptions.push(Subscription { name, topics, silence_ms: *silence_ms });
            }
        }
        watch
    }

    pub(super) fn subscriptions(&self) -> &[Subscription] {
        &self.subscriptions
    }

    /// The subscription that a message is a sign of life of.
    pub(super) fn index(&self, kind: Kind, native: &str) -> Option<usize> {
        let first = self.first_of.get(native).or_else(|| self.first_of.get("*"))?;
        Some(first + self.kinds.iter().position(|(own, _)| *own == kind)?)
    }

    /// A symbol that turned up under `*`.
    pub(super) fn add(&mut self, symbol: &Symbol) {
        for (subscription, (kind, _)) in self.subscriptions.iter_mut().zip(self.kinds.iter().cycle()) {
            subscription.topics.push(symbol.topic(*kind).clone());
        }
    }

    /// Watches only while the market is open; true if there is anything to watch.
    pub(super) fn follow_hours(&mut self, is_open: bool) -> bool {
        if self.is_open != is_open {
            self.is_open = is_open;
            for (subscription, (_, silence_ms)) in self.subscriptions.iter_mut().zip(self.kinds.iter().cycle()) {
                subscription.silence_ms = silence_ms.filter(|_| is_open);
            }
        }
        self.kinds.iter().any(|(_, silence_ms)| silence_ms.is_some())
    }
}
