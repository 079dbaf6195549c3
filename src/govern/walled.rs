//! What walls and conflicts keep from whoever governs: one rule for all that is listed, shown and
//! decided here. What names something behind one is as none to them.

use super::relationships::Stock;
use super::{Changer, GovernError, Governor};
use crate::domain::change::{Proposal, Target};
use crate::domain::principal::{Attributes, Subject};
use crate::domain::relationship::RelationshipKind;
use crate::policy::Screen;
use crate::store::{ChangeRow, StandingRow};

impl Governor {
    /// Whether a change names something that is kept from this person.
    pub(super) fn keeps_change(
        &self,
        changer: Changer<'_>,
        row: &ChangeRow,
    ) -> Result<bool, GovernError> {
        let Some(screen) = self.screen(changer) else { return Ok(false) };
        Ok(match &row.proposal {
            Some(Proposal::Erase { target } | Proposal::ReleaseHold { target, .. }) => {
                self.keeps_target(changer, target)?
            }
            Some(Proposal::GrantRights { rights, .. }) => {
                keeps_any(&Stock::of(self), &screen, &rights.attributes)
            }
            Some(Proposal::LiftWall { kind, object, .. }) => {
                keeps(&Stock::of(self), &screen, *kind, object)
            }
            Some(Proposal::Relabel(other)) => {
                screen.keeps_away(&other.from) || screen.keeps_away(&other.to)
            }
            Some(Proposal::EnableAccount { .. } | Proposal::ChangePolicies(_)) | None => false,
        })
    }

    /// Whether an emergency opened something that is kept from this person.
    pub(super) fn keeps_emergency(
        &self,
        changer: Changer<'_>,
        subject: Option<&Subject>,
    ) -> Result<bool, GovernError> {
        match subject.cloned() {
            Some(Subject::Matter(name)) => self.keeps_target(changer, &Target::Matter(name)),
            Some(Subject::Patient(name)) => self.keeps_target(changer, &Target::Patient(name)),
            None => Ok(false),
        }
    }

    /// Leaves away which relationships are with something that is kept from this person.
    pub(super) fn hide_relationships(&self, changer: Changer<'_>, rows: &mut [StandingRow]) {
        let Some(screen) = self.screen(changer) else { return };
        let stock = Stock::of(self);
        for row in rows {
            row.held.retain(|held| {
                let one = &held.relationship;
                !keeps(&stock, &screen, one.kind, &one.object)
            });
        }
    }

    /// Whether what somebody wants to do with a relationship of this kind is with something that is
    /// kept from them.
    pub(super) fn keeps_relationship(
        &self,
        changer: Changer<'_>,
        kind: RelationshipKind,
        object: &str,
    ) -> bool {
        self.screen(changer).is_some_and(|screen| keeps(&Stock::of(self), &screen, kind, object))
    }

    fn keeps_target(&self, changer: Changer<'_>, target: &Target) -> Result<bool, GovernError> {
        match self.check_reach(changer, target) {
            Ok(()) => Ok(false),
            Err(GovernError::NotFound { .. } | GovernError::Denied(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

/// Whether attributes name something that is kept away.
fn keeps_any(stock: &Stock, screen: &Screen, attributes: &Attributes) -> bool {
    let kinds = attributes.iter().filter_map(|(key, values)| Some((key.parse().ok()?, values)));
    let mut named = kinds.flat_map(|(kind, values)| values.iter().map(move |value| (kind, value)));
    named.any(|(kind, value): (RelationshipKind, &String)| keeps(stock, screen, kind, value))
}

/// Whether a matter, patient or client is kept away; a department has papers of many, and is not.
fn keeps(stock: &Stock, screen: &Screen, kind: RelationshipKind, object: &str) -> bool {
    kind != RelationshipKind::Department && stock.is_kept_by(screen, kind, object)
}
