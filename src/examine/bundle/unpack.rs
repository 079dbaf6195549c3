//! Unpacking a bundle that nobody vouches for: only what [`super::archive`] writes is taken, byte
//! for byte, and no more of it than there can be.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read, Seek as _, Write as _};
use std::path::Path;

use super::archive::{self, BLOCK, SEAL_BYTES, header, padding};
use super::files::{FILES_MAX, is_name};
use super::{H1, MANIFEST, SUMS};
use crate::durable;

/// How many times larger than the archive its contents may be: records of a log repeat themselves,
/// but hashes do not.
const RATIO_MAX: u64 = 1_000;
/// Contents that any archive may have.
const FREE_BYTES: u64 = 64 * 1024 * 1024;
/// The largest window that is reserved for a decoder: 128 MiB, as the `zstd` program has it.
const WINDOW_LOG_MAX: u32 = 27;

/// Why an archive is not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is not a bundle, or it was altered.
    #[error("{0}")]
    Malformed(&'static str),
    /// It could not be read, or its contents not written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Unpacks an archive into an empty folder.
///
/// # Errors
/// [`UnpackError::Malformed`] for whatever no bundle has.
pub fn unpack(archive: &Path, to: &Path) -> Result<(), UnpackError> {
    let mut file = File::open(archive).map_err(|e| durable::at(archive, "read", e))?;
    let len = file.metadata()?.len();
    if !archive::is_sealed(&mut BufReader::new(&file), len)? {
        return Err(UnpackError::Malformed("the archive does not end in its own digest"));
    }
    file.rewind()?;
    let body = BufReader::new(file.take(len.saturating_sub(SEAL_BYTES)));
    let mut frame = zstd::stream::read::Decoder::with_buffer(body)?.single_frame();
    frame.window_log_max(WINDOW_LOG_MAX)?;
    let limit = len.saturating_mul(RATIO_MAX).saturating_add(FREE_BYTES);
    let mut contents = Contents { frame: (&mut frame).take(limit), last: None };
    let mut files = 0_usize;
    while let Some((name, len)) = contents.next()? {
        files += 1;
        if files > FILES_MAX {
            return Err(UnpackError::Malformed("more files than a bundle may have"));
        }
        contents.unpack(&to.join(&name), len)?;
    }
    contents.end()?;
    match frame.finish().fill_buf()?.is_empty() {
        true => Ok(()),
        false => Err(UnpackError::Malformed("there is more than one frame before the digest")),
    }
}

struct Contents<R> {
    frame: R,
    /// Rank and name of the last file.
    last: Option<(usize, String)>,
}

impl<R: Read> Contents<R> {
    fn block(&mut self) -> Result<[u8; BLOCK], UnpackError> {
        let mut block = [0; BLOCK];
        self.frame.read_exact(&mut block).map_err(cut)?;
        Ok(block)
    }

    /// Name and length of the next file; `None` at the end.
    fn next(&mut self) -> Result<Option<(String, u64)>, UnpackError> {
        let block = self.block()?;
        if block == [0; BLOCK] {
            return Ok(None);
        }
        let odd = || UnpackError::Malformed("a header is not one that a bundle has");
        let (name, len) = parse(&block).ok_or_else(odd)?;
        if header(&name, len) != Some(block) || !is_name(&name) {
            return Err(odd());
        }
        let rank =
            [SUMS, H1, MANIFEST].iter().position(|last| *last == name).map_or(0, |at| at + 1);
        let place = (rank, name.clone());
        if self.last.as_ref().is_some_and(|last| *last >= place) {
            return Err(UnpackError::Malformed("the files are not in their one order"));
        }
        self.last = Some(place);
        Ok(Some((name, len)))
    }

    fn unpack(&mut self, path: &Path, len: u64) -> Result<(), UnpackError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| durable::at(folder, "make", e))?;
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(|e| durable::at(path, "create", e))?;
        let copied = io::copy(&mut (&mut self.frame).take(len), &mut file).map_err(cut)?;
        if copied != len {
            return Err(UnpackError::Malformed("the archive ends inside a file"));
        }
        file.flush()?;
        let mut rest = [0; BLOCK];
        let rest = rest.get_mut(..padding(len)).unwrap_or_default();
        self.frame.read_exact(rest).map_err(cut)?;
        match rest.iter().all(|byte| *byte == 0) {
            true => Ok(()),
            false => Err(UnpackError::Malformed("a file is followed by something else")),
        }
    }

    /// The second block of the end, and nothing behind it.
    fn end(mut self) -> Result<(), UnpackError> {
        let more = self.block()? != [0; BLOCK] || self.frame.read(&mut [0])? != 0;
        match more {
            true => Err(UnpackError::Malformed("the archive does not end where it says")),
            false => Ok(()),
        }
    }
}

/// A frame that ends early or does not decode is a fault of the archive, not of the disk.
fn cut(error: io::Error) -> UnpackError {
    match error.kind() == io::ErrorKind::UnexpectedEof {
        true => UnpackError::Malformed("the archive ends too early"),
        false => UnpackError::Io(error),
    }
}

fn parse(block: &[u8; BLOCK]) -> Option<(String, u64)> {
    let field = |from: usize, to: usize| {
        let field = block.get(from..to)?.split(|byte| *byte == 0).next()?;
        std::str::from_utf8(field).ok()
    };
    let len = u64::from_str_radix(field(124, 136)?, 8).ok()?;
    Some((field(0, 100)?.to_owned(), len))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examine::bundle::archive::Packer;

    fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut packer = Packer::new(Vec::new()).unwrap();
        for (name, contents) in files {
            packer.add(name, contents.len() as u64, *contents).unwrap();
        }
        packer.finish().unwrap()
    }

    fn tried(bytes: &[u8]) -> (Result<(), UnpackError>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("archive");
        durable::create_new(&archive, bytes, durable::Readers::Owner).unwrap();
        let to = folder.path().join("to");
        (unpack(&archive, &to), folder)
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        let files: &[(&str, &[u8])] =
            &[("a", b""), ("b/c", &[7; 600]), ("b/d", &[8; 512]), (SUMS, b"s"), (H1, b"h")];
        let (unpacked, folder) = tried(&packed(files));
        unpacked.unwrap();
        for (name, contents) in files {
            assert_eq!(std::fs::read(folder.path().join("to").join(name)).unwrap(), *contents);
        }
    }

    #[test]
    fn names_that_lead_out_or_come_twice_are_refused() {
        let table: &[&[(&str, &[u8])]] = &[
            &[("../a", b"")],
            &[("/a", b"")],
            &[("a", b""), ("a", b"")],
            &[("b", b""), ("a", b"")],
            &[(SUMS, b""), ("a", b"")],
            &[("a", b""), ("a/b", b"")],
        ];
        for files in table {
            let (unpacked, folder) = tried(&packed(files));
            assert!(unpacked.is_err(), "{files:?}");
            let outside = folder.path().read_dir().unwrap().count();
            assert!(outside <= 2, "{files:?} wrote outside its folder");
        }
    }

    #[test]
    fn a_bomb_is_cut_off() {
        let mut packer = Packer::new(Vec::new()).unwrap();
        let len = 256 * 1024 * 1024;
        packer.add("zeros", len, io::repeat(0)).unwrap();
        let bytes = packer.finish().unwrap();
        assert!(bytes.len() < 100_000);
        let (unpacked, folder) = tried(&bytes);
        assert!(matches!(unpacked, Err(UnpackError::Malformed(_))));
        let written = std::fs::metadata(folder.path().join("to/zeros")).unwrap().len();
        assert!(written < len, "{written}");
    }

    #[test]
    fn a_second_frame_is_refused_even_where_the_seal_fits() {
        let one = packed(&[("a", b"one")]);
        let frame = &one[..one.len() - usize::try_from(SEAL_BYTES).unwrap()];
        let two = [frame, frame].concat();
        let digest = crate::domain::digest::Digest::of(&two);
        let seal = [&[0x50, 0x2a, 0x4d, 0x18, 32, 0, 0, 0][..], digest.as_bytes()].concat();
        let (unpacked, _folder) = tried(&[two, seal].concat());
        assert!(matches!(unpacked, Err(UnpackError::Malformed(_))), "{unpacked:?}");
    }
}
