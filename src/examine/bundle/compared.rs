//! The record files of a bundle, held beside the lines that follow from the log.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

/// Reads the record files beside the rendering.
#[derive(Default)]
pub(super) struct Compared {
    /// Files that were looked for.
    pub(super) seen: BTreeSet<String>,
    /// The open file of each format; `None` once it does not agree.
    open: BTreeMap<String, (String, Option<BufReader<File>>)>,
}

impl Compared {
    /// The error names the first line of a file that differs; after it the file is left alone.
    pub(super) fn lines(&mut self, dir: &Path, name: &str, lines: &[u8]) -> Result<(), String> {
        let folder = folder_of(name);
        if self.open.get(&folder).is_none_or(|(open, _)| open != name) {
            self.seen.insert(name.to_owned());
            let next = File::open(dir.join(name)).map(BufReader::new);
            let opened = next.as_ref().err().map(|error| format!("{name}: {error}"));
            let before = self.open.insert(folder.clone(), (name.to_owned(), next.ok()));
            if let Some(problem) = before.and_then(ended).or(opened) {
                return Err(problem);
            }
        }
        let Some((_, slot)) = self.open.get_mut(&folder) else { return Ok(()) };
        let Some(file) = slot else { return Ok(()) };
        let mut found = Vec::new();
        let read = file.take(lines.len() as u64).read_to_end(&mut found);
        if read.is_ok() && found == lines {
            return Ok(());
        }
        *slot = None;
        Err(format!("{name} does not have the lines that follow from this entry"))
    }

    /// Files that go on after their last line.
    pub(super) fn end(&mut self) -> Vec<String> {
        std::mem::take(&mut self.open).into_values().filter_map(ended).collect()
    }
}

fn ended((name, file): (String, Option<BufReader<File>>)) -> Option<String> {
    let mut file = file?;
    let at_end = file.read(&mut [0]).is_ok_and(|count| count == 0);
    (!at_end).then(|| format!("{name} has lines of no entry at its end"))
}

/// The folder of a file, with the slash.
fn folder_of(name: &str) -> String {
    name.rsplit_once('/').map_or_else(String::new, |(folder, _)| format!("{folder}/"))
}
