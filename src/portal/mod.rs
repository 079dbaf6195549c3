//! Pages for staff, auditors and administrators, over the same use cases as the JSON API.
//!
//! [`views`] holds one struct for each page: plain values, each with its template under
//! `templates/`. [`assets`] holds the one stylesheet, the two scripts and the mark, compiled in.
//!
//! Trust: everything a view shows may be hostile (titles, labels, questions, document text).
//! Templates escape all of it, scripts build nodes from text alone, and
//! [`assets::CONTENT_SECURITY_POLICY`] lets no inline script, inline style or other host in.
//! Does not do: decide what a person may see. The policy room does; navigation merely leaves out
//! what a role cannot use.

mod account;
mod address;
mod admin;
mod ask;
pub mod assets;
mod audit;
mod documents;
mod doors;
mod emergencies;
mod entrance;
mod labels;
mod pages;
mod sign_on;
mod uploads;
pub mod views;
mod wanted;

pub use doors::PAGES;

use actix_web::middleware::from_fn;
use actix_web::web;

use crate::domain::limits::JSON_BYTES_MAX;

/// Every page, and the page for addresses that are none.
pub fn configure(config: &mut web::ServiceConfig) {
    let forms = web::FormConfig::default().limit(JSON_BYTES_MAX).error_handler(pages::form);
    config.service(
        web::scope("")
            .app_data(forms)
            .wrap(from_fn(pages::frame_faults))
            .route("/", web::get().to(entrance::show_home))
            .route("/sign-in", web::get().to(entrance::show_sign_in))
            .route("/sign-in", web::post().to(entrance::sign_in))
            .route("/sign-in/openid", web::get().to(sign_on::begin))
            .route("/sign-in/openid/return", web::get().to(sign_on::finish))
            .route("/sign-out", web::post().to(entrance::sign_out))
            .route("/account", web::get().to(account::show_account))
            .route("/account/confirm", web::get().to(account::show_confirm))
            .route("/account/confirm", web::post().to(account::confirm))
            .route("/account/password", web::post().to(account::change_password))
            .route("/account/second-factor", web::post().to(account::begin_second_factor))
            .route("/account/second-factor/confirm", web::post().to(account::confirm_second_factor))
            .route("/account/second-factor/remove", web::post().to(account::remove_second_factor))
            .route("/account/sessions/end", web::post().to(account::end_sessions))
            .route("/account/tokens", web::post().to(account::create_token))
            .route("/ask", web::get().to(ask::show_ask))
            .route("/ask", web::post().to(ask::ask))
            .route("/ask/{query}", web::get().to(ask::show_answer))
            .route("/questions", web::get().to(ask::list_questions))
            .route("/documents", web::get().to(documents::list_documents))
            .route("/documents", web::post().to(uploads::upload))
            .route("/documents/{id}", web::get().to(documents::show_page))
            .route("/documents/{id}/labels", web::get().to(labels::show_labels))
            .route("/documents/{id}/labels", web::post().to(labels::change_labels))
            .route("/uploads/{id}", web::get().to(uploads::show_upload))
            .route("/audit", web::get().to(audit::list_entries))
            .route("/audit/verify", web::post().to(audit::verify))
            .route("/audit/export", web::post().to(audit::export))
            .route("/audit/{index}", web::get().to(audit::show_entry))
            .route("/admin/policies", web::get().to(admin::show_policies))
            .route("/admin/accounts", web::get().to(admin::list_accounts))
            .route("/admin/models", web::get().to(admin::list_models))
            .route("/admin/system", web::get().to(admin::show_system))
            .route("/admin/relationships", web::get().to(emergencies::list_relationships))
            .route("/emergencies", web::get().to(emergencies::list_emergencies))
            .route("/emergencies", web::post().to(emergencies::open_emergency))
            .route("/emergencies/{id}/close", web::post().to(emergencies::close_emergency))
            .route("/emergencies/{id}/review", web::post().to(emergencies::review_emergency))
            .route("/assets/{name}", web::get().to(pages::show_asset))
            .default_service(web::to(pages::not_found)),
    );
}
