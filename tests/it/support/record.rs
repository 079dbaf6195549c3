//! Looks into the record.

use std::collections::BTreeMap;

use affiant::audit::{Entry, Log, QueryStep};
use affiant::domain::ids::EntryIndex;
use serde_json::Value;

/// Every entry.
pub(crate) fn entries(log: &Log) -> Vec<Entry> {
    log.entries(EntryIndex(0), usize::try_from(log.size()).unwrap()).unwrap()
}

/// The entries of one type.
pub(crate) fn of_kind(log: &Log, kind: &str) -> Vec<Entry> {
    entries(log).into_iter().filter(|entry| entry.kind() == kind).collect()
}

/// Checks that every question has exactly one terminal entry, and that whatever was released was
/// retrieved before; returns how many questions there are.
pub(crate) fn check_questions<'a>(entries: impl IntoIterator<Item = &'a Value>) -> usize {
    let mut steps: BTreeMap<&str, Vec<QueryStep>> = BTreeMap::new();
    for entry in entries {
        if let Some(step) = QueryStep::of(entry["type"].as_str().unwrap()) {
            steps.entry(entry["req"].as_str().unwrap()).or_default().push(step);
        }
    }
    for (query, steps) in &steps {
        let lawful = matches!(
            steps.as_slice(),
            [QueryStep::Received, QueryStep::Retrieved, QueryStep::Released | QueryStep::Closed]
                | [QueryStep::Received, QueryStep::Closed]
        );
        assert!(lawful, "{query}: {steps:?}");
    }
    steps.len()
}
