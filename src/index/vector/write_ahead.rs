//! Keeps Edge's write-ahead log short. Edge only ever appends to it and never reads it back, but
//! takes its operation numbers from it, so the newest files must stay.

use std::path::Path;
use std::{fs, io};

use crate::durable;

/// Removes every closed file but the newest, as Edge's own truncation would. The shard must not be
/// open.
pub(super) fn trim(dir: &Path) -> io::Result<()> {
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
    closed.pop();
    // Oldest first: a crash in between leaves a log without gaps.
    for (_, path) in closed {
        durable::remove(&path)?;
    }
    Ok(())
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
        assert!(trim(&dir.path().join("missing")).is_err());
    }
}
