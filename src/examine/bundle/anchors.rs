//! RFC 3161 timestamps in a bundle: checkpoint, request and reply, named by the entry that recorded
//! them, whose digests they are held to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::ANCHORS;
use super::records::Told;
use crate::audit::{AnchorFiles, AnchorRecord, Anchors};
use crate::domain::digest::Digest;

/// Their files, where the home has them: what is gone is for whoever checks to find.
pub(super) fn files(told: &Told, anchors: &Anchors) -> Vec<(String, Vec<u8>)> {
    let files = told.anchors.iter().filter_map(|(index, record)| {
        let AnchorFiles { checkpoint, request, reply } = anchors.recorded(record).ok()?;
        Some(names(*index).into_iter().zip([checkpoint, request, reply]))
    });
    files.flatten().collect()
}

fn names(index: u64) -> [String; 3] {
    AnchorFiles::KINDS.map(|kind| format!("{ANCHORS}{index}.{kind}"))
}

/// What is missing, too many, or not what the log records: the entry, where it is about one.
pub(super) fn check(
    dir: &Path,
    told: &Told,
    files: &BTreeMap<String, Digest>,
) -> Vec<(Option<u64>, String)> {
    let folder = dir.join(ANCHORS);
    let differs = |(index, record): &(u64, AnchorRecord)| {
        let found = AnchorFiles::read(&folder, *index).map_err(|error| error.to_string());
        let fit = found.and_then(|found| found.fit(record).map_err(str::to_owned));
        Some((Some(*index), format!("{ANCHORS}{index}: {}", fit.err()?)))
    };
    let expected: BTreeSet<String> =
        told.anchors.iter().flat_map(|(index, _)| names(*index)).collect();
    let of_none = files.keys().filter(|name| name.starts_with(ANCHORS));
    let of_none = of_none
        .filter(|name| !expected.contains(*name))
        .map(|name| (None, format!("{name} is a timestamp of no entry")));
    told.anchors.iter().filter_map(differs).chain(of_none).collect()
}
