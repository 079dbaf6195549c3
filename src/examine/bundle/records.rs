//! The records of a bundle: the selected entries in every format, in parts of bounded length.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use super::ERASURES;
use crate::audit::{AnchorRecord, Entry, FolderError, Selection, TreeEntries};
use crate::domain::clock::Timestamp;
use crate::domain::ids::EntryIndex;
use crate::examine::export::{RecordFormat, Site};

/// How many entries of the log one part covers: a part of the widest format stays far below what
/// an archive holds in one file.
const PART_ENTRIES: u64 = 1 << 18;

/// The folder of all records.
pub(super) const RECORDS: &str = "records/";

/// The path of a part in one format.
fn part_name(format: RecordFormat, part: u64) -> String {
    format!("{RECORDS}{}/{part:05}.{}", format.as_str(), format.extension())
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
    /// Verifier keys that the log says signed it before its newest, oldest first.
    pub(super) replaced_keys: Vec<String>,
    /// The newest of its verifier keys, where the log names one.
    pub(super) newest_key: Option<String>,
    /// The timestamps that the log records, each with its entry.
    pub(super) anchors: Vec<(u64, AnchorRecord)>,
    /// The numbers of the parts that have records.
    parts: BTreeSet<u64>,
    /// How many payloads entries commit to under each combination of data keys.
    payloads: BTreeMap<String, u64>,
    /// Data keys that were destroyed.
    destroyed: BTreeSet<String>,
    erasures: Vec<Value>,
}

/// What became of the contents that entries commit to, as the log tells it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Payloads {
    /// Sealed in the vault.
    pub sealed: u64,
    /// Erased: a key that they were sealed under is destroyed.
    pub erased: u64,
}

impl Told {
    fn note(&mut self, entry: &Entry) {
        self.through = Some(entry.ts());
        for payload in entry.payloads() {
            *self.payloads.entry(payload.key).or_default() += 1;
        }
        if entry.kind() == "erasure.keys" {
            let keys = entry.details().get("keys").and_then(Value::as_array).into_iter().flatten();
            self.destroyed.extend(keys.filter_map(Value::as_str).map(str::to_owned));
        }
        match entry.kind() {
            "export.key_created" => {
                let vkey = entry.details().get("vkey").and_then(Value::as_str);
                self.export_keys.extend(vkey.map(str::to_owned));
            }
            "key.rotated" => {
                let vkey = |name| entry.details().get(name).and_then(Value::as_str);
                self.replaced_keys.extend(vkey("old_vkey").map(str::to_owned));
                self.newest_key = vkey("new_vkey").map(str::to_owned);
            }
            "anchor.recorded" => {
                let record = AnchorRecord::of(entry.details());
                self.anchors.extend(record.map(|record| (entry.index.0, record)));
            }
            kind if kind.starts_with("erasure.") => self.erasures.push(json!({
                "index": entry.index, "leaf_hash": entry.leaf_hash(), "ts": entry.ts(),
                "type": kind, "details": entry.details(),
            })),
            _ => {}
        }
    }

    /// The record files that a bundle of this selection has, in every format, and no other.
    pub(super) fn files(&self) -> BTreeSet<String> {
        let named = |part: &u64| RecordFormat::ALL.map(|format| part_name(format, *part));
        self.parts.iter().flat_map(named).collect()
    }

    /// What became of the payloads. One that lies under several keys is lost with any of them.
    pub(super) fn payloads(&self) -> Payloads {
        let mut found = Payloads::default();
        for (keys, count) in &self.payloads {
            match keys.split('+').any(|key| self.destroyed.contains(key)) {
                true => found.erased += count,
                false => found.sealed += count,
            }
        }
        found
    }

    /// The file that lists what was erased.
    pub(super) fn erasures(&self) -> (&'static str, Vec<u8>) {
        let told = json!({ "erasures": self.erasures, "payloads": self.payloads() });
        let mut bytes = told.to_string().into_bytes();
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
        let number = entry.index.0 / PART_ENTRIES;
        for format in formats {
            lines.clear();
            if part != Some(number) {
                format.write_head(&mut lines);
            }
            format.write(site, &entry, &mut lines);
            sink(&part_name(*format, number), entry.index, &lines)?;
        }
        told.parts.insert(number);
        part = Some(number);
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(index: u64, kind: &str, details: &Value, key: Option<&str>) -> Entry {
        let digest = "0".repeat(64);
        let payload =
            key.map(|key| json!({ "blob_sha256": digest, "len": 1, "key": key, "commit": digest }));
        let value = json!({ "type": kind, "ts": 1, "details": details, "payload": payload });
        let bytes = serde_json::to_vec(&value).unwrap();
        Entry { index: EntryIndex(index), value, bytes }
    }

    #[test]
    fn what_is_sealed_under_a_destroyed_key_is_erased_not_missing() {
        let mut told = Told::default();
        for (index, key) in ["a", "a+b", "b+c", "c"].into_iter().enumerate() {
            told.note(&entry(index as u64, "query.received", &json!({}), Some(key)));
        }
        assert_eq!(told.payloads(), Payloads { sealed: 4, erased: 0 });
        told.note(&entry(4, "erasure.keys", &json!({ "keys": ["b"] }), None));
        assert_eq!(told.payloads(), Payloads { sealed: 2, erased: 2 });
        let (_, file) = told.erasures();
        let file: Value = serde_json::from_slice(&file).unwrap();
        assert_eq!(file["payloads"], json!({ "sealed": 2, "erased": 2 }));
        assert_eq!(file["erasures"][0]["index"], 4);
    }
}
