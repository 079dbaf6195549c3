//! Access in an emergency: opened with a reason by somebody who has just shown who they are, for a
//! time, to one matter or patient; told to others; judged by somebody else.
//!
//! Policies say who may open one ([`Action::OpenEmergency`]) and what it opens
//! (`principal.emergency`). It ends by itself: from its end on it opens nothing, whether or not the
//! entry that says so is written yet.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use crate::audit::{Actor, Entry, Event, What};
use crate::domain::clock::Timestamp;
use crate::domain::emergency::{EmergencyEnd, ReviewOutcome};
use crate::domain::ids::{DocumentId, EntryIndex, RequestId};
use crate::domain::limits::{
    EMERGENCIES_OPEN_MAX, EMERGENCY_MS_DEFAULT, EMERGENCY_MS_MAX, EMERGENCY_REVIEW_MS,
};
use crate::domain::payload::{Token, TokenKind};
use crate::domain::principal::{Principal, Subject, Via};
use crate::domain::question::Scope;
use crate::domain::reason::Reason;
use crate::identity::Confirmed;
use crate::policy::Action;
use crate::store::{EmergencyRow, Ended, KeyScope, OpenEmergency, Review};

use super::{Changer, GovernError, Governor};

/// Entries read from the log at a time.
const ENTRIES_AT_A_TIME: usize = 1_024;
/// A question that began in an emergency may end this long after it.
const AFTERMATH: Duration = Duration::from_secs(10 * 60);

/// How long emergencies last, and how soon they are judged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EmergencyRules {
    /// Where nobody says how long.
    pub length: Duration,
    /// At most.
    pub length_max: Duration,
    /// After its end, a review is overdue from here on.
    pub review_within: Duration,
}

impl Default for EmergencyRules {
    fn default() -> Self {
        Self {
            length: Duration::from_millis(EMERGENCY_MS_DEFAULT),
            length_max: Duration::from_millis(EMERGENCY_MS_MAX),
            review_within: Duration::from_millis(EMERGENCY_REVIEW_MS),
        }
    }
}

/// An emergency, with what was read under it.
#[derive(Clone, Debug)]
pub struct EmergencyReport {
    /// The emergency.
    pub row: EmergencyRow,
    /// Whether it is still open.
    pub is_open: bool,
    /// Whether nobody has judged it in time.
    pub is_overdue: bool,
    /// When a review is due.
    pub review_due: Timestamp,
    /// The questions and searches that were begun under it.
    pub queries: Vec<RequestId>,
    /// What of its matter or patient was read under it.
    pub documents: Vec<SeenDocument>,
}

/// A document that was read in an emergency.
#[derive(Clone, Debug, Serialize)]
pub struct SeenDocument {
    /// What stands for it in the log.
    pub token: Token,
    /// The document, where it is still kept.
    pub document: Option<DocumentId>,
    /// The pages that were opened; 0 stands for all of them.
    pub pages: BTreeSet<u32>,
    /// The entries that say so.
    pub entries: Vec<EntryIndex>,
}

/// What people are to be told of emergencies.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct EmergencyAlerts {
    /// Open ones.
    pub open: u64,
    /// Ended ones that wait for a review.
    pub unreviewed: u64,
    /// Those among them that have waited too long.
    pub overdue: u64,
}

impl EmergencyAlerts {
    /// The same for people; nothing where there is nothing to tell.
    pub fn sentence(&self) -> Option<String> {
        let part = |count: u64, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {many}")),
        };
        let parts = [
            part(self.open, "emergency is open", "emergencies are open"),
            part(self.unreviewed, "waits for its review", "wait for their review"),
            part(self.overdue, "review is overdue", "reviews are overdue"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| format!("{}.", parts.join(", ")))
    }
}

impl Governor {
    /// Whether there may be an emergency that this person may open: which, is decided when they
    /// name it.
    pub fn may_open_some_emergency(&self, who: &Principal) -> bool {
        let unnamed = || Some(String::new());
        let scopes = [
            Scope { matter: unnamed(), ..Scope::default() },
            Scope { patient: unnamed(), ..Scope::default() },
        ];
        let may = |scope| self.policies.may_in(who, Action::OpenEmergency, scope).is_ok();
        scopes.iter().any(may)
    }

    /// Opens access to a matter or patient, for `length` or as long as is usual.
    ///
    /// # Errors
    /// [`GovernError`]: nothing is open.
    pub fn open_emergency(
        &self,
        who: &Confirmed,
        actor: &Actor,
        subject: Subject,
        reason: Reason,
        length: Option<Duration>,
    ) -> Result<EmergencyRow, GovernError> {
        let person = who.principal();
        self.check_emergency(person, &subject)?;
        let length = length.unwrap_or(self.emergency_rules.length);
        let max = self.emergency_rules.length_max;
        if length.is_zero() || length > max {
            return Err(GovernError::BadLength { max_minutes: max.as_secs() / 60 });
        }
        let _turn = self.turn.take();
        self.end_expired()?;
        let mut standing = self.standing_of(&person.name)?;
        if let Some(open) = standing.emergencies.iter().find(|one| one.subject == subject) {
            return Err(GovernError::AlreadyOpen { emergency: open.id });
        }
        if standing.emergencies.len() >= EMERGENCIES_OPEN_MAX {
            return Err(GovernError::TooManyOpen);
        }
        let (id, opened) = (self.request(), self.clock.now());
        let expires = opened.after(length);
        let token = self.vault.subject(subject.kind(), subject.name())?;
        let scope =
            KeyScope::of(TokenKind::Person, &actor.id).and(KeyScope::of(subject.kind(), &token));
        let payload = Some(self.vault.seal(&scope, reason.as_str().as_bytes())?);
        let what = What::EmergencyOpened {
            person: actor.id.clone(),
            scope: subject.kind(),
            subject: token.clone(),
            expires,
            payload,
        };
        let policy = Some(self.policies.digest());
        let receipt = self.log.append(Event { actor: actor.clone(), req: id, policy, what })?;
        let row = EmergencyRow {
            id,
            person: person.name.clone(),
            subject: Some(subject.clone()),
            token,
            reason: Some(reason),
            opened,
            entry: receipt.index(),
            expires,
            ended: None,
            review: None,
        };
        self.state.emergencies().put(&row)?;
        // Only now does it open anything.
        standing.emergencies.push(OpenEmergency { id, subject, until: expires });
        self.state.standings().put(&standing)?;
        tracing::warn!(emergency.id = %id, "access in an emergency was opened");
        Ok(row)
    }

    /// Ends an emergency before its time: one's own, or as one who may review them.
    ///
    /// # Errors
    /// [`GovernError::NotFound`] for others' where one may not.
    pub fn close_emergency(
        &self,
        who: &Principal,
        actor: &Actor,
        id: RequestId,
    ) -> Result<EmergencyRow, GovernError> {
        let _turn = self.turn.take();
        self.end_expired()?;
        let row = self.emergency_for(who, id)?;
        if row.ended.is_some() {
            return Err(GovernError::NotOpen { state: "ended" });
        }
        self.end_emergency(actor, row, EmergencyEnd::Closed, self.clock.now())
    }

    /// Says what one thinks of somebody else's emergency. One that was to be followed up may be
    /// judged again.
    ///
    /// # Errors
    /// [`GovernError::OwnEmergency`], [`GovernError::NotOpen`] where it goes on or was judged.
    pub fn review_emergency(
        &self,
        who: &Confirmed,
        actor: &Actor,
        id: RequestId,
        outcome: ReviewOutcome,
        note: Option<Reason>,
    ) -> Result<EmergencyRow, GovernError> {
        let by = &who.principal().name;
        self.decide(Changer::Person(who.principal()), Action::ReviewEmergencies)?;
        let _turn = self.turn.take();
        self.end_expired()?;
        let row = self.state.emergencies().get(&id)?;
        let row = row.ok_or(GovernError::NotFound { what: "emergency" })?;
        if row.person == *by {
            return Err(GovernError::OwnEmergency { who: by.to_string() });
        }
        if row.ended.is_none() {
            return Err(GovernError::NotOpen { state: "still open: close it first" });
        }
        let is_settled = |review: &Review| review.outcome != ReviewOutcome::FollowUp;
        if row.review.as_ref().is_some_and(is_settled) {
            return Err(GovernError::NotOpen { state: "reviewed" });
        }
        let person = self.vault.token(TokenKind::Person, row.person.as_str());
        let scope = KeyScope::of(TokenKind::Person, &person);
        let payload = note.as_ref().map(|note| self.vault.seal(&scope, note.as_str().as_bytes()));
        let what = What::EmergencyReviewed {
            person,
            subject: row.token.clone(),
            outcome,
            payload: payload.transpose()?,
        };
        self.record_as(actor, id, what)?;
        let review = Review { by: by.clone(), at: self.clock.now(), outcome, note };
        let row = EmergencyRow { review: Some(review), ..row };
        self.state.emergencies().put(&row)?;
        Ok(row)
    }

    /// Every emergency with what was read under it, newest first; for who may not review them,
    /// their own. Reading it is recorded.
    ///
    /// # Errors
    /// [`GovernError`] where the log or the state fail.
    pub fn emergencies(
        &self,
        changer: Changer<'_>,
        actor: &Actor,
    ) -> Result<Vec<EmergencyReport>, GovernError> {
        self.expire_emergencies()?;
        let mut rows = self.state.emergencies().list()?;
        if let Changer::Person(who) = changer
            && self.decide(changer, Action::ReviewEmergencies).is_err()
        {
            rows.retain(|row| row.person == who.name);
        }
        self.record(actor, What::AuditRead { scope: "emergencies".to_owned(), index: None })?;
        rows.reverse();
        rows.into_iter().map(|row| self.report(row)).collect()
    }

    /// What people are to be told.
    ///
    /// # Errors
    /// [`GovernError::State`].
    pub fn emergency_alerts(&self) -> Result<EmergencyAlerts, GovernError> {
        let now = self.clock.now();
        let mut alerts = EmergencyAlerts::default();
        for row in self.state.emergencies().list()? {
            if row.ended.is_none() && now < row.expires {
                alerts.open = alerts.open.saturating_add(1);
            } else if row.review.is_none() {
                alerts.unreviewed = alerts.unreviewed.saturating_add(1);
                if self.review_due(&row) <= now {
                    alerts.overdue = alerts.overdue.saturating_add(1);
                }
            }
        }
        Ok(alerts)
    }

    /// Puts the ends on record that came by themselves.
    ///
    /// # Errors
    /// [`GovernError`]; what has ended opens nothing all the same, and is tried again.
    pub fn expire_emergencies(&self) -> Result<(), GovernError> {
        let _turn = self.turn.take();
        self.end_expired()
    }

    /// Forgets what emergencies were about that is erased.
    pub(super) fn forget_emergencies(&self, subject: &Subject) -> Result<(), GovernError> {
        for row in self.state.emergencies().list()? {
            if row.subject.as_ref() == Some(subject) {
                self.drop_open(&row)?;
                let row = EmergencyRow { subject: None, reason: None, ..row };
                self.state.emergencies().put(&row)?;
            }
        }
        Ok(())
    }

    fn check_emergency(&self, who: &Principal, subject: &Subject) -> Result<(), GovernError> {
        let scope = match subject.clone() {
            Subject::Matter(name) => Scope { matter: Some(name), ..Scope::default() },
            Subject::Patient(name) => Scope { patient: Some(name), ..Scope::default() },
        };
        crate::domain::access::check_label_value(subject.name())
            .map_err(|expected| GovernError::BadName { what: subject.kind().as_str(), expected })?;
        match self.policies.may_in(who, Action::OpenEmergency, &scope) {
            Ok(_allowed) => Ok(()),
            Err(denial) => Err(GovernError::Denied(denial)),
        }
    }

    fn emergency_for(&self, who: &Principal, id: RequestId) -> Result<EmergencyRow, GovernError> {
        let may = self.decide(Changer::Person(who), Action::ReviewEmergencies).is_ok();
        let row = self.state.emergencies().get(&id)?;
        let row = row.filter(|row| may || row.person == who.name);
        row.ok_or(GovernError::NotFound { what: "emergency" })
    }

    fn end_expired(&self) -> Result<(), GovernError> {
        let now = self.clock.now();
        for row in self.state.emergencies().list()? {
            if row.ended.is_none() && row.expires <= now {
                let (actor, at) = (Self::operator(Via::System, None), row.expires);
                self.end_emergency(&actor, row, EmergencyEnd::Expired, at)?;
            }
        }
        Ok(())
    }

    /// First it opens nothing any more, then that is on record.
    fn end_emergency(
        &self,
        actor: &Actor,
        row: EmergencyRow,
        how: EmergencyEnd,
        at: Timestamp,
    ) -> Result<EmergencyRow, GovernError> {
        self.drop_open(&row)?;
        let person = self.vault.token(TokenKind::Person, row.person.as_str());
        let what = What::EmergencyClosed { person, subject: row.token.clone(), how };
        self.record_as(actor, row.id, what)?;
        let row = EmergencyRow { ended: Some(Ended { at, how }), ..row };
        self.state.emergencies().put(&row)?;
        Ok(row)
    }

    fn drop_open(&self, row: &EmergencyRow) -> Result<(), GovernError> {
        let mut standing = self.standing_of(&row.person)?;
        standing.emergencies.retain(|one| one.id != row.id);
        Ok(self.state.standings().put(&standing)?)
    }

    fn review_due(&self, row: &EmergencyRow) -> Timestamp {
        let end = row.ended.as_ref().map_or(row.expires, |ended| ended.at);
        end.after(self.emergency_rules.review_within)
    }

    fn report(&self, row: EmergencyRow) -> Result<EmergencyReport, GovernError> {
        let now = self.clock.now();
        let is_open = row.ended.is_none() && now < row.expires;
        let review_due = self.review_due(&row);
        let mut seen = Seen::default();
        self.each_entry_of(&row, |entry| seen.take(row.id, entry))?;
        let known: BTreeMap<Token, _> = self
            .catalogue
            .documents()
            .into_iter()
            .map(|document| (document.row.token.clone(), document))
            .collect();
        let is_about = |token: &Token| match known.get(token) {
            Some(document) => {
                let subjects = &document.subjects;
                [&subjects.matter, &subjects.patient]
                    .into_iter()
                    .any(|one| one.as_ref() == Some(&row.token))
            }
            // Deleted since: told rather than left out.
            None => true,
        };
        let documents = seen.documents.into_iter().filter(|(token, _)| is_about(token));
        let documents = documents
            .map(|(token, (pages, entries))| {
                let document = known.get(&token).map(|found| found.row.document);
                SeenDocument { token, document, pages, entries }
            })
            .collect();
        Ok(EmergencyReport {
            is_open,
            is_overdue: !is_open && row.review.is_none() && review_due <= now,
            review_due,
            queries: seen.queries.into_iter().collect(),
            documents,
            row,
        })
    }

    /// Every entry from the opening until what was begun under it has ended.
    fn each_entry_of(
        &self,
        row: &EmergencyRow,
        mut take: impl FnMut(&Entry),
    ) -> Result<(), GovernError> {
        let end = row.ended.as_ref().map_or(row.expires, |ended| ended.at).after(AFTERMATH);
        let mut from = row.entry;
        loop {
            let entries = self.log.entries(from, ENTRIES_AT_A_TIME)?;
            let Some(last) = entries.last() else { return Ok(()) };
            from = EntryIndex(last.index.0.saturating_add(1));
            entries.iter().take_while(|entry| entry.ts() <= end).for_each(&mut take);
            if last.ts() > end {
                return Ok(());
            }
        }
    }
}

/// What the log says was read under an emergency.
#[derive(Default)]
struct Seen {
    queries: BTreeSet<RequestId>,
    documents: BTreeMap<Token, (BTreeSet<u32>, Vec<EntryIndex>)>,
}

impl Seen {
    fn take(&mut self, id: RequestId, entry: &Entry) {
        let details = entry.details();
        let token = |value: &serde_json::Value| value.as_str()?.parse::<Token>().ok();
        match entry.kind() {
            "query.received" => {
                let marks = details.get("emergency").and_then(serde_json::Value::as_array);
                let own = id.to_string();
                let is_marked = marks.is_some_and(|marks| marks.iter().any(|mark| *mark == own));
                self.queries.extend(entry.req().filter(|_| is_marked));
            }
            "retrieval.done" if entry.req().is_some_and(|req| self.queries.contains(&req)) => {
                let hits = details.get("hits").and_then(serde_json::Value::as_array);
                let found =
                    hits.into_iter().flatten().filter_map(|hit| token(hit.get("document")?));
                let found: BTreeSet<Token> = found.collect();
                for document in found {
                    self.documents.entry(document).or_default().1.push(entry.index);
                }
            }
            "document.viewed" if details.get("emergency") == Some(&serde_json::json!(id)) => {
                let Some(document) = details.get("document").and_then(token) else { return };
                let page = details.get("page").and_then(serde_json::Value::as_u64);
                let (pages, entries) = self.documents.entry(document).or_default();
                pages.extend(page.and_then(|page| u32::try_from(page).ok()));
                entries.push(entry.index);
            }
            _ => {}
        }
    }
}
