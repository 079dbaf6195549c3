//! Who calls: a browser's session cookie, or a script's bearer token.

use std::fmt;
use std::future::{Ready, ready};
use std::net::IpAddr;

use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};

use crate::answer::Asker;
use crate::domain::digest::Digest;
use crate::domain::principal::{Principal, Via};
use crate::examine;
use crate::identity::{Lacking, SignedIn, csrf_matches};
use crate::policy::Needs;

use super::cookies::{own_cookie, shown_cookie};
use super::{Kind, Problem, ROUTES, UseCases};

/// Name of the session cookie, see [`own_cookie`].
const SESSION_COOKIE: &str = "affiant_session";
/// Header that carries the cross-site token of a browser session.
pub const CSRF_HEADER: &str = "x-csrf-token";

/// A caller whose session or token was checked.
#[derive(Clone)]
pub struct Caller {
    /// The person.
    pub principal: Principal,
    /// As the log names them.
    pub actor: crate::audit::Actor,
    /// The secret that they showed, to end the session with.
    pub token: String,
    /// Cross-site token; `None` for bearer tokens, which no browser sends by itself.
    pub csrf: Option<String>,
    /// What they must do before anything else.
    pub lacks: Option<Lacking>,
    /// Names their session or token.
    pub session: String,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("session", &self.session).finish_non_exhaustive()
    }
}

impl Caller {
    /// As `answer` wants them.
    pub fn asker(&self) -> Asker {
        let session = Some(Digest::of(self.token.as_bytes()));
        Asker { principal: self.principal.clone(), actor: self.actor.clone(), session }
    }

    /// As `examine` wants them.
    pub fn reader(&self) -> examine::Reader {
        examine::Reader { actor: self.actor.clone(), person: Some(self.principal.clone()) }
    }

    /// Whether a state-changing request of this caller is their own doing.
    ///
    /// # Errors
    /// [`Kind::CsrfFailed`] where a browser session shows no or a wrong token.
    pub fn check_csrf(&self, shown: Option<&str>) -> Result<(), Problem> {
        let Some(expected) = &self.csrf else { return Ok(()) };
        if csrf_matches(expected, shown.unwrap_or_default()) {
            Ok(())
        } else {
            Err(Problem::new(Kind::CsrfFailed, ""))
        }
    }

    /// [`Self::check_csrf`] with the token of the request's header.
    ///
    /// # Errors
    /// As [`Self::check_csrf`].
    pub fn check_csrf_header(&self, request: &HttpRequest) -> Result<(), Problem> {
        let shown = request.headers().get(CSRF_HEADER).and_then(|value| value.to_str().ok());
        self.check_csrf(shown)
    }

    /// The caller of a request outside the API that takes a right, which the policy looks at with
    /// the scope of their token.
    pub(super) fn with_a_right(request: &HttpRequest) -> Result<Self, Problem> {
        let caller = Self::find(request).ok_or_else(missing)?;
        match caller.lacks {
            Some(lacks) => Err(incomplete(lacks)),
            None => Ok(caller),
        }
    }

    /// The caller of a request, if it shows a session or token that holds.
    pub fn find(request: &HttpRequest) -> Option<Self> {
        let cases = request.app_data::<web::Data<UseCases>>()?;
        let header = request.headers().get(header::AUTHORIZATION);
        let bearer = header.and_then(|value| bearer(value.to_str().ok()?));
        let (token, is_cookie) = match bearer {
            Some(token) => (token.to_owned(), false),
            None => (shown_cookie(request, SESSION_COOKIE, cases.secure_cookies)?, true),
        };
        let SignedIn { principal, csrf, lacks, id } = cases.governor.accounts.session(&token)?;
        if is_cookie && csrf.is_empty() {
            return None; // A script's token asks for no cross-site token, so no cookie carries one.
        }
        let portal = !["/api/", "/log"].iter().any(|start| request.path().starts_with(start));
        let via = if portal { Via::Portal } else { Via::Http };
        let actor = cases.governor.actor(principal.name.as_str(), via, None);
        let csrf = Some(csrf).filter(|csrf| !csrf.is_empty());
        Some(Self { principal, actor, token, csrf, lacks, session: id })
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = Self::find(request).ok_or_else(missing);
        ready(caller.and_then(|caller| match caller.lacks {
            _ if !is_within(&caller.principal, request) => {
                Err(Problem::new(Kind::PolicyDenied, "the token is limited to other actions"))
            }
            Some(lacks) if !is_about_oneself(request.path()) => Err(incomplete(lacks)),
            Some(_) | None => Ok(caller),
        }))
    }
}

/// The token of an `Authorization` header; the scheme in any case (RFC 9110 section 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}

fn missing() -> Problem {
    Problem::new(Kind::NotSignedIn, "sign in, or send `Authorization: Bearer TOKEN`")
}

/// A limited token opens no page, and of what takes no right only what belongs to its actions.
fn is_within(who: &Principal, request: &HttpRequest) -> bool {
    let Some(scope) = &who.token_scope else { return true };
    let pattern = request.match_pattern();
    let Some(path) = pattern.as_deref().and_then(|path| path.strip_prefix("/api/v1")) else {
        return false;
    };
    let name = format!("{} {path}", request.method());
    let door = ROUTES.iter().find(|door| door.name == name);
    door.is_some_and(|door| match (door.needs, door.part_of) {
        (Needs::Nothing | Needs::Right(_), _) => true, // The policy looks at the scope itself.
        (Needs::Account, Some(action)) => scope.contains(action.as_str()),
        (Needs::Account | Needs::Machine, _) => false,
    })
}

/// What also those reach who must complete their account first.
fn is_about_oneself(path: &str) -> bool {
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    let parts = ["/account", "/session", "/sign-out"];
    parts.iter().any(|part| {
        path.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

fn incomplete(lacks: Lacking) -> Problem {
    let detail = match lacks {
        Lacking::Password => "your password was reset: choose one of your own first",
        Lacking::SecondFactor => "your role asks for a second factor: enrol one first",
    };
    let mut problem = Problem::new(Kind::AccountIncomplete, detail);
    problem.members.insert("lacks".to_owned(), lacks.as_str().into());
    problem
}

/// Where a request comes from: what the proxy says where one is configured, else the connection.
pub(crate) fn address(request: &HttpRequest, cases: &UseCases) -> Option<IpAddr> {
    let told = || {
        // The proxy appends the address that it saw; what stands before came with the request.
        // A proxy may add a header of its own after that of the request.
        let chain = request.headers().get_all("x-forwarded-for").last()?.to_str().ok()?;
        chain.rsplit(',').next()?.trim().parse().ok()
    };
    let peer = || request.peer_addr().map(|address| address.ip());
    if cases.behind_proxy { told().or_else(peer) } else { peer() }
}

/// The cookie that carries a session; an empty token ends it.
pub fn session_cookie(token: &str, secure: bool) -> Cookie<'static> {
    let mut cookie = own_cookie(SESSION_COOKIE, token.to_owned(), secure, SameSite::Strict);
    if token.is_empty() {
        cookie.make_removal();
    }
    cookie
}
