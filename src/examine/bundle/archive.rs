//! The archive itself: POSIX `ustar` headers that hold a name and a length and nothing else, in
//! one Zstandard frame, and behind it a skippable frame with the SHA-256 of all before it. Every
//! tool that unpacks Zstandard passes over that frame; with it no bit of the file is free.

use std::io::{self, Read, Write};

use crate::domain::digest::{Digest, DigestWriter};

pub(super) const BLOCK: usize = 512;
/// The field for a length has eleven octal digits.
pub(super) const FILE_BYTES_MAX: u64 = (1 << 33) - 1;
/// The field for a name.
pub(super) const NAME_BYTES_MAX: usize = 100;
/// Fast, and about the ratio of slower levels on this kind of text.
const LEVEL: i32 = 3;

/// A skippable frame of 32 bytes: magic number and length, little-endian (RFC 8878 section 3.1.2).
const SEAL_HEAD: [u8; 8] = [0x50, 0x2a, 0x4d, 0x18, 32, 0, 0, 0];
/// Bytes of the frame with the digest.
pub(super) const SEAL_BYTES: u64 = 8 + 32;

/// The header of a file; `None` where name or length do not fit one.
pub(super) fn header(name: &str, len: u64) -> Option<[u8; BLOCK]> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX || len > FILE_BYTES_MAX {
        return None;
    }
    let mut header = [0_u8; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| {
        header.iter_mut().skip(at).zip(bytes).for_each(|(to, from)| *to = *from);
    };
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{len:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    let sum = format!("{sum:06o}\0 ");
    header.iter_mut().skip(148).zip(sum.as_bytes()).for_each(|(to, from)| *to = *from);
    Some(header)
}

/// Zeros after a file of this length, up to a whole block.
pub(super) const fn padding(len: u64) -> usize {
    (BLOCK - (len % BLOCK as u64) as usize) % BLOCK
}

/// Writes an archive.
pub(super) struct Packer<W: Write> {
    frame: zstd::stream::write::Encoder<'static, Sealing<W>>,
}

impl<W: Write> Packer<W> {
    pub(super) fn new(out: W) -> io::Result<Self> {
        let mut frame = zstd::stream::write::Encoder::new(Sealing::new(out), LEVEL)?;
        frame.include_checksum(true)?;
        Ok(Self { frame })
    }

    /// Adds a file of exactly `len` bytes.
    pub(super) fn add(&mut self, name: &str, len: u64, contents: impl Read) -> io::Result<()> {
        let problem =
            || io::Error::other(format!("{name} does not fit a bundle: narrow the export"));
        self.frame.write_all(&header(name, len).ok_or_else(problem)?)?;
        let copied = io::copy(&mut contents.take(len), &mut self.frame)?;
        if copied != len {
            return Err(io::Error::other(format!("{name} became shorter while it was packed")));
        }
        self.frame.write_all([0; BLOCK].get(..padding(len)).unwrap_or_default())
    }

    /// Ends the archive and seals it.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.frame.write_all(&[0; 2 * BLOCK])?;
        let Sealing { mut out, digest } = self.frame.finish()?;
        out.write_all(&SEAL_HEAD)?;
        out.write_all(digest.finish().as_bytes())?;
        Ok(out)
    }
}

/// Takes the digest of what it passes on.
struct Sealing<W> {
    out: W,
    digest: DigestWriter,
}

impl<W> Sealing<W> {
    fn new(out: W) -> Self {
        Self { out, digest: DigestWriter::default() }
    }
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.digest.update(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Whether the seal at the end fits the `len - SEAL_BYTES` bytes before it.
pub(super) fn is_sealed(file: &mut impl Read, len: u64) -> io::Result<bool> {
    let Some(body) = len.checked_sub(SEAL_BYTES) else { return Ok(false) };
    let mut digest = DigestWriter::default();
    let mut piece = vec![0; 1 << 16];
    let mut body = file.take(body);
    loop {
        let count = body.read(&mut piece)?;
        if count == 0 {
            break;
        }
        digest.update(piece.get(..count).unwrap_or_default());
    }
    let mut seal = Vec::new();
    body.into_inner().take(SEAL_BYTES + 1).read_to_end(&mut seal)?;
    Ok(seal == [&SEAL_HEAD[..], Digest::as_bytes(&digest.finish())].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_what_posix_says() {
        let found = header("log/checkpoint", 1_234).unwrap();
        assert_eq!(&found[..15], b"log/checkpoint\0");
        assert_eq!(&found[124..136], b"00000002322\0");
        assert_eq!(&found[257..265], b"ustar\x0000");
        let mut blank = found;
        blank[148..156].copy_from_slice(b"        ");
        let sum: u32 = blank.iter().map(|byte| u32::from(*byte)).sum();
        assert_eq!(&found[148..156], format!("{sum:06o}\0 ").as_bytes());
        assert!(header("", 0).is_none() && header("a", FILE_BYTES_MAX + 1).is_none());
        assert!(header(&"a".repeat(101), 0).is_none());
    }

    #[test]
    fn every_changed_byte_of_an_archive_breaks_its_seal() {
        let mut packer = Packer::new(Vec::new()).unwrap();
        packer.add("a", 5, &b"hello"[..]).unwrap();
        let bytes = packer.finish().unwrap();
        let len = bytes.len() as u64;
        assert!(is_sealed(&mut bytes.as_slice(), len).unwrap());
        for position in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[position] ^= 1;
            assert!(!is_sealed(&mut bytes.as_slice(), len).unwrap(), "{position}");
        }
        assert!(Packer::new(Vec::new()).unwrap().add("a", 9, &b"short"[..]).is_err());
    }
}
