//! Everything that tracing would have shown to an operator, at the most talkative setting.

use std::io::{self, Write};
use std::sync::{Mutex, OnceLock, PoisonError};

static SEEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Kept;

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        SEEN.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps what is traced from now on, in every test of this process.
pub(crate) fn keep() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter("debug,affiant=trace")
            .with_writer(|| Kept)
            .with_ansi(false)
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
}

/// What was traced so far.
pub(crate) fn seen() -> Vec<u8> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
