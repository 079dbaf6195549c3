//! Composes a page's text and positions from its lines.

use std::collections::HashSet;

use crate::document::geometry::{LineGeometry, PageGeometry};

use super::lines::{Line, SOFT_HYPHEN, down};

/// A step between lines this many times the usual one begins a paragraph.
const PARAGRAPH_STEP: f64 = 1.4;
/// Words remembered to tell hyphenated words from compound ones.
const WORDS_MAX: usize = 100_000;

/// A page's text, where it stands, and how large each line is.
pub(in crate::document) struct Composed {
    pub(in crate::document) text: String,
    pub(in crate::document) geometry: PageGeometry,
    /// Start, end and letter size of each line.
    pub(in crate::document) sizes: Vec<(u32, u32, f32)>,
    /// Start and end of each recognised word, and how sure its least sure letter is.
    pub(in crate::document) words: Vec<(u32, u32, u8)>,
}

/// Composes pages; remembers the document's words from page to page.
#[derive(Default)]
pub(in crate::document) struct Composer {
    /// Words of the document so far, compounds with their hyphens.
    words: HashSet<String>,
    /// Whether the page at hand breaks words at the ends of lines as a habit.
    hyphenates: bool,
}

impl Composer {
    pub(in crate::document) fn page(&mut self, lines: &[Line], size: [f32; 2]) -> Composed {
        self.learn(lines);
        self.hyphenates = hyphenates(lines);
        let usual = usual_step(lines);
        let mut text = String::new();
        let mut at = 0_u32;
        let mut composed = Composed {
            text: String::new(),
            geometry: PageGeometry { size, lines: Vec::with_capacity(lines.len()) },
            sizes: Vec::with_capacity(lines.len()),
            words: Vec::new(),
        };
        for (index, line) in lines.iter().enumerate() {
            let next = lines.get(index + 1);
            let end = next.map_or(LineEnd::None, |next| self.line_end(line, next, usual));
            let dropped = usize::from(end == LineEnd::JoinWithoutHyphen);
            let kept = line.chars.len().saturating_sub(dropped);
            let chars = || line.chars.iter().take(kept).filter(|placed| placed.c != SOFT_HYPHEN);
            let (left, _) = line.extent();
            let origin = line.along * left + down(line.along) * line.across;
            composed.geometry.lines.push(LineGeometry::new(
                at,
                [origin.x as f32, origin.y as f32],
                [line.along.x as f32, line.along.y as f32],
                line.reach(),
                chars().map(|placed| ((placed.left - left) as f32, (placed.right - left) as f32)),
            ));
            let start = at;
            let mut word: Option<(u32, u8)> = None;
            for placed in chars() {
                if let Some(sure) = placed.sure.filter(|_| placed.c != ' ') {
                    let begun = word.map(|(from, least)| (from, least.min(sure)));
                    word = begun.or(Some((at, sure)));
                } else {
                    composed.words.extend(word.take().map(|(from, sure)| (from, at, sure)));
                }
                text.push(placed.c);
                at += 1;
            }
            composed.words.extend(word.map(|(from, sure)| (from, at, sure)));
            composed.sizes.push((start, at, line.size as f32));
            let between = match end {
                LineEnd::None | LineEnd::Join | LineEnd::JoinWithoutHyphen => "",
                LineEnd::Line => "\n",
                LineEnd::Paragraph => "\n\n",
            };
            text.push_str(between);
            at += between.len() as u32;
        }
        composed.text = text;
        composed
    }

    fn learn(&mut self, lines: &[Line]) {
        for line in lines {
            if self.words.len() >= WORDS_MAX {
                return;
            }
            let text = line.text();
            // The last word of a hyphenated line is half a word.
            let whole = text
                .strip_suffix(['-', SOFT_HYPHEN])
                .map_or(text.as_str(), |cut| cut.rsplit_once(' ').map_or("", |(before, _)| before));
            let words = whole.split(|c: char| !c.is_alphabetic() && c != '-');
            self.words.extend(words.filter(|word| word.len() > 3).map(str::to_lowercase));
        }
    }

    fn line_end(&self, line: &Line, next: &Line, usual: Option<f64>) -> LineEnd {
        let turned = line.along.dot(next.along) < 0.99;
        let step = next.across - line.across;
        let wide = usual.is_some_and(|usual| step > PARAGRAPH_STEP * usual)
            && step > 1.2 * line.size.max(next.size);
        if turned || wide {
            return LineEnd::Paragraph;
        }
        let mut back = line.chars.iter().rev().map(|placed| placed.c);
        let starts_small = next.chars.first().is_some_and(|first| first.c.is_lowercase());
        match (back.next(), back.next()) {
            (Some(SOFT_HYPHEN), Some(_)) if starts_small => LineEnd::JoinWithoutHyphen,
            (Some('-' | '\u{2010}'), Some(before)) if before.is_lowercase() && starts_small => {
                let half: String = back.take_while(|c| c.is_alphabetic()).collect();
                let half: String = half.chars().rev().chain([before]).collect();
                let rest = next.chars.iter().map(|placed| placed.c);
                let rest: String = rest.take_while(|c| c.is_alphabetic()).collect();
                let known = |word: String| self.words.contains(&word.to_lowercase());
                let compound = known(format!("{half}-{rest}"));
                if known(format!("{half}{rest}")) || (self.hyphenates && !compound) {
                    LineEnd::JoinWithoutHyphen
                } else {
                    LineEnd::Join
                }
            }
            _ => LineEnd::Line,
        }
    }
}

/// How a line goes over into the next.
#[derive(Clone, Copy, Eq, PartialEq)]
enum LineEnd {
    Join,
    JoinWithoutHyphen,
    Line,
    None,
    Paragraph,
}

/// Whether a page breaks words at line ends so often that a hyphen there means nothing else.
fn hyphenates(lines: &[Line]) -> bool {
    let broken = |line: &&Line| {
        let mut back = line.chars.iter().rev().map(|placed| placed.c);
        matches!(back.next(), Some('-' | '\u{2010}')) && back.next().is_some_and(char::is_lowercase)
    };
    let count = lines.iter().filter(broken).count();
    count >= 3 && count * 25 > lines.len()
}

/// The usual step from one line down to the next: the median.
fn usual_step(lines: &[Line]) -> Option<f64> {
    let mut steps: Vec<f64> = lines
        .windows(2)
        .filter_map(|pair| match pair {
            [a, b] if a.along.dot(b.along) > 0.99 => Some((b.across - a.across, a.size)),
            _ => None,
        })
        .filter(|(step, size)| *step > 0.5 * size && *step < 4.0 * size)
        .map(|(step, _)| step)
        .collect();
    steps.sort_by(f64::total_cmp);
    steps.get(steps.len() / 2).copied()
}
