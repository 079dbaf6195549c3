//! Cuts pages into passages: the units that are indexed and retrieved.
//!
//! Passages are runs of whole sentences that follow headings and clauses and fit the encoder. Their
//! spans tile the text: every character that is not white space is in exactly one passage.

use crate::domain::document::{Passage, Span};
use crate::domain::ids::{DocumentId, Generation, PassageId};
use crate::domain::limits::PASSAGES_MAX;

use super::rows::Tables;
use super::{Heading, Parsed, clauses, sentences};

/// A passage that has this many tokens ends at the next sentence: short passages embed more
/// sharply (500 characters beat 1,000 on contracts).
const TOKENS_ENOUGH: usize = 120;
/// A passage of several sentences never has more.
const TOKENS_MOST: usize = 200;
/// A heading or page ends a passage only where it already has this many.
const TOKENS_FEW: usize = 40;
/// A numbered clause ends a passage only where it already has this many: definitions go together.
const TOKENS_SOME: usize = 80;
/// Headings may take at most this share of the encoder's window.
const HEADINGS_SHARE: usize = 4;
/// Characters of one heading in a path.
const HEADING_CHARS_MAX: usize = 120;
/// A window holds at most this many characters per token; bounds the cost of one count.
const CHARS_PER_TOKEN: usize = 12;

/// A sentence, or a part of one that is too long.
#[derive(Clone)]
struct Unit {
    span: Span,
    tokens: usize,
    /// Level of the heading or clause that begins here.
    opens: Option<u8>,
    /// Whether it is a heading and nothing else.
    heading: bool,
}

/// Cuts a document into passages of at most `tokens_max` tokens, headings counted in.
///
/// * `count_tokens`: as the encoder counts; a single character may be over the limit, nothing else.
/// * At most [`PASSAGES_MAX`] passages; a document of allowed size has fewer.
pub fn passages(
    parsed: &Parsed,
    document: DocumentId,
    generation: Generation,
    tokens_max: usize,
    count_tokens: &dyn Fn(&str) -> usize,
) -> Vec<Passage> {
    let pages = parsed.pages.iter().map(|page| page.text.chars().collect()).collect();
    let cutter = Cutter { parsed, pages, tokens_max, count_tokens };
    let mut found = Vec::new();
    for group in cutter.groups() {
        cutter.fit(&group, &mut found);
    }
    let path = Paths::of(&cutter);
    let tables = Tables::of(&parsed.pages);
    found
        .into_iter()
        .take(PASSAGES_MAX)
        .zip(0..)
        .map(|((spans, text), ordinal)| Passage {
            id: PassageId::derive(document, generation, ordinal),
            document,
            ordinal,
            headings: spans.first().map(|span| context(&path, &tables, span)).unwrap_or_default(),
            spans,
            text,
        })
        .collect()
}

/// What stands above a place without being in its passage: headings, and a table's titles.
fn context(path: &Paths, tables: &Tables, place: &Span) -> Vec<String> {
    let mut above = path.at(place);
    above.extend(tables.header(place).map(str::to_owned));
    above
}

struct Cutter<'a> {
    parsed: &'a Parsed,
    /// The characters of each page: slices by position cost nothing.
    pages: Vec<Vec<char>>,
    tokens_max: usize,
    count_tokens: &'a dyn Fn(&str) -> usize,
}

impl Cutter<'_> {
    /// Tokens left for text where headings take their share.
    fn budget(&self) -> usize {
        (self.tokens_max - self.tokens_max / HEADINGS_SHARE).max(1)
    }

    /// Runs of units that belong together.
    fn groups(&self) -> Vec<Vec<Unit>> {
        let mut groups = Vec::new();
        let mut open: Vec<Unit> = Vec::new();
        let mut tokens = 0;
        let most = self.budget().min(TOKENS_MOST);
        for unit in self.units() {
            let only_headings = open.iter().all(|unit| unit.heading);
            let turned = open.last().is_some_and(|last| {
                last.span.page != unit.span.page && self.closes(last) && tokens >= TOKENS_FEW
            });
            let parts = match unit.opens {
                Some(level) if level <= 2 => !only_headings && tokens >= TOKENS_FEW,
                Some(_) => tokens >= TOKENS_SOME,
                None => false,
            };
            let full = tokens + unit.tokens > most || tokens >= TOKENS_ENOUGH.min(most);
            if !open.is_empty() && (full || parts || turned) {
                groups.push(std::mem::take(&mut open));
                tokens = 0;
            }
            tokens += unit.tokens;
            open.push(unit);
        }
        if !open.is_empty() {
            groups.push(open);
        }
        groups
    }

    /// Whether a unit ends a sentence, so that a page break after it is a good place to cut.
    fn closes(&self, unit: &Unit) -> bool {
        let last = Span { start: unit.span.end.saturating_sub(1), ..unit.span };
        self.slice(&last).is_some_and(|last| ".!?\"”)".contains(&last))
    }

    fn units(&self) -> Vec<Unit> {
        let mut units = Vec::new();
        for (page, chars) in self.parsed.pages.iter().zip(&self.pages) {
            let headings: Vec<&Heading> =
                self.parsed.headings.iter().filter(|heading| heading.page == page.page).collect();
            let mut headings = headings.into_iter().peekable();
            for sentence in sentences(&page.text) {
                while headings.next_if(|heading| heading.end <= sentence.start).is_some() {}
                let heading = headings.peek().filter(|heading| heading.start <= sentence.start);
                let text = |from: u32, to: u32| -> String {
                    chars.get(from as usize..to as usize).unwrap_or_default().iter().collect()
                };
                let own = text(sentence.start, sentence.end);
                let marker = clauses::marker(&own).map(|marker| marker.level).filter(|l| *l < 7);
                let opens = heading
                    .filter(|heading| heading.start == sentence.start)
                    .map(|heading| heading.level)
                    .or(marker);
                let whole = heading.is_some_and(|heading| heading.end >= sentence.end);
                for (index, (start, end, tokens)) in
                    self.pieces(chars, sentence.start, sentence.end).into_iter().enumerate()
                {
                    let span = Span { page: page.page, start, end };
                    let opens = opens.filter(|_| index == 0);
                    units.push(Unit { span, tokens, opens, heading: whole });
                }
            }
        }
        units
    }

    /// A sentence whole, or in parts that fit, cut at white space where there is any.
    fn pieces(&self, chars: &[char], start: u32, end: u32) -> Vec<(u32, u32, usize)> {
        let budget = self.budget();
        let window = budget * CHARS_PER_TOKEN;
        let mut pieces = Vec::new();
        let mut from = start as usize;
        while from < end as usize {
            let mut to = (end as usize).min(from + window);
            let mut tokens = self.count(chars, from, to);
            while tokens > budget && to > from + 1 {
                // Shrinks in proportion, at least by one; then back to a good place to cut.
                let keep = ((to - from) * budget / tokens).clamp(1, to - from - 1);
                to = good_cut(chars, from, from + keep);
                tokens = self.count(chars, from, to);
            }
            if to < end as usize && tokens <= budget {
                to = good_cut(chars, from, to);
                tokens = self.count(chars, from, to);
            }
            if let Some(range) = sentences::trimmed(chars, from, to) {
                pieces.push((range.start, range.end, tokens));
            }
            from = to;
        }
        pieces
    }

    fn count(&self, chars: &[char], from: usize, to: usize) -> usize {
        let text: String = chars.get(from..to).unwrap_or_default().iter().collect();
        (self.count_tokens)(&text)
    }

    /// Makes passages of a group: one, or more where its whole does not fit after all.
    fn fit(&self, group: &[Unit], found: &mut Vec<(Vec<Span>, String)>) {
        let spans = merged(group);
        let Some(text) = self.text(&spans) else { return };
        if group.len() > 1 && (self.count_tokens)(&text) > self.budget() {
            let (left, right) = group.split_at(group.len() / 2);
            self.fit(left, found);
            self.fit(right, found);
        } else {
            found.push((spans, text));
        }
    }

    fn text(&self, spans: &[Span]) -> Option<String> {
        let texts: Option<Vec<String>> = spans.iter().map(|span| self.slice(span)).collect();
        texts.map(|texts| texts.join("\n"))
    }

    fn slice(&self, span: &Span) -> Option<String> {
        let page = self.pages.get(usize::try_from(span.page).ok()?.checked_sub(1)?)?;
        Some(page.get(span.start as usize..span.end as usize)?.iter().collect())
    }
}

/// The last place in `from..=to` after white space, else after a hyphen or slash, else `to`.
fn good_cut(chars: &[char], from: usize, to: usize) -> usize {
    let part = chars.get(from..to).unwrap_or_default();
    let last = |good: fn(&char) -> bool| part.iter().rposition(good).map(|at| from + at + 1);
    last(|c| c.is_whitespace())
        .or_else(|| last(|c| "-/,;".contains(*c)))
        .filter(|cut| *cut > from + part.len() / 2)
        .unwrap_or(to)
}

/// One span per page that the units stand on.
fn merged(group: &[Unit]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for unit in group {
        match spans.last_mut() {
            Some(last) if last.page == unit.span.page => last.end = unit.span.end,
            _ => spans.push(unit.span),
        }
    }
    spans
}

/// The heading path at every heading of the document.
struct Paths {
    /// The words of each heading.
    words: Vec<String>,
    /// Position of each heading, and the path with it.
    after: Vec<((u32, u32), Vec<usize>)>,
}

impl Paths {
    fn of(cutter: &Cutter<'_>) -> Self {
        let headings = &cutter.parsed.headings;
        let mut stack: Vec<usize> = Vec::new();
        let mut after = Vec::with_capacity(headings.len());
        for (index, heading) in headings.iter().enumerate() {
            let outer = |at: &usize| headings.get(*at).is_some_and(|o| o.level < heading.level);
            while stack.last().is_some_and(|at| !outer(at)) {
                stack.pop();
            }
            stack.push(index);
            after.push(((heading.page, heading.start), stack.clone()));
        }
        let words = headings.iter().map(|heading| {
            let span = Span { page: heading.page, start: heading.start, end: heading.end };
            let text = cutter.slice(&span).unwrap_or_default();
            let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            line.chars().take(HEADING_CHARS_MAX).collect()
        });
        Self { words: words.collect(), after }
    }

    /// The headings above a place: those that begin before it and are still open.
    fn at(&self, span: &Span) -> Vec<String> {
        let place = (span.page, span.start);
        let before = self.after.partition_point(|(at, _)| *at <= place);
        let Some((at, path)) = before.checked_sub(1).and_then(|at| self.after.get(at)) else {
            return Vec::new();
        };
        // A heading that begins the passage is in its text.
        let above = path.len() - usize::from(*at == place);
        path.iter().take(above).filter_map(|index| self.words.get(*index).cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::document::{Geometry, Kind, headings};
    use crate::domain::document::{PageText, TextOrigin, slice_chars};

    fn document(texts: &[&str]) -> Parsed {
        let pages: Vec<PageText> = texts
            .iter()
            .zip(1..)
            .map(|(text, page)| PageText {
                page,
                text: (*text).to_owned(),
                origin: TextOrigin::Text,
            })
            .collect();
        let headings =
            pages.iter().flat_map(|page| headings::by_words(page.page, &page.text)).collect();
        Parsed {
            kind: Kind::Pdf,
            title: String::new(),
            pages,
            geometry: Geometry::default(),
            headings,
            warnings: Vec::new(),
        }
    }

    fn words(text: &str) -> usize {
        text.split_whitespace().count()
    }

    fn cut(parsed: &Parsed, tokens_max: usize) -> Vec<Passage> {
        passages(parsed, DocumentId::of(b"x"), Generation(1), tokens_max, &words)
    }

    #[test]
    fn passages_follow_clauses_and_carry_their_headings() {
        let body = "The party shall pay the fee in full and on time. ".repeat(8);
        let text = format!("ARTICLE I\n1.1 Fees. {body}\n1.2 Term. {body}");
        let found = cut(&document(&[&text]), 256);
        let starts: Vec<&str> =
            found.iter().map(|p| p.text.split_whitespace().next().unwrap()).collect();
        assert_eq!(starts, ["ARTICLE", "1.2"]);
        assert_eq!(found[1].headings, ["ARTICLE I"]);
        assert!(found[0].headings.is_empty());
        let long = format!("1.1 Fees. {}", body.repeat(4));
        let found = cut(&document(&[&long]), 256);
        assert!(found.len() > 2 && found[1].headings == ["1.1 Fees."], "{found:?}");
    }

    #[test]
    fn each_passage_of_a_table_carries_its_titles_and_quotes_whole_rows() {
        let rows: Vec<String> =
            (0..60).map(|n| format!("Drug {n} | {n} mg by mouth. Then wait | daily")).collect();
        let text = format!("Drug | Dose | How often\n{}", rows.join("\n"));
        let found = cut(&document(&[&text]), 256);
        assert!(found.len() > 2, "{found:?}");
        assert!(found[0].headings.is_empty());
        for passage in &found[1..] {
            assert_eq!(passage.headings, ["Drug | Dose | How often"]);
            assert!(!passage.text.contains("How often"));
        }
        let quoted: Vec<&str> = found.iter().flat_map(|passage| passage.text.lines()).collect();
        assert_eq!(quoted.join("\n"), text);
    }

    #[test]
    fn a_sentence_may_run_over_a_page_break() {
        let found = cut(&document(&["The fee is due within", "thirty days of notice."]), 256);
        assert_eq!(found.len(), 1);
        let spans = [Span { page: 1, start: 0, end: 21 }, Span { page: 2, start: 0, end: 22 }];
        assert_eq!(found[0].spans, spans);
        assert_eq!(found[0].text, "The fee is due within\nthirty days of notice.");
    }

    #[test]
    fn only_a_sentence_that_is_too_long_is_split() {
        let long = "word ".repeat(500);
        let found = cut(&document(&[&format!("Short one. {long}end. Another one.")]), 100);
        assert!(found.iter().all(|passage| words(&passage.text) <= 75));
        assert!(found.first().unwrap().text.starts_with("Short one."));
        assert!(found.last().unwrap().text.ends_with("end. Another one."));
    }

    #[test]
    fn the_same_document_gives_the_same_passages() {
        let parsed = document(&["One. Two. Three."]);
        assert_eq!(cut(&parsed, 10), cut(&parsed, 10));
        let other = passages(&parsed, DocumentId::of(b"x"), Generation(2), 10, &words);
        assert_ne!(cut(&parsed, 10)[0].id, other[0].id);
    }

    proptest! {
        /// Spans tile the text that is not blank, and a passage's text is its spans' text.
        #[test]
        fn spans_tile_the_pages(
            texts in prop::collection::vec(
                "(([A-Za-z]{1,9}|[0-9]\\.[0-9]|ARTICLE I|\\(a\\)|é§)[ .\n]{1,2}){0,120}", 1..4),
            tokens_max in 4..60_usize,
            per_character in any::<bool>(),
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let parsed = document(&texts);
            let count = |text: &str| if per_character { text.chars().count() } else { words(text) };
            let found =
                passages(&parsed, DocumentId::of(b"x"), Generation(0), tokens_max, &count);
            let mut covered: Vec<Vec<u32>> =
                parsed.pages.iter().map(|page| vec![0; page.text.chars().count()]).collect();
            for (passage, ordinal) in found.iter().zip(0..) {
                prop_assert_eq!(passage.ordinal, ordinal);
                let slices: Option<Vec<&str>> = passage.spans.iter().map(|span| {
                    slice_chars(&parsed.pages[span.page as usize - 1].text, span.start, span.end)
                }).collect();
                prop_assert_eq!(&slices.unwrap().join("\n"), &passage.text);
                prop_assert!(count(&passage.text) <= tokens_max);
                for span in &passage.spans {
                    for at in span.start..span.end {
                        covered[span.page as usize - 1][at as usize] += 1;
                    }
                }
            }
            for (page, covered) in parsed.pages.iter().zip(&covered) {
                for (c, times) in page.text.chars().zip(covered) {
                    prop_assert!(*times == 1 || (*times == 0 && c.is_whitespace()), "{c:?} {times}");
                }
            }
        }
    }
}
