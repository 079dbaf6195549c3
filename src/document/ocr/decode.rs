//! From a recogniser's steps to characters with places, and the gaps between words.
//!
//! The recogniser was taught on scripts without spaces: it drops most of those between English
//! words. They are found again in the ink, helped by what it says of spaces.

use crate::inference::{Guess, Recogniser, Step};

use super::ink::Ink;

/// A blank run this wide, in sizes of the letters, is a space whatever the recogniser says …
const GAP_SURE: f64 = 0.24;
/// … and one this wide where it is sure that it is one.
const GAP_LIKELY: f64 = 0.10;
/// More of the line than this in other scripts: it is read in all of them.
const FOREIGN_SHARE: f32 = 0.5;

/// A character and where it is on the strip, from left to right without gaps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Letter {
    pub(super) c: char,
    pub(super) left: f64,
    pub(super) right: f64,
    /// From 0 to 1; of a space 1.
    pub(super) sure: f32,
}

/// A line as it was read.
pub(super) struct ReadLine {
    pub(super) letters: Vec<Letter>,
    /// Height of the letters' em in pixels of the strip.
    pub(super) size: f64,
    /// Their baseline, from the top of the strip.
    pub(super) baseline: f64,
}

impl ReadLine {
    /// The mean over its letters.
    pub(super) fn sure(&self) -> f32 {
        let letters = || self.letters.iter().filter(|letter| letter.c != ' ');
        let count = letters().count().max(1) as f32;
        letters().map(|letter| letter.sure).sum::<f32>() / count
    }
}

/// Reads a line off its steps and its ink.
///
/// * `stretch`: pixels across for one down.
pub(super) fn decode(steps: &[Step], ink: &Ink, stretch: f64) -> ReadLine {
    let foreign = |step: &&Step| step.any.character.is_some() && step.any != step.latin;
    let said = steps.iter().filter(|step| step.any.character.is_some()).count() as f32;
    let other = steps.iter().filter(foreign).filter(|step| !folds(step)).count() as f32;
    let latin = other <= said * FOREIGN_SHARE;
    let guess = |step: &Step| if latin { step.latin } else { step.any };
    let runs = runs(steps, guess);
    let size = size(&runs, ink);
    ReadLine { letters: placed(&runs, steps, ink, size * stretch), size, baseline: ink.baseline() }
}

/// Whether both guesses are of one sign in two widths.
fn folds(step: &Step) -> bool {
    step.any.probability <= step.latin.probability
}

/// A character and its steps.
struct Run {
    c: char,
    from: usize,
    to: usize,
    sure: f32,
    /// Whether a space was read before it.
    spaced: bool,
}

impl Run {
    /// Its middle in pixels.
    fn middle(&self) -> f64 {
        (self.from + self.to) as f64 / 2.0 * Recogniser::STEP as f64
    }
}

/// Collapses repeated guesses and leaves out the gaps (Graves et al. 2006, section 3.1).
fn runs(steps: &[Step], guess: impl Fn(&Step) -> Guess) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let (mut before, mut spaced) = (None, false);
    for (at, step) in steps.iter().enumerate() {
        let Guess { character, probability } = guess(step);
        match character {
            Some(' ') => spaced = true,
            Some(c) if before == Some(c) => {
                if let Some(run) = runs.last_mut() {
                    run.to = at + 1;
                    run.sure = run.sure.max(probability);
                }
            }
            Some(c) => {
                runs.push(Run { c: spelt(c), from: at, to: at + 1, sure: probability, spaced });
                spaced = false;
            }
            None => {}
        }
        before = character;
    }
    runs
}

/// The alphabet has no straight apostrophe: all are read as curved ones.
fn spelt(c: char) -> char {
    if matches!(c, '’' | '‘' | '′') { '\'' } else { c }
}

/// The em of the letters: from how far they rise above the baseline, and which ones they are.
fn size(runs: &[Run], ink: &Ink) -> f64 {
    let tall = |c: char| c.is_uppercase() || c.is_ascii_digit() || "bdfhklt()[]/!?$§&".contains(c);
    let share = if runs.iter().any(|run| tall(run.c)) { 0.69 } else { 0.48 };
    ink.rise() / share
}

/// Gives each character its place, and puts spaces where the ink has gaps.
fn placed(runs: &[Run], steps: &[Step], ink: &Ink, size: f64) -> Vec<Letter> {
    let mut letters: Vec<Letter> = Vec::with_capacity(runs.len() * 6 / 5);
    let (first, last) = ink.edges();
    let mut left = first;
    for (at, run) in runs.iter().enumerate() {
        let Some(next) = runs.get(at + 1) else {
            let right = last.max(left + 1.0);
            letters.push(Letter { c: run.c, left, right, sure: run.sure });
            break;
        };
        let gap = ink.gap(run.middle().max(left), next.middle());
        let between = steps.get(run.to..next.from).unwrap_or_default();
        let space = between.iter().map(|step| step.space).fold(0.0, f32::max);
        if is_space(run, next, (gap.1 - gap.0) / size, space) {
            letters.push(Letter { c: run.c, left, right: gap.0, sure: run.sure });
            letters.push(Letter { c: ' ', left: gap.0, right: gap.1, sure: 1.0 });
            left = gap.1;
        } else {
            let border = (gap.0 + gap.1) / 2.0;
            letters.push(Letter { c: run.c, left, right: border, sure: run.sure });
            left = border;
        }
    }
    letters
}

/// Whether words part between two characters that are `gap` sizes apart.
fn is_space(run: &Run, next: &Run, gap: f64, space: f32) -> bool {
    let said = if next.spaced { 1.0 } else { f64::from(space) };
    let _ = run;
    gap >= GAP_SURE - (GAP_SURE - GAP_LIKELY) * said
}
