use super::ExamineError;
use crate::audit::{Selection, is_known_kind};
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
    ///
    /// # Errors
    /// [`ExamineError::Request`] where there is no entry type of that name. It is not repeated: what
    /// is asked for may be recorded, and must be no words of somebody's own.
    pub(super) fn select(&self, vault: &Vault) -> Result<Selection, ExamineError> {
        if !self.kind.as_deref().is_none_or(is_known_kind) {
            let problem = "there is no entry type of that name, nor an area of them: \
                           `affiant audit inventory` lists them, such as query.received, or query";
            return Err(ExamineError::Request(problem.to_owned()));
        }
        let token = |kind, name: &Option<String>| name.as_deref().map(|n| vault.token(kind, n));
        let person = match self.user.as_deref() {
            Some("operator") => Some(Token::operator()),
            _ => token(TokenKind::Person, &self.user),
        };
        Ok(Selection {
            kind: self.kind.clone(),
            person,
            matter: token(TokenKind::Matter, &self.matter),
            patient: token(TokenKind::Patient, &self.patient),
            document: token(TokenKind::Document, &self.document),
            since: self.since,
            until: self.until,
        })
    }
}
