//! The door, and what a person is told when something went wrong.

use askama::Template;

use super::frame::Frame;

/// `GET /sign-in`, and again after a failed `POST /sign-in`.
#[derive(Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The name typed before, kept after a failure.
    pub username: String,
    /// Where to go afterwards: a local path, checked by the caller.
    pub next: Option<String>,
    /// Why signing in failed, in words that do not tell which part was wrong.
    pub problem: Option<String>,
    /// The other door.
    pub provider: Option<SignOnLink>,
}

/// The way in through the organisation's OpenID provider.
pub struct SignOnLink {
    /// What people call it.
    pub name: String,
    /// Where it begins.
    pub address: String,
    /// Where to sign out of the provider too, right after signing out here.
    pub leave: Option<String>,
}

/// Leads on to where a person was going, once they are signed on.
#[derive(Template)]
#[template(path = "signed_in.html")]
pub struct SignedInPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Where to: a local path, checked by the caller.
    pub next: String,
}

/// A problem as a page; the JSON API sends the same as `application/problem+json`.
#[derive(Template)]
#[template(path = "problem.html")]
pub struct ProblemPage {
    /// What surrounds it.
    pub frame: Frame,
    /// HTTP status.
    pub status: u16,
    /// Our code, e.g. `policy_denied`.
    pub code: String,
    /// What happened, in one line.
    pub title: String,
    /// More, where it is safe to say.
    pub detail: Option<String>,
    /// What the person can do about it.
    pub remedy: Option<String>,
    /// The request id to quote to support.
    pub request: String,
    /// The log entry that recorded it.
    pub entry: Option<u64>,
}
