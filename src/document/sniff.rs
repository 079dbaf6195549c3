//! The kind of a file, told by its content.

use super::Kind;
use super::guard::Watch;
use super::reason::{Reason, Unreadable};
use super::{mail, office};

/// How much of a file is looked at.
const LOOK_BYTES: usize = 8 * 1024;
/// Readers accept junk before the header, within this many bytes (ISO 32000-1, annex H.3.4.1).
const HEADER_WITHIN: usize = 1024;

/// First bytes of a ZIP, which office documents are, and of one without members.
const ZIP: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];
/// First bytes of a compound file (MS-CFB): old office documents, Outlook messages, encrypted ones.
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
/// How much of a compound file is searched for the names of its streams.
const STREAMS_WITHIN: usize = 8 * 1024 * 1024;

/// First bytes of kinds that are known and not read.
const KNOWN: [(&[u8], &str); 10] = [
    (b"{\\rtf", "a rich text document"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"GIF8", "a GIF picture"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x7fELF", "a program"),
    (b"%!PS", "a PostScript file"),
];

/// Tells the kind by content; the name only tells Markdown and bare HTML from plain text, and what
/// was meant to be a PDF.
pub(super) fn sniff(bytes: &[u8], name: &str, watch: &Watch) -> Result<Kind, Unreadable> {
    if bytes.is_empty() {
        return Err(Unreadable::new(Reason::Empty, "the file has no bytes"));
    }
    let head = bytes.get(..LOOK_BYTES.min(bytes.len())).unwrap_or(bytes);
    let near = head.get(..HEADER_WITHIN.min(head.len())).unwrap_or(head);
    if near.windows(5).any(|window| window == b"%PDF-") {
        return Ok(Kind::Pdf);
    }
    let extension = name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
    let extension = extension.as_deref().unwrap_or_default();
    if extension == "pdf" {
        let detail = "the file is named as a PDF and has no PDF header: get a good copy";
        return Err(Unreadable::new(Reason::Malformed, detail));
    }
    if is_zip(bytes) {
        return Ok(office::kind_of(bytes, watch)?.unwrap_or(Kind::Zip));
    }
    if head.starts_with(COMPOUND) {
        return Err(compound(bytes));
    }
    let known = KNOWN.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, what)| *what);
    if known.is_some() || is_binary(head) {
        let what = known.unwrap_or("a binary file of unknown kind");
        let detail = format!("this is {what}: give PDF, DOCX, XLSX, EML, HTML, Markdown or text");
        return Err(Unreadable::new(Reason::NotSupported, detail));
    }
    let html_name = matches!(extension, "html" | "htm" | "xhtml");
    Ok(if mail::is_mail(head, extension == "eml") {
        Kind::Mail
    } else if looks_like_html(head, html_name) {
        Kind::Html
    } else if matches!(extension, "md" | "markdown" | "mkd") {
        Kind::Markdown
    } else {
        Kind::Text
    })
}

/// Whether a file begins as archives and office documents do.
pub(super) fn is_zip(bytes: &[u8]) -> bool {
    ZIP.iter().any(|magic| bytes.starts_with(magic))
}

/// Whether a text's name says that its lines are records.
pub(super) fn is_delimited(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".csv", ".tsv", ".tab"].iter().any(|end| name.ends_with(end))
}

/// Why a compound file is not read, by the names of its streams.
fn compound(bytes: &[u8]) -> Unreadable {
    let part = bytes.get(..STREAMS_WITHIN.min(bytes.len())).unwrap_or(bytes);
    let has = |name: &str| {
        let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        part.windows(wide.len()).any(|window| window == wide)
    };
    if has("EncryptedPackage") {
        let detail = "the office document is encrypted: save a copy without its password";
        return Unreadable::new(Reason::Encrypted, detail);
    }
    let detail = if has("__substg1.0_") {
        "this is an Outlook message: save it as EML or PDF"
    } else {
        "this is an old office document: save it as DOCX, XLSX or PDF"
    };
    Unreadable::new(Reason::NotSupported, detail)
}

/// Text has no control characters but white space; UTF-16 with its mark has zeros.
fn is_binary(head: &[u8]) -> bool {
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return false;
    }
    let odd = head.iter().filter(|byte| matches!(byte, 0..=8 | 14..=26 | 28..=31 | 127)).count();
    head.contains(&0) || odd * 50 > head.len()
}

fn looks_like_html(head: &[u8], named: bool) -> bool {
    let text: String = head
        .iter()
        .filter(|byte| **byte != 0)
        .take(2048)
        .map(|byte| char::from(*byte).to_ascii_lowercase())
        .collect();
    let mut rest = text.trim_start_matches(|c: char| !c.is_ascii() || c.is_ascii_whitespace());
    // An XML declaration and comments may come first.
    for (open, close) in [("<?xml", "?>"), ("<!--", "-->"), ("<!--", "-->")] {
        if rest.starts_with(open) {
            rest = rest.split_once(close).map_or("", |(_, after)| after).trim_start();
        }
    }
    let opens = ["<!doctype html", "<html", "<head", "<body"];
    opens.iter().any(|open| rest.starts_with(open)) || (named && rest.starts_with('<'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_told_by_content() {
        let table: [(&str, &[u8], Result<Kind, Reason>); 22] = [
            ("a.txt", b"%PDF-1.4\n", Ok(Kind::Pdf)),
            ("a", b"junk\nmore junk\n%PDF-1.4\n", Ok(Kind::Pdf)),
            ("a.pdf", b"just words", Err(Reason::Malformed)),
            ("a.md", b"# words", Ok(Kind::Markdown)),
            ("a.MD", b"# words", Ok(Kind::Markdown)),
            ("a.md", b"<!DOCTYPE html><p>x", Ok(Kind::Html)),
            ("a", b"\xef\xbb\xbf  <HTML lang=en>", Ok(Kind::Html)),
            ("a", b"<?xml version='1.0'?>\n<!-- c -->\n<html>", Ok(Kind::Html)),
            ("a.htm", b"<p>x", Ok(Kind::Html)),
            ("a.txt", b"<p>x", Ok(Kind::Text)),
            ("a.txt", b"\xff\xfea\0b\0", Ok(Kind::Text)),
            ("a.txt", b"caf\xe9", Ok(Kind::Text)),
            ("a.txt", b"a\0b", Err(Reason::NotSupported)),
            ("a.png", b"\x89PNG\r\n\x1a\n", Err(Reason::NotSupported)),
            ("a.rtf", b"{\\rtf1 x}", Err(Reason::NotSupported)),
            ("a.pdf", b"\x01\x02\x03\x04", Err(Reason::Malformed)),
            ("a.pdf", b"", Err(Reason::Empty)),
            ("a.docx", b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", Ok(Kind::Zip)),
            ("a.txt", b"From: a\nTo: b\nMessage-ID: <c>\n\nwords", Ok(Kind::Mail)),
            ("a.txt", b"From: a\nTo: b\nSubject: a memo\n\nwords", Ok(Kind::Text)),
            ("a.eml", b"From: a\nTo: b\nSubject: a memo\n\nwords", Ok(Kind::Mail)),
            ("a.eml", b"just words", Ok(Kind::Text)),
        ];
        for (name, bytes, expected) in table {
            assert_eq!(
                sniff(bytes, name, &Watch::start(None)).map_err(|e| e.reason),
                expected,
                "{name} {bytes:?}"
            );
        }
    }
}
