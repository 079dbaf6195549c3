//! The door: signing in and out.
//!
//! Before there is a session, the sign-in form is tied to the browser by a short-lived cookie that
//! the form repeats (double submit): another site can make a browser send neither.

use actix_web::cookie::{Cookie, SameSite, time::Duration};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use crate::domain::principal::Via;
use crate::http::problem::blocking;
use crate::http::{
    Caller, Kind, Problem, UseCases, network_address, own_cookie, session_cookie, shown_cookie,
};
use crate::identity::{Place, SignIn, csrf_matches, typed_name};

use super::address;
use super::pages::{frame, lead_to, show_as, with_retry};
use super::views::{Frame, SignInPage, SignOnLink};

/// Ties the sign-in form to the browser.
const DOOR_COOKIE: &str = "affiant_door";
/// How long the sign-in form may stay open.
const DOOR_TIME: Duration = Duration::hours(1);
/// Says in the sign-in page's address that somebody has just left who came by the other door.
const LEFT: &str = "left=provider";
/// 32 random bytes in base64.
const DOOR_CHARS: usize = 43;

#[derive(Deserialize)]
pub(super) struct Next {
    next: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Shown {
    username: String,
    password: String,
    #[serde(default)]
    code: String,
    next: Option<String>,
    #[serde(default)]
    csrf: String,
}

#[derive(Deserialize)]
pub(super) struct SignOut {
    #[serde(default)]
    csrf: String,
}

/// `GET /`: where this person's work is.
pub(super) async fn show_home(cases: web::Data<UseCases>, caller: Caller) -> HttpResponse {
    lead_to(frame(&cases, &caller, None).home())
}

/// `GET /sign-in`.
pub(super) async fn show_sign_in(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    query: web::Query<Next>,
) -> Result<HttpResponse, Problem> {
    let next = query.into_inner().next.filter(|next| address::local(next).is_some());
    if let Some(caller) = Caller::find(&request) {
        let home = frame(&cases, &caller, None).home();
        // Somebody who may do nothing has the door for their home.
        if home != "/sign-in" {
            return Ok(lead_to(next.as_deref().unwrap_or(home)));
        }
    }
    Door { cases: &cases, request: &request }.show(StatusCode::OK, "", next, None)
}

/// `POST /sign-in`.
pub(super) async fn sign_in(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    form: web::Form<Shown>,
) -> Result<HttpResponse, Problem> {
    let Shown { username, password, code, next, csrf } = form.into_inner();
    let next = next.filter(|next| address::local(next).is_some());
    let door = Door { cases: &cases, request: &request };
    let tied = door.shown().is_some_and(|shown| csrf_matches(&shown, &csrf));
    if !tied {
        let why = "This page was open for too long, or cookies are off. Sign in again.";
        return door.show(StatusCode::FORBIDDEN, &username, next, Some(why.to_owned()));
    }
    let governor = std::sync::Arc::clone(&cases.governor);
    let name = typed_name(&username);
    let place = Place::Outside(network_address(&request, &cases));
    let opened = blocking(move || {
        let code = Some(code.trim()).filter(|code| !code.is_empty());
        let shown = SignIn { name: &name, password: &password, code, place };
        Ok(governor.sign_in(&shown, Via::Portal)?)
    })
    .await;
    let session = match opened {
        Ok(session) => session,
        Err(problem) if problem.kind.is_about_signing_in() => {
            let why = Some(sentence(&problem.detail));
            let reply = door.show(problem.kind.row().1, &username, next, why)?;
            return Ok(with_retry(reply, &problem));
        }
        Err(problem) => return Err(problem),
    };
    let next = if session.lacks.is_some() { Some("/account") } else { next.as_deref() };
    let mut reply = lead_to(next.unwrap_or("/"));
    let cookies =
        [session_cookie(&session.token, cases.secure_cookies), door.cookie(String::new())];
    for cookie in cookies {
        reply.add_cookie(&cookie).map_err(|error| Problem::hidden(Kind::Internal, &error))?;
    }
    Ok(reply)
}

/// `POST /sign-out`.
pub(super) async fn sign_out(
    cases: web::Data<UseCases>,
    caller: Caller,
    form: web::Form<SignOut>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf(Some(&form.csrf))?;
    let gone = session_cookie("", cases.secure_cookies);
    let is_federated = blocking(move || {
        cases.governor.sign_out(&caller.token, &caller.actor)?;
        Ok(cases.governor.accounts.is_federated(&caller.principal.name))
    })
    .await?;
    let door = if is_federated { format!("/sign-in?{LEFT}") } else { "/sign-in".to_owned() };
    let mut reply = lead_to(&door);
    reply.add_cookie(&gone).map_err(|error| Problem::hidden(Kind::Internal, &error))?;
    Ok(reply)
}

/// The sign-in page.
pub(super) struct Door<'a> {
    pub(super) cases: &'a UseCases,
    pub(super) request: &'a HttpRequest,
}

impl Door<'_> {
    pub(super) fn show(
        &self,
        status: StatusCode,
        username: &str,
        next: Option<String>,
        problem: Option<String>,
    ) -> Result<HttpResponse, Problem> {
        // Kept, so that the form works in a second tab too.
        let token = self.shown().filter(|kept| is_token(kept)).unwrap_or_else(|| self.token());
        let username = username.to_owned();
        let provider = self.cases.governor.provider.as_ref().map(|provider| SignOnLink {
            name: provider.settings().name.clone(),
            address: address::with_query(
                "/sign-in/openid",
                &[("next", next.as_deref().unwrap_or_default())],
            ),
            leave: self
                .request
                .query_string()
                .contains(LEFT)
                .then(|| provider.leave_url())
                .flatten(),
        });
        let frame = Frame::stranger(&token);
        let page = SignInPage { frame, username, next, problem, provider };
        let mut reply = show_as(status, &page)?;
        let cookie = self.cookie(token);
        reply.add_cookie(&cookie).map_err(|error| Problem::hidden(Kind::Internal, &error))?;
        Ok(reply)
    }

    fn shown(&self) -> Option<String> {
        shown_cookie(self.request, DOOR_COOKIE, self.cases.secure_cookies)
    }

    /// 256 random bits.
    pub(super) fn token(&self) -> String {
        let mut bytes = [0; 32];
        self.cases.entropy.fill(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The cookie with this token; without one it goes.
    fn cookie(&self, token: String) -> Cookie<'static> {
        let gone = token.is_empty();
        let secure = self.cases.secure_cookies;
        let mut cookie = own_cookie(DOOR_COOKIE, token, secure, SameSite::Strict);
        cookie.set_max_age(DOOR_TIME);
        if gone {
            cookie.make_removal();
        }
        cookie
    }
}

/// Whether a cookie holds what [`Door::token`] made.
pub(super) fn is_token(text: &str) -> bool {
    text.len() == DOOR_CHARS
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// A message of the program as a sentence for people.
pub(super) fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tokens_of_our_own_form_are_kept() {
        assert!(is_token(&URL_SAFE_NO_PAD.encode([7; 32])));
        for other in ["", "short", &"é".repeat(43), &"<".repeat(43)] {
            assert!(!is_token(other), "{other}");
        }
    }

    #[test]
    fn messages_become_sentences() {
        assert_eq!(sentence("the name is wrong"), "The name is wrong.");
        assert_eq!(sentence(""), ".");
    }
}
