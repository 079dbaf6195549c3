//! The kind of a file, told by its content.

use super::Kind;
use super::reason::{Reason, Unreadable};

/// How much of a file is looked at.
const LOOK_BYTES: usize = 8 * 1024;
/// Readers accept junk before the header, within this many bytes (ISO 32000-1, annex H.3.4.1).
const HEADER_WITHIN: usize = 1024;

/// First bytes of kinds that are known and not read.
const KNOWN: [(&[u8], &str); 12] = [
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old office document"),
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
pub(super) fn sniff(bytes: &[u8], name: &str) -> Result<Kind, Unreadable> {
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
    let known = KNOWN.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, what)| *what);
    if known.is_some() || is_binary(head) {
        let what = known.unwrap_or("a binary file of unknown kind");
        let detail = format!("this is {what}: give PDF, text, Markdown or HTML");
        return Err(Unreadable::new(Reason::NotSupported, detail));
    }
    let html_name = matches!(extension, "html" | "htm" | "xhtml");
    Ok(if looks_like_html(head, html_name) {
        Kind::Html
    } else if matches!(extension, "md" | "markdown" | "mkd") {
        Kind::Markdown
    } else {
        Kind::Text
    })
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
        let table: [(&str, &[u8], Result<Kind, Reason>); 17] = [
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
        ];
        for (name, bytes, expected) in table {
            assert_eq!(sniff(bytes, name).map_err(|e| e.reason), expected, "{name} {bytes:?}");
        }
    }
}
