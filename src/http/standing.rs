//! Relationships and walls, and access in an emergency.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::clock::Timestamp;
use crate::domain::limits::RELATIONSHIP_BYTES_MAX;
use crate::domain::principal::{Subject, UserName};
use crate::domain::reason::Reason;
use crate::domain::relationship::{RelationshipKind, SourceName, end};
use crate::govern::{Changer, EmergencyReport, NewWall};
use crate::policy::Action;
use crate::store::{EmergencyRow, StandingRow};

use super::changes::{confirmed, propose, reason, request_id};
use super::documents::enter;
use super::problem::blocking;
use super::{Caller, Kind, Problem, UseCases};

/// Which relationships a file takes the place of.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportQuery {
    source: Option<String>,
    #[serde(default)]
    dry_run: bool,
}

/// `POST /api/v1/relationships?source=NAME&dry_run=true`, the file as its body.
pub(super) async fn import_relationships(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    query: web::Query<ImportQuery>,
    body: web::Payload,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    // Nothing is held in memory for whoever may not import it.
    cases
        .policies
        .may(&caller.principal, Action::ManageRelationships)
        .map_err(|denial| Problem::new(Kind::PolicyDenied, denial.reason))?;
    let _place = enter(&cases)?;
    let most = usize::try_from(RELATIONSHIP_BYTES_MAX).unwrap_or(usize::MAX);
    let too_large = format!("the file has more than {most} bytes: split it by source");
    let body = body.to_bytes_limited(most).await.map_err(|_| bad(&too_large))?;
    let body = body.map_err(|e| bad(&e.to_string()))?;
    let ImportQuery { source, dry_run } = query.into_inner();
    let source = source.unwrap_or_else(|| "import".to_owned());
    let source = SourceName::try_from(source).map_err(|e| bad(&e.to_string()))?;
    let report = blocking(move || {
        let who = Changer::Person(&caller.principal);
        let governor = &cases.governor;
        Ok(governor.import_relationships(who, &caller.actor, &source, &body, dry_run)?)
    })
    .await?;
    Ok(HttpResponse::Ok().json(report))
}

/// `GET /api/v1/relationships`: by person.
pub(super) async fn list_relationships(
    cases: web::Data<UseCases>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let now = cases.clock.now();
    let rows =
        blocking(move || Ok(cases.governor.relationships(Changer::Person(&caller.principal))?))
            .await?;
    let rows: Vec<Value> = rows.iter().map(|row| standing_body(row, now, true)).collect();
    Ok(HttpResponse::Ok().json(json!({ "persons": rows })))
}

/// Who is kept away from what, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WallBody {
    person: UserName,
    matter: Option<String>,
    client: Option<String>,
    patient: Option<String>,
    until: Option<String>,
    reason: String,
}

impl WallBody {
    fn checked(self) -> Result<(NewWall, Reason), Problem> {
        let (kind, object) = match (self.matter, self.client, self.patient) {
            (Some(matter), None, None) => (RelationshipKind::Wall, matter),
            (None, Some(client), None) => (RelationshipKind::Conflict, client),
            (None, None, Some(patient)) => (RelationshipKind::Barred, patient),
            _ => return Err(bad("name one of matter, client and patient")),
        };
        let until = end(self.until.as_deref().unwrap_or_default());
        let until = until.map_err(|e| bad(&e.to_string()))?;
        Ok((NewWall { person: self.person, kind, object, until }, reason(self.reason)?))
    }
}

/// `POST /api/v1/walls`: keeps a person away from a matter, client or patient, at once.
pub(super) async fn create_wall(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    body: web::Json<WallBody>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let (wall, reason) = body.into_inner().checked()?;
    let set = blocking(move || {
        let who = Changer::Person(&caller.principal);
        Ok(cases.governor.add_wall(who, &caller.actor, wall, &reason)?)
    })
    .await?;
    Ok(HttpResponse::Created().json(set))
}

/// `POST /api/v1/walls/lift`: proposes that a wall ends; 202 and the change.
pub(super) async fn lift_wall(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    body: web::Json<WallBody>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let (wall, reason) = body.into_inner().checked()?;
    let NewWall { person, kind, object, .. } = wall;
    propose(cases, caller, reason, move |governor, who| governor.lifting(who, person, kind, object))
        .await
}

/// What somebody needs to see in an emergency, why, and for how long.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewEmergency {
    patient: Option<String>,
    matter: Option<String>,
    reason: String,
    minutes: Option<u64>,
}

/// `POST /api/v1/emergencies`: opens access in an emergency.
pub(super) async fn open_emergency(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    body: web::Json<NewEmergency>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let NewEmergency { patient, matter, reason: why, minutes } = body.into_inner();
    let subject = match (patient, matter) {
        (Some(name), None) => Subject::Patient(name),
        (None, Some(name)) => Subject::Matter(name),
        _ => return Err(bad("name one of patient and matter")),
    };
    let why = reason(why)?;
    let length = minutes.map(|minutes| Duration::from_secs(minutes.saturating_mul(60)));
    let row = blocking(move || {
        let who = confirmed(&cases, &caller)?;
        Ok(cases.governor.open_emergency(&who, &caller.actor, subject, why, length)?)
    })
    .await?;
    Ok(HttpResponse::Created().json(emergency_body(&row, true)))
}

/// `GET /api/v1/emergencies`: all of them for who may review, else one's own; recorded.
pub(super) async fn list_emergencies(
    cases: web::Data<UseCases>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let reports = blocking(move || {
        let who = Changer::Person(&caller.principal);
        Ok(cases.governor.emergencies(who, &caller.actor)?)
    })
    .await?;
    let rows: Vec<Value> =
        reports.iter().map(|report| emergency_report_body(report, true)).collect();
    Ok(HttpResponse::Ok().json(json!({ "emergencies": rows })))
}

/// `POST /api/v1/emergencies/{id}/close`: ends it before its time.
pub(super) async fn close_emergency(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let id = request_id(&id, "emergency")?;
    let row = blocking(move || {
        Ok(cases.governor.close_emergency(&caller.principal, &caller.actor, id)?)
    })
    .await?;
    Ok(HttpResponse::Ok().json(emergency_body(&row, true)))
}

/// What somebody makes of another's emergency.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewReview {
    outcome: String,
    note: Option<String>,
}

/// `POST /api/v1/emergencies/{id}/review`.
pub(super) async fn review_emergency(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    id: web::Path<String>,
    body: web::Json<NewReview>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let id = request_id(&id, "emergency")?;
    let NewReview { outcome, note } = body.into_inner();
    let outcome = outcome.parse().map_err(|e| {
        let error: crate::domain::emergency::InvalidOutcome = e;
        bad(&error.to_string())
    })?;
    let note = note.map(reason).transpose()?;
    let row = blocking(move || {
        let who = confirmed(&cases, &caller)?;
        Ok(cases.governor.review_emergency(&who, &caller.actor, id, outcome, note)?)
    })
    .await?;
    Ok(HttpResponse::Ok().json(emergency_body(&row, true)))
}

fn bad(detail: &str) -> Problem {
    Problem::new(Kind::BadRequest, detail)
}

/// The relationships of one person as the API and the command line show them.
pub fn standing_body(row: &StandingRow, now: Timestamp, shows_objects: bool) -> Value {
    let relationships: Vec<Value> = row
        .relationships()
        .map(|one| {
            json!({
                "kind": one.kind,
                "object": shows_objects.then_some(&one.object),
                "from": one.from.map(|from| from.to_string()),
                "until": one.until.map(|until| until.to_string()),
                "source": one.source,
                "holds": one.holds_at(now),
            })
        })
        .collect();
    json!({ "person": row.person, "relationships": relationships })
}

/// An emergency as the API and the command line show it.
pub fn emergency_body(row: &EmergencyRow, shows_contents: bool) -> Value {
    let ended = row.ended.as_ref();
    let review = row.review.as_ref().map(|review| {
        json!({
            "by": review.by,
            "at": review.at.to_string(),
            "outcome": review.outcome,
            "note": review.note.as_ref().filter(|_| shows_contents),
        })
    });
    let mut body = json!({
        "id": row.id,
        "person": row.person,
        "token": row.token,
        "opened": row.opened.to_string(),
        "expires": row.expires.to_string(),
        "ended": ended.map(|ended| ended.at.to_string()),
        "how": ended.map(|ended| ended.how),
        "entry": row.entry,
        "review": review,
    });
    if let Some(object) = body.as_object_mut().filter(|_| shows_contents) {
        object.insert("subject".to_owned(), json!(row.subject));
        object.insert("reason".to_owned(), json!(row.reason));
    }
    body
}

/// An emergency with what was read under it.
pub fn emergency_report_body(report: &EmergencyReport, shows_contents: bool) -> Value {
    let mut body = emergency_body(&report.row, shows_contents);
    if let Some(object) = body.as_object_mut() {
        object.insert("open".to_owned(), json!(report.is_open));
        object.insert("overdue".to_owned(), json!(report.is_overdue));
        object.insert("settled".to_owned(), json!(report.row.is_settled()));
        object.insert("review_due".to_owned(), json!(report.review_due.to_string()));
        object.insert("repeats".to_owned(), json!(report.repeats));
        object.insert("queries".to_owned(), json!(report.queries));
        object.insert("documents".to_owned(), json!(report.documents));
    }
    body
}
