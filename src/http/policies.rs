//! Policies: what is in force, earlier versions, proposing others, trying them, asking why.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer::Sight;
use crate::domain::ids::RequestId;
use crate::domain::limits::SIMULATED_DEFAULT;
use crate::domain::payload::Token;
use crate::domain::question::Scope;
use crate::domain::trial::Trial;
use crate::govern::{Changer, Explained, Offer, Sighting, Simulation};
use crate::policy::{Action, Policies};
use crate::store::{ChangeRow, PolicyRow};

use super::changes::{confirmed, reason};
use super::documents::document_id;
use super::problem::blocking;
use super::{Caller, Kind, Problem, UseCases, change_body};

/// A policy set as it is sent: file name to text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPolicies {
    files: BTreeMap<String, String>,
    reason: String,
}

/// An earlier version.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Back {
    version: String,
    reason: String,
}

/// A policy set to be tried.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Candidate {
    files: BTreeMap<String, String>,
    last: Option<usize>,
}

/// Which two to compare; the one in force where none is named.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Comparison {
    from: Option<String>,
    to: Option<String>,
}

/// Whose view of which document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    person: String,
    document: String,
    action: Option<Action>,
    purpose: Option<String>,
    matter: Option<String>,
    patient: Option<String>,
}

impl Why {
    fn sighting(self) -> Result<Sighting, Problem> {
        let action = self.action.unwrap_or(Action::Ask);
        if !action.reads_documents() {
            return Err(Problem::new(Kind::BadRequest, "action is none that shows documents"));
        }
        let (purpose, matter, patient) = (self.purpose, self.matter, self.patient);
        let scope = Scope { purpose, matter, patient }.declared();
        Ok(Sighting {
            person: self.person,
            document: document_id(&self.document)?,
            action,
            scope: scope.map_err(|e| Problem::new(Kind::BadRequest, e.to_string()))?,
        })
    }
}

/// `GET /api/v1/policies`: the policy files in force.
pub(super) async fn list_policies(
    cases: web::Data<UseCases>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    cases
        .policies
        .may(&caller.principal, Action::ReadPolicies)
        .map_err(|denial| Problem::new(Kind::PolicyDenied, denial.reason))?;
    let policies = cases.policies.snapshot();
    let files: Vec<Value> = policies
        .files()
        .iter()
        .map(|file| json!({ "name": file.name, "sha256": file.digest, "text": file.text }))
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "sha256": policies.digest(), "files": files })))
}

/// `POST /api/v1/policies`: proposes other policies; 202 and the change that waits for a second
/// person.
pub(super) async fn propose_policies(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    body: web::Json<NewPolicies>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let NewPolicies { files, reason: because } = body.into_inner();
    let offer = Offer { candidate: Policies::from_files(files), version: None };
    let row = propose(cases, caller, because, move |_| Ok(offer)).await?;
    Ok(accepted(&row))
}

/// `POST /api/v1/policies/rollback`: proposes to go back to an earlier version.
pub(super) async fn roll_back(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    body: web::Json<Back>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let Back { version, reason: because } = body.into_inner();
    let offer = move |cases: &UseCases| Ok(cases.governor.version_again(&version)?);
    let row = propose(cases, caller, because, offer).await?;
    Ok(accepted(&row))
}

/// Proposes policies as the caller, who has shown password and code a few minutes ago.
pub(crate) async fn propose(
    cases: web::Data<UseCases>,
    caller: Caller,
    because: String,
    offer: impl FnOnce(&UseCases) -> Result<Offer, Problem> + Send + 'static,
) -> Result<ChangeRow, Problem> {
    let because = reason(because)?;
    blocking(move || {
        let who = confirmed(&cases, &caller)?;
        let offer = offer(&cases)?;
        let (actor, answerer) = (&caller.actor, &cases.answerer);
        Ok(cases.governor.propose_policies(
            (who.principal(), true),
            actor,
            offer,
            answerer,
            because,
        )?)
    })
    .await
}

fn accepted(row: &ChangeRow) -> HttpResponse {
    let location = format!("/api/v1/changes/{}", row.id);
    HttpResponse::Accepted().insert_header(("Location", location)).json(change_body(row, true))
}

/// `POST /api/v1/policies/simulate`: what past questions would newly show or hide.
pub(super) async fn simulate_policies(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    body: web::Json<Candidate>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let Candidate { files, last } = body.into_inner();
    let simulation = blocking(move || {
        let candidate = Policies::from_files(files);
        let changer = Changer::Person(&caller.principal);
        let last = last.unwrap_or(SIMULATED_DEFAULT);
        let (actor, answerer) = (&caller.actor, &cases.answerer);
        Ok(cases.governor.simulate(changer, actor, candidate, answerer, last)?)
    })
    .await?;
    Ok(HttpResponse::Ok().json(simulation_body(&simulation)))
}

/// `GET /api/v1/policies/versions`: every version that was in force.
pub(super) async fn list_versions(
    cases: web::Data<UseCases>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let rows =
        blocking(move || Ok(cases.governor.versions(Changer::Person(&caller.principal))?)).await?;
    Ok(HttpResponse::Ok().json(versions_body(&rows)))
}

/// `GET /api/v1/policies/versions/{version}`: the files of a version, or of a change that waits.
pub(super) async fn show_version(
    cases: web::Data<UseCases>,
    caller: Caller,
    version: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let source = blocking(move || {
        let changer = Changer::Person(&caller.principal);
        Ok(cases.governor.policy_files(changer, &version)?)
    })
    .await?;
    Ok(HttpResponse::Ok().json(json!({ "files": source })))
}

/// `GET /api/v1/policies/diff?from=V&to=V`: what differs between two versions.
pub(super) async fn compare_policies(
    cases: web::Data<UseCases>,
    caller: Caller,
    which: web::Query<Comparison>,
) -> Result<HttpResponse, Problem> {
    let diff = blocking(move || {
        let changer = Changer::Person(&caller.principal);
        let side = |named: &Option<String>| match named {
            Some(named) => cases.governor.policy_files(changer, named),
            None => cases.governor.policies_in_force(changer),
        };
        Ok(side(&which.from)?.diff(&side(&which.to)?))
    })
    .await?;
    Ok(HttpResponse::Ok().json(json!({ "diff": diff })))
}

/// `POST /api/v1/policies/explain`: why a person may see a document, or not.
pub(super) async fn explain_decision(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    body: web::Json<Why>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let sighting = body.into_inner().sighting()?;
    let body = blocking(move || {
        let changer = Changer::Person(&caller.principal);
        let explained = cases.governor.explain(changer, &caller.actor, &sighting)?;
        Ok(explanation_body(&explained))
    })
    .await?;
    Ok(HttpResponse::Ok().json(body))
}

/// A simulation as the API and the command line show it.
pub fn simulation_body(simulation: &Simulation) -> Value {
    let simulated = &simulation.simulated;
    let changes: Vec<Value> = simulated
        .effects()
        .iter()
        .map(|effect| {
            let document = match simulation.names_documents {
                true => json!(effect.document),
                false => json!(effect.token),
            };
            json!({
                "entry": effect.entry,
                "person": effect.person,
                "document": document,
                "before": effect.before.as_str(),
                "after": effect.after.as_str(),
                "newly": if effect.after == Sight::Shown { "seen" } else { "hidden" },
            })
        })
        .collect();
    let names = Some(&simulation.matters).filter(|_| simulation.names_documents);
    json!({
        "candidate": simulated.candidate(),
        "as_of": "people and documents as they stand now",
        "changes": changes,
        "summary": trial_body(simulated.trial(), names),
        "recorded_as": simulated.receipt().index(),
    })
}

/// The numbers of a simulation; matters by their names where those are given.
pub fn trial_body(trial: &Trial, names: Option<&BTreeMap<Token, String>>) -> Value {
    let persons: Vec<Value> = trial
        .persons
        .iter()
        .map(|(person, shift)| {
            json!({ "person": person, "seen": shift.seen, "hidden": shift.hidden })
        })
        .collect();
    let matters: Vec<Value> = trial
        .matters
        .iter()
        .map(|(token, shift)| {
            let name = names.and_then(|names| names.get(token));
            let matter = name.map_or_else(|| token.to_string(), Clone::clone);
            json!({ "matter": matter, "seen": shift.seen, "hidden": shift.hidden })
        })
        .collect();
    json!({
        "queries": trial.queries,
        "erased": trial.erased,
        "orphaned": trial.orphaned,
        "changed": trial.changed,
        "seen": trial.seen,
        "hidden": trial.hidden,
        "opened": trial.opened,
        "closed": trial.closed,
        "persons": persons,
        "matters": matters,
    })
}

/// The versions of the policies as the API and the command line show them.
pub fn versions_body(rows: &[PolicyRow]) -> Value {
    let versions: Vec<Value> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| version_body(at + 1, row, at + 1 == rows.len()))
        .collect();
    json!({ "versions": versions })
}

fn version_body(number: usize, row: &PolicyRow, in_force: bool) -> Value {
    let change: Option<RequestId> = Some(row.change);
    json!({
        "version": number,
        "sha256": row.sha256,
        "set": row.set,
        "activated": row.activated.to_string(),
        "entry": row.entry,
        "change": change,
        "files": row.files,
        "in_force": in_force,
    })
}

/// An explained decision as the API and the command line show it.
pub fn explanation_body(explained: &crate::audit::Recorded<Explained>) -> Value {
    let Explained { person, roles, compared, explanation } = &**explained;
    json!({
        "person": person,
        "roles": roles,
        "attributes": compared.as_ref().map(|compared| &compared.attributes),
        "labels": compared.as_ref().map(|compared| compared.labels.pairs()),
        "allowed": explanation.allowed,
        "policy": explanation.policy,
        "decisions": explanation.decisions,
        "recorded_as": explained.receipt().index(),
    })
}
