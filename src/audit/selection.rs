//! Which entries somebody wants, in words that the log may hold: types, tokens, times.

use serde::{Deserialize, Serialize};

use super::entry::Entry;
use super::event::ENTRY_TYPES;
use crate::domain::clock::Timestamp;
use crate::domain::payload::Token;

/// Narrows a log to some of its entries; an empty one takes all. It names nobody, so it can stand
/// in the log itself, and a stranger can apply it again.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// An entry type, or its part before the dot: `query` finds `query.received`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// A person, as actor or otherwise.
    pub person: Option<Token>,
    /// A matter.
    pub matter: Option<Token>,
    /// A patient.
    pub patient: Option<Token>,
    /// A document.
    pub document: Option<Token>,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Up to and including this time.
    pub until: Option<Timestamp>,
}

impl Selection {
    /// Whether the entry is one of those.
    pub fn matches(&self, entry: &Entry) -> bool {
        let kind = self.kind.as_deref().is_none_or(|kind| is_of(entry.kind(), kind));
        let tokens = [&self.person, &self.matter, &self.patient, &self.document];
        let time = entry.ts();
        kind && self.since.is_none_or(|since| time >= since)
            && self.until.is_none_or(|until| time <= until)
            && tokens.into_iter().flatten().all(|token| mentions(entry, token))
    }
}

/// The longest name of a type that the verifier lets an entry hold: ours are far shorter.
const KIND_CHARS_MAX: usize = 64;

/// Whether there is an entry type of this name, or of this area: the only words that a selection
/// may narrow types by, so that nothing else gets into the log with it.
pub fn is_known_kind(name: &str) -> bool {
    ENTRY_TYPES.iter().any(|row| is_of(row.kind, name))
}

/// Whether it could be the name of an entry type of any version.
pub(super) fn is_kind(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c == '_' || c == '.';
    !name.is_empty() && name.len() <= KIND_CHARS_MAX && name.chars().all(letter)
}

/// Whether an entry type is this one or of this area.
fn is_of(kind: &str, wanted: &str) -> bool {
    kind == wanted || kind.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'))
}

/// Tokens are 32 hex digits: finding one anywhere in the entry finds every mention of it.
fn mentions(entry: &Entry, token: &Token) -> bool {
    let quoted = format!("\"{token}\"");
    entry.bytes.windows(quoted.len()).any(|window| window == quoted.as_bytes())
}
