//! The files of an unpacked bundle: which there are, and their digests.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::archive::NAME_BYTES_MAX;
use super::{H1, MANIFEST, SUMS};
use crate::domain::digest::{Digest, DigestWriter};
use crate::durable;

/// Files of one bundle: a log of ten thousand million entries has fewer.
pub(super) const FILES_MAX: usize = 100_000_000;
/// The deepest path of a log below `log/` has nine names.
const DEPTH_MAX: usize = 12;

/// Whether a path may stand in a bundle: relative, plain, one spelling.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let good = |part: &str| !["", ".", ".."].contains(&part) && part.chars().all(plain);
    name.len() <= NAME_BYTES_MAX
        && name.split('/').count() <= DEPTH_MAX
        && name.split('/').all(good)
}

/// Every file below `folder` with its digest, by name, but for the last three of a bundle. What is
/// neither file nor folder is an error.
pub(super) fn digests(folder: &Path) -> io::Result<BTreeMap<String, Digest>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![String::new()];
    while let Some(inside) = folders.pop() {
        for item in fs::read_dir(folder.join(&inside))? {
            let item = item?;
            let name = item.file_name().to_string_lossy().into_owned();
            let name = if inside.is_empty() { name } else { format!("{inside}/{name}") };
            let kind = item.file_type()?;
            if !is_name(&name) || !(kind.is_file() || kind.is_dir()) {
                let problem = format!("{name} is nothing that a bundle holds");
                return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
            }
            if kind.is_dir() {
                folders.push(name);
            } else if ![SUMS, H1, MANIFEST].contains(&name.as_str()) {
                let digest = digest(&item.path())?;
                found.insert(name, digest);
            }
            if found.len() + folders.len() > FILES_MAX {
                return Err(io::Error::other("more files than a bundle may have"));
            }
        }
    }
    Ok(found)
}

fn digest(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path).map_err(|e| durable::at(path, "read", e))?;
    let mut digest = DigestWriter::default();
    let mut piece = vec![0; 1 << 16];
    loop {
        match file.read(&mut piece).map_err(|e| durable::at(path, "read", e))? {
            0 => return Ok(digest.finish()),
            count => digest.update(piece.get(..count).unwrap_or_default()),
        }
    }
}

/// The text of `SHA256SUMS`: what `sha256sum` prints and checks, in the order of names.
pub(super) fn sums(digests: &BTreeMap<String, Digest>) -> String {
    let mut text = String::new();
    for (name, digest) in digests {
        let written = writeln!(text, "{digest}  {name}");
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
    }
    text
}

/// The names and digests of a `SHA256SUMS`; `None` where it is none.
pub(super) fn parse_sums(text: &str) -> Option<BTreeMap<String, Digest>> {
    let line = |line: &str| {
        let (digest, name) = line.split_once("  ")?;
        Some((name.to_owned(), digest.parse().ok()?))
    };
    text.lines().map(line).collect()
}

/// Go's `h1:` digest of a folder (golang.org/x/mod/sumdb/dirhash): the digest of `SHA256SUMS`.
pub(super) fn h1(sums: &str) -> String {
    format!("h1:{}\n", STANDARD.encode(Digest::of(sums.as_bytes()).as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside() {
        for good in ["VERIFY.md", "log/tile/0/x001/x234/067.p/17", "a.b-c_d"] {
            assert!(is_name(good), "{good}");
        }
        let long = "a/".repeat(13) + "a";
        for bad in ["", "/etc/x", "../x", "a/../b", "a//b", "a/", "./a", "a b", "a\\b", "é", &long]
        {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn sums_read_back() {
        let digests = BTreeMap::from([
            ("b".to_owned(), Digest::of(b"")),
            ("a".to_owned(), { Digest::of(b"x") }),
        ]);
        let text = sums(&digests);
        assert!(text.lines().next().unwrap().ends_with("  a"));
        assert_eq!(parse_sums(&text), Some(digests));
        assert_eq!(parse_sums("no digest  a\n"), None);
        assert!(h1(&text).starts_with("h1:"));
    }
}
