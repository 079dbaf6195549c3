//! `affiant policy …`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::app::Home;
use crate::audit::Actor;
use crate::cli::context::Context;
use crate::cli::doors::COMMANDS;
use crate::cli::policy_args::{ExplainArgs, PolicyCommand, ProposerArgs, ReadingAction};
use crate::cli::reply::{Failure, Reply, exit};
use crate::domain::principal::Principal;
use crate::domain::question::Scope;
use crate::domain::reason::Reason;
use crate::durable::{self, Readers};
use crate::govern::{Changer, Compared, GovernError, Governor, Offer, Sighting};
use crate::http::{ROUTES, change_body, explanation_body, simulation_body, versions_body};
use crate::policy::{Action, Door, Explanation, Policies, PolicyProblem, PolicySource, door_table};
use crate::portal::PAGES;

/// Name of the signed statement beside the files of a version.
const STATEMENT: &str = "version.dsse.json";

pub(super) fn policy(context: &mut Context<'_>, command: PolicyCommand) -> Result<Reply, Failure> {
    let folder = |dir: Option<PathBuf>| match dir {
        Some(dir) => context.path(&dir),
        None => Home::at(&context.options.home).policies(),
    };
    match command {
        PolicyCommand::Check { dir } => Ok(check(&folder(dir))),
        PolicyCommand::Test { dir } => Ok(test(&folder(dir))),
        PolicyCommand::Propose { dir, proposer } => {
            let candidate = Policies::load(&context.path(&dir));
            propose(context, proposer, |_| Ok(Offer { candidate, version: None }))
        }
        PolicyCommand::Rollback { version, proposer } => {
            propose(context, proposer, |governor| governor.version_again(&version))
        }
        PolicyCommand::Simulate { candidate, last, as_user } => {
            simulate(context, &candidate, last, as_user.as_deref())
        }
        PolicyCommand::Explain(args) => explain(context, args),
        PolicyCommand::Versions { as_user } => versions(context, as_user.as_deref()),
        PolicyCommand::Show { version, out, as_user } => {
            show(context, &version, &out, as_user.as_deref())
        }
        PolicyCommand::Diff { from, to, as_user } => {
            diff(context, &from, to.as_deref(), as_user.as_deref())
        }
        PolicyCommand::Matrix { dir } => Ok(matrix(&folder(dir))),
    }
}

fn check(dir: &Path) -> Reply {
    match Policies::load(dir) {
        Ok(policies) => {
            let digest = policies.digest();
            let warnings = policies.warnings();
            let mut text = format!("ok: {} files, {digest}", policies.files().len());
            for PolicyProblem { file, detail } in &warnings {
                text.push_str(&format!("\nwarning: {file}: {detail}"));
            }
            let value =
                json!({ "ok": true, "sha256": digest, "problems": [], "warnings": warnings });
            Reply::done(value, text)
        }
        Err(problems) => faults(&problems),
    }
}

/// The doors of the appliance, by where they are.
const DOORS: [(&str, &[Door]); 3] = [("API", ROUTES), ("Pages", PAGES), ("Commands", COMMANDS)];

fn matrix(dir: &Path) -> Reply {
    let policies = match Policies::load(dir) {
        Ok(policies) => policies,
        Err(problems) => return faults(&problems),
    };
    let mut value = json!({ "sha256": policies.digest() });
    let mut text = String::new();
    for (place, doors) in DOORS {
        let opened = policies.opens(doors);
        text.push_str(&format!("## {place}\n\n{}\n", door_table(&opened)));
        if let Some(object) = value.as_object_mut() {
            object.insert(place.to_lowercase(), json!(opened));
        }
    }
    Reply::done(value, text)
}

/// Every problem at once, one a line.
fn faults(problems: &[PolicyProblem]) -> Reply {
    let lines: String = problems.iter().map(|p| format!("{}: {}\n", p.file, p.detail)).collect();
    let problems: Vec<Value> = problems
        .iter()
        .map(|problem| json!({ "file": problem.file, "detail": problem.detail }))
        .collect();
    Reply::done(json!({ "ok": false, "problems": problems }), lines).with_exit(exit::CHECK_FAILED)
}

fn test(dir: &Path) -> Reply {
    let results = Policies::run_examples(dir);
    let failed = results.iter().filter(|result| !result.ok).count();
    let mut text = String::new();
    for result in results.iter().filter(|result| !result.ok) {
        text.push_str(&format!("{}: {}: {}\n", result.file, result.name, result.detail));
    }
    text.push_str(&format!("{} examples, {failed} failed\n", results.len()));
    let problems: Vec<Value> = results
        .iter()
        .filter(|result| !result.ok)
        .map(|r| json!({ "file": r.file, "example": r.name, "detail": r.detail }))
        .collect();
    let ok = failed == 0 && !results.is_empty();
    let value = json!({ "ok": ok, "examples": results.len(), "problems": problems });
    Reply::done(value, text).with_exit(if ok { exit::DONE } else { exit::CHECK_FAILED })
}

fn propose(
    context: &mut Context<'_>,
    proposer: ProposerArgs,
    offer: impl FnOnce(&Governor) -> Result<Offer, GovernError>,
) -> Result<Reply, Failure> {
    let reason = Reason::try_from(proposer.reason)?;
    // Somebody else approves it, with proof: a name is enough to propose, and the change says so.
    let proven = proposer.credential.is_there();
    let (who, actor) = if proven {
        let (who, actor) = context.confirmed(&proposer.as_user, &proposer.credential)?;
        (who.principal().clone(), actor)
    } else {
        let asker = context.asker(&proposer.as_user)?;
        (asker.principal, asker.actor)
    };
    let engine = context.engine()?;
    let governor = &context.app()?.governor;
    let offer = offer(governor)?;
    match governor.propose_policies((&who, proven), &actor, offer, &engine.answerer, reason) {
        Ok(row) => {
            let mut value = change_body(&row, true);
            if let Some(object) = value.as_object_mut() {
                object.insert("ok".to_owned(), json!(true));
                object.insert("problems".to_owned(), json!([]));
            }
            let text = format!(
                "proposed: {id}\nsomebody else reads it with `affiant policy diff {id}` and \
                 approves it with `affiant changes approve {id} --as USER`, until {expires}",
                id = row.id,
                expires = row.expires
            );
            Ok(Reply::done(value, text))
        }
        Err(GovernError::Faulty { problems }) => Ok(faults(&problems)),
        Err(error) => Err(error.into()),
    }
}

fn simulate(
    context: &mut Context<'_>,
    candidate: &Path,
    last: usize,
    as_user: Option<&str>,
) -> Result<Reply, Failure> {
    let candidate = Policies::load(&context.path(candidate));
    let (person, actor) = asking(context, as_user)?;
    let engine = context.engine()?;
    let governor = &context.app()?.governor;
    let answerer = &engine.answerer;
    let changer = changer(person.as_ref());
    match governor.simulate(changer, &actor, candidate, answerer, last) {
        Ok(simulation) => {
            let trial = simulation.simulated.trial();
            let mut text = String::new();
            let value = simulation_body(&simulation);
            for change in value.pointer("/changes").and_then(Value::as_array).into_iter().flatten()
            {
                let field = |name: &str| change.get(name).map(plain).unwrap_or_default();
                text.push_str(&format!(
                    "entry {:>6}  {:<6}  {}  {}  ({} before, {} after)\n",
                    field("entry"),
                    field("newly"),
                    field("person"),
                    field("document"),
                    field("before"),
                    field("after"),
                ));
            }
            text.push_str(&format!(
                "{} questions run again for people and documents as they stand now: {} would \
                 differ, {} documents newly seen ({} that could not be seen), {} newly hidden ({} \
                 that may not be seen); {} erased, {} of nobody who has an account\n",
                trial.queries,
                trial.changed,
                trial.seen,
                trial.opened,
                trial.hidden,
                trial.closed,
                trial.erased,
                trial.orphaned
            ));
            Ok(Reply::done(value, text))
        }
        Err(GovernError::Faulty { problems }) => Ok(faults(&problems)),
        Err(error) => Err(error.into()),
    }
}

fn explain(context: &mut Context<'_>, args: ExplainArgs) -> Result<Reply, Failure> {
    let document = args.document.parse().map_err(|_| GovernError::NotFound { what: "document" })?;
    let action = match args.action {
        ReadingAction::Ask => Action::Ask,
        ReadingAction::Search => Action::Search,
        ReadingAction::View => Action::ViewPage,
    };
    let (purpose, matter, patient) = (args.purpose, args.matter, args.patient);
    let scope = Scope { purpose, matter, patient }.declared()?;
    let sighting = Sighting { person: args.as_user, document, action, scope };
    let (person, actor) = asking(context, args.by.as_deref())?;
    let governor = &context.app()?.governor;
    let explained = governor.explain(changer(person.as_ref()), &actor, &sighting)?;
    let mut text = explanation_text(&explained.explanation);
    match &explained.compared {
        Some(compared) => text.push_str(&compared_text(compared)),
        None => text.push_str("labels and attributes are shown to those alone who may know them: name one with --by\n"),
    }
    Ok(Reply::done(explanation_body(&explained), text))
}

fn compared_text(compared: &Compared) -> String {
    let labels = compared.labels.pairs();
    let labels = labels.iter().map(|(key, value)| format!("document  {key}={value}\n"));
    let attributes = compared.attributes.iter().flat_map(|(key, values)| {
        values.iter().map(move |value| format!("person    {key}={value}\n"))
    });
    labels.chain(attributes).collect()
}

fn explanation_text(explanation: &Explanation) -> String {
    let word = |allowed: bool| if allowed { "yes" } else { "no" };
    let mut text = format!("{}\n", word(explanation.allowed));
    for decision in &explanation.decisions {
        text.push_str(&format!("{:<10}{}", decision.about, word(decision.allowed)));
        if let Some(note) = decision.note {
            text.push_str(&format!(": {note}"));
        }
        text.push('\n');
        for policy in &decision.policies {
            let reason = policy.reason.as_ref().map(|reason| format!(" ({reason})"));
            let reason = reason.unwrap_or_default();
            text.push_str(&format!(
                "          {} {} in {}{reason}\n",
                policy.effect, policy.id, policy.file
            ));
        }
    }
    text
}

fn versions(context: &mut Context<'_>, as_user: Option<&str>) -> Result<Reply, Failure> {
    let (person, _) = asking(context, as_user)?;
    let rows = context.app()?.governor.versions(changer(person.as_ref()))?;
    let text: String = (1..)
        .zip(&rows)
        .map(|(number, row)| {
            format!("{number:>4}  {}  {}  {}\n", row.activated, row.sha256, row.set)
        })
        .collect();
    Ok(Reply::done(versions_body(&rows), text))
}

fn show(
    context: &mut Context<'_>,
    version: &str,
    out: &Path,
    as_user: Option<&str>,
) -> Result<Reply, Failure> {
    let out = context.path(out);
    let reader = context.reader(as_user)?;
    let app = context.app()?;
    let changer = changer(reader.person.as_ref());
    let source = app.governor.policy_files(changer, version)?;
    let (number, row) = app.governor.version(version)?;
    let statement = app.examiner.policy_version(&reader, (number, &row))?;
    durable::create_dir_all(&out)?;
    let files = source.files().map(|(name, text)| (name, text.as_bytes()));
    let mut names = Vec::new();
    for (name, bytes) in files.chain([(STATEMENT, statement.as_slice())]) {
        durable::create_new(&out.join(name), bytes, Readers::Owner)?;
        names.push(name);
    }
    let text = format!("{} files in {}", names.len(), out.display());
    Ok(Reply::done(json!({ "out": out, "files": names }), text))
}

fn diff(
    context: &mut Context<'_>,
    from: &str,
    to: Option<&str>,
    as_user: Option<&str>,
) -> Result<Reply, Failure> {
    let (person, _) = asking(context, as_user)?;
    let folders = [Some(from), to].map(|named| named.map(|named| context.path(Path::new(named))));
    let governor = &context.app()?.governor;
    let changer = changer(person.as_ref());
    let side = |named: Option<&str>, folder: Option<&PathBuf>| -> Result<PolicySource, Failure> {
        match (named, folder.filter(|folder| folder.is_dir())) {
            (_, Some(folder)) => match Policies::load(folder) {
                Ok(policies) => Ok(policies.source()),
                Err(problems) => Err(GovernError::Faulty { problems }.into()),
            },
            (Some(named), None) => Ok(governor.policy_files(changer, named)?),
            (None, None) => Ok(governor.policies_in_force(changer)?),
        }
    };
    let [first, second] = &folders;
    let diff = match to {
        Some(_) => side(Some(from), first.as_ref())?.diff(&side(to, second.as_ref())?),
        // What would change: from what is in force to what is named.
        None => side(None, None)?.diff(&side(Some(from), first.as_ref())?),
    };
    let text = if diff.is_empty() { "nothing differs".to_owned() } else { diff.clone() };
    Ok(Reply::done(json!({ "diff": diff }), text))
}

/// The person named, or the operator.
fn asking(
    context: &mut Context<'_>,
    name: Option<&str>,
) -> Result<(Option<Principal>, Actor), Failure> {
    let reader = context.reader(name)?;
    Ok((reader.person, reader.actor))
}

fn changer(person: Option<&Principal>) -> Changer<'_> {
    person.map_or(Changer::Operator, Changer::Person)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
