//! What every page goes through: who asks, faults as pages, what browsers may keep.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::UrlencodedError;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError, web};
use askama::Template;
use serde_json::Value;

use crate::domain::ids::RequestId;
use crate::http::{Answered, Caller, Kind, Problem, UseCases, answer};
use crate::policy::Action;

use super::PAGES;
use super::address;
use super::assets;
use super::views::{Frame, Person, Place, ProblemPage};

/// Pages hold contents: neither browsers nor proxies may keep them.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The frame of a page for a person who is signed in.
pub(super) fn frame(cases: &UseCases, caller: &Caller, here: Option<Place>) -> Frame {
    let may = |action| caller.lacks.is_none() && allows(cases, caller, action);
    let person = Person::of(&caller.principal, may);
    let frame = Frame::of(person, caller.csrf.as_deref().unwrap_or_default(), here);
    Frame { alerts: alerts(cases, caller), ..frame }
}

/// Of emergencies: those whose it is, and those who look after the appliance or after privacy.
fn alerts(cases: &UseCases, caller: &Caller) -> Vec<String> {
    let own = caller.principal.emergencies.iter().map(|open| {
        format!("You have access in an emergency to {}; what you read is marked.", open.subject)
    });
    let mut alerts: Vec<String> = own.collect();
    let told = [Action::ReviewEmergencies, Action::ReadSystem];
    if told.into_iter().any(|action| allows(cases, caller, action)) {
        match cases.governor.emergency_alerts() {
            Ok(all) => alerts.extend(all.sentence()),
            Err(error) => tracing::error!(%error, "emergencies cannot be told"),
        }
    }
    alerts
}

/// Whether the policy lets this person do this.
pub(super) fn allows(cases: &UseCases, caller: &Caller, action: Action) -> bool {
    if action == Action::OpenEmergency {
        return cases.governor.may_open_some_emergency(&caller.principal);
    }
    cases.policies.may(&caller.principal, action).is_ok()
}

/// Goes on only where the policy lets this person do this.
pub(super) fn require(cases: &UseCases, caller: &Caller, action: Action) -> Result<(), Problem> {
    match cases.policies.may(&caller.principal, action) {
        Ok(_allowed) => Ok(()),
        Err(denial) => Err(Problem::new(Kind::PolicyDenied, denial.reason)),
    }
}

/// A page as a reply.
pub(super) fn show(page: &impl Template) -> Result<HttpResponse, Problem> {
    show_as(StatusCode::OK, page)
}

/// A page as a reply with this status.
pub(super) fn show_as(status: StatusCode, page: &impl Template) -> Result<HttpResponse, Problem> {
    let text = page.render().map_err(|error| Problem::hidden(Kind::Internal, &error))?;
    Ok(HttpResponseBuilder::new(status).content_type("text/html; charset=utf-8").body(text))
}

/// A page as a reply that says what was wrong.
pub(super) fn show_problem(
    problem: &Problem,
    page: &impl Template,
) -> Result<HttpResponse, Problem> {
    Ok(with_retry(show_as(problem.kind.row().1, page)?, problem))
}

/// A reply that says when to come back, where that is known.
pub(super) fn with_retry(mut reply: HttpResponse, problem: &Problem) -> HttpResponse {
    let headers = problem.error_response();
    if let Some(retry) = headers.headers().get(header::RETRY_AFTER) {
        reply.headers_mut().insert(header::RETRY_AFTER, retry.clone());
    }
    reply
}

/// Leads on to another page, which the browser then gets.
pub(super) fn lead_to(address: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, address)).finish()
}

/// Renders what a handler could not do as a page, with the id of the request, and keeps browsers
/// from keeping pages.
pub(super) async fn frame_faults(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Answered { response, id, span, cases } = answer(request, next).await?;
    let reply = response.response().error().map(|error| {
        let fallback = Problem::new(kind_of(error.as_response_error().status_code()), "");
        let problem = error.as_error::<Problem>().unwrap_or(&fallback);
        span.in_scope(|| explain(response.request(), &cases, problem, id))
    });
    let mut response = match reply {
        Some(reply) => response.into_response(reply),
        None => response,
    };
    if !response.headers().contains_key(header::CACHE_CONTROL) {
        response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    }
    Ok(response)
}

/// The page of a problem; strangers are led to the door and back again.
fn explain(
    request: &HttpRequest,
    cases: &UseCases,
    problem: &Problem,
    id: RequestId,
) -> HttpResponse {
    if problem.kind == Kind::NotSignedIn {
        let asked = request.uri().path_and_query().map_or("", |asked| asked.as_str());
        let back = match *request.method() {
            Method::GET if asked != "/" => asked,
            _ => "",
        };
        return lead_to(&address::with_query("/sign-in", &[("next", back)]));
    }
    let caller = Caller::find(request);
    if problem.kind == Kind::ConfirmationRequired {
        let back = match *request.method() {
            Method::GET => request.uri().path_and_query().map_or("", |asked| asked.as_str()),
            _ => page_above(request.path()),
        };
        return lead_to(&address::with_query("/account/confirm", &[("next", back)]));
    }
    if problem.kind == Kind::AccountIncomplete && lacks_something(caller.as_ref()) {
        return lead_to("/account");
    }
    let (code, status, title) = problem.kind.row();
    let page = ProblemPage {
        frame: caller.map_or_else(|| Frame::stranger(""), |caller| frame(cases, &caller, None)),
        status: status.as_u16(),
        code: code.to_owned(),
        title: title.to_owned(),
        detail: Some(problem.detail.clone()).filter(|detail| !detail.is_empty()),
        remedy: remedy(problem.kind).map(str::to_owned),
        request: id.to_string(),
        entry: problem.members.get("audit_index").and_then(Value::as_u64),
    };
    let reply = show_as(status, &page).unwrap_or_else(|error| error.error_response());
    with_retry(reply, problem)
}

/// The page that a form stands on: the nearest one on the way up from where it is sent.
fn page_above(sent: &str) -> &str {
    let is_page = |path: &&str| {
        let path = path.split('/');
        PAGES.iter().filter_map(|door| door.name.strip_prefix("GET ")).any(|page| {
            let page = page.split('/');
            page.clone().count() == path.clone().count()
                && page.zip(path.clone()).all(|(part, of)| part == of || part.starts_with('{'))
        })
    };
    let mut ups = std::iter::successors(Some(sent), |path| path.rsplit_once('/').map(|(up, _)| up));
    ups.find(is_page).unwrap_or_default()
}

fn lacks_something(caller: Option<&Caller>) -> bool {
    caller.is_some_and(|caller| caller.lacks.is_some())
}

/// What a person can do about it.
const fn remedy(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::BadRequest => Some("Go back, and check what you entered."),
        Kind::CsrfFailed => Some("Go back, load the page again, and repeat what you did."),
        Kind::PolicyDenied => Some("If you should be able to do this, ask your administrator."),
        Kind::NotFound => Some("It may have been removed, or it may not be open to you."),
        Kind::Conflict => Some("What stands in the way is named above."),
        Kind::Overloaded | Kind::LogUnavailable | Kind::QueryFailed => {
            Some("Try again in a moment. If it goes on, tell your administrator.")
        }
        Kind::Internal => Some("Tell your administrator the request below."),
        Kind::AccountIncomplete => Some("See what is missing under your name, at the top."),
        Kind::ConfirmationRequired
        | Kind::SignInFailed
        | Kind::TooManyAttempts
        | Kind::NotSignedIn => None,
    }
}

fn kind_of(status: StatusCode) -> Kind {
    if status == StatusCode::NOT_FOUND {
        Kind::NotFound
    } else if status.is_client_error() {
        Kind::BadRequest
    } else {
        Kind::Internal
    }
}

/// `/assets/{name}`: the stylesheet, the scripts, the mark.
pub(super) async fn show_asset(name: web::Path<String>) -> Result<HttpResponse, Problem> {
    let asset = assets::find(&name).ok_or_else(missing)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, assets::ASSET_CACHE_CONTROL))
        .content_type(asset.content_type)
        .body(asset.bytes))
}

/// Every other address.
pub(super) async fn not_found() -> Result<HttpResponse, Problem> {
    Err(missing())
}

fn missing() -> Problem {
    Problem::new(Kind::NotFound, "There is no page at this address.")
}

/// A form that cannot be read.
#[expect(clippy::needless_pass_by_value, reason = "the signature that the form's settings take")]
pub(super) fn form(error: UrlencodedError, _: &HttpRequest) -> actix_web::Error {
    Problem::new(Kind::BadRequest, error.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_confirms_who_they_are_comes_back_to_the_form() {
        for (sent, page) in [
            ("/admin/changes/7/approve", "/admin/changes/7"),
            ("/admin/policies/rollback", "/admin/policies"),
            ("/emergencies", "/emergencies"),
            ("/emergencies/7/review", "/emergencies"),
            ("/account/second-factor/confirm", "/account"),
            ("/nowhere/at/all", ""),
        ] {
            assert_eq!(page_above(sent), page, "{sent}");
        }
    }
}
