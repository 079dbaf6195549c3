//! Dense numbers for distinct sets of labels.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::keys::KeyScope;
use super::table::{Row, RowKey, StateError, Table};
use super::vault::Vault;
use crate::domain::access::{AccessClass, Labels};
use crate::domain::payload::PayloadRef;

/// One access class, its labels sealed: they may name a matter or a patient.
#[derive(Deserialize, Serialize)]
pub(super) struct ClassRow {
    class: AccessClass,
    labels: PayloadRef,
}

impl Row for ClassRow {
    const TREE: &'static str = "classes";
    const DURABLE: bool = true;
    type Key = AccessClass;
    fn key(&self) -> AccessClass {
        self.class
    }
}

impl RowKey for AccessClass {
    fn bytes(&self) -> Vec<u8> {
        self.0.to_be_bytes().to_vec()
    }
}

/// Every class, opened once.
#[derive(Default)]
pub(super) struct Known {
    loaded: bool,
    numbers: HashMap<Labels, AccessClass>,
    all: Arc<Vec<(AccessClass, Labels)>>,
}

/// Access classes: dense numbers from 0 for distinct sets of labels.
pub struct Classes<'a> {
    rows: &'a Table<ClassRow>,
    known: &'a Mutex<Known>,
    vault: &'a Vault,
}

impl<'a> Classes<'a> {
    pub(super) fn new(
        rows: &'a Table<ClassRow>,
        known: &'a Mutex<Known>,
        vault: &'a Vault,
    ) -> Self {
        Self { rows, known, vault }
    }

    /// The class of these labels, made where it is new; on disk on return.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn class_of(&self, labels: &Labels) -> Result<AccessClass, StateError> {
        let mut known = self.known()?;
        if let Some(class) = known.numbers.get(labels) {
            return Ok(*class);
        }
        let next = known.all.last().map_or(Some(0), |(last, _)| last.0.checked_add(1));
        let class = AccessClass(next.ok_or(StateError::Damaged { what: "the list of classes" })?);
        let text = serde_json::to_vec(labels)
            .map_err(|source| StateError::Corrupt { tree: ClassRow::TREE, source })?;
        let sealed = self.vault.seal(&KeyScope::System, &text)?;
        self.rows.put(&ClassRow { class, labels: sealed })?;
        known.learn(class, labels.clone());
        Ok(class)
    }

    /// Every class with its labels, in order of the numbers. Shared, not copied.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn all(&self) -> Result<Arc<Vec<(AccessClass, Labels)>>, StateError> {
        Ok(Arc::clone(&self.known()?.all))
    }

    fn known(&self) -> Result<MutexGuard<'a, Known>, StateError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.loaded {
            let mut fresh = Known { loaded: true, ..Known::default() };
            for row in self.rows.list()? {
                let text = self
                    .vault
                    .open_payload(&row.labels)
                    .map_err(|source| StateError::Labels { class: row.class.0, source })?;
                let labels = serde_json::from_slice(&text)
                    .map_err(|source| StateError::Corrupt { tree: ClassRow::TREE, source })?;
                fresh.learn(row.class, labels);
            }
            *known = fresh;
        }
        Ok(known)
    }
}

impl Known {
    fn learn(&mut self, class: AccessClass, labels: Labels) {
        self.numbers.insert(labels.clone(), class);
        Arc::make_mut(&mut self.all).push((class, labels));
    }
}
