//! What every test needs: a home, a server, a client, the program as a process.

pub(crate) mod authenticator;
pub(crate) mod client;
pub(crate) mod corpus;
pub(crate) mod process;
pub(crate) mod record;
pub(crate) mod server;
pub(crate) mod template;
pub(crate) mod test_app;
pub(crate) mod traces;

use std::time::Duration;

/// Password of every account that tests make.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Looks again until there is something to see; about two minutes at most.
pub(crate) fn patiently<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    const LOOKS: u32 = 6_000;
    for _ in 0..LOOKS {
        if let Some(seen) = look() {
            return seen;
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    panic!("waited too long for {what}");
}

/// A variable of the environment that changes how thorough a test is.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment how long to run")]
pub(crate) fn wanted<T: std::str::FromStr>(name: &str, default: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
