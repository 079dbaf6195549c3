//! Where sentences begin and end, in text full of abbreviations, decimals and clause numbers.
//!
//! A full stop ends a sentence where white space and a capital (or digit, or opening quote) follow,
//! unless the word before it is an abbreviation. Two lists decide: after words of `NEVER` no
//! sentence ends; after those of `SELDOM`, initials and dotted letters ("U.S.", "b.i.d.") one ends
//! only where the next word is one that commonly begins sentences. Blank lines, headings and listed
//! clauses end sentences without a full stop; other line ends mean nothing.

use std::ops::Range;

use super::{clauses, headings, rows};

/// Abbreviations that always go on: titles, and Latin that introduces something.
const NEVER: &[&str] = &[
    "mr", "mrs", "ms", "dr", "drs", "prof", "hon", "rev", "sen", "gov", "capt", "lt", "sgt",
    "messrs", "v", "vs", "e.g", "eg", "i.e", "cf", "viz", "ca", "approx", "§", "§§", "¶", "¶¶",
];

/// Abbreviations that usually go on and may end a sentence.
const SELDOM: &[&str] = &[
    "no", "nos", "art", "arts", "sec", "secs", "sect", "fig", "figs", "vol", "vols", "p", "pp",
    "para", "paras", "ch", "cl", "ex", "exh", "doc", "docs", "dkt", "ecf", "app", "supp", "reg",
    "regs", "stat", "stats", "ann", "cal", "cir", "civ", "crim", "evid", "proc", "bankr", "ct",
    "cty", "fed", "div", "dist", "dept", "dep't", "ass'n", "int'l", "gov't", "id", "ibid", "op",
    "cit", "al", "etc", "inc", "ltd", "corp", "co", "cos", "llc", "bros", "assn", "jr", "sr",
    "esq", "st", "ste", "ave", "blvd", "rd", "mt", "ft", "gen", "rep", "col", "ref", "jan", "feb",
    "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "mon", "tue", "tues",
    "wed", "thu", "thur", "thurs", "fri", "sat", "sun", "ed", "eds", "rev'd", "aff'd", "u.s.c",
    "pt", "pts", "dx", "hx", "rx", "tx", "sx", "fx", "tab", "tabs", "cap", "caps", "inj", "susp",
    "max", "min", "hr", "hrs", "wk", "est", "tel",
];

/// Words that commonly begin sentences, and seldom follow an abbreviation inside one.
const BEGINNERS: &[&str] = &[
    "a",
    "after",
    "all",
    "although",
    "an",
    "and",
    "any",
    "as",
    "at",
    "because",
    "before",
    "but",
    "by",
    "counsel",
    "continue",
    "denies",
    "despite",
    "discharge",
    "discontinue",
    "does",
    "during",
    "each",
    "either",
    "every",
    "except",
    "follow",
    "for",
    "from",
    "furthermore",
    "had",
    "has",
    "he",
    "her",
    "here",
    "his",
    "however",
    "i",
    "if",
    "in",
    "is",
    "it",
    "its",
    "may",
    "moreover",
    "neither",
    "no",
    "nor",
    "nothing",
    "notwithstanding",
    "now",
    "of",
    "on",
    "once",
    "or",
    "our",
    "patient",
    "patients",
    "plaintiff",
    "defendant",
    "court",
    "provided",
    "reports",
    "she",
    "should",
    "since",
    "so",
    "some",
    "start",
    "stop",
    "subject",
    "such",
    "take",
    "that",
    "the",
    "their",
    "then",
    "there",
    "therefore",
    "these",
    "they",
    "this",
    "those",
    "though",
    "thus",
    "to",
    "under",
    "unless",
    "until",
    "upon",
    "was",
    "we",
    "when",
    "where",
    "while",
    "with",
    "you",
];

/// The sentences of a text as half-open ranges of code points, in order, without the white space
/// around them; together they hold every character that is not white space.
pub fn sentences(text: &str) -> Vec<Range<u32>> {
    let chars: Vec<char> = text.chars().collect();
    let mut breaks = line_breaks(text);
    stops(&chars, &mut breaks);
    whole_rows(text, &mut breaks);
    breaks.sort_unstable();
    breaks.dedup();
    let mut found = Vec::with_capacity(breaks.len() + 1);
    let ends = breaks.iter().copied().chain([chars.len()]);
    let mut start = 0;
    for end in ends {
        if let Some(range) = trimmed(&chars, start, end) {
            found.push(range);
        }
        start = end.max(start);
    }
    found
}

/// A range without the white space around it; `None` where nothing else is in it.
pub(super) fn trimmed(chars: &[char], start: usize, end: usize) -> Option<Range<u32>> {
    let part = chars.get(start..end)?;
    let lead = part.iter().position(|c| !c.is_whitespace())?;
    let tail = part.iter().rev().take_while(|c| c.is_whitespace()).count();
    Some((start + lead) as u32..(end - tail) as u32)
}

/// Ends of sentences that lines give: blank lines, headings, listed clauses.
fn line_breaks(text: &str) -> Vec<usize> {
    let mut breaks = Vec::new();
    for heading in headings::by_words(1, text) {
        breaks.extend([heading.start as usize, heading.end as usize]);
    }
    let mut start = 0;
    let mut before = "";
    let mut blank = false;
    for line in text.split('\n') {
        let own = line.trim();
        if own.is_empty() {
            blank = true;
        } else {
            let closed = before.ends_with(['.', ';', ':', '!', '?', ',', '-', '–', '—'])
                || ["and", "or", "and/or"].iter().any(|word| before.ends_with(word));
            if blank || (closed && clauses::marker(own).is_some()) {
                breaks.push(start);
            }
            (before, blank) = (own, false);
        }
        start += line.chars().count() + 1;
    }
    breaks
}

/// A row of a table is one sentence, whatever stands in its cells.
fn whole_rows(text: &str, breaks: &mut Vec<usize>) {
    let rows = rows::rows(text);
    breaks.retain(|at| {
        let next = rows.partition_point(|row| row.end <= *at);
        rows.get(next).is_none_or(|row| *at <= row.start)
    });
    breaks.extend(rows.into_iter().flat_map(|row| [row.start, row.end]));
}

/// Adds the ends of sentences that full stops, question and exclamation marks give.
fn stops(chars: &[char], breaks: &mut Vec<usize>) {
    let hard: Vec<usize> = {
        let mut sorted = breaks.clone();
        sorted.sort_unstable();
        sorted
    };
    let mut next_hard = hard.iter().copied().peekable();
    let mut begin = 0;
    let mut at = 0;
    while let Some(c) = chars.get(at).copied() {
        while let Some(hard) = next_hard.next_if(|hard| *hard <= at) {
            begin = hard;
        }
        if !matches!(c, '.' | '!' | '?' | '…' | '。' | '！' | '？') {
            at += 1;
            continue;
        }
        let run = |from: usize, good: &dyn Fn(char) -> bool| {
            from + chars.iter().skip(from).take_while(|c| good(**c)).count()
        };
        let after_stop = run(at, &|c| ".!?…".contains(c)).max(at + 1);
        let end = noted(chars, run(after_stop, &|c| ")]\"'”’»".contains(c)));
        let next = run(end, &char::is_whitespace);
        let wide = matches!(c, '。' | '！' | '？');
        if next < chars.len() && (next > end || wide) {
            let word = next_word(chars, next);
            let goes_on = word.starts_with(char::is_lowercase);
            let single = c == '.' && after_stop == at + 1;
            let stop = Stop { begin, at, next };
            let ends = wide || !goes_on && (!single || stop.ends(chars, &word));
            if ends {
                breaks.push(end);
                begin = next;
            }
        }
        at = end.max(at + 1);
    }
}

/// The place after the mark of a note: `It ends.[12] Next.`
fn noted(chars: &[char], at: usize) -> usize {
    let inside = |c: &&char| c.is_ascii_digit() || "ivxlc*".contains(**c);
    let mark = chars.iter().skip(at + 1).take_while(inside).take(6).count();
    let opens = chars.get(at) == Some(&'[') && chars.get(at + 1 + mark) == Some(&']');
    if opens && mark > 0 { at + mark + 2 } else { at }
}

/// The word from `from` on, without opening quotes and brackets.
fn next_word(chars: &[char], from: usize) -> String {
    chars
        .iter()
        .skip(from)
        .skip_while(|c| "\"'“‘«([".contains(**c))
        .take_while(|c| c.is_alphanumeric() || **c == '\'' || **c == '§')
        .take(24)
        .collect()
}

/// A full stop, where its sentence began and where the next word begins.
struct Stop {
    begin: usize,
    at: usize,
    next: usize,
}

impl Stop {
    /// Whether it ends the sentence.
    fn ends(&self, chars: &[char], next: &str) -> bool {
        let is_part = |c: &&char| c.is_alphanumeric() || ".'&§¶-".contains(**c);
        let back = chars.iter().take(self.at).rev().take_while(is_part).take(32);
        let mut word: Vec<char> = back.copied().collect();
        word.reverse();
        let first = self.at - word.len();
        // A number or letter at the start of a sentence counts a clause: "1. The", "IV. The".
        let opens = chars
            .get(self.begin..first)
            .is_some_and(|lead| lead.iter().all(|c| c.is_whitespace() || "([#*•".contains(*c)));
        let counts = |c: &char| c.is_ascii_digit() || *c == '.' || "IVXLC".contains(*c);
        if opens && (word.len() == 1 || word.len() <= 8 && word.iter().all(counts)) {
            return false;
        }
        let word: String = word.into_iter().flat_map(char::to_lowercase).collect();
        let word = word.trim_start_matches(['.', '\'', '-']);
        if NEVER.contains(&word) {
            return false;
        }
        let letters: Vec<&str> = word.split('.').collect();
        let alone = word.chars().count() == 1 && word.chars().all(char::is_alphabetic);
        let dotted = letters.len() > 1
            && letters.iter().all(|part| (1..=2).contains(&part.chars().count()))
            && word.chars().any(char::is_alphabetic);
        if alone || dotted || SELDOM.contains(&word) {
            // "Ex. A." and "Dr. I. Smith": a letter with its own full stop begins nothing.
            let after = chars.get(self.next + next.chars().count());
            let initial = next.chars().count() == 1 && after == Some(&'.');
            return !initial
                && next.starts_with(char::is_uppercase)
                && BEGINNERS.contains(&next.to_lowercase().as_str());
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(text: &str) -> Vec<String> {
        let chars: Vec<char> = text.chars().collect();
        sentences(text)
            .into_iter()
            .map(|range| chars[range.start as usize..range.end as usize].iter().collect())
            .collect()
    }

    /// `|` marks each expected end.
    #[test]
    fn sentences_end_where_readers_end_them() {
        let table = [
            "One. |Two! |Three? |Four",
            "See No. 5 of the list. |It applies.",
            "The answer is no. |The court agrees.",
            "Under 45 C.F.R. § 164.312(b), audit controls apply. |They are required.",
            "See § 164.312(b). |Audit controls apply.",
            "Smith v. Jones, 410 U.S. 113 (9th Cir. 2001), controls. |We follow it.",
            "Acme Inc. and Beta Corp. agree. |Each pays.",
            "This Agreement is made by Acme Inc. |The parties agree.",
            "Dr. A. B. Smith saw Mr. Jones at 5 p.m. on Jan. 5, 2020. |He left.",
            "He arrived at 5 p.m. |He left.",
            "Give 2.5 mg p.o. b.i.d. for 5 days. |Then stop.",
            "Temp. was 38.5 C. |Patient denies pain.",
            "The fee is $1,250.00. |It is due.",
            "He said \"Stop.\" |She went on.",
            "It ends (see below.) |Next one.",
            "The \"Company\" (Acme, Inc.) shall pay. |It shall not delay.",
            "1. The fee is due. |2. The term ends.",
            "1.1 Definitions. |In this Agreement words matter.",
            "Line one goes\non here. |Line two.",
            "A paragraph without stop\n\n|Another one",
            "The party shall:\n|(a) pay the fee;\n|(b) keep records; and\n|(c) give notice.",
            "as set out in Section\n3.2 of this Agreement. |It applies.",
            "ARTICLE IV\n|The term is five years. |It renews.",
            "WARRANTIES\n|None are given.",
            "Wait... |What? |Yes.",
            "e.g. Apples and i.e. Pears are fruit.",
            "Fees et al. are due, etc. |The rest follows.",
            "Version 2.0. is out. |Get it.",
            "  lead and trail.  |  Next.  ",
            "Pursuant to Fed. R. Civ. P. 12(b)(6), dismissal is proper. |So ordered.",
            "See Ex. A. |The exhibit shows it.",
            "See Exhibit A. |The exhibit shows it.",
            "It ends.[1] |Next one [2] is.[xiv] |Last [sic].[",
            "vitamin C. |The dose is 5 mg. |Take daily.",
            "第一句。|第二句。",
        ];
        for marked in table {
            let expected: Vec<String> = marked.split('|').map(|s| s.trim().to_owned()).collect();
            assert_eq!(split(&marked.replace('|', "")), expected, "{marked:?}");
        }
    }

    #[test]
    fn a_row_of_a_table_is_one_sentence() {
        let rows = ["Drug | Dose", "Heparin | 80 units. Check the aPTT. Then stop", "1. Aspirin |"];
        let text = format!("Doses are below. See them.\n\n{}\nAfter that it ends", rows.join("\n"));
        let expected = [&["Doses are below.", "See them."], &rows[..], &["After that it ends"]];
        assert_eq!(split(&text), expected.concat());
    }

    proptest! {
        /// Every character that is not white space is in exactly one sentence, in order.
        #[test]
        fn sentences_tile_the_text(text in "([A-Za-z0-9.!?()\"“” \n§;:,|-]|1\\. |No\\. | \\| |é){0,200}") {
            let chars: Vec<char> = text.chars().collect();
            let mut at = 0;
            for range in sentences(&text) {
                prop_assert!(range.start < range.end);
                let (start, end) = (range.start as usize, range.end as usize);
                prop_assert!(chars[at..start].iter().all(|c| c.is_whitespace()));
                prop_assert!(!chars[start].is_whitespace() && !chars[end - 1].is_whitespace());
                at = end;
            }
            prop_assert!(chars[at..].iter().all(|c| c.is_whitespace()));
        }
    }
}
