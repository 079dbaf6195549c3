//! Who works on what, treats whom and stands behind which wall: imported from files, a source at a
//! time, or set by hand.
//!
//! A relationship is read at every decision, so that it begins and ends by itself. An import takes
//! the place of what its source gave before, whole or not at all. What takes access away (a wall, a
//! conflict) holds at once; its end takes two persons, so a source that no longer gives it does not
//! end it. They agree on the walls that stand: one that is set again is another.

mod file;
mod import;
mod reach;

use crate::audit::{Actor, Related, What};
use crate::domain::change::Proposal;
use crate::domain::clock::Timestamp;
use crate::domain::payload::{Token, TokenKind};
use crate::domain::principal::{Attributes, Principal, UserName};
use crate::domain::reason::Reason;
use crate::domain::relationship::{Held, Relationship, RelationshipKind, SourceName};
use crate::policy::Action;
use crate::store::{ChangeRow, KeyScope, StandingRow};

use super::{Changer, GovernError, Governor};

pub use file::BadLine;
pub use import::{ImportReport, PersonChange};
pub(super) use reach::Stock;
pub use reach::{Closing, Reach};

/// A wall or conflict that somebody sets.
#[derive(Clone, Debug)]
pub struct NewWall {
    /// Who is kept away.
    pub person: UserName,
    /// One that [restricts](RelationshipKind::restricts).
    pub kind: RelationshipKind,
    /// From which matter, client or patient.
    pub object: String,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
}

/// A wall that was set, and what it comes to.
#[derive(Clone, Debug, serde::Serialize)]
pub struct WallSet {
    /// Who is kept away.
    pub person: UserName,
    /// From what.
    pub relationship: Relationship,
    /// What it closes, and what to look at.
    #[serde(flatten)]
    pub closing: Closing,
}

impl Governor {
    /// Every relationship, by person; past and future ones too.
    ///
    /// # Errors
    /// [`GovernError::Denied`] where a person may not manage them.
    pub fn relationships(&self, changer: Changer<'_>) -> Result<Vec<StandingRow>, GovernError> {
        self.decide(changer, Action::ManageRelationships)?;
        let mut rows = self.state.standings().list()?;
        rows.retain(|row| !row.held.is_empty());
        Ok(rows)
    }

    /// Keeps a person away from a matter, client or patient, from the next token on; one who has no
    /// account yet, from its first moment.
    ///
    /// # Errors
    /// [`GovernError`]; [`GovernError::NotHeeded`] where it would keep nobody from anything.
    pub fn add_wall(
        &self,
        changer: Changer<'_>,
        actor: &Actor,
        wall: NewWall,
        reason: &Reason,
    ) -> Result<WallSet, GovernError> {
        self.decide(changer, Action::ManageRelationships)?;
        let NewWall { person, kind, object, until } = wall;
        if !kind.restricts() {
            return Err(GovernError::NotFound { what: "kind of wall" });
        }
        crate::domain::access::check_label_value(&object)
            .map_err(|expected| GovernError::BadName { what: kind.as_str(), expected })?;
        if until.is_some_and(|until| until <= self.clock.now()) {
            return Err(GovernError::EndsInThePast);
        }
        if !self.policies.heeds(kind) {
            return Err(GovernError::NotHeeded { kind });
        }
        let _standings = self.standings.take();
        let (source, act) = (SourceName::by_hand(), self.request());
        let relationship = Relationship { kind, object, from: None, until, source };
        let mut row = self.standing_of(&person)?;
        let added = vec![self.related(&person, &relationship)?];
        let scope = self.wall_scope(&person, kind, &relationship.object)?;
        let payload = Some(self.vault.seal(&scope, reason.as_str().as_bytes())?);
        // One that stands is set anew: what was proposed before is not about it.
        row.held.retain(|held| held.relationship != relationship);
        row.held.push(Held { relationship: relationship.clone(), act });
        // First the row: a wall that is not yet on record is better than one that is only there.
        self.state.standings().put(&row)?;
        let what = What::RelationshipChanged { added, removed: Vec::new(), payload };
        self.record_as(actor, act, what)?;
        let mut closing = self.weigh(changer, std::iter::once((&person, &relationship)))?;
        if self.state.accounts().get(&person)?.is_none() {
            let warning = format!("{person} has no account yet: this holds once there is one");
            closing.warnings.insert(0, warning);
        }
        Ok(WallSet { person, relationship, closing })
    }

    /// Keeps a person away from what whoever makes their account says: as relationships set by hand.
    pub(super) fn keep_walls(
        &self,
        person: &UserName,
        walls: &Attributes,
        actor: &Actor,
    ) -> Result<(), GovernError> {
        if walls.is_empty() {
            return Ok(());
        }
        let _standings = self.standings.take();
        let mut row = self.standing_of(person)?;
        let (act, mut added) = (self.request(), Vec::new());
        for (key, objects) in walls {
            let Ok(kind) = key.parse::<RelationshipKind>() else { continue };
            for object in objects {
                let (object, source) = (object.clone(), SourceName::by_hand());
                let relationship = Relationship { kind, object, from: None, until: None, source };
                if !row.relationships().any(|one| *one == relationship) {
                    added.push(self.related(person, &relationship)?);
                    row.held.push(Held { relationship, act });
                }
            }
        }
        if added.is_empty() {
            return Ok(());
        }
        // First the row, as for a wall that is set by hand.
        self.state.standings().put(&row)?;
        let what = What::RelationshipChanged { added, removed: Vec::new(), payload: None };
        Ok(self.record_as(actor, act, what)?)
    }

    /// The proposal to lift what keeps a person away, as it stands now.
    ///
    /// # Errors
    /// [`GovernError::NotFound`] where nothing keeps them away; [`GovernError::OwnWall`].
    pub fn lifting(
        &self,
        who: &Principal,
        person: UserName,
        kind: RelationshipKind,
        object: String,
    ) -> Result<Proposal, GovernError> {
        self.decide(Changer::Person(who), Action::ManageRelationships)?;
        check_other(&who.name, &person)?;
        let mut walls = self.standing_of(&person)?.held;
        walls.retain(|held| is_wall(&held.relationship, kind, &object));
        match walls.is_empty() {
            true => Err(GovernError::NotFound { what: "wall" }),
            false => Ok(Proposal::LiftWall { person, kind, object, walls }),
        }
    }

    /// Whether walls may be lifted by this person: any of them stands yet, and none is their own.
    pub(super) fn check_lift(
        &self,
        who: &UserName,
        proposal: &Proposal,
    ) -> Result<(), GovernError> {
        let Proposal::LiftWall { person, kind, object, walls } = proposal else { return Ok(()) };
        check_other(who, person)?;
        let held = self.standing_of(person)?.held;
        let is_meant = |held: &Held| is_wall(&held.relationship, *kind, object);
        match walls.iter().all(is_meant) && walls.iter().any(|wall| held.contains(wall)) {
            true => Ok(()),
            false => Err(GovernError::NotOpen {
                state: "about a wall that has ended, or was set anew since",
            }),
        }
    }

    /// Ends walls that two persons agreed to end, these and no others.
    pub(super) fn lift_walls(
        &self,
        change: &ChangeRow,
        person: &UserName,
        walls: &[Held],
    ) -> Result<(), GovernError> {
        let _standings = self.standings.take();
        let mut row = self.standing_of(person)?;
        let (gone, kept): (Vec<_>, Vec<_>) =
            row.held.into_iter().partition(|held| walls.contains(held));
        if !gone.is_empty() && !self.has_said(change, "relationship.changed")? {
            let removed = gone.iter().map(|held| self.related(person, &held.relationship));
            let removed = removed.collect::<Result<_, _>>()?;
            let what = What::RelationshipChanged { added: Vec::new(), removed, payload: None };
            self.record_in(change, what)?;
        }
        row.held = kept;
        Ok(self.state.standings().put(&row)?)
    }

    /// Takes what names an erased matter or patient from every person. Walls stay: they keep people
    /// from what may come under the same name.
    pub(super) fn forget_relationships(
        &self,
        kind: RelationshipKind,
        name: &str,
    ) -> Result<(), GovernError> {
        let _standings = self.standings.take();
        let mut rows = self.state.standings().list()?;
        rows.retain_mut(|row| {
            let before = row.held.len();
            let names_it = |one: &Relationship| one.kind == kind && one.object == name;
            row.held.retain(|held| !names_it(&held.relationship));
            row.held.len() != before
        });
        Ok(self.state.standings().put_all(&rows)?)
    }

    pub(super) fn standing_of(&self, person: &UserName) -> Result<StandingRow, GovernError> {
        let row = self.state.standings().get(person)?;
        Ok(row.unwrap_or_else(|| StandingRow::empty(person.clone())))
    }

    /// A relationship as the log names it. Matters and patients get their key here: what is named
    /// in the log can be erased. So does whoever is kept away and has no account yet: the wall is
    /// theirs in the log too, once they have.
    fn related(&self, person: &UserName, one: &Relationship) -> Result<Related, GovernError> {
        Ok(Related {
            person: match one.kind.restricts() {
                true => self.vault.subject(TokenKind::Person, person.as_str())?,
                false => self.vault.token(TokenKind::Person, person.as_str()),
            },
            kind: one.kind,
            object: self.object_token(one)?,
            from: one.from,
            until: one.until,
        })
    }

    fn object_token(&self, one: &Relationship) -> Result<Token, GovernError> {
        Ok(match one.kind.token_kind() {
            kind @ (TokenKind::Matter | TokenKind::Patient) => {
                self.vault.subject(kind, &one.object)?
            }
            TokenKind::Document | TokenKind::Person | TokenKind::Rights | TokenKind::Policy => {
                let name = format!("{} {}", one.kind, one.object);
                self.vault.token(TokenKind::Rights, &name)
            }
        })
    }

    /// Whose contents is what is said of a wall: the person's, and the matter's or patient's.
    pub(super) fn wall_scope(
        &self,
        person: &UserName,
        kind: RelationshipKind,
        object: &str,
    ) -> Result<KeyScope, GovernError> {
        let person = self.vault.token(TokenKind::Person, person.as_str());
        let own = KeyScope::of(TokenKind::Person, &person);
        let about = kind.token_kind();
        if !matches!(about, TokenKind::Matter | TokenKind::Patient) {
            return Ok(own);
        }
        let subject = self.vault.subject(about, object)?;
        Ok(own.and(KeyScope::of(about, &subject)))
    }
}

fn is_wall(one: &Relationship, kind: RelationshipKind, object: &str) -> bool {
    kind.restricts() && one.kind == kind && one.object == object
}

/// Nobody lifts, or helps to lift, what keeps themselves away.
fn check_other(who: &UserName, person: &UserName) -> Result<(), GovernError> {
    match who == person {
        true => Err(GovernError::OwnWall { who: who.to_string() }),
        false => Ok(()),
    }
}
