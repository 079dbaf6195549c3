use crate::audit::Entry;
use crate::domain::clock::Timestamp;
use crate::domain::payload::{Token, TokenKind};
use crate::store::Vault;

/// Which entries are wanted; an empty filter wants all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// An entry type, or its part before the dot: `query` finds `query.received`.
    pub kind: Option<String>,
    /// A person's account name.
    pub user: Option<String>,
    /// A document's id.
    pub document: Option<String>,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Up to and including this time.
    pub until: Option<Timestamp>,
}

/// A filter with names turned into the log's tokens.
pub(super) struct Compiled<'a> {
    filter: &'a Filter,
    person: Option<Token>,
    document: Option<Token>,
}

impl Filter {
    pub(super) fn compile(&self, vault: &Vault) -> Compiled<'_> {
        let person = self.user.as_deref().map(|name| match name {
            "operator" => Token::operator(),
            name => vault.token(TokenKind::Person, name),
        });
        let document = self.document.as_deref().map(|id| vault.token(TokenKind::Document, id));
        Compiled { filter: self, person, document }
    }
}

impl Compiled<'_> {
    pub(super) fn matches(&self, entry: &Entry) -> bool {
        let kind = self.filter.kind.as_deref().is_none_or(|kind| {
            entry.kind() == kind
                || entry.kind().strip_prefix(kind).is_some_and(|rest| rest.starts_with('.'))
        });
        // Tokens are 32 hex digits: finding one anywhere in the entry finds every mention of it.
        let mentions = |token: &Token| {
            let quoted = format!("\"{token}\"");
            contains(&entry.bytes, quoted.as_bytes())
        };
        let time = entry.ts();
        kind && self.person.as_ref().is_none_or(mentions)
            && self.document.as_ref().is_none_or(mentions)
            && self.filter.since.is_none_or(|since| time >= since)
            && self.filter.until.is_none_or(|until| time <= until)
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
