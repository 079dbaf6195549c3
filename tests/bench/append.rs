//! How fast does the log take entries? One caller, and many at once, whose entries share a commit;
//! then, of a log of a million entries, how long proofs take and how long opening it.

mod home;
mod support;

use std::time::Duration;

use affiant::audit::{AppendError, ReadError};
use affiant::domain::ids::EntryIndex;
use criterion::{Criterion, Throughput};

use self::home::Home;
use self::support::{Bench, tell, tell_times};

/// Callers of a busy appliance.
const MANY: usize = 64;

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
    for threads in [1, 4, 16, MANY] {
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
    grown(&bench, home)?;
    bench.tell_reference();
    // Figures of a log that refused entries mean nothing.
    failed.map_or(Ok(()), |error| Err(error.into()))
}

/// A log of many entries: how fast it grew, what a proof takes, and what opening it takes.
fn grown(bench: &Bench, home: Home) -> anyhow::Result<()> {
    let began = home.log.size();
    let wanted = bench.size(1_000_000, 2_000) as u64;
    let each = usize::try_from(wanted.saturating_sub(began))?.div_ceil(MANY);
    let (appended, took) = bench.time(|| append(&home, MANY, each));
    appended?;
    let size = home.log.size();
    let speed = (size - began) as f64 / took.as_secs_f64();
    tell(
        &format!("sustained from {MANY} callers, to {size} entries"),
        format!("{speed:.0} a second"),
    );
    home.log.publish()?;
    let mut times = Vec::new();
    for sample in 0..bench.size(500, 3) as u64 {
        let at = EntryIndex(sample.wrapping_mul(2_654_435_761) % size);
        let (proof, took) = bench.time(|| home.log.proof(at));
        proof.map(drop).map_err(|error: ReadError| anyhow::anyhow!("entry {at}: {error}"))?;
        times.push(took);
    }
    tell_times(&format!("proof of one of {size} entries"), &mut times);
    let mut times = Vec::new();
    let mut home = home;
    for _ in 0..bench.size(20, 2) {
        let (reopened, took) = bench.time(|| home.reopen());
        home = reopened?;
        times.push(took);
    }
    anyhow::ensure!(home.log.size() == size, "the log has {} entries, not {size}", home.log.size());
    tell_times(&format!("closing and recovery of {size} entries"), &mut times);
    Ok(())
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
