//! Clients that mean harm, or are written badly: each attack ends under a name that the metrics count, costs a bounded
//! memory, and disturbs nobody else.

mod frames;
mod heads;
mod streams;
