//! How far the gateway's end has come, as the app tells all shards.

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    #[default]
    Serving,
    /// Nothing new is let in, and publishers get their answers.
    Refusing,
    /// Nothing more is accepted: subscribers are told all that was, and goodbye.
    Leaving,
}
