//! Work off the request path: merging and rebuilding index segments while nothing is taken in.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use crate::index::Index;

/// How often the index is looked at. It is optimised once it held still for as long.
const PERIOD: Duration = Duration::from_secs(30);

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
    pub fn start(index: Arc<Index>) -> std::io::Result<Self> {
        let (stop, stopped) = sync_channel::<()>(1);
        std::thread::Builder::new().name("upkeep".to_owned()).spawn(move || {
            let (mut seen, mut optimised) = (index.count(), 0);
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(PERIOD) {
                let count = index.count();
                if count == seen && count != optimised {
                    match index.optimise() {
                        Ok(()) => optimised = count,
                        Err(error) => tracing::warn!(%error, "the index could not be optimised"),
                    }
                }
                seen = count;
            }
        })?;
        Ok(Self { _stop: stop })
    }
}
