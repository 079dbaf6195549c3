//! The signed statement of a bundle.

use serde::{Deserialize, Serialize};

use crate::audit::Selection;
use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;

/// DSSE payload type.
pub(super) const PAYLOAD_TYPE: &str = "application/vnd.affiant.bundle+json";
/// The version of the statement's form, and of what a bundle holds.
pub(super) const VERSION: u32 = 1;

/// What the appliance states of a bundle. Times are the log's own: nothing here tells when the
/// bundle was made, so that it can be made again. (The log tells, in `audit.exported`.)
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub(super) v: u32,
    /// The log.
    pub(super) origin: String,
    /// Entries at the checkpoint.
    pub(super) size: u64,
    /// Root at the checkpoint, base64.
    pub(super) root: String,
    /// When the last of them was written.
    pub(super) through: Timestamp,
    /// The checkpoint that this auditor had before.
    pub(super) previous: Option<Previous>,
    /// What the records were narrowed to.
    pub(super) selection: Selection,
    /// Entries in the records.
    pub(super) entries: u64,
    /// Version of the program that rendered the records.
    pub(super) program: String,
    /// Verifier key of this statement.
    pub(super) vkey: String,
    /// Digest of `SHA256SUMS`, and with it of every other file.
    pub(super) sha256sums: Digest,
    /// The same as Go's `h1:` digest of the folder.
    pub(super) h1: String,
}

/// An earlier checkpoint.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Previous {
    pub(super) size: u64,
    pub(super) root: String,
}

impl Manifest {
    pub(super) fn render(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a statement in its one spelling.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let manifest: Self = serde_json::from_slice(bytes).ok()?;
        (manifest.render() == bytes && manifest.v == VERSION).then_some(manifest)
    }
}
