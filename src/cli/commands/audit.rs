//! `affiant audit …`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{proofs, reports, timestamp, witness};
use crate::audit::{
    self, Entry, LogPaths, PastLogs, Problem, Report, TlogPolicy, Trust, VerifyOptions, inventory,
    problem_kinds, verify_past,
};
use crate::cli::audit_args::{AuditCommand, ExportArgs, FilterArgs, VerifyArgs};
use crate::cli::context::Context;
use crate::cli::duty_args::CredentialArgs;
use crate::cli::reply::{Failure, Reply, exit};
use crate::domain::clock::Timestamp;
use crate::domain::ids::EntryIndex;
use crate::domain::reason::Reason;
use crate::durable::{self, Readers};
use crate::examine::bundle::{self, Known, is_bundle};
use crate::examine::{
    self, Committed, Contents, ExportRequest, Filter, Opening, Reader, check_contents,
};

pub(super) fn audit(context: &mut Context<'_>, command: AuditCommand) -> Result<Reply, Failure> {
    match command {
        AuditCommand::Verify(VerifyArgs { log, vkey, policy, since, log_only }) => {
            let claims = Claims {
                vkey: vkey.map(|path| context.path(&path)),
                policy: policy.map(|path| read_policy(&context.path(&path))).transpose()?,
                since: since.map(|path| read_checkpoint(&context.path(&path))).transpose()?,
            };
            match log {
                Some(path) if is_bundle(&context.path(&path)) => {
                    verify_bundle(&context.path(&path), &claims)
                }
                Some(log) => {
                    let report = verify_folder(&context.path(&log), claims, PastLogs::default())?;
                    Ok(reported(&report, None))
                }
                None => verify_home(context, claims, log_only),
            }
        }
        AuditCommand::List { filter, limit, as_user } => {
            let reader = context.reader(as_user.as_deref())?;
            let filter = filter_of(context, filter)?;
            let entries = context.app()?.examiner.list(&reader, &filter, limit)?;
            let text: String = entries.iter().map(line).collect();
            let values: Vec<Value> = entries.iter().map(value).collect();
            Ok(Reply::done(json!({ "entries": values }), text))
        }
        AuditCommand::Show {
            index,
            as_user: Some(name),
            reveal: true,
            reason: Some(reason),
            credential,
        } => reveal(context, EntryIndex(index), &name, reason, &credential),
        AuditCommand::Show { index, as_user, .. } => {
            let reader = context.reader(as_user.as_deref())?;
            let entry = context.app()?.examiner.show(&reader, EntryIndex(index))?;
            Ok(Reply::done(value(&entry), format!("{:#}", value(&entry))))
        }
        AuditCommand::Proof(args) => proofs::proof(context, &args),
        AuditCommand::CheckProof(args) => proofs::check(context, &args),
        AuditCommand::Export(args) => export(context, args),
        AuditCommand::Timestamp { request: Some(out), as_user, .. } => {
            timestamp::request(context, &out, as_user.as_deref())
        }
        AuditCommand::Timestamp { reply: Some(reply), ca, as_user, .. } => {
            timestamp::reply(context, &reply, ca.as_deref(), as_user.as_deref())
        }
        AuditCommand::Timestamp { request: None, reply: None, .. } => {
            Err(Failure::usage("name a file with --request or --reply"))
        }
        AuditCommand::Witness(args) => witness::serve(context, &args),
        AuditCommand::Wall(args) => reports::wall(context, args),
        AuditCommand::Disclosures(args) => reports::disclosures(context, args),
        AuditCommand::Replay { index, as_user, reason, credential, .. } => {
            replay(context, index, as_user.as_deref(), reason, &credential)
        }
        AuditCommand::Key { command, as_user } => {
            super::keys::key(context, command, as_user.as_deref())
        }
        AuditCommand::Inventory => {
            let kinds = audit::PROBLEM_KINDS.iter().chain(examine::PROBLEM_KINDS);
            let (table, problems) = (inventory(), problem_kinds(kinds));
            let text = format!("{table}\n{problems}");
            Ok(Reply::done(json!({ "table": table, "problems": problems }), text))
        }
    }
}

/// The contents behind an entry, once it is on record who opens them, and why.
fn reveal(
    context: &mut Context<'_>,
    at: EntryIndex,
    name: &str,
    reason: String,
    credential: &CredentialArgs,
) -> Result<Reply, Failure> {
    let reason = Reason::try_from(reason)?;
    let (who, actor) = context.confirmed(name, credential)?;
    let revealed = context.app()?.examiner.reveal(&who, &actor, at, &reason)?;
    let mut shown = value(&revealed.entry);
    if let Some(object) = shown.as_object_mut() {
        object.insert("state".to_owned(), json!(revealed.state.as_str()));
        object.insert("contents".to_owned(), json!(revealed.contents));
        object.insert("committed".to_owned(), json!(revealed.committed));
        object.insert("recorded".to_owned(), json!(revealed.receipt().index()));
    }
    let mut text = match &revealed.contents {
        Some(contents) => format!("{contents:#}\n"),
        None => format!("the contents are {}\n", revealed.state.as_str()),
    };
    if let Some(Committed { salt, .. }) = &revealed.committed {
        text.push_str(&format!(
            "\nThe entry commits to this: its payload's `commit` is HMAC-SHA256 with the key\n{salt}\n\
             over the exact bytes, which --json gives in base64 (`committed`).\n"
        ));
    }
    Ok(Reply::done(shown, text))
}

fn export(context: &mut Context<'_>, args: ExportArgs) -> Result<Reply, Failure> {
    let read = |path: Option<PathBuf>| path.map(|path| note(&context.path(&path))).transpose();
    let request = ExportRequest {
        format: args.format.parse()?,
        filter: filter_of(context, args.filter)?,
        purpose: args.purpose,
        recipient: args.recipient,
        epoch: args.epoch,
        checkpoint: read(args.checkpoint)?,
        since: read(args.since_checkpoint)?,
    };
    let reader = context.reader(args.as_user.as_deref())?;
    let out = context.path(&args.out);
    let exported = context.app()?.examiner.export(&reader, &request)?;
    durable::replace_from(&out, &exported.file, Readers::Owner)?;
    let value = json!({
        "path": out, "entries": exported.entries, "sha256": exported.sha256,
    });
    let text = format!(
        "wrote {} entries to {} (sha256 {})",
        exported.entries,
        out.display(),
        exported.sha256
    );
    Ok(Reply::done(value, text))
}

/// Runs a past answer again; with a reason, the person shows a credential and sees the words.
fn replay(
    context: &mut Context<'_>,
    index: u64,
    as_user: Option<&str>,
    reason: Option<String>,
    credential: &CredentialArgs,
) -> Result<Reply, Failure> {
    let (reader, opened) = match (as_user, reason) {
        (Some(name), Some(reason)) => {
            let (who, actor) = context.confirmed(name, credential)?;
            let person = Some(who.principal().clone());
            (Reader { actor, person }, Some((who, Reason::try_from(reason)?)))
        }
        (as_user, _) => (context.reader(as_user)?, None),
    };
    let opening = opened.as_ref().map(|(who, reason)| Opening { who, reason });
    let engine = context.engine()?;
    let app = context.app()?;
    let accounts = &app.governor.accounts;
    let at = EntryIndex(index);
    let replay = app.examiner.replay(&engine.answerer, accounts, &reader, at, opening)?;
    let mut text = match (replay.same, replay.same_text) {
        (true, _) => format!("same: entry {} replays as it was recorded\n", replay.entry),
        (false, Some(true)) => format!("entry {}: the same text, but\n", replay.entry),
        (false, _) => format!("entry {} does NOT replay as it was recorded:\n", replay.entry),
    };
    for difference in &replay.differences {
        let (kind, detail, remedy) = (difference.kind, &difference.detail, difference.remedy);
        text.push_str(&format!("  {kind}: {detail}\n    {remedy}\n"));
        for (name, value) in [("recorded", &difference.recorded), ("now", &difference.now)] {
            if !value.is_null() {
                text.push_str(&format!("    {name}: {value}\n"));
            }
        }
    }
    let mut value = serde_json::to_value(&*replay).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("recorded_as".to_owned(), json!(replay.receipt().index()));
    }
    let code = if replay.same { exit::DONE } else { exit::CHECK_FAILED };
    Ok(Reply::done(value, text).with_exit(code))
}

/// What a log is held to.
struct Claims {
    vkey: Option<PathBuf>,
    policy: Option<TlogPolicy>,
    since: Option<Vec<u8>>,
}

/// A home's logs are verified on disk where no process has the home open, else inside the server;
/// then what their entries commit to.
fn verify_home(
    context: &mut Context<'_>,
    claims: Claims,
    log_only: bool,
) -> Result<Reply, Failure> {
    if context.in_server() && claims.vkey.is_none() {
        let reader = context.reader(None)?;
        let Claims { policy, since, .. } = claims;
        let examiner = &context.app()?.examiner;
        let found = examiner.verify(&reader, policy.as_ref(), since, log_only)?;
        return Ok(reported(&found.report, found.contents.as_ref()));
    }
    let home = context.options.home.clone();
    let paths = LogPaths::of(&home);
    if !paths.log.is_dir() {
        return Err(anyhow::Error::from(crate::app::NoHome { home }).into());
    }
    let past = verify_past(&paths);
    let mut logs = past.logs().to_vec();
    let mut report = verify_folder(&paths.log, claims, past)?;
    logs.push((paths.log, report.size));
    let contents = (!log_only).then(|| check_contents(&home, &logs, &mut report));
    Ok(reported(&report, contents.as_ref()))
}

/// A bundle needs nothing but itself; the log's key from elsewhere says whose it is.
fn verify_bundle(path: &Path, claims: &Claims) -> Result<Reply, Failure> {
    let vkey = claims.vkey.as_deref().map(note).transpose()?;
    let (policy, since) = (claims.policy.as_ref(), claims.since.as_deref());
    let trusted = vkey.is_some() || policy.is_some();
    let known = Known { vkey: vkey.as_deref(), policy, since };
    let found = bundle::check(path, &known)?;
    let Reply { mut value, mut text, exit } = reported(&found.report, None);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("entries".to_owned(), json!(found.entries));
        fields.insert("payloads".to_owned(), json!(found.payloads));
        fields.insert("vkey".to_owned(), json!(found.vkey));
        fields.insert("trusted".to_owned(), json!(trusted));
    }
    if !trusted && found.report.ok {
        text.push_str(&format!(
            "  checked with the bundle's own key, so ask its operator whether this is theirs:\n  {}\n",
            found.vkey
        ));
    }
    Ok(Reply { value, text, exit })
}

/// A small signed text, as an argument names it.
pub(super) fn note(path: &Path) -> Result<String, Failure> {
    let read = std::fs::read_to_string(path);
    read.map_err(|error| Failure::usage(format!("{} cannot be read: {error}", path.display())))
}

/// Verifies one log, after those of its home that ended before it.
fn verify_folder(log: &Path, claims: Claims, past: PastLogs) -> Result<Report, Failure> {
    if !log.is_dir() {
        return Err(Failure::usage(format!("{} is not a folder", log.display())));
    }
    let options = VerifyOptions { since: claims.since, ..VerifyOptions::live() };
    if let Some(policy) = &claims.policy {
        // Witnesses cosign behind the log: what they have cosigned lies beside it.
        let cosigned = std::fs::read(beside(log, "cosigned")).ok();
        let trust = cosigned.as_deref().map(|note| Trust::Cosigned(policy, note));
        let trust = trust.unwrap_or(Trust::Policy(policy));
        return Ok(past.verify_next(log, trust, &options));
    }
    let vkey = claims.vkey.unwrap_or_else(|| beside(log, "vkey"));
    let text = std::fs::read_to_string(&vkey).map_err(|error| {
        let path = vkey.display();
        Failure::usage(format!("the verifier key {path} cannot be read: {error}; name it --vkey"))
    })?;
    Ok(past.verify_next(log, Trust::Key(&text), &options))
}

/// What lies beside a log's folder: `log-1.vkey` beside `log-1`, and `log.vkey` beside a folder of
/// another name that has none of its own.
fn beside(log: &Path, kind: &str) -> PathBuf {
    let name = log.file_name().unwrap_or_default().to_string_lossy();
    let own = log.with_file_name(format!("{name}.{kind}"));
    if own.exists() { own } else { log.with_file_name(format!("log.{kind}")) }
}

fn read_policy(path: &Path) -> Result<TlogPolicy, Failure> {
    let wrong = |why: &dyn std::fmt::Display| {
        Failure::usage(format!("the policy {} is of no use: {why}", path.display()))
    };
    let bytes = std::fs::read(path).map_err(|error| wrong(&error))?;
    TlogPolicy::parse(&bytes).map_err(|error| wrong(&error))
}

/// A checkpoint that somebody has kept: the verifier says whether it is one.
fn read_checkpoint(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| {
        let path = path.display();
        Failure::usage(format!("the earlier checkpoint {path} cannot be read: {error}"))
    })
}

fn reported(report: &Report, contents: Option<&Contents>) -> Reply {
    let rows = |found: &[Problem]| -> Vec<Value> {
        let row = |p: &Problem| json!({ "kind": p.kind, "index": p.index, "detail": p.detail });
        found.iter().map(row).collect()
    };
    let value = json!({
        "ok": report.ok, "size": report.size, "before": report.before, "root": report.root,
        "problems": rows(&report.problems), "warnings": rows(&report.warnings),
        "contents": contents,
    });
    let before = match report.before {
        0 => String::new(),
        before => format!(" after {before} in logs that ended"),
    };
    let mut text = if report.ok {
        format!("ok: {} entries{before}, root {}\n", report.size, report.root)
    } else {
        let count = report.problems.len();
        format!("NOT ok: {count} problem(s) in {} entries{before}\n", report.size)
    };
    if let Some(Contents { open, erased, missing, damaged }) = contents {
        text.push_str(&format!(
            "  contents behind the entries: {open} open and as committed to, {erased} erased on \
             record, {missing} missing, {damaged} damaged\n"
        ));
    }
    let problems = report.problems.iter().map(|problem| ("", problem));
    let warnings = report.warnings.iter().map(|warning| ("warning: ", warning));
    for (weight, Problem { kind, index, detail }) in problems.chain(warnings) {
        let at = index.map_or_else(String::new, |index| format!(" at entry {index}"));
        text.push_str(&format!("  {weight}{kind}{at}: {detail}\n"));
    }
    let code = if report.ok { exit::DONE } else { exit::CHECK_FAILED };
    Reply::done(value, text).with_exit(code)
}

fn filter_of(context: &Context<'_>, args: FilterArgs) -> Result<Filter, Failure> {
    let since = args.since.as_deref();
    if since.is_some_and(|since| since.parse::<Timestamp>().is_err() && is_file(context, since)) {
        return Err(Failure::usage(
            "--since takes a time; a checkpoint that the recipient had before is named with \
             `audit export --since-checkpoint`, and verified with `audit verify --since`",
        ));
    }
    Ok(Filter {
        kind: args.kind,
        user: args.user,
        matter: args.matter,
        patient: args.patient,
        document: args.document,
        since: args.since.as_deref().map(str::parse).transpose()?,
        until: args.until.as_deref().map(Timestamp::end_of).transpose()?,
    })
}

fn is_file(context: &Context<'_>, path: &str) -> bool {
    context.path(Path::new(path)).is_file()
}

fn value(entry: &Entry) -> Value {
    json!({ "index": entry.index, "leaf_hash": entry.leaf_hash(), "entry": entry.value })
}

fn line(entry: &Entry) -> String {
    let time = entry.ts().to_string();
    format!("{:>8}  {time}  {:<22} {}\n", entry.index.0, entry.kind(), entry.actor_id())
}
