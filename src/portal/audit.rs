//! The record: reading, verifying, exporting. Each is decided and recorded by `examine`.

use std::collections::HashMap;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Deserialize;

use crate::audit::{ENTRY_TYPES, Entry};
use crate::domain::clock::Timestamp;
use crate::domain::ids::EntryIndex;
use crate::domain::payload::TokenKind;
use crate::examine::{ExportFormat, Filter, Part};
use crate::http::problem::blocking;
use crate::http::{Caller, Kind, Problem, Services};
use crate::policy::Action;

use super::address;
use super::pages::{frame, require, show};
use super::views::{
    AuditFilter, AuditPage, EntryLine, EntryPage, EntryRow, Moment, Pager, Place, ProblemLine,
    VerifyPage,
};

/// Entries of one page of the list.
const LISTED: usize = 50;
/// The last millisecond of a day, from its midnight.
const DAY: Duration = Duration::from_millis(24 * 60 * 60 * 1000 - 1);

/// What is looked for, as a query or as hidden fields of the export form.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    #[serde(rename = "type")]
    kind: String,
    user: String,
    since: String,
    until: String,
    before: Option<u64>,
    after: Option<u64>,
    format: String,
    csrf: String,
}

#[derive(Deserialize)]
pub(super) struct Posted {
    #[serde(default)]
    csrf: String,
}

impl Wanted {
    fn filter(&self) -> Result<Filter, Problem> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let time = |text: &str| {
            let parsed = given(text).map(|text| text.parse::<Timestamp>()).transpose();
            parsed.map_err(|error| Problem::new(Kind::BadRequest, error.to_string()))
        };
        let is_day = self.until.trim().len() == "2026-01-31".len();
        let until = time(&self.until)?.map(|until| if is_day { until.after(DAY) } else { until });
        Ok(Filter {
            kind: given(&self.kind),
            user: given(&self.user),
            document: None,
            since: time(&self.since)?,
            until,
        })
    }

    fn part(&self) -> Part {
        match (self.before, self.after) {
            (Some(before), _) => Part::Before(EntryIndex(before)),
            (None, Some(after)) => Part::After(EntryIndex(after)),
            (None, None) => Part::Newest,
        }
    }

    fn address(&self, side: &str, index: u64) -> String {
        let index = index.to_string();
        let pairs = [
            ("type", self.kind.as_str()),
            ("user", &self.user),
            ("since", &self.since),
            ("until", &self.until),
            (side, &index),
        ];
        address::with_query("/audit", &pairs)
    }

    fn shown(self) -> AuditFilter {
        AuditFilter { kind: self.kind, user: self.user, since: self.since, until: self.until }
    }
}

/// `GET /audit?type=&user=&since=&until=`, in parts by `before` or `after` an entry.
pub(super) async fn list_entries(
    services: web::Data<Services>,
    caller: Caller,
    query: web::Query<Wanted>,
) -> Result<HttpResponse, Problem> {
    let page = blocking(move || {
        let wanted = query.into_inner();
        let part = wanted.part();
        // One more than is shown tells whether there are more.
        let limit = LISTED.saturating_add(1);
        let found = services.examiner.part(&caller.reader(), &wanted.filter()?, part, limit)?;
        let read_entry = found.receipt().index().0;
        let (mut found, _) = found.into_parts();
        let has_more = found.len() > LISTED;
        match part {
            Part::After(_) => found.truncate(LISTED),
            Part::Newest | Part::Before(_) if has_more => drop(found.remove(0)),
            Part::Newest | Part::Before(_) => {}
        }
        let names = names(&services)?;
        let entries: Vec<_> = found.iter().rev().map(|entry| line(entry, &names)).collect();
        Ok(AuditPage {
            frame: frame(&services, &caller, Some(Place::Audit)),
            pager: pager(&wanted, part, has_more, &entries),
            filter: wanted.shown(),
            types: ENTRY_TYPES.iter().map(|row| row.kind.to_owned()).collect(),
            entries,
            size: services.log.size(),
            read_entry: Some(read_entry),
        })
    })
    .await?;
    show(&page)
}

/// `GET /audit/{index}`.
pub(super) async fn show_entry(
    services: web::Data<Services>,
    caller: Caller,
    index: web::Path<u64>,
) -> Result<HttpResponse, Problem> {
    let page = blocking(move || {
        let at = EntryIndex(index.into_inner());
        let inspected = services.examiner.inspect(&caller.reader(), at)?;
        let names = names(&services)?;
        let entry = &inspected.entry;
        Ok(EntryPage {
            frame: frame(&services, &caller, Some(Place::Audit)),
            index: at.0,
            kind: entry.kind().to_owned(),
            outcome: entry.outcome().to_owned(),
            time: Moment(entry.ts()),
            rows: EntryRow::of(&entry.value),
            canonical: String::from_utf8_lossy(&entry.bytes).into_owned(),
            leaf: entry.leaf_hash().to_string(),
            related: inspected.related.iter().map(|entry| line(entry, &names)).collect(),
            size: services.log.size(),
            read_entry: Some(inspected.receipt().index().0),
        })
    })
    .await?;
    show(&page)
}

/// `POST /audit/verify`: reads the whole log back and checks it.
pub(super) async fn verify(
    services: web::Data<Services>,
    caller: Caller,
    form: web::Form<Posted>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf(Some(&form.csrf))?;
    let page = blocking(move || {
        let began = services.clock.steady();
        let report = services.examiner.verify(&caller.reader())?;
        let took = services.clock.steady().saturating_sub(began);
        let problems = report.problems.iter().map(|problem| ProblemLine {
            kind: problem.kind.clone(),
            index: problem.index,
            detail: problem.detail.clone(),
        });
        Ok(VerifyPage {
            frame: frame(&services, &caller, Some(Place::Audit)),
            ok: report.ok,
            size: report.size,
            root: report.root.clone(),
            checkpoint: services.log.checkpoint(),
            vkey: services.examiner.vkey.trim_end().to_owned(),
            problems: problems.collect(),
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            read_entry: Some(report.receipt().index().0),
        })
    })
    .await?;
    show(&page)
}

/// `POST /audit/export`: the matching entries as a file.
pub(super) async fn export(
    services: web::Data<Services>,
    caller: Caller,
    form: web::Form<Wanted>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf(Some(&form.csrf))?;
    require(&services, &caller, Action::ExportLog)?;
    let filter = form.filter()?;
    let format: ExportFormat =
        form.format.parse().map_err(|e| Problem::new(Kind::BadRequest, format!("{e}")))?;
    let exported =
        blocking(move || Ok(services.examiner.export(&caller.reader(), format, &filter)?)).await?;
    let (exported, receipt) = exported.into_parts();
    let index = receipt.index();
    let name = format!("attachment; filename=\"affiant-record-{index}.{}\"", format.as_str());
    Ok(HttpResponse::Ok()
        .content_type(format.media_type())
        .insert_header((header::CONTENT_DISPOSITION, name))
        .insert_header(("Audit-Index", index.to_string()))
        .insert_header(("Content-Digest-Sha256", exported.sha256.to_string()))
        .body(exported.bytes))
}

/// Names of the accounts by their tokens: who reads the record may search it by name anyway.
fn names(services: &Services) -> Result<HashMap<String, String>, Problem> {
    let accounts = services.governor.accounts.list();
    let accounts = accounts.map_err(|error| Problem::hidden(Kind::Internal, &error))?;
    let named = |name: &str| {
        let token = services.governor.vault.token(TokenKind::Person, name);
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

/// Ways to the neighbouring parts; `entries` is newest first.
fn pager(wanted: &Wanted, part: Part, has_more: bool, entries: &[EntryLine]) -> Pager {
    let (Some(newest), Some(oldest)) = (entries.first(), entries.last()) else {
        return Pager::default();
    };
    let (has_newer, has_older) = match part {
        Part::Newest => (false, has_more),
        Part::Before(_) => (true, has_more),
        Part::After(_) => (has_more, true),
    };
    Pager {
        newer: has_newer.then(|| wanted.address("after", newest.index)),
        older: has_older.then(|| wanted.address("before", oldest.index)),
        range: format!("{}–{}", newest.index, oldest.index),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(since: &str, until: &str) -> Wanted {
        let (since, until) = (since.to_owned(), until.to_owned());
        Wanted { kind: "query".to_owned(), since, until, ..Wanted::default() }
    }

    #[test]
    fn a_day_lasts_to_its_end_and_a_time_to_itself() {
        let filter = wanted("2026-01-01", "2026-01-01").filter().unwrap();
        assert_eq!(filter.since.unwrap().to_string(), "2026-01-01T00:00:00.000Z");
        assert_eq!(filter.until.unwrap().to_string(), "2026-01-01T23:59:59.999Z");
        let filter = wanted("", "2026-01-01T09:00:00Z").filter().unwrap();
        assert_eq!(filter.until.unwrap().to_string(), "2026-01-01T09:00:00.000Z");
        assert!(filter.since.is_none() && filter.user.is_none());
        assert!(wanted("yesterday", "").filter().is_err());
    }

    #[test]
    fn parts_of_the_list_lead_to_each_other_and_keep_the_filter() {
        let line = |index| EntryLine {
            index,
            time: Moment(Timestamp::from_unix_millis(0)),
            kind: String::new(),
            outcome: String::new(),
            actor: String::new(),
            request: String::new(),
        };
        let entries = [line(99), line(50)];
        let wanted = wanted("2026-01-01", "");
        let newer = Some("/audit?type=query&since=2026-01-01&after=99");
        let older = Some("/audit?type=query&since=2026-01-01&before=50");
        let table = [
            (Part::Newest, true, None, older),
            (Part::Newest, false, None, None),
            (Part::Before(EntryIndex(100)), false, newer, None),
            (Part::After(EntryIndex(49)), true, newer, older),
            (Part::After(EntryIndex(49)), false, None, older),
        ];
        for (part, has_more, newer, older) in table {
            let found = pager(&wanted, part, has_more, &entries);
            let found = (found.newer.as_deref(), found.older.as_deref());
            assert_eq!(found, (newer, older), "{part:?} {has_more}");
        }
        assert!(pager(&wanted, Part::Newest, false, &[]).older.is_none());
    }
}
