//! What a change is about and who made it, as the log names them and the vault seals it.

use super::{GovernError, Governor};
use crate::domain::change::{Proposal, Relabelling, Target};
use crate::domain::payload::{PayloadRef, Token, TokenKind};
use crate::domain::principal::Via;
use crate::store::{ChangeRow, ChangeState, KeyScope};

impl Governor {
    /// What stands in the log for what a change is about.
    pub(super) fn subject(&self, proposal: &Proposal) -> Result<(TokenKind, Token), GovernError> {
        let known = |target: &Target| {
            let token = self.vault.known(target.kind(), &target.name());
            let what = target.kind().as_str();
            token.map(|token| (target.kind(), token)).ok_or(GovernError::NotFound { what })
        };
        match proposal {
            Proposal::ReleaseHold { target: Target::Person(name), .. } => {
                let kind = TokenKind::Person;
                Ok((kind, self.vault.token(kind, name.as_str())))
            }
            Proposal::Erase { target } | Proposal::ReleaseHold { target, .. } => known(target),
            Proposal::GrantRights { account, .. } | Proposal::EnableAccount { account } => {
                let kind = TokenKind::Person;
                Ok((kind, self.vault.token(kind, account.as_str())))
            }
            Proposal::ChangePolicies(change) => {
                let kind = TokenKind::Policy;
                Ok((kind, self.vault.token(kind, &change.sha256.to_string())))
            }
            Proposal::Relabel(other) => known(&Target::Document(other.document)),
            Proposal::LiftWall { person, .. } => {
                let kind = TokenKind::Person;
                Ok((kind, self.vault.token(kind, person.as_str())))
            }
        }
    }

    /// Seals a proposal as the contents of all that it names.
    pub(super) fn seal_proposal(&self, row: &ChangeRow) -> Result<PayloadRef, GovernError> {
        let scope = match &row.proposal {
            Some(Proposal::LiftWall { person, kind, object, .. }) => {
                self.wall_scope(person, *kind, object)?
            }
            Some(Proposal::Relabel(other)) => {
                let Relabelling { from, to, .. } = &**other;
                let named = [
                    (TokenKind::Matter, &from.matter),
                    (TokenKind::Matter, &to.matter),
                    (TokenKind::Patient, &from.patient),
                    (TokenKind::Patient, &to.patient),
                ];
                let mut scope = KeyScope::of(row.scope, &row.subject);
                for (kind, name) in named {
                    let Some(name) = name else { continue };
                    scope = scope.and(KeyScope::of(kind, &self.vault.subject(kind, name)?));
                }
                scope
            }
            Some(Proposal::GrantRights { account, rights }) => {
                self.scope_of_rights(account, &rights.attributes)?
            }
            Some(
                Proposal::Erase { .. }
                | Proposal::ReleaseHold { .. }
                | Proposal::EnableAccount { .. }
                | Proposal::ChangePolicies(_),
            )
            | None => KeyScope::of(row.scope, &row.subject),
        };
        let bytes = serde_json::to_vec(row).unwrap_or_default();
        Ok(self.vault.seal(&scope, &bytes)?)
    }

    /// Contents of the two persons who made a change.
    pub(super) fn persons_of(&self, row: &ChangeRow) -> KeyScope {
        let person =
            |name: &str| KeyScope::of(TokenKind::Person, &self.actor(name, Via::System, None).id);
        let proposer = person(row.proposer.as_str());
        if let ChangeState::Approved { by, .. } = &row.state {
            return proposer.and(person(by.as_str()));
        }
        proposer
    }
}
