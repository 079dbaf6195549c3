//! The one map from errors to RFC 9457 problem documents.

use std::fmt;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde_json::{Map, Value, json};

use crate::answer::{AnswerError, ReadError, SimulateError};
use crate::audit::{AppendError, ReadError as LogReadError};
use crate::domain::ids::RequestId;
use crate::examine::ExamineError;
use crate::govern::{EnterError, GovernError};
use crate::identity::SignInError;
use crate::store::RevealError;

use super::Kind;

/// Member of a problem that says when to come back, where that is known: in seconds.
const RETRY_AFTER: &str = "retry_after";

/// A problem as it is shown; `detail` holds safe text only.
#[derive(Debug)]
pub struct Problem {
    /// Which kind.
    pub kind: Kind,
    /// What exactly, in safe words.
    pub detail: String,
    /// Further members, such as `query` and `entries`.
    pub members: Map<String, Value>,
}

impl Problem {
    /// A problem with safe words.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), members: Map::new() }
    }

    /// A problem of which only the kind is told; the cause goes to tracing, once, here.
    pub fn hidden(kind: Kind, cause: &dyn std::error::Error) -> Self {
        tracing::error!(problem = kind.row().0, error = %cause, "a request failed");
        Self::new(kind, "")
    }

    /// What the log did not take. That it is busy or full is no secret; anything else is a fault.
    fn unrecorded(cause: &AppendError, error: &dyn std::error::Error) -> Self {
        match cause {
            AppendError::Busy | AppendError::Full => {
                tracing::warn!(%error, "a request was turned away");
                Self::new(Kind::LogUnavailable, cause.to_string())
            }
            AppendError::TooLarge { .. } => Self::new(Kind::BadRequest, cause.to_string()),
            AppendError::Invalid | AppendError::Halted { .. } | AppendError::NotDurable { .. } => {
                Self::hidden(Kind::LogUnavailable, error)
            }
        }
    }

    /// Somebody who is not believed to be who they say, or not for this.
    fn not_believed(cause: &SignInError, error: &dyn std::error::Error) -> Self {
        let kind = match cause {
            SignInError::State(_) => return Self::hidden(Kind::Internal, error),
            SignInError::Wrong { .. } => Kind::SignInFailed,
            SignInError::TooMany { retry_after } => {
                let mut problem = Self::new(Kind::TooManyAttempts, cause.to_string());
                let wait = crate::identity::seconds(*retry_after);
                problem.members.insert(RETRY_AFTER.to_owned(), wait.into());
                return problem;
            }
            SignInError::Busy => Kind::Overloaded,
            SignInError::ConfirmFirst => Kind::ConfirmationRequired,
            SignInError::NotOwn { .. }
            | SignInError::TokenNotOwn
            | SignInError::ResetLately { .. }
            | SignInError::EnrolFirst => Kind::AccountIncomplete,
        };
        Self::new(kind, cause.to_string())
    }

    /// The problem document of a request; a question's own id goes before the request's.
    pub fn body_of(&self, request: RequestId) -> Value {
        let mut body = self.body();
        if let Some(object) = body.as_object_mut() {
            let id = object.get("query").cloned().unwrap_or_else(|| json!(request));
            object.insert("instance".to_owned(), id);
        }
        body
    }

    /// The problem document, but for the id of the request.
    fn body(&self) -> Value {
        let (code, status, title) = self.kind.row();
        let mut body = json!({
            "type": format!("/problems/{}", code.replace('_', "-")),
            "title": title,
            "status": status.as_u16(),
            "code": code,
        });
        if let Some(object) = body.as_object_mut() {
            if !self.detail.is_empty() {
                object.insert("detail".to_owned(), json!(self.detail));
            }
            object.extend(self.members.clone());
        }
        body
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, _, title) = self.kind.row();
        if self.detail.is_empty() { f.write_str(title) } else { f.write_str(&self.detail) }
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind.row().1
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.insert_header((header::CONTENT_TYPE, "application/problem+json"));
        let told = self.members.get(RETRY_AFTER).and_then(Value::as_u64);
        if let Some(seconds) = told.or(self.kind.retry_after()) {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if self.kind == Kind::NotSignedIn {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        if self.kind == Kind::ConfirmationRequired {
            // RFC 9470: what the caller has shown is too old for this.
            let ask = "Bearer error=\"insufficient_user_authentication\", max_age=\"300\"";
            response.insert_header((header::WWW_AUTHENTICATE, ask));
        }
        if let Some(index) = self.members.get("audit_index").and_then(Value::as_u64) {
            response.insert_header(("audit-index", index));
        }
        response.body(self.body().to_string())
    }
}

impl From<AnswerError> for Problem {
    fn from(error: AnswerError) -> Self {
        match &error {
            AnswerError::NotRecorded(cause) => Self::unrecorded(cause, &error),
            AnswerError::NotKept(_) => Self::hidden(Kind::LogUnavailable, &error),
        }
    }
}

impl From<AppendError> for Problem {
    fn from(error: AppendError) -> Self {
        Self::unrecorded(&error, &error)
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match &error {
            ReadError::NotFound => Self::new(Kind::NotFound, error.to_string()),
            ReadError::Reveal(RevealError::Erased) => Self::new(Kind::NotFound, error.to_string()),
            ReadError::NotRecorded(cause) => Self::unrecorded(cause, &error),
            ReadError::Catalogue(_)
            | ReadError::Render(_)
            | ReadError::State(_)
            | ReadError::Reveal(_) => Self::hidden(Kind::Internal, &error),
        }
    }
}

impl From<ExamineError> for Problem {
    fn from(error: ExamineError) -> Self {
        match &error {
            ExamineError::Denied(denial) => Self::new(Kind::PolicyDenied, &denial.reason),
            ExamineError::NotRecorded(cause) => Self::unrecorded(cause, &error),
            ExamineError::Read(LogReadError::NotFound { .. }) => {
                Self::new(Kind::NotFound, "there is no such entry")
            }
            ExamineError::NoContents { .. } => Self::new(Kind::NotFound, error.to_string()),
            ExamineError::Request(problem) => Self::new(Kind::BadRequest, problem),
            ExamineError::Read(_)
            | ExamineError::Key { .. }
            | ExamineError::Io(_)
            | ExamineError::Replay(_)
            | ExamineError::Vault(_)
            | ExamineError::State(_)
            | ExamineError::Catalogue(_)
            | ExamineError::Folder(_) => Self::hidden(Kind::Internal, &error),
        }
    }
}

impl From<GovernError> for Problem {
    fn from(error: GovernError) -> Self {
        match &error {
            GovernError::BadName { .. }
            | GovernError::BadLength { .. }
            | GovernError::EndsInThePast
            | GovernError::NotHeeded { .. }
            | GovernError::Label(_)
            | GovernError::NotAGrant => Self::new(Kind::BadRequest, error.to_string()),
            GovernError::BadLines { lines } => {
                let mut problem = Self::new(Kind::BadRequest, "lines of the file cannot be taken");
                problem.members.insert("lines".to_owned(), json!(lines));
                problem
            }
            GovernError::Account(cause) => Self::of_account(cause, &error),
            GovernError::SignIn(cause) => Self::not_believed(cause, &error),
            GovernError::OperatorOnly { .. }
            | GovernError::OwnAccess { .. }
            | GovernError::TwoPersons
            | GovernError::Loosens
            | GovernError::LastOne { .. }
            | GovernError::Denied(_)
            | GovernError::NeedsApproval { .. }
            | GovernError::OwnEmergency { .. }
            | GovernError::OwnWall { .. }
            | GovernError::OwnProposal { .. } => Self::new(Kind::PolicyDenied, error.to_string()),
            GovernError::NotFound { .. } => Self::new(Kind::NotFound, error.to_string()),
            GovernError::NotOpen { .. }
            | GovernError::NoNote
            | GovernError::AlreadyOpen { .. }
            | GovernError::TooManyOpen
            | GovernError::Held { .. }
            | GovernError::TooYoung { .. }
            | GovernError::InForce
            | GovernError::Outdated
            | GovernError::Departed { .. }
            | GovernError::Stale => Self::new(Kind::Conflict, error.to_string()),
            GovernError::Faulty { problems } => {
                let mut problem = Self::new(Kind::BadRequest, error.to_string());
                problem.members.insert("problems".to_owned(), json!(problems));
                problem
            }
            GovernError::NotRecorded(cause)
            | GovernError::CutOff(cause)
            | GovernError::Simulate(SimulateError::NotRecorded(cause)) => {
                Self::unrecorded(cause, &error)
            }
            GovernError::Simulate(_)
            | GovernError::Reveal(_)
            | GovernError::Io(_)
            | GovernError::Interrupted
            | GovernError::Left { .. }
            | GovernError::Read(_)
            | GovernError::Catalogue(_)
            | GovernError::State(_)
            | GovernError::Vault(_)
            | GovernError::Index(_) => Self::hidden(Kind::Internal, &error),
        }
    }
}

impl From<EnterError> for Problem {
    fn from(error: EnterError) -> Self {
        match &error {
            EnterError::SignIn(cause) => Self::not_believed(cause, &error),
            EnterError::NotRecorded(cause) => Self::unrecorded(cause, &error),
        }
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        Self::not_believed(&error, &error)
    }
}

/// Runs a use case on the blocking pool.
///
/// # Errors
/// The use case's own problem, or [`Kind::Internal`] where it panicked.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    // What the use case traces belongs to the request that it serves.
    let span = tracing::Span::current();
    match actix_web::web::block(move || span.in_scope(work)).await {
        Ok(result) => result,
        Err(error) => Err(Problem::hidden(Kind::Internal, &error)),
    }
}

pub(super) async fn not_found() -> Result<HttpResponse, Problem> {
    Err(Problem::new(Kind::NotFound, "there is no such route; see /api/v1/openapi.json"))
}

#[expect(clippy::needless_pass_by_value, reason = "the form that actix asks for")]
pub(super) fn json(error: actix_web::error::JsonPayloadError, _: &HttpRequest) -> actix_web::Error {
    Problem::new(Kind::BadRequest, error.to_string()).into()
}

#[expect(clippy::needless_pass_by_value, reason = "the form that actix asks for")]
pub(super) fn query(
    error: actix_web::error::QueryPayloadError,
    _: &HttpRequest,
) -> actix_web::Error {
    Problem::new(Kind::BadRequest, error.to_string()).into()
}

#[expect(clippy::needless_pass_by_value, reason = "the form that actix asks for")]
pub(super) fn path(error: actix_web::error::PathError, _: &HttpRequest) -> actix_web::Error {
    Problem::new(Kind::NotFound, error.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_log_turns_away_is_told_when_to_come_back_and_why() {
        let broken = AppendError::NotDurable { source: std::io::Error::other("sda1").into() };
        for (cause, told) in
            [(AppendError::Busy, "retry"), (AppendError::Full, "space"), (broken, "")]
        {
            let problem = Problem::from(AnswerError::from(cause));
            let body = problem.body();
            assert_eq!(body["code"], "log_unavailable");
            let detail = body["detail"].as_str().unwrap_or_default();
            assert!(detail.contains(told), "{detail}");
            assert!(!detail.contains("sda1"));
            let response = problem.error_response();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            let header = |name: &str| response.headers().get(name).unwrap().to_str().unwrap();
            assert_eq!(header("retry-after"), "5");
            assert_eq!(header("content-type"), "application/problem+json");
        }
    }
}
