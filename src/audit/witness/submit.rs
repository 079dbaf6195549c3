//! One checkpoint to one witness: the right proof, and what the answer means.

use super::request::{AddCheckpoint, parse_size};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::cosignature::CosignatureVerifier;
use crate::audit::log::Log;
use crate::audit::note::SignedText;

/// Requests for one checkpoint: a second with the size that the witness named, a third where
/// another submission of ours, given up too early, arrived in between.
const TRIES_MAX: usize = 3;

/// What came back over the wire.
#[derive(Clone, Debug)]
pub struct PostReply {
    /// The HTTP status.
    pub status: u16,
    /// Whether its type is `text/x.tlog.size`.
    pub is_size: bool,
    /// The body, bounded by who received it.
    pub body: Vec<u8>,
}

/// What a witness says of our checkpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Answer {
    /// It cosigned: the signature lines, checked.
    Cosigned(String),
    /// It has seen a larger log under our key: ours was put back to an older state, or written
    /// elsewhere too.
    Ahead {
        /// The size that it has seen.
        seen: u64,
    },
    /// What it has seen under our key is not the beginning of our log.
    Forked {
        /// The size that it has seen.
        seen: u64,
    },
    /// A newer checkpoint of ours has reached it meanwhile: nothing for this one.
    Overtaken,
    /// No statement about our log.
    Failed(Refused),
}

/// Why a witness made no statement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Refused {
    /// No connection, or no answer in time.
    Unreachable,
    /// 404: it does not know this log.
    UnknownLog,
    /// 403: it knows this log by another key.
    UnknownKey,
    /// An answer that the protocol does not have, or a cosignature that does not fit.
    BadAnswer,
    /// Our own side: the proof could not be made.
    NoProof,
}

impl Refused {
    /// The code that entries and alerts name it by.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::UnknownLog => "unknown_log",
            Self::UnknownKey => "unknown_key",
            Self::BadAnswer => "bad_answer",
            Self::NoProof => "no_proof",
        }
    }
}

/// Offers a checkpoint of our own to a witness. `known` is the size that the witness is thought to
/// have, 0 where that is unknown; it comes back as what the witness has now.
pub(super) fn submit(
    log: &Log,
    note: &str,
    known: &mut u64,
    witness: &CosignatureVerifier,
    post: &dyn Fn(String) -> Option<PostReply>,
) -> Answer {
    let offered = SignedText::parse(note.as_bytes()).ok().and_then(|n| Checkpoint::parse(n.text));
    let Some(offered) = offered else { return Answer::Failed(Refused::NoProof) };
    for _ in 0..TRIES_MAX {
        let old = (*known).min(offered.size);
        let proof = match log.consistency_between(old, &offered) {
            Ok(proof) => proof,
            Err(error) => {
                tracing::error!(%error, "no consistency proof: run `affiant audit verify`");
                return Answer::Failed(Refused::NoProof);
            }
        };
        let Some(reply) = post(AddCheckpoint { old, proof, checkpoint: note }.render()) else {
            return Answer::Failed(Refused::Unreachable);
        };
        match reply.status {
            200 => {
                *known = offered.size;
                let lines = cosignature_line(note, &reply.body, witness);
                return lines.map_or(Answer::Failed(Refused::BadAnswer), Answer::Cosigned);
            }
            403 => return Answer::Failed(Refused::UnknownKey),
            404 => return Answer::Failed(Refused::UnknownLog),
            // With nothing to be consistent with, nothing can be inconsistent.
            422 if old > 0 => return Answer::Forked { seen: old },
            409 => match size_of(&reply) {
                Some(seen) if seen > log.tree_size() => return Answer::Ahead { seen },
                Some(seen) if seen > offered.size => {
                    *known = seen;
                    return Answer::Overtaken;
                }
                Some(seen) if seen != old => *known = seen,
                // Version 0 of the protocol: the same size with another root is a conflict too.
                Some(_) | None if old == offered.size => return Answer::Forked { seen: old },
                Some(_) | None => return Answer::Failed(Refused::BadAnswer),
            },
            _ => return Answer::Failed(Refused::BadAnswer),
        }
    }
    Answer::Failed(Refused::BadAnswer)
}

fn size_of(reply: &PostReply) -> Option<u64> {
    let text = std::str::from_utf8(&reply.body).ok().filter(|_| reply.is_size)?;
    parse_size(text.strip_suffix('\n')?)
}

/// The latest line of this witness, with its newline, where all its lines fit the checkpoint: a
/// faulty one may send the same many times.
fn cosignature_line(note: &str, body: &[u8], witness: &CosignatureVerifier) -> Option<String> {
    let cosigned = [note.as_bytes(), body].concat();
    let parsed = SignedText::parse(&cosigned).ok()?;
    let latest = witness.cosigned(&parsed).ok()??;
    let lines = parsed.signatures_of(witness.key()).zip(parsed.lines_of(witness.key()));
    lines
        .into_iter()
        .find(|(stamped, _)| stamped.starts_with(&latest.to_be_bytes()))
        .map(|(_, line)| line)
}
