//! A protocol as a value, for the table of providers.

use super::{Protocol, Rules, Venue, VenueConfig};
use crate::adapter::Adapter;
use crate::capture::Head;
use crate::registry::Problem;
use crate::supervise::Limits;

/// What the registry must be able to do with a venue.
pub(crate) struct Exchange {
    rules: Rules,
    build: fn(&VenueConfig) -> Box<dyn Adapter>,
    for_replay: fn(&Head) -> Box<dyn Adapter>,
}

impl Exchange {
    pub(crate) fn of<P: Protocol + 'static>() -> Exchange {
        Exchange {
            rules: P::RULES,
            build: |config| Box::new(Venue::<P>::new(config)),
            for_replay: |head| Box::new(Venue::<P>::for_replay(head)),
        }
    }

    pub(crate) fn provider(&self) -> &'static str {
        self.rules.provider
    }

    pub(crate) fn validate(&self, config: &VenueConfig) -> Vec<Problem> {
        config.problems(&self.rules)
    }

    pub(crate) fn limits(&self, config: &VenueConfig) -> Limits {
        config.limits(&self.rules)
    }

    pub(crate) fn build(&self, config: &VenueConfig) -> Box<dyn Adapter> {
        (self.build)(config)
    }

    pub(crate) fn for_replay(&self, head: &Head) -> Box<dyn Adapter> {
        (self.for_replay)(head)
    }
}
