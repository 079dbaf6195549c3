//! `affiant policy …`.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::app::Home;
use crate::cli::args::PolicyCommand;
use crate::cli::context::Context;
use crate::cli::doors::COMMANDS;
use crate::cli::reply::{Failure, Reply, exit};
use crate::http::ROUTES;
use crate::policy::{Door, Policies, PolicyProblem, door_table};
use crate::portal::PAGES;

pub(super) fn policy(context: &Context<'_>, command: &PolicyCommand) -> Result<Reply, Failure> {
    let folder = |dir: &Option<PathBuf>| match dir {
        Some(dir) => context.path(dir),
        None => Home::at(&context.options.home).policies(),
    };
    match command {
        PolicyCommand::Check { dir } => Ok(check(&folder(dir))),
        PolicyCommand::Test { dir } => Ok(test(&folder(dir))),
        PolicyCommand::Matrix { dir } => Ok(matrix(&folder(dir))),
    }
}

fn check(dir: &std::path::Path) -> Reply {
    match Policies::load(dir) {
        Ok(policies) => {
            let digest = policies.digest();
            let value = json!({ "ok": true, "sha256": digest, "problems": [] });
            Reply::done(value, format!("ok: {} files, {digest}", policies.files().len()))
        }
        Err(problems) => refused(&problems),
    }
}

fn refused(problems: &[PolicyProblem]) -> Reply {
    let lines: String = problems.iter().map(|p| format!("{}: {}\n", p.file, p.detail)).collect();
    let problems: Vec<Value> = problems
        .iter()
        .map(|problem| json!({ "file": problem.file, "detail": problem.detail }))
        .collect();
    Reply::done(json!({ "ok": false, "problems": problems }), lines).with_exit(exit::CHECK_FAILED)
}

/// The doors of the appliance, by where they are.
const DOORS: [(&str, &[Door]); 3] = [("API", ROUTES), ("Pages", PAGES), ("Commands", COMMANDS)];

fn matrix(dir: &std::path::Path) -> Reply {
    let policies = match Policies::load(dir) {
        Ok(policies) => policies,
        Err(problems) => return refused(&problems),
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

fn test(dir: &std::path::Path) -> Reply {
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
