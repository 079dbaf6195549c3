//! Models of pictures: where the text of a page is, and what a line of it says.
//!
//! PP-OCRv4 (Li et al. 2022, arXiv:2206.03001): a differentiable-binarisation detector (Liao et al.
//! 2020, arXiv:1911.08947) and a recogniser that is decoded as CTC (Graves et al. 2006).

use std::path::Path;
use std::sync::{Arc, Mutex};

use ort::session::Session;
use ort::value::Tensor;

use super::error::{InferenceError, LoadError};
use super::manifest::{Manifest, ModelRole};
use super::runtime::Runtime;
use crate::domain::digest::Digest;

/// Finds the lines of text on a page. Safe to share; one run at a time.
pub struct Detector {
    session: Mutex<Session>,
    digest: Digest,
    _runtime: Arc<Runtime>,
}

impl Detector {
    /// Width and height of a picture are multiples of this.
    pub const MULTIPLE: usize = 32;

    /// Loads a model folder.
    ///
    /// # Errors
    /// Where the folder holds no detector, or one that cannot be run.
    pub fn load(runtime: &Arc<Runtime>, dir: &Path) -> Result<Self, LoadError> {
        let manifest = Manifest::load_for(dir, ModelRole::OcrDetector)?;
        Ok(Self {
            session: Mutex::new(runtime.session(&dir.join(Manifest::GRAPH))?),
            digest: manifest.graph_sha256,
            _runtime: Arc::clone(runtime),
        })
    }

    /// Digest of the graph.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How likely each pixel is within a line of text.
    ///
    /// * `grey`: `width` times height bytes, row by row; both multiples of [`Self::MULTIPLE`].
    ///
    /// # Errors
    /// [`InferenceError::Runtime`] where ONNX Runtime fails.
    pub fn map(&self, grey: &[u8], width: usize) -> Result<Vec<f32>, InferenceError> {
        let height = grey.len() / width.max(1);
        let output = run(&self.session, picture(grey, 1), [1, 3, height, width])?;
        if output.1.len() == grey.len() {
            return Ok(output.1);
        }
        Err(unexpected(&output.0, format!("{} numbers", grey.len())))
    }
}

/// What a recogniser takes one step of a line for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guess {
    /// The character; `None` between two of them.
    pub character: Option<char>,
    /// How sure it is, from 0 to 1.
    pub probability: f32,
}

/// One step along a line: [`Recogniser::STEP`] pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The likeliest of all characters.
    pub any: Guess,
    /// The likeliest of Latin script, digits and signs; forms of double width count for the plain
    /// ones.
    pub latin: Guess,
    /// How likely a space is.
    pub space: f32,
}

/// Reads lines of text. Safe to share; one run at a time.
pub struct Recogniser {
    session: Mutex<Session>,
    digest: Digest,
    /// What each class stands for; the first is "between characters", the last a space.
    classes: Vec<Option<char>>,
    /// The classes of Latin script, each with its place in `latin`.
    folded: Vec<(usize, usize)>,
    latin: Vec<Option<char>>,
    _runtime: Arc<Runtime>,
}

impl Recogniser {
    /// Height of a strip in pixels.
    pub const HEIGHT: usize = 48;
    /// Pixels of one step.
    pub const STEP: usize = 8;

    /// Loads a model folder.
    ///
    /// # Errors
    /// Where the folder holds no recogniser, or one that cannot be run.
    pub fn load(runtime: &Arc<Runtime>, dir: &Path) -> Result<Self, LoadError> {
        let manifest = Manifest::load_for(dir, ModelRole::OcrRecogniser)?;
        let session = runtime.session(&dir.join(Manifest::GRAPH))?;
        let alphabet = session.metadata().ok().and_then(|said| said.custom("character"));
        let alphabet = alphabet.ok_or_else(|| Manifest::incomplete(dir, "alphabet"))?;
        let listed = alphabet.lines().map(|line| line.chars().next());
        let classes: Vec<_> = [None].into_iter().chain(listed).chain([Some(' ')]).collect();
        let (folded, latin) = fold(&classes);
        Ok(Self {
            session: Mutex::new(session),
            digest: manifest.graph_sha256,
            classes,
            folded,
            latin,
            _runtime: Arc::clone(runtime),
        })
    }

    /// Digest of the graph.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Reads strips of one width, each on its own.
    ///
    /// * `grey`: strip after strip, each [`Self::HEIGHT`] rows of `width` bytes; `width` is a
    ///   multiple of [`Self::STEP`].
    /// * Returns for each strip one step for every [`Self::STEP`] pixels.
    ///
    /// # Errors
    /// [`InferenceError::Runtime`] where ONNX Runtime fails.
    pub fn read(&self, grey: &[u8], width: usize) -> Result<Vec<Vec<Step>>, InferenceError> {
        let strip = (Self::HEIGHT * width).max(1);
        let count = grey.len() / strip;
        let input = picture(grey, count);
        let (shape, scores) = run(&self.session, input, [count, 3, Self::HEIGHT, width])?;
        let classes = self.classes.len();
        if count == 0 || !scores.len().is_multiple_of(count * classes) {
            return Err(unexpected(&shape, format!("{count} times steps of {classes} numbers")));
        }
        let mut sums = vec![0.0; self.latin.len()];
        let mut lines = scores.chunks_exact(scores.len() / count);
        let read = |line: &[f32], sums: &mut Vec<f32>| {
            line.chunks_exact(classes).map(|step| self.step(step, sums)).collect()
        };
        Ok(lines.by_ref().map(|line| read(line, &mut sums)).collect())
    }

    fn step(&self, scores: &[f32], sums: &mut [f32]) -> Step {
        let best = |scores: &[f32], meaning: &[Option<char>]| {
            let none = Guess { character: None, probability: 0.0 };
            scores.iter().zip(meaning).fold(none, |best, (score, character)| {
                let better = *score > best.probability;
                if better { Guess { character: *character, probability: *score } } else { best }
            })
        };
        sums.fill(0.0);
        for (class, place) in &self.folded {
            if let (Some(sum), Some(score)) = (sums.get_mut(*place), scores.get(*class)) {
                *sum += score;
            }
        }
        let latin = best(sums, &self.latin);
        // More than half of all: no other class can be likelier.
        let any = if latin.probability > 0.5 { latin } else { best(scores, &self.classes) };
        Step { any, latin, space: scores.last().copied().unwrap_or_default() }
    }
}

/// The classes that count for Latin characters, each with its place among those, and those.
fn fold(classes: &[Option<char>]) -> (Vec<(usize, usize)>, Vec<Option<char>>) {
    let mut latin: Vec<Option<char>> = Vec::new();
    let mut folded = Vec::new();
    for (class, character) in classes.iter().enumerate() {
        let plain = character.map(plain);
        if plain.is_none_or(is_latin) {
            let known = latin.iter().position(|other| *other == plain);
            folded.push((class, known.unwrap_or(latin.len())));
            if known.is_none() {
                latin.push(plain);
            }
        }
    }
    (folded, latin)
}

/// The plain form of what has a form of double width.
fn plain(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xff01 + 0x21).unwrap_or(c),
        '。' => '.',
        '、' => ',',
        '￥' => '¥',
        c => c,
    }
}

fn is_latin(c: char) -> bool {
    matches!(c, ' '..='\u{24f}' | '\u{2010}'..='\u{203a}' | '\u{20a0}'..='\u{20bf}')
        || "™№•●■□☆★→≤≥≠≈∑√∞◆".contains(c)
}

/// Three equal channels of each picture, from -1 to 1.
fn picture(grey: &[u8], count: usize) -> Vec<f32> {
    let mut values = Vec::with_capacity(grey.len() * 3);
    for one in grey.chunks_exact((grey.len() / count.max(1)).max(1)) {
        for _ in 0..3 {
            values.extend(one.iter().map(|byte| f32::from(*byte) / 127.5 - 1.0));
        }
    }
    values
}

/// Shape and numbers of a graph's only output.
fn run(
    session: &Mutex<Session>,
    values: Vec<f32>,
    shape: [usize; 4],
) -> Result<(String, Vec<f32>), InferenceError> {
    let input = Tensor::from_array((shape, values))?;
    let mut session = session.lock().map_err(|_| InferenceError::Poisoned)?;
    let outputs = session.run(ort::inputs![input])?;
    let output = outputs.values().next();
    let output = output.ok_or_else(|| unexpected("nothing", "an output".to_owned()))?;
    let (shape, values) = output.try_extract_tensor::<f32>()?;
    Ok((shape.to_string(), values.to_vec()))
}

fn unexpected(shape: &str, expected: String) -> InferenceError {
    InferenceError::Unexpected { found: format!("numbers of shape {shape}"), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_double_width_count_for_the_plain_ones() {
        let classes = [None, Some('a'), Some('，'), Some('中'), Some(','), Some(' ')];
        let (folded, latin) = fold(&classes);
        assert_eq!(latin, [None, Some('a'), Some(','), Some(' ')]);
        assert_eq!(folded, [(0, 0), (1, 1), (2, 2), (4, 2), (5, 3)]);
    }

    #[test]
    fn a_picture_has_three_equal_channels() {
        assert_eq!(picture(&[0, 255], 1), [-1.0, 1.0, -1.0, 1.0, -1.0, 1.0]);
        assert_eq!(picture(&[0, 255], 2), [-1.0, -1.0, -1.0, 1.0, 1.0, 1.0]);
    }
}
