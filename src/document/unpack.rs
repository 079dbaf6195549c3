//! Files within a file: the members of an archive, the attachments of a message.
//!
//! They come in parts, so that no more of them is held at a time than fits: [`unpack`] is asked
//! again with where it stopped. Names are names: nothing is ever written under them.

use std::io::Read as _;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zip::result::ZipError;

use crate::domain::limits::{FILE_BYTES_MAX, MEMBER_BYTES_MAX, MEMBERS_MAX};

use super::guard::{self, Watch};
use super::reason::{Reason, Unreadable};
use super::{Kind, ParseOptions, archive, mail, sniff, too_large};

/// Members given at a time, in bytes together; one that is larger comes alone.
const PART_BYTES: usize = 32 * 1024 * 1024;
/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 500;

/// A file within a file.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Member {
    /// Its name, with folders: `letters/2026/fee.docx`.
    pub name: String,
    /// Its bytes, or why they cannot be had.
    pub content: Result<Vec<u8>, Unreadable>,
}

/// Some of the files within a file.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Members {
    /// In the order that they have there.
    pub members: Vec<Member>,
    /// Where to go on; `None` at the end.
    pub next: Option<u32>,
}

/// Whether a file may be an archive, by its first bytes.
pub fn may_be_archive(bytes: &[u8]) -> bool {
    sniff::is_zip(bytes)
}

/// The files within a file, from the `from`th on; `None` where it holds none because it is neither
/// an archive nor a message.
///
/// # Errors
/// [`Unreadable`], where the file itself cannot be opened.
pub fn unpack(
    bytes: &[u8],
    name: &str,
    from: u32,
    options: &ParseOptions<'_>,
) -> Result<Option<Members>, Unreadable> {
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(too_large(bytes.len()));
    }
    let watch = Watch::start(options.deadline.as_ref());
    let (owned, password) = (Arc::new(bytes.to_vec()), options.password.map(str::to_owned));
    let (inside, called) = (watch.clone(), name.to_owned());
    guard::run(&watch, move || match sniff::sniff(&owned, &called, &inside)? {
        Kind::Zip => archived(&owned, from, password.as_deref(), &inside).map(Some),
        Kind::Mail => attached(&owned, from).map(Some),
        Kind::Docx | Kind::Html | Kind::Markdown | Kind::Pdf | Kind::Text | Kind::Xlsx => Ok(None),
    })
}

fn attached(bytes: &[u8], from: u32) -> Result<Members, Unreadable> {
    let mut room = Room::default();
    let (attachments, next) = mail::attachments(bytes, from as usize, |bytes| room.takes(bytes))?;
    let member = |one: mail::Attachment| {
        let large = one.bytes.len() as u64 > MEMBER_BYTES_MAX;
        let content = if large { Err(large_member()) } else { Ok(one.bytes) };
        Member { name: tidy(&one.name), content }
    };
    let members = attachments.into_iter().map(member).collect();
    Ok(Members { members, next: next.and_then(|next| u32::try_from(next).ok()) })
}

fn archived(
    bytes: &[u8],
    from: u32,
    password: Option<&str>,
    watch: &Watch,
) -> Result<Members, Unreadable> {
    let mut archive = archive::open(bytes, MEMBERS_MAX)?;
    let mut found = Members::default();
    let mut room = Room::default();
    for index in from as usize..archive.len() {
        watch.check()?;
        let Ok(file) = archive.by_index_raw(index) else {
            let (name, content) = (format!("member {}", index + 1), Err(damaged()));
            found.members.push(Member { name, content });
            continue;
        };
        let name = file.name().map_or_else(
            |_| String::from_utf8_lossy(file.name_raw()).into_owned(),
            std::borrow::Cow::into_owned,
        );
        if file.is_dir() || is_passed_over(&name) {
            continue;
        }
        let (size, packed) = (file.size(), file.compressed_size());
        let refused = if file.is_symlink() {
            let detail = "a link to another place is not followed";
            Some(Unreadable::new(Reason::NotSupported, detail))
        } else if file.encrypted() && password.is_none() {
            let detail = "the member is encrypted: give the archive's password";
            Some(Unreadable::new(Reason::Encrypted, detail))
        } else {
            let most = MEMBER_BYTES_MAX.min(archive::unpacked_max(packed));
            (size > most).then(large_member)
        };
        let encrypted = file.encrypted();
        drop(file);
        let name = tidy(&name);
        if let Some(unreadable) = refused {
            found.members.push(Member { name, content: Err(unreadable) });
            continue;
        }
        if !room.takes(usize::try_from(size).unwrap_or(usize::MAX)) {
            found.next = u32::try_from(index).ok();
            return Ok(found);
        }
        let content = content(&mut archive, index, size, password.filter(|_| encrypted));
        found.members.push(Member { name, content });
    }
    Ok(found)
}

type Archive<'a> = zip::ZipArchive<std::io::Cursor<&'a [u8]>>;

fn content(
    archive: &mut Archive<'_>,
    index: usize,
    size: u64,
    password: Option<&str>,
) -> Result<Vec<u8>, Unreadable> {
    let wrong = || {
        let detail = "the member is encrypted and the password given does not open it";
        Unreadable::new(Reason::Encrypted, detail)
    };
    let opened = match password {
        Some(password) => archive.by_index_decrypt(index, password.as_bytes()),
        None => archive.by_index(index),
    };
    let file = opened.map_err(|error| {
        let unknown = matches!(
            error,
            ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_)
        );
        if matches!(error, ZipError::InvalidPassword) {
            wrong()
        } else if unknown {
            let detail =
                "the member is packed in a way that is not read here: pack it as plain ZIP";
            Unreadable::new(Reason::NotSupported, detail)
        } else {
            damaged()
        }
    })?;
    // What it says of its size was looked at; more than that does not come out.
    let mut bytes = Vec::new();
    let read = file.take(size.saturating_add(1)).read_to_end(&mut bytes);
    match read {
        Ok(_) if bytes.len() as u64 == size => Ok(bytes),
        // An old way of encryption tells a wrong password only by what comes out.
        _ if password.is_some() => Err(wrong()),
        _ => Err(damaged()),
    }
}

/// How much more fits into one part.
#[derive(Default)]
struct Room {
    taken: Option<usize>,
}

impl Room {
    fn takes(&mut self, bytes: usize) -> bool {
        let sum = self.taken.map_or(bytes, |taken| taken.saturating_add(bytes));
        let fits = self.taken.is_none() || sum <= PART_BYTES;
        if fits {
            self.taken = Some(sum);
        }
        fits
    }
}

/// Files that folders hold beside what people put there, as when a folder is taken in.
fn is_passed_over(name: &str) -> bool {
    let mut steps = name.split(['/', '\\']);
    let hidden = |step: &str| step.starts_with('.') && !matches!(step, "." | "..");
    steps.any(|step| hidden(step) || step == "__MACOSX" || step == "Thumbs.db")
}

/// A name as it is shown: steps down only, without characters that nobody sees.
fn tidy(name: &str) -> String {
    let steps = name.split(['/', '\\']).map(str::trim);
    let steps: Vec<&str> = steps.filter(|step| !matches!(*step, "" | "." | "..")).collect();
    let shown = steps.join("/");
    let shown = shown.chars().filter(|c| !c.is_control() && !super::decode::is_unseen(*c));
    let shown: String = shown.take(NAME_CHARS_MAX).collect();
    if shown.is_empty() { "unnamed".to_owned() } else { shown }
}

fn large_member() -> Unreadable {
    let detail = format!(
        "the member unpacks to more than {MEMBER_BYTES_MAX} bytes, or to far more than it holds: give it as a file of its own"
    );
    Unreadable::new(Reason::TooLarge, detail)
}

fn damaged() -> Unreadable {
    Unreadable::new(Reason::Malformed, "the member is damaged: get a good copy")
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use zip::write::{FileOptions, SimpleFileOptions};
    use zip::{AesMode, ZipWriter};

    use super::*;
    use crate::document::office::samples::zipped;

    fn members(bytes: &[u8], password: Option<&str>) -> Vec<(String, Result<Vec<u8>, Reason>)> {
        let options = ParseOptions { password, deadline: None };
        let mut found = Vec::new();
        let mut from = Some(0);
        while let Some(at) = from {
            let part = unpack(bytes, "a.zip", at, &options).unwrap().unwrap();
            from = part.next;
            found.extend(part.members);
        }
        let plain = |member: Member| (member.name, member.content.map_err(|why| why.reason));
        found.into_iter().map(plain).collect()
    }

    fn written(options: FileOptions<'_, '_, ()>, bytes: &[u8]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.start_file("a.txt", options).unwrap();
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn members_come_with_their_names_which_are_only_names() {
        let names =
            ["b.txt", "../../etc/passwd", "/abs/c", "d\\e.txt", "f/./g", "é\u{202e}x", ".."];
        let bytes: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, b"x".as_slice())).collect();
        let passed_over: [(&str, &[u8]); 3] =
            [("__MACOSX/b.txt", b"x"), ("f/.DS_Store", b"x"), ("Thumbs.db", b"x")];
        let found = members(&zipped(&[bytes, passed_over.to_vec()].concat()), None);
        let found: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(found, ["b.txt", "etc/passwd", "abs/c", "d/e.txt", "f/g", "éx", "unnamed"]);
    }

    #[test]
    fn each_member_that_cannot_be_had_has_its_reason() {
        let plain = SimpleFileOptions::default();
        let aes = plain.with_aes_encryption(AesMode::Aes256, "opensesame");
        let mut linked = ZipWriter::new(Cursor::new(Vec::new()));
        linked.add_symlink("a.txt", "/etc/passwd", plain).unwrap();
        let linked = linked.finish().unwrap().into_inner();
        let mut damaged =
            written(plain.compression_method(zip::CompressionMethod::Stored), b"words");
        let at = damaged.windows(5).position(|five| five == b"words").unwrap();
        damaged[at] ^= 1;
        let bomb = written(plain, &vec![0; 64 << 20]);
        let locked = written(aes, b"words");
        let wrong = Some("open says me");
        let table = [
            ("plain", written(plain, b"words"), None, Ok(b"words".to_vec())),
            ("locked", locked.clone(), None, Err(Reason::Encrypted)),
            ("wrong", locked.clone(), wrong, Err(Reason::Encrypted)),
            ("right", locked, Some("opensesame"), Ok(b"words".to_vec())),
            ("not locked", written(plain, b"words"), wrong, Ok(b"words".to_vec())),
            ("link", linked, None, Err(Reason::NotSupported)),
            ("damaged", damaged, None, Err(Reason::Malformed)),
            ("bomb", bomb, None, Err(Reason::TooLarge)),
        ];
        for (what, bytes, password, expected) in table {
            assert_eq!(members(&bytes, password), [("a.txt".to_owned(), expected)], "{what}");
        }
    }

    #[test]
    fn what_does_not_fit_at_once_comes_in_parts() {
        let large: Vec<u8> =
            (0..PART_BYTES as u64 / 3 * 2 / 8).flat_map(|n| (n * n).to_le_bytes()).collect();
        let bytes = zipped(&[("a", &large), ("b", &large), ("c", b"x"), ("d", b"")]);
        let options = ParseOptions { password: None, deadline: None };
        let part = |from| unpack(&bytes, "a.zip", from, &options).unwrap().unwrap();
        assert_eq!((part(0).members.len(), part(0).next), (1, Some(1)));
        assert_eq!((part(1).members.len(), part(1).next), (3, None));
        assert_eq!(members(&bytes, None).len(), 4);
    }

    #[test]
    fn only_archives_and_messages_hold_files() {
        let options = ParseOptions { password: None, deadline: None };
        assert_eq!(unpack(b"just words", "a.zip", 0, &options), Ok(None));
        let refused = unpack(b"PK\x03\x04 cut", "a.zip", 0, &options).unwrap_err();
        assert_eq!(refused.reason, Reason::Malformed);
        let many: Vec<String> = (0..=MEMBERS_MAX).map(|n| n.to_string()).collect();
        let many: Vec<(&str, &[u8])> = many.iter().map(|n| (n.as_str(), b"".as_slice())).collect();
        let refused = unpack(&zipped(&many), "a.zip", 0, &options).unwrap_err();
        assert_eq!(refused.reason, Reason::TooLarge);
    }
}
