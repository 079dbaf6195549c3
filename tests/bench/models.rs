//! The default models, provisioned as the program itself does, and real text for them.

use std::sync::Arc;

use affiant::config::default_cache;
use affiant::inference::Runtime;
use affiant::models::{ModelStore, Progress, ProvisionOptions, Provisioned};

use super::support::tell;

/// Opens what is provisioned, or provisions it.
pub(crate) fn provision() -> anyhow::Result<(Provisioned, Arc<Runtime>)> {
    let cache = default_cache(&std::env::vars().collect::<Vec<_>>());
    let options = ProvisionOptions { from: None, save: None, python: "python3".to_owned() };
    let ready = ModelStore::at(&cache).provision(&options, &Silent)?;
    let threads = std::thread::available_parallelism()?.get();
    let runtime = Runtime::load(&ready.runtime.path, threads)?;
    tell("ONNX Runtime", format!("{} on {threads} threads", runtime.version()));
    Ok((ready, runtime))
}

/// Says nothing.
pub(crate) struct Silent;

impl Progress for Silent {
    fn stage(&self, _text: &str, _total: Option<u64>) {}
    fn advance(&self, _n: u64) {}
}

/// A stretch of a real document of exactly this many tokens, each `number` another stretch.
pub(crate) fn prose(number: usize, tokens: usize, count: &dyn Fn(&str) -> usize) -> String {
    let words: Vec<&str> = include_str!("../../fixtures/corpus-sources/privacy-manual.md")
        .split_whitespace()
        .collect();
    let from = number * 37 % words.len();
    let mut text = String::new();
    for word in words.iter().cycle().skip(from) {
        let longer = format!("{text} {word}");
        match count(longer.trim()).cmp(&tokens) {
            std::cmp::Ordering::Less => text = longer,
            std::cmp::Ordering::Equal => return longer.trim().to_owned(),
            // A word of several tokens overshoots: single letters fill the rest.
            std::cmp::Ordering::Greater => text.push_str(" a"),
        }
        if count(text.trim()) >= tokens {
            break;
        }
    }
    text.trim().to_owned()
}
