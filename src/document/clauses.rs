//! Numbered clauses and headings, told by a line's own words.

/// A clause number or bullet at the start of a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Marker {
    /// 1 for ARTICLE, 2 for "Section 3" and "1.", 3 for "Section 3.2" and "1.1", … 5 for "(a)", 7 for a bullet.
    pub(super) level: u8,
    /// Its length in code points, with the white space after it.
    pub(super) chars: usize,
}

/// Words that open a division, with its level.
const DIVISIONS: [(&str, u8); 13] = [
    ("annex", 1),
    ("appendix", 1),
    ("article", 1),
    ("attachment", 1),
    ("chapter", 1),
    ("exhibit", 1),
    ("part", 1),
    ("schedule", 1),
    ("title", 1),
    ("clause", 2),
    ("section", 2),
    ("sec.", 2),
    ("§", 2),
];

/// Longest heading, in characters and in words.
const HEADING_CHARS_MAX: usize = 90;
const HEADING_WORDS_MAX: usize = 12;
/// Longest heading that runs into its clause ("1.1 Definitions. In this …"), in words.
const RUN_IN_WORDS_MAX: usize = 8;

/// The marker that a line (without leading white space) starts with.
pub(super) fn marker(line: &str) -> Option<Marker> {
    division(line)
        .or_else(|| numbered(line))
        .or_else(|| bracketed(line))
        .or_else(|| lettered(line))
        .or_else(|| bullet(line))
}

/// Skips `chars` code points and the white space after them.
fn after(line: &str, chars: usize) -> (&str, usize) {
    let rest = line.char_indices().nth(chars).and_then(|(at, _)| line.get(at..)).unwrap_or("");
    let trimmed = rest.trim_start();
    (trimmed, chars + rest.chars().count() - trimmed.chars().count())
}

/// Whether what follows a marker can begin a clause: nothing, or anything but a small letter.
fn begins(rest: &str) -> bool {
    !rest.chars().find(|c| !"\"'“‘([".contains(*c)).is_some_and(char::is_lowercase)
}

/// "ARTICLE IV", "Section 3.2", "Exhibit A": a division word and its number.
fn division(line: &str) -> Option<Marker> {
    let (word, level) = DIVISIONS.iter().copied().find(|(word, _)| {
        let mut own = line.chars();
        word.chars().all(|c| own.next().is_some_and(|o| o.to_lowercase().eq([c])))
    })?;
    // A division begins with a capital: "section 3.2 applies" is a reference.
    if line.starts_with(char::is_lowercase) {
        return None;
    }
    let word_chars = word.chars().count();
    let (rest, at) = after(line, word_chars);
    if at == word_chars && word != "§" {
        return None;
    }
    let number: String =
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || ".-()".contains(*c)).collect();
    let bare = number.trim_end_matches(['.', '-']);
    let capital = |c: char| c.is_ascii_digit() || c.is_ascii_uppercase();
    if bare.is_empty() || bare.len() > 12 || !bare.starts_with(capital) {
        return None;
    }
    // "Section Heading" is no number: letters alone must be a Roman number or one letter.
    let letters = bare.chars().all(|c| c.is_ascii_alphabetic());
    if letters && bare.len() > 1 && !is_roman(bare) {
        return None;
    }
    let (tail, chars) = after(rest, number.chars().count());
    // "Section 2.1" lies under "Section 2".
    let dots = bare.chars().filter(|c| *c == '.').count().min(2) as u8;
    let level = if level == 1 { 1 } else { level + dots };
    let tail_mark = tail.starts_with([':', '–', '—', '-', '.']);
    (tail_mark || (begins(tail) && !tail.starts_with([',', ';', ')'])))
        .then_some(Marker { level, chars: at + chars })
}

/// "1.", "12)", "1.1", "1.1.1.": numbers of at most three digits.
fn numbered(line: &str) -> Option<Marker> {
    let number: String =
        line.chars().take_while(|c| c.is_ascii_digit() || *c == '.').take(16).collect();
    let parts: Vec<&str> = number.trim_end_matches('.').split('.').collect();
    if parts.iter().any(|part| part.is_empty() || part.len() > 3) {
        return None;
    }
    let mut chars = number.len();
    let closed = line.get(chars..)?.starts_with(')');
    chars += usize::from(closed);
    let (rest, end) = after(line, chars);
    let spaced = end > chars || rest.is_empty();
    let dotted = number.ends_with('.') || closed || parts.len() > 1;
    // A decimal at the start of a line ("3.5 mg", "1.1 million") goes on in small letters.
    (spaced && dotted && !rest.is_empty() && begins(rest) && !rest.starts_with(is_unit))
        .then_some(Marker { level: (1 + parts.len()).min(5) as u8, chars: end })
}

fn is_unit(c: char) -> bool {
    "%$€£°+=<>/".contains(c)
}

/// "(a)", "(iv)", "(12)".
fn bracketed(line: &str) -> Option<Marker> {
    let inner = line.strip_prefix('(')?;
    let (label, _) = inner.split_once(')')?;
    let good = (1..=5).contains(&label.len())
        && (label.chars().all(|c| c.is_ascii_digit())
            || label.len() <= 2 && label.chars().all(|c| c.is_ascii_alphabetic())
            || is_roman(label));
    let (rest, chars) = after(line, label.chars().count() + 2);
    let roman = label.len() > 1 && is_roman(label);
    (good && label.len() <= 5 && !rest.is_empty())
        .then_some(Marker { level: if roman { 6 } else { 5 }, chars })
}

/// "A.", "IV.", followed by a capital.
fn lettered(line: &str) -> Option<Marker> {
    let (label, _) = line.split_once(['.', ')'])?;
    let good = (label.len() == 1 && label.chars().all(|c| c.is_ascii_uppercase()))
        || (label.len() <= 5 && is_roman(label) && label.starts_with(|c: char| c.is_uppercase()));
    let (rest, chars) = after(line, label.chars().count() + 1);
    (good && chars > label.len() + 1 && rest.starts_with(|c: char| c.is_uppercase()))
        .then_some(Marker { level: 3, chars })
}

fn bullet(line: &str) -> Option<Marker> {
    let first = line.chars().next()?;
    let (rest, chars) = after(line, 1);
    let sign = "•▪●○◦‣■□–—-*+·".contains(first);
    (sign && chars > 1 && !rest.is_empty()).then_some(Marker { level: 7, chars })
}

/// A Roman number of one case.
fn is_roman(word: &str) -> bool {
    let upper = word.chars().all(|c| "IVXLC".contains(c));
    let lower = word.chars().all(|c| "ivxlc".contains(c));
    !word.is_empty() && (upper || lower)
}

/// The heading that a line is or starts with: its level and length in code points.
///
/// A whole line counts where it is short, starts with a marker and reads like a title; a run-in
/// heading where a few capitalised words after a marker end in a full stop.
pub(super) fn heading(line: &str) -> Option<(u8, usize)> {
    let line = line.trim_end();
    let marker = marker(line).filter(|marker| marker.level <= 5)?;
    let rest: String = line.chars().skip(marker.chars).collect();
    let whole = line.chars().count();
    if rest.is_empty() {
        return (marker.level <= 2).then_some((marker.level, whole));
    }
    // "(a)" and its like open headings only by a run-in title.
    if marker.level < 5 && whole <= HEADING_CHARS_MAX && is_title(&rest, HEADING_WORDS_MAX) {
        return Some((marker.level, whole));
    }
    let (title, _) = rest.split_once(". ").or_else(|| rest.strip_suffix('.').map(|t| (t, "")))?;
    is_title(title, RUN_IN_WORDS_MAX)
        .then(|| (marker.level, marker.chars + title.chars().count() + 1))
}

/// Few words, the long ones capitalised, no sentence inside.
fn is_title(text: &str, words_max: usize) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let minor = ["from", "into", "over", "than", "that", "this", "upon", "with"];
    let long = |word: &&&str| {
        word.chars().filter(|c| c.is_alphabetic()).count() > 3 && !minor.contains(*word)
    };
    let small = words.iter().filter(long).filter(|w| w.starts_with(char::is_lowercase)).count();
    (1..=words_max).contains(&words.len())
        && text.starts_with(|c: char| c.is_uppercase() || "\"“".contains(c))
        && !text.ends_with([',', ';'])
        && !text.contains(". ")
        && small == 0
}

/// A line in capitals, short enough for a heading.
pub(super) fn is_capitals(line: &str) -> bool {
    let letters = line.chars().filter(|c| c.is_alphabetic()).count();
    letters >= 4
        && !line.chars().any(char::is_lowercase)
        && letters * 2 > line.chars().filter(|c| !c.is_whitespace()).count()
        && line
            .split_whitespace()
            .any(|word| word.chars().filter(|c| c.is_alphabetic()).count() > 3)
}

/// Whether a line in capitals is short and closed enough to be a heading.
pub(super) fn is_capital_heading(line: &str) -> bool {
    let line = line.trim();
    is_capitals(line) && line.chars().count() <= 80 && !line.ends_with([',', ';', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clause_numbers_are_told_from_numbers() {
        let table: [(&str, Option<u8>); 35] = [
            ("ARTICLE IV", Some(1)),
            ("ARTICLE IV. TERM", Some(1)),
            ("Article 5 – Fees", Some(1)),
            ("Exhibit A", Some(1)),
            ("Schedule 2.1(b)", Some(1)),
            ("Section 3 Fees", Some(2)),
            ("Section 3.2 Fees", Some(3)),
            ("SECTION 3.2. Fees.", Some(3)),
            ("Section 3.2 of this Agreement", None),
            ("section 3.2", None),
            ("Sections apply", None),
            ("Section Heading", None),
            ("Part of the fee", None),
            ("§ 164.312(b) Audit controls", Some(3)),
            ("1. Definitions", Some(2)),
            ("12) Fees", Some(2)),
            ("1.1 Definitions", Some(3)),
            ("1.1.1. Fees", Some(4)),
            ("2019. The year", None),
            ("30 days", None),
            ("3.5 mg daily", None),
            ("3.5 % of", None),
            ("1.1 million", None),
            ("(a) the fee", Some(5)),
            ("(iv) the fee", Some(6)),
            ("(B) The fee", Some(5)),
            ("(the fee)", None),
            ("(see) fee", None),
            ("A. Background", Some(3)),
            ("IV. Argument", Some(3)),
            ("A.B. Smith", None),
            ("• item", Some(7)),
            ("- item", Some(7)),
            ("-5 degrees", None),
            ("", None),
        ];
        for (line, level) in table {
            assert_eq!(marker(line).map(|marker| marker.level), level, "{line:?}");
        }
    }

    #[test]
    fn headings_are_whole_lines_or_run_in() {
        let table: [(&str, Option<(u8, usize)>); 10] = [
            ("ARTICLE IV", Some((1, 10))),
            ("1. Definitions", Some((2, 14))),
            ("1.1 Term and Termination of the Agreement", Some((3, 41))),
            ("1.1 Definitions. In this Agreement the words", Some((3, 16))),
            ("(a) Notice. The party gives notice.", Some((5, 11))),
            ("(a) Notice", None),
            ("1. The party shall pay the fee within thirty days", None),
            ("1.", None),
            ("Section 5. Payment Terms.", Some((2, 25))),
            ("Just a line", None),
        ];
        for (line, expected) in table {
            assert_eq!(heading(line), expected, "{line:?}");
        }
    }
}
