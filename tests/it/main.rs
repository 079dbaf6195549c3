//! The whole appliance, tested from outside: real models, real indexes, real files.
//!
//! Models are loaded once and shared. Every test has a home of its own, copied from a template that
//! the first test makes; when a test ends, its log is verified by the offline verifier, and no
//! question may be left open.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is not as it must be"
)]

mod anchors;
mod api;
mod cli;
mod crash;
mod doors;
mod evidence;
mod export;
mod faults;
mod flow;
mod govern;
mod isolation;
mod leaks;
mod mutations;
mod support;
mod triples;
mod witnesses;
