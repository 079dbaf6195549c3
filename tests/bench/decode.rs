//! How fast does the default generator read a prompt, and how fast does it write?

mod models;
mod support;

use std::ops::ControlFlow;
use std::time::Duration;

use affiant::inference::{ChatMessage, Completion, DecodeOptions, Generator, Role};

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
    let rounds = bench.size(3, 1);
    for tokens in PROMPT_TOKENS.into_iter().take(bench.size(3, 1)) {
        let (mut read, mut reading) = (0, Vec::new());
        let (mut written, mut writing) = (0, Duration::ZERO);
        for round in 0..rounds {
            let prompt = prose(tokens + round, tokens, &count);
            // The first run pays for the prompt alone; the second for the completion too.
            let (short, first) = complete(&bench, &generator, &prompt, 0)?;
            let (long, second) =
                complete(&bench, &generator, &prompt, bench.size(COMPLETION_TOKENS, 2))?;
            read += short.prompt_tokens;
            reading.push(first);
            written += long.completion_tokens;
            writing += second.saturating_sub(first);
        }
        let speed = |tokens: usize, took: Duration| tokens as f64 / took.as_secs_f64();
        let figures = format!(
            "reads {:>6.1} tokens/s, writes {:>5.1} tokens/s ({written} tokens)",
            speed(read, reading.iter().sum()),
            speed(written, writing)
        );
        tell(&format!("prompts of {} tokens", read / rounds), figures);
        tell_times("  until the first token", &mut reading);
        bench.tell_reference();
    }
    Ok(())
}

fn complete(
    bench: &Bench,
    generator: &Generator,
    prompt: &str,
    max_tokens: usize,
) -> anyhow::Result<(Completion, Duration)> {
    let message = |role, text: &str| ChatMessage { role, text: text.to_owned() };
    let rules = "Write a long summary of the text.";
    let chat = [message(Role::System, rules), message(Role::User, prompt)];
    let options = DecodeOptions { max_tokens, seed: 0, stop: &[] };
    let (completion, took) =
        bench.time(|| generator.complete(&chat, &options, &mut |_| ControlFlow::Continue(())));
    Ok((completion?, took))
}
