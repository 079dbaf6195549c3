use std::ops::ControlFlow;
use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use tokio::sync::OwnedSemaphorePermit;

use crate::answer::{Released, SearchHit, SearchResult, Searched};
use crate::domain::answer::{Answer, Outcome};
use crate::domain::ids::EntryIndex;
use crate::domain::limits::{TOP_K_DEFAULT, TOP_K_MAX};
use crate::domain::question::{Mode, Question, QuestionText, Scope};
use crate::domain::uri::with_query;
use crate::retrieve::Candidates;
use crate::telemetry::Counter;

use super::documents::declared_pairs;
use super::problem::blocking;
use super::{Caller, Kind, Problem, UseCases, stream};

/// A question as it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewQuery {
    question: String,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    purpose: Option<String>,
    #[serde(default)]
    matter: Option<String>,
    #[serde(default)]
    patient: Option<String>,
    #[serde(default)]
    top_k: Option<u32>,
}

impl NewQuery {
    fn into_question(self, cases: &UseCases) -> Result<Question, Problem> {
        let bad = |detail: String| Problem::new(Kind::BadRequest, detail);
        let text = QuestionText::try_from(self.question).map_err(|e| bad(e.to_string()))?;
        let top_k = self.top_k.unwrap_or(TOP_K_DEFAULT);
        if !(1..=TOP_K_MAX).contains(&top_k) {
            return Err(bad(format!("top_k is {top_k}: give 1 to {TOP_K_MAX}")));
        }
        let Self { purpose, matter, patient, .. } = self;
        let scope =
            Scope { purpose, matter, patient }.declared().map_err(|e| bad(e.to_string()))?;
        Ok(Question { id: cases.answerer.request(), text, mode: self.mode, scope, top_k })
    }
}

/// `POST /api/v1/queries`: answers one question under the caller's policy; as server-sent events
/// where the caller accepts them.
pub(super) async fn create_query(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    body: web::Json<NewQuery>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let question = body.into_inner().into_question(&cases)?;
    let place = enter(&cases)?;
    let accepts = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    if accepts.is_some_and(|types| types.contains("text/event-stream")) {
        return Ok(stream::respond(cases.into_inner(), caller, question, place));
    }
    let released = blocking(move || {
        let _place = place;
        let mut listen = |_: crate::answer::Progress<'_>| ControlFlow::Continue(());
        Ok(cases.answerer.ask(&caller.asker(), &question, &mut listen)?)
    })
    .await?;
    render(&released)
}

/// `GET /api/v1/queries/{id}`: a past answer, for its asker.
pub(super) async fn show_query(
    cases: web::Data<UseCases>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let released = blocking(move || {
        let id = id.parse().map_err(|_| Problem::new(Kind::NotFound, "there is no such query"))?;
        Ok(cases.answerer.past(&caller.asker(), id)?)
    })
    .await?;
    Ok(with_index(&released, HttpResponse::Ok()).json(&*released))
}

/// `POST /api/v1/search`: permitted passages without an answer.
pub(super) async fn create_search(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    body: web::Json<NewQuery>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let question = body.into_inner().into_question(&cases)?;
    let scope = question.scope.clone();
    let place = enter(&cases)?;
    let searched = blocking(move || {
        let _place = place;
        Ok(cases.answerer.search(&caller.asker(), &question, Candidates::Hybrid)?)
    })
    .await?;
    match searched {
        Searched::Found(found) => {
            let mut response = HttpResponse::Ok();
            response.insert_header(("Audit-Index", found.receipt().index().to_string()));
            Ok(response.json(FoundBody::new(&found, &scope)))
        }
        Searched::Ended(released) => render(&released),
    }
}

/// What a search found.
#[derive(Serialize)]
struct FoundBody<'a> {
    hits: Vec<HitBody<'a>>,
    withheld: Option<u32>,
    entry: Option<EntryIndex>,
}

/// A hit, with the page of the portal that shows it.
#[derive(Serialize)]
struct HitBody<'a> {
    #[serde(flatten)]
    hit: &'a SearchHit,
    place: String,
}

impl<'a> FoundBody<'a> {
    /// What was declared with the search goes on to what it found, as it does from an answer.
    fn new(found: &'a SearchResult, scope: &Scope) -> Self {
        let place = |hit: &SearchHit| {
            let path = format!("/documents/{}", hit.document);
            let (page, span) = (hit.page.to_string(), format!("{}-{}", hit.start, hit.end));
            let at = [("page", page.as_str()), ("span", span.as_str())];
            with_query(&path, &[at.as_slice(), &declared_pairs(scope)].concat())
        };
        let hits = found.hits.iter().map(|hit| HitBody { hit, place: place(hit) }).collect();
        Self { hits, withheld: found.withheld, entry: found.entry }
    }
}

/// Takes a place for a question, or says at once that there is none.
pub(crate) fn enter(cases: &UseCases) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(&cases.gate).try_acquire_owned().map_err(|_| {
        cases.metrics.count(Counter::Overloaded);
        Problem::new(Kind::Overloaded, "try again in a few seconds")
    })
}

/// 201 for an answer and a refusal; denied and failed are problems with `query` and `entries`.
fn render(released: &Released) -> Result<HttpResponse, Problem> {
    match released.outcome {
        Outcome::Answered | Outcome::Refused => {
            Ok(with_index(released, HttpResponse::Created()).json(&**released))
        }
        Outcome::Denied | Outcome::Failed => Err(problem(released)),
    }
}

/// The problem that a denied or failed question is.
pub(super) fn problem(answer: &Answer) -> Problem {
    let kind = match answer.outcome {
        Outcome::Denied => Kind::PolicyDenied,
        Outcome::Failed | Outcome::Answered | Outcome::Refused => Kind::QueryFailed,
    };
    let mut members = Map::new();
    members.insert("query".to_owned(), json!(answer.query));
    members.insert("entries".to_owned(), json!(answer.entries));
    members.insert("audit_index".to_owned(), json!(answer.entries.terminal));
    Problem { kind, detail: answer.reason.clone().unwrap_or_default(), members }
}

fn with_index(
    released: &Released,
    mut response: actix_web::HttpResponseBuilder,
) -> actix_web::HttpResponseBuilder {
    if let Some(index) = released.entries.terminal {
        response.insert_header(("Audit-Index", index.to_string()));
    }
    response
}
