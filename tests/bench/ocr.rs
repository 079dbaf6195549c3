//! How much of a scanned page is read, and how fast?
//!
//! Pages of born-digital PDFs are drawn at 200 pixels an inch, turned by a degree, given noise and
//! blur from a seed, recognised, and compared with their own text. `AFFIANT_EVAL` names a folder
//! with PDFs below it (`pdf/files/contract`); without it the fixtures are read.
//!
//! Quotation marks and dashes count as equal in all their forms: pictures hardly tell them apart.

#![expect(
    clippy::indexing_slicing,
    reason = "a bench: places are computed from the sizes of what they are places in"
)]

#[expect(dead_code, reason = "it makes up no prose")]
mod models;
#[expect(dead_code, reason = "nothing is timed here often enough for percentiles")]
mod support;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use affiant::document::{Ocr, ParseOptions, Raster, parse, rasterise};
use affiant::domain::document::{PageText, TextOrigin};
use affiant::inference::{Detector, Recogniser};
use anyhow::Context as _;

use self::models::provision;
use self::support::{Bench, tell};

const OPTIONS: ParseOptions<'_> = ParseOptions { password: None, deadline: None };
/// Turn of the page on the glass.
const SKEW_DEGREES: f64 = 1.0;
/// Deviation of the noise, in steps of grey.
const NOISE: f64 = 12.0;
/// Pages of one file, so that long files do not decide alone.
const PAGES_OF_ONE: usize = 3;

fn main() -> anyhow::Result<()> {
    let bench = Bench::start("ocr: pages at 200 dpi, turned by 1 degree, with noise");
    let (ready, runtime) = provision()?;
    let folders = ready.ocr.context("the models for recognition are not provisioned")?;
    let ocr = Ocr::new(
        Detector::load(&runtime, &folders.detector)?,
        Recogniser::load(&runtime, &folders.recogniser)?,
    );
    let mut total = Tally::default();
    for path in files()?.into_iter().take(bench.size(usize::MAX, 1)) {
        let bytes = std::fs::read(&path)?;
        let Ok(born) = parse(&bytes, "", &OPTIONS) else { continue };
        let mut of_file = Tally::default();
        for page in spread(&born.pages, bench.size(PAGES_OF_ONE, 1)) {
            if page.text.chars().count() < 200 {
                continue;
            }
            let Ok(raster) = rasterise(&bytes, None, page.page) else { continue };
            let scan = spoilt(&raster, page.page);
            let mut read = born.clone();
            for other in &mut read.pages {
                other.text.clear();
            }
            read.wanting = vec![page.page];
            let (done, took) = bench.time(|| read.recognise(&ocr, &mut |_| Ok(scan.clone())));
            done?;
            let found = &read.pages[page.page as usize - 1];
            anyhow::ensure!(found.origin == TextOrigin::Ocr || found.text.is_empty());
            of_file.add(&page.text, &found.text, took);
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name: String = name.chars().take(44).collect();
        tell(&name, of_file.told());
        total.join(&of_file);
    }
    tell("all", total.told());
    bench.tell_reference();
    Ok(())
}

/// The PDFs to read, sorted.
fn files() -> anyhow::Result<Vec<PathBuf>> {
    let dir = match std::env::vars().find(|(name, _)| name == "AFFIANT_EVAL") {
        Some((_, dir)) => Path::new(&dir).join("pdf/files/contract"),
        None => {
            tell("AFFIANT_EVAL is not set", "reading the fixtures");
            Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/corpus")
        }
    };
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(dir)?.filter_map(Result::ok).map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end.eq_ignore_ascii_case("pdf")));
    files.sort();
    Ok(files)
}

/// Pages from all over a file.
fn spread(pages: &[PageText], most: usize) -> impl Iterator<Item = &PageText> {
    let step = pages.len().div_ceil(most.max(1)).max(1);
    pages.iter().step_by(step)
}

/// A page as a cheap scanner gives it: turned, soft, noisy, on paper that is not white.
fn spoilt(raster: &Raster, seed: u32) -> Raster {
    let (width, height) = raster.size();
    let (sin, cos) = SKEW_DEGREES.to_radians().sin_cos();
    let (cx, cy) = (width as f64 / 2.0, height as f64 / 2.0);
    let at = |x: f64, y: f64| -> f64 {
        let (x, y) = (x.clamp(0.0, width as f64 - 1.001), y.clamp(0.0, height as f64 - 1.001));
        let (left, top) = (x as usize, y as usize);
        let pixel = |x: usize, y: usize| f64::from(raster.grey()[y * width + x]);
        let (u, v) = (x - left as f64, y - top as f64);
        let upper = pixel(left, top) * (1.0 - u) + pixel(left + 1, top) * u;
        let lower = pixel(left, top + 1) * (1.0 - u) + pixel(left + 1, top + 1) * u;
        upper * (1.0 - v) + lower * v
    };
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ u64::from(seed);
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut grey = Vec::with_capacity(width * height);
    for y in 0..height {
        for x in 0..width {
            let (dx, dy) = (x as f64 - cx, y as f64 - cy);
            let value = at(cx + dx * cos + dy * sin, cy - dx * sin + dy * cos);
            // The sum of uniform numbers is nearly normal.
            let noise = (0..4).map(|_| random()).sum::<f64>() - 2.0;
            let value = 20.0 + value * 0.88 + noise * NOISE * 1.73;
            grey.push(value.round().clamp(0.0, 255.0) as u8);
        }
    }
    Raster::new(width, height, grey, raster.points())
}

/// What was right.
#[derive(Default)]
struct Tally {
    pages: usize,
    chars: usize,
    wrong_chars: usize,
    tokens: usize,
    read_tokens: usize,
    right_tokens: usize,
    took: Duration,
}

impl Tally {
    fn add(&mut self, own: &str, read: &str, took: Duration) {
        let (own, read) = (plain(own), plain(read));
        let dense = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<Vec<_>>();
        self.pages += 1;
        self.chars += dense(&own).len();
        self.wrong_chars += distance(&dense(&own), &dense(&read));
        let (own, read) = (tokens(&own), tokens(&read));
        self.tokens += own.len();
        self.read_tokens += read.len();
        let mut left: HashMap<&str, usize> = HashMap::new();
        for token in &own {
            *left.entry(token).or_default() += 1;
        }
        for token in &read {
            if let Some(count) = left.get_mut(token.as_str()).filter(|count| **count > 0) {
                *count -= 1;
                self.right_tokens += 1;
            }
        }
        self.took += took;
    }

    fn join(&mut self, other: &Self) {
        self.pages += other.pages;
        self.chars += other.chars;
        self.wrong_chars += other.wrong_chars;
        self.tokens += other.tokens;
        self.read_tokens += other.read_tokens;
        self.right_tokens += other.right_tokens;
        self.took += other.took;
    }

    fn told(&self) -> String {
        let share = |part: usize, of: usize| part as f64 / of.max(1) as f64;
        let chars = 1.0 - share(self.wrong_chars, self.chars);
        let recall = share(self.right_tokens, self.tokens);
        let f1 = share(2 * self.right_tokens, self.tokens + self.read_tokens);
        let speed = self.pages as f64 / self.took.as_secs_f64().max(1e-9);
        format!(
            "{} pages: characters {chars:.4}, tokens {recall:.4}, token F1 {f1:.4}, {speed:.2} pages/s",
            self.pages
        )
    }
}

/// Marks that look alike as one.
fn plain(text: &str) -> String {
    let alike = |c: char| match c {
        '‘' | '’' | '′' | '`' => '\'',
        '“' | '”' | '″' => '"',
        '–' | '—' | '‐' | '‑' | '−' => '-',
        c => c,
    };
    text.replace('…', "...").chars().map(alike).collect()
}

/// Words and numbers, without the marks around them.
fn tokens(text: &str) -> Vec<String> {
    let words = text.split_whitespace();
    let bare = words.map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase());
    bare.filter(|word| !word.is_empty()).collect()
}

/// Edit distance (Levenshtein), within a band that reading order within a page does not leave.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
