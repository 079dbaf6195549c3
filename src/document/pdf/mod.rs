//! PDF: text as it is drawn, page by page.
//!
//! `hayro-interpret` draws each page to a listener ([`listen`]); what a reader cannot see is parted
//! off ([`visible`]); glyphs become lines ([`lines`]) and lines a page's text with positions
//! ([`compose`]). `lopdf` reads what is not drawn: title, outline, active content ([`catalogue`]),
//! and tells streams that unfold without bound ([`expansion`]).

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use hayro_interpret::hayro_syntax::object::{Array, Dict, MaybeRef, ObjectIdentifier};
use hayro_interpret::hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use hayro_interpret::{InterpreterCache, InterpreterSettings};

use crate::domain::document::{PageText, TextOrigin};
use crate::domain::limits::{PAGES_MAX, PASSAGES_MAX};

use super::geometry::Geometry;
use super::guard::Watch;
use super::reason::{Reason, Unreadable};
use super::{Heading, Kind, Parsed, Warning, WarningKind, headings};

mod catalogue;
mod compose;
mod expansion;
mod lines;
mod listen;
#[cfg(test)]
pub(super) mod samples;
#[cfg(test)]
mod tests;
mod visible;

pub(super) use compose::{Composed, Composer};
pub(super) use expansion::{Pictures, check as check_expansion};
pub(super) use lines::{Line, Placed};

/// Drawing instructions of all pages together, unpacked; the engine keeps them while it reads.
const DRAWING_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Characters of one document: its passages stay within [`PASSAGES_MAX`].
const CHARS_MAX: usize = PASSAGES_MAX * 300;
/// How far from the end the end mark may be.
const TAIL_BYTES: usize = 4_096;
/// A page whose pictures cover this share of it, without text, wants recognition.
const PICTURES_SHARE: f32 = 0.05;
/// A page whose pictures cover this share of it, with less text than [`LITTLE_TEXT`], is a scan that
/// somebody stamped.
const SCAN_SHARE: f32 = 0.5;
/// Characters of a header, a footer and a stamp.
const LITTLE_TEXT: usize = 300;
/// A page with this many shapes and no text is text drawn as outlines.
const SHAPES_MANY: u32 = 100;
/// Lines this many times the usual size are headings.
const HEADING_SIZE: f32 = 1.15;
/// Longest heading told by its size, in characters.
const HEADING_CHARS_MAX: u32 = 150;

/// Opens a PDF, repairing its structure where that is damaged.
///
/// The engine does not take the owner's password of older encryption; `lopdf` does, and writes a
/// copy without encryption for it.
pub(super) fn open(bytes: &Arc<Vec<u8>>, password: Option<&str>) -> Result<Pdf, Unreadable> {
    let opened = Pdf::new_with_password(Arc::clone(bytes), password.unwrap_or_default());
    let opened = match (opened, password) {
        (Err(LoadPdfError::Decryption(DecryptionError::PasswordProtected)), Some(password)) => {
            let wrong = LoadPdfError::Decryption(DecryptionError::PasswordProtected);
            catalogue::decrypted(bytes, password).map_or(Err(wrong), Pdf::new)
        }
        (opened, _) => opened,
    };
    opened.map_err(|error| match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => {
            let detail = match password {
                None => "the file is encrypted: give its password",
                Some(_) => "the file is encrypted and the password given is wrong",
            };
            Unreadable::new(Reason::Encrypted, detail)
        }
        LoadPdfError::Decryption(DecryptionError::UnsupportedAlgorithm) => Unreadable::new(
            Reason::Encrypted,
            "the file is encrypted in a way that is not supported: save a copy without encryption",
        ),
        LoadPdfError::Decryption(
            DecryptionError::MissingIDEntry | DecryptionError::InvalidEncryption,
        ) => Unreadable::new(Reason::Malformed, "the file's encryption is damaged"),
        LoadPdfError::Invalid => Unreadable::new(
            Reason::Malformed,
            "the file is truncated or damaged beyond repair: get a good copy",
        ),
    })
}

/// Reads a PDF.
pub(super) fn parse(
    bytes: &Arc<Vec<u8>>,
    password: Option<&str>,
    watch: &Watch,
) -> Result<Parsed, Unreadable> {
    check_expansion(bytes, Pictures::StayPacked, watch)?;
    let pdf = open(bytes, password)?;
    let count = listed_pages(&pdf).max(pdf.pages().len());
    if count > PAGES_MAX {
        let detail = format!("the file has more than {PAGES_MAX} pages: split it");
        return Err(Unreadable::new(Reason::TooLarge, detail));
    }
    let mut reading = read(&pdf, watch)?;
    let cut = !has_end(bytes);
    let lacking = reading.judge(cut || count == 0 || count > pdf.pages().len())?;
    if cut {
        reading.warn_file("the file has no end mark: it may have been cut short".to_owned());
    }
    if count > pdf.pages().len() {
        let found = pdf.pages().len();
        reading.warn_file(format!("of {count} pages that the file lists, {found} were found"));
    }
    let catalogue = catalogue::read(bytes, password, watch);
    let mut warnings = std::mem::take(&mut reading.warnings);
    warnings.extend(catalogue.warnings);
    let mut found: Vec<Heading> =
        reading.pages.iter().flat_map(|page| headings::by_words(page.page, &page.text)).collect();
    by_size(&reading.pages, &reading.sizes, &mut found);
    found.sort_by_key(|heading| (heading.page, heading.start));
    Ok(Parsed {
        kind: Kind::Pdf,
        title: catalogue.title,
        headings: headings::without_running(&found, &reading.pages),
        pages: reading.pages,
        geometry: Geometry::of(reading.geometry),
        warnings,
        wanting: reading.wanting,
        recognised: Vec::new(),
        lacking,
    })
}

/// How many pages the page tree lists, whether or not they can be read; stops counting past
/// [`PAGES_MAX`].
fn listed_pages(pdf: &Pdf) -> usize {
    let root = pdf.xref().get::<Dict<'_>>(pdf.xref().root_id());
    let mut nodes: Vec<Dict<'_>> = root.and_then(|root| root.get(b"Pages")).into_iter().collect();
    let mut visited = HashSet::new();
    let mut count = 0;
    while let Some(node) = nodes.pop() {
        let Some(kids) = node.get::<Array<'_>>(b"Kids") else { continue };
        for kid in kids.raw_iter() {
            let dict = match kid {
                MaybeRef::Ref(reference) => {
                    let id: ObjectIdentifier = reference.into();
                    let dict = pdf.xref().get::<Dict<'_>>(id);
                    let inner = dict.as_ref().is_some_and(|dict| dict.contains_key(b"Kids"));
                    if inner && !visited.insert(id) {
                        continue;
                    }
                    dict
                }
                MaybeRef::NotRef(object) => object.into_dict(),
            };
            match dict.filter(|dict| dict.contains_key(b"Kids")) {
                Some(inner) => nodes.push(inner),
                None => count += 1,
            }
            if count > PAGES_MAX {
                return count;
            }
        }
    }
    count
}

/// Whether the end mark is near the end, as every writer puts it.
fn has_end(bytes: &[u8]) -> bool {
    let tail = bytes.get(bytes.len().saturating_sub(TAIL_BYTES)..).unwrap_or(bytes);
    tail.windows(5).any(|window| window == b"%%EOF")
}

/// What all pages together gave.
#[derive(Default)]
struct Reading {
    pages: Vec<PageText>,
    geometry: Vec<super::geometry::PageGeometry>,
    /// Page, start, end and letter size of every line.
    sizes: Vec<(u32, u32, u32, f32)>,
    warnings: Vec<Warning>,
    hidden: usize,
    /// Pages that say more in their picture than in their text.
    wanting: Vec<u32>,
    unknown: usize,
    known: usize,
}

fn read(pdf: &Pdf, watch: &Watch) -> Result<Reading, Unreadable> {
    let settings = InterpreterSettings::default();
    let cache = InterpreterCache::new();
    let mut composer = Composer::default();
    let mut reading = Reading::default();
    let (mut drawing, mut chars) = (0_usize, 0_usize);
    for (page, number) in pdf.pages().iter().zip(1_u32..) {
        watch.check()?;
        drawing += page.page_stream().map_or(0, <[u8]>::len);
        if drawing > DRAWING_BYTES_MAX || chars > CHARS_MAX {
            let detail = format!("the text up to page {number} is over the limit: split the file");
            return Err(Unreadable::new(Reason::TooLarge, detail));
        }
        let mut drawn = listen::listen(page, &cache, &settings, watch);
        let seen = visible::part(&mut drawn, watch)?;
        let (lines, unknown) = lines::group(&seen.glyphs);
        let composed = composer.page(&lines, drawn.size);
        let here = composed.text.chars().count();
        chars += here;
        reading.unknown += unknown;
        reading.known += here;
        for (why, count) in &seen.hidden {
            let detail = format!("{count} characters {} were left out", why.words());
            reading.warn(WarningKind::HiddenText, number, detail);
            reading.hidden += count;
        }
        if seen.layer {
            let detail = "the text is a recognised layer over a picture, as the file has it";
            reading.warn(WarningKind::ForeignOcr, number, detail.to_owned());
        }
        if unknown > 0 {
            let detail = format!("{unknown} glyphs have no known character");
            reading.warn(WarningKind::UnmappedGlyphs, number, detail);
        }
        let pictured = if here == 0 {
            drawn.pictures > PICTURES_SHARE || drawn.shapes > SHAPES_MANY
        } else {
            drawn.pictures > SCAN_SHARE && here < LITTLE_TEXT && !seen.layer
        };
        if pictured {
            let detail = if here == 0 { "no text" } else { "little text" };
            let detail = format!("the page has pictures or outlines and {detail}");
            reading.warn(WarningKind::PageNeedsOcr, number, detail);
        }
        if pictured || (unknown > 0 && unknown * 2 >= here) {
            reading.wanting.push(number);
        }
        let line = |(start, end, size): (u32, u32, f32)| (number, start, end, size);
        reading.sizes.extend(composed.sizes.into_iter().map(line));
        reading.geometry.push(composed.geometry);
        let origin = if seen.layer { TextOrigin::Ocr } else { TextOrigin::Text };
        reading.pages.push(PageText { page: number, text: composed.text, origin });
    }
    Ok(reading)
}

impl Reading {
    fn warn(&mut self, kind: WarningKind, page: u32, detail: String) {
        self.warnings.push(Warning { kind, page: Some(page), detail });
    }

    fn warn_file(&mut self, detail: String) {
        self.warnings.push(Warning { kind: WarningKind::Damaged, page: None, detail });
    }

    /// Refuses a document without text, with the reason nearest to its remedy; says what is lacking
    /// where recognition can give it.
    fn judge(&self, damaged: bool) -> Result<Option<Unreadable>, Unreadable> {
        let refuse = |reason, detail: &str| Err(Unreadable::new(reason, detail));
        if self.known > 0 && self.unknown * 2 < self.known {
            return Ok(None);
        }
        if self.unknown > 0 {
            let detail = "the file's fonts do not say which characters they show";
            return Ok(Some(needs_ocr(detail)));
        }
        if self.hidden > 0 {
            return refuse(Reason::HiddenText, "all of the file's text is hidden from readers");
        }
        if !self.wanting.is_empty() {
            return Ok(Some(needs_ocr("the pages are pictures without text")));
        }
        if damaged {
            return refuse(Reason::Malformed, "the file is cut short or damaged: get a good copy");
        }
        refuse(Reason::Empty, "the file's pages hold no text")
    }
}

/// Why a document is not read without recognition, and what to do.
pub(super) fn needs_ocr(what: &str) -> Unreadable {
    let remedy = "they are read where the models for it are there (`affiant provision`)";
    Unreadable::new(Reason::NeedsOcr, format!("{what}; {remedy}"))
}

/// Adds lines that are larger than the usual text and read like titles, where no heading is known.
///
/// * `sizes`: page, start, end and letter size of every line of these pages.
pub(super) fn by_size(
    pages: &[PageText],
    sizes: &[(u32, u32, u32, f32)],
    found: &mut Vec<Heading>,
) {
    let half = |size: f32| (size * 2.0).round() as u32;
    let mut chars: BTreeMap<u32, u32> = BTreeMap::new();
    for (_, start, end, size) in sizes {
        *chars.entry(half(*size)).or_default() += end - start;
    }
    let Some((usual, _)) = chars.into_iter().max_by_key(|(_, count)| *count) else { return };
    let usual = usual as f32 / 2.0;
    let known: BTreeMap<(u32, u32), u32> =
        found.iter().map(|heading| ((heading.page, heading.start), heading.end)).collect();
    let taken = |page: u32, start: u32| {
        let before = known.range(..=(page, start)).next_back();
        before.is_some_and(|((other, _), end)| *other == page && *end > start)
    };
    for page in pages {
        let of_page = |line: &&(u32, u32, u32, f32)| line.0 == page.page;
        let from = sizes.partition_point(|line| line.0 < page.page);
        let lines = sizes.iter().skip(from).take_while(of_page);
        let text: Vec<char> = page.text.chars().collect();
        let titled = |heading: &Heading| {
            text.get(heading.start as usize..heading.end as usize).is_some_and(is_titled)
        };
        let mut open: Option<(Heading, f32)> = None;
        for (number, start, end, size) in lines.copied() {
            let ratio = size / usual;
            let level = if ratio >= 1.6 { 1 } else { 2 + u8::from(ratio < 1.3) };
            // A title may go over two or three lines of one size.
            let goes_on = open.as_ref().filter(|(heading, large)| {
                start - heading.end <= 2
                    && (large - size).abs() < 0.3
                    && end - heading.start <= HEADING_CHARS_MAX
            });
            let heading = match goes_on {
                Some((heading, _)) => Heading { end, ..*heading },
                None => Heading { page: number, start, end, level },
            };
            if ratio >= HEADING_SIZE && end - start <= HEADING_CHARS_MAX && !taken(number, start) {
                if goes_on.is_none() {
                    found.extend(open.take().map(|(heading, _)| heading).filter(&titled));
                }
                open = Some((heading, size));
            } else {
                found.extend(open.take().map(|(heading, _)| heading).filter(&titled));
            }
        }
        found.extend(open.map(|(heading, _)| heading).filter(titled));
    }
}

/// Whether words read like a title: a capital or number first, letters, no sentence's end.
fn is_titled(words: &[char]) -> bool {
    words.first().is_some_and(|first| !first.is_lowercase() && !"•-–—*·".contains(*first))
        && words.last().is_some_and(|last| !".,;:".contains(*last))
        && words.iter().filter(|c| c.is_alphabetic()).count() >= 3
}
