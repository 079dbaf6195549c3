//! An import, from the file to the last row.
//!
//! What it changes is written down first, then that there is an import is put on record. From there
//! on it is finished, also where a failure or a crash cuts it off: by the next start, or the next
//! import. What takes access away holds first of all; then every change is on record; then the rest
//! holds. Nobody who opens an emergency or sets a wall waits for it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::super::{Changer, GovernError, Governor};
use super::file::{self, ByPerson};
use super::reach::{Closing, Reach, Stock};
use crate::audit::{Actor, Related, What};
use crate::domain::digest::Digest;
use crate::domain::ids::{EntryIndex, RequestId};
use crate::domain::principal::UserName;
use crate::domain::relationship::{Held, Relationship, SourceName};
use crate::identity::stand;
use crate::policy::{Action, Denial};
use crate::store::{ImportRow, StandingRow, TurnoverRow};

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
    /// What its walls close, and what to look at.
    #[serde(flatten)]
    pub closing: Closing,
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
    /// What they could read that they cannot now; only a dry run tells.
    pub gained: Option<Reach>,
    /// What they can read now and could not any more; only a dry run tells.
    pub lost: Option<Reach>,
}

/// A file set against what its source gave before.
struct Comparison {
    turnovers: Vec<TurnoverRow>,
    unchanged: u64,
    kept: u64,
}

/// Which part of what is new is put in effect.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Part {
    /// What takes access away.
    Restricting,
    /// All else.
    Rest,
}

impl Governor {
    /// Puts the relationships of a file in place of those that its source gave before; where it is
    /// a dry run, only tells what that would change, and what people could read then.
    ///
    /// # Errors
    /// [`GovernError::BadLines`] names every line that cannot be taken; nothing is changed then.
    /// After [`GovernError::CutOff`] the import goes on at the next start, or with the next import.
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
        let sha256 = Digest::of(bytes);
        if dry_run {
            let standings = self.state.standings().list()?;
            let comparison = Comparison::of(standings.clone(), given, source);
            self.check_importer(changer, &comparison)?;
            let mut report = self.report_import(changer, source, sha256, &comparison)?;
            self.tell_reach(standings, &comparison.turnovers, &mut report)?;
            return Ok(report);
        }
        let _turn = self.turn.take();
        self.finish_import()?;
        let comparison = Comparison::of(self.state.standings().list()?, given, source);
        self.check_importer(changer, &comparison)?;
        let report = self.report_import(changer, source, sha256, &comparison)?;
        let report = ImportReport { dry_run: false, ..report };
        self.begin_import(actor, &report, &comparison)?;
        self.finish_import()?;
        Ok(report)
    }

    /// From here on there is an import, and it will be finished.
    fn begin_import(
        &self,
        actor: &Actor,
        report: &ImportReport,
        comparison: &Comparison,
    ) -> Result<(), GovernError> {
        let import = ImportRow {
            id: self.request(),
            actor: actor.id.clone(),
            via: actor.via,
            os_user: actor.os_user.clone(),
            source: report.source.clone(),
            sha256: report.sha256,
            unchanged: report.unchanged,
            kept: report.kept,
            from: EntryIndex(self.log.size()),
        };
        self.state.turnovers().put_all(&comparison.turnovers)?;
        self.state.imports().put(&import)?;
        // Where this fails, nothing holds yet, and what the log says decides.
        Ok(self.record_as(actor, import.id, imported(&import, &comparison.turnovers))?)
    }

    /// Finishes the import that was begun, where there is one. Every step may be repeated.
    pub(in super::super) fn finish_import(&self) -> Result<(), GovernError> {
        let imports = self.state.imports().list()?;
        let turnovers = self.state.turnovers().list()?;
        for import in &imports {
            if let Some(said) = self.said_of(import)? {
                self.turn_over(import, &turnovers, Part::Restricting)?;
                self.record_import(import, &turnovers, said)?;
                self.turn_over(import, &turnovers, Part::Rest)?;
            }
            self.state.imports().delete(&import.id)?;
        }
        if !turnovers.is_empty() {
            self.state.turnovers().clear()?;
        }
        Ok(())
    }

    /// How many entries say what an import changes; `None` where it never began.
    fn said_of(&self, import: &ImportRow) -> Result<Option<usize>, GovernError> {
        let (mut has_begun, mut said) = (false, 0_usize);
        self.each_entry_since(import.from, import.id, |entry| match entry.kind() {
            "relationships.imported" => has_begun = true,
            "relationship.changed" => said = said.saturating_add(1),
            _ => {}
        })?;
        Ok(has_begun.then_some(said))
    }

    /// Puts a part of an import in effect, over what holds by now.
    fn turn_over(
        &self,
        import: &ImportRow,
        turnovers: &[TurnoverRow],
        part: Part,
    ) -> Result<(), GovernError> {
        let _standings = self.standings.take();
        let mut rows = Vec::new();
        for turnover in turnovers {
            let before = self.standing_of(&turnover.person)?;
            let row = turned(before.clone(), turnover, import.id, part);
            if row != before {
                rows.push(row);
            }
        }
        Ok(self.state.standings().put_all(&rows)?)
    }

    /// Puts on record what of an import is not on record yet: its entries are always the same, and
    /// so many are there.
    fn record_import(
        &self,
        import: &ImportRow,
        turnovers: &[TurnoverRow],
        said: usize,
    ) -> Result<(), GovernError> {
        let ImportRow { id, actor, via, os_user, .. } = import.clone();
        let actor = Actor { id: actor, via, os_user };
        let all =
            |list: fn(&TurnoverRow) -> &Vec<Relationship>| -> Vec<(&UserName, &Relationship)> {
                let own = |row| list(row).iter().map(|one| (&row.person, one));
                turnovers.iter().flat_map(own).collect()
            };
        let (added, removed) = (all(|row| &row.added), all(|row| &row.removed));
        let added = added.chunks(RELATED_PER_ENTRY).map(|part| (part, true));
        let parts = added.chain(removed.chunks(RELATED_PER_ENTRY).map(|part| (part, false)));
        for (part, is_new) in parts.skip(said) {
            let related: Result<Vec<Related>, GovernError> =
                part.iter().map(|(person, one)| self.related(person, one)).collect();
            let (added, removed) = match is_new {
                true => (related?, Vec::new()),
                false => (Vec::new(), related?),
            };
            let what = What::RelationshipChanged { added, removed, payload: None };
            self.record_as(&actor, id, what).map_err(GovernError::CutOff)?;
        }
        Ok(())
    }

    /// Nobody opens anything for themselves, nor for others what a wall keeps from themselves: what is
    /// new in a file and gives access is about others, and about something else.
    fn check_importer(
        &self,
        changer: Changer<'_>,
        comparison: &Comparison,
    ) -> Result<(), GovernError> {
        let Changer::Person(who) = changer else { return Ok(()) };
        let said = |one: &Relationship| format!("{} {}", one.kind, one.object);
        let opening = comparison.turnovers.iter().flat_map(|turnover| {
            let opening = turnover.added.iter().filter(|one| !one.kind.restricts());
            opening.map(move |one| (&turnover.person, one))
        });
        if let Some((_, own)) = opening.clone().find(|(person, _)| **person == who.name) {
            return Err(GovernError::OwnAccess { who: who.name.clone(), what: said(own) });
        }
        let Some(screen) = self.screen(changer) else { return Ok(()) };
        let stock = Stock::of(self);
        let mut opening = opening.map(|(_, one)| one);
        match opening.find(|one| stock.is_kept_by(&screen, one.kind, &one.object)) {
            Some(one) => {
                let Denial { reason, policy } = screen.denial();
                let reason = format!("{reason}, or leave its {} lines away", one.kind);
                Err(GovernError::Denied(Denial { reason, policy }))
            }
            None => Ok(()),
        }
    }

    fn report_import(
        &self,
        changer: Changer<'_>,
        source: &SourceName,
        sha256: Digest,
        comparison: &Comparison,
    ) -> Result<ImportReport, GovernError> {
        let walls = comparison.turnovers.iter();
        let walls = walls.flat_map(|row| row.added.iter().map(|one| (&row.person, one)));
        let mut report = ImportReport {
            closing: self.weigh(changer, walls)?,
            source: source.clone(),
            sha256,
            dry_run: true,
            added: 0,
            removed: 0,
            unchanged: comparison.unchanged,
            kept: comparison.kept,
            unknown_persons: Vec::new(),
            persons: Vec::new(),
        };
        for turnover in comparison.turnovers.iter().filter(|row| row.changes_any()) {
            let person = turnover.person.clone();
            let (added, removed) = (count(&turnover.added), count(&turnover.removed));
            report.added = report.added.saturating_add(added);
            report.removed = report.removed.saturating_add(removed);
            match self.state.accounts().get(&person)? {
                Some(_) => {
                    let (gained, lost) = (None, None);
                    report.persons.push(PersonChange { person, added, removed, gained, lost });
                }
                None => report.unknown_persons.push(person),
            }
        }
        Ok(report)
    }

    /// What each person would gain and lose, as of now.
    fn tell_reach(
        &self,
        standings: Vec<StandingRow>,
        turnovers: &[TurnoverRow],
        report: &mut ImportReport,
    ) -> Result<(), GovernError> {
        let (stock, now, act) = (Stock::of(self), self.clock.now(), self.request());
        let standings: BTreeMap<_, _> =
            standings.into_iter().map(|row| (row.person.clone(), row)).collect();
        let turnovers: BTreeMap<_, _> = turnovers.iter().map(|row| (&row.person, row)).collect();
        for change in &mut report.persons {
            let account = self.state.accounts().get(&change.person)?;
            let (Some(account), Some(turnover)) = (account, turnovers.get(&change.person)) else {
                continue;
            };
            let before = standings.get(&change.person);
            let row = before.cloned().unwrap_or_else(|| StandingRow::empty(change.person.clone()));
            let row = turned(row, turnover, act, Part::Restricting);
            let after = stand(&account, Some(&turned(row, turnover, act, Part::Rest)), now);
            let before = stand(&account, before, now);
            let changed: Vec<_> = turnover.added.iter().chain(&turnover.removed).collect();
            let (gained, lost) = stock.difference(&self.policies, &before, &after, &changed);
            (change.gained, change.lost) = (Some(gained), Some(lost));
        }
        Ok(())
    }
}

impl Comparison {
    /// Nothing is said of persons for whom nothing changes.
    fn of(standings: Vec<StandingRow>, mut given: ByPerson, source: &SourceName) -> Self {
        let mut rows: BTreeMap<UserName, StandingRow> =
            standings.into_iter().map(|row| (row.person.clone(), row)).collect();
        for person in given.keys() {
            rows.entry(person.clone()).or_insert_with(|| StandingRow::empty(person.clone()));
        }
        let mut found = Self { turnovers: Vec::new(), unchanged: 0, kept: 0 };
        for (person, row) in rows {
            let new = given.remove(&person).unwrap_or_default();
            let own: BTreeSet<Relationship> =
                row.relationships().filter(|one| one.source == *source).cloned().collect();
            let (kept, removed): (Vec<_>, Vec<_>) =
                own.difference(&new).cloned().partition(|one| one.kind.restricts());
            let added = new.difference(&own).cloned().collect();
            let again = own.intersection(&new);
            found.unchanged = found.unchanged.saturating_add(again.clone().count() as u64);
            found.kept = found.kept.saturating_add(count(&kept));
            let renewed = again.filter(|one| one.kind.restricts()).cloned().collect();
            let turnover = TurnoverRow { person, added, removed, renewed };
            if turnover.changes_any() || !turnover.renewed.is_empty() {
                found.turnovers.push(turnover);
            }
        }
        found
    }
}

/// What a person has once this part of an import holds.
fn turned(mut row: StandingRow, turnover: &TurnoverRow, act: RequestId, part: Part) -> StandingRow {
    let is_of = |one: &&Relationship| one.kind.restricts() == (part == Part::Restricting);
    let given: BTreeSet<_> = turnover.added.iter().chain(&turnover.renewed).filter(is_of).collect();
    let gone: BTreeSet<_> = turnover.removed.iter().filter(is_of).collect();
    let stays = |one: &Relationship| !given.contains(one) && !gone.contains(one);
    row.held.retain(|held| stays(&held.relationship));
    row.held.extend(given.into_iter().cloned().map(|relationship| Held { relationship, act }));
    row
}

fn imported(import: &ImportRow, turnovers: &[TurnoverRow]) -> What {
    let sum = |of: fn(&TurnoverRow) -> u64| small(turnovers.iter().map(of).sum());
    What::RelationshipsImported {
        source: import.source.to_string(),
        sha256: import.sha256,
        persons: sum(|row| u64::from(row.changes_any())),
        added: sum(|row| count(&row.added)),
        removed: sum(|row| count(&row.removed)),
        unchanged: small(import.unchanged),
        kept: small(import.kept),
    }
}

fn small(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn count<T>(list: &[T]) -> u64 {
    list.len() as u64
}
