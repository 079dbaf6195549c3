//! What does this file say, and where on which page?
//!
//! [`parse`] turns bytes into pages of text, positions and headings, or says why it cannot
//! ([`Unreadable`]). [`passages()`] cuts the pages into the units that are indexed, [`sentences()`]
//! finds the sentences that citations quote, and [`render_page`] draws a page with the same engine
//! that gave the positions, so that boxes lie on the picture where the words are.
//! What pages say in pictures is read in a second step ([`Parsed::recognise`]) by models, from
//! pictures of pages ([`rasterise`]): files are opened in a process of their own, models run in
//! this one ([`Sandbox::read`]).
//!
//! [`unpack()`] gives the files within a file: members of an archive, attachments of a message.
//!
//! Useful for: PDF, pictures of pages (PNG, JPEG, TIFF), DOCX, XLSX, e-mail, plain and delimited text, Markdown,
//! HTML. Not useful for: older office formats (`not_supported`).
//!
//! Rules of the room:
//! - **The kind is told by content**, not by name (`sniff`).
//! - **Files are hostile.** Whoever reads files from outside does so through a [`Sandbox`]: a
//!   process per file that gave up files, network, other processes, and memory and time beyond a
//!   limit. Inside it each parse runs on a thread with a large stack, under a deadline, with bounds
//!   on pages, characters, drawing steps and decompressed size; a panic inside a vendor library is
//!   caught and becomes `malformed` (`guard`).
//! - **Only what a reader sees is text.** Invisible, covered (badly redacted), same-coloured, tiny
//!   and off-page text is left out and reported as a [`Warning`]; it never reaches the index, so it
//!   can neither leak a redaction nor smuggle in instructions.
//! - **Positions count code points of the page text** as stored here; nothing re-flows it later.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::clock::Clock;
use crate::domain::document::PageText;
use crate::domain::limits::{FILE_BYTES_MAX, PAGE_CHARS_MAX, PAGES_MAX, TITLE_CHARS_MAX};

mod archive;
mod clauses;
mod decode;
mod delimited;
mod docx;
mod geometry;
mod guard;
mod headings;
mod html;
mod mail;
mod markdown;
mod ocr;
mod office;
mod pages;
mod passages;
mod pdf;
mod reason;
mod recognise;
mod render;
mod rows;
mod sandbox;
mod sentences;
mod sniff;
mod unpack;
mod xlsx;

pub use geometry::Geometry;
pub use ocr::{Ocr, Raster};
pub use passages::passages;
pub use reason::{Reason, Unreadable};
pub use render::{RenderError, rasterise, render_page};
pub use sandbox::{ARGUMENT, Confinement, Sandbox, SandboxError, serve};
pub use sentences::sentences;
pub use unpack::{Member, Members, may_be_archive, unpack};

/// What kind of file it is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A Word document: pages where they were when it was last shown, without positions.
    Docx,
    /// HTML: its visible text, as one page.
    Html,
    /// An e-mail: its headers, its body and the names of what is attached, as one page.
    Mail,
    /// Markdown: its source, as one page.
    Markdown,
    /// PDF: page by page, with positions.
    Pdf,
    /// Plain text, as one page.
    Text,
    /// A workbook: each sheet a page, without positions.
    Xlsx,
    /// An archive: no document itself, its members are.
    Zip,
}

impl Kind {
    /// The kind as it is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Docx => "docx",
            Self::Html => "html",
            Self::Mail => "mail",
            Self::Markdown => "markdown",
            Self::Pdf => "pdf",
            Self::Text => "text",
            Self::Xlsx => "xlsx",
            Self::Zip => "zip",
        }
    }
}

/// How to parse.
pub struct ParseOptions<'a> {
    /// The password of an encrypted file: the user's or the owner's.
    pub password: Option<&'a str>,
    /// How long it may take, by which clock; without one, at most
    /// [`PARSE_MS_MAX`](crate::domain::limits::PARSE_MS_MAX) of real time.
    pub deadline: Option<(Arc<dyn Clock>, Duration)>,
}

/// A heading and where it stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Heading {
    /// Page number from 1.
    pub page: u32,
    /// First code point of its text.
    pub start: u32,
    /// One past the last.
    pub end: u32,
    /// 1 is the outermost.
    pub level: u8,
}

/// Something about a readable file that its owner should know.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Warning {
    /// What kind of thing.
    pub kind: WarningKind,
    /// The page it is on, where it is on one.
    pub page: Option<u32>,
    /// What was found, in words, without the document's own words.
    pub detail: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.page {
            Some(page) => write!(f, "page {page}: {}", self.detail),
            None => f.write_str(&self.detail),
        }
    }
}

/// What a warning is about.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// Scripts, launch actions or embedded files: never run, never opened.
    ActiveContent,
    /// Comments were left out.
    Comments,
    /// The file is damaged or cut short: pages may be missing.
    Damaged,
    /// The text is a recognised layer over a scan, made by someone else.
    ForeignOcr,
    /// Text that no reader sees was left out.
    HiddenText,
    /// A page has pictures and no text: it wants recognition.
    PageNeedsOcr,
    /// Changes that nobody accepted or rejected: insertions are text, deletions are not.
    TrackedChanges,
    /// Glyphs without a known character stand as U+FFFD.
    UnmappedGlyphs,
    /// A page was recognised, and parts of it may be wrong or missing.
    UnsureOcr,
}

/// A file's text and positions.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Parsed {
    /// What kind of file it was.
    pub kind: Kind,
    /// Its own title, or its file name without extension.
    pub title: String,
    /// Its pages, in order, numbered from 1; at least one holds text, or wants recognition.
    pub pages: Vec<PageText>,
    /// Where the characters stand; empty for everything but PDF and pictures.
    pub geometry: Geometry,
    /// Its headings in reading order.
    pub headings: Vec<Heading>,
    /// What its owner should know.
    pub warnings: Vec<Warning>,
    /// Pages that say more in their picture than in their text: [`Sandbox::recognise`] reads them.
    pub wanting: Vec<u32>,
    /// Pages whose text was recognised here.
    pub recognised: Vec<u32>,
    /// Why it cannot be used before they are recognised.
    pub lacking: Option<Unreadable>,
}

/// Reads a file in this process: its kind, title, pages, positions and headings; not what its
/// pictures say. Files from outside go through [`Sandbox::read`].
///
/// * `name`: file name or path; gives the title where the file has none and tells Markdown and
///   delimited text from plain text, nothing else.
///
/// # Errors
/// [`Unreadable`] says why, in a word for programs and a sentence for people. A panic inside a
/// vendor library counts as `malformed`.
pub fn parse(bytes: &[u8], name: &str, options: &ParseOptions<'_>) -> Result<Parsed, Unreadable> {
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(too_large(bytes.len()));
    }
    let watch = guard::Watch::start(options.deadline.as_ref());
    let (owned, password) = (Arc::new(bytes.to_vec()), options.password.map(str::to_owned));
    let (inside, called) = (watch.clone(), name.to_owned());
    let mut parsed = guard::run(&watch, move || match sniff::sniff(&owned, &called, &inside)? {
        Kind::Docx => docx::parse(&owned, &inside),
        Kind::Pdf => pdf::parse(&owned, password.as_deref(), &inside),
        Kind::Html => one_page(&owned, decode::html, |text| Ok(html::parse(text))),
        Kind::Markdown => one_page(&owned, decode::text, |text| Ok(markdown::parse(text))),
        Kind::Mail => mail::parse(&owned, &inside),
        Kind::Text if sniff::is_delimited(&called) => {
            one_page(&owned, decode::text, delimited::parse)
        }
        Kind::Text => one_page(&owned, decode::text, |text| Ok(headings::plain(text))),
        Kind::Xlsx => xlsx::parse(&owned, &inside),
        Kind::Zip => {
            let detail = "this is an archive: what lies in it are documents, it is none";
            Err(Unreadable::new(Reason::NotSupported, detail))
        }
    })?;
    parsed.title = tidy_title(&parsed.title).unwrap_or_else(|| title_from_name(name));
    Ok(parsed)
}

fn too_large(bytes: usize) -> Unreadable {
    let detail = format!("the file has {bytes} bytes, at most {FILE_BYTES_MAX} are taken");
    Unreadable::new(Reason::TooLarge, detail)
}

impl Parsed {
    /// A file that has no pictures of pages: nothing but its text.
    fn of_text(
        kind: Kind,
        title: String,
        pages: Vec<PageText>,
        headings: Vec<Heading>,
        warnings: Vec<Warning>,
    ) -> Self {
        let geometry = Geometry::default();
        let (wanting, recognised, lacking) = (Vec::new(), Vec::new(), None);
        Self { kind, title, pages, geometry, headings, warnings, wanting, recognised, lacking }
    }

    /// Whether pages are numbered from 1 without gaps, and headings stand on them, and nothing is
    /// recognised yet: what later
    /// rooms rely on, and a process that a file took over may have got wrong.
    fn is_whole(&self) -> bool {
        let lens: Vec<u32> = self
            .pages
            .iter()
            .map_while(|page| u32::try_from(page.text.chars().count()).ok())
            .collect();
        let is_placed = |heading: &Heading| {
            let index = usize::try_from(heading.page).ok().and_then(|page| page.checked_sub(1));
            let len = index.and_then(|index| lens.get(index));
            heading.start <= heading.end && len.is_some_and(|len| heading.end <= *len)
        };
        !lens.is_empty()
            && lens.len() == self.pages.len()
            && lens.len() <= PAGES_MAX
            && lens.iter().all(|len| *len as usize <= PAGE_CHARS_MAX)
            && self.pages.iter().zip(1_u32..).all(|(page, number)| page.page == number)
            && self.headings.iter().all(is_placed)
            && self.wanting.len() <= lens.len()
            && self.wanting.is_sorted_by(|a, b| a < b)
            && self.recognised.is_empty()
            && !self.geometry.has_words()
            && self.title.chars().count() <= TITLE_CHARS_MAX
    }
}

/// Parses a file that is one page of text.
fn one_page(
    bytes: &[u8],
    decode: fn(&[u8]) -> Result<decode::Decoded, Unreadable>,
    read: fn(decode::Decoded) -> Result<Parsed, Unreadable>,
) -> Result<Parsed, Unreadable> {
    let decoded = decode(bytes)?;
    if decoded.text.chars().count() > PAGE_CHARS_MAX {
        return Err(Unreadable::new(
            Reason::TooLarge,
            format!("the text has more than {PAGE_CHARS_MAX} characters: split the file"),
        ));
    }
    let parsed = read(decoded)?;
    if parsed.pages.iter().all(|page| page.text.trim().is_empty()) {
        let hidden = parsed.warnings.iter().any(|warning| warning.kind == WarningKind::HiddenText);
        return Err(if hidden {
            Unreadable::new(Reason::HiddenText, "all of the file's text is hidden from readers")
        } else {
            Unreadable::new(Reason::Empty, "the file holds no text")
        });
    }
    Ok(parsed)
}

/// One line of at most [`TITLE_CHARS_MAX`] characters; `None` where nothing is left.
fn tidy_title(title: &str) -> Option<String> {
    let line = title
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    let short: String =
        line.chars().filter(|c| !decode::is_unseen(*c)).take(TITLE_CHARS_MAX).collect();
    (short.chars().any(char::is_alphanumeric)).then_some(short)
}

fn title_from_name(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let stem = match file.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => file,
    };
    tidy_title(stem).unwrap_or_else(|| "untitled".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::document::slice_chars;

    const OPTIONS: ParseOptions<'_> = ParseOptions { password: None, deadline: None };

    #[test]
    fn each_kind_is_read_as_what_it_is() {
        let table: [(&str, &str, Kind, &str, &str); 4] = [
            (
                "notes.txt",
                "The fee is 5 %.\r\nPaid.",
                Kind::Text,
                "notes",
                "The fee is 5 %.\nPaid.",
            ),
            ("a/b/c.md", "# Fees\n\n*Five*.", Kind::Markdown, "Fees", "# Fees\n\n*Five*."),
            ("x.txt", "<!doctype html><title>T</title><p>A<p>B", Kind::Html, "T", "A\n\nB"),
            ("archive", "\u{feff}plain", Kind::Text, "archive", "plain"),
        ];
        for (name, bytes, kind, title, text) in table {
            let parsed = parse(bytes.as_bytes(), name, &OPTIONS).unwrap();
            assert_eq!(parsed.kind, kind, "{name}");
            assert_eq!(parsed.title, title, "{name}");
            assert_eq!(parsed.pages.len(), 1, "{name}");
            assert_eq!(parsed.pages[0].text, text, "{name}");
            assert!(parsed.geometry.boxes(1, 0, 5).is_empty(), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_read_has_a_reason() {
        let table: [(&str, &[u8], Reason); 6] = [
            ("a.txt", b"", Reason::Empty),
            ("a.txt", b" \n\t ", Reason::Empty),
            ("a.pdf", b"%PDF-1.7\n", Reason::Malformed),
            ("a.pdf", b"PK\x03\x04\0\0\0\0\0\0\0\0", Reason::Malformed),
            ("a.docx", b"PK\x03\x04\0\0\0\0\0\0\0\0", Reason::Malformed),
            ("a.html", b"<html><p hidden>secret</p></html>", Reason::HiddenText),
        ];
        for (name, bytes, reason) in table {
            assert_eq!(
                parse(bytes, name, &OPTIONS).unwrap_err().reason,
                reason,
                "{name} {bytes:?}"
            );
        }
    }

    #[test]
    fn headings_stand_where_they_say() {
        let text = "# One\n\nBody.\n\n## Two é\n\nMore.";
        let parsed = parse(text.as_bytes(), "a.md", &OPTIONS).unwrap();
        let found: Vec<_> = parsed
            .headings
            .iter()
            .map(|h| (h.level, slice_chars(&parsed.pages[0].text, h.start, h.end).unwrap()))
            .collect();
        assert_eq!(found, [(1, "One"), (2, "Two é")]);
    }
}
