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

pub mod assets;
pub mod views;

use actix_web::web;

/// Every page.
pub fn configure(_config: &mut web::ServiceConfig) {}
