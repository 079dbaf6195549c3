//! Which policies a home opens with: those that the log says are in force.
//!
//! The folder `policies/` is a copy for people. As long as no document was taken in, its files are
//! the operator's to set up, and an edit comes into force (on record) at the next start. From then
//! on policies change by two persons alone: a folder that holds anything else than a version that
//! was in force keeps the home from opening; one that is missing, or an earlier version, is written
//! anew. So it is in a home made before versions were kept, where the log says no more than digests:
//! the folder must be what the last of them names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::audit::{Entry, Log, What};
use crate::catalogue::Catalogue;
use crate::domain::digest::Digest;
use crate::domain::ids::EntryIndex;
use crate::policy::{Policies, PolicyProblem};
use crate::store::{KeyScope, PolicyRow, Vault};

use super::Home;

/// Entries read from the log at a time.
const ENTRIES_AT_A_TIME: usize = 1_024;
/// Name of a set that came into force from an edited folder.
const EDITED: &str = "edited";
/// Name of a set whose policies stayed while the program's schema changed.
const SCHEMA: &str = "schema";

/// Somebody edited the policies without a second person.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} was edited by hand ({}), and nothing is allowed while it differs from {in_force}",
    .folder.display(), .files.join(", ")
)]
pub struct PoliciesEdited {
    /// The folder.
    folder: PathBuf,
    /// What differs.
    files: Vec<String>,
    /// What is in force.
    in_force: String,
}

/// The policies that a home opens with.
pub(super) struct Found {
    pub(super) policies: Policies,
    /// Under which name they come into force now; `None` where they are in force already.
    pub(super) new: Option<String>,
}

pub(super) fn find(home: &Home, catalogue: &Catalogue, log: &Log) -> anyhow::Result<Found> {
    let folder = home.policies();
    let versions = catalogue.policy_versions()?;
    let Some(last) = versions.last() else { return find_unkept(folder, log) };
    if is_missing(&folder) {
        return restore(&folder, catalogue, last);
    }
    let loaded = Policies::load(&folder);
    match loaded {
        Ok(policies) if policies.digest() == last.sha256 => Ok(Found { policies, new: None }),
        Ok(policies) if own_files(&policies) == own(last.files.clone()) => {
            Ok(Found { policies, new: Some(SCHEMA.to_owned()) })
        }
        Ok(policies) if versions.iter().any(|row| row.sha256 == policies.digest()) => {
            restore(&folder, catalogue, last)
        }
        loaded if last_of(log, "document.activated")?.is_none() => edit(loaded),
        loaded => {
            let in_force = format!("version {}, which is in force", versions.len());
            Err(refusal(folder, &loaded, &own(last.files.clone()), in_force).into())
        }
    }
}

/// The policies of a home whose log keeps no files of any: a new one, or one made before versions
/// were kept.
fn find_unkept(folder: PathBuf, log: &Log) -> anyhow::Result<Found> {
    let loaded = Policies::load(&folder);
    let Some(last) = last_of(log, "policy.activated")? else {
        let policies = loaded.map_err(|problems| faulty(&problems))?;
        let set = policies.set_name().to_owned();
        return Ok(Found { policies, new: Some(set) });
    };
    let files = last.details().get("files").cloned().unwrap_or_default();
    let files: BTreeMap<String, Digest> = serde_json::from_value(files).unwrap_or_default();
    match loaded {
        Ok(policies) if own_files(&policies) == own(files.clone()) => {
            let set = last.details().get("set").and_then(serde_json::Value::as_str);
            let set = set.filter(|_| last.activates() == Some(policies.digest()));
            Ok(Found { policies, new: Some(set.unwrap_or(SCHEMA).to_owned()) })
        }
        loaded if last_of(log, "document.activated")?.is_none() => edit(loaded),
        loaded => {
            let in_force = format!(
                "what entry {} put in force; nothing else keeps those files: take them from a backup",
                last.index
            );
            Err(refusal(folder, &loaded, &own(files), in_force).into())
        }
    }
}

/// A folder that is still the operator's to set up.
fn edit(loaded: Result<Policies, Vec<PolicyProblem>>) -> anyhow::Result<Found> {
    let policies = loaded.map_err(|problems| faulty(&problems))?;
    Ok(Found { policies, new: Some(EDITED.to_owned()) })
}

fn refusal(
    folder: PathBuf,
    loaded: &Result<Policies, Vec<PolicyProblem>>,
    then: &[OwnFile],
    in_force: String,
) -> PoliciesEdited {
    let files = match loaded {
        Ok(policies) => edited(&own_files(policies), then),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    };
    PoliciesEdited { folder, files, in_force }
}

/// The entry that puts these policies in force.
pub(super) fn activated(vault: &Vault, policies: &Policies, set: &str) -> anyhow::Result<What> {
    let source = policies.source();
    let bytes = serde_json::to_vec(&source)?;
    Ok(What::PolicyActivated {
        set: set.to_owned(),
        files: source.digests(),
        payload: Some(vault.seal(&KeyScope::system(), &bytes)?),
    })
}

/// Writes the folder as the version in force has it.
fn restore(folder: &Path, catalogue: &Catalogue, version: &PolicyRow) -> anyhow::Result<Found> {
    let source = catalogue.policy_source(version)?;
    source.write(folder).context("the policies in force cannot be written")?;
    let policies = Policies::from_source(source).map_err(|problems| faulty(&problems))?;
    // Under another schema it is not the same set, and that goes on record.
    let new = (policies.digest() != version.sha256).then(|| SCHEMA.to_owned());
    Ok(Found { policies, new })
}

fn faulty(problems: &[PolicyProblem]) -> anyhow::Error {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    anyhow::anyhow!("the policies have faults, so nothing is allowed: {}", lines.join("; "))
}

fn is_missing(folder: &Path) -> bool {
    std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
}

/// Name and digest of a file of the set.
type OwnFile = (String, Digest);

/// The files of a set, without the program's schema.
fn own_files(policies: &Policies) -> Vec<OwnFile> {
    own(policies.source().digests())
}

fn own(files: BTreeMap<String, Digest>) -> Vec<OwnFile> {
    files.into_iter().filter(|(name, _)| name.ends_with(".cedar")).collect()
}

fn edited(now: &[OwnFile], then: &[OwnFile]) -> Vec<String> {
    let changed = now.iter().filter(|file| !then.contains(file));
    let gone = then.iter().filter(|(name, _)| !now.iter().any(|(other, _)| other == name));
    changed.chain(gone).map(|(name, _)| name.clone()).collect()
}

/// The last entry of a type. Asked only where the folder is not what the view says.
fn last_of(log: &Log, kind: &str) -> anyhow::Result<Option<Entry>> {
    let (mut from, mut found) = (EntryIndex(0), None);
    loop {
        let entries = log.entries(from, ENTRIES_AT_A_TIME)?;
        let Some(last) = entries.last() else { return Ok(found) };
        from = EntryIndex(last.index.0.saturating_add(1));
        found = entries.into_iter().rev().find(|entry| entry.kind() == kind).or(found);
    }
}
