//! Dense numbers for distinct sets of labels.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::table::{Row, RowKey, StateError, Table};
use crate::domain::access::{AccessClass, Labels};
use crate::domain::classes::ClassList;

/// One access class. Its labels go when the matter or patient that they name is erased; the
/// number is never used again.
#[derive(Deserialize, Serialize)]
pub(super) struct ClassRow {
    class: AccessClass,
    labels: Option<Labels>,
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

/// Every class, read once.
#[derive(Default)]
pub(super) struct Known {
    loaded: bool,
    last: Option<AccessClass>,
    numbers: HashMap<Labels, AccessClass>,
    all: ClassList,
}

/// Access classes: dense numbers from 0 for distinct sets of labels.
pub struct Classes<'a> {
    rows: &'a Table<ClassRow>,
    known: &'a Mutex<Known>,
}

impl<'a> Classes<'a> {
    pub(super) fn new(rows: &'a Table<ClassRow>, known: &'a Mutex<Known>) -> Self {
        Self { rows, known }
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
        let next = known.last.map_or(Some(0), |last| last.0.checked_add(1));
        let class = AccessClass(next.ok_or(StateError::Damaged { what: "the list of classes" })?);
        self.rows.put(&ClassRow { class, labels: Some(labels.clone()) })?;
        known.learn(class, Some(labels.clone()));
        Ok(class)
    }

    /// Every class with its labels, in order of the numbers.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn all(&self) -> Result<ClassList, StateError> {
        Ok(self.known()?.all.clone())
    }

    /// Forgets the labels of the classes that `is_erased` names: nobody may see what was in them.
    ///
    /// # Errors
    /// [`StateError`]; safe to repeat.
    pub fn forget(&self, is_erased: impl Fn(&Labels) -> bool) -> Result<(), StateError> {
        let mut known = self.known()?;
        for (class, labels) in known.all.iter() {
            if is_erased(labels) {
                self.rows.put(&ClassRow { class: *class, labels: None })?;
            }
        }
        *known = self.load()?;
        Ok(())
    }

    fn known(&self) -> Result<MutexGuard<'a, Known>, StateError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.loaded {
            *known = self.load()?;
        }
        Ok(known)
    }

    fn load(&self) -> Result<Known, StateError> {
        let mut known = Known { loaded: true, ..Known::default() };
        for row in self.rows.list()? {
            known.learn(row.class, row.labels);
        }
        Ok(known)
    }
}

impl Known {
    fn learn(&mut self, class: AccessClass, labels: Option<Labels>) {
        self.last = Some(class);
        if let Some(labels) = labels {
            self.numbers.insert(labels.clone(), class);
            self.all.push(class, labels);
        }
    }
}
