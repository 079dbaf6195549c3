//! How fast does the default generator read a prompt, and how fast does it write?

mod models;
mod support;

use std::ops::ControlFlow;
use std::time::Duration;

use affiant::inference::{ChatMessage, DecodeOptions, Generator, Role};

use self::models::{prose, provision};
use self::support::{Bench, tell, tell_times};

/// A small prompt, a usual one, and about the largest there is.
const PROMPT_TOKENS: [usize; 3] = [256, 900, 1_700];
const COMPLETION_TOKENS: usize = 64;

fn main() -> anyhow::Result<()> {
    let bench = Bench::start("decode: the default generator, greedy, one chat at a time");
    let (ready, runtime) = provision()?;
    let generator = Generator::load(&runtime, &ready.generator)?;
    let count = |text: &str| generator.count_tokens(text);
    // The first completion touches the weights for the first time.
    complete(&bench, &generator, "Say hello.")?;
    for tokens in PROMPT_TOKENS.into_iter().take(bench.size(3, 1)) {
        let (mut read, mut reading) = (0, Vec::new());
        let (mut written, mut writing) = (0, Duration::ZERO);
        for round in 0..bench.size(5, 1) {
            let done = complete(&bench, &generator, &prose(tokens + round, tokens, &count))?;
            read += done.prompt_tokens;
            reading.push(done.until_first);
            written += done.further_tokens;
            writing += done.after_first;
        }
        let speed = |tokens: usize, took: Duration| tokens as f64 / took.as_secs_f64();
        let figures = format!(
            "reads {:>6.1} tokens/s, writes {:>5.1} tokens/s ({written} tokens)",
            speed(read, reading.iter().sum()),
            speed(written, writing)
        );
        tell(&format!("prompts of {} tokens", read / reading.len()), figures);
        tell_times("  until the first token", &mut reading);
        bench.tell_reference();
    }
    Ok(())
}

/// One completion, timed apart: up to its first token, and from there on.
struct Timed {
    prompt_tokens: usize,
    until_first: Duration,
    further_tokens: usize,
    after_first: Duration,
}

fn complete(bench: &Bench, generator: &Generator, prompt: &str) -> anyhow::Result<Timed> {
    let message = |role, text: &str| ChatMessage { role, text: text.to_owned() };
    let rules = "Write a long summary of the text.";
    let chat = [message(Role::System, rules), message(Role::User, prompt)];
    let max_tokens = bench.size(COMPLETION_TOKENS, 4);
    let options = DecodeOptions { max_tokens, seed: 0, stop: &[] };
    let began = bench.now();
    let mut first = None;
    // Empty pieces come before each part of the prompt.
    let mut hear = |piece: &str| {
        if !piece.is_empty() {
            first.get_or_insert(bench.now());
        }
        ControlFlow::Continue(())
    };
    let completion = generator.complete(&chat, &options, &mut hear)?;
    let (ended, first) = (bench.now(), first.unwrap_or_else(|| bench.now()));
    Ok(Timed {
        prompt_tokens: completion.prompt_tokens,
        until_first: first.saturating_sub(began),
        further_tokens: completion.completion_tokens.saturating_sub(1),
        after_first: ended.saturating_sub(first),
    })
}
