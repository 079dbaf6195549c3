//! Reports that are handed to others: the certificate of an ethical wall, the accounting of
//! disclosures, what must be kept and what is due.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::audit::Recorded;
use crate::domain::clock::{InvalidTimestamp, Timestamp};
use crate::examine::{Accounting, Certificate};
use crate::govern::{Changer, Kept, RetentionClass};

use super::problem::blocking;
use super::{Caller, Kind, Problem, UseCases};

/// Around what.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Around {
    matter: String,
}

/// `GET /api/v1/audit/wall?matter=M`: the certificate of the wall around a matter, signed.
pub(super) async fn certify_wall(
    cases: web::Data<UseCases>,
    caller: Caller,
    around: web::Query<Around>,
) -> Result<HttpResponse, Problem> {
    let made = blocking(move || Ok(cases.examiner.wall(&caller.reader(), &around.matter)?)).await?;
    let index = made.receipt().index().to_string();
    Ok(HttpResponse::Ok().insert_header(("Audit-Index", index)).json(wall_body(&made)))
}

/// Of whom, and when.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Disclosed {
    patient: String,
    since: Option<String>,
    until: Option<String>,
}

/// `GET /api/v1/audit/disclosures?patient=P`: what of a patient's record was handed out.
pub(super) async fn account_disclosures(
    cases: web::Data<UseCases>,
    caller: Caller,
    query: web::Query<Disclosed>,
) -> Result<HttpResponse, Problem> {
    let time = |text: &Option<String>, parse: fn(&str) -> Result<Timestamp, InvalidTimestamp>| {
        let parsed = text.as_deref().map(parse).transpose();
        parsed.map_err(|e| Problem::new(Kind::BadRequest, e.to_string()))
    };
    let period = (time(&query.since, str::parse)?, time(&query.until, Timestamp::end_of)?);
    let made = blocking(move || {
        Ok(cases.examiner.disclosures(&caller.reader(), &query.patient, period)?)
    })
    .await?;
    let index = made.receipt().index().to_string();
    Ok(HttpResponse::Ok().insert_header(("Audit-Index", index)).json(accounting_body(&made)))
}

/// `GET /api/v1/retention`: the classes, and every document with the times between which it may be
/// erased.
pub(super) async fn list_retention(
    cases: web::Data<UseCases>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let body = blocking(move || {
        let kept = cases.governor.kept_for(Changer::Person(&caller.principal))?;
        Ok(retention_body(cases.governor.retention.classes(), &kept, cases.clock.now()))
    })
    .await?;
    Ok(HttpResponse::Ok().json(body))
}

/// A certificate as the API and the command line show it, with its signed form.
pub fn wall_body(made: &Recorded<(Certificate, Vec<u8>)>) -> Value {
    let (certificate, signed) = &**made;
    let mut body = json!(certificate);
    if let Some(object) = body.as_object_mut() {
        object.insert("recorded_as".to_owned(), json!(made.receipt().index()));
        let envelope: Value = serde_json::from_slice(signed).unwrap_or_default();
        object.insert("envelope".to_owned(), envelope);
    }
    body
}

/// An accounting as the API and the command line show it.
pub fn accounting_body(made: &Recorded<Accounting>) -> Value {
    let mut body = json!(**made);
    if let Some(object) = body.as_object_mut() {
        object.insert("recorded_as".to_owned(), json!(made.receipt().index()));
    }
    body
}

/// The retention plan and what it keeps, as the API and the command line show it.
pub fn retention_body(classes: &[RetentionClass], kept: &[Kept], now: Timestamp) -> Value {
    let documents: Vec<Value> = kept.iter().map(|kept| document(kept, now)).collect();
    let due: Vec<&Value> =
        documents.iter().filter(|document| document.get("is_due") == Some(&json!(true))).collect();
    let classes: Vec<Value> = classes.iter().map(class).collect();
    json!({ "classes": classes, "due": due, "documents": documents })
}

fn class(class: &RetentionClass) -> Value {
    json!({
        "name": class.name,
        "labels": class.labels.pairs(),
        "minimum_days": class.minimum_days,
        "maximum_days": class.maximum_days,
        "automatic": class.automatic,
    })
}

fn document(kept: &Kept, now: Timestamp) -> Value {
    json!({
        "id": kept.document.row.document,
        "classification": kept.document.card.labels.classification,
        "class": kept.class.as_ref().map(|class| &class.name),
        "since": kept.since.to_string(),
        "until": kept.until.map(|until| until.to_string()),
        "due": kept.due.map(|due| due.to_string()),
        "is_due": kept.is_due(now),
        "held": kept.held,
        "deleted": kept.document.row.deleted.is_some(),
    })
}
