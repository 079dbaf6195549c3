//! The room on real files: the vault, and the state.

mod state;
mod vault;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::*;
use crate::domain::access::{AccessClass, Labels};
use crate::domain::clock::{Entropy, SystemEntropy, Timestamp};
use crate::domain::digest::Digest;
use crate::domain::ids::{EntryIndex, Generation, RequestId};
use crate::domain::payload::{PayloadRef, TokenKind};

fn entropy() -> Arc<dyn Entropy> {
    Arc::new(SystemEntropy)
}

fn home() -> (tempfile::TempDir, Vault) {
    let home = tempfile::tempdir().unwrap();
    Vault::create(home.path(), &SystemEntropy).unwrap();
    let vault = Vault::open(home.path(), entropy()).unwrap();
    (home, vault)
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = walkdir::WalkDir::new(dir)
        .into_iter()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect();
    found.sort();
    found
}

fn segment(home: &Path, number: u32) -> PathBuf {
    home.join("vault").join(format!("contents-{number:06}.seg"))
}

/// Damage is done to files as a fault would do it, not through `durable`.
#[expect(clippy::disallowed_methods, reason = "a test damages files on purpose")]
fn damage(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

fn person(vault: &Vault) -> KeyScope {
    KeyScope::of(TokenKind::Person, &vault.token(TokenKind::Person, "ada"))
}

fn account(name: &str) -> AccountRow {
    AccountRow {
        name: name.parse().unwrap(),
        roles: BTreeSet::new(),
        attributes: Default::default(),
        password: "$argon2id$…".to_owned(),
        password_by: PasswordBy::Owner,
        confirms_from: None,
        second_factor: None,
        enrolling: None,
        disabled: false,
        created: Timestamp::from_unix_millis(1),
        federated: None,
    }
}
