//! Which policies a home opens with: those that the log says are in force.
//!
//! The folder `policies/` is a copy for people. As long as no document was taken in, its files are
//! the operator's to set up, and an edit comes into force (on record) at the next start. From then
//! on policies change by two persons alone: a folder that holds anything else than a version that
//! was in force keeps the home from opening; one that is missing, or an earlier version, is written
//! anew.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::audit::{Log, What};
use crate::catalogue::Catalogue;
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
    "{} was edited by hand ({}), and nothing is allowed while it differs from version {version}, \
     which is in force", .folder.display(), .files.join(", ")
)]
pub struct PoliciesEdited {
    /// The folder.
    folder: PathBuf,
    /// What differs.
    files: Vec<String>,
    /// The number of the version in force.
    version: usize,
}

/// The policies that a home opens with.
pub(super) struct Found {
    pub(super) policies: Policies,
    /// Under which name they come into force now; `None` where they are in force already.
    pub(super) new: Option<&'static str>,
}

pub(super) fn find(home: &Home, catalogue: &Catalogue, log: &Log) -> anyhow::Result<Found> {
    let folder = home.policies();
    let versions = catalogue.policy_versions()?;
    let Some(last) = versions.last() else {
        return Ok(Found { policies: load(&folder)?, new: (log.size() > 0).then_some(EDITED) });
    };
    if is_missing(&folder) {
        return restore(&folder, catalogue, last);
    }
    let loaded = Policies::load(&folder);
    match loaded {
        Ok(policies) if policies.digest() == last.sha256 => Ok(Found { policies, new: None }),
        Ok(policies) if own_files(&policies) == own_files_of(last) => {
            Ok(Found { policies, new: Some(SCHEMA) })
        }
        Ok(policies) if versions.iter().any(|row| row.sha256 == policies.digest()) => {
            restore(&folder, catalogue, last)
        }
        loaded if !holds_documents(log)? => {
            Ok(Found { policies: loaded.map_err(|problems| faulty(&problems))?, new: Some(EDITED) })
        }
        loaded => {
            let files = match &loaded {
                Ok(policies) => edited(policies, last),
                Err(problems) => problems.iter().map(ToString::to_string).collect(),
            };
            Err(PoliciesEdited { folder, files, version: versions.len() }.into())
        }
    }
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
    let new = (policies.digest() != version.sha256).then_some(SCHEMA);
    Ok(Found { policies, new })
}

fn load(folder: &Path) -> anyhow::Result<Policies> {
    Policies::load(folder).map_err(|problems| faulty(&problems))
}

fn faulty(problems: &[PolicyProblem]) -> anyhow::Error {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    anyhow::anyhow!("the policies have faults, so nothing is allowed: {}", lines.join("; "))
}

fn is_missing(folder: &Path) -> bool {
    std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
}

/// Name and digest of each file, without the program's schema.
fn own_files(policies: &Policies) -> Vec<(String, String)> {
    own(policies.source().digests())
}

fn own_files_of(version: &PolicyRow) -> Vec<(String, String)> {
    own(version.files.clone())
}

fn own(
    files: impl IntoIterator<Item = (String, crate::domain::digest::Digest)>,
) -> Vec<(String, String)> {
    let own = files.into_iter().filter(|(name, _)| name.ends_with(".cedar"));
    own.map(|(name, digest)| (name, digest.to_string())).collect()
}

fn edited(policies: &Policies, last: &PolicyRow) -> Vec<String> {
    let (now, then) = (own_files(policies), own_files_of(last));
    let changed = now.iter().filter(|file| !then.contains(file));
    let gone = then.iter().filter(|(name, _)| !now.iter().any(|(other, _)| other == name));
    changed.chain(gone).map(|(name, _)| name.clone()).collect()
}

/// Whether a document was ever taken in. Asked only where the folder was edited.
fn holds_documents(log: &Log) -> anyhow::Result<bool> {
    let mut from = EntryIndex(0);
    loop {
        let entries = log.entries(from, ENTRIES_AT_A_TIME)?;
        let Some(last) = entries.last() else { return Ok(false) };
        if entries.iter().any(|entry| entry.kind() == "document.activated") {
            return Ok(true);
        }
        from = EntryIndex(last.index.0.saturating_add(1));
    }
}
