//! The headings of a page of text, and plain text as a document.

use std::collections::HashMap;

use crate::domain::document::{PageText, TextOrigin};

use super::clauses;
use super::decode::Decoded;
use super::rows::is_row;
use super::{Heading, Kind, Parsed, Warning, WarningKind};

/// A line that stands on this many pages is a running header, not a heading.
const RUNNING_PAGES: usize = 3;

/// Headings of one page by their words: clause titles and short lines in capitals.
pub(super) fn by_words(page: u32, text: &str) -> Vec<Heading> {
    let mut found = Vec::new();
    let lines: Vec<&str> = text.split('\n').collect();
    let mut start = 0;
    for (index, line) in lines.iter().enumerate() {
        let chars = line.chars().count() as u32;
        let indent = (line.chars().count() - line.trim_start().chars().count()) as u32;
        let own = line.trim();
        let near = |step: isize| {
            index.checked_add_signed(step).and_then(|at| lines.get(at)).map_or("", |l| l.trim())
        };
        let heading = clauses::heading(own).filter(|_| !is_row(own)).or_else(|| {
            // One line of a paragraph in capitals is no heading.
            let alone = !clauses::is_capitals(near(1))
                && (!clauses::is_capitals(near(-1)) || clauses::is_capital_heading(near(-1)));
            (clauses::is_capital_heading(own) && alone && !is_row(own))
                .then(|| (2, own.chars().count()))
        });
        if let Some((level, length)) = heading {
            let from = start + indent;
            found.push(Heading { page, start: from, end: from + length as u32, level });
        }
        start += chars + 1;
    }
    found
}

/// Leaves out headings whose words recur on many pages: they are running headers.
pub(super) fn without_running(headings: &[Heading], pages: &[PageText]) -> Vec<Heading> {
    let words = |heading: &Heading| -> Option<String> {
        let page = pages.get(usize::try_from(heading.page).ok()?.checked_sub(1)?)?;
        let span = page.text.chars().skip(heading.start as usize);
        Some(span.take(heading.end.saturating_sub(heading.start) as usize).collect())
    };
    let texts: Vec<Option<String>> = headings.iter().map(words).collect();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for text in texts.iter().flatten() {
        *seen.entry(text).or_default() += 1;
    }
    headings
        .iter()
        .zip(&texts)
        .filter(|(_, text)| {
            text.as_deref().is_some_and(|t| seen.get(t).is_none_or(|n| *n < RUNNING_PAGES))
        })
        .map(|(heading, _)| *heading)
        .collect()
}

/// Plain text: one page, headings by their words.
pub(super) fn plain(decoded: Decoded) -> Parsed {
    let headings = by_words(1, &decoded.text);
    one_page(Kind::Text, String::new(), decoded.text, headings, decoded.unseen)
}

/// A document of one page without positions.
pub(super) fn one_page(
    kind: Kind,
    title: String,
    text: String,
    headings: Vec<Heading>,
    unseen: usize,
) -> Parsed {
    let warnings = (unseen > 0)
        .then(|| Warning {
            kind: WarningKind::HiddenText,
            page: Some(1),
            detail: format!("{unseen} characters that no reader sees were left out"),
        })
        .into_iter()
        .collect();
    let pages = vec![PageText { page: 1, text, origin: TextOrigin::Text }];
    Parsed::of_text(kind, title, pages, headings, warnings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::document::slice_chars;

    #[test]
    fn headings_are_found_among_lines() {
        let text = "MASTER SUPPLY AGREEMENT\n\nThis is text.\n  1. Term\nIt runs.\n\
                    THIS IS A LONG PARAGRAPH IN CAPITALS THAT GOES\nON OVER LINES.\n\
                    1.1 Renewal. It renews.";
        let found: Vec<_> = by_words(1, text)
            .iter()
            .map(|h| (h.level, slice_chars(text, h.start, h.end).unwrap()))
            .collect();
        assert_eq!(found, [(2, "MASTER SUPPLY AGREEMENT"), (2, "1. Term"), (3, "1.1 Renewal.")]);
    }

    #[test]
    fn running_headers_are_no_headings() {
        let pages: Vec<PageText> = (1..=3)
            .map(|page| PageText {
                page,
                text: format!("COMPANY CONFIDENTIAL\n{page}. Term"),
                origin: TextOrigin::Text,
            })
            .collect();
        let all: Vec<Heading> =
            pages.iter().flat_map(|page| by_words(page.page, &page.text)).collect();
        let kept = without_running(&all, &pages);
        assert!(kept.iter().all(|heading| heading.start == 21), "{kept:?}");
        assert_eq!(kept.len(), 3);
    }
}
