//! Bounds around vendor code: a thread with a large stack, a deadline, a step count, and a net
//! under panics.
//!
//! Vendor parsers call back while they draw; [`Watch::step`] counts those calls and, past a limit,
//! leaves the vendor's code by unwinding. Code that never calls back cannot be stopped: its thread
//! is left behind and ends when it next calls back or returns; its caller has its answer in time.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use crate::domain::clock::Clock;
use crate::domain::limits::PARSE_MS_MAX;

use super::reason::{Reason, Unreadable};

/// Deeply nested objects recurse inside vendor parsers; pages of virtual memory cost nothing until
/// touched.
const STACK_BYTES: usize = 64 * 1024 * 1024;
/// Drawing steps of one document; the largest honest file of the evaluation set takes 0.3 million.
const STEPS_MAX: u64 = 50_000_000;
/// How many steps between two looks at the clock.
const STEPS_PER_LOOK: u64 = 256;
/// How long the caller waits beyond the deadline for the thread to notice it.
const GRACE: Duration = Duration::from_millis(500);

/// Watches one parse; clones watch the same one.
#[derive(Clone)]
pub(super) struct Watch(Arc<State>);

struct State {
    until: Option<(Arc<dyn Clock>, Duration)>,
    wait: Duration,
    steps: AtomicU64,
    abandoned: AtomicBool,
}

/// What travels through vendor code when a limit is met.
struct Stop(Unreadable);

impl Watch {
    /// The time allowed counts from this call.
    pub(super) fn start(deadline: Option<&(Arc<dyn Clock>, Duration)>) -> Self {
        let until = deadline
            .map(|(clock, allowed)| (Arc::clone(clock), clock.steady().saturating_add(*allowed)));
        let most = Duration::from_millis(PARSE_MS_MAX);
        let wait = deadline.map_or(most, |(_, allowed)| (*allowed).min(most));
        let (steps, abandoned) = (AtomicU64::new(0), AtomicBool::new(false));
        Self(Arc::new(State { until, wait, steps, abandoned }))
    }

    /// To be called between pages.
    pub(super) fn check(&self) -> Result<(), Unreadable> {
        let late = self.0.until.as_ref().is_some_and(|(clock, until)| clock.steady() > *until);
        if late || self.0.abandoned.load(Ordering::Relaxed) {
            return Err(too_slow());
        }
        if self.0.steps.load(Ordering::Relaxed) > STEPS_MAX {
            let detail = format!("the file draws more than {STEPS_MAX} things: split it");
            return Err(Unreadable::new(Reason::TooSlow, detail));
        }
        Ok(())
    }

    /// To be called from inside vendor code; unwinds to [`catch`] past a limit.
    pub(super) fn step(&self, count: u64) {
        let before = self.0.steps.fetch_add(count, Ordering::Relaxed);
        if before / STEPS_PER_LOOK != before.saturating_add(count) / STEPS_PER_LOOK
            && let Err(unreadable) = self.check()
        {
            self.stop(unreadable);
        }
    }

    /// Leaves vendor code with a reason. `resume_unwind` does not run the panic hook: nothing is
    /// printed.
    pub(super) fn stop(&self, unreadable: Unreadable) -> ! {
        resume_unwind(Box::new(Stop(unreadable)))
    }
}

fn too_slow() -> Unreadable {
    Unreadable::new(Reason::TooSlow, "reading took longer than allowed: split the file or wait")
}

/// Runs a job on a thread of its own and waits for it, no longer than the watch allows.
pub(super) fn run<T: Send + 'static>(
    watch: &Watch,
    job: impl FnOnce() -> Result<T, Unreadable> + Send + 'static,
) -> Result<T, Unreadable> {
    let (give, take) = sync_channel(1);
    let started = thread::Builder::new().name("document".to_owned()).stack_size(STACK_BYTES).spawn(
        move || {
            // Nobody takes the result once the caller has stopped waiting.
            drop(give.send(catch(job)));
        },
    );
    if started.is_err() {
        let detail = "the machine could not start another thread: try again later";
        return Err(Unreadable::new(Reason::TooSlow, detail));
    }
    match take.recv_timeout(watch.0.wait.saturating_add(GRACE)) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => {
            watch.0.abandoned.store(true, Ordering::Relaxed);
            Err(too_slow())
        }
        Err(RecvTimeoutError::Disconnected) => Err(broken()),
    }
}

/// Turns a panic into `malformed` and a [`Watch::stop`] into its reason.
///
/// Unwind safety: what the job touches is dropped with it; nothing half-changed is kept.
pub(super) fn catch<T>(job: impl FnOnce() -> Result<T, Unreadable>) -> Result<T, Unreadable> {
    catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(|thrown: Box<dyn Any + Send>| {
        Err(thrown.downcast::<Stop>().map_or_else(|_| broken(), |stop| stop.0))
    })
}

fn broken() -> Unreadable {
    Unreadable::new(Reason::Malformed, "the file is damaged in a way its reader cannot handle")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;

    /// Advances by one second at each look.
    struct Ticking(AtomicU64);

    impl Clock for Ticking {
        fn now(&self) -> Timestamp {
            Timestamp::from_unix_millis(0)
        }

        fn steady(&self) -> Duration {
            Duration::from_secs(self.0.fetch_add(1, Ordering::Relaxed))
        }
    }

    fn watch(seconds: u64) -> Watch {
        let clock: Arc<dyn Clock> = Arc::new(Ticking(AtomicU64::new(0)));
        Watch::start(Some(&(clock, Duration::from_secs(seconds))))
    }

    #[test]
    fn an_endless_job_that_calls_back_is_stopped_by_the_clock() {
        let watch = watch(10);
        let inside = watch.clone();
        let result: Result<(), _> = run(&watch, move || {
            loop {
                inside.step(1);
            }
        });
        assert_eq!(result.unwrap_err().reason, Reason::TooSlow);
    }

    #[test]
    fn a_job_that_never_calls_back_is_not_waited_for() {
        let watch = watch(0);
        let (hold, held) = sync_channel::<()>(0);
        let result: Result<(), _> = run(&watch, move || {
            assert!(held.recv().is_err());
            Ok(())
        });
        assert_eq!(result.unwrap_err().reason, Reason::TooSlow);
        drop(hold);
    }

    #[test]
    fn an_endless_job_without_a_clock_is_stopped_by_its_steps() {
        let watch = Watch::start(None);
        let inside = watch.clone();
        let result: Result<(), _> = run(&watch, move || {
            loop {
                inside.step(1_000);
            }
        });
        assert_eq!(result.unwrap_err().reason, Reason::TooSlow);
    }

    #[test]
    fn a_panic_becomes_malformed_and_deep_recursion_fits() {
        let watch = Watch::start(None);
        let thrown: Result<(), _> = run(&watch, || resume_unwind(Box::new("vendor")));
        assert_eq!(thrown.unwrap_err().reason, Reason::Malformed);

        fn down(depth: u32) -> u32 {
            let frame = std::hint::black_box([depth; 32]);
            if depth == 0 { 0 } else { 1 + down(depth - 1) + frame[0] * 0 }
        }
        assert_eq!(run(&watch, || Ok(down(100_000))).unwrap(), 100_000);
    }
}
