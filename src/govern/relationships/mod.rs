//! Who works on what, treats whom and stands behind which wall: imported from files, a source at a
//! time, or set by hand.
//!
//! A relationship is read at every decision, so that it begins and ends by itself. An import takes
//! the place of what its source gave before, whole or not at all. What takes access away (a wall, a
//! conflict) holds at once; its end takes two persons, so a source that no longer gives it does not
//! end it.

mod file;
mod reach;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::audit::{Actor, Related, What};
use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::ids::RequestId;
use crate::domain::payload::{Token, TokenKind};
use crate::domain::principal::{Attributes, UserName};
use crate::domain::reason::Reason;
use crate::domain::relationship::{Relationship, RelationshipKind, SourceName};
use crate::identity::stand;
use crate::policy::Action;
use crate::store::{ChangeRow, KeyScope, StandingRow};

use super::{Changer, GovernError, Governor};
use file::ByPerson;
use reach::Stock;

pub use file::{BadLine, end as relationship_end};
pub use reach::Reach;

/// Relationships of one entry: an entry holds 65,535 bytes, one of these up to 170.
const RELATED_PER_ENTRY: usize = 300;

/// What an import changes, or would.
#[derive(Clone, Debug, Serialize)]
pub struct ImportReport {
    /// Whose relationships they are.
    pub source: SourceName,
    /// Digest of the file.
    pub sha256: Digest,
    /// Whether it was only looked at.
    pub dry_run: bool,
    /// Relationships that are new.
    pub added: u64,
    /// Those that the source no longer gives.
    pub removed: u64,
    /// Those that stay as they are.
    pub unchanged: u64,
    /// Walls and conflicts that the source no longer gives; they stay until two persons lift them.
    pub kept: u64,
    /// Persons without an account: theirs count once there is one.
    pub unknown_persons: Vec<UserName>,
    /// Persons for whom something changes.
    pub persons: Vec<PersonChange>,
}

/// What an import changes for one person.
#[derive(Clone, Debug, Serialize)]
pub struct PersonChange {
    /// Who.
    pub person: UserName,
    /// Relationships that are new.
    pub added: u64,
    /// Those that are gone.
    pub removed: u64,
    /// What they may read from now on and could not before.
    pub gained: Reach,
    /// What they could read before and may not from now on.
    pub lost: Reach,
}

/// A wall or conflict that somebody sets.
#[derive(Clone, Debug)]
pub struct NewWall {
    /// Who is kept away.
    pub person: UserName,
    /// [`RelationshipKind::Wall`] or [`RelationshipKind::Conflict`].
    pub kind: RelationshipKind,
    /// From which matter or client.
    pub object: String,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
}

/// The relationships of one person as they were and as they will be.
struct Turnover {
    row: StandingRow,
    before: StandingRow,
    added: Vec<Relationship>,
    removed: Vec<Relationship>,
}

impl Governor {
    /// Puts the relationships of a file in place of those that its source gave before; where it is
    /// a dry run, only tells what that would change.
    ///
    /// # Errors
    /// [`GovernError::BadLines`] names every line that cannot be taken; nothing is changed then.
    pub fn import_relationships(
        &self,
        changer: Changer<'_>,
        actor: &Actor,
        source: &SourceName,
        bytes: &[u8],
        dry_run: bool,
    ) -> Result<ImportReport, GovernError> {
        self.decide(changer, Action::ManageRelationships)?;
        let given = file::parse(bytes, source)?;
        let _turn = self.turn.take();
        let standings = self.state.standings().list()?;
        let mut report = ImportReport {
            source: source.clone(),
            sha256: Digest::of(bytes),
            dry_run,
            added: 0,
            removed: 0,
            unchanged: 0,
            kept: 0,
            unknown_persons: Vec::new(),
            persons: Vec::new(),
        };
        let turnovers = turn_over(standings, given, source, &mut report);
        let given = turnovers.iter().map(|one| (&one.row.person, one.added.as_slice()));
        check_importer(changer, given)?;
        self.tell_reach(&turnovers, &mut report)?;
        if !dry_run {
            self.record_import(actor, &turnovers, &report)?;
            let rows: Vec<StandingRow> = turnovers.into_iter().map(|one| one.row).collect();
            self.state.standings().put_all(&rows)?;
        }
        Ok(report)
    }

    /// Every relationship, by person; past and future ones too.
    ///
    /// # Errors
    /// [`GovernError::Denied`] where a person may not manage them.
    pub fn relationships(&self, changer: Changer<'_>) -> Result<Vec<StandingRow>, GovernError> {
        self.decide(changer, Action::ManageRelationships)?;
        let mut rows = self.state.standings().list()?;
        rows.retain(|row| !row.relationships.is_empty());
        Ok(rows)
    }

    /// Keeps a person away from a matter or client, from the next token on.
    ///
    /// # Errors
    /// [`GovernError`]; also for a person without an account, whose name may be misspelt.
    pub fn add_wall(
        &self,
        changer: Changer<'_>,
        actor: &Actor,
        wall: NewWall,
        reason: &Reason,
    ) -> Result<Relationship, GovernError> {
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
        self.accounts.principal(person.as_str())?;
        let _turn = self.turn.take();
        let source = SourceName::by_hand();
        let relationship = Relationship { kind, object, from: None, until, source };
        let mut row = self.standing_of(&person)?;
        let added = vec![self.related(&person, &relationship)?];
        let scope = self.wall_scope(&person, kind, &relationship.object)?;
        let payload = Some(self.vault.seal(&scope, reason.as_str().as_bytes())?);
        if !row.relationships.contains(&relationship) {
            row.relationships.push(relationship.clone());
        }
        // First the row: a wall that is not yet on record is better than one that is only there.
        self.state.standings().put(&row)?;
        self.record(actor, What::RelationshipChanged { added, removed: Vec::new(), payload })?;
        Ok(relationship)
    }

    /// Keeps a person away from what their groups or whoever makes their account says, from the next
    /// token on; what groups no longer say stays, as what any other source no longer gives does.
    pub(super) fn keep_walls(
        &self,
        person: &UserName,
        walls: &Attributes,
        source: &SourceName,
        actor: &Actor,
        req: RequestId,
    ) -> Result<(), GovernError> {
        let mut row = self.standing_of(person)?;
        let mut added = Vec::new();
        for (key, objects) in walls {
            let Ok(kind) = key.parse::<RelationshipKind>() else { continue };
            for object in objects {
                let (object, source) = (object.clone(), source.clone());
                let wall = Relationship { kind, object, from: None, until: None, source };
                if !row.relationships.contains(&wall) {
                    added.push(self.related(person, &wall)?);
                    row.relationships.push(wall);
                }
            }
        }
        if added.is_empty() {
            return Ok(());
        }
        self.state.standings().put(&row)?;
        let what = What::RelationshipChanged { added, removed: Vec::new(), payload: None };
        Ok(self.record_as(actor, req, what)?)
    }

    /// Whether somebody is kept away by this, whoever said so.
    pub(super) fn check_wall(
        &self,
        person: &UserName,
        kind: RelationshipKind,
        object: &str,
    ) -> Result<(), GovernError> {
        let row = self.standing_of(person)?;
        let is_it = |one: &Relationship| one.kind == kind && one.object == object;
        match kind.restricts() && row.relationships.iter().any(is_it) {
            true => Ok(()),
            false => Err(GovernError::NotFound { what: "wall" }),
        }
    }

    /// Ends a wall that two persons agreed to end.
    pub(super) fn lift_wall(
        &self,
        change: &ChangeRow,
        person: &UserName,
        kind: RelationshipKind,
        object: &str,
    ) -> Result<(), GovernError> {
        let mut row = self.standing_of(person)?;
        let is_it = |one: &Relationship| one.kind == kind && one.object == object;
        let (gone, kept): (Vec<_>, Vec<_>) = row.relationships.into_iter().partition(is_it);
        if !gone.is_empty() && !self.has_said(change, "relationship.changed")? {
            let removed =
                gone.iter().map(|one| self.related(person, one)).collect::<Result<_, _>>()?;
            let what = What::RelationshipChanged { added: Vec::new(), removed, payload: None };
            self.record_in(change, what)?;
        }
        row.relationships = kept;
        Ok(self.state.standings().put(&row)?)
    }

    /// Takes what names an erased matter or patient from every person. Walls stay: they keep people
    /// from what may come under the same name.
    pub(super) fn forget_relationships(
        &self,
        kind: RelationshipKind,
        name: &str,
    ) -> Result<(), GovernError> {
        let mut rows = self.state.standings().list()?;
        rows.retain_mut(|row| {
            let before = row.relationships.len();
            row.relationships.retain(|one| one.kind != kind || one.object != name);
            row.relationships.len() != before
        });
        Ok(self.state.standings().put_all(&rows)?)
    }

    pub(super) fn standing_of(&self, person: &UserName) -> Result<StandingRow, GovernError> {
        let row = self.state.standings().get(person)?;
        Ok(row.unwrap_or_else(|| nothing_of(person.clone())))
    }

    /// What each person gains and loses, as of now.
    fn tell_reach(
        &self,
        turnovers: &[Turnover],
        report: &mut ImportReport,
    ) -> Result<(), GovernError> {
        let (stock, now) = (Stock::of(self), self.clock.now());
        for turnover in turnovers {
            let person = turnover.row.person.clone();
            let Some(account) = self.state.accounts().get(&person)? else {
                report.unknown_persons.push(person);
                continue;
            };
            let before = stand(&account, Some(&turnover.before), now);
            let after = stand(&account, Some(&turnover.row), now);
            let changed: Vec<_> = turnover.added.iter().chain(&turnover.removed).collect();
            let (gained, lost) = stock.difference(&self.policies, &before, &after, &changed);
            let (added, removed) = (count(&turnover.added), count(&turnover.removed));
            report.persons.push(PersonChange { person, added, removed, gained, lost });
        }
        Ok(())
    }

    fn record_import(
        &self,
        actor: &Actor,
        turnovers: &[Turnover],
        report: &ImportReport,
    ) -> Result<(), GovernError> {
        let req = self.request();
        let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        let what = What::RelationshipsImported {
            source: report.source.to_string(),
            sha256: report.sha256,
            persons: small(turnovers.len() as u64),
            added: small(report.added),
            removed: small(report.removed),
            unchanged: small(report.unchanged),
            kept: small(report.kept),
        };
        let changes = |list: fn(&Turnover) -> &Vec<Relationship>| {
            let all = turnovers.iter().flat_map(move |turnover| {
                list(turnover).iter().map(|one| self.related(&turnover.row.person, one))
            });
            all.collect::<Result<Vec<Related>, GovernError>>()
        };
        let (added, removed) = (changes(|one| &one.added)?, changes(|one| &one.removed)?);
        self.record_as(actor, req, what)?;
        for added in added.chunks(RELATED_PER_ENTRY) {
            self.record_related(actor, req, added.to_vec(), Vec::new())?;
        }
        for removed in removed.chunks(RELATED_PER_ENTRY) {
            self.record_related(actor, req, Vec::new(), removed.to_vec())?;
        }
        Ok(())
    }

    fn record_related(
        &self,
        actor: &Actor,
        req: RequestId,
        added: Vec<Related>,
        removed: Vec<Related>,
    ) -> Result<(), GovernError> {
        let what = What::RelationshipChanged { added, removed, payload: None };
        Ok(self.record_as(actor, req, what)?)
    }

    /// A relationship as the log names it. Matters and patients get their key here: what is named
    /// in the log can be erased.
    fn related(&self, person: &UserName, one: &Relationship) -> Result<Related, GovernError> {
        Ok(Related {
            person: self.vault.token(TokenKind::Person, person.as_str()),
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

    /// Whose contents is what is said of a wall: the person's, and the matter's where it is one.
    pub(super) fn wall_scope(
        &self,
        person: &UserName,
        kind: RelationshipKind,
        object: &str,
    ) -> Result<KeyScope, GovernError> {
        let person = self.vault.token(TokenKind::Person, person.as_str());
        let own = KeyScope::of(TokenKind::Person, &person);
        if kind != RelationshipKind::Wall {
            return Ok(own);
        }
        let matter = self.vault.subject(TokenKind::Matter, object)?;
        Ok(own.and(KeyScope::of(TokenKind::Matter, &matter)))
    }
}

/// Nobody opens anything for themselves: what is new in a file and gives access is about others.
fn check_importer<'a>(
    changer: Changer<'_>,
    mut given: impl Iterator<Item = (&'a UserName, &'a [Relationship])>,
) -> Result<(), GovernError> {
    let Changer::Person(who) = changer else { return Ok(()) };
    let own = given.find(|(person, _)| **person == who.name).map_or(&[][..], |(_, added)| added);
    match own.iter().find(|one| !one.kind.restricts()) {
        Some(one) => {
            let what = format!("{} {}", one.kind, one.object);
            Err(GovernError::OwnAccess { who: who.name.clone(), what })
        }
        None => Ok(()),
    }
}

const fn nothing_of(person: UserName) -> StandingRow {
    StandingRow { person, relationships: Vec::new(), emergencies: Vec::new() }
}

fn count<T>(list: &[T]) -> u64 {
    list.len() as u64
}

/// Sets what a source gives against what it gave; what nothing changes for is left out.
fn turn_over(
    standings: Vec<StandingRow>,
    mut given: ByPerson,
    source: &SourceName,
    report: &mut ImportReport,
) -> Vec<Turnover> {
    let mut rows: BTreeMap<UserName, StandingRow> =
        standings.into_iter().map(|row| (row.person.clone(), row)).collect();
    for person in given.keys() {
        rows.entry(person.clone()).or_insert_with(|| nothing_of(person.clone()));
    }
    let mut turnovers = Vec::new();
    for (person, before) in rows {
        let new = given.remove(&person).unwrap_or_default();
        let (own, others): (Vec<_>, Vec<_>) =
            before.relationships.iter().cloned().partition(|one| one.source == *source);
        let own: BTreeSet<_> = own.into_iter().collect();
        let (kept, removed): (Vec<_>, Vec<_>) =
            own.difference(&new).cloned().partition(|one| one.kind.restricts());
        let added: Vec<_> = new.difference(&own).cloned().collect();
        report.unchanged = report.unchanged.saturating_add(own.intersection(&new).count() as u64);
        report.added = report.added.saturating_add(count(&added));
        report.removed = report.removed.saturating_add(count(&removed));
        report.kept = report.kept.saturating_add(count(&kept));
        if added.is_empty() && removed.is_empty() {
            continue;
        }
        let relationships = others.into_iter().chain(kept).chain(new).collect();
        let row = StandingRow { relationships, ..before.clone() };
        turnovers.push(Turnover { row, before, added, removed });
    }
    turnovers
}
