//! How the provider is spoken to: the composition root has the HTTP client.

use crate::domain::secret::Secret;

/// One request to the provider.
#[derive(Debug)]
pub struct Call<'a> {
    /// Where: an address that the operator configured, or that the provider's own metadata names.
    pub url: &'a str,
    /// The `Authorization` header.
    pub authorization: Option<Secret>,
    /// A form to `POST`; without one it is a `GET`.
    pub form: Option<Secret>,
}

/// What came back: it may hold tokens, so it has no text.
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Speaks to the provider; nothing where it cannot be reached. Follows no redirect, and gives up
/// after the configured time.
pub type Ask = dyn Fn(&Call<'_>) -> Option<Reply> + Send + Sync;
