//! Criterion benches: see README.md for what comes.
