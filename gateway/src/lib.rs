//! Fanwire.
