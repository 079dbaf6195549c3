//! `affiant hold …`, `affiant retention` and `affiant erase`.

use serde_json::{Value, json};

use crate::cli::context::Context;
use crate::cli::duty_args::{EraseArgs, HoldCommand, TargetArgs};
use crate::cli::reply::{Failure, Reply};
use crate::domain::change::{Proposal, Target};
use crate::domain::reason::Reason;
use crate::govern::{Changer, Kept};
use crate::http::hold_body;
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

pub(super) fn retention(context: &mut Context<'_>) -> Result<Reply, Failure> {
    let governor = &context.app()?.governor;
    let kept = governor.kept()?;
    let days = governor.retention.days();
    let mut text = String::new();
    for (classification, days) in days {
        text.push_str(&format!("{classification}: {days} days\n"));
    }
    for found in &kept {
        let until = found.until.map_or_else(|| "–".to_owned(), |until| until.to_string());
        text.push_str(&format!("{}  {until}\n", found.document.row.document));
    }
    let documents: Vec<Value> = kept.iter().map(document).collect();
    Ok(Reply::done(json!({ "minimum_days": days, "documents": documents }), text))
}

pub(super) fn erase(context: &mut Context<'_>, args: EraseArgs) -> Result<Reply, Failure> {
    let target = target_of(args.target)?;
    changes::propose(context, &args.as_user, &args.credential, args.reason, |_, _| {
        Ok(Proposal::Erase { target })
    })
}

fn target_of(args: TargetArgs) -> Result<Target, Failure> {
    match (args.document, args.matter, args.patient) {
        (Some(id), None, None) => Ok(Target::Document(id.parse()?)),
        (None, Some(name), None) => Ok(Target::Matter(name)),
        (None, None, Some(name)) => Ok(Target::Patient(name)),
        _ => Err(Failure::usage("name one of --document, --matter and --patient")),
    }
}

fn document(kept: &Kept) -> Value {
    json!({
        "id": kept.document.row.document,
        "classification": kept.document.card.labels.classification,
        "since": kept.since.to_string(),
        "until": kept.until.map(|until| until.to_string()),
        "deleted": kept.document.row.deleted.is_some(),
    })
}

fn line(row: &HoldRow, shows_contents: bool) -> String {
    let about = match shows_contents {
        true => row.target.to_string(),
        false => format!("{} {}", row.target.kind().as_str(), row.subject),
    };
    format!("{}  {} by {}  {about}\n", row.id, row.placed, row.placed_by)
}
