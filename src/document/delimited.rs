//! Delimited text (RFC 4180 and its relatives): each record a row.

use csv::ReaderBuilder;

use super::decode::Decoded;
use super::pages::Pages;
use super::reason::Unreadable;
use super::{Kind, Parsed, headings};

/// What may stand between fields.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Reads records; as plain text where the first line has no delimiter.
pub(super) fn parse(decoded: Decoded) -> Result<Parsed, Unreadable> {
    let first = decoded.text.lines().next().unwrap_or_default();
    let count = |delimiter: &u8| first.bytes().filter(|byte| byte == delimiter).count();
    let Some(delimiter) = DELIMITERS.into_iter().max_by_key(count).filter(|own| count(own) > 0)
    else {
        return Ok(headings::plain(decoded));
    };
    let mut pages = Pages::new();
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(decoded.text.as_bytes());
    for record in reader.records() {
        // The text is UTF-8 and records may be of any length: nothing is left to go wrong.
        let Ok(record) = record else { continue };
        let cells: Vec<String> = record.iter().map(str::to_owned).collect();
        pages.row(&cells)?;
    }
    pages.unseen += decoded.unseen;
    let warnings = pages.unseen_warning().into_iter().collect();
    let (pages, headings) = pages.finish();
    Ok(Parsed::of_text(Kind::Text, String::new(), pages, headings, warnings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_rows() {
        let table = [
            ("Drug,Dose\nHeparin,\"80, then\nless\"\n", "Drug | Dose\nHeparin | 80, then less"),
            ("a;b,c;d\n1;2;3;4\n", "a | b,c | d\n1 | 2 | 3 | 4"),
            ("a\tb\n\tc\n", "a | b\n| c"),
            ("just words\nand more", "just words\nand more"),
        ];
        for (text, expected) in table {
            let parsed = parse(Decoded { text: text.to_owned(), unseen: 0 }).unwrap();
            assert_eq!(parsed.pages[0].text, expected, "{text}");
        }
    }
}
