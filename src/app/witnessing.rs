//! Going to the witnesses, again and again, while the appliance serves.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};

use super::App;
use super::witness_post::sender;
use crate::audit::{Change, Log, LogPaths, RoundError, Rounds, What};
use crate::config::WitnessConfig;

/// The witnesses of a log that has just been opened, after a first round to them.
///
/// # Errors
/// Where a witness disagrees: the log has stopped before anything was appended to it.
pub(super) fn open(
    config: &WitnessConfig,
    paths: &LogPaths,
    log: &Log,
) -> anyhow::Result<(Arc<Rounds>, Vec<Change>)> {
    let rounds = Rounds::open(paths, log.clone(), config.policy.clone(), sender(config)?)?;
    let changes = rounds.run()?;
    Ok((Arc::new(rounds), changes))
}

/// A thread that offers each new checkpoint to the witnesses until this is dropped.
pub struct Witnessing {
    _stop: SyncSender<()>,
}

impl Witnessing {
    /// Starts the thread, if there is any witness.
    ///
    /// # Errors
    /// Where the system has no thread left.
    pub fn start(app: &Arc<App>) -> std::io::Result<Option<Self>> {
        if !app.witnesses.is_needed() {
            return Ok(None);
        }
        let (stop, stopped) = sync_channel::<()>(1);
        // Weak: a home is closed when its last owner lets go of it.
        let (weak, interval) = (Arc::downgrade(app), app.options.witness.interval);
        std::thread::Builder::new().name("witnesses".to_owned()).spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(interval) {
                let Some(app) = weak.upgrade() else { return };
                match app.witnesses.run() {
                    Ok(changes) => app.record_changes(&changes),
                    // The log has stopped: there is nothing more to offer.
                    Err(RoundError::Disagreement(_)) => return,
                    Err(error @ RoundError::Io(_)) => {
                        tracing::error!(error = %error, "a round to the witnesses failed");
                    }
                }
            }
        })?;
        Ok(Some(Self { _stop: stop }))
    }
}

impl App {
    /// Records which witnesses fail and which cosign again: once for each change. What could not be
    /// recorded comes again with the next round.
    pub(super) fn record_changes(&self, changes: &[Change]) {
        for change in changes {
            let witness = change.witness.clone();
            let what = match change.failing.clone() {
                Some(reason) => What::WitnessFailed { witness, reason },
                None => What::WitnessRecovered { witness },
            };
            let recorded = self.record_own(what);
            let told = recorded.and_then(|()| Ok(self.witnesses.told(change)?));
            if let Err(error) = told {
                tracing::error!(error = %format!("{error:#}"), "a witness's change is not on record");
            }
        }
    }
}
