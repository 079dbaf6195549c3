//! Work off the request path: merging and rebuilding index segments while nothing is taken in, and
//! deleting what is due.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use crate::govern::Governor;
use crate::index::Index;

/// How often the index is looked at. It is optimised once it held still for as long.
const PERIOD: Duration = Duration::from_secs(30);

/// Rounds between two looks at what the retention plan says is due: an hour.
const DUE_ROUNDS: u32 = 120;

/// A thread that keeps the index in shape until this is dropped. An optimisation on its way is not
/// waited for: it may take minutes, and the index survives being cut off in it.
pub struct Upkeep {
    _stop: SyncSender<()>,
}

impl Upkeep {
    /// Starts the thread.
    ///
    /// # Errors
    /// Where the system has no thread left.
    pub fn start(index: Arc<Index>, governor: Arc<Governor>) -> std::io::Result<Self> {
        let (stop, stopped) = sync_channel::<()>(1);
        std::thread::Builder::new().name("upkeep".to_owned()).spawn(move || {
            let (mut seen, mut optimised) = (index.count(), 0);
            let mut rounds = 0_u32;
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(PERIOD) {
                let count = index.count();
                if count == seen && count != optimised {
                    match index.optimise() {
                        Ok(()) => optimised = count,
                        Err(error) => tracing::warn!(%error, "the index could not be optimised"),
                    }
                }
                seen = count;
                if rounds.is_multiple_of(DUE_ROUNDS) {
                    match governor.delete_due() {
                        Ok(0) => {}
                        Ok(documents) => tracing::info!(documents, "what was due is deleted"),
                        Err(error) => tracing::error!(%error, "what is due could not be deleted"),
                    }
                }
                rounds = rounds.wrapping_add(1);
            }
        })?;
        Ok(Self { _stop: stop })
    }
}
