//! The record: reading, verifying, exporting. Each is decided and recorded by `examine`.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use serde::Deserialize;

use crate::audit::{ENTRY_TYPES, Entry, Problem as Finding, Report};
use crate::domain::ids::EntryIndex;
use crate::domain::payload::TokenKind;
use crate::examine::{ExamineError, ExportFormat, ExportRequest, Part};
use crate::http::audit::download;
use crate::http::problem::blocking;
use crate::http::{Caller, Kind, Problem, UseCases};
use crate::policy::Action;

use super::pages::{frame, require, show};
use super::views::{
    AuditPage, EntryLine, EntryPage, EntryRow, Moment, Place, ProblemLine, VerifyPage,
};
use super::wanted::{Wanted, pager};

/// Entries of one page of the list.
const LISTED: usize = 50;
#[derive(Deserialize)]
pub(super) struct Posted {
    #[serde(default)]
    csrf: String,
}

/// `GET /audit?type=&user=&since=&until=`, in parts by `before` or `after` an entry.
pub(super) async fn list_entries(
    cases: web::Data<UseCases>,
    caller: Caller,
    query: web::Query<Wanted>,
) -> Result<HttpResponse, Problem> {
    let page = blocking(move || {
        let wanted = query.into_inner();
        let part = wanted.part();
        // One more than is shown tells whether there are more.
        let limit = LISTED.saturating_add(1);
        let found = cases.examiner.part(&caller.reader(), &wanted.filter()?, part, limit)?;
        let read_entry = found.receipt().index().0;
        let (mut found, _) = found.into_parts();
        let has_more = found.len() > LISTED;
        match part {
            Part::After(_) => found.truncate(LISTED),
            Part::Newest | Part::Before(_) if has_more => drop(found.remove(0)),
            Part::Newest | Part::Before(_) => {}
        }
        let names = names(&cases)?;
        let entries: Vec<_> = found.iter().rev().map(|entry| line(entry, &names)).collect();
        Ok(AuditPage {
            frame: frame(&cases, &caller, Some(Place::Audit)),
            pager: pager(&wanted, part, has_more, &entries),
            filter: wanted.shown(),
            types: ENTRY_TYPES.iter().map(|row| row.kind.to_owned()).collect(),
            entries,
            size: cases.log.size(),
            read_entry: Some(read_entry),
        })
    })
    .await?;
    show(&page)
}

/// `GET /audit/{index}`.
pub(super) async fn show_entry(
    cases: web::Data<UseCases>,
    caller: Caller,
    index: web::Path<u64>,
) -> Result<HttpResponse, Problem> {
    let page = blocking(move || {
        let at = EntryIndex(index.into_inner());
        let inspected = cases.examiner.inspect(&caller.reader(), at)?;
        let names = names(&cases)?;
        let entry = &inspected.entry;
        Ok(EntryPage {
            frame: frame(&cases, &caller, Some(Place::Audit)),
            index: at.0,
            kind: entry.kind().to_owned(),
            outcome: entry.outcome().to_owned(),
            time: Moment(entry.ts()),
            rows: EntryRow::of(&entry.value),
            canonical: String::from_utf8_lossy(&entry.bytes).into_owned(),
            leaf: entry.leaf_hash().to_string(),
            related: inspected.related.iter().map(|entry| line(entry, &names)).collect(),
            size: cases.log.size(),
            read_entry: Some(inspected.receipt().index().0),
        })
    })
    .await?;
    show(&page)
}

/// `POST /audit/verify`: reads the whole log back and checks it.
pub(super) async fn verify(
    cases: web::Data<UseCases>,
    caller: Caller,
    form: web::Form<Posted>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf(Some(&form.csrf))?;
    let page = blocking(move || {
        let before = cases.log.checkpoint();
        let began = cases.clock.steady();
        let verified = cases.examiner.verify(&caller.reader(), None, None, false)?;
        let report = &verified.report;
        let took = cases.clock.steady().saturating_sub(began);
        let line = |warning: bool, found: &Finding| ProblemLine {
            warning,
            kind: found.kind.clone(),
            index: found.index,
            detail: found.detail.clone(),
        };
        let problems = report.problems.iter().map(|found| line(false, found));
        let problems = problems.chain(report.warnings.iter().map(|found| line(true, found)));
        Ok(VerifyPage {
            frame: frame(&cases, &caller, Some(Place::Audit)),
            ok: report.ok,
            size: report.size,
            root: report.root.clone(),
            checkpoint: checked(report, [before, cases.log.checkpoint()]),
            vkey: cases.log.vkey().map_err(ExamineError::from)?,
            problems: problems.collect(),
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            read_entry: Some(verified.receipt().index().0),
        })
    })
    .await?;
    show(&page)
}

/// `POST /audit/export`: the matching entries as a file.
pub(super) async fn export(
    cases: web::Data<UseCases>,
    caller: Caller,
    form: web::Form<Wanted>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf(Some(&form.csrf))?;
    require(&cases, &caller, Action::ExportLog)?;
    let filter = form.filter()?;
    let format: ExportFormat =
        form.format.parse().map_err(|e| Problem::new(Kind::BadRequest, format!("{e}")))?;
    let (purpose, recipient) = (form.purpose(), form.recipient());
    let request = ExportRequest { filter, purpose, recipient, ..ExportRequest::everything(format) };
    let exported = blocking(move || Ok(cases.examiner.export(&caller.reader(), &request)?)).await?;
    Ok(download(exported))
}

/// The checkpoint that was checked, where it is still at hand: the log grows meanwhile.
fn checked(report: &Report, notes: [String; 2]) -> String {
    let size = report.size.to_string();
    let is_checked = |note: &String| {
        let mut lines = note.lines().skip(1);
        lines.next() == Some(&size) && lines.next() == Some(&report.root)
    };
    notes.into_iter().find(is_checked).unwrap_or_default()
}

/// Names of the accounts by their tokens: who reads the record may search it by name anyway.
fn names(cases: &UseCases) -> Result<HashMap<String, String>, Problem> {
    let accounts = cases.governor.accounts.list();
    let accounts = accounts.map_err(|error| Problem::hidden(Kind::Internal, &error))?;
    let named = |name: &str| {
        let token = cases.governor.vault.token(TokenKind::Person, name);
        (token.as_str().to_owned(), name.to_owned())
    };
    Ok(accounts.iter().map(|account| named(account.name.as_str())).collect())
}

fn line(entry: &Entry, names: &HashMap<String, String>) -> EntryLine {
    let actor = entry.actor_id();
    EntryLine {
        index: entry.index.0,
        time: Moment(entry.ts()),
        kind: entry.kind().to_owned(),
        outcome: entry.outcome().to_owned(),
        actor: names.get(actor).map_or(actor, String::as_str).to_owned(),
        request: entry.req().map(|req| req.to_string()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checkpoint_shown_is_the_one_that_was_checked() {
        let report = Report {
            ok: true,
            size: 7,
            before: 0,
            root: "cm9vdA==".to_owned(),
            problems: vec![],
            warnings: vec![],
        };
        let note = |size, root| format!("origin\n{size}\n{root}\n\n\u{2014} origin sig\n");
        let right = note(7, "cm9vdA==");
        assert_eq!(checked(&report, [note(6, "b2xk"), right.clone()]), right);
        assert_eq!(checked(&report, [right.clone(), note(8, "bmV3")]), right);
        assert_eq!(checked(&report, [note(7, "bmV3"), note(8, "cm9vdA==")]), "");
    }
}
