//! The contents behind an entry, for those who may see them, with a reason.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;

use crate::audit::{Actor, Entry, Recorded, What};
use crate::catalogue::Subjects;
use crate::domain::digest::Digest;
use crate::domain::ids::EntryIndex;
use crate::domain::payload::{Token, TokenKind};
use crate::domain::principal::Principal;
use crate::domain::reason::Reason;
use crate::domain::relationship::RelationshipKind;
use crate::identity::Confirmed;
use crate::policy::Action;
use crate::store::{KeyScope, Opened, RevealError};

use super::{ExamineError, Examiner, Reader};

/// What `audit.revealed` says where a wall keeps contents from whoever wants them.
pub(super) const WITHHELD: &str = "withheld";

/// What became of the contents that an entry commits to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ContentsState {
    /// They are here, and are what the entry commits to.
    Open,
    /// A key that they needed was destroyed.
    Erased,
    /// The vault does not hold them.
    Missing,
    /// The vault holds something else.
    Damaged,
}

impl ContentsState {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Erased => "erased",
            Self::Missing => "missing",
            Self::Damaged => "damaged",
        }
    }
}

/// An entry with the contents behind it.
#[derive(Clone, Debug)]
pub struct Revealed {
    /// The entry.
    pub entry: Entry,
    /// What became of the contents.
    pub state: ContentsState,
    /// The contents, where they are open.
    pub contents: Option<Value>,
    /// The same byte for byte, with the salt: whoever has both makes the commitment again.
    pub committed: Option<Committed>,
}

/// What a commitment is made of, in words that others read: `commit` of the entry's payload is
/// HMAC-SHA256 with `salt` as the key over `bytes`.
#[derive(Clone, Debug, Serialize)]
pub struct Committed {
    /// 32 bytes, in hexadecimal.
    pub salt: String,
    /// The contents, in base64.
    pub bytes: String,
}

impl Committed {
    fn of(opened: &Opened) -> Self {
        let salt = Digest::from_bytes(*opened.salt).to_string();
        Self { salt, bytes: STANDARD.encode(&*opened.contents) }
    }
}

/// Who opens contents, and why.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// Who, proved for this act.
    pub who: &'a Confirmed,
    /// Why.
    pub reason: &'a Reason,
}

impl Examiner {
    /// Records that the contents behind an entry are about to be shown, for a person who may.
    pub(super) fn note_opening(
        &self,
        opening: &Opening<'_>,
        actor: &Actor,
        entry: &Entry,
    ) -> Result<(), ExamineError> {
        let person = Some(opening.who.principal().clone());
        let reader = Reader { actor: actor.clone(), person };
        self.decide(&reader, Action::Reveal)?;
        self.check_walls(&reader, entry, opening.reason)?;
        let scope = KeyScope::of(TokenKind::Person, &actor.id);
        let scope = match entry.payload() {
            Some(payload) => scope.and(KeyScope::of_payload(&payload)),
            None => scope,
        };
        let sealed = self.vault.seal(&scope, opening.reason.as_str().as_bytes())?;
        let state = ContentsState::Open.as_str().to_owned();
        let what = What::AuditRevealed { index: entry.index, state, payload: Some(sealed) };
        self.record(&reader, what, ())?;
        Ok(())
    }

    /// Opens the contents that an entry commits to. Who, why, and what came of it is on record
    /// before they are shown.
    ///
    /// # Errors
    /// [`ExamineError`]: nothing is shown. [`ExamineError::NoContents`], on record, also where a
    /// wall or a conflict keeps what they belong to from this person.
    pub fn reveal(
        &self,
        who: &Confirmed,
        actor: &Actor,
        at: EntryIndex,
        reason: &Reason,
    ) -> Result<Recorded<Revealed>, ExamineError> {
        let reader = Reader { actor: actor.clone(), person: Some(who.principal().clone()) };
        self.decide(&reader, Action::Reveal)?;
        let entry = self.log.read(at)?;
        let payload = entry.payload().ok_or(ExamineError::NoContents { index: at })?;
        self.check_walls(&reader, &entry, reason)?;
        let (state, opened) = match self.vault.open_committed(&payload) {
            Ok(opened) => (ContentsState::Open, Some(opened)),
            Err(RevealError::Erased) => (ContentsState::Erased, None),
            Err(RevealError::Missing { .. }) => (ContentsState::Missing, None),
            Err(RevealError::Corrupt { .. }) => (ContentsState::Damaged, None),
            Err(RevealError::Io(error)) => return Err(error.into()),
        };
        // A reason speaks of what it opens, so it goes with it.
        let own = KeyScope::of(TokenKind::Person, &actor.id);
        let scope = match state {
            ContentsState::Open => own.and(KeyScope::of_payload(&payload)),
            ContentsState::Erased | ContentsState::Missing | ContentsState::Damaged => own,
        };
        let sealed = self.vault.seal(&scope, reason.as_str().as_bytes())?;
        let what = What::AuditRevealed {
            index: at,
            state: state.as_str().to_owned(),
            payload: Some(sealed),
        };
        let contents = opened.as_ref().map(|opened| {
            let text = || Value::String(String::from_utf8_lossy(&opened.contents).into_owned());
            serde_json::from_slice(&opened.contents).unwrap_or_else(|_| text())
        });
        let committed = opened.as_ref().map(Committed::of);
        Ok(self.record(&reader, what, Revealed { entry, state, contents, committed })?)
    }

    /// A wall beats the right to reveal: to whom it keeps away from what contents belong to there
    /// is nothing to show, and that they tried is on record.
    fn check_walls(
        &self,
        reader: &Reader,
        entry: &Entry,
        reason: &Reason,
    ) -> Result<(), ExamineError> {
        let (Some(person), Some(payload)) = (&reader.person, entry.payload()) else {
            return Ok(());
        };
        if !self.is_kept_away(person, &KeyScope::of_payload(&payload))? {
            return Ok(());
        }
        let own = KeyScope::of(TokenKind::Person, &reader.actor.id);
        let payload = Some(self.vault.seal(&own, reason.as_str().as_bytes())?);
        let index = entry.index;
        let what = What::AuditRevealed { index, state: WITHHELD.to_owned(), payload };
        self.record(reader, what, ())?;
        Err(ExamineError::NoContents { index })
    }

    /// Whether a wall or a conflict keeps somebody from anything that contents belong to, as that
    /// is labelled now: a document, a matter, a document of that matter.
    fn is_kept_away(&self, person: &Principal, scope: &KeyScope) -> Result<bool, ExamineError> {
        let screen = self.policies.screen(person);
        if screen.is_clear() {
            return Ok(false);
        }
        let holds = |kind, token: &Token| {
            KeyScope::of(kind, token).keys().all(|key| scope.keys().any(|own| own == key))
        };
        // What was asked and denied names its matter or patient alone, which need not have documents.
        let walled = |wall: RelationshipKind| {
            let (kind, names) = (wall.token_kind(), person.attributes.get(wall.as_str()));
            names.into_iter().flatten().any(|name| {
                let labels = wall.labels(name);
                holds(kind, &self.vault.token(kind, name))
                    && labels.is_some_and(|labels| screen.keeps_away(&labels))
            })
        };
        if walled(RelationshipKind::Wall) || walled(RelationshipKind::Barred) {
            return Ok(true);
        }
        Ok(self.catalogue.kept()?.iter().any(|document| {
            let Subjects { matter, patient } = &document.subjects;
            let is_of = |kind, token: &Option<Token>| {
                token.as_ref().is_some_and(|token| holds(kind, token))
            };
            let belongs = holds(TokenKind::Document, &document.row.token)
                || is_of(TokenKind::Matter, matter)
                || is_of(TokenKind::Patient, patient);
            belongs && screen.keeps_away(&document.card.labels)
        }))
    }
}
