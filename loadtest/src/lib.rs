//! Load harness: see README.md for what comes.
