//! `affiant hold …`, `affiant retention` and `affiant erase`.

use serde_json::{Value, json};

use crate::cli::context::Context;
use crate::cli::duty_args::{EraseArgs, HoldCommand, HoldTargetArgs, TargetArgs};
use crate::cli::reply::{Failure, Reply};
use crate::domain::change::{Proposal, Target};
use crate::domain::clock::Timestamp;
use crate::domain::reason::Reason;
use crate::govern::{Changer, Kept, RetentionClass};
use crate::http::hold_body;
use crate::store::HoldRow;

use super::changes;

pub(super) fn hold(context: &mut Context<'_>, command: HoldCommand) -> Result<Reply, Failure> {
    match command {
        HoldCommand::Add { target, as_user, reason } => {
            let (target, reason) = (held(target)?, Reason::try_from(reason)?);
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
    let app = context.app()?;
    let (kept, now) = (app.governor.kept()?, app.clock.now());
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
    let documents: Vec<Value> = kept.iter().map(|kept| document(kept, now)).collect();
    let due: Vec<&Value> =
        documents.iter().filter(|document| document.get("is_due") == Some(&json!(true))).collect();
    let classes: Vec<Value> = classes.iter().map(class).collect();
    Ok(Reply::done(json!({ "classes": classes, "due": due, "documents": documents }), text))
}

fn class(class: &RetentionClass) -> Value {
    json!({
        "name": class.name,
        "labels": class.labels.pairs(),
        "minimum_days": class.minimum_days,
        "maximum_days": class.maximum_days,
        "automatic": class.automatic,
    })
}

pub(super) fn erase(context: &mut Context<'_>, args: EraseArgs) -> Result<Reply, Failure> {
    let target = target_of(args.target)?;
    changes::propose(context, &args.as_user, &args.credential, args.reason, |_, _| {
        Ok(Proposal::Erase { target })
    })
}

fn target_of(args: TargetArgs) -> Result<Target, Failure> {
    match (args.document, args.matter, args.patient, args.person) {
        (Some(id), None, None, None) => Ok(Target::Document(id.parse()?)),
        (None, Some(name), None, None) => Ok(Target::Matter(name)),
        (None, None, Some(name), None) => Ok(Target::Patient(name)),
        (None, None, None, Some(name)) => Ok(Target::Custodian(name.parse()?)),
        _ => Err(Failure::usage("name one thing alone")),
    }
}

fn held(args: HoldTargetArgs) -> Result<Target, Failure> {
    let HoldTargetArgs { document, matter, patient, custodian } = args;
    target_of(TargetArgs { document, matter, patient, person: custodian })
}

fn document(kept: &Kept, now: Timestamp) -> Value {
    json!({
        "id": kept.document.row.document,
        "classification": kept.document.card.labels.classification,
        "class": kept.class.as_ref().map(|class| &class.name),
        "since": kept.since.to_string(),
        "until": kept.until.map(|until| until.to_string()),
        "due": kept.due.map(|due| due.to_string()),
        "is_due": kept.is_due(now),
        "held": kept.held,
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
