//! One's own account: password, second factor, sessions and tokens.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::limits::TOKEN_MS_MAX;
use crate::govern::Revoked;
use crate::identity::{AccountError, NewToken, Place, SignIn, row_id, token_scope};
use crate::store::{PasswordBy, SessionKind, SessionRow, StateError};

use super::changes::confirmed;
use super::problem::blocking;
use super::{Caller, Kind, Problem, UseCases};

/// How long a token holds where nothing else is asked for.
const TTL_S: u64 = 3_600;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    password: String,
    code: Option<String>,
    new_password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Code {
    code: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    #[serde(default)]
    label: String,
    ttl_s: Option<u64>,
    #[serde(default)]
    scope: Vec<String>,
}

/// `GET /api/v1/account`: who one is, one's sessions and tokens.
pub(super) async fn show_account(
    cases: web::Data<UseCases>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let body = blocking(move || {
        let accounts = &cases.governor.accounts;
        let name = caller.principal.name.as_str();
        let (row, sessions) = (accounts.find_row(name)?, accounts.sessions(name)?);
        let list = |kind: SessionKind| -> Vec<Value> {
            sessions.iter().filter(|row| row.kind == kind).map(session_body).collect()
        };
        let factor = row.second_factor.as_ref();
        Ok(json!({
            "username": row.name,
            "roles": row.roles,
            "lacks": caller.lacks.map(crate::identity::Lacking::as_str),
            "password_is_own": row.password_by == PasswordBy::Owner,
            "second_factor": factor.map(|factor| json!({
                "since": factor.since.to_string(), "recovery_codes_left": factor.recovery.len(),
            })),
            "session": caller.session,
            "sessions": list(SessionKind::Session),
            "tokens": list(SessionKind::ApiToken),
        }))
    })
    .await?;
    Ok(HttpResponse::Ok().json(body))
}

/// `POST /api/v1/account/password`: another password; every other session and every token ends.
pub(super) async fn change_password(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    body: web::Json<NewPassword>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let NewPassword { password, code, new_password } = body.into_inner();
    blocking(move || {
        let name = caller.principal.name.as_str();
        let code = code.as_deref();
        let shown = SignIn { name, password: &password, code, place: Place::Session };
        let keep = Some(caller.token.as_str());
        Ok(cases.governor.change_password(&caller.actor, &shown, new_password.into(), keep)?)
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /api/v1/account/second-factor`: a secret for an authenticator.
pub(super) async fn begin_second_factor(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let begun = blocking(move || {
        let owner = cases.governor.accounts.owned(&caller.token)?;
        Ok(cases.governor.begin_enrolment(&owner)?)
    })
    .await?;
    Ok(secret(&json!({ "secret": begun.secret, "uri": begun.uri })))
}

/// `POST /api/v1/account/second-factor/confirm`: puts it in force; the recovery codes, once.
pub(super) async fn confirm_second_factor(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    body: web::Json<Code>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let codes = blocking(move || {
        let owner = cases.governor.accounts.owned(&caller.token)?;
        Ok(cases.governor.finish_enrolment(&owner, &caller.actor, &body.code)?)
    })
    .await?;
    Ok(secret(&json!({ "recovery_codes": codes })))
}

/// `DELETE /api/v1/account/second-factor`.
pub(super) async fn delete_second_factor(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    blocking(move || {
        let who = confirmed(&cases, &caller)?;
        Ok(cases.governor.remove_second_factor(&who, &caller.actor)?)
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `POST /api/v1/account/tokens`: a token for a script of one's own.
pub(super) async fn create_token(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    body: web::Json<Wanted>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let Wanted { label, ttl_s, scope } = body.into_inner();
    let ttl = Duration::from_secs(ttl_s.unwrap_or(TTL_S));
    if ttl.is_zero() || ttl > Duration::from_millis(TOKEN_MS_MAX) {
        let detail = format!("ttl_s is not between 1 and {}", TOKEN_MS_MAX / 1000);
        return Err(Problem::new(Kind::BadRequest, detail));
    }
    let scope = token_scope(scope.iter().map(String::as_str))?;
    let (token, expires) = blocking(move || {
        let who = confirmed(&cases, &caller)?;
        let new = NewToken { ttl, label, scope };
        Ok(cases.governor.issue_own_token(&who, &caller.actor, new)?)
    })
    .await?;
    let body = json!({ "token": token, "expires": expires.to_string() });
    Ok(HttpResponse::Created().insert_header(("Cache-Control", "no-store")).json(body))
}

/// `DELETE /api/v1/account/sessions/{id}`: ends a session or token of one's own.
pub(super) async fn delete_one_session(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    blocking(move || {
        let name = caller.principal.name.as_str();
        Ok(cases.governor.revoke(&caller.actor, name, Revoked::One(&id))?)
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `DELETE /api/v1/account/sessions`: ends every other session of one's own.
pub(super) async fn delete_sessions(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf_header(&request)?;
    let ended = blocking(move || {
        let name = caller.principal.name.as_str();
        let keep = Some(caller.session.as_str());
        Ok(cases.governor.revoke(&caller.actor, name, Revoked::Sessions { keep })?)
    })
    .await?;
    Ok(HttpResponse::Ok().json(json!({ "ended": ended })))
}

/// A session or token as the API and the command line show it.
pub fn session_body(row: &SessionRow) -> Value {
    json!({
        "id": row_id(row),
        "label": row.label,
        "scope": row.scope,
        "created": row.created.to_string(),
        "last_used": row.seen.to_string(),
        "expires": row.expires.to_string(),
        "is_own": row.kind == SessionKind::Session || row.is_own,
    })
}

fn secret(body: &Value) -> HttpResponse {
    HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(body)
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        Self::of_account(&error, &error)
    }
}

impl Problem {
    /// What an account does not allow.
    pub(super) fn of_account(cause: &AccountError, error: &dyn std::error::Error) -> Self {
        match cause {
            AccountError::State(_) | AccountError::Hash(_) => Self::hidden(Kind::Internal, error),
            AccountError::Exists { .. }
            | AccountError::Unknown { .. }
            | AccountError::Disabled { .. }
            | AccountError::NotDisabled { .. }
            | AccountError::NotGiven { .. }
            | AccountError::Federated { .. }
            | AccountError::BadName(_)
            | AccountError::BadPassword
            | AccountError::Guessable
            | AccountError::NamedPassword
            | AccountError::SamePassword
            | AccountError::HandedOut { .. }
            | AccountError::StillOpen { .. }
            | AccountError::ReservedName { .. }
            | AccountError::NoSecondFactor
            | AccountError::NoEnrolment
            | AccountError::WrongCode
            | AccountError::LongLabel
            | AccountError::TooManyTokens
            | AccountError::PasswordOnly
            | AccountError::UnknownScope { .. } => Self::new(Kind::BadRequest, cause.to_string()),
        }
    }
}

impl From<StateError> for Problem {
    fn from(error: StateError) -> Self {
        Self::hidden(Kind::Internal, &error)
    }
}
