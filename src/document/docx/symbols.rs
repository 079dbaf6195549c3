//! Signs of fonts that show pictures for letters.

use crate::document::office::Element;

/// A sign of a font of symbols: those that forms and lists use.
pub(super) fn symbol(part: &Element) -> char {
    let code = part.attribute("char").and_then(|code| u32::from_str_radix(code, 16).ok());
    let font = part.attribute("font").unwrap_or_default();
    match (font, code.map(|code| code & 0xff)) {
        ("Wingdings", Some(0xfc)) => '✓',
        ("Wingdings", Some(0xfb)) => '✗',
        ("Wingdings", Some(0xfe)) => '☑',
        ("Wingdings" | "Wingdings 2", Some(0x53 | 0x54 | 0x78 | 0xfd)) => '☒',
        ("Wingdings" | "Wingdings 2", Some(0x6f | 0xa3 | 0xa8)) => '☐',
        ("Wingdings", Some(0xe0)) | ("Symbol", Some(0xae)) => '→',
        ("Symbol", Some(0xb7)) | ("Wingdings", Some(0x6c | 0x9f | 0xa7 | 0xd8)) => '•',
        ("Symbol", Some(0xa3)) => '≤',
        ("Symbol", Some(0xb3)) => '≥',
        ("Symbol", Some(0xb1)) => '±',
        ("Symbol", Some(0xb0)) => '°',
        ("Symbol", Some(0x6d)) => 'µ',
        ("Symbol", Some(0xb4)) => '×',
        _ => code
            .and_then(char::from_u32)
            .filter(|c| !('\u{e000}'..='\u{f8ff}').contains(c) && !c.is_control())
            .unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}
