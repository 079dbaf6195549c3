//! The three files of one anchor, and whether they are what an entry recorded.

use std::io;
use std::path::Path;

use serde_json::Value;

use super::reply::check;
use super::request::request_with;
use crate::audit::checkpoint::CHECKPOINT_BYTES_MAX;
use crate::audit::files::read_bounded;
use crate::domain::digest::Digest;

/// A reply with its certificates has a few thousand bytes.
pub(super) const REPLY_BYTES_MAX: u64 = 256 * 1024;
/// A request has less than a hundred.
pub(super) const REQUEST_BYTES_MAX: u64 = 4_096;

/// What an `anchor.recorded` entry commits to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AnchorRecord {
    /// Entries of the checkpoint.
    pub size: u64,
    /// Digest of the checkpoint.
    pub checkpoint: Digest,
    /// Digest of the authority's reply.
    pub reply: Digest,
}

impl AnchorRecord {
    /// What the details of such an entry say.
    pub fn of(details: &Value) -> Option<Self> {
        let digest = |name| details.get(name)?.as_str()?.parse().ok();
        let size = details.get("size")?.as_u64()?;
        Some(Self { size, checkpoint: digest("checkpoint")?, reply: digest("reply")? })
    }
}

/// A checkpoint with the request of a timestamp of it and the authority's reply.
#[derive(Clone, Debug)]
pub struct AnchorFiles {
    /// The checkpoint.
    pub checkpoint: Vec<u8>,
    /// The request.
    pub request: Vec<u8>,
    /// The reply.
    pub reply: Vec<u8>,
}

impl AnchorFiles {
    /// The ends of their names.
    pub const KINDS: [&str; 3] = ["checkpoint", "tsq", "tsr"];

    /// Those of this number in a folder.
    ///
    /// # Errors
    /// Where one of them cannot be read.
    pub fn read(folder: &Path, number: u64) -> io::Result<Self> {
        let [checkpoint, request, reply] = Self::KINDS;
        let read = |kind, limit| read_bounded(&folder.join(format!("{number}.{kind}")), limit);
        Ok(Self {
            checkpoint: read(checkpoint, CHECKPOINT_BYTES_MAX)?,
            request: read(request, REQUEST_BYTES_MAX)?,
            reply: read(reply, REPLY_BYTES_MAX)?,
        })
    }

    /// Whether they are the ones that an entry recorded: checkpoint and reply by their digests, the
    /// request as the one of that checkpoint with the nonce of the reply.
    ///
    /// # Errors
    /// Says which of them is another, as a sentence.
    pub fn fit(&self, record: &AnchorRecord) -> Result<(), &'static str> {
        if Digest::of(&self.reply) != record.reply {
            return Err("the timestamp reply is not the one on record");
        }
        if Digest::of(&self.checkpoint) != record.checkpoint {
            return Err("the checkpoint is not the one that the timestamp is of");
        }
        let stated = check(&self.reply, &[]).map_err(|_| "the timestamp does not hold")?;
        if stated.imprint != record.checkpoint {
            return Err("the timestamp is of something else than its entry says");
        }
        match self.request == request_with(&record.checkpoint, &stated.nonce) {
            true => Ok(()),
            false => Err("the timestamp answers another request"),
        }
    }
}
