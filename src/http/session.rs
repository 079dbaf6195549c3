use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use crate::domain::principal::Via;
use crate::identity::{Place, SignIn, typed_name};

use super::auth::address;
use super::problem::blocking;
use super::{Caller, Problem, UseCases, session_cookie};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSession {
    username: String,
    password: String,
    code: Option<String>,
}

/// What a person shows who is signed in already.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shown {
    password: String,
    code: Option<String>,
}

/// `POST /api/v1/session`: signs in and sets the session cookie.
pub(super) async fn create_session(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    body: web::Json<NewSession>,
) -> Result<HttpResponse, Problem> {
    let secure = cases.secure_cookies;
    let place = Place::Outside(address(&request, &cases));
    let NewSession { username, password, code } = body.into_inner();
    let session = blocking(move || {
        let username = typed_name(&username);
        let (name, password, code) = (&*username, &*password, code.as_deref());
        Ok(cases.governor.sign_in(&SignIn { name, password, code, place }, Via::Http)?)
    })
    .await?;
    Ok(HttpResponse::Created().cookie(session_cookie(&session.token, secure)).json(json!({
        "username": session.principal.name,
        "roles": session.principal.roles,
        "csrf": session.csrf,
        "expires": session.expires.to_string(),
        "lacks": session.lacks.map(crate::identity::Lacking::as_str),
    })))
}

/// `POST /api/v1/session/confirm`: password and code once more, for the sensitive acts of the next
/// five minutes.
pub(super) async fn confirm_session(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    body: web::Json<Shown>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let Shown { password, code } = body.into_inner();
    blocking(move || {
        let name = caller.principal.name.as_str();
        let shown =
            SignIn { name, password: &password, code: code.as_deref(), place: Place::Session };
        Ok(cases.governor.confirm_session(&caller.actor, &caller.token, &shown)?)
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `DELETE /api/v1/session`: signs out.
pub(super) async fn delete_session(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let secure = cases.secure_cookies;
    blocking(move || Ok(cases.governor.sign_out(&caller.token, &caller.actor)?)).await?;
    Ok(HttpResponse::NoContent().cookie(session_cookie("", secure)).finish())
}
