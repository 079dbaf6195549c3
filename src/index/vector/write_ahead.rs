//! Keeps Edge's write-ahead log short. Edge only ever appends to it and never reads it back, but
//! takes its operation numbers from it, so the newest files must stay.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::durable;

/// More closed files than this are worth closing the shard for a moment, to trim them.
const CLOSED_FILES_MAX: usize = 8;

/// Whether the log of an open shard has grown long.
pub(super) fn is_long(dir: &Path) -> io::Result<bool> {
    Ok(closed_files(dir)?.len() > CLOSED_FILES_MAX)
}

/// Removes every closed file but the newest, as Edge's own truncation would. The shard must not be
/// open.
pub(super) fn trim(dir: &Path) -> io::Result<()> {
    let mut closed = closed_files(dir)?;
    closed.pop();
    // Oldest first: a crash in between leaves a log without gaps.
    closed.into_iter().try_for_each(|path| durable::remove(&path))
}

/// The files that are full, oldest first: each is named after its first operation.
fn closed_files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut closed = Vec::new();
    for file in fs::read_dir(dir).map_err(|e| durable::at(dir, "list", e))? {
        let path = file.map_err(|e| durable::at(dir, "list", e))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let start = name.strip_prefix("closed-").and_then(|start| start.parse::<u64>().ok());
        if let Some(start) = start {
            closed.push((start, path));
        }
    }
    closed.sort_unstable();
    Ok(closed.into_iter().map(|(_, path)| path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_closed_file_and_the_open_ones_stay() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["closed-1", "closed-9", "closed-20", "open-3", "first-index", "closed-x"] {
            durable::create_new(&dir.path().join(name), b"", durable::Readers::Owner).unwrap();
        }
        trim(dir.path()).unwrap();
        let mut left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["closed-20", "closed-x", "first-index", "open-3"]);
        assert!(!is_long(dir.path()).unwrap());
        for start in 30..40 {
            let name = format!("closed-{start}");
            durable::create_new(&dir.path().join(name), b"", durable::Readers::Owner).unwrap();
        }
        assert!(is_long(dir.path()).unwrap());
        assert!(trim(&dir.path().join("missing")).is_err());
    }
}
