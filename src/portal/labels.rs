//! Labels of a document, as a form.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};

use crate::domain::access::{AccessClass, Labels};
use crate::http::problem::blocking;
use crate::http::{Caller, Kind, Problem, Relabelled, UseCases, document_id, relabel};
use crate::policy::Action;

use super::emergencies::stated;
use super::pages::{frame, lead_to, require, show};
use super::views::{LabelField, LabelsPage, Place};

/// Labels that are texts, and what they are called.
const TEXTS: [(&str, &str); 6] = [
    ("classification", "Classification"),
    ("client", "Client"),
    ("department", "Department"),
    ("kind", "Kind"),
    ("matter", "Matter"),
    ("patient", "Patient"),
];
/// Labels that are set or not.
const TICKS: [(&str, &str); 2] = [("minor", "About a minor"), ("privileged", "Privileged")];
/// No document is in this class.
const NO_CLASS: AccessClass = AccessClass(u32::MAX);

/// `GET /documents/{id}/labels`.
pub(super) async fn show_labels(
    cases: web::Data<UseCases>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    require(&cases, &caller, Action::LabelDocuments)?;
    let page = blocking(move || {
        let id = document_id(&id)?;
        let listed = cases.reader.documents(&caller.asker())?;
        let found = listed.iter().find(|document| document.row.document == id);
        let missing = || Problem::new(Kind::NotFound, "There is no such document.");
        let document = found.ok_or_else(missing)?;
        Ok(LabelsPage {
            frame: frame(&cases, &caller, Some(Place::Documents)),
            id: id.to_string(),
            title: document.card.title.clone(),
            class: document.row.class.0,
            fields: fields(&TEXTS, &document.card.labels),
            ticks: fields(&TICKS, &document.card.labels),
        })
    })
    .await?;
    show(&page)
}

/// `POST /documents/{id}/labels`.
pub(super) async fn change_labels(
    cases: web::Data<UseCases>,
    caller: Caller,
    id: web::Path<String>,
    form: web::Form<BTreeMap<String, String>>,
) -> Result<HttpResponse, Problem> {
    let form = form.into_inner();
    caller.check_csrf(form.get("csrf").map(String::as_str))?;
    let id = document_id(&id)?;
    // All labels are sent: those that were changed since the form was shown must not be undone.
    let shown =
        form.get("shown").and_then(|class| class.parse().ok()).map_or(NO_CLASS, AccessClass);
    let sent = |key: &str| form.get(key).map(|value| format!("{key}={}", value.trim()));
    let texts = TEXTS.iter().filter_map(|(key, _)| sent(key));
    // A box that is not ticked is not sent.
    let ticks = TICKS.iter().map(|(key, _)| sent(key).unwrap_or_else(|| format!("{key}=")));
    let pairs: Vec<String> = texts.chain(ticks).collect();
    let why = form.get("reason").filter(|why| !why.trim().is_empty());
    let why = why.map(|why| stated(why.clone())).transpose()?;
    let labelled =
        blocking(move || relabel(&cases, &caller, id, (&pairs, Some(shown)), why)).await?;
    Ok(match labelled {
        Relabelled::Done(..) => lead_to("/documents"),
        Relabelled::Proposed(row) => lead_to(&format!("/admin/changes/{}", row.id)),
    })
}

fn fields(of: &[(&'static str, &'static str)], labels: &Labels) -> Vec<LabelField> {
    let pairs = labels.pairs();
    let value = |key: &str| pairs.get(key).copied().unwrap_or_default().to_owned();
    of.iter().map(|(key, name)| LabelField { key, name, value: value(key) }).collect()
}
