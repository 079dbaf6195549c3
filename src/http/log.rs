//! The published log, as it lies on disk: for auditors and witnesses. It names nobody.
//!
//! Checkpoints and hashes are everybody's: they say how far the log has come and nothing of what is
//! in it. Entries are everybody's too, or whoever may read the log has them alone ([`EntryReaders`]).

use std::path::PathBuf;

use actix_web::{HttpRequest, HttpResponse, web};

use crate::audit::tile::{Part, PartKind};

use super::problem::blocking;
use super::{Caller, Kind, Problem, UseCases};

/// Who may fetch the entries of the published log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EntryReaders {
    /// Anyone who reaches the port.
    Anyone,
    /// Whoever may read the log, each time on record.
    Auditors,
}

/// `GET /log/checkpoint`.
pub(super) async fn show_checkpoint(cases: web::Data<UseCases>) -> Result<HttpResponse, Problem> {
    let path = cases.log_dir.join("checkpoint");
    let bytes = blocking(move || read(&path)).await?;
    Ok(checkpoint(bytes))
}

/// `GET /log/cosigned`: the newest checkpoint that a quorum of witnesses has cosigned. It lies
/// beside the log's folder: the one in it is newer, and signed by the log alone.
pub(super) async fn show_cosigned(cases: web::Data<UseCases>) -> Result<HttpResponse, Problem> {
    let missing = || Problem::new(Kind::NotFound, "no quorum of witnesses has cosigned yet");
    Ok(checkpoint(cases.witnesses.cosigned().ok_or_else(missing)?.into_bytes()))
}

fn checkpoint(note: Vec<u8>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header(("Cache-Control", "no-cache"))
        .body(note)
}

/// `GET /log/tile/…`.
pub(super) async fn show_tile(
    request: HttpRequest,
    cases: web::Data<UseCases>,
    path: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let folder = cases.log_dir.clone();
    tile(&request, cases, folder, &format!("tile/{path}")).await
}

/// `GET /log-N/checkpoint`, `/log-N/cosigned`, `/log-N/tile/…`: a log that ended, as it lies on disk.
pub(super) async fn show_past(
    request: HttpRequest,
    cases: web::Data<UseCases>,
    path: web::Path<(u32, String)>,
) -> Result<HttpResponse, Problem> {
    let (epoch, rest) = path.into_inner();
    let folder = cases.log_dir.with_file_name(format!("log-{epoch}"));
    let note = match rest.as_str() {
        "checkpoint" => folder.join("checkpoint"),
        "cosigned" => folder.with_extension("cosigned"),
        _ => return tile(&request, cases, folder, &rest).await,
    };
    Ok(checkpoint(blocking(move || read(&note)).await?))
}

async fn tile(
    request: &HttpRequest,
    cases: web::Data<UseCases>,
    folder: PathBuf,
    path: &str,
) -> Result<HttpResponse, Problem> {
    // A path of a log has one spelling, and no way out of the folder.
    let Some(part) = Part::parse(path) else { return Err(missing()) };
    let path = folder.join(part.to_string());
    let is_open = part.kind != PartKind::Entries || cases.entry_readers == EntryReaders::Anyone;
    let (bytes, cache) = match is_open {
        true => (blocking(move || read(&path)).await?, "public, max-age=31536000, immutable"),
        false => {
            let reader = Caller::with_a_right(request)?.reader();
            let handed = blocking(move || Ok(cases.examiner.tile(&reader, read(&path)?)?)).await?;
            (handed.into_parts().0, "no-store")
        }
    };
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header(("Cache-Control", cache))
        .body(bytes))
}

fn read(path: &std::path::Path) -> Result<Vec<u8>, Problem> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(missing()),
        Err(error) => Err(Problem::hidden(Kind::Internal, &error)),
    }
}

fn missing() -> Problem {
    Problem::new(Kind::NotFound, "there is no such file of the log")
}
