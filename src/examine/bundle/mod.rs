//! The bundle: one file that an auditor, a court or a regulator can check without us.
//!
//! A `tar` in a Zstandard frame, with nothing in it that depends on when or where it was made: the
//! same log, checkpoint, selection and keys give the same bytes. It holds the log itself as it was
//! at one signed checkpoint (no personal text is in it), the records of the selected entries in
//! every format, the keys, what was erased, timestamps of its checkpoints, and a statement signed by the appliance's export key
//! over the digests of all files. [`check()`] finds any changed byte of it.

mod anchors;
mod archive;
mod build;
mod check;
mod compared;
mod files;
mod manifest;
mod previous;
mod records;
mod unpack;

pub use check::{BundleReport, Known, check, is_bundle};
pub use records::Payloads;
pub use unpack::{UnpackError, unpack};

pub(super) use build::{BundleSource, build};

/// The log's own folder.
const LOG: &str = "log";
const KEYRING: &str = "keyring.txt";
const POLICY: &str = "policy.txt";
const ERASURES: &str = "erasures.json";
const CERTIFICATION: &str = "certification-902.md";
const GUIDE: &str = "VERIFY.md";
const CHECKER: &str = "check.py";
const SCHEMA: &str = "schema/entries.md";
/// The newest checkpoint that the quorum of `policy.txt` has cosigned.
const COSIGNED: &str = "cosigned-checkpoint";
const PREVIOUS: &str = "previous-checkpoint";
const CONSISTENCY: &str = "consistency-proof";
/// The folder of RFC 3161 timestamps.
const ANCHORS: &str = "anchors/";
/// The last three files of a bundle, in this order: each states what is before it.
const SUMS: &str = "SHA256SUMS";
const H1: &str = "h1.txt";
const MANIFEST: &str = "manifest.dsse.json";

/// The name of the key that signs bundles of a log.
pub(super) fn export_key_name(origin: &str) -> String {
    format!("{origin}/export")
}
