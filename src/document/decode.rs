//! Bytes to text: UTF-8, UTF-16 with a byte order mark, else Windows-1252.

use super::reason::{Reason, Unreadable};

/// Text with `\n` line ends and without characters that nobody sees.
pub(super) struct Decoded {
    pub(super) text: String,
    /// Invisible characters left out: tags, direction overrides, zero-width spaces.
    pub(super) unseen: usize,
}

/// What bytes 0x80 to 0x9F mean in Windows-1252 (WHATWG Encoding, index windows-1252); the five
/// that mean nothing stay control characters there and are dropped here.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Decodes plain text.
pub(super) fn text(bytes: &[u8]) -> Result<Decoded, Unreadable> {
    let raw = match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => utf16_marked(bytes),
        _ => std::str::from_utf8(bytes).map_or_else(|_| windows_1252(bytes), str::to_owned),
    };
    Ok(clean(&raw))
}

/// Decodes HTML: as text, but a page that declares another encoding is refused, not garbled.
pub(super) fn html(bytes: &[u8]) -> Result<Decoded, Unreadable> {
    let marked = matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
    if !marked
        && std::str::from_utf8(bytes).is_err()
        && let Some(charset) = declared_charset(bytes)
        && !["utf-8", "utf8", "windows-1252", "cp1252", "iso-8859-1", "latin1", "us-ascii"]
            .contains(&charset.as_str())
    {
        let detail = format!("the page is encoded as {charset:?}: save it as UTF-8");
        return Err(Unreadable::new(Reason::NotSupported, detail));
    }
    text(bytes)
}

/// The `charset=` of the first 1,024 bytes, as browsers look for it.
fn declared_charset(bytes: &[u8]) -> Option<String> {
    let head: String =
        bytes.iter().take(1024).map(|b| char::from(b.to_ascii_lowercase())).collect();
    let (_, after) = head.split_once("charset=")?;
    let name = after.trim_start_matches(['"', '\'', ' ']);
    let name: String =
        name.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_:".contains(*c)).collect();
    (!name.is_empty()).then_some(name)
}

/// UTF-16 that begins with its byte order mark.
pub(super) fn utf16_marked(bytes: &[u8]) -> String {
    match bytes {
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        rest => utf16(rest.get(2..).unwrap_or_default(), u16::from_le_bytes),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    char::decode_utf16(pairs.iter().map(|pair| unit(*pair)))
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

fn windows_1252(bytes: &[u8]) -> String {
    let high = |byte: u8| WINDOWS_1252.get(usize::from(byte.wrapping_sub(0x80))).copied();
    bytes.iter().map(|byte| high(*byte).unwrap_or(char::from(*byte))).collect()
}

/// Line ends as `\n`, and without characters that nobody sees.
pub(super) fn clean(raw: &str) -> Decoded {
    let mut text = String::with_capacity(raw.len());
    let mut unseen = 0;
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{b}' | '\u{c}' => text.push('\n'),
            '\n' | '\t' => text.push(c),
            c if c.is_control() => {}
            '\u{feff}' | '\u{ad}' => {}
            c if is_unseen(c) => unseen += 1,
            c => text.push(c),
        }
    }
    Decoded { text, unseen }
}

/// Characters that show nothing and can carry hidden words or turn text around: Unicode tags,
/// direction embeddings and overrides, zero-width spaces, invisible operators, variation selectors
/// supplement. Joiners stay: scripts need them.
pub(super) const fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_as_it_was_written() {
        let table: [(&[u8], &str); 9] = [
            ("§ 5 “ok”".as_bytes(), "§ 5 “ok”"),
            (b"\xef\xbb\xbfmark", "mark"),
            (b"\xff\xfeh\0i\0", "hi"),
            (b"\xfe\xff\0h\0i\xd8", "hi"),
            (b"caf\xe9 \x93quoted\x94 \x80 5", "café “quoted” € 5"),
            (b"a\r\nb\rc\nd", "a\nb\nc\nd"),
            ("a\u{c}b".as_bytes(), "a\nb"),
            ("hy\u{ad}phen \u{7}bell".as_bytes(), "hyphen bell"),
            ("see\u{e0049}\u{e0067}n \u{202e}x".as_bytes(), "seen x"),
        ];
        for (bytes, expected) in table {
            assert_eq!(text(bytes).unwrap().text, expected, "{bytes:?}");
        }
        assert_eq!(text("a\u{e0049}b".as_bytes()).unwrap().unseen, 1);
    }

    #[test]
    fn a_page_in_another_encoding_is_refused_not_garbled() {
        let page = |charset: &str| {
            [b"<meta charset=\"", charset.as_bytes(), b"\"><p>\x83\x65\xe9"].concat()
        };
        assert_eq!(html(&page("Shift_JIS")).err().unwrap().reason, Reason::NotSupported);
        assert!(html(&page("ISO-8859-1")).unwrap().text.ends_with("ƒeé"));
    }
}
