//! What every test needs: a home, a server, a client, the program as a process.

pub(crate) mod authenticator;
pub(crate) mod client;
pub(crate) mod clock;
pub(crate) mod corpus;
pub(crate) mod process;
pub(crate) mod record;
pub(crate) mod server;
pub(crate) mod template;
pub(crate) mod test_app;
pub(crate) mod traces;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
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

/// Every file below a folder, by its path from there. What goes while this looks, as old partial
/// tiles and merged segments do, is left out.
pub(crate) fn files_of(folder: &Path) -> impl Iterator<Item = (PathBuf, Vec<u8>)> {
    let kept = |error: Option<ErrorKind>| error != Some(ErrorKind::NotFound);
    let entries = walkdir::WalkDir::new(folder).into_iter().filter(move |entry| {
        kept(entry.as_ref().err().and_then(walkdir::Error::io_error).map(std::io::Error::kind))
    });
    let files = entries.map(Result::unwrap).filter(|entry| entry.file_type().is_file());
    files.filter_map(move |entry| {
        let read = std::fs::read(entry.path());
        let path = entry.path().strip_prefix(folder).unwrap().to_owned();
        kept(read.as_ref().err().map(std::io::Error::kind)).then(|| (path, read.unwrap()))
    })
}

/// A variable of the environment that changes how thorough a test is.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment how long to run")]
pub(crate) fn wanted<T: std::str::FromStr>(name: &str, default: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
