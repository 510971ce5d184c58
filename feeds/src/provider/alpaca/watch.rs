//! What can fall silent: each symbol's kinds by themselves, or with `*` each kind as a whole; and only while the
//! market is open.

use super::config::{AlpacaConfig, Kind};
use super::symbols::Symbol;
use crate::adapter::Subscription;
use std::collections::HashMap;

#[derive(Debug)]
pub(super) struct Watch {
    subscriptions: Vec<Subscription>,
    by_name: HashMap<(Kind, String), usize>,
    /// The kind of each, and the silence that is trouble while the market is open.
    limits: Vec<(Kind, Option<u64>)>,
    is_open: bool,
}

impl Watch {
    pub(super) fn new(config: &AlpacaConfig, symbols: &HashMap<String, Symbol>) -> Watch {
        let mut watch = Watch { subscriptions: Vec::new(), by_name: HashMap::new(), limits: Vec::new(), is_open: true };
        for native in &config.symbols {
            for kind in &config.kinds {
                let topics = symbols.get(native).map(|symbol| symbol.topic(*kind).clone()).into_iter().collect();
                let silence_ms = config.silence_ms(*kind);
                watch.by_name.insert((*kind, native.clone()), watch.subscriptions.len());
                watch.subscriptions.push(Subscription { name: format!("{kind:?}/{native}"), topics, silence_ms });
                watch.limits.push((*kind, silence_ms));
            }
        }
        watch
    }

    pub(super) fn subscriptions(&self) -> &[Subscription] {
        &self.subscriptions
    }

    /// The subscription that a message is a sign of life of.
    pub(super) fn index(&self, kind: Kind, native: &str) -> Option<usize> {
        let index = |native: &str| self.by_name.get(&(kind, native.to_owned())).copied();
        index(native).or_else(|| index("*"))
    }

    /// A symbol that turned up under `*`.
    pub(super) fn add(&mut self, symbol: &Symbol) {
        for (subscription, (kind, _)) in self.subscriptions.iter_mut().zip(&self.limits) {
            subscription.topics.push(symbol.topic(*kind).clone());
        }
    }

    /// Watches only while the market is open; true if there is anything to watch.
    pub(super) fn follow_hours(&mut self, is_open: bool) -> bool {
        if self.is_open != is_open {
            self.is_open = is_open;
            for (subscription, (_, silence_ms)) in self.subscriptions.iter_mut().zip(&self.limits) {
                subscription.silence_ms = silence_ms.filter(|_| is_open);
            }
        }
        self.limits.iter().any(|(_, silence_ms)| silence_ms.is_some())
    }
}
