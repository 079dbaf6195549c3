//! The checkpoint that the reader of a bundle had before, and the proof that today's log begins
//! with it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::manifest::Previous;
use super::{CONSISTENCY, MANIFEST, PREVIOUS};
use crate::audit::note::NoteVerifier;
use crate::audit::{Checkpoint, merkle};

/// What is wrong with an earlier checkpoint and its proof, of a log that any of these keys signed;
/// the files are that checkpoint, the proof and today's checkpoint.
pub(super) fn check(
    signers: &[&NoteVerifier],
    stated: Option<&Previous>,
    (previous, proof, note): (&[u8], &str, &[u8]),
) -> Vec<String> {
    let open = |note: &[u8]| signers.iter().find_map(|key| Checkpoint::open(note, key).ok());
    let (Some(old), Some(new)) = (open(previous), open(note)) else {
        return vec![format!("{PREVIOUS} is no checkpoint of this log")];
    };
    let mut found = Vec::new();
    let is_stated = stated.is_some_and(|stated| {
        (stated.size, &stated.root) == (old.size, &STANDARD.encode(old.root))
    });
    if !is_stated {
        found.push(format!("{MANIFEST} does not state this {PREVIOUS}"));
    }
    let proved = parse(proof, old.size, note).is_some_and(|path| {
        merkle::check_consistency((old.size, &old.root), (new.size, &new.root), &path)
    });
    if !proved {
        found.push(format!("{CONSISTENCY} does not prove that the log begins with {PREVIOUS}"));
    }
    found
}

/// The hashes of a consistency proof for this size and checkpoint.
fn parse(proof: &str, old: u64, note: &[u8]) -> Option<Vec<merkle::Hash>> {
    let (head, found) = proof.split_once("\n\n")?;
    let mut lines = head.split('\n');
    let is_ours = lines.next()? == format!("old {old}") && found.as_bytes() == note;
    let hashes: Option<Vec<_>> =
        lines.take(64).map(|line| STANDARD.decode(line).ok()?.try_into().ok()).collect();
    hashes.filter(|hashes| is_ours && hashes.len() < 64)
}
