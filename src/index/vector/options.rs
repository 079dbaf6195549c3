//! How a Qdrant server is reached.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::index::error::VectorError;

/// Where the server is and how to be let in.
#[derive(Clone)]
pub struct ServerOptions {
    /// gRPC address: `https://qdrant.example:6334`, or `http://` on this machine.
    pub url: String,
    /// The server's API key, if it asks for one; only sent over TLS or on this machine.
    pub api_key: Option<Zeroizing<String>>,
    /// Made where it is missing. One home, one collection.
    pub collection: String,
    /// How long one call may take.
    pub timeout: Duration,
}

impl fmt::Debug for ServerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerOptions")
            .field("url", &self.url)
            .field("api_key", &self.api_key.as_ref().map(|_| "[redacted]"))
            .field("collection", &self.collection)
            .field("timeout", &self.timeout)
            .finish()
    }
}

impl ServerOptions {
    /// Refuses an address that would send the key in clear.
    pub(super) fn check(&self) -> Result<(), VectorError> {
        let refuse = |detail| Err(VectorError::Options { detail });
        if self.url.starts_with("https://") {
            return Ok(());
        }
        let Some(rest) = self.url.strip_prefix("http://") else {
            return refuse("give a URL that starts with https:// or, on this machine, http://");
        };
        let local = ["localhost", "127.0.0.1", "[::1]"].into_iter().any(|host| {
            rest.strip_prefix(host)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
        });
        if self.api_key.is_some() && !local {
            return refuse("an API key over http:// would be sent in clear: use https://");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str, key: bool) -> ServerOptions {
        ServerOptions {
            url: url.to_owned(),
            api_key: key.then(|| Zeroizing::new("swordfish".to_owned())),
            collection: "passages".to_owned(),
            timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_key_is_never_sent_in_clear_over_a_network() {
        let table = [
            ("https://qdrant.example:6334", true, true),
            ("http://localhost:6334", true, true),
            ("http://127.0.0.1", true, true),
            ("http://[::1]:6334", true, true),
            ("http://qdrant.example:6334", false, true),
            ("http://qdrant.example:6334", true, false),
            ("http://localhost.example:6334", true, false),
            ("qdrant.example:6334", false, false),
            ("ftp://localhost", false, false),
        ];
        for (url, key, fine) in table {
            assert_eq!(options(url, key).check().is_ok(), fine, "{url} {key}");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        assert!(!format!("{:?}", options("http://localhost", true)).contains("swordfish"));
    }
}
