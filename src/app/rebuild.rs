//! Derived state made anew from the ground state: the log's views, and both indexes.

use std::io;
use std::sync::Arc;

use anyhow::Context as _;

use crate::audit::{DiskFiles, LogPaths, What};
use crate::config::Options;
use crate::domain::clock::SystemClock;
use crate::ingest::Reindexed;
use crate::models::Progress;

use super::engine::{Engine, Models, models_of};
use super::{App, Views};

/// Replays the log into fresh views, and fills a fresh index from the vault.
///
/// A crash on the way leaves a home that asks for the same again.
///
/// # Errors
/// As [`App::open`]; what the models, the vault or the index say.
pub fn rebuild(options: Options, progress: &dyn Progress) -> anyhow::Result<Reindexed> {
    rebuild_over(options, progress, |options| {
        let found = models_of(options, progress)?;
        Models::load(options, &found)
    })
}

/// [`rebuild`] with models that the caller has.
///
/// # Errors
/// As [`rebuild`].
pub fn rebuild_over(
    options: Options,
    progress: &dyn Progress,
    models: impl FnOnce(&Options) -> anyhow::Result<Models>,
) -> anyhow::Result<Reindexed> {
    let files = Arc::new(DiskFiles::new(LogPaths::of(&options.home)));
    let clock = Arc::new(SystemClock::start());
    let app = App::open_with(options, clock, files, Views::Forget)?;
    let models = models(&app.options)?;
    let index = app.home.index();
    match std::fs::remove_dir_all(&index) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("the old index in {}", index.display()));
        }
        Ok(()) | Err(_) => {}
    }
    let engine = Engine::assemble(&app, models)?;
    let mut told = 0;
    let done = engine.ingestor.reindex(&mut |done, total| {
        if told == 0 {
            progress.stage("indexing passages", Some(u64::from(total)));
        }
        progress.advance(u64::from(done - told));
        told = done;
    })?;
    app.record_own(What::ViewsRebuilt { documents: done.documents, passages: done.passages })?;
    Ok(done)
}
