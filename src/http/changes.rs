//! Changes that need two persons, erasures, holds. Whoever acts has shown a few minutes ago who they
//! are.

use std::ops::ControlFlow;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::change::{Proposal, Target};
use crate::domain::ids::RequestId;
use crate::domain::principal::Principal;
use crate::domain::reason::Reason;
use crate::govern::{Changer, GovernError, Governor};
use crate::identity::Confirmed;
use crate::store::{ChangeRow, ChangeState, HoldRow};

use super::problem::blocking;
use super::{Caller, Kind, Problem, UseCases};

/// What a hold or an erasure is about, and why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDuty {
    document: Option<String>,
    matter: Option<String>,
    patient: Option<String>,
    #[serde(alias = "person")]
    custodian: Option<String>,
    reason: String,
}

/// Why.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Because {
    pub(super) reason: String,
}

impl NewDuty {
    fn checked(self) -> Result<(Target, Reason), Problem> {
        let bad = |detail: &str| Problem::new(Kind::BadRequest, detail);
        let target = match (self.document, self.matter, self.patient, self.custodian) {
            (Some(id), None, None, None) => {
                Target::Document(id.parse().map_err(|_| bad("document is no id"))?)
            }
            (None, Some(name), None, None) => Target::Matter(name),
            (None, None, Some(name), None) => Target::Patient(name),
            (None, None, None, Some(name)) => {
                Target::Person(name.parse().map_err(|_| bad("this is no user name"))?)
            }
            _ => {
                return Err(bad(
                    "name one of document, matter, patient and custodian (of a hold) or person (of an erasure)",
                ));
            }
        };
        Ok((target, reason(self.reason)?))
    }
}

/// A stated reason.
pub(super) fn reason(text: String) -> Result<Reason, Problem> {
    Reason::try_from(text).map_err(|e| Problem::new(Kind::BadRequest, e.to_string()))
}

/// The caller, who has shown password and code a few minutes ago.
pub(crate) fn confirmed(cases: &UseCases, caller: &Caller) -> Result<Confirmed, Problem> {
    Ok(cases.governor.accounts.confirmed(&caller.token)?)
}

/// `GET /api/v1/changes`: the queue, oldest first.
pub(super) async fn list_changes(
    cases: web::Data<UseCases>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let listed =
        blocking(move || Ok(cases.governor.changes(Changer::Person(&caller.principal))?)).await?;
    let rows: Vec<Value> =
        listed.changes.iter().map(|seen| change_body(&seen.row, seen.shows_contents)).collect();
    Ok(HttpResponse::Ok().json(json!({ "changes": rows })))
}

/// `GET /api/v1/changes/{id}`: one change.
pub(super) async fn show_change(
    cases: web::Data<UseCases>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = request_id(&id, "change")?;
    let listed =
        blocking(move || Ok(cases.governor.changes(Changer::Person(&caller.principal))?)).await?;
    let seen = listed.find(id)?;
    Ok(HttpResponse::Ok().json(change_body(&seen.row, seen.shows_contents)))
}

/// `POST /api/v1/changes/{id}/approve`: approves what somebody else proposed, and waits until it is
/// in effect.
pub(super) async fn approve_change(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let id = request_id(&id, "change")?;
    let row = blocking(move || {
        let who = confirmed(&cases, &caller)?;
        let mut progress = |_| ControlFlow::Continue(());
        Ok(cases.governor.approve(&who, &caller.actor, id, &mut progress)?)
    })
    .await?;
    Ok(HttpResponse::Ok().json(change_body(&row, true)))
}

/// `POST /api/v1/changes/{id}/reject`: rejects a change, which takes a proof as approving does, or
/// withdraws one's own.
pub(super) async fn reject_change(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let id = request_id(&id, "change")?;
    let row = blocking(move || {
        let proof = cases.governor.accounts.confirmed(&caller.token);
        Ok(cases.governor.reject(&caller.principal, proof, &caller.actor, id)?)
    })
    .await?;
    Ok(HttpResponse::Ok().json(change_body(&row, true)))
}

/// `POST /api/v1/erasures`: proposes an erasure; 202 and the change that waits for a second person.
pub(super) async fn create_erasure(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    body: web::Json<NewDuty>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let (target, reason) = body.into_inner().checked()?;
    propose(cases, caller, reason, |_, _| Ok(Proposal::Erase { target })).await
}

/// `GET /api/v1/holds`: every hold.
pub(super) async fn list_holds(
    cases: web::Data<UseCases>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let rows =
        blocking(move || Ok(cases.governor.holds(Changer::Person(&caller.principal))?)).await?;
    let rows: Vec<Value> = rows.iter().map(|row| hold_body(row, true)).collect();
    Ok(HttpResponse::Ok().json(json!({ "holds": rows })))
}

/// `POST /api/v1/holds`: places a hold.
pub(super) async fn create_hold(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    body: web::Json<NewDuty>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let (target, reason) = body.into_inner().checked()?;
    let row = blocking(move || {
        Ok(cases.governor.hold(&caller.principal, &caller.actor, target, reason)?)
    })
    .await?;
    Ok(HttpResponse::Created().json(hold_body(&row, true)))
}

/// `POST /api/v1/holds/{id}/release`: proposes that a hold ends; 202 and the change.
pub(super) async fn release_hold(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    id: web::Path<String>,
    body: web::Json<Because>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let reason = reason(body.into_inner().reason)?;
    let id = request_id(&id, "hold")?;
    propose(cases, caller, reason, move |governor, who| governor.release(who, id)).await
}

pub(super) async fn propose(
    cases: web::Data<UseCases>,
    caller: Caller,
    reason: Reason,
    proposal: impl FnOnce(&Governor, &Principal) -> Result<Proposal, GovernError> + Send + 'static,
) -> Result<HttpResponse, Problem> {
    let row = blocking(move || {
        let who = confirmed(&cases, &caller)?;
        let proposal = proposal(&cases.governor, who.principal())?;
        Ok(cases.governor.propose(&who, &caller.actor, proposal, reason)?)
    })
    .await?;
    Ok(accepted(&row))
}

/// A change that waits for a second person.
pub(super) fn accepted(row: &ChangeRow) -> HttpResponse {
    let location = format!("/api/v1/changes/{}", row.id);
    HttpResponse::Accepted().insert_header(("Location", location)).json(change_body(row, true))
}

pub(super) fn request_id(text: &str, what: &'static str) -> Result<RequestId, Problem> {
    text.parse().map_err(|_| GovernError::NotFound { what }.into())
}

/// A change as the API and the command line show it.
pub fn change_body(row: &ChangeRow, shows_contents: bool) -> Value {
    let decided_by = match &row.state {
        ChangeState::Proposed | ChangeState::Expired => None,
        ChangeState::Approving { by, .. }
        | ChangeState::Approved { by, .. }
        | ChangeState::Applied { by } => Some(by),
        ChangeState::Rejected { by } => by.as_ref(),
    };
    let mut body = json!({
        "id": row.id,
        "kind": row.kind,
        "state": row.state.as_str(),
        "scope": row.scope,
        "subject": row.subject,
        "proposer": row.proposer,
        "proven": row.proven,
        "proposed": row.proposed.to_string(),
        "expires": row.expires.to_string(),
        "decided_by": decided_by,
    });
    if let Some(object) = body.as_object_mut().filter(|_| shows_contents) {
        object.insert("proposal".to_owned(), json!(row.proposal));
        object.insert("reason".to_owned(), json!(row.reason));
    }
    body
}

/// A hold as the API and the command line show it.
pub fn hold_body(row: &HoldRow, shows_contents: bool) -> Value {
    let mut body = json!({
        "id": row.id,
        "scope": row.target.kind(),
        "subject": row.subject,
        "placed_by": row.placed_by,
        "placed": row.placed.to_string(),
    });
    if let Some(object) = body.as_object_mut().filter(|_| shows_contents) {
        object.insert("target".to_owned(), json!(row.target));
        object.insert("reason".to_owned(), json!(row.reason));
    }
    body
}
