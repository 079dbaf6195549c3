//! `affiant relationships …`.

use serde_json::json;

use crate::audit::Actor;
use crate::cli::context::Context;
use crate::cli::reply::{Failure, Reply};
use crate::cli::standing_args::{RelationshipsCommand, WallArgs, WallCommand};
use crate::domain::principal::Principal;
use crate::domain::reason::Reason;
use crate::domain::relationship::{RelationshipKind, SourceName, end};
use crate::govern::{Changer, Closing, ImportReport, NewWall};
use crate::http::standing_body;

use super::changes;

pub(super) fn relationships(
    context: &mut Context<'_>,
    command: RelationshipsCommand,
) -> Result<Reply, Failure> {
    match command {
        RelationshipsCommand::Import { file, source, dry_run, as_user } => {
            let source = SourceName::try_from(source)?;
            let path = context.path(&file);
            let bytes = std::fs::read(&path)
                .map_err(|e| Failure::usage(format!("{}: {e}", path.display())))?;
            let (person, actor) = changer(context, as_user.as_deref())?;
            let governor = &context.app()?.governor;
            let report = governor.import_relationships(
                as_changer(person.as_ref()),
                &actor,
                &source,
                &bytes,
                dry_run,
            )?;
            let text = tell(&report);
            Ok(Reply::done(json!(report), text))
        }
        RelationshipsCommand::List { person, as_user } => {
            list(context, person.as_deref(), as_user.as_deref())
        }
        RelationshipsCommand::Wall(WallCommand::Add { wall, until, as_user }) => {
            let until = end(until.as_deref().unwrap_or_default())?;
            let reason = Reason::try_from(wall.reason.clone())?;
            let (kind, object) = kept_from(&wall)?;
            let wall = NewWall { person: wall.person.parse()?, kind, object, until };
            let (person, actor) = changer(context, as_user.as_deref())?;
            let governor = &context.app()?.governor;
            let set = governor.add_wall(as_changer(person.as_ref()), &actor, wall, &reason)?;
            let text = format!(
                "{} is kept away from {} from now on\n{}",
                set.person,
                set.relationship.object,
                tell_closing(&set.closing)
            );
            Ok(Reply::done(json!(set), text))
        }
        RelationshipsCommand::Wall(WallCommand::Remove { wall, as_user, credential }) => {
            let (kind, object) = kept_from(&wall)?;
            let name = wall.person.parse()?;
            changes::propose(context, &as_user, &credential, wall.reason, |governor, who| {
                Ok(governor.lifting(who, name, kind, object)?)
            })
        }
    }
}

fn list(
    context: &mut Context<'_>,
    person: Option<&str>,
    as_user: Option<&str>,
) -> Result<Reply, Failure> {
    let (who, _) = changer(context, as_user)?;
    let mut rows = context.app()?.governor.relationships(as_changer(who.as_ref()))?;
    rows.retain(|row| person.is_none_or(|person| row.person.as_str() == person));
    let shows_objects = who.is_some();
    let now = context.app()?.clock.now();
    let mut text = String::new();
    for row in &rows {
        for one in row.relationships() {
            let object = if shows_objects { one.object.as_str() } else { "–" };
            let state = if one.holds_at(now) { "holds" } else { "does not hold now" };
            let end = one.until.map_or_else(|| "–".to_owned(), |until| until.to_string());
            text.push_str(&format!(
                "{:<20} {:<10} {object}  until {end}  {state}  ({})\n",
                row.person.as_str(),
                one.kind.as_str(),
                one.source
            ));
        }
    }
    let rows: Vec<_> = rows.iter().map(|row| standing_body(row, now, shows_objects)).collect();
    Ok(Reply::done(json!({ "persons": rows }), text))
}

/// The person named by `--as`, or the operator.
fn changer(
    context: &mut Context<'_>,
    as_user: Option<&str>,
) -> Result<(Option<Principal>, Actor), Failure> {
    match as_user {
        Some(name) => {
            let asker = context.asker(name)?;
            Ok((Some(asker.principal), asker.actor))
        }
        None => Ok((None, context.operator()?)),
    }
}

fn as_changer(person: Option<&Principal>) -> Changer<'_> {
    person.map_or(Changer::Operator, Changer::Person)
}

fn kept_from(wall: &WallArgs) -> Result<(RelationshipKind, String), Failure> {
    match (&wall.matter, &wall.client, &wall.patient) {
        (Some(matter), None, None) => Ok((RelationshipKind::Wall, matter.clone())),
        (None, Some(client), None) => Ok((RelationshipKind::Conflict, client.clone())),
        (None, None, Some(patient)) => Ok((RelationshipKind::Barred, patient.clone())),
        _ => Err(Failure::usage("name one of --matter, --client and --patient")),
    }
}

fn tell_closing(closing: &Closing) -> String {
    let Closing { closes, warnings } = closing;
    let mut text =
        format!("closes {} access classes ({} documents)\n", closes.classes, closes.documents);
    for warning in warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    text
}

fn tell(report: &ImportReport) -> String {
    let would = if report.dry_run { "would be " } else { "" };
    let mut text = format!(
        "{}: {} {would}added, {} {would}removed, {} unchanged\n",
        report.source, report.added, report.removed, report.unchanged
    );
    if report.kept > 0 {
        text.push_str(&format!(
            "{} walls are no longer given and stay; two persons lift one: `affiant relationships wall remove`\n",
            report.kept
        ));
    }
    if report.closing != Closing::default() {
        text.push_str("walls: ");
        text.push_str(&tell_closing(&report.closing));
    }
    for change in &report.persons {
        text.push_str(&format!(
            "{:<20} +{} −{}",
            change.person.as_str(),
            change.added,
            change.removed
        ));
        if let (Some(gained), Some(lost)) = (change.gained, change.lost) {
            text.push_str(&format!(
                "  would gain {} classes ({} documents), lose {} ({})",
                gained.classes, gained.documents, lost.classes, lost.documents
            ));
        }
        text.push('\n');
    }
    for person in &report.unknown_persons {
        text.push_str(&format!("{person}: has no account yet; theirs count once there is one\n"));
    }
    text
}
