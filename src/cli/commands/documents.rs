//! `affiant ingest` and `affiant documents …`.

use std::fs;

use serde_json::{Value, json};

use crate::answer::Sought;
use crate::catalogue::Document;
use crate::cli::args::{DocumentsCommand, IngestArgs};
use crate::cli::context::Context;
use crate::cli::duty_args::CredentialArgs;
use crate::cli::reply::{Failure, Reply, exit};
use crate::document::{Kind, Parsed, Reason, Sandbox, SandboxError, Unreadable, may_be_archive};
use crate::domain::access::Labels;
use crate::domain::ids::DocumentId;
use crate::domain::limits::MEMBER_DEPTH_MAX;
use crate::domain::question::Scope;
use crate::govern::{Changer, GovernError};
use crate::ingest::{BatchOptions, BatchReport, Source};

use super::changes;

pub(super) fn ingest(context: &mut Context<'_>, args: &IngestArgs) -> Result<Reply, Failure> {
    let labels = if args.label.is_empty() {
        Labels::internal()
    } else {
        Labels::parse(args.label.iter().map(String::as_str))?
    };
    let paths: Vec<_> = args.paths.iter().map(|path| context.path(path)).collect();
    let sources = Source::files(&paths)?;
    let report = take_in(context, sources, labels, args.password.clone())?;
    let code = if report.quarantined.is_empty() { exit::DONE } else { exit::PARTLY };
    let value = serde_json::to_value(&report).unwrap_or_default();
    Ok(Reply::done(value, render(&report)).with_exit(code))
}

/// Takes sources in as the operator, with a bar.
pub(super) fn take_in(
    context: &mut Context<'_>,
    sources: Vec<Source>,
    labels: Labels,
    password: Option<String>,
) -> Result<BatchReport, Failure> {
    let actor = context.operator()?;
    let engine = context.engine()?;
    let policy = context.app()?.policies.digest();
    let options = BatchOptions { labels, password, actor, policy };
    let progress = context.progress;
    progress.stage("taking in", Some(sources.len() as u64));
    Ok(engine.ingestor.run(sources, &options, &mut |_, _| progress.advance(1))?)
}

fn render(report: &BatchReport) -> String {
    let mut text = format!(
        "submitted {}, indexed {}, unchanged {}, quarantined {} ({} pages in {:.1} s)\n",
        report.submitted,
        report.indexed,
        report.unchanged,
        report.quarantined.len(),
        report.pages,
        std::time::Duration::from_millis(report.duration_ms).as_secs_f64(),
    );
    for set_aside in &report.quarantined {
        let line = format!("  {}: {} ({})\n", set_aside.path, set_aside.reason, set_aside.detail);
        text.push_str(&line);
    }
    text
}

pub(super) fn documents(
    context: &mut Context<'_>,
    command: DocumentsCommand,
) -> Result<Reply, Failure> {
    match command {
        DocumentsCommand::Parse { path, password } => {
            let sandbox = Sandbox::new(context.options.reader_program.clone());
            parse_file(&sandbox, &context.path(&path), password.as_deref())
        }
        DocumentsCommand::List { declared, as_user } => {
            list(context, as_user.as_deref(), &declared.declared()?)
        }
        DocumentsCommand::Show { id, as_user } => {
            let id: DocumentId = id.parse()?;
            let asker = context.asker(&as_user)?;
            let app = context.app()?;
            let visible = app.reader.documents(&asker)?;
            let found = visible.iter().find(|document| document.row.document == id);
            let found = found.ok_or_else(|| Failure::not_found("there is no such document"))?;
            let value = row(found);
            let text = format!("{value:#}");
            Ok(Reply::done(value, text))
        }
        DocumentsCommand::Pages { id, query, declared, as_user } => {
            let id: DocumentId = id.parse()?;
            let query = query.map(|query| query.parse()).transpose();
            let query = query.map_err(|_| Failure::usage("--query takes the id of an answer"))?;
            let asker = context.asker(&as_user)?;
            let sought = Sought { document: id, query, scope: declared.declared()? };
            let pages = context.app()?.reader.pages(&asker, sought)?;
            let mut text = String::new();
            for page in &pages.pages {
                text.push_str(&format!("--- page {}\n{}\n", page.page, page.text));
            }
            Ok(Reply::done(json!({ "document": id, "pages": pages.pages }), text))
        }
        DocumentsCommand::Label { id, labels, as_user, reason, credential } => {
            label(context, &id, &labels, &as_user, (reason, &credential))
        }
        DocumentsCommand::Delete { id, as_user } => delete(context, &id, as_user.as_deref()),
    }
}

fn label(
    context: &mut Context<'_>,
    id: &str,
    pairs: &[String],
    as_user: &str,
    (reason, credential): (Option<String>, &CredentialArgs),
) -> Result<Reply, Failure> {
    let id: DocumentId = id.parse()?;
    // The indexes are told of the class.
    context.engine()?;
    let asker = context.asker(as_user)?;
    let change = |labels: &Labels| labels.with(pairs.iter().map(String::as_str));
    let governor = &context.app()?.governor;
    let labelled = governor.label_document(&asker.principal, &asker.actor, id, change);
    let (labels, entry) = match (labelled, reason) {
        (Err(GovernError::Loosens), Some(reason)) => {
            return changes::propose(context, as_user, credential, reason, |governor, who| {
                Ok(governor.relabelling(who, id, change)?)
            });
        }
        (labelled, _) => labelled?,
    };
    let text = format!("{id} is labelled {labels}");
    Ok(Reply::done(json!({ "document": id, "labels": labels, "entry": entry }), text))
}

fn delete(context: &mut Context<'_>, id: &str, as_user: Option<&str>) -> Result<Reply, Failure> {
    let id: DocumentId = id.parse()?;
    // The indexes must be open for the document to leave them at once.
    context.engine()?;
    match as_user {
        Some(name) => {
            let asker = context.asker(name)?;
            let changer = Changer::Person(&asker.principal);
            context.app()?.governor.delete_document(changer, &asker.actor, id)?;
        }
        None => {
            let actor = context.operator()?;
            context.app()?.governor.delete_document(Changer::Operator, &actor, id)?;
        }
    }
    let text = format!("{id} is deleted; its contents are kept until they are erased");
    Ok(Reply::done(json!({ "document": id, "deleted": true }), text))
}

/// With a person's rights, what they may see; as the operator, ids and sizes without contents.
fn list(context: &mut Context<'_>, as_user: Option<&str>, scope: &Scope) -> Result<Reply, Failure> {
    let (values, text) = match as_user {
        Some(name) => {
            let asker = context.asker(name)?;
            let documents = context.app()?.reader.documents_for(&asker, scope)?;
            let text: String = documents.iter().map(|document| line(document)).collect();
            (documents.iter().map(|document| row(document)).collect::<Vec<Value>>(), text)
        }
        None => {
            let documents = context.app()?.catalogue.documents();
            let values = documents.iter().map(|document| bare(document)).collect();
            let text = documents
                .iter()
                .map(|found| format!("{}  {} pages\n", found.row.document, found.row.pages))
                .collect();
            (values, text)
        }
    };
    Ok(Reply::done(json!({ "documents": values }), text))
}

fn line(document: &Document) -> String {
    let (id, title) = (document.row.document, &document.card.title);
    format!("{id}  {:>4} pages  {title}\n", document.row.pages)
}

fn bare(document: &Document) -> Value {
    json!({
        "id": document.row.document,
        "pages": document.row.pages,
        "passages": document.row.passages,
        "entry": document.row.entry,
    })
}

fn row(document: &Document) -> Value {
    json!({
        "id": document.row.document,
        "path": document.card.path,
        "title": document.card.title,
        "kind": document.card.kind,
        "labels": document.card.labels,
        "pages": document.row.pages,
        "passages": document.row.passages,
        "entry": document.row.entry,
        "warnings": document.card.warnings,
    })
}

fn parse_file(
    sandbox: &Sandbox,
    path: &std::path::Path,
    password: Option<&str>,
) -> Result<Reply, Failure> {
    let bytes =
        fs::read(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let reading = Reading { sandbox, password };
    let read = reading.file(&bytes, &path.display().to_string(), &name.unwrap_or_default(), 0)?;
    let code = if read.whole { exit::DONE } else { exit::PARTLY };
    Ok(Reply::done(read.value, read.text).with_exit(code))
}

/// How files are read for `documents parse`.
struct Reading<'a> {
    sandbox: &'a Sandbox,
    password: Option<&'a str>,
}

/// What a file and the files within it say.
struct FileRead {
    value: Value,
    text: String,
    /// Whether all of them could be read.
    whole: bool,
}

impl Reading<'_> {
    fn file(
        &self,
        bytes: &[u8],
        path: &str,
        name: &str,
        depth: usize,
    ) -> Result<FileRead, Failure> {
        let (mut read, holds) = match self.sandbox.parse(bytes, name, self.password) {
            Ok(parsed) => (parsed_file(&parsed), parsed.kind == Kind::Mail),
            Err(SandboxError::Unreadable(why)) => {
                let holds = why.reason == Reason::NotSupported && may_be_archive(bytes);
                (unread(path, &why), holds)
            }
            Err(error @ SandboxError::Unavailable(_)) => return Err(error.into()),
        };
        if holds && depth < MEMBER_DEPTH_MAX {
            let mut from = Some(0);
            let mut members = Vec::new();
            while let Some(at) = from {
                let part = match self.sandbox.unpack(bytes, name, self.password, at) {
                    Ok(Some(part)) => part,
                    Ok(None) => return Ok(read),
                    Err(SandboxError::Unreadable(why)) => return Ok(unread(path, &why)),
                    Err(error @ SandboxError::Unavailable(_)) => return Err(error.into()),
                };
                from = part.next;
                for member in part.members {
                    let path = format!("{path}/{}", member.name);
                    let inner = match member.content {
                        Ok(bytes) => self.file(&bytes, &path, &member.name, depth + 1)?,
                        Err(why) => unread(&path, &why),
                    };
                    members.push((path, inner));
                }
            }
            read.hold(members);
        }
        Ok(read)
    }
}

impl FileRead {
    /// Adds the files within it; an archive is nothing but those.
    fn hold(&mut self, members: Vec<(String, FileRead)>) {
        if self.value.get("reason").is_some() {
            *self = Self {
                value: json!({ "kind": Kind::Zip.as_str() }),
                text: String::new(),
                whole: !members.is_empty(),
            };
        }
        let mut values = Vec::new();
        for (path, member) in members {
            self.text.push_str(&format!("=== {path}\n{}\n", member.text.trim_end()));
            self.whole &= member.whole;
            let mut value = member.value;
            if let Some(object) = value.as_object_mut() {
                object.insert("path".to_owned(), json!(path));
            }
            values.push(value);
        }
        if let Some(object) = self.value.as_object_mut() {
            object.insert("members".to_owned(), json!(values));
        }
    }
}

fn parsed_file(parsed: &Parsed) -> FileRead {
    let warnings: Vec<String> = parsed.warnings.iter().map(ToString::to_string).collect();
    let pages = parsed.pages.iter();
    let text = pages.map(|page| format!("--- page {}\n{}\n", page.page, page.text)).collect();
    let value = json!({
        "title": parsed.title,
        "kind": parsed.kind.as_str(),
        "pages": parsed.pages,
        "warnings": warnings,
    });
    FileRead { value, text, whole: true }
}

fn unread(path: &str, why: &Unreadable) -> FileRead {
    let reason = why.reason.as_str();
    let value = json!({ "path": path, "reason": reason, "detail": why.detail });
    FileRead { value, text: format!("{path}: {reason} ({})", why.detail), whole: false }
}
