//! What a server does besides serving: it shows in the log that it lives, notes when the clock
//! jumps, gives questions that the log could not close their terminal entry, and ends where the log
//! or the state can no longer be written, so that whoever supervises it starts it anew.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;

use crate::answer::Answerer;
use crate::audit::{AppendError, Condition, LogPaths, What};
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::limits::CLOCK_STEP_MS_MAX;
use crate::durable;

use super::clock_state::ClockState;
use super::{App, Engine};

/// How often a server looks at itself.
const TICK: Duration = Duration::from_secs(1);
/// How often ends of emergencies are put on record; what ended opens nothing whether or not they are.
const EMERGENCIES: Duration = Duration::from_secs(15);
/// Readings of the two clocks that lie closer together than this are one.
const READING_MAX: Duration = Duration::from_millis(50);
/// Readings that are tried; the last one counts.
const READINGS_MAX: u32 = 5;

/// What a server remembers from one look to the next.
pub struct Pulse {
    /// Time of day and steady time, read together.
    clocks: (Timestamp, Duration),
    began: Duration,
    beat: Duration,
    emergencies: Duration,
    condition: Condition,
}

impl Pulse {
    /// A server begins.
    pub fn start(app: &App) -> Self {
        let clocks = read(app.clock.as_ref());
        let now = clocks.1;
        let condition = Condition::Running;
        Self { clocks, began: now, beat: now, emergencies: now, condition }
    }

    /// Looks once. What the log does not take for now is left for the next look.
    ///
    /// # Errors
    /// Where this process cannot go on.
    pub fn tick(&mut self, app: &App, answerer: &Answerer) -> anyhow::Result<()> {
        let before = std::mem::replace(&mut self.condition, app.log.condition());
        match app.log.failure() {
            // Stopped on purpose: the server stays, to say why.
            Some(AppendError::Halted { .. }) => return Ok(()),
            Some(failure) => return Err(failure).context("the audit log stopped"),
            None if self.condition == Condition::Full => return Ok(()),
            None => {}
        }
        let clocks = read(app.clock.as_ref());
        let by_ms = apart(self.clocks, clocks);
        if by_ms.unsigned_abs() > CLOCK_STEP_MS_MAX {
            tracing::warn!(by_ms, "the time of day jumped");
            note(app, What::ClockStepped { by_ms, now: clocks.0 });
        }
        self.clocks = clocks;
        match answerer.close_cut_short() {
            Ok(0) => {}
            Ok(closed) => tracing::warn!(closed, "questions got the terminal entry they lacked"),
            Err(error) => tracing::warn!(%error, "open questions cannot be closed yet"),
        }
        if clocks.1.saturating_sub(self.emergencies) >= EMERGENCIES {
            self.emergencies = clocks.1;
            if let Err(error) = app.governor.expire_emergencies() {
                tracing::warn!(%error, "the end of an emergency cannot be recorded yet");
            }
            tell_denied(app, false);
        }
        let is_due = clocks.1.saturating_sub(self.beat) >= app.options.heartbeat;
        if is_due || before == Condition::Full {
            app.state.check(clocks.0).context("the state can no longer be written")?;
        }
        if is_due {
            self.beat = clocks.1;
            note(app, heartbeat(app)?);
            // What the log refused when it was approved need not wait for a restart.
            if let Err(error) = app.governor.resume() {
                tracing::warn!(%error, "approved changes cannot take effect yet");
            }
        }
        Ok(())
    }

    /// The last word of a server that was asked to stop.
    fn stop(&self, app: &App) -> anyhow::Result<()> {
        if let Some(AppendError::Halted { .. }) = app.log.failure() {
            return Ok(());
        }
        tell_denied(app, true);
        let served_s = app.clock.steady().saturating_sub(self.began).as_secs();
        app.record_last(What::LogStopped { served_s })
    }
}

/// Puts denied views on record that no entry tells of yet.
fn tell_denied(app: &App, of_all: bool) {
    if let Err(error) = app.reader.tell_untold(of_all) {
        tracing::warn!(%error, "the log did not take the number of denied views");
    }
}

/// Records what may be left out where the log is busy.
fn note(app: &App, what: What) {
    if let Err(error) = app.record_own(what) {
        tracing::warn!(%error, "the log did not take an entry of the server's own");
    }
}

fn heartbeat(app: &App) -> anyhow::Result<What> {
    let clock = ClockState::read();
    Ok(What::LogHeartbeat {
        published: app.log.published(),
        applied: app.catalogue.applied_through()?,
        generation: app.catalogue.visible_through().0,
        free_bytes: durable::free_bytes(&LogPaths::of(app.home.path()).log)?,
        clock: clock.source,
        synchronised: clock.synchronised,
        offset_us: clock.offset_us,
        error_us: clock.error_us,
    })
}

/// Both clocks, read so close together that they can be compared.
fn read(clock: &dyn Clock) -> (Timestamp, Duration) {
    let mut reading = (clock.now(), clock.steady());
    for _ in 1..READINGS_MAX {
        let before = clock.steady();
        reading = (clock.now(), clock.steady());
        if reading.1.saturating_sub(before) < READING_MAX {
            break;
        }
    }
    reading
}

/// By how many milliseconds the time of day went further than the steady clock.
fn apart(from: (Timestamp, Duration), to: (Timestamp, Duration)) -> i64 {
    let millis = |time: Timestamp| i128::from(time.unix_millis());
    let day = millis(to.0) - millis(from.0);
    let steady = to.1.as_millis().cast_signed() - from.1.as_millis().cast_signed();
    // What canonical JSON can carry; nobody's clock jumps further.
    let limit = (1_i128 << 53) - 1;
    i64::try_from((day - steady).clamp(-limit, limit)).unwrap_or_default()
}

/// A thread that looks after a server until the server has ended.
pub struct Watch {
    app: Arc<App>,
    stop: SyncSender<()>,
    thread: JoinHandle<(Pulse, anyhow::Result<()>)>,
}

impl Watch {
    /// Starts the thread; `end` is called where the server must end.
    ///
    /// # Errors
    /// Where the system has no thread left.
    pub fn start(
        app: &Arc<App>,
        engine: &Engine,
        end: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = sync_channel::<()>(1);
        let answerer = Arc::clone(&engine.answerer);
        let watched = Arc::clone(app);
        let mut pulse = Pulse::start(app);
        let thread = std::thread::Builder::new().name("watch".to_owned());
        let thread = thread.spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(TICK) {
                if let Err(error) = pulse.tick(&watched, &answerer) {
                    end();
                    return (pulse, Err(error));
                }
            }
            (pulse, Ok(()))
        })?;
        Ok(Self { app: Arc::clone(app), stop, thread })
    }

    /// The server has ended: the log gets its last entry, or this is why it ended by itself.
    ///
    /// # Errors
    /// Why the server cannot go on, or what the log says.
    pub fn finish(self) -> anyhow::Result<()> {
        drop(self.stop);
        let ended = self.thread.join();
        let (pulse, ended) = ended.map_err(|_| anyhow::anyhow!("the watch panicked"))?;
        ended?;
        pulse.stop(&self.app)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_what_the_time_of_day_went_further_than_the_steady_clock() {
        let at = |day, steady| (Timestamp::from_unix_millis(day), Duration::from_millis(steady));
        for (from, to, by_ms) in [
            (at(1_000, 0), at(2_000, 1_000), 0),
            (at(1_000, 0), at(5_000, 1_000), 3_000),
            (at(9_000, 500), at(2_000, 1_000), -7_500),
            (at(0, 0), at(u64::MAX, 0), (1 << 53) - 1),
        ] {
            assert_eq!(apart(from, to), by_ms);
        }
    }
}
