//! How well and how fast is text read from PDFs? For each category of an evaluation set, F1 of words
//! and of pairs of words against the better of a gold text and another reader's, and the file that
//! is worst; then pages a second on one core, and the file that took longest.
//!
//! `AFFIANT_EVAL` names the folder that holds `pdf/manifest.csv`; without it only the speed on the
//! project's own fixtures is told.

mod support;

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::time::Duration;

use affiant::document::{ParseOptions, Parsed, parse};
use anyhow::Context as _;
use serde::Deserialize;

use self::support::{Bench, tell, tell_times};

/// A row of the manifest, as far as it is of use here.
#[derive(Deserialize)]
struct Row {
    file: PathBuf,
    category: String,
    password: String,
    reference: PathBuf,
    gold: PathBuf,
}

/// How near a file's text is to another reader's.
struct Score {
    words: f64,
    pairs: f64,
    file: String,
}

/// What was read, and how long it took.
#[derive(Default)]
struct Speed {
    pages: usize,
    took: Duration,
    slowest: (Duration, String),
    each: Vec<Duration>,
}

fn main() -> anyhow::Result<()> {
    let bench = Bench::start("text: reading PDFs");
    match std::env::var_os("AFFIANT_EVAL") {
        Some(folder) => evaluate(&bench, &PathBuf::from(folder).join("pdf"))?,
        None => tell("quality", "left out: AFFIANT_EVAL names no evaluation set"),
    }
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/corpus");
    let mut speed = Speed::default();
    for round in 0..bench.size(20, 1) {
        for entry in std::fs::read_dir(&own)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "pdf") {
                let bytes = std::fs::read(&path)?;
                let name = path.display().to_string();
                anyhow::ensure!(
                    speed.read(&bench, &bytes, &name, None).is_some(),
                    "{name}, {round}"
                );
            }
        }
    }
    speed.tell("fixtures");
    bench.tell_reference();
    Ok(())
}

fn evaluate(bench: &Bench, folder: &Path) -> anyhow::Result<()> {
    let manifest = folder.join("manifest.csv");
    let mut rows = csv::Reader::from_path(&manifest).context("the manifest")?;
    let mut scores: BTreeMap<String, Vec<Score>> = BTreeMap::new();
    let mut speeds: BTreeMap<String, Speed> = BTreeMap::new();
    for row in rows.deserialize().take(bench.size(usize::MAX, 3)) {
        let row: Row = row?;
        let bytes = std::fs::read(folder.join(&row.file))?;
        let file = row.file.display().to_string();
        let password =
            row.password.split([' ', '/']).next().filter(|password| !password.is_empty());
        let speed = speeds.entry(row.category.clone()).or_default();
        let Some(parsed) = speed.read(bench, &bytes, &file, password) else { continue };
        let ours: String =
            parsed.pages.iter().flat_map(|page| [page.text.as_str(), "\n"]).collect();
        let others = [&row.gold, &row.reference].into_iter();
        let others = others.filter(|other| !other.as_os_str().is_empty());
        let others = others.filter_map(|other| std::fs::read(folder.join(other)).ok());
        let scored = others.filter_map(|other| score(&ours, &String::from_utf8_lossy(&other)));
        let best = scored.max_by(|a, b| (a.0 + a.1).total_cmp(&(b.0 + b.1)));
        if let Some((words, pairs)) = best {
            scores.entry(row.category).or_default().push(Score { words, pairs, file });
        }
    }
    for (category, scores) in &mut scores {
        tell(category, summary(scores));
    }
    for (category, speed) in &mut speeds {
        speed.tell(category);
    }
    Ok(())
}

/// Medians, and the worst file.
fn summary(scores: &mut [Score]) -> String {
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    let words = median(scores.iter().map(|score| score.words).collect());
    let pairs = median(scores.iter().map(|score| score.pairs).collect());
    let worst = scores.iter().min_by(|a, b| a.words.total_cmp(&b.words));
    let worst = worst.map(|w| format!("{:.3} / {:.3} {}", w.words, w.pairs, w.file));
    let count = scores.len();
    format!("{words:.3} / {pairs:.3} of {count}, worst {}", worst.unwrap_or_default())
}

/// F1 of words and of pairs of words; `None` where the other text has none.
fn score(ours: &str, theirs: &str) -> Option<(f64, f64)> {
    let words = |text: &str| text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>();
    let (ours, theirs) = (words(ours), words(theirs));
    let pairs = |words: &[String]| words.windows(2).map(<[String]>::to_vec).collect::<Vec<_>>();
    (!theirs.is_empty()).then(|| (f1(&ours, &theirs), f1(&pairs(&ours), &pairs(&theirs))))
}

fn f1<T: Eq + Hash>(ours: &[T], theirs: &[T]) -> f64 {
    let mut left: HashMap<&T, usize> = HashMap::new();
    for item in ours {
        *left.entry(item).or_default() += 1;
    }
    let mut common = 0;
    for item in theirs {
        if let Some(count) = left.get_mut(item).filter(|count| **count > 0) {
            *count -= 1;
            common += 1;
        }
    }
    match ours.len() + theirs.len() {
        0 => 1.0,
        all => 2.0 * f64::from(common) / all as f64,
    }
}

impl Speed {
    /// Reads a file in this process, timed; `None` where it cannot be read.
    fn read(
        &mut self,
        bench: &Bench,
        bytes: &[u8],
        file: &str,
        password: Option<&str>,
    ) -> Option<Parsed> {
        let options = ParseOptions { password, deadline: None };
        let (parsed, took) = bench.time(|| parse(bytes, file, &options));
        self.took += took;
        self.each.push(took);
        if took >= self.slowest.0 {
            self.slowest = (took, file.to_owned());
        }
        let parsed = parsed.ok()?;
        self.pages += parsed.pages.len();
        Some(parsed)
    }

    fn tell(&mut self, what: &str) {
        let Self { pages, took, slowest: (longest, file), each } = self;
        let rate = *pages as f64 / took.as_secs_f64().max(f64::EPSILON);
        let longest = longest.as_secs_f64();
        let figure = format!("{rate:.0}/s of {pages}, longest {longest:.2} s {file}");
        tell(&format!("pages, {what}"), figure);
        tell_times("  a file", each);
    }
}
