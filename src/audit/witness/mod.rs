//! Does anybody else remember how far this log had come? C2SP tlog-witness, both sides of it.
//!
//! A signed log alone does not stop whoever holds its key from rewriting it, and a machine that was
//! put back to an older state does not know that it was. A witness on another machine remembers the
//! newest checkpoint that it has seen of each log, cosigns only what is consistent with it, and so
//! notices both.
//!
//! * [`Witness`]: the side of the auditor. Decides on one submitted checkpoint, and has its decision
//!   on disk before anybody is told.
//! * [`Rounds`]: the side of the log. Offers its newest checkpoint to every witness of its policy,
//!   keeps the newest that a quorum has cosigned, and stops the log where a witness disagrees.
//!
//! Neither knows of HTTP: statuses and bodies come and go as they are.

mod ledger;
mod memory;
mod request;
mod rounds;
mod submit;

pub use ledger::{Decision, Witness, WitnessError};
pub use memory::{Change, Disagreement, How};
pub use request::ADD_CHECKPOINT_BYTES_MAX;
pub use rounds::{Post, RoundError, Rounds, Witnessed};
pub use submit::PostReply;
