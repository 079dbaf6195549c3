//! What every bench shares: a clock, a table, and the machine's own speed to read figures against.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::time::Duration;

use affiant::domain::clock::{Clock, SystemClock};

/// How long something takes, and how much of it is done in a smoke run.
pub(crate) struct Bench {
    clock: SystemClock,
    smoke: bool,
}

impl Bench {
    /// Starts a bench and tells the machine's speed. With `--test` among the arguments it is a
    /// smoke run: everything once and small, for the sake of running at all.
    pub(crate) fn start(title: &str) -> Self {
        let smoke = std::env::args().any(|argument| argument == "--test");
        let bench = Self { clock: SystemClock::start(), smoke };
        let kind = if smoke { " (smoke run: the figures mean nothing)" } else { "" };
        println!("\n{title}{kind}");
        bench.tell_reference();
        bench
    }

    /// `full`, or `small` in a smoke run.
    pub(crate) fn size(&self, full: usize, small: usize) -> usize {
        if self.smoke { small } else { full }
    }

    /// Runs `work` and returns how long it took.
    pub(crate) fn time<T>(&self, work: impl FnOnce() -> T) -> (T, Duration) {
        let began = self.now();
        let result = work();
        (result, self.now().saturating_sub(began))
    }

    /// A steady time.
    pub(crate) fn now(&self) -> Duration {
        self.clock.steady()
    }

    /// Prints the speed of a fixed computation, before and after what is measured: where it
    /// differs between two runs, so does the machine, and their figures do not compare.
    pub(crate) fn tell_reference(&self) {
        let rounds = self.size(40, 1);
        let (sum, took) =
            self.time(|| (0..rounds).map(|round| multiply(round as f32)).sum::<f32>());
        let operations = 2.0 * (SIDE * SIDE * SIDE * rounds) as f64;
        let speed = operations / took.as_secs_f64() / 1e9;
        println!(
            "  reference: one thread multiplies f32 matrices at {speed:.2} Gflop/s ({sum:.0})"
        );
    }
}

/// Prints one figure.
pub(crate) fn tell(what: &str, figure: impl std::fmt::Display) {
    println!("  {what:<44} {figure}");
}

/// Sorts, and prints the median, the 95th and 99th percentile and the slowest.
pub(crate) fn tell_times(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let [p50, p95, p99, max] = [0.5, 0.95, 0.99, 1.0].map(|share| percentile(times, share));
    tell(what, format!("p50 {p50:>8.3}  p95 {p95:>8.3}  p99 {p99:>8.3}  max {max:>8.3} ms"));
}

/// Of sorted times, in milliseconds.
pub(crate) fn percentile(times: &[Duration], share: f64) -> f64 {
    let rank = (times.len() as f64 * share).ceil() as usize;
    let time = times.get(rank.saturating_sub(1)).copied().unwrap_or_default();
    time.as_secs_f64() * 1e3
}

const SIDE: usize = 192;

/// A plain matrix product, in the order of loops that compilers vectorise.
fn multiply(seed: f32) -> f32 {
    let left: Vec<f32> = (0..SIDE * SIDE).map(|at| (at % 7) as f32 + seed).collect();
    let right: Vec<f32> = (0..SIDE * SIDE).map(|at| (at % 5) as f32 - seed).collect();
    let mut product = vec![0.0_f32; SIDE * SIDE];
    for (row, into) in left.chunks_exact(SIDE).zip(product.chunks_exact_mut(SIDE)) {
        for (factor, line) in row.iter().zip(right.chunks_exact(SIDE)) {
            for (cell, value) in into.iter_mut().zip(line) {
                *cell += factor * value;
            }
        }
    }
    std::hint::black_box(&product).iter().take(SIDE).sum()
}
