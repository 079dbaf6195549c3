//! Erasure: the keys first, then every store.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use crate::audit::What;
use crate::domain::change::{Proposal, Target};
use crate::domain::payload::{Token, TokenKind};
use crate::domain::principal::{Subject, UserName};
use crate::domain::relationship::RelationshipKind;
use crate::store::{ChangeRow, DocumentRow, KeyScope};

use super::changes::Progress;
use super::{GovernError, Governor};

/// Ids of keys in one entry: an entry holds 65,535 bytes, an id 41.
const KEYS_PER_ENTRY: usize = 1_000;

/// Where an erasure is. Every step may be repeated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ErasureStep {
    /// The keys that will go are put on record.
    Record,
    /// They are destroyed: from here on the contents cannot be read, in any backup without keys.
    Keys,
    /// Files of large contents go.
    Files,
    /// Attributes of accounts and labels of classes that name the target go.
    Names,
    /// Rows of documents and of the queue go.
    Rows,
    /// Every row in sled is sealed under a fresh key, so that what they held before is lost.
    State,
    /// Both indexes are written anew.
    Indexes,
    /// What was done is put on record.
    Evidence,
}

impl ErasureStep {
    /// Every step, in order.
    pub const ALL: [Self; 8] = [
        Self::Record,
        Self::Keys,
        Self::Files,
        Self::Names,
        Self::Rows,
        Self::State,
        Self::Indexes,
        Self::Evidence,
    ];

    /// What it does, for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Record => "recording the keys",
            Self::Keys => "destroying keys",
            Self::Files => "removing files",
            Self::Names => "forgetting names",
            Self::Rows => "forgetting rows",
            Self::State => "sealing the state anew",
            Self::Indexes => "writing the indexes anew",
            Self::Evidence => "recording what was done",
        }
    }
}

impl Governor {
    /// Whether all that belongs to this may be erased: no hold keeps any of it, and every document
    /// is old enough.
    pub(super) fn check_erasure(
        &self,
        kind: TokenKind,
        subject: &Token,
    ) -> Result<(), GovernError> {
        let own = KeyScope::of(kind, subject);
        let mut all = own.clone();
        for row in self.documents_of(&own)? {
            self.check_holds_on(&row)?;
            all = all.and(KeyScope::of(TokenKind::Document, &row.token));
        }
        self.check_holds(&own)?;
        self.check_held_entries(&all)?;
        own.keys().try_for_each(|key| self.check_retention(key))
    }

    /// Erases what a change was approved for. `false` where the indexes are not open: all but them
    /// is done, and the rest when they are.
    pub(super) fn erase(
        &self,
        row: &ChangeRow,
        target: Option<&Target>,
        progress: &mut Progress<'_>,
    ) -> Result<bool, GovernError> {
        if self.has_said(row, "erasure.completed")? {
            return Ok(true);
        }
        let mut begin = |step| match progress(step) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(GovernError::Interrupted),
        };
        let own = KeyScope::of(row.scope, &row.subject);
        let documents = self.documents_of(&own)?;
        begin(ErasureStep::Record)?;
        let keys = self.record_keys(row, &own, &documents)?;
        begin(ErasureStep::Keys)?;
        keys.iter().try_for_each(|key| self.vault.destroy_key(key))?;
        begin(ErasureStep::Files)?;
        for document in &documents {
            let parts = [&document.original, &document.text, &document.card];
            for part in parts.into_iter().chain(&document.geometry) {
                self.vault.discard(part)?;
            }
        }
        begin(ErasureStep::Names)?;
        if let Some(target) = target {
            self.forget_name(target)?;
        }
        begin(ErasureStep::Rows)?;
        documents.iter().try_for_each(|document| self.catalogue.forget(&document.token))?;
        self.forget_proposals(&row.subject)?;
        begin(ErasureStep::State)?;
        self.state.renew()?;
        begin(ErasureStep::Indexes)?;
        let Some(ingestor) = self.ingestor() else { return Ok(false) };
        let purged = ingestor.purge()?;
        let rows = self.documents_of(&own)?.len() as u64;
        for (store, found) in [("the indexes", purged.left), ("the catalogue", rows)] {
            if found > 0 {
                return Err(GovernError::Left { store, found });
            }
        }
        begin(ErasureStep::Evidence)?;
        let vectors = match purged.vectors_rewritten {
            true => "written anew, 0 points left",
            false => "0 points left; the server compacts its files in its own time",
        };
        let stores = [
            ("keys", format!("{} destroyed", keys.len())),
            ("state", "every row sealed under a fresh key, 0 documents left".to_owned()),
            ("words", "written anew, 0 passages left".to_owned()),
            ("vectors", vectors.to_owned()),
        ];
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let what = What::ErasureCompleted {
            scope: row.scope,
            subject: row.subject.clone(),
            documents: count(keys.iter().filter(|key| key.starts_with("document-")).count()),
            keys: count(keys.len()),
            stores: stores.map(|(store, done)| (store.to_owned(), done)).into(),
            payload: Some(self.vault.seal(&self.persons_of(row), row.reason.as_str().as_bytes())?),
        };
        self.record_in(row, what)?;
        Ok(true)
    }

    /// Every document, deleted ones too, whose contents belong to this.
    fn documents_of(&self, own: &KeyScope) -> Result<Vec<DocumentRow>, GovernError> {
        let mut rows = self.state.documents().list()?;
        rows.retain(|row| row.scope().keys().any(|key| own.keys().any(|own| own == key)));
        Ok(rows)
    }

    /// Puts the keys that will be destroyed on record, those that are not yet; returns all of them.
    fn record_keys(
        &self,
        row: &ChangeRow,
        own: &KeyScope,
        documents: &[DocumentRow],
    ) -> Result<BTreeSet<String>, GovernError> {
        let mut keys = BTreeSet::new();
        self.each_entry(row, |entry| {
            let listed = entry.details().get("keys").and_then(serde_json::Value::as_array);
            let listed = listed.into_iter().flatten().filter_map(serde_json::Value::as_str);
            if entry.kind() == "erasure.keys" {
                keys.extend(listed.map(str::to_owned));
            }
        })?;
        if keys.is_empty() {
            // Approved, but perhaps long ago: a hold that came in between keeps it all.
            self.check_erasure(row.scope, &row.subject)?;
        }
        let of_documents =
            documents.iter().map(|document| KeyScope::of(TokenKind::Document, &document.token));
        let wanted = of_documents.fold(own.clone(), KeyScope::and);
        let fresh: Vec<String> =
            wanted.keys().filter(|key| !keys.contains(*key)).map(str::to_owned).collect();
        for part in fresh.chunks(KEYS_PER_ENTRY) {
            let (subject, keys) = (row.subject.clone(), part.to_vec());
            self.record_in(row, What::ErasureKeys { subject, keys })?;
        }
        keys.extend(fresh);
        Ok(keys)
    }

    /// Takes the name of a matter, patient or person from accounts and access classes. Walls stay: they
    /// keep people from what may come under the same name.
    fn forget_name(&self, target: &Target) -> Result<(), GovernError> {
        match target {
            Target::Document(_) => {}
            Target::Person(name) => self.forget_person(name)?,
            Target::Matter(name) => {
                self.accounts.forget_attribute("matter", name)?;
                self.forget_relationships(RelationshipKind::Matter, name)?;
                self.forget_emergencies(&Subject::Matter(name.clone()))?;
                self.forget_named(name, RelationshipKind::Matter)?;
                self.catalogue.forget_labels(|labels| labels.matter.as_ref() == Some(name))?;
            }
            Target::Patient(name) => {
                self.accounts.forget_attribute("patient", name)?;
                self.forget_relationships(RelationshipKind::Patient, name)?;
                self.forget_emergencies(&Subject::Patient(name.clone()))?;
                self.forget_named(name, RelationshipKind::Patient)?;
                self.catalogue.forget_labels(|labels| labels.patient.as_ref() == Some(name))?;
            }
        }
        Ok(())
    }

    /// Changes that would lift walls around an erased matter, or give a person the matter or patient,
    /// name it no more; one that waits for its second person cannot be approved then.
    fn forget_named(&self, name: &str, kind: RelationshipKind) -> Result<(), GovernError> {
        for row in self.state.changes().list()? {
            let names_it = match &row.proposal {
                Some(Proposal::LiftWall { kind: wall, object, .. }) => {
                    wall.token_kind() == kind.token_kind() && object == name
                }
                Some(Proposal::GrantRights { rights, .. }) => {
                    let values = rights.attributes.get(kind.as_str());
                    values.is_some_and(|values| values.contains(name))
                }
                Some(
                    Proposal::Erase { .. }
                    | Proposal::ReleaseHold { .. }
                    | Proposal::EnableAccount { .. }
                    | Proposal::ChangePolicies(_),
                )
                | None => false,
            };
            if names_it {
                self.state.changes().put(&ChangeRow { proposal: None, ..row })?;
            }
        }
        Ok(())
    }

    /// Takes a person's name from every row: what they decided stays, by nobody in particular.
    fn forget_person(&self, name: &UserName) -> Result<(), GovernError> {
        let rename = |by: &mut UserName| {
            let is_theirs = by == name;
            if is_theirs {
                *by = UserName::erased();
            }
            is_theirs
        };
        for mut row in self.state.changes().list()? {
            let by = row.state.by_mut().is_some_and(rename);
            if rename(&mut row.proposer) || by {
                self.state.changes().put(&row)?;
            }
        }
        for mut row in self.state.holds().list()? {
            if rename(&mut row.placed_by) {
                self.state.holds().put(&row)?;
            }
        }
        for mut row in self.state.emergencies().list()? {
            let by = row.review.as_mut().is_some_and(|review| rename(&mut review.by));
            if rename(&mut row.person) || by {
                self.state.emergencies().put(&row)?;
            }
        }
        self.state.standings().delete(name)?;
        Ok(self.accounts.forget(name)?)
    }

    /// Changes about what was erased name it no more, this one among them.
    fn forget_proposals(&self, subject: &Token) -> Result<(), GovernError> {
        for row in self.state.changes().list()? {
            if row.subject == *subject && row.proposal.is_some() {
                self.state.changes().put(&ChangeRow { proposal: None, ..row })?;
            }
        }
        Ok(())
    }
}
