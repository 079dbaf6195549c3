use std::collections::BTreeMap;
use std::sync::Arc;

use actix_multipart::Multipart;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::TryStreamExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;

use crate::answer::Sought;
use crate::catalogue::Document;
use crate::domain::access::{AccessClass, Labels};
use crate::domain::ids::{DocumentId, EntryIndex, RequestId};
use crate::domain::limits::FILE_BYTES_MAX;
use crate::domain::question::Scope;
use crate::govern::{Changer, GovernError};
use crate::ingest::{BatchOptions, Source};
use crate::policy::Action;
use crate::telemetry::Counter;

use super::jobs::JobState;
use super::problem::blocking;
use super::{Caller, Kind, Problem, UseCases};

/// Files of one upload at most.
const FILES_MAX: usize = 500;
/// Fields of one upload: its files, and more labels than anybody gives.
const FIELDS_MAX: usize = FILES_MAX + 100;
/// Bytes of a form field that is not a file.
const FIELD_BYTES_MAX: usize = 4_096;

/// `GET /api/v1/documents?purpose=&matter=&patient=`: the documents that the caller may see.
pub(super) async fn list_documents(
    cases: web::Data<UseCases>,
    caller: Caller,
    declared: web::Query<Declared>,
) -> Result<HttpResponse, Problem> {
    let scope = declared.into_inner().scope()?;
    let documents =
        blocking(move || Ok(cases.reader.documents_for(&caller.asker(), &scope)?)).await?;
    let rows: Vec<Value> = documents.iter().map(|document| row(document)).collect();
    Ok(HttpResponse::Ok().json(json!({ "documents": rows })))
}

/// How somebody came to a document: from the answer to a question, or with a declaration.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Declared {
    query: Option<RequestId>,
    purpose: String,
    matter: String,
    patient: String,
}

impl Declared {
    /// What is declared.
    pub(crate) fn scope(self) -> Result<Scope, Problem> {
        let said = |text: String| Some(text).filter(|text| !text.is_empty());
        let Self { purpose, matter, patient, .. } = self;
        let scope = Scope { purpose: said(purpose), matter: said(matter), patient: said(patient) };
        scope.declared().map_err(|e| Problem::new(Kind::BadRequest, e.to_string()))
    }

    /// What is sought with it.
    pub(crate) fn sought(self, document: DocumentId) -> Result<Sought, Problem> {
        Ok(Sought { document, query: self.query, scope: self.scope()? })
    }
}

/// What was declared, as it stands in an address.
pub(crate) fn declared_pairs(scope: &Scope) -> [(&'static str, &str); 3] {
    [
        ("purpose", scope.purpose.as_deref().unwrap_or_default()),
        ("matter", scope.matter.as_deref().unwrap_or_default()),
        ("patient", scope.patient.as_deref().unwrap_or_default()),
    ]
}

/// `GET /api/v1/documents/{id}?query=ID&purpose=&matter=&patient=`: one document's page texts.
pub(super) async fn show_document(
    cases: web::Data<UseCases>,
    caller: Caller,
    id: web::Path<String>,
    declared: web::Query<Declared>,
) -> Result<HttpResponse, Problem> {
    let body = blocking(move || {
        let id = document_id(&id)?;
        let sought = declared.into_inner().sought(id)?;
        let text = cases.reader.pages(&caller.asker(), sought)?;
        let document = cases.reader.catalogue.document(id);
        let mut body = document.as_deref().map_or_else(|| json!({}), row);
        if let Some(object) = body.as_object_mut() {
            object.insert("page_texts".to_owned(), json!(text.pages));
        }
        Ok(body)
    })
    .await?;
    Ok(HttpResponse::Ok().json(body))
}

/// `DELETE /api/v1/documents/{id}`: takes a document out of the catalogue and the index.
pub(super) async fn delete_document(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let id = document_id(&id)?;
    blocking(move || {
        let changer = Changer::Person(&caller.principal);
        Ok(cases.governor.delete_document(changer, &caller.actor, id)?)
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Labels by key; `null` takes one away.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLabels {
    labels: BTreeMap<String, Value>,
}

impl NewLabels {
    fn pairs(&self) -> Result<Vec<String>, Problem> {
        let pair = |(key, value): (&String, &Value)| match value {
            Value::Null => Ok(format!("{key}=")),
            Value::String(text) if !text.trim().is_empty() => Ok(format!("{key}={text}")),
            Value::Bool(flag) => Ok(format!("{key}={flag}")),
            Value::String(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                let detail = format!("the label {key:?} is neither a text, a flag nor null");
                Err(Problem::new(Kind::BadRequest, detail))
            }
        };
        self.labels.iter().map(pair).collect()
    }
}

/// `PATCH /api/v1/documents/{id}`: other labels for a document, in effect at once.
pub(super) async fn label_document(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    id: web::Path<String>,
    body: web::Json<NewLabels>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let id = document_id(&id)?;
    let pairs = body.pairs()?;
    let (labels, entry) = blocking(move || relabel(&cases, &caller, id, &pairs, None)).await?;
    Ok(HttpResponse::Ok().json(json!({ "id": id, "labels": labels, "entry": entry })))
}

/// Gives a document other labels in the caller's name; `shown` is the access class of those that
/// they saw.
pub(crate) fn relabel(
    cases: &UseCases,
    caller: &Caller,
    id: DocumentId,
    pairs: &[String],
    shown: Option<AccessClass>,
) -> Result<(Labels, Option<EntryIndex>), Problem> {
    let change = |labels: &Labels| {
        let class = cases.governor.catalogue.document(id).map(|document| document.row.class);
        if shown.is_some_and(|shown| class != Some(shown)) {
            return Err(GovernError::Stale);
        }
        Ok(labels.with(pairs.iter().map(String::as_str))?)
    };
    Ok(cases.governor.label_document(&caller.principal, &caller.actor, id, change)?)
}

/// `GET /api/v1/documents/{id}/pages/{n}.png?query=ID&purpose=&matter=&patient=`: the picture of
/// one page.
pub(super) async fn show_picture(
    cases: web::Data<UseCases>,
    caller: Caller,
    path: web::Path<(String, u32)>,
    declared: web::Query<Declared>,
) -> Result<HttpResponse, Problem> {
    let (id, page) = path.into_inner();
    let picture = blocking(move || {
        let sought = declared.into_inner().sought(document_id(&id)?)?;
        Ok(cases.reader.picture(&caller.asker(), sought, page)?)
    })
    .await?;
    let (bytes, _) = picture.into_parts();
    let mut response = HttpResponse::Ok();
    response.insert_header(("Cache-Control", "private, no-store"));
    Ok(response.content_type("image/png").body(bytes))
}

/// `POST /api/v1/documents`: files (`file`, repeated) with labels (`label`, `KEY=VALUE`, repeated)
/// and an optional `password`; 202 and a job.
pub(super) async fn create_documents(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    form: Multipart,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    cases
        .policies
        .may(&caller.principal, Action::Ingest)
        .map_err(|denial| Problem::new(Kind::PolicyDenied, denial.reason))?;
    let place = enter(&cases)?;
    let upload = read(form).await?;
    let id = begin(cases.into_inner(), &caller, upload, place)?;
    let location = format!("/api/v1/jobs/{id}");
    Ok(HttpResponse::Accepted().insert_header(("Location", location)).json(json!({ "job": id })))
}

/// `GET /api/v1/jobs/{id}`: how far an upload is.
pub(super) async fn show_job(
    cases: web::Data<UseCases>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let job = cases.jobs.find(&id, &caller.principal.name);
    let missing = || Problem::new(Kind::NotFound, "there is no such job");
    let mut job = job.ok_or_else(missing)?;
    if let JobState::Done { report } = &mut job.state {
        // Titles and paths go with their documents.
        report.documents.retain(|one| cases.reader.catalogue.document(one.id).is_some());
    }
    Ok(HttpResponse::Ok().json(job))
}

/// An upload as it was sent.
#[derive(Default)]
pub(crate) struct Upload {
    files: Vec<Source>,
    labels: Vec<String>,
    password: Option<String>,
    /// The cross-site token of a form; scripts send it in a header.
    pub(crate) csrf: String,
}

/// Reads the fields of an upload, each within its limit. `label.KEY` with a value is short for
/// `label` with `KEY=VALUE`: fields of a form.
pub(crate) async fn read(mut form: Multipart) -> Result<Upload, Problem> {
    let bad = |detail: String| Problem::new(Kind::BadRequest, detail);
    let mut upload = Upload::default();
    let mut bytes_left = usize::try_from(FILE_BYTES_MAX).unwrap_or(usize::MAX);
    let mut fields = 0;
    while let Some(mut field) = form.try_next().await.map_err(|e| bad(e.to_string()))? {
        fields += 1;
        if fields > FIELDS_MAX {
            return Err(bad(format!("more than {FIELDS_MAX} fields; send the files in parts")));
        }
        let name = field.name().unwrap_or_default().to_owned();
        let file = field
            .content_disposition()
            .and_then(|disposition| disposition.get_filename())
            .map(str::to_owned);
        let limit = if name == "file" { bytes_left } else { FIELD_BYTES_MAX };
        let mut bytes = Vec::new();
        while let Some(part) = field.try_next().await.map_err(|e| bad(e.to_string()))? {
            if bytes.len() + part.len() > limit {
                return Err(bad(format!("the field {name:?} is larger than {limit} bytes")));
            }
            bytes.extend_from_slice(&part);
        }
        let text = || String::from_utf8_lossy(&bytes).into_owned();
        match name.as_str() {
            // What a browser sends where no file was chosen.
            "file" if bytes.is_empty() && file.as_deref().is_none_or(str::is_empty) => {}
            "file" if upload.files.len() == FILES_MAX => {
                return Err(bad(format!("more than {FILES_MAX} files; send them in parts")));
            }
            "file" => {
                bytes_left -= bytes.len();
                let name = file.unwrap_or_else(|| "upload".to_owned());
                upload.files.push(Source::Bytes { name, bytes });
            }
            "label" => upload.labels.push(text()),
            "password" => upload.password = Some(text()).filter(|password| !password.is_empty()),
            "csrf" => upload.csrf = text(),
            _ => match name.strip_prefix("label.") {
                Some(_) if bytes.is_empty() => {}
                Some(key) => upload.labels.push(format!("{key}={}", text())),
                None => {
                    return Err(bad(format!(
                        "the field {name:?} is unknown: use file, label, password"
                    )));
                }
            },
        }
    }
    if upload.files.is_empty() {
        return Err(bad("there is no file in the form: send at least one field `file`".to_owned()));
    }
    Ok(upload)
}

/// Takes a place for an upload, or says at once that there is none: what is uploaded lies in memory
/// until its turn comes.
pub(crate) fn enter(cases: &UseCases) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(&cases.uploads).try_acquire_owned().map_err(|_| {
        cases.metrics.count(Counter::Overloaded);
        Problem::new(Kind::Overloaded, "other uploads are on their way: try again in a minute")
    })
}

/// Starts the job on the blocking pool.
pub(crate) fn begin(
    cases: Arc<UseCases>,
    caller: &Caller,
    upload: Upload,
    place: OwnedSemaphorePermit,
) -> Result<RequestId, Problem> {
    let labels = if upload.labels.is_empty() {
        Labels::internal()
    } else {
        Labels::parse(upload.labels.iter().map(String::as_str))
            .map_err(|e| Problem::new(Kind::BadRequest, e.to_string()))?
    };
    // Nobody moves a document behind a wall that they stand behind.
    let screen = cases.policies.screen(&caller.principal);
    if screen.keeps_away(&labels) {
        return Err(Problem::new(Kind::PolicyDenied, screen.denial().reason));
    }
    let options = BatchOptions {
        labels,
        password: upload.password,
        actor: caller.actor.clone(),
        policy: cases.policies.digest(),
    };
    let id = cases.answerer.request();
    let total = u32::try_from(upload.files.len()).unwrap_or(u32::MAX);
    cases.jobs.begin(id, caller.principal.name.clone(), total);
    drop(actix_web::rt::task::spawn_blocking(move || {
        let _place = place;
        let mut listen = |done, total| cases.jobs.set(id, JobState::Running { done, total });
        let state = match cases.ingestor.run(upload.files, &options, &mut listen) {
            Ok(report) => JobState::Done { report },
            Err(error) => {
                tracing::error!(job.id = %id, %error, "an upload stopped");
                let reason = "The appliance could not finish; the operator's log says why.";
                JobState::Failed { reason: reason.to_owned() }
            }
        };
        cases.jobs.set(id, state);
    }));
    Ok(id)
}

fn row(document: &Document) -> Value {
    json!({
        "id": document.row.document,
        "title": document.card.title,
        "name": document.card.name,
        "kind": document.card.kind,
        "labels": document.card.labels,
        "pages": document.row.pages,
        "passages": document.row.passages,
        "entry": document.row.entry,
        "warnings": document.card.warnings,
    })
}

/// The id of a document as it stands in an address.
pub(crate) fn document_id(text: &str) -> Result<DocumentId, Problem> {
    text.parse().map_err(|_| Problem::new(Kind::NotFound, "there is no such document or page"))
}
