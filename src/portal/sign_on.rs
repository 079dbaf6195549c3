//! The other door: signing on through the organisation's OpenID provider.
//!
//! The way back is tied to the browser by a cookie of its own. It must come along when the provider
//! sends the browser back (`SameSite=Lax`), whereas our session's must not (`Strict`): so the last
//! step is a page of ours that leads on, and the session is there when it does.

use actix_web::cookie::{Cookie, SameSite, time::Duration};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use crate::domain::limits::OPENID_OPEN_MS;
use crate::govern::SignOnFailure;
use crate::http::problem::blocking;
use crate::http::{
    Kind, Problem, UseCases, network_address, own_cookie, session_cookie, shown_cookie,
};
use crate::identity::AdmitError;
use crate::identity::openid::{Browser, Proof, ProviderFault, Returned, SignOnError, TokenFault};

use super::address;
use super::entrance::{Door, is_token};
use super::pages::{lead_to, show};
use super::views::{Frame, SignedInPage};

/// Ties a sign-on to the browser that began it.
const SIGN_ON_COOKIE: &str = "affiant_sign_on";
const REFRESH: HeaderName = HeaderName::from_static("refresh");

#[derive(Deserialize)]
pub(super) struct Next {
    next: Option<String>,
    /// Whoever is signed in at the provider proves who they are all the same.
    #[serde(default)]
    fresh: bool,
}

/// `GET /sign-in/openid`: on to the provider.
pub(super) async fn begin(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    query: web::Query<Next>,
) -> Result<HttpResponse, Problem> {
    let Next { next, fresh } = query.into_inner();
    let proof = if fresh { Proof::Fresh } else { Proof::Any };
    let next = next.filter(|next| address::local(next).is_some());
    let door = Door { cases: &cases, request: &request };
    let kept = shown_cookie(&request, SIGN_ON_COOKIE, cases.secure_cookies);
    // Kept, so that a second tab does not spoil the first.
    let browser = kept.filter(|kept| is_token(kept)).unwrap_or_else(|| door.token());
    let (governor, secret, going) =
        (std::sync::Arc::clone(&cases.governor), browser.clone(), next.clone());
    let address = network_address(&request, &cases);
    let begun = blocking(move || {
        let browser = Browser { secret: &secret, address };
        Ok(governor.begin_sign_on(browser, going, proof))
    })
    .await?;
    match begun {
        Ok(place) => {
            let mut reply = lead_to(&place);
            let cookie = cookie(browser, cases.secure_cookies);
            reply.add_cookie(&cookie).map_err(|error| Problem::hidden(Kind::Internal, &error))?;
            Ok(reply)
        }
        Err(failure) => refuse(&door, next, failure),
    }
}

/// `GET /sign-in/openid/return`: back from the provider.
pub(super) async fn finish(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    query: web::Query<Returned>,
) -> Result<HttpResponse, Problem> {
    let door = Door { cases: &cases, request: &request };
    let browser = shown_cookie(&request, SIGN_ON_COOKIE, cases.secure_cookies);
    let governor = std::sync::Arc::clone(&cases.governor);
    let address = network_address(&request, &cases);
    let finished = blocking(move || {
        let secret = browser.unwrap_or_default();
        Ok(governor.finish_sign_on(Browser { secret: &secret, address }, &query.into_inner()))
    })
    .await?;
    let (session, next) = match finished {
        Ok(finished) => finished,
        Err(failure) => return refuse(&door, None, failure),
    };
    let next = next.unwrap_or_else(|| "/".to_owned());
    let mut reply = show(&SignedInPage { frame: Frame::stranger(""), next: next.clone() })?;
    let refresh = HeaderValue::from_str(&format!("0; url={next}"));
    let refresh = refresh.map_err(|error| Problem::hidden(Kind::Internal, &error))?;
    reply.headers_mut().insert(REFRESH, refresh);
    let session = session_cookie(&session.token, cases.secure_cookies);
    reply.add_cookie(&session).map_err(|error| Problem::hidden(Kind::Internal, &error))?;
    Ok(reply)
}

/// The door again, with what went wrong: whoever has a password can still use it.
fn refuse(
    door: &Door<'_>,
    next: Option<String>,
    failure: SignOnFailure,
) -> Result<HttpResponse, Problem> {
    match failure {
        SignOnFailure::NotConfigured => {
            Err(Problem::new(Kind::NotFound, "There is no page at this address."))
        }
        SignOnFailure::NotRecorded(cause) => {
            Err(crate::govern::EnterError::NotRecorded(cause).into())
        }
        SignOnFailure::NotKept(error) => Err(Problem::hidden(Kind::Internal, &error)),
        SignOnFailure::Admit(AdmitError::State(error)) => {
            Err(Problem::hidden(Kind::Internal, &error))
        }
        SignOnFailure::Vault(error) => Err(Problem::hidden(Kind::Internal, &error)),
        SignOnFailure::SignOn(error) => {
            let (status, why) = explain(error);
            door.show(status, "", next, Some(format!("{why} (Code: {error}.)")))
        }
        SignOnFailure::Admit(error) => {
            let why = match error {
                AdmitError::NameTaken => {
                    "Your provider vouches for you, but an account with your name exists here \
                     already. Your administrator can tell you whose it is."
                }
                AdmitError::NameUnfit => {
                    "Your provider gives no name that an account can have here: letters, digits, \
                     '.', '_', '-' or '@', starting with a letter. Tell your administrator."
                }
                AdmitError::Disabled { .. } | AdmitError::NoGroup { .. } | AdmitError::State(_) => {
                    "Your provider vouches for you, but you have no access here. If you should, \
                     ask your administrator."
                }
            };
            door.show(StatusCode::FORBIDDEN, "", next, Some(format!("{why} (Code: {error}.)")))
        }
    }
}

/// What a person can make of it.
const fn explain(error: SignOnError) -> (StatusCode, &'static str) {
    match error {
        SignOnError::Busy => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Very many people are signing in. Try again in a moment.",
        ),
        SignOnError::Refused => (
            StatusCode::FORBIDDEN,
            "Your provider did not sign you in. Try again, or ask whoever runs it.",
        ),
        SignOnError::Unknown | SignOnError::Replayed => (
            StatusCode::FORBIDDEN,
            "This sign-in was begun elsewhere, took too long, or is over. Begin again.",
        ),
        SignOnError::Provider(ProviderFault::Away | ProviderFault::Keys) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Your sign-on provider does not answer, so nobody can sign in through it. Try again \
             in a moment; whoever has a password here can use it.",
        ),
        SignOnError::Provider(ProviderFault::Code) => (
            StatusCode::FORBIDDEN,
            "Your provider does not stand by this sign-in: it was used before, or took too long. \
             Begin again.",
        ),
        SignOnError::Provider(ProviderFault::Client | ProviderFault::Metadata) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "This appliance and your provider do not agree on their settings. Tell your \
             administrator.",
        ),
        SignOnError::Token(TokenFault::Clock | TokenFault::Expired) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "The clocks of this appliance and of your provider differ, so its word cannot be \
             checked. Tell your administrator.",
        ),
        SignOnError::Token(_) => (
            StatusCode::FORBIDDEN,
            "What your provider sent cannot be believed, so you are not signed in. Begin again; \
             if it goes on, tell your administrator.",
        ),
    }
}

fn cookie(browser: String, secure: bool) -> Cookie<'static> {
    let time = Duration::milliseconds(i64::try_from(OPENID_OPEN_MS).unwrap_or(i64::MAX));
    let mut cookie = own_cookie(SIGN_ON_COOKIE, browser, secure, SameSite::Lax);
    cookie.set_max_age(time);
    cookie
}
