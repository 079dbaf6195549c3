//! The drill for a log key that is trusted no more: this log ends, and another goes on from it.

use std::sync::Arc;

use anyhow::Context as _;

use crate::audit::{Actor, Epoch, Event, Log, LogPaths, OpenError, RoundError, TlogPolicy, What};
use crate::config::Options;
use crate::domain::clock::{Clock, Entropy, SystemClock, SystemEntropy};
use crate::domain::ids::RequestId;
use crate::examine::Reader;

use super::{App, Home, lock};

/// Ends the log of a home that no process has open, and begins the next; ends a change that was cut
/// off before.
///
/// # Errors
/// [`super::HomeInUse`], [`super::NoHome`], or what the log says; safe to repeat.
pub fn begin_epoch(options: &Options, actor: &Actor) -> anyhow::Result<Epoch> {
    let paths = LogPaths::of(&options.home).with_credential(options.log_key_credential.clone());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    let event = |what: What| {
        let req = RequestId::fresh(clock.now(), entropy.as_ref());
        Event { actor: actor.clone(), req, policy: None, what }
    };
    if !paths.is_between_epochs() {
        // Opening gives every open question its end: the log is closed with nothing left open.
        match open_despite_witnesses(options) {
            Ok(app) => {
                let reader = Reader { actor: actor.clone(), person: None };
                app.examiner.name_export_key(&reader)?;
                let vkeys = app.log.keys()?.iter().map(ToString::to_string).collect();
                app.log.append(event(What::LogFrozen { vkeys }))?;
            }
            Err(error) if matches!(error.downcast_ref(), Some(OpenError::Frozen)) => {}
            Err(error) => return Err(error),
        }
    }
    let _lock = lock(&Home::at(&options.home))?;
    let epoch = Log::begin_epoch(&paths, Arc::clone(&clock), Arc::clone(&entropy), event);
    epoch.context("the next log could not be begun; run the command again")
}

/// Opens a home whose log is to end. A witness may be what has shown that the key is stolen: it must
/// not keep the log from ending. That it was not heeded goes on record.
fn open_despite_witnesses(options: &Options) -> anyhow::Result<App> {
    let opened = App::open(options.clone());
    let disagrees =
        |error: &anyhow::Error| matches!(error.downcast_ref(), Some(RoundError::Disagreement(_)));
    match opened {
        Err(error) if disagrees(&error) => {
            let mut alone = options.clone();
            alone.witness.policy = TlogPolicy::default();
            App::open(alone)
        }
        opened => opened,
    }
}
