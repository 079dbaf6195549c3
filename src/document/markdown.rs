//! Markdown: the source is the page's text, exactly; only the headings are read from its structure.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::decode::Decoded;
use super::headings::one_page;
use super::{Heading, Kind, Parsed};

/// One page of source text with its headings; the title is the first heading of the first level.
pub(super) fn parse(decoded: Decoded) -> Parsed {
    let text = decoded.text;
    let headings = headings(&text);
    let title = headings.iter().find(|heading| heading.level == 1).map(|heading| {
        let words = text.chars().skip(heading.start as usize);
        words.take((heading.end - heading.start) as usize).collect::<String>()
    });
    one_page(Kind::Markdown, title.unwrap_or_default(), text, headings, decoded.unseen)
}

fn headings(text: &str) -> Vec<Heading> {
    // Bytes to code points: headings come in order, so one pass counts them all.
    let mut counted = (0_usize, 0_u32);
    let mut at = |byte: usize| {
        if byte > counted.0 {
            counted.1 += text.get(counted.0..byte).map_or(0, |s| s.chars().count()) as u32;
            counted.0 = byte;
        }
        counted.1
    };
    let mut found = Vec::new();
    let mut open: Option<(u8, Option<(usize, usize)>)> = None;
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        if let Event::Start(Tag::Heading { level, .. }) = event {
            open = Some((rank(level), None));
        } else if let Event::End(TagEnd::Heading(_)) = event {
            if let Some((level, Some((from, to)))) = open.take() {
                found.push(Heading { page: 1, start: at(from), end: at(to), level });
            }
        } else if let Some((_, inner)) = &mut open {
            // What stands inside the heading, without its marks.
            let (from, to) = inner.unwrap_or((range.start, range.end));
            *inner = Some((from.min(range.start), to.max(range.end)));
        }
    }
    found
}

const fn rank(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::document::slice_chars;

    #[test]
    fn headings_are_found_and_the_source_stays() {
        let source = "Über\n====\n\ntext\n\n## A *b* `c` ##\n\n```\n# not one\n```\n\n### d\n";
        let parsed = parse(Decoded { text: source.to_owned(), unseen: 0 });
        let page = &parsed.pages[0].text;
        assert_eq!(page, source);
        assert_eq!(parsed.title, "Über");
        let found: Vec<_> = parsed
            .headings
            .iter()
            .map(|h| (h.level, slice_chars(page, h.start, h.end).unwrap()))
            .collect();
        assert_eq!(found, [(1, "Über"), (2, "A *b* `c`"), (3, "d")]);
    }
}
