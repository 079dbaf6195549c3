//! The commit point on disk: frames, each a batch of entries with its signed checkpoint.
//!
//! The first frame of a journal has no entries: it holds the checkpoint that the published log had
//! when the journal was last rewritten, so that a log that was put back to an older state is found.
//! A frame is `magic(8) | length(8) | SHA-256(32) | payload`; the payload is
//! `first(8) | note length(4) | note | (entry length(2) | entry)*`, numbers big-endian.

use sha2::{Digest as _, Sha256};

use super::checkpoint::CHECKPOINT_BYTES_MAX;
use super::shared::Stored;
use super::tile::{push_entry, split_entries};

const MAGIC: &[u8; 8] = b"AFFJRNL1";
const HEADER_BYTES: usize = 8 + 8 + 32;
/// Largest journal that is read: the rewrite threshold, the entries that may wait to be published
/// and one batch stay far below.
pub(super) const JOURNAL_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// One frame.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Frame<'a> {
    /// Index of the first entry; the log's size before this batch.
    pub(super) first: u64,
    /// The signed checkpoint of the log with these entries.
    pub(super) note: &'a str,
    /// The entries.
    pub(super) entries: Vec<&'a [u8]>,
}

/// What a journal holds.
#[derive(Debug)]
pub(super) struct Journal<'a> {
    pub(super) frames: Vec<Frame<'a>>,
    /// Bytes of an unfinished last frame.
    pub(super) torn_bytes: u64,
}

/// A damaged frame with whole frames behind it: not what a crash leaves.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Damaged {
    /// Where the damaged frame begins.
    pub(super) offset: usize,
}

/// The bytes of a frame.
pub(super) fn encode<'a>(
    first: u64,
    note: &str,
    entries: impl Iterator<Item = &'a [u8]>,
) -> Vec<u8> {
    let mut payload = Vec::with_capacity(4096);
    payload.extend_from_slice(&first.to_be_bytes());
    let note_len = u32::try_from(note.len()).unwrap_or(u32::MAX);
    payload.extend_from_slice(&note_len.to_be_bytes());
    payload.extend_from_slice(note.as_bytes());
    entries.for_each(|entry| push_entry(&mut payload, entry));
    let mut frame = Vec::with_capacity(HEADER_BYTES + payload.len());
    frame.extend_from_slice(MAGIC);
    frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
    frame.extend_from_slice(&Sha256::digest(&payload));
    frame.extend_from_slice(&payload);
    frame
}

/// A journal that begins at the published checkpoint and holds what is not yet published.
pub(super) fn whole(published: u64, published_note: &str, fresh: &[Stored], note: &str) -> Vec<u8> {
    let mut bytes = encode(published, published_note, std::iter::empty());
    if !fresh.is_empty() {
        bytes.extend(encode(published, note, fresh.iter().map(|stored| &*stored.bytes)));
    }
    bytes
}

/// Reads a journal. What follows the last whole frame is a torn commit that nobody was told of.
pub(super) fn decode(bytes: &[u8]) -> Result<Journal<'_>, Damaged> {
    let mut frames = Vec::new();
    let mut rest = bytes;
    while let Some((frame, behind)) = decode_frame(rest) {
        frames.push(frame);
        rest = behind;
    }
    // Appends stop at the first error, so only the last frame can be torn by a crash.
    let later = rest.windows(MAGIC.len()).enumerate().skip(1).any(|(offset, window)| {
        window == MAGIC && rest.get(offset..).is_some_and(|rest| decode_frame(rest).is_some())
    });
    match later {
        true => Err(Damaged { offset: bytes.len() - rest.len() }),
        false => Ok(Journal { frames, torn_bytes: rest.len() as u64 }),
    }
}

fn decode_frame(bytes: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (len, rest) = rest.split_first_chunk::<8>()?;
    let (digest, rest) = rest.split_first_chunk::<32>()?;
    let len = usize::try_from(u64::from_be_bytes(*len)).ok()?;
    let (payload, rest) = rest.split_at_checked(len)?;
    if Sha256::digest(payload).as_slice() != digest {
        return None;
    }
    let (first, payload) = payload.split_first_chunk::<8>()?;
    let (note_len, payload) = payload.split_first_chunk::<4>()?;
    let note_len = u32::from_be_bytes(*note_len);
    if u64::from(note_len) > CHECKPOINT_BYTES_MAX {
        return None;
    }
    let (note, entries) = payload.split_at_checked(note_len as usize)?;
    let note = std::str::from_utf8(note).ok()?;
    Some((
        Frame { first: u64::from_be_bytes(*first), note, entries: split_entries(entries)? },
        rest,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Vec<Vec<u8>> {
        let entries: [&[u8]; 2] = [b"one", b""];
        vec![
            encode(0, "zero", std::iter::empty()),
            encode(0, "two", entries.into_iter()),
            encode(2, "three", [&b"AFFJRNL1"[..]].into_iter()),
        ]
    }

    #[test]
    fn whole_frames_read_back() {
        let bytes = three().concat();
        let journal = decode(&bytes).unwrap();
        assert_eq!(journal.torn_bytes, 0);
        let seen: Vec<_> =
            journal.frames.iter().map(|f| (f.first, f.note, f.entries.len())).collect();
        assert_eq!(seen, [(0, "zero", 0), (0, "two", 2), (2, "three", 1)]);
    }

    #[test]
    fn a_tail_cut_anywhere_is_torn_and_the_frames_before_it_stay() {
        let frames = three();
        let whole = frames[0].len() + frames[1].len();
        let bytes = frames.concat();
        for end in whole..bytes.len() {
            let journal = decode(&bytes[..end]).unwrap();
            assert_eq!(journal.frames.len(), 2, "cut at {end}");
            assert_eq!(journal.torn_bytes, (end - whole) as u64);
        }
    }

    #[test]
    fn a_last_frame_with_wrong_bytes_is_torn() {
        let frames = three();
        let whole = frames[0].len() + frames[1].len();
        let bytes = frames.concat();
        for position in whole..bytes.len() {
            let mut torn = bytes.clone();
            torn[position] ^= 0x40;
            assert_eq!(decode(&torn).unwrap().frames.len(), 2, "byte {position}");
        }
    }

    #[test]
    fn damage_before_a_whole_frame_is_not_mistaken_for_a_torn_tail() {
        let frames = three();
        let bytes = frames.concat();
        let first = frames[0].len();
        for position in first..first + frames[1].len() {
            let mut damaged = bytes.clone();
            damaged[position] ^= 0x40;
            assert_eq!(decode(&damaged).unwrap_err(), Damaged { offset: first }, "{position}");
        }
    }
}
