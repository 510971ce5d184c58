//! Providers: one folder each, with the same file names in each (`mod`, `message`, `translate`): learn one, know all.

pub mod nhl;
