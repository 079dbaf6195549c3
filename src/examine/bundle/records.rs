//! The records of a bundle: the selected entries in every format, in parts of bounded length.

use std::path::Path;

use serde_json::{Value, json};

use super::ERASURES;
use crate::audit::{Entry, FolderError, Selection, TreeEntries};
use crate::domain::clock::Timestamp;
use crate::domain::ids::EntryIndex;
use crate::examine::export::{RecordFormat, Site};

/// How many entries of the log one part covers: a part of the widest format stays far below what
/// an archive holds in one file.
const PART_ENTRIES: u64 = 1 << 18;

/// The path of the part that covers an entry.
pub(super) fn part_name(format: RecordFormat, index: EntryIndex) -> String {
    let part = index.0 / PART_ENTRIES;
    format!("records/{}/{part:05}.{}", format.as_str(), format.extension())
}

/// What one reading of the log tells besides the records.
#[derive(Default)]
pub(super) struct Told {
    /// Entries in the records.
    pub(super) entries: u64,
    /// When the last entry of the log was written.
    pub(super) through: Option<Timestamp>,
    /// Verifier keys that the log names as export keys.
    pub(super) export_keys: Vec<String>,
    /// Payloads that entries commit to.
    pub(super) payloads: u64,
    erasures: Vec<Value>,
}

impl Told {
    fn note(&mut self, entry: &Entry) {
        self.through = Some(entry.ts());
        self.payloads += entry.payloads().len() as u64;
        match entry.kind() {
            "export.key_created" => {
                let vkey = entry.details().get("vkey").and_then(Value::as_str);
                self.export_keys.extend(vkey.map(str::to_owned));
            }
            kind if kind.starts_with("erasure.") => self.erasures.push(json!({
                "index": entry.index, "leaf_hash": entry.leaf_hash(), "ts": entry.ts(),
                "type": kind, "details": entry.details(),
            })),
            _ => {}
        }
    }

    /// The file that lists what was erased.
    pub(super) fn erasures(&self) -> (&'static str, Vec<u8>) {
        let mut bytes = json!({ "erasures": self.erasures }).to_string().into_bytes();
        bytes.push(b'\n');
        (ERASURES, bytes)
    }
}

/// Where lines go: file, entry, bytes.
pub(super) type Sink<'a, E> = dyn FnMut(&str, EntryIndex, &[u8]) -> Result<(), E> + 'a;

/// Reads the log once and renders the selected entries in these formats. The files that one
/// format's lines go to follow each other.
pub(super) fn render<E: From<FolderError>>(
    log: &Path,
    size: u64,
    selection: &Selection,
    rendered: (&Site, &[RecordFormat]),
    sink: &mut Sink<'_, E>,
) -> Result<Told, E> {
    let (site, formats) = rendered;
    let mut told = Told::default();
    let (mut part, mut lines) = (None, Vec::new());
    for entry in TreeEntries::of(log, size) {
        let entry = entry?;
        told.note(&entry);
        if !selection.matches(&entry) {
            continue;
        }
        told.entries += 1;
        let number = Some(entry.index.0 / PART_ENTRIES);
        for format in formats {
            lines.clear();
            if part != number {
                format.write_head(&mut lines);
            }
            format.write(site, &entry, &mut lines);
            sink(&part_name(*format, entry.index), entry.index, &lines)?;
        }
        part = number;
    }
    Ok(told)
}
