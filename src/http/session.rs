use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use crate::domain::principal::Via;

use super::problem::blocking;
use super::{Caller, Problem, UseCases, session_cookie};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSession {
    username: String,
    password: String,
}

/// `POST /api/v1/session`: signs in and sets the session cookie.
pub(super) async fn create_session(
    cases: web::Data<UseCases>,
    body: web::Json<NewSession>,
) -> Result<HttpResponse, Problem> {
    let secure = cases.secure_cookies;
    let NewSession { username, password } = body.into_inner();
    let session =
        blocking(move || Ok(cases.governor.sign_in(&username, &password, Via::Http)?)).await?;
    Ok(HttpResponse::Created().cookie(session_cookie(&session.token, secure)).json(json!({
        "username": session.principal.name,
        "roles": session.principal.roles,
        "csrf": session.csrf,
        "expires": session.expires.to_string(),
    })))
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
