//! Access in an emergency: opened with a reason by somebody who has just shown who they are, for a
//! time, to one matter or patient; told to others; judged by somebody else.
//!
//! Policies say who may open one ([`Action::OpenEmergency`]) and what it opens
//! (`principal.emergency`). It ends by itself: from its end on it opens nothing, whether or not the
//! entry that says so is written yet. Nobody is kept from opening one again, as care goes first; how
//! often somebody did whom nobody found justified is in the entry, the report and the alert.

mod alerts;
mod report;

use std::time::Duration;

use crate::audit::{Actor, Added, Event, What};
use crate::domain::clock::Timestamp;
use crate::domain::emergency::{EmergencyEnd, ReviewOutcome};
use crate::domain::ids::RequestId;
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

pub use alerts::EmergencyAlerts;
pub use report::{EmergencyReport, SeenDocument};

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
        let _standings = self.standings.take();
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
        let scope = contents(&actor.id, &subject, &token);
        let payload = Some(self.vault.seal(&scope, reason.as_str().as_bytes())?);
        let earlier = self.state.emergencies().list()?;
        let repeats = alerts::repeats(&earlier, (&person.name, &token), opened);
        let what = What::EmergencyOpened {
            person: actor.id.clone(),
            scope: subject.kind(),
            subject: token.clone(),
            expires,
            repeats: Added(Some(repeats).filter(|repeats| *repeats > 0)),
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
        tracing::warn!(emergency.id = %id, emergency.repeats = repeats, "access in an emergency was opened");
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
        let _standings = self.standings.take();
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
        let _standings = self.standings.take();
        self.end_expired()?;
        let row = self.state.emergencies().get(&id)?;
        let row = row.ok_or(GovernError::NotFound { what: "emergency" })?;
        if row.person == *by {
            return Err(GovernError::OwnEmergency { who: by.to_string() });
        }
        if row.ended.is_none() {
            return Err(GovernError::NotOpen { state: "still open: close it first" });
        }
        if row.is_settled() {
            return Err(GovernError::NotOpen { state: "reviewed" });
        }
        let person = self.vault.token(TokenKind::Person, row.person.as_str());
        let payload = note.as_ref().map(|note| {
            let subject = row.subject.as_ref().ok_or(GovernError::NoNote)?;
            let scope = contents(&person, subject, &row.token);
            Ok::<_, GovernError>(self.vault.seal(&scope, note.as_str().as_bytes())?)
        });
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
        let all = self.state.emergencies().list()?;
        let mut rows = all.clone();
        if let Changer::Person(who) = changer
            && self.decide(changer, Action::ReviewEmergencies).is_err()
        {
            rows.retain(|row| row.person == who.name);
        }
        self.record(actor, What::AuditRead { scope: "emergencies".to_owned(), index: None })?;
        rows.reverse();
        rows.into_iter().map(|row| self.report(row, &all)).collect()
    }

    /// Puts the ends on record that came by themselves.
    ///
    /// # Errors
    /// [`GovernError`]; what has ended opens nothing all the same, and is tried again.
    pub fn expire_emergencies(&self) -> Result<(), GovernError> {
        let _standings = self.standings.take();
        self.end_expired()
    }

    /// Forgets what emergencies were about that is erased, and what was said of it.
    pub(super) fn forget_emergencies(&self, subject: &Subject) -> Result<(), GovernError> {
        let _standings = self.standings.take();
        for row in self.state.emergencies().list()? {
            if row.subject.as_ref() == Some(subject) {
                self.drop_open(&row)?;
                let review = row.review.map(|review| Review { note: None, ..review });
                let row = EmergencyRow { subject: None, reason: None, review, ..row };
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
}

/// Whose contents is what is said of an emergency: the person's, and that of what it opens.
fn contents(person: &Token, subject: &Subject, token: &Token) -> KeyScope {
    KeyScope::of(TokenKind::Person, person).and(KeyScope::of(subject.kind(), token))
}
