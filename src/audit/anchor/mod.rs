//! Was this log here at that time? RFC 3161 timestamps of checkpoints, carried by hand.
//!
//! A request is a file that somebody takes to a timestamp authority, a reply the file that they
//! bring back: the appliance itself goes nowhere. Both lie beside the log, in `anchors/`, with the
//! checkpoint that they are about, so that `openssl ts -verify` checks them without us:
//! `SIZE.checkpoint`, `SIZE.tsq`, `SIZE.tsr`. None is ever replaced by another: entries hold their
//! digests. Those of a log that ended go with it, to `log-1.anchors/`.
//!
//! Formats: RFC 3161 (requests, replies), RFC 5652 (the signed data in a reply), RFC 5816
//! (certificates by SHA-256).

mod der;
mod files;
mod folder;
mod reply;
mod request;

pub use files::{AnchorFiles, AnchorRecord};
pub use folder::{AnchorError, Anchored, Anchors, Requested};
pub use reply::{SignerTrust, TokenError};
