//! `affiant changes …`, and proposing a change.

use std::ops::ControlFlow;

use serde_json::{Value, json};

use crate::cli::context::{Context, unproven};
use crate::cli::duty_args::{ChangesCommand, CredentialArgs};
use crate::cli::reply::{Failure, Reply};
use crate::domain::change::{ChangeKind, Proposal};
use crate::domain::ids::RequestId;
use crate::domain::principal::Principal;
use crate::domain::reason::Reason;
use crate::govern::{Changer, ErasureStep, GovernError, Governor, Listed, SeenChange};
use crate::http::change_body;
use crate::identity::SignInError;
use crate::store::ChangeRow;

pub(super) fn changes(
    context: &mut Context<'_>,
    command: ChangesCommand,
) -> Result<Reply, Failure> {
    match command {
        ChangesCommand::List { as_user } => {
            let listed = listed(context, as_user.as_deref())?;
            let all = &listed.changes;
            let values: Vec<Value> =
                all.iter().map(|seen| change_body(&seen.row, seen.shows_contents)).collect();
            let text: String = all.iter().map(line).collect();
            Ok(Reply::done(json!({ "changes": values }), text))
        }
        ChangesCommand::Show { id, as_user } => {
            let id = request(&id)?;
            let listed = listed(context, as_user.as_deref())?;
            let seen = listed.find(id)?;
            let value = change_body(&seen.row, seen.shows_contents);
            let text = format!("{value:#}");
            Ok(Reply::done(value, text))
        }
        ChangesCommand::Approve { id, as_user, credential } => {
            approve(context, &id, &as_user, &credential)
        }
        ChangesCommand::Reject { id, as_user, credential } => {
            let id = request(&id)?;
            let asker = context.asker(&as_user)?;
            let proof = match credential.is_there() {
                true => Ok(context.confirmed(&as_user, &credential)?.0),
                false => Err(SignInError::ConfirmFirst),
            };
            let governor = &context.app()?.governor;
            match governor.reject(&asker.principal, proof, &asker.actor, id) {
                Ok(row) => Ok(decided(&row)),
                Err(GovernError::SignIn(_)) if !credential.is_there() => Err(unproven(&as_user)),
                Err(error) => Err(error.into()),
            }
        }
    }
}

fn approve(
    context: &mut Context<'_>,
    id: &str,
    name: &str,
    credential: &CredentialArgs,
) -> Result<Reply, Failure> {
    let id = request(id)?;
    let (who, actor) = context.confirmed(name, credential)?;
    let waiting = context.app()?.governor.changes(Changer::Operator)?.changes;
    let in_indexes = |kind| matches!(kind, ChangeKind::Erase | ChangeKind::Relabel);
    if waiting.iter().any(|seen| seen.row.id == id && in_indexes(seen.row.kind)) {
        context.engine()?;
    }
    let progress = context.progress;
    let mut tell = |step: ErasureStep| {
        progress.stage(step.as_str(), None);
        ControlFlow::Continue(())
    };
    let row = context.app()?.governor.approve(&who, &actor, id, &mut tell)?;
    Ok(decided(&row))
}

/// Proposes a change as a person who proves who they are.
pub(super) fn propose(
    context: &mut Context<'_>,
    name: &str,
    credential: &CredentialArgs,
    reason: String,
    proposal: impl FnOnce(&Governor, &Principal) -> Result<Proposal, Failure>,
) -> Result<Reply, Failure> {
    let reason = Reason::try_from(reason)?;
    let (who, actor) = context.confirmed(name, credential)?;
    let governor = &context.app()?.governor;
    let proposal = proposal(governor, who.principal())?;
    let row = governor.propose(&who, &actor, proposal, reason)?;
    let text = format!(
        "proposed: {}\nsomebody else approves it with `affiant changes approve {} --as USER`, until {}",
        row.id, row.id, row.expires
    );
    Ok(Reply::done(change_body(&row, true), text))
}

fn listed(context: &mut Context<'_>, as_user: Option<&str>) -> Result<Listed, Failure> {
    match as_user {
        Some(name) => {
            let asker = context.asker(name)?;
            Ok(context.app()?.governor.changes(Changer::Person(&asker.principal))?)
        }
        None => Ok(context.app()?.governor.changes(Changer::Operator)?),
    }
}

/// The id of a change or hold as it stands in a command.
pub(super) fn request(text: &str) -> Result<RequestId, Failure> {
    text.parse().map_err(|_| Failure::usage(format!("{text:?} is no id of a change or hold")))
}

fn decided(row: &ChangeRow) -> Reply {
    Reply::done(change_body(row, false), format!("{} is {}", row.id, row.state.as_str()))
}

fn line(seen: &SeenChange) -> String {
    let row = &seen.row;
    let about = match row.proposal.as_ref().filter(|_| seen.shows_contents) {
        Some(Proposal::Erase { target } | Proposal::ReleaseHold { target, .. }) => {
            target.to_string()
        }
        Some(Proposal::GrantRights { account, rights }) => format!("{rights} to {account}"),
        Some(Proposal::EnableAccount { account }) => account.to_string(),
        Some(Proposal::ChangePolicies(change)) => format!(
            "{} ({} questions tried: {} documents newly seen, {} newly hidden)",
            change.sha256, change.trial.queries, change.trial.seen, change.trial.hidden
        ),
        Some(Proposal::LiftWall { person, kind, object, .. }) => {
            format!("{kind} {object} for {person}")
        }
        Some(Proposal::Relabel(other)) => {
            format!("{}: {} to {}", other.document.0.short(), other.from, other.to)
        }
        None => format!("{} {}", row.scope.as_str(), row.subject),
    };
    let (kind, state) = (row.kind.as_str(), row.state.as_str());
    format!("{}  {kind:<12} {state:<9} {} by {}  {about}\n", row.id, row.proposed, row.proposer)
}
