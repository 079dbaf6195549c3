//! `affiant emergency …`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::context::Context;
use crate::cli::reply::{Failure, Reply};
use crate::cli::standing_args::EmergencyCommand;
use crate::domain::principal::Subject;
use crate::domain::reason::Reason;
use crate::govern::{Changer, EmergencyReport};
use crate::http::{emergency_body, emergency_report_body};

use super::changes;

pub(super) fn emergency(
    context: &mut Context<'_>,
    command: EmergencyCommand,
) -> Result<Reply, Failure> {
    match command {
        EmergencyCommand::Open { patient, matter, reason, minutes, as_user, credential } => {
            let subject = match (patient, matter) {
                (Some(name), None) => Subject::Patient(name),
                (None, Some(name)) => Subject::Matter(name),
                _ => return Err(Failure::usage("name one of --patient and --matter")),
            };
            let reason = Reason::try_from(reason)?;
            let length = minutes.map(|minutes| Duration::from_secs(minutes.saturating_mul(60)));
            let (who, actor) = context.confirmed(&as_user, &credential)?;
            let governor = &context.app()?.governor;
            let row = governor.open_emergency(&who, &actor, subject, reason, length)?;
            let text = format!(
                "{}: open until {}; it is on record, others are told, and it will be reviewed",
                row.id, row.expires
            );
            Ok(Reply::done(emergency_body(&row, true), text))
        }
        EmergencyCommand::Close { id, as_user, credential } => {
            let id = changes::request(&id)?;
            let (who, actor) = if credential.token_file.is_some() || credential.password_stdin {
                let (who, actor) = context.confirmed(&as_user, &credential)?;
                (who.principal().clone(), actor)
            } else {
                // To end access needs no proof of who one is.
                let asker = context.asker(&as_user)?;
                (asker.principal, asker.actor)
            };
            let row = context.app()?.governor.close_emergency(&who, &actor, id)?;
            Ok(Reply::done(emergency_body(&row, true), format!("{id} is closed")))
        }
        EmergencyCommand::Review { id, outcome, note, as_user, credential } => {
            let id = changes::request(&id)?;
            let outcome = outcome.parse()?;
            let note = note.map(Reason::try_from).transpose()?;
            let (who, actor) = context.confirmed(&as_user, &credential)?;
            let governor = &context.app()?.governor;
            let row = governor.review_emergency(&who, &actor, id, outcome, note)?;
            Ok(Reply::done(emergency_body(&row, true), format!("{id} is reviewed: {outcome}")))
        }
        EmergencyCommand::List { as_user, overdue } => {
            let (mut reports, shows_contents) = match &as_user {
                Some(name) => {
                    let asker = context.asker(name)?;
                    let who = Changer::Person(&asker.principal);
                    (context.app()?.governor.emergencies(who, &asker.actor)?, true)
                }
                None => {
                    let actor = context.operator()?;
                    (context.app()?.governor.emergencies(Changer::Operator, &actor)?, false)
                }
            };
            reports.retain(|report| !overdue || report.is_overdue);
            let text: String = reports.iter().map(|report| line(report, shows_contents)).collect();
            let values: Vec<Value> = reports
                .iter()
                .map(|report| emergency_report_body(report, shows_contents))
                .collect();
            Ok(Reply::done(json!({ "emergencies": values }), text))
        }
    }
}

fn line(report: &EmergencyReport, shows_contents: bool) -> String {
    let row = &report.row;
    let about = match row.subject.as_ref().filter(|_| shows_contents) {
        Some(subject) => subject.to_string(),
        None => row.token.to_string(),
    };
    let mut state = match &row.review {
        Some(review) => format!("{} by {}", review.outcome, review.by),
        None => "not reviewed".to_owned(),
    };
    if report.is_open {
        state = format!("open until {}", row.expires);
    } else if report.is_overdue {
        state.push_str(&format!(", review overdue since {}", report.review_due));
    } else if !row.is_settled() {
        state.push_str(&format!(", to be reviewed by {}", report.review_due));
    }
    if report.repeats > 0 {
        state.push_str(&format!(", opened again after {} not found justified", report.repeats));
    }
    let (queries, documents) = (report.queries.len(), report.documents.len());
    format!(
        "{}  {} by {}  {about}  {state}  {queries} questions, {documents} documents\n",
        row.id, row.opened, row.person
    )
}
