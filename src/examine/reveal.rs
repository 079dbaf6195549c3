//! The contents behind an entry, for those who may see them, with a reason.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;

use crate::audit::{Actor, Entry, Recorded, What};
use crate::domain::digest::Digest;
use crate::domain::ids::EntryIndex;
use crate::domain::payload::TokenKind;
use crate::domain::reason::Reason;
use crate::identity::Confirmed;
use crate::policy::Action;
use crate::store::{KeyScope, Opened, RevealError};

use super::{ExamineError, Examiner, Reader};

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
    /// [`ExamineError`]: nothing is shown.
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
}
