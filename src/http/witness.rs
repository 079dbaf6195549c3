//! The two routes of a C2SP tlog-witness, for `affiant audit witness`.

use actix_web::{HttpResponse, web};

use crate::audit::{ADD_CHECKPOINT_BYTES_MAX, Decision, Witness};
use crate::domain::digest::Digest;

use super::problem::blocking;
use super::{Kind, Problem};

const SIZE_TYPE: &str = "text/x.tlog.size";
const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// Submission and monitoring, both at the root; the witness is the application's data.
pub fn configure_witness(config: &mut web::ServiceConfig) {
    config
        .app_data(web::PayloadConfig::new(ADD_CHECKPOINT_BYTES_MAX))
        .route("/add-checkpoint", web::post().to(add_checkpoint))
        .route("/{origin}/checkpoint", web::get().to(show_newest));
}

/// `POST /add-checkpoint`.
async fn add_checkpoint(
    witness: web::Data<Witness>,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let decision = blocking(move || Ok(witness.add_checkpoint(&body))).await?;
    let (mut reply, text) = match decision {
        Decision::Cosigned(line) => (HttpResponse::Ok(), line),
        Decision::Malformed => (HttpResponse::BadRequest(), "not an add-checkpoint body\n".into()),
        Decision::Unsigned => (HttpResponse::Forbidden(), "not signed by this log\n".into()),
        Decision::Unknown => (HttpResponse::NotFound(), "this log is not witnessed here\n".into()),
        Decision::Conflict(size) => {
            return Ok(HttpResponse::Conflict().content_type(SIZE_TYPE).body(format!("{size}\n")));
        }
        Decision::Inconsistent => (
            HttpResponse::UnprocessableEntity(),
            "not consistent with the checkpoint that was cosigned before\n".into(),
        ),
        Decision::NotStored => {
            (HttpResponse::InternalServerError(), "the checkpoint could not be stored\n".into())
        }
    };
    Ok(reply.content_type(TEXT_TYPE).body(text))
}

/// `GET /<hex SHA-256 of the origin>/checkpoint`: for monitors.
async fn show_newest(
    witness: web::Data<Witness>,
    origin: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let missing = || Problem::new(Kind::NotFound, "no checkpoint of this log was cosigned here");
    let origin: Digest = origin.parse().map_err(|_| missing())?;
    let read = move || witness.newest(&origin).map_err(|e| Problem::hidden(Kind::Internal, &e));
    let note = blocking(read).await?.ok_or_else(missing)?;
    Ok(HttpResponse::Ok()
        .content_type(TEXT_TYPE)
        .insert_header(("Cache-Control", "no-cache"))
        .body(note))
}
