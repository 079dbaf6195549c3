//! What may operators see? Tracing to stderr and metrics, never content.
//!
//! No question text, passage, answer, name or token is ever a field here: those belong to the
//! audit log and the vault. Fields are dotted, with units (`duration_ms`).

mod metrics;

pub use metrics::{Counter, Metrics, Phase};

use tracing_subscriber::EnvFilter;

/// Sends tracing to stderr. `filter` is a `tracing` filter such as `info` or `affiant=debug`;
/// one that does not parse falls back to `info`. Safe to call twice: the first call counts.
pub fn start(filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(true)
        .finish();
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        tracing::debug!("tracing was started before");
    }
}
