//! Pages, spans and passages. Positions count Unicode code points; ranges are half-open.

use serde::{Deserialize, Serialize};

use super::access::Labels;
use super::ids::{DocumentId, PassageId};

/// A half-open range of code points of one page.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Span {
    /// Page number as counted from 1.
    pub page: u32,
    /// First code point.
    pub start: u32,
    /// One past the last code point.
    pub end: u32,
}

/// Whether a page's text was born digital or recognised from a picture.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TextOrigin {
    /// The file itself carries the text.
    Text,
    /// Optical character recognition.
    Ocr,
}

/// The text of one page, exactly as every span counts it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PageText {
    /// Number from 1.
    pub page: u32,
    /// The page's text; lines end in `\n`.
    pub text: String,
    /// Where the text comes from.
    pub origin: TextOrigin,
}

/// A rectangle in points from the top left of the displayed page: `[x0, y0, x1, y1]`.
pub type Rect = [f32; 4];

/// The unit that is indexed and retrieved.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Passage {
    /// Its id, also in the indexes.
    pub id: PassageId,
    /// The document it is part of.
    pub document: DocumentId,
    /// Its place in the document, from 0.
    pub ordinal: u32,
    /// Where it stands; more than one span where it crosses a page break. Never empty.
    pub spans: Vec<Span>,
    /// The text of its spans joined by `\n`; holds no added headings.
    pub text: String,
    /// The headings above it, outermost first, and the titles of a table that it goes on with: context
    /// for the encoder, never quoted.
    pub headings: Vec<String>,
}

/// What the appliance knows about a document besides its text: sealed in the vault.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DocumentCard {
    /// From the file's own metadata or first heading, else its name.
    pub title: String,
    /// The name of the file it came in.
    pub name: String,
    /// Where it was taken from.
    pub path: String,
    /// `pdf`, `docx`, `xlsx`, `mail`, `text`, `markdown` or `html`.
    pub kind: String,
    /// What policies decide on.
    pub labels: Labels,
    /// What the reader of the file should know: text left out, repairs made.
    pub warnings: Vec<String>,
    /// Opens the original where it is encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// A document's text as it was when it was taken in: what every span counts.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DocumentText {
    /// Its pages in order, numbered from 1 without gaps.
    pub pages: Vec<PageText>,
    /// Its passages in order.
    pub passages: Vec<Passage>,
}

impl DocumentText {
    /// The page with this number.
    pub fn page(&self, number: u32) -> Option<&PageText> {
        let index = number.checked_sub(1)?;
        self.pages.get(index as usize)
    }

    /// The text of a span; `None` where it lies outside the document.
    pub fn quote(&self, span: Span) -> Option<&str> {
        slice_chars(&self.page(span.page)?.text, span.start, span.end)
    }
}

/// Takes the code points `start..end` of `text`; `None` where the range is outside it.
pub fn slice_chars(text: &str, start: u32, end: u32) -> Option<&str> {
    let (start, end) = (start as usize, end as usize);
    let count = end.checked_sub(start)?;
    let mut offsets = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let from = offsets.nth(start)?;
    let to = if count == 0 { from } else { offsets.nth(count - 1)? };
    text.get(from..to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_count_code_points_not_bytes() {
        let table = [
            ("aé🙂b", 1, 3, Some("é🙂")),
            ("abc", 0, 3, Some("abc")),
            ("abc", 3, 3, Some("")),
            ("abc", 2, 4, None),
            ("abc", 2, 1, None),
            ("", 0, 0, Some("")),
        ];
        for (text, start, end, expected) in table {
            assert_eq!(slice_chars(text, start, end), expected, "{text} {start}..{end}");
        }
    }
}
