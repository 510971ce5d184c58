//! What holds of every reader of outside bytes, whatever the bytes: one module per fuzz target, each with one `check`.
//!
//! Called from two sides: by the fuzzers (`fuzz/targets`, `make fuzz`), and on stable by `gateway/tests/corpus.rs`, which
//! replays the corpus and every input that ever broke something. Oracles here share no code with what they judge.

pub mod command;
pub mod cursor;
pub mod decimal;
pub mod frame;
pub mod framing;
pub mod line;
pub mod query;
pub mod request;
pub mod topic;

mod exact;
mod follower;
mod stage;
