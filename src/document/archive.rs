//! Opens ZIP archives without trusting what they say of themselves.

use std::io::Cursor;

use zip::ZipArchive;

use super::reason::{Reason, Unreadable};

/// Text shrinks to a hundredth at best; what unfolds to more than this is made to.
const RATIO_MAX: u64 = 250;
/// Below this the ratio means nothing.
const RATIO_FROM_BYTES: u64 = 4 * 1024 * 1024;

/// As much as so many packed bytes may unfold to.
pub(super) fn unpacked_max(packed: u64) -> u64 {
    packed.saturating_mul(RATIO_MAX).max(RATIO_FROM_BYTES)
}

/// Opens an archive of at most `members_max` members.
pub(super) fn open(
    bytes: &[u8],
    members_max: usize,
) -> Result<ZipArchive<Cursor<&[u8]>>, Unreadable> {
    let large = || {
        let detail = format!("the archive has more than {members_max} members: split it");
        Unreadable::new(Reason::TooLarge, detail)
    };
    // Before the directory is held in memory: each of its records takes that.
    if records(bytes) > members_max {
        return Err(large());
    }
    let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| {
        let detail = "the archive is cut short or damaged: get a good copy";
        Unreadable::new(Reason::Malformed, detail)
    })?;
    if archive.len() > members_max { Err(large()) } else { Ok(archive) }
}

/// Headers of members in the directory, at most: counted by their signature.
fn records(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    let mut count = 0;
    while let Some(at) = rest.iter().position(|byte| *byte == b'P') {
        rest = rest.get(at..).unwrap_or_default();
        count += usize::from(rest.starts_with(b"PK\x01\x02"));
        rest = rest.get(1..).unwrap_or_default();
    }
    count
}
