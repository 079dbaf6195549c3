use crate::audit::Selection;
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
    /// A matter's name.
    pub matter: Option<String>,
    /// A patient's name.
    pub patient: Option<String>,
    /// A document's id.
    pub document: Option<String>,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Up to and including this time.
    pub until: Option<Timestamp>,
}

impl Filter {
    /// The same with the log's tokens in place of names.
    pub(super) fn select(&self, vault: &Vault) -> Selection {
        let token = |kind, name: &Option<String>| name.as_deref().map(|n| vault.token(kind, n));
        let person = match self.user.as_deref() {
            Some("operator") => Some(Token::operator()),
            _ => token(TokenKind::Person, &self.user),
        };
        Selection {
            kind: self.kind.clone(),
            person,
            matter: token(TokenKind::Matter, &self.matter),
            patient: token(TokenKind::Patient, &self.patient),
            document: token(TokenKind::Document, &self.document),
            since: self.since,
            until: self.until,
        }
    }
}
