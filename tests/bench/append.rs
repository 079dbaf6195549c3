//! How fast does the log take entries? One caller, and many at once, whose entries share a commit.

mod home;
mod support;

use std::time::Duration;

use affiant::audit::AppendError;
use criterion::{Criterion, Throughput};

use self::home::Home;
use self::support::{Bench, tell_times};

fn main() -> anyhow::Result<()> {
    let bench = Bench::start("append: entries of a question, each durable before it is answered");
    let home = Home::create()?;
    let mut times = Vec::new();
    for _ in 0..bench.size(500, 3) {
        let (appended, took) = bench.time(|| append(&home, 1, 1));
        appended?;
        times.push(took);
    }
    tell_times("one append, one caller", &mut times);
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(8))
        .configure_from_args();
    let mut failed = None;
    let mut group = criterion.benchmark_group("append");
    for threads in [1, 4, 16, 64] {
        let entries = if threads == 1 { 1 } else { threads * 16 };
        group.throughput(Throughput::Elements(entries as u64));
        group.bench_function(format!("{threads} threads"), |loops| {
            loops.iter(|| {
                if let Err(error) = append(&home, threads, entries / threads) {
                    failed = Some(error);
                }
            });
        });
    }
    group.finish();
    bench.tell_reference();
    // Figures of a log that refused entries mean nothing.
    failed.map_or(Ok(()), |error| Err(error.into()))
}

/// Appends from several threads at once.
fn append(home: &Home, threads: usize, each: usize) -> Result<(), AppendError> {
    let one = || home.log.append(home.event(home.retrieval(None))).map(drop);
    let all = || (0..each).try_for_each(|_| one());
    if threads == 1 {
        return all();
    }
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(all)).collect();
        running.into_iter().try_for_each(|thread| thread.join().unwrap_or(Ok(())))
    })
}
