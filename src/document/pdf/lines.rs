//! Groups glyphs into lines of characters.
//!
//! Glyphs are taken in the order drawn, which is reading order in nearly all documents. A gap is a
//! space, a move across is a new line, a long step back too. Lines written from right to left are
//! drawn in any order: they are sorted by place before their gaps are looked at.

use hayro_interpret::kurbo::Vec2;
use unicode_normalization::UnicodeNormalization;

use crate::document::decode::is_unseen;

use super::listen::Glyph;

/// Gaps wider than this share of the letters' size are spaces.
const SPACE_GAP: f64 = 0.15;
/// A step back by more than this many sizes begins another line.
const BACK_GAP: f64 = 1.0;
/// A move across by more than this share of the size begins another line.
const ACROSS: f64 = 0.5;
/// How far letters reach above and below the baseline, as a share of their size.
const ABOVE: f64 = 0.78;
const BELOW: f64 = 0.22;
/// Where a hyphen may be taken out at the end of a line.
pub(super) const SOFT_HYPHEN: char = '\u{ad}';

/// One character and its extent along its line.
#[derive(Clone, Copy, Debug)]
pub(in crate::document) struct Placed {
    pub(in crate::document) c: char,
    pub(in crate::document) left: f64,
    pub(in crate::document) right: f64,
    /// How sure it is, where it was recognised.
    pub(in crate::document) sure: Option<u8>,
}

/// Characters on one baseline, in the order they are read.
#[derive(Debug)]
pub(in crate::document) struct Line {
    /// Unit vector of writing.
    pub(super) along: Vec2,
    /// Position of the baseline across `along`.
    pub(super) across: f64,
    /// Largest size of its letters.
    pub(super) size: f64,
    pub(super) chars: Vec<Placed>,
    /// Leftmost and rightmost place so far.
    from: f64,
    to: f64,
    right_to_left: bool,
}

impl Line {
    /// A line of characters that are in order and spaced already.
    pub(in crate::document) fn of(along: Vec2, across: f64, size: f64, chars: Vec<Placed>) -> Self {
        let mut line =
            Self { along, across, size, chars, from: 0.0, to: 0.0, right_to_left: false };
        (line.from, line.to) = line.extent();
        line
    }

    fn begin(glyph: &Glyph) -> Self {
        Self {
            along: glyph.along,
            across: across(glyph),
            size: glyph.size,
            chars: Vec::new(),
            from: f64::MAX,
            to: f64::MIN,
            right_to_left: false,
        }
    }

    /// Extent along the line.
    pub(super) fn extent(&self) -> (f64, f64) {
        let left = self.chars.iter().map(|placed| placed.left).fold(f64::MAX, f64::min);
        let right = self.chars.iter().map(|placed| placed.right).fold(f64::MIN, f64::max);
        (left, right)
    }

    fn goes_on_in(&self, next: &Self) -> bool {
        let size = self.size.max(next.size);
        let near = BACK_GAP * size;
        (self.right_to_left || next.right_to_left)
            && self.along.dot(next.along) >= 0.99
            && (self.across - next.across).abs() <= ACROSS * size
            && next.from <= self.to + near
            && next.to >= self.from - near
    }

    fn absorb(&mut self, next: Self) {
        self.size = self.size.max(next.size);
        self.from = self.from.min(next.from);
        self.to = self.to.max(next.to);
        self.right_to_left = true;
        self.chars.extend(next.chars);
    }

    /// How far it reaches above and below its baseline.
    pub(super) fn reach(&self) -> [f32; 2] {
        [(self.size * ABOVE) as f32, (self.size * BELOW) as f32]
    }

    pub(super) fn text(&self) -> String {
        self.chars.iter().map(|placed| placed.c).collect()
    }
}

/// The unit vector across, a quarter turn clockwise on the page: downwards for level text.
pub(super) fn down(along: Vec2) -> Vec2 {
    Vec2::new(-along.y, along.x)
}

fn across(glyph: &Glyph) -> f64 {
    glyph.at.dot(down(glyph.along))
}

/// Groups glyphs into lines; counts glyphs whose character is not known.
pub(super) fn group(glyphs: &[Glyph]) -> (Vec<Line>, usize) {
    let mut lines: Vec<Line> = Vec::new();
    let mut unknown = 0;
    let mut open: Option<Line> = None;
    for glyph in glyphs {
        let text = spell(glyph);
        unknown += usize::from(glyph.says.is_none());
        if text.is_empty() {
            continue;
        }
        let blank = text.iter().all(|c| *c == ' ');
        let left = glyph.at.dot(glyph.along);
        let right = left + glyph.advance;
        let joined = open.as_mut().and_then(|line| {
            let space = joins(line, glyph, left, right, &text)?;
            Some((line, space))
        });
        match joined {
            Some((line, space)) => {
                if let Some((from, to)) = space
                    && line.chars.last().is_some_and(|last| last.c != ' ')
                    && !blank
                {
                    line.chars.push(Placed { c: ' ', left: from, right: to, sure: None });
                }
                line.size = line.size.max(glyph.size);
                add(line, &text, left, right);
            }
            None => {
                lines.extend(open.take());
                if !blank {
                    let mut line = Line::begin(glyph);
                    add(&mut line, &text, left, right);
                    open = Some(line);
                }
            }
        }
    }
    lines.extend(open);
    (united(lines).into_iter().filter_map(finish).collect(), unknown)
}

/// Puts together what is on one line from right to left: a Latin word in it begins far from where
/// the word before it ended.
fn united(lines: Vec<Line>) -> Vec<Line> {
    let mut united: Vec<Line> = Vec::with_capacity(lines.len());
    for mut line in lines {
        // What comes now may be what stands between the lines before.
        while let Some(mut last) = united.pop_if(|last| last.goes_on_in(&line)) {
            last.absorb(line);
            line = last;
        }
        united.push(line);
    }
    united
}

/// Whether a glyph goes on a line: `Some` of the space before it, if any.
#[expect(clippy::option_option, reason = "two questions in one: does it join, and with what gap")]
fn joins(
    line: &Line,
    glyph: &Glyph,
    left: f64,
    right: f64,
    text: &[char],
) -> Option<Option<(f64, f64)>> {
    let last = line.chars.last()?;
    let size = line.size.max(glyph.size);
    if line.along.dot(glyph.along) < 0.99 || (across(glyph) - line.across).abs() > ACROSS * size {
        return None;
    }
    if line.right_to_left || text.iter().any(|c| is_right_to_left(*c)) {
        // Spaces come later, once everything is in its place.
        let near = BACK_GAP * size;
        return (left <= line.to + near && right >= line.from - near).then_some(None);
    }
    let wide = SPACE_GAP * glyph.size;
    let gap = left - last.right;
    (gap >= -BACK_GAP * size).then(|| (gap > wide).then_some((last.right, left)))
}

/// Adds a glyph's characters, its width shared among them.
fn add(line: &mut Line, text: &[char], left: f64, right: f64) {
    let width = (right - left) / text.len().max(1) as f64;
    line.from = line.from.min(left);
    line.to = line.to.max(right);
    for (index, c) in text.iter().enumerate() {
        let doubled = *c == ' ' && line.chars.last().is_some_and(|last| last.c == ' ');
        if doubled {
            if let Some(last) = line.chars.last_mut() {
                last.right = last.right.max(right);
            }
            continue;
        }
        let from = left + width * index as f64;
        line.right_to_left |= is_right_to_left(*c);
        line.chars.push(Placed { c: *c, left: from, right: from + width, sure: None });
    }
}

/// Trims a line and puts it into reading order; `None` where nothing is on it.
fn finish(mut line: Line) -> Option<Line> {
    if line.right_to_left {
        line.chars.sort_by(|a, b| a.left.total_cmp(&b.left));
        line.chars = with_gaps(&line.chars, SPACE_GAP * line.size);
        to_reading_order(&mut line.chars);
    }
    let blank = |placed: &Placed| placed.c == ' ';
    let lead = line.chars.iter().take_while(|placed| blank(placed)).count();
    line.chars.drain(..lead);
    while line.chars.last().is_some_and(blank) {
        line.chars.pop();
    }
    (!line.chars.is_empty()).then_some(line)
}

/// Characters in the order of their place, with one space in every gap.
fn with_gaps(chars: &[Placed], wide: f64) -> Vec<Placed> {
    let mut spaced: Vec<Placed> = Vec::with_capacity(chars.len());
    for placed in chars.iter().copied() {
        let reached = spaced.last().map_or(placed.left, |last| last.right);
        let after_space = spaced.last().is_none_or(|last| last.c == ' ');
        if placed.c == ' ' && after_space {
            continue;
        }
        if placed.left - reached > wide && !after_space && placed.c != ' ' {
            spaced.push(Placed { c: ' ', left: reached, right: placed.left, sure: None });
        }
        spaced.push(placed);
    }
    spaced
}

/// From left to right on the page to the order in which a mostly right-to-left line is read.
fn to_reading_order(chars: &mut [Placed]) {
    let backward = chars.iter().filter(|placed| is_right_to_left(placed.c)).count();
    let forward = chars.iter().filter(|placed| placed.c.is_alphabetic()).count() - backward;
    let leads = backward >= forward;
    if leads {
        chars.reverse();
    }
    // Runs of the other direction are turned back: numbers and Latin words, or Hebrew in English.
    let other = |c: char| {
        if leads { c.is_alphanumeric() && !is_right_to_left(c) } else { is_right_to_left(c) }
    };
    let inner = |c: char| other(c) || " .,:/-+%".contains(c);
    let mut at = 0;
    while at < chars.len() {
        let run = chars.iter().skip(at).take_while(|placed| inner(placed.c)).count();
        let starts = chars.get(at).is_some_and(|placed| other(placed.c));
        let part = chars.get(at..at + run).unwrap_or_default();
        let length = part.iter().rposition(|placed| other(placed.c)).map_or(0, |last| last + 1);
        if starts && length > 0 {
            if let Some(part) = chars.get_mut(at..at + length) {
                part.reverse();
            }
            at += length;
        } else {
            at += 1;
        }
    }
}

fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
        && c.is_alphabetic()
}

/// The characters that a glyph stands for: ligatures spelt out, spaces plain, unseen ones gone.
fn spell(glyph: &Glyph) -> Vec<char> {
    let mut text = Vec::new();
    match &glyph.says {
        None => text.push(char::REPLACEMENT_CHARACTER),
        Some(says) => says.chars().for_each(|c| spell_char(c, &mut text)),
    }
    // On the page a right-to-left ligature stands backward, like everything around it.
    if text.len() > 1 && text.iter().all(|c| is_right_to_left(*c)) {
        text.reverse();
    }
    text
}

fn spell_char(c: char, text: &mut Vec<char>) {
    match c {
        SOFT_HYPHEN => text.push(c),
        // Symbol fonts keep bullets in the private area.
        '\u{f0b7}' | '\u{f0a7}' | '\u{f076}' => text.push('•'),
        c if c.is_whitespace() => text.push(' '),
        c if c.is_control() || is_unseen(c) => {}
        // Presentation forms: "ﬁ" is "fi".
        '\u{fb00}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' => text.extend(std::iter::once(c).nfkc()),
        c => text.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::pdf::listen::Says;

    /// Letters of one em's half, each pair the place and what stands there, in the order drawn.
    fn drawn(words: &[(f64, &str)]) -> Vec<Glyph> {
        let letter = |at: f64, c: char| Glyph {
            says: Some(Says::Char(c)),
            at: Vec2::new(at, 100.0),
            along: Vec2::new(1.0, 0.0),
            advance: 5.0,
            size: 10.0,
            order: 0,
            colour: None,
            unpainted: false,
            transparent: false,
            clipped: false,
        };
        let places = words.iter().flat_map(|(from, word)| {
            word.chars().enumerate().map(|(index, c)| (5.0f64.mul_add(index as f64, *from), c))
        });
        places.map(|(at, c)| letter(at, c)).collect()
    }

    #[test]
    fn lines_from_right_to_left_read_alike_in_whatever_order_they_are_drawn() {
        // On the page: "vav python shalom", the Hebrew letters backward as they stand.
        let words = [(0.0, "וו"), (15.0, "python"), (50.0, "םולש")];
        let order = [[0, 1, 2], [2, 1, 0], [2, 0, 1], [1, 2, 0], [1, 0, 2], [0, 2, 1]];
        for order in order {
            let (lines, _) = group(&drawn(&order.map(|at| words[at])));
            let text: Vec<String> = lines.iter().map(Line::text).collect();
            assert_eq!(text.join("|"), "שלום python וו", "{order:?}");
        }
    }

    #[test]
    fn columns_from_right_to_left_stay_apart() {
        let (lines, _) = group(&drawn(&[(200.0, "םולש"), (0.0, "וו")]));
        assert_eq!(lines.len(), 2);
    }
}
