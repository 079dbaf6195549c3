//! Every kind of problem that a request can end in.

use actix_web::http::StatusCode;

/// Every kind of problem: code, status, title.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The request is not of the form it must have.
    BadRequest,
    /// The cross-site token is missing or wrong.
    CsrfFailed,
    /// Name, password or code wrong.
    SignInFailed,
    /// They were wrong too often.
    TooManyAttempts,
    /// No session and no token.
    NotSignedIn,
    /// It must be shown anew who asks.
    ConfirmationRequired,
    /// The account lacks what its roles, or the act, ask for.
    AccountIncomplete,
    /// The policy says no.
    PolicyDenied,
    /// It does not exist, or not for this person.
    NotFound,
    /// It cannot be done as things stand.
    Conflict,
    /// Too many requests wait.
    Overloaded,
    /// A fault of ours.
    Internal,
    /// The log cannot append.
    LogUnavailable,
    /// The question could not be finished.
    QueryFailed,
}

impl Kind {
    /// Every kind, in the order of the table in the documentation.
    pub const ALL: [Self; 14] = [
        Self::BadRequest,
        Self::CsrfFailed,
        Self::SignInFailed,
        Self::TooManyAttempts,
        Self::NotSignedIn,
        Self::ConfirmationRequired,
        Self::AccountIncomplete,
        Self::PolicyDenied,
        Self::NotFound,
        Self::Conflict,
        Self::Overloaded,
        Self::Internal,
        Self::LogUnavailable,
        Self::QueryFailed,
    ];

    /// Code, status and title.
    pub const fn row(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::BadRequest => {
                ("bad_request", StatusCode::BAD_REQUEST, "The request cannot be understood")
            }
            Self::CsrfFailed => {
                ("csrf_failed", StatusCode::FORBIDDEN, "The page is out of date; load it again")
            }
            Self::SignInFailed => {
                ("sign_in_failed", StatusCode::UNAUTHORIZED, "Name, password or code is wrong")
            }
            Self::TooManyAttempts => (
                "too_many_attempts",
                StatusCode::TOO_MANY_REQUESTS,
                "Too many failed attempts; wait, then try again",
            ),
            Self::NotSignedIn => ("not_signed_in", StatusCode::UNAUTHORIZED, "Sign in first"),
            Self::ConfirmationRequired => {
                ("confirmation_required", StatusCode::UNAUTHORIZED, "Show once more who you are")
            }
            Self::AccountIncomplete => {
                ("account_incomplete", StatusCode::FORBIDDEN, "Complete your account first")
            }
            Self::PolicyDenied => {
                ("policy_denied", StatusCode::FORBIDDEN, "The policy does not allow this")
            }
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND, "There is no such thing"),
            Self::Conflict => ("conflict", StatusCode::CONFLICT, "Something stands in the way"),
            Self::Overloaded => {
                ("overloaded", StatusCode::TOO_MANY_REQUESTS, "Too many requests are waiting")
            }
            Self::Internal => {
                ("internal", StatusCode::INTERNAL_SERVER_ERROR, "The appliance made a mistake")
            }
            Self::LogUnavailable => (
                "log_unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "The audit log cannot record, so nothing is answered",
            ),
            Self::QueryFailed => (
                "query_failed",
                StatusCode::SERVICE_UNAVAILABLE,
                "The question could not be finished",
            ),
        }
    }

    /// Whether whoever wanted to sign in, or to show once more who they are, can simply try again.
    pub const fn is_about_signing_in(self) -> bool {
        matches!(self, Self::SignInFailed | Self::TooManyAttempts | Self::Overloaded)
    }

    pub(super) const fn retry_after(self) -> Option<u64> {
        match self {
            Self::Overloaded | Self::LogUnavailable | Self::QueryFailed => Some(5),
            Self::BadRequest
            | Self::CsrfFailed
            | Self::SignInFailed
            | Self::TooManyAttempts
            | Self::NotSignedIn
            | Self::ConfirmationRequired
            | Self::AccountIncomplete
            | Self::PolicyDenied
            | Self::NotFound
            | Self::Conflict
            | Self::Internal => None,
        }
    }
}
