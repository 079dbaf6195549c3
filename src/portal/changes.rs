//! The queue of changes that need two persons: reading, approving, rejecting.

use std::ops::ControlFlow;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Deserialize;

use crate::domain::change::Proposal;
use crate::domain::ids::RequestId;
use crate::govern::{Changer, GovernError};
use crate::http::problem::blocking;
use crate::http::{Caller, Kind, Problem, UseCases, confirmed};
use crate::policy::Action;
use crate::store::{ChangeRow, ChangeState};

use super::pages::{allows, frame, lead_to, show, show_as};
use super::policies::trial_view;
use super::views::{ChangeLine, ChangePage, ChangesPage, DiffLine, Moment, Place};

/// Changes of one page at most: the newest.
const CHANGES_MAX: usize = 200;

/// `GET /admin/changes`.
pub(super) async fn list_changes(
    cases: web::Data<UseCases>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let page = blocking(move || {
        let mut rows = cases.governor.changes(Changer::Person(&caller.principal))?.changes;
        rows.sort_by_key(|row| std::cmp::Reverse((row.proposed, row.id.0)));
        Ok(ChangesPage {
            frame: frame(&cases, &caller, Some(Place::Changes)),
            changes: rows.iter().take(CHANGES_MAX).map(line).collect(),
        })
    })
    .await?;
    show(&page)
}

/// `GET /admin/changes/{id}`.
pub(super) async fn show_change(
    cases: web::Data<UseCases>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let page = blocking(move || page(&cases, &caller, &id, None)).await?;
    show(&page)
}

/// A form of somebody signed in.
#[derive(Deserialize)]
pub(super) struct Deciding {
    csrf: String,
}

/// `POST /admin/changes/{id}/approve`: by somebody who has just shown who they are, with a password
/// or at their provider.
pub(super) async fn approve(
    cases: web::Data<UseCases>,
    caller: Caller,
    id: web::Path<String>,
    form: web::Form<Deciding>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf(Some(&form.csrf))?;
    let (shown, again) = (id.clone(), (cases.clone(), caller.clone()));
    let approved = blocking(move || {
        let who = confirmed(&cases, &caller)?;
        let mut progress = |_| ControlFlow::Continue(());
        let id = request_id(&id)?;
        Ok(cases.governor.approve(&who, &caller.actor, id, &mut progress)?)
    })
    .await;
    match approved {
        Ok(row) => Ok(lead_to(&format!("/admin/changes/{}", row.id))),
        Err(problem) if problem.kind == Kind::Conflict => {
            let (cases, caller) = again;
            let why = Some(problem.detail);
            let page = blocking(move || page(&cases, &caller, &shown, why)).await?;
            show_as(StatusCode::CONFLICT, &page)
        }
        Err(problem) => Err(problem),
    }
}

/// `POST /admin/changes/{id}/reject`.
pub(super) async fn reject(
    cases: web::Data<UseCases>,
    caller: Caller,
    id: web::Path<String>,
    form: web::Form<Deciding>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf(Some(&form.csrf))?;
    let row = blocking(move || {
        let id = request_id(&id)?;
        Ok(cases.governor.reject(&caller.principal, &caller.actor, id)?)
    })
    .await?;
    Ok(lead_to(&format!("/admin/changes/{}", row.id)))
}

fn page(
    cases: &UseCases,
    caller: &Caller,
    id: &str,
    problem: Option<String>,
) -> Result<ChangePage, Problem> {
    let id = request_id(id)?;
    let changer = Changer::Person(&caller.principal);
    let listed = cases.governor.changes(changer)?;
    let row = listed.changes.iter().find(|row| row.id == id);
    let row = row.ok_or(GovernError::NotFound { what: "change" })?;
    let (mut trial, mut examples, mut diff) = (None, 0, Vec::new());
    if let Some(Proposal::ChangePolicies(change)) = &row.proposal {
        let names = allows(cases, caller, Action::ListDocuments).then(|| cases.governor.matters());
        trial = Some(trial_view(&change.trial, names.as_ref()));
        examples = change.examples;
        let proposed = cases.governor.policy_files(changer, &row.id.to_string())?;
        diff = DiffLine::of(&cases.governor.policies_in_force(changer)?.diff(&proposed));
    }
    let own = row.proposer == caller.principal.name;
    let keeps_them_away = match &row.proposal {
        Some(Proposal::LiftWall { person, .. }) => *person == caller.principal.name,
        Some(_) | None => false,
    };
    let approver = allows(cases, caller, Action::Approve);
    Ok(ChangePage {
        frame: frame(cases, caller, Some(Place::Changes)),
        change: line(row),
        trial,
        examples,
        diff,
        approves: approver && !own && !keeps_them_away,
        rejects: approver || own,
        is_confirmed: confirmed(cases, caller).is_ok(),
        problem,
    })
}

fn line(row: &ChangeRow) -> ChangeLine {
    let about = match &row.proposal {
        Some(Proposal::Erase { target }) => format!("Erase {target}"),
        Some(Proposal::ReleaseHold { target, .. }) => format!("End the hold on {target}"),
        Some(Proposal::GrantRights { account, rights }) => format!("Give {account} {rights}"),
        Some(Proposal::EnableAccount { account }) => format!("Let {account} in again"),
        Some(Proposal::LiftWall { person, kind, object, .. }) => {
            format!("End the {kind} {object} for {person}")
        }
        Some(Proposal::ChangePolicies(change)) => match change.version {
            Some(version) => format!("Go back to version {version} of the policies"),
            None => format!("Other policies ({})", change.sha256.short()),
        },
        None => format!("{} (what it named is erased)", row.kind.as_str()),
    };
    let state = match &row.state {
        ChangeState::Applied { by } => format!("in effect, approved by {by}"),
        ChangeState::Rejected { by: Some(by) } => format!("rejected by {by}"),
        ChangeState::Rejected { by: None } => {
            "rejected, as other policies came into force since".to_owned()
        }
        ChangeState::Proposed
        | ChangeState::Approving { .. }
        | ChangeState::Approved { .. }
        | ChangeState::Expired => row.state.as_str().to_owned(),
    };
    ChangeLine {
        id: row.id.to_string(),
        about,
        state,
        proposer: match row.proven {
            true => row.proposer.to_string(),
            false => format!("{} (named at the machine, without proof)", row.proposer),
        },
        proposed: Moment(row.proposed),
        expires: Moment(row.expires),
        reason: row.reason.as_str().to_owned(),
    }
}

fn request_id(text: &str) -> Result<RequestId, Problem> {
    text.parse().map_err(|_| GovernError::NotFound { what: "change" }.into())
}
