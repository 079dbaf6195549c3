//! The JSON API: extract, one use case, render. The only map from errors to status.
//!
//! Use cases block (they wait for models and for the disk), so every handler runs its one on the
//! blocking pool. Questions pass a gate first: beyond the queue the edge answers 429 at once.

mod account;
pub(crate) mod audit;
mod auth;
mod changes;
mod cookies;
mod documents;
mod doors;
mod instance;
mod jobs;
mod kind;
mod log;
mod openapi;
mod policies;
pub mod problem;
mod queries;
mod reports;
mod session;
mod standing;
mod stream;
mod system;
mod witness;

use std::path::PathBuf;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::web;
use tokio::sync::Semaphore;

use crate::answer::{Answerer, Reader};
use crate::audit::{Log, Rounds};
use crate::domain::clock::{Clock, Entropy};
use crate::domain::limits::JSON_BYTES_MAX;
use crate::examine::Examiner;
use crate::govern::Governor;
use crate::inference::Manifest;
use crate::ingest::Ingestor;
use crate::policy::Policies;
use crate::telemetry::Metrics;

pub use account::session_body;
pub use auth::{CSRF_HEADER, Caller, session_cookie};
pub use changes::{change_body, hold_body};
pub use cookies::{own_cookie, shown_cookie};
pub use doors::ROUTES;
pub use jobs::{Job, JobState, Jobs};
pub use kind::Kind;
pub use log::EntryReaders;
pub use policies::{explanation_body, simulation_body, trial_body, versions_body};
pub use problem::Problem;
pub use reports::{accounting_body, retention_body, wall_body};
pub use standing::{emergency_body, emergency_report_body, standing_body};
pub use witness::configure_witness;

use instance::name_faults;

pub(crate) use auth::address as network_address;
pub(crate) use changes::confirmed;
pub(crate) use documents::{
    Declared, Relabelled, begin as begin_upload, declared_pairs, document_id,
    enter as enter_upload, job_of, read as read_upload, relabel,
};
pub(crate) use instance::{Answered, answer};
pub(crate) use policies::propose as propose_policies;
pub(crate) use queries::enter;

/// The use cases that requests reach.
pub struct UseCases {
    /// Answers questions.
    pub answerer: Arc<Answerer>,
    /// Takes documents in.
    pub ingestor: Arc<Ingestor>,
    /// Changes accounts, opens sessions.
    pub governor: Arc<Governor>,
    /// Reads the record.
    pub examiner: Arc<Examiner>,
    /// Shows documents.
    pub reader: Arc<Reader>,
    /// Decides.
    pub policies: Policies,
    /// The record, for its published files.
    pub log: Log,
    /// Who remembers how far it had come.
    pub witnesses: Arc<Rounds>,
    /// Folder of the log.
    pub log_dir: PathBuf,
    /// Who may fetch its entries.
    pub entry_readers: EntryReaders,
    /// Uploads on their way.
    pub jobs: Arc<Jobs>,
    /// Places for questions.
    pub gate: Arc<Semaphore>,
    /// Places for uploads, from their first byte to the end of their job.
    pub uploads: Arc<Semaphore>,
    /// Counts and durations.
    pub metrics: Arc<Metrics>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Whether a proxy says where requests come from.
    pub behind_proxy: bool,
    /// Whether cookies are sent over TLS alone.
    pub secure_cookies: bool,
    /// What this server runs on.
    pub about: About,
}

/// What a server runs on, as it was when it started.
pub struct About {
    /// Version of ONNX Runtime.
    pub runtime: String,
    /// The models on this machine.
    pub models: Vec<KnownModel>,
}

/// A model on this machine.
pub struct KnownModel {
    /// What it is.
    pub manifest: Manifest,
    /// Its folder.
    pub folder: PathBuf,
    /// Whether answers use it.
    pub is_used: bool,
}

/// Every route of the API, and those outside it that machines read.
#[expect(clippy::too_many_lines, reason = "every route in one list")]
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .app_data(web::JsonConfig::default().limit(JSON_BYTES_MAX).error_handler(problem::json))
        .app_data(web::QueryConfig::default().error_handler(problem::query))
        .app_data(web::PathConfig::default().error_handler(problem::path))
        .service(
            web::scope("/api/v1")
                .wrap(from_fn(name_faults))
                .wrap(DefaultHeaders::new().add((header::CACHE_CONTROL, "no-store")))
                .route("/openapi.json", web::get().to(openapi::show_openapi))
                .route("/session", web::post().to(session::create_session))
                .route("/session", web::delete().to(session::delete_session))
                .route("/session/confirm", web::post().to(session::confirm_session))
                .route("/account", web::get().to(account::show_account))
                .route("/account/password", web::post().to(account::change_password))
                .route("/account/second-factor", web::post().to(account::begin_second_factor))
                .route("/account/second-factor", web::delete().to(account::delete_second_factor))
                .route(
                    "/account/second-factor/confirm",
                    web::post().to(account::confirm_second_factor),
                )
                .route("/account/tokens", web::post().to(account::create_token))
                .route("/account/sessions", web::delete().to(account::delete_sessions))
                .route("/account/sessions/{id}", web::delete().to(account::delete_one_session))
                .route("/queries", web::post().to(queries::create_query))
                .route("/queries/{id}", web::get().to(queries::show_query))
                .route("/search", web::post().to(queries::create_search))
                .route("/documents", web::get().to(documents::list_documents))
                .route("/documents", web::post().to(documents::create_documents))
                .route("/documents/{id}", web::get().to(documents::show_document))
                .route("/documents/{id}/pages/{n}.png", web::get().to(documents::show_picture))
                .route("/documents/{id}", web::delete().to(documents::delete_document))
                .route("/documents/{id}", web::patch().to(documents::label_document))
                .route("/jobs/{id}", web::get().to(documents::show_job))
                .route("/audit/entries", web::get().to(audit::list_entries))
                .route("/audit/entries/{index}", web::get().to(audit::show_entry))
                .route("/audit/entries/{index}/reveal", web::post().to(audit::reveal_entry))
                .route("/audit/export", web::get().to(audit::export_entries))
                .route("/audit/proof/{index}", web::get().to(audit::show_proof))
                .route("/audit/wall", web::get().to(reports::certify_wall))
                .route("/audit/disclosures", web::get().to(reports::account_disclosures))
                .route("/retention", web::get().to(reports::list_retention))
                .route("/changes", web::get().to(changes::list_changes))
                .route("/changes/{id}", web::get().to(changes::show_change))
                .route("/changes/{id}/approve", web::post().to(changes::approve_change))
                .route("/changes/{id}/reject", web::post().to(changes::reject_change))
                .route("/erasures", web::post().to(changes::create_erasure))
                .route("/holds", web::get().to(changes::list_holds))
                .route("/holds", web::post().to(changes::create_hold))
                .route("/holds/{id}/release", web::post().to(changes::release_hold))
                .route("/relationships", web::get().to(standing::list_relationships))
                .route("/relationships", web::post().to(standing::import_relationships))
                .route("/walls", web::post().to(standing::create_wall))
                .route("/walls/lift", web::post().to(standing::lift_wall))
                .route("/emergencies", web::get().to(standing::list_emergencies))
                .route("/emergencies", web::post().to(standing::open_emergency))
                .route("/emergencies/{id}/close", web::post().to(standing::close_emergency))
                .route("/emergencies/{id}/review", web::post().to(standing::review_emergency))
                .route("/policies", web::get().to(policies::list_policies))
                .route("/policies", web::post().to(policies::propose_policies))
                .route("/policies/rollback", web::post().to(policies::roll_back))
                .route("/policies/simulate", web::post().to(policies::simulate_policies))
                .route("/policies/explain", web::post().to(policies::explain_decision))
                .route("/policies/diff", web::get().to(policies::compare_policies))
                .route("/policies/versions", web::get().to(policies::list_versions))
                .route("/policies/versions/{version}", web::get().to(policies::show_version))
                .default_service(web::to(problem::not_found)),
        )
        .service(
            web::scope("/log")
                .wrap(from_fn(name_faults))
                .route("/checkpoint", web::get().to(log::show_checkpoint))
                .route("/cosigned", web::get().to(log::show_cosigned))
                .route("/tile/{path:.*}", web::get().to(log::show_tile))
                .default_service(web::to(problem::not_found)),
        )
        .service(
            web::scope("/log-{epoch}")
                .wrap(from_fn(name_faults))
                .route("/{path:.*}", web::get().to(log::show_past))
                .default_service(web::to(problem::not_found)),
        )
        .configure(probes);
}

/// What machines that watch over this one read.
fn probes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/readyz")
                .wrap(from_fn(name_faults))
                .route(web::get().to(system::readyz)),
        )
        .route("/healthz", web::get().to(system::healthz))
        .service(
            web::resource("/metrics")
                .wrap(from_fn(name_faults))
                .route(web::get().to(system::metrics)),
        );
}
