//! `affiant hold …`, `affiant retention` and `affiant erase`.

use serde_json::{Value, json};

use crate::cli::context::Context;
use crate::cli::duty_args::{EraseArgs, HoldCommand, TargetArgs};
use crate::cli::reply::{Failure, Reply};
use crate::domain::change::{Proposal, Target};
use crate::domain::clock::Timestamp;
use crate::domain::reason::Reason;
use crate::govern::Changer;
use crate::http::{hold_body, retention_body};
use crate::store::HoldRow;

use super::changes;

pub(super) fn hold(context: &mut Context<'_>, command: HoldCommand) -> Result<Reply, Failure> {
    match command {
        HoldCommand::Add { target, as_user, reason } => {
            let (target, reason) = (target_of(target)?, Reason::try_from(reason)?);
            let asker = context.asker(&as_user)?;
            let governor = &context.app()?.governor;
            let row = governor.hold(&asker.principal, &asker.actor, target, reason)?;
            let text = format!("{}: the hold is placed", row.id);
            Ok(Reply::done(hold_body(&row, true), text))
        }
        HoldCommand::Release { id, as_user, reason, credential } => {
            let id = changes::request(&id)?;
            changes::propose(context, &as_user, &credential, reason, |governor, who| {
                Ok(governor.release(who, id)?)
            })
        }
        HoldCommand::List { as_user } => {
            let rows = match &as_user {
                Some(name) => {
                    let asker = context.asker(name)?;
                    context.app()?.governor.holds(Changer::Person(&asker.principal))?
                }
                None => context.app()?.governor.holds(Changer::Operator)?,
            };
            let shown = as_user.is_some();
            let values: Vec<Value> = rows.iter().map(|row| hold_body(row, shown)).collect();
            let text: String = rows.iter().map(|row| line(row, shown)).collect();
            Ok(Reply::done(json!({ "holds": values }), text))
        }
    }
}

pub(super) fn retention(
    context: &mut Context<'_>,
    as_user: Option<&str>,
) -> Result<Reply, Failure> {
    let by = context.by(as_user)?;
    let app = context.app()?;
    let (kept, now) = (app.governor.kept_for(by.changer())?, app.clock.now());
    let classes = app.governor.retention.classes();
    let mut text = String::new();
    for class in classes {
        let maximum = class.maximum_days.map_or_else(|| "–".to_owned(), |days| days.to_string());
        text.push_str(&format!(
            "{}: at least {} days, at most {maximum}\n",
            class.name, class.minimum_days
        ));
    }
    for found in &kept {
        let time = |time: Option<Timestamp>| time.map_or_else(|| "–".to_owned(), |t| t.to_string());
        let state = match found.is_due(now) {
            true if found.held.is_some() => "due, but held",
            true => "due",
            false => "",
        };
        text.push_str(&format!(
            "{}  {}  {}  {state}\n",
            found.document.row.document,
            time(found.until),
            time(found.due)
        ));
    }
    Ok(Reply::done(retention_body(classes, &kept, now), text))
}

pub(super) fn erase(context: &mut Context<'_>, args: EraseArgs) -> Result<Reply, Failure> {
    let target = target_of(args.target)?;
    changes::propose(context, &args.as_user, &args.credential, args.reason, |_, _| {
        Ok(Proposal::Erase { target })
    })
}

fn target_of(args: TargetArgs) -> Result<Target, Failure> {
    match (args.document, args.matter, args.patient, args.custodian) {
        (Some(id), None, None, None) => Ok(Target::Document(id.parse()?)),
        (None, Some(name), None, None) => Ok(Target::Matter(name)),
        (None, None, Some(name), None) => Ok(Target::Patient(name)),
        (None, None, None, Some(name)) => Ok(Target::Person(name.parse()?)),
        _ => Err(Failure::usage("name one thing alone")),
    }
}

fn line(row: &HoldRow, shows_contents: bool) -> String {
    let about = match shows_contents {
        true => row.target.to_string(),
        false => format!("{} {}", row.target.kind().as_str(), row.subject),
    };
    format!("{}  {} by {}  {about}\n", row.id, row.placed, row.placed_by)
}
