//! Access in an emergency, and who works on what.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Deserialize;

use crate::domain::emergency::InvalidOutcome;
use crate::domain::principal::Subject;
use crate::domain::reason::Reason;
use crate::govern::{Changer, EmergencyReport};
use crate::http::problem::blocking;
use crate::http::{Caller, Kind, Problem, UseCases, confirmed};
use crate::policy::Action;
use crate::store::StandingRow;

use super::pages::{allows, frame, lead_to, require, show};
use super::views::{
    EmergenciesPage, EmergencyLine, Moment, Place, RelationshipLine, RelationshipsPage,
};

/// Emergencies that one page shows.
const LISTED: usize = 100;

/// `GET /emergencies`.
pub(super) async fn list_emergencies(
    cases: web::Data<UseCases>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let page = blocking(move || {
        let who = Changer::Person(&caller.principal);
        let reports = cases.governor.emergencies(who, &caller.actor)?;
        let reviews = allows(&cases, &caller, Action::ReviewEmergencies);
        let rules = cases.governor.emergency_rules;
        let lines = reports.iter().take(LISTED);
        Ok(EmergenciesPage {
            frame: frame(&cases, &caller, Some(Place::Emergencies)),
            may_open: allows(&cases, &caller, Action::OpenEmergency),
            is_confirmed: confirmed(&cases, &caller).is_ok(),
            minutes: rules.length.as_secs() / 60,
            minutes_max: rules.length_max.as_secs() / 60,
            emergencies: lines.map(|report| line(report, &caller, reviews)).collect(),
        })
    })
    .await?;
    show(&page)
}

/// What somebody needs to see, why, and for how long.
#[derive(Deserialize)]
pub(super) struct Opening {
    csrf: String,
    #[serde(default)]
    patient: String,
    #[serde(default)]
    matter: String,
    minutes: u64,
    reason: String,
}

/// `POST /emergencies`.
pub(super) async fn open_emergency(
    cases: web::Data<UseCases>,
    caller: Caller,
    form: web::Form<Opening>,
) -> Result<HttpResponse, Problem> {
    let form = form.into_inner();
    caller.check_csrf(Some(&form.csrf))?;
    let subject = match (form.patient.trim(), form.matter.trim()) {
        (patient, "") if !patient.is_empty() => Subject::Patient(patient.to_owned()),
        ("", matter) if !matter.is_empty() => Subject::Matter(matter.to_owned()),
        _ => return Err(Problem::new(Kind::BadRequest, "Name a patient or a matter, not both.")),
    };
    let reason = stated(form.reason)?;
    let length = Some(Duration::from_secs(form.minutes.saturating_mul(60)));
    blocking(move || {
        let who = confirmed(&cases, &caller)?;
        Ok(cases.governor.open_emergency(&who, &caller.actor, subject, reason, length)?)
    })
    .await?;
    Ok(lead_to("/emergencies"))
}

/// A form without fields.
#[derive(Deserialize)]
pub(super) struct Plain {
    csrf: String,
}

/// `POST /emergencies/{id}/close`.
pub(super) async fn close_emergency(
    cases: web::Data<UseCases>,
    caller: Caller,
    id: web::Path<String>,
    form: web::Form<Plain>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf(Some(&form.csrf))?;
    let id = id.parse().map_err(|_| missing())?;
    blocking(move || Ok(cases.governor.close_emergency(&caller.principal, &caller.actor, id)?))
        .await?;
    Ok(lead_to("/emergencies"))
}

/// What somebody makes of another's emergency.
#[derive(Deserialize)]
pub(super) struct Reviewing {
    csrf: String,
    outcome: String,
    #[serde(default)]
    note: String,
}

/// `POST /emergencies/{id}/review`.
pub(super) async fn review_emergency(
    cases: web::Data<UseCases>,
    caller: Caller,
    id: web::Path<String>,
    form: web::Form<Reviewing>,
) -> Result<HttpResponse, Problem> {
    let Reviewing { csrf, outcome, note } = form.into_inner();
    caller.check_csrf(Some(&csrf))?;
    let id = id.parse().map_err(|_| missing())?;
    let outcome = outcome
        .parse()
        .map_err(|error: InvalidOutcome| Problem::new(Kind::BadRequest, error.to_string()))?;
    let note = match note.trim() {
        "" => None,
        note => Some(stated(note.to_owned())?),
    };
    blocking(move || {
        let who = confirmed(&cases, &caller)?;
        Ok(cases.governor.review_emergency(&who, &caller.actor, id, outcome, note)?)
    })
    .await?;
    Ok(lead_to("/emergencies"))
}

/// `GET /admin/relationships`.
pub(super) async fn list_relationships(
    cases: web::Data<UseCases>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    require(&cases, &caller, Action::ManageRelationships)?;
    let page = blocking(move || {
        let rows = cases.governor.relationships(Changer::Person(&caller.principal))?;
        let relationships = rows.iter().flat_map(|row| lines(row, &cases)).collect();
        let frame = frame(&cases, &caller, Some(Place::Relationships));
        Ok(RelationshipsPage { frame, relationships })
    })
    .await?;
    show(&page)
}

fn lines(row: &StandingRow, cases: &UseCases) -> Vec<RelationshipLine> {
    let now = cases.clock.now();
    let one = |one: &crate::domain::relationship::Relationship| RelationshipLine {
        person: row.person.to_string(),
        kind: one.kind.to_string(),
        object: one.object.clone(),
        from: one.from.map(Moment),
        until: one.until.map(Moment),
        holds: one.holds_at(now),
        source: one.source.to_string(),
    };
    row.relationships().map(one).collect()
}

fn line(report: &EmergencyReport, caller: &Caller, reviews: bool) -> EmergencyLine {
    const ERASED: &str = "erased since";
    let row = &report.row;
    let is_own = row.person == caller.principal.name;
    let review = row.review.as_ref().map(|review| {
        let note = review.note.as_ref().map(|note| format!(": {}", note.as_str()));
        format!("{} by {}{}", review.outcome, review.by, note.unwrap_or_default())
    });
    let may_review = reviews && !is_own && !report.is_open && !row.is_settled();
    let documents = report.documents.iter().map(|seen| {
        let name = seen.document.map_or_else(|| seen.token.to_string(), |id| id.0.short());
        let pages: Vec<String> = seen.pages.iter().map(u32::to_string).collect();
        (name, pages.join(", "))
    });
    EmergencyLine {
        id: row.id.to_string(),
        person: row.person.to_string(),
        about: row.subject.as_ref().map_or_else(|| ERASED.to_owned(), ToString::to_string),
        reason: row.reason.as_ref().map_or(ERASED, |reason| reason.as_str()).to_owned(),
        opened: Moment(row.opened),
        ends: Moment(row.ended.as_ref().map_or(row.expires, |ended| ended.at)),
        is_open: report.is_open,
        is_overdue: report.is_overdue,
        due: Moment(report.review_due),
        repeats: report.repeats,
        queries: report.queries.len(),
        documents: documents.collect(),
        review,
        is_settled: row.is_settled(),
        may_close: report.is_open && (is_own || reviews),
        may_review,
    }
}

fn stated(text: String) -> Result<Reason, Problem> {
    Reason::try_from(text).map_err(|error| Problem::new(Kind::BadRequest, error.to_string()))
}

fn missing() -> Problem {
    Problem::new(Kind::NotFound, "There is no such emergency.")
}
