//! What happened, and can a stranger check it? Entries, tiles, checkpoints, proofs, the verifier.
//!
//! [`Log::append`] returns a [`Receipt`] only after the entry is on disk, behind a signed
//! checkpoint. No receipt, no answer: callers must not show what an entry was to precede.
//!
//! * `log/`: the published log, a C2SP tlog-tiles folder. Not trusted: [`verify()`] finds any
//!   change to it with nothing but the verifier key.
//! * `state/log.journal`: the commit point. One fsynced append holds a batch and its checkpoint;
//!   callers are answered then. Trusted, like the signing key.
//! * Tiles, bundles and `checkpoint` follow from the journal within 200 ms, on a second thread.
//!   Opening a log applies what a crash left over, through the same code. Files are staged outside
//!   `log/`, so that it never holds a file that no log has.
//!
//! Any error of a write stops the log: what is on disk is then unknown, and the next start finds
//! out. Where only space is lacking, the log says so on space kept for it (`state/log.reserve`),
//! refuses what comes, and goes on by itself once there is some: through the code of a start. Who
//! waits too long for a commit is told to come back. Time in the log never goes back.
//!
//! Does not do: rendering, filtering, exports, payloads (they lie in the vault).
//!
//! Formats: RFC 6962 section 2.1 (tree), RFC 8785 (entries), and from C2SP: tlog-tiles,
//! tlog-checkpoint, signed-note (Ed25519), tlog-proof, tlog-cosignature, tlog-policy.

mod account;
mod anchor;
mod canonical;
mod checkpoint;
mod chronicle;
mod cosignature;
mod create;
mod detail;
mod dsse;
mod entry;
mod entry_type;
mod epoch;
mod event;
mod extract;
pub mod faults;
mod fields;
mod files;
mod folder;
mod full;
mod inventory;
mod journal;
mod keys;
mod lineage;
mod log;
pub mod merkle;
mod node;
pub mod note;
mod past;
mod problems;
mod publish;
mod reader;
mod receipt;
mod recover;
mod rotate;
mod schema;
mod selection;
mod sequencer;
mod shape;
mod shared;
mod step;
pub mod tile;
mod tlog_policy;
mod verify;
mod walk;
mod witness;

pub use anchor::{
    AnchorError, AnchorFiles, AnchorRecord, Anchored, Anchors, Requested, SignerTrust, TokenError,
};
pub use checkpoint::{Checkpoint, CheckpointError, ProofError, check_proof};
pub use cosignature::{CosignatureVerifier, Cosigner};
pub use create::CreateError;
pub use detail::{Actor, Added, CitedSpan, Decimal, HitDecision, QueryKind, Related, RetrievedHit};
pub use dsse::{Envelope, EnvelopeError};
pub use entry::Entry;
pub use entry_type::EntryType;
pub use epoch::{Epoch, EpochError};
pub use event::{ENTRY_TYPES, Event, What};
pub use extract::{TreeEntries, copy_tree, prove_consistency};
pub use files::{DiskFiles, LogFiles, LogPaths};
pub use folder::FolderError;
pub use inventory::inventory;
pub use log::{AppendError, Condition, Log};
pub use past::{PastLogs, verify_past};
pub use problems::{PROBLEM_KINDS, Problem, ProblemKind, Report, problem_kinds};
pub use reader::ReadError;
pub use receipt::{Receipt, Recorded};
pub use recover::{OpenError, Recovery};
pub use rotate::{KeyChangeError, KeyTurn};
pub use schema::check_entry;
pub use selection::{Selection, is_known_kind};
pub use step::QueryStep;
pub use tlog_policy::{
    LineError, POLICY_FILE_BYTES_MAX, PolicyError, PolicyLog, PolicyWitness, Standing, TlogPolicy,
    UnsignedError,
};
pub use verify::{EntryRules, Trust, VerifyOptions, verify, verify_with};
pub use witness::{
    ADD_CHECKPOINT_BYTES_MAX, Change, Decision, Disagreement, How, Post, PostReply, RoundError,
    Rounds, Witness, WitnessError, Witnessed,
};

#[cfg(test)]
mod tests;
