//! The numbers of clauses and list items, counted as Word counts them (ISO/IEC 29500-1, 17.9).
//!
//! Numbers are not in the text of a DOCX: a paragraph names a list (`num`) and a level; the list's
//! definition (`abstractNum`) says how each level starts, counts and looks. Lists of one definition
//! count together; one that overrides a start begins there when it is first used.

use std::collections::{HashMap, HashSet};

use crate::document::office::Element;

use super::styles::Listed;

/// Levels of a list.
const LEVELS: usize = 9;
/// Roman numbers and letters beyond this are written in digits.
const LETTERS_MAX: u32 = 780;

/// How one level counts and looks.
#[derive(Clone, Debug)]
struct Level {
    start: u32,
    format: String,
    /// `%1.%2`: the numbers of the levels named.
    text: String,
    /// Begins again after a level above this one (1 is the outermost); 0 never.
    restart: Option<usize>,
    /// Shows all numbers in digits.
    legal: bool,
    /// No space between number and text.
    tight: bool,
    /// The style whose paragraphs are on this level.
    style: Option<String>,
}

impl Level {
    fn of(level: &Element) -> Self {
        let number = |name: &str| level.value(name).and_then(|value| value.parse().ok());
        Self {
            start: number("start").unwrap_or(0),
            format: level.value("numFmt").unwrap_or("decimal").to_owned(),
            text: level.value("lvlText").unwrap_or_default().to_owned(),
            restart: number("lvlRestart").map(|n| n as usize),
            legal: level.toggle("isLgl").unwrap_or(false),
            tight: level.value("suff") == Some("nothing"),
            style: level.value("pStyle").map(str::to_owned),
        }
    }
}

/// A list: its definition, with its own levels and starts.
#[derive(Debug, Default)]
struct List {
    definition: u32,
    levels: HashMap<usize, Level>,
    starts: HashMap<usize, u32>,
}

/// Definitions and lists of a document, and how far each has counted.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    definitions: HashMap<u32, HashMap<usize, Level>>,
    /// Definitions that stand for another: by a style that names its list.
    links: HashMap<u32, String>,
    lists: HashMap<u32, List>,
    counts: HashMap<u32, [Option<u32>; LEVELS]>,
    /// Lists and levels whose own start was used.
    begun: HashSet<(u32, usize)>,
}

impl Numbering {
    pub(super) fn of(part: &Element) -> Self {
        let mut numbering = Self::default();
        for element in part.elements() {
            let id = |name: &str| element.attribute(name).and_then(|id| id.parse::<u32>().ok());
            if let (Some(id), "abstractNum") = (id("abstractNumId"), &*element.name) {
                numbering.definitions.insert(id, levels(element));
                if let Some(style) = element.value("numStyleLink") {
                    numbering.links.insert(id, style.to_owned());
                }
            } else if let (Some(id), "num") = (id("numId"), &*element.name) {
                numbering.lists.insert(id, list(element));
            }
        }
        numbering
    }

    /// Counts a paragraph and gives its number with the space after it; `None` where it has none.
    ///
    /// * `style`: the paragraph's style: it may be what puts it on its level.
    /// * `of_style`: the list that a style names.
    pub(super) fn label(
        &mut self,
        listed: Listed,
        style: Option<&str>,
        of_style: &dyn Fn(&str) -> Listed,
    ) -> Option<String> {
        // List 0 takes a paragraph out of its style's list.
        let id = listed.list.filter(|id| *id > 0)?;
        let list = self.lists.get(&id)?;
        let mut definition = list.definition;
        if let Some(linked) = self.links.get(&definition)
            && let Some(to) = of_style(linked).list.and_then(|id| self.lists.get(&id))
        {
            definition = to.definition;
        }
        let known = self.definitions.get(&definition)?;
        let by_style = || {
            let named =
                |level: &&usize| known.get(*level).is_some_and(|l| l.style.as_deref() == style);
            style.and_then(|_| known.keys().find(named).copied())
        };
        let at = listed.level.or_else(by_style).unwrap_or(0).min(LEVELS - 1);
        let level_at = |at: usize| list.levels.get(&at).or_else(|| known.get(&at));
        let level = level_at(at)?.clone();
        let first = |at: usize| {
            list.starts.get(&at).copied().or_else(|| level_at(at).map(|level| level.start))
        };
        let counts = self.counts.entry(definition).or_default();
        let restarts = list.starts.contains_key(&at) && self.begun.insert((id, at));
        let before = counts.get(at).copied().flatten().filter(|_| !restarts);
        let count = before.map_or(first(at).unwrap_or(1), |count| count.saturating_add(1));
        for (deeper, own) in counts.iter_mut().enumerate().skip(at) {
            let after = level_at(deeper).and_then(|level| level.restart);
            if deeper == at {
                *own = Some(count);
            } else if after.is_none_or(|after| at < after) {
                *own = None;
            }
        }
        let number = |of: usize| {
            let format = level_at(of).map_or("decimal", |level| level.format.as_str());
            let count = counts.get(of).copied().flatten().or_else(|| first(of)).unwrap_or(1);
            formatted(count, if level.legal { "decimal" } else { format })
        };
        let text =
            if level.format == "bullet" { "•".to_owned() } else { filled(&level.text, number) };
        let space = if level.tight { "" } else { " " };
        (!text.trim().is_empty()).then(|| format!("{}{space}", text.trim()))
    }
}

fn levels(of: &Element) -> HashMap<usize, Level> {
    let numbered =
        |level: &Element| Some((level.attribute("ilvl")?.parse().ok()?, Level::of(level)));
    of.elements().filter(|level| *level.name == *"lvl").filter_map(numbered).collect()
}

fn list(num: &Element) -> List {
    let definition = num.value("abstractNumId").and_then(|id| id.parse().ok()).unwrap_or(u32::MAX);
    let mut list = List { definition, ..List::default() };
    for own in num.elements().filter(|own| *own.name == *"lvlOverride") {
        let Some(at) = own.attribute("ilvl").and_then(|at| at.parse().ok()) else { continue };
        list.levels.extend(levels(own));
        if let Some(start) = own.value("startOverride").and_then(|start| start.parse().ok()) {
            list.starts.insert(at, start);
        }
    }
    list
}

/// `%1` to `%9` filled in.
fn filled(pattern: &str, number: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek().and_then(|next| next.to_digit(10)) {
            Some(level @ 1..=9) if c == '%' => {
                chars.next();
                text.push_str(&number(level as usize - 1));
            }
            // Fonts of symbols put their letters where no characters are.
            _ if ('\u{e000}'..='\u{f8ff}').contains(&c) => text.push('•'),
            _ => text.push(c),
        }
    }
    text
}

/// A number as its format writes it (17.18.59).
pub(super) fn formatted(count: u32, format: &str) -> String {
    match format {
        "none" => String::new(),
        "decimalZero" => format!("{count:02}"),
        "upperRoman" => roman(count),
        "lowerRoman" => roman(count).to_lowercase(),
        "upperLetter" => letters(count),
        "lowerLetter" => letters(count).to_lowercase(),
        "ordinal" => format!("{count}{}", ending(count)),
        "ordinalText" => word(&ORDINALS, count),
        "cardinalText" => word(&CARDINALS, count),
        _ => count.to_string(),
    }
}

const ORDINALS: [&str; 12] = [
    "First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth", "Tenth",
    "Eleventh", "Twelfth",
];
const CARDINALS: [&str; 12] = [
    "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven",
    "Twelve",
];

fn word(words: &[&str], count: u32) -> String {
    let index = (count as usize).checked_sub(1);
    let word = index.and_then(|index| words.get(index));
    word.map_or_else(|| count.to_string(), |word| (*word).to_owned())
}

fn ending(count: u32) -> &'static str {
    match (count % 10, count % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    }
}

/// A, B, … Z, AA, BB: the letter repeated, as Word does.
fn letters(count: u32) -> String {
    match count {
        0 => String::new(),
        1..=LETTERS_MAX => {
            let letter = char::from(b'A' + ((count - 1) % 26) as u8);
            std::iter::repeat_n(letter, ((count - 1) / 26 + 1) as usize).collect()
        }
        _ => count.to_string(),
    }
}

fn roman(count: u32) -> String {
    const SIGNS: [(u32, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    if count == 0 || count > LETTERS_MAX {
        return count.to_string();
    }
    let mut left = count;
    let mut text = String::new();
    for (value, sign) in SIGNS {
        while left >= value {
            text.push_str(sign);
            left -= value;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::guard::Watch;
    use crate::document::office::Xml;

    #[test]
    fn numbers_are_written_as_word_writes_them() {
        let table = [
            (4, "decimal", "4"),
            (4, "decimalZero", "04"),
            (4, "upperRoman", "IV"),
            (49, "lowerRoman", "xlix"),
            (1, "lowerLetter", "a"),
            (28, "upperLetter", "BB"),
            (0, "lowerLetter", ""),
            (22, "ordinal", "22nd"),
            (112, "ordinal", "112th"),
            (2, "ordinalText", "Second"),
            (13, "cardinalText", "13"),
            (9, "chicago", "9"),
            (4_000_000_000, "upperRoman", "4000000000"),
            (3, "none", ""),
        ];
        for (count, format, expected) in table {
            assert_eq!(formatted(count, format), expected, "{count} {format}");
        }
    }

    /// Level by level: `1.`, `1.1`, `(a)`; list 2 counts on with list 1, list 3 begins at 5.
    const PART: &str = r#"<numbering>
        <abstractNum abstractNumId="0">
            <lvl ilvl="0"><start val="1"/><numFmt val="upperRoman"/><pStyle val="H1"/><lvlText val="ARTICLE %1."/></lvl>
            <lvl ilvl="1"><start val="1"/><numFmt val="decimal"/><isLgl/><lvlText val="%1.%2"/></lvl>
            <lvl ilvl="2"><start val="1"/><numFmt val="lowerLetter"/><suff val="nothing"/><lvlText val="(%3)"/></lvl>
            <lvl ilvl="3"><start val="1"/><numFmt val="decimal"/><lvlRestart val="0"/><lvlText val="[%4]"/></lvl>
        </abstractNum>
        <abstractNum abstractNumId="1"><lvl ilvl="0"><numFmt val="bullet"/><lvlText val=""/></lvl></abstractNum>
        <abstractNum abstractNumId="2"><numStyleLink val="Clauses"/></abstractNum>
        <num numId="1"><abstractNumId val="0"/></num>
        <num numId="2"><abstractNumId val="0"/></num>
        <num numId="3"><abstractNumId val="0"/><lvlOverride ilvl="0"><startOverride val="5"/></lvlOverride></num>
        <num numId="4"><abstractNumId val="1"/></num>
        <num numId="5"><abstractNumId val="2"/></num>
    </numbering>"#;

    #[test]
    fn clauses_are_counted_as_word_counts_them() {
        let part = Xml::whole(PART, &Watch::start(None)).unwrap();
        let mut numbering = Numbering::of(&part);
        let steps = [
            (1, Some(0), Some("ARTICLE I. ")),
            (1, Some(1), Some("1.1 ")),
            (1, Some(2), Some("(a)")),
            (1, Some(3), Some("[1] ")),
            (1, Some(2), Some("(b)")),
            (1, Some(1), Some("1.2 ")),
            (1, Some(2), Some("(a)")),
            (1, Some(3), Some("[2] ")),
            (2, Some(0), Some("ARTICLE II. ")),
            (1, Some(1), Some("2.1 ")),
            (3, Some(0), Some("ARTICLE V. ")),
            (3, Some(0), Some("ARTICLE VI. ")),
            (1, None, Some("ARTICLE VII. ")),
            (5, Some(0), Some("ARTICLE VIII. ")),
            (4, Some(0), Some("• ")),
            (0, Some(0), None),
            (9, Some(0), None),
            (1, Some(7), None),
        ];
        let clauses = |_: &str| Listed { list: Some(1), level: None };
        for (step, (list, level, expected)) in steps.into_iter().enumerate() {
            let listed = Listed { list: Some(list), level };
            let label = numbering.label(listed, Some("H1"), &clauses);
            assert_eq!(label.as_deref(), expected, "step {step}");
        }
    }
}
