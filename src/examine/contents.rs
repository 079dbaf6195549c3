//! Is everything still there that the entries of a home commit to? Contents in the vault, each opened
//! and held to its commitment, and timestamps of checkpoints, each held to its digest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::problems::Findings;
use crate::audit::{AnchorRecord, Anchors, Entry, LogPaths, Report, TreeEntries};
use crate::domain::clock::SystemEntropy;
use crate::domain::ids::RequestId;
use crate::domain::payload::PayloadRef;
use crate::store::{RevealError, Vault};

/// What became of the contents that entries commit to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Contents {
    /// Opened, and what the entry commits to.
    pub open: u64,
    /// Erased: a key that they were sealed under is destroyed, and an entry says so.
    pub erased: u64,
    /// Gone, and no entry says why.
    pub missing: u64,
    /// There, and not what the entry commits to.
    pub damaged: u64,
}

/// A verified home: its logs, and what their entries commit to.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The log, and with it everything else that was found.
    pub report: Report,
    /// What became of the contents; `None` where they were not looked at.
    pub contents: Option<Contents>,
}

/// Follows the entries of a home from the first to the last.
pub(super) struct ContentsCheck<'a> {
    vault: &'a Vault,
    anchors: Anchors,
    contents: Contents,
    found: Findings,
    /// Entries whose contents lost a key, by the ids of the keys.
    keyless: BTreeMap<String, Vec<u64>>,
    /// Keys that were to be destroyed.
    destroyed: BTreeSet<String>,
    /// The same by the request that asked for it, until that is completed.
    erasing: BTreeMap<Option<RequestId>, Vec<String>>,
}

impl<'a> ContentsCheck<'a> {
    /// Before the first entry.
    pub(super) fn new(vault: &'a Vault, anchors: Anchors) -> Self {
        Self {
            vault,
            anchors,
            contents: Contents::default(),
            found: Findings::default(),
            keyless: BTreeMap::new(),
            destroyed: BTreeSet::new(),
            erasing: BTreeMap::new(),
        }
    }

    /// The next entry, by its index across the logs of the home.
    pub(super) fn enter(&mut self, index: u64, entry: &Entry) {
        for payload in entry.payloads() {
            self.open(index, &payload);
        }
        match entry.kind() {
            "erasure.keys" => {
                let keys = entry.details().get("keys").and_then(Value::as_array);
                let keys = keys.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
                let keys: Vec<String> = keys.collect();
                self.destroyed.extend(keys.iter().cloned());
                self.erasing.entry(entry.req()).or_default().extend(keys);
            }
            "erasure.completed" => {
                for key in self.erasing.remove(&entry.req()).unwrap_or_default() {
                    if self.vault.has_key(&key) {
                        let detail = format!("the data key {key} was to be destroyed and is there");
                        self.found.add("erasure_undone", Some(index), detail);
                    }
                }
            }
            "anchor.recorded" => {
                let recorded = AnchorRecord::of(entry.details());
                let missing = recorded.and_then(|record| self.anchors.recorded(&record).err());
                if let Some(detail) = missing {
                    self.found.add("anchor_mismatch", Some(index), detail);
                }
            }
            _ => {}
        }
    }

    fn open(&mut self, index: u64, payload: &PayloadRef) {
        let (count, kind) = match self.vault.open_payload(payload) {
            Ok(_) => return self.contents.open += 1,
            Err(RevealError::Erased) => {
                return self.keyless.entry(payload.key.clone()).or_default().push(index);
            }
            Err(error @ RevealError::Missing { .. }) => {
                (&mut self.contents.missing, ("payload_missing", error))
            }
            Err(error @ RevealError::Corrupt { .. }) => {
                (&mut self.contents.damaged, ("payload_damaged", error))
            }
            Err(error @ RevealError::Io(_)) => {
                (&mut self.contents.damaged, ("unreadable_file", error))
            }
        };
        *count += 1;
        let (kind, error) = kind;
        self.found.add(kind, Some(index), error.to_string());
    }

    /// After the last entry: adds to the report on the log what was found beside it.
    pub(super) fn finish(mut self, report: &mut Report) -> Contents {
        for (keys, entries) in std::mem::take(&mut self.keyless) {
            if keys.split('+').any(|key| self.destroyed.contains(key)) {
                self.contents.erased += entries.len() as u64;
                continue;
            }
            for index in entries {
                self.contents.missing += 1;
                let detail =
                    format!("a data key of {keys} is gone, and no entry says it was erased");
                self.found.add("payload_missing", Some(index), detail);
            }
        }
        self.found.join(report);
        self.contents
    }

    /// What cannot be read on the way.
    pub(super) fn unreadable(&mut self, error: &dyn std::fmt::Display) {
        self.found.add("unreadable_file", None, error.to_string());
    }
}

/// Checks what the entries of a home commit to, from its files alone: each of its logs is a folder
/// with so many entries, oldest first. Adds to the report what was found.
pub fn check_contents(home: &Path, logs: &[(PathBuf, u64)], report: &mut Report) -> Contents {
    let vault = match Vault::look(home, Arc::new(SystemEntropy)) {
        Ok(vault) => vault,
        Err(error) => {
            let mut found = Findings::default();
            let detail = format!("the contents that entries commit to: {error}");
            found.add("unreadable_file", None, detail);
            found.join(report);
            return Contents::default();
        }
    };
    let mut check = ContentsCheck::new(&vault, Anchors::of(&LogPaths::of(home)));
    let mut before = 0;
    for (folder, size) in logs {
        for entry in TreeEntries::of(folder, *size) {
            match entry {
                Ok(entry) => check.enter(before + entry.index.0, &entry),
                Err(error) => check.unreadable(&error),
            }
        }
        before += size;
    }
    check.finish(report)
}
