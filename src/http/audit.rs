use std::fs::File;
use std::io::Read as _;

use actix_web::body::SizedStream;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::Stream;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::audit::{Entry, Recorded};
use crate::domain::clock::{InvalidTimestamp, Timestamp};
use crate::domain::ids::EntryIndex;
use crate::examine::{ExportFormat, ExportRequest, Exported, Filter, PAGE_ENTRIES};

use super::changes::{Because, confirmed, reason};
use super::problem::blocking;
use super::{Caller, Kind, Problem, UseCases};

/// How much of a file is read and sent at a time.
const PIECE_BYTES: u64 = 256 * 1024;

/// Filters as query parameters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    #[serde(rename = "type")]
    kind: Option<String>,
    user: Option<String>,
    matter: Option<String>,
    patient: Option<String>,
    document: Option<String>,
    since: Option<String>,
    until: Option<String>,
    limit: Option<usize>,
    format: Option<String>,
    purpose: Option<String>,
    recipient: Option<String>,
    epoch: Option<u32>,
}

impl Query {
    fn filter(&self) -> Result<Filter, Problem> {
        let time = |text: &Option<String>,
                    parse: fn(&str) -> Result<Timestamp, InvalidTimestamp>| {
            let parsed = text.as_deref().map(parse).transpose();
            parsed.map_err(|e| Problem::new(Kind::BadRequest, e.to_string()))
        };
        Ok(Filter {
            kind: self.kind.clone(),
            user: self.user.clone(),
            matter: self.matter.clone(),
            patient: self.patient.clone(),
            document: self.document.clone(),
            since: time(&self.since, str::parse)?,
            until: time(&self.until, Timestamp::end_of)?,
        })
    }
}

/// `GET /api/v1/audit/entries`: entries, oldest first; the newest `limit` of those that match.
pub(super) async fn list_entries(
    cases: web::Data<UseCases>,
    caller: Caller,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    let filter = query.filter()?;
    let limit = query.limit.unwrap_or(PAGE_ENTRIES);
    let entries =
        blocking(move || Ok(cases.examiner.list(&caller.reader(), &filter, limit)?)).await?;
    let rows: Vec<Value> = entries.iter().map(row).collect();
    Ok(HttpResponse::Ok().json(json!({ "entries": rows })))
}

/// `GET /api/v1/audit/entries/{index}`: one entry.
pub(super) async fn show_entry(
    cases: web::Data<UseCases>,
    caller: Caller,
    index: web::Path<u64>,
) -> Result<HttpResponse, Problem> {
    let at = EntryIndex(index.into_inner());
    let entry = blocking(move || Ok(cases.examiner.show(&caller.reader(), at)?)).await?;
    Ok(HttpResponse::Ok().json(row(&entry)))
}

/// `POST /api/v1/audit/entries/{index}/reveal` with `{reason}`: the contents behind an entry, once it
/// is on record who opens them, and why.
pub(super) async fn reveal_entry(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    index: web::Path<u64>,
    body: web::Json<Because>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let at = EntryIndex(index.into_inner());
    let reason = reason(body.into_inner().reason)?;
    let revealed = blocking(move || {
        let who = confirmed(&cases, &caller)?;
        Ok(cases.examiner.reveal(&who, &caller.actor, at, &reason)?)
    })
    .await?;
    Ok(HttpResponse::Ok().json(json!({
        "index": at,
        "entry": revealed.entry.value,
        "state": revealed.state.as_str(),
        "contents": revealed.contents,
        "committed": revealed.committed,
        "recorded": revealed.receipt().index(),
    })))
}

/// `GET /api/v1/audit/proof/{index}`: a C2SP tlog-proof.
pub(super) async fn show_proof(
    cases: web::Data<UseCases>,
    caller: Caller,
    index: web::Path<u64>,
) -> Result<HttpResponse, Problem> {
    let at = EntryIndex(index.into_inner());
    let proof = blocking(move || Ok(cases.examiner.proof(&caller.reader(), at)?)).await?;
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(proof.clone()))
}

/// `GET /api/v1/audit/export?format=bundle|jsonl|csv|fhir|ocsf|cef`: the matching entries as a file.
pub(super) async fn export_entries(
    cases: web::Data<UseCases>,
    caller: Caller,
    query: web::Query<Query>,
) -> Result<HttpResponse, Problem> {
    let format: ExportFormat = query
        .format
        .as_deref()
        .unwrap_or("jsonl")
        .parse()
        .map_err(|e| Problem::new(Kind::BadRequest, format!("{e}")))?;
    let filter = query.filter()?;
    let Query { purpose, recipient, epoch, .. } = query.into_inner();
    let everything = ExportRequest::everything(format);
    let request = ExportRequest { filter, purpose, recipient, epoch, ..everything };
    let exported = blocking(move || Ok(cases.examiner.export(&caller.reader(), &request)?)).await?;
    Ok(download(exported))
}

/// The finished file, a piece at a time, named by the entry that records it.
pub(crate) fn download(exported: Recorded<Exported>) -> HttpResponse {
    let (exported, receipt) = exported.into_parts();
    let (index, format) = (receipt.index(), exported.format);
    let name = format!("affiant-record-{index}.{}", format.extension());
    HttpResponse::Ok()
        .content_type(format.media_type())
        .insert_header(("Content-Disposition", format!("attachment; filename=\"{name}\"")))
        .insert_header(("Audit-Index", index.to_string()))
        .insert_header(("Content-Digest-Sha256", exported.sha256.to_string()))
        .body(SizedStream::new(exported.len, pieces(exported.file)))
}

fn pieces(file: File) -> impl Stream<Item = std::io::Result<Bytes>> {
    futures_util::stream::unfold(Some(file), |file| async {
        let file = file?;
        let read = web::block(move || {
            let mut piece = Vec::new();
            (&file).take(PIECE_BYTES).read_to_end(&mut piece).map(|_| (piece, file))
        });
        match read.await.map_err(std::io::Error::other).flatten() {
            Ok((piece, _)) if piece.is_empty() => None,
            Ok((piece, file)) => Some((Ok(Bytes::from(piece)), Some(file))),
            Err(error) => Some((Err(error), None)),
        }
    })
}

/// An entry with its index and leaf hash.
pub(super) fn row(entry: &Entry) -> Value {
    json!({ "index": entry.index, "leaf_hash": entry.leaf_hash(), "entry": entry.value })
}
