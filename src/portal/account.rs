//! One's own account: password, second factor, sessions and tokens.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use crate::govern::Revoked;
use crate::http::problem::blocking;
use crate::http::{Caller, Kind, Problem, UseCases, network_address};
use crate::identity::{Lacking, NewToken, SignIn, row_id, token_scope};
use crate::store::{AccountRow, PasswordBy, SessionKind, SessionRow};

use super::address;
use super::entrance::sentence;
use super::pages::{frame, lead_to, show, show_as};
use super::views::{
    AccountPage, ConfirmPage, Moment, QrPicture, SecondFactorPage, SessionLine, ShownOncePage,
};

/// Longest that a token of this page holds.
const TOKEN_DAYS_MAX: u64 = 90;

#[derive(Deserialize)]
pub(super) struct Posted {
    #[serde(default)]
    csrf: String,
}

#[derive(Deserialize)]
pub(super) struct Passwords {
    #[serde(default)]
    csrf: String,
    password: String,
    #[serde(default)]
    code: String,
    new_password: String,
    repeated: String,
}

#[derive(Deserialize)]
pub(super) struct Code {
    #[serde(default)]
    csrf: String,
    code: String,
}

#[derive(Deserialize)]
pub(super) struct Ended {
    #[serde(default)]
    csrf: String,
    /// A session or token; empty for every other session.
    #[serde(default)]
    id: String,
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    label: String,
    days: u64,
    #[serde(default)]
    scope: String,
}

#[derive(Deserialize)]
pub(super) struct Next {
    next: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Shown {
    #[serde(default)]
    csrf: String,
    password: String,
    #[serde(default)]
    code: String,
    next: Option<String>,
}

/// `GET /account`.
pub(super) async fn show_account(
    cases: web::Data<UseCases>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    show(&blocking(move || account(&cases, &caller, None)).await?)
}

/// `POST /account/password`.
pub(super) async fn change_password(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    form: web::Form<Passwords>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf(Some(&form.csrf))?;
    let address = network_address(&request, &cases);
    let Passwords { password, code, new_password, repeated, .. } = form.into_inner();
    if new_password != repeated {
        let why = "The new password and its repetition differ.".to_owned();
        let page = blocking(move || account(&cases, &caller, Some(why))).await?;
        return show_as(StatusCode::BAD_REQUEST, &page);
    }
    again(cases, caller, move |cases, caller| {
        let name = caller.principal.name.as_str();
        let shown = SignIn { name, password: &password, code: given(&code), address };
        let keep = Some(caller.token.as_str());
        cases.governor.change_password(&caller.actor, &shown, new_password.into(), keep)?;
        Ok(())
    })
    .await
}

/// `POST /account/second-factor`: begins to enrol one.
pub(super) async fn begin_second_factor(
    cases: web::Data<UseCases>,
    caller: Caller,
    form: web::Form<Posted>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf(Some(&form.csrf))?;
    let page = blocking(move || {
        let owner = cases.governor.accounts.owned(&caller.token)?;
        let begun = cases.governor.begin_enrolment(&owner)?;
        let picture = QrPicture::of(&begun.uri);
        let frame = frame(&cases, &caller, None);
        Ok(SecondFactorPage { frame, secret: begun.secret, uri: begun.uri, picture })
    })
    .await?;
    show(&page)
}

/// `POST /account/second-factor/confirm`: puts it in force.
pub(super) async fn confirm_second_factor(
    cases: web::Data<UseCases>,
    caller: Caller,
    form: web::Form<Code>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf(Some(&form.csrf))?;
    let page = blocking(move || {
        let owner = cases.governor.accounts.owned(&caller.token)?;
        let code = form.code.trim();
        let secrets = cases.governor.finish_enrolment(&owner, &caller.actor, code)?;
        // What was lacking is there now: the frame is another.
        let caller = Caller { lacks: None, ..caller };
        Ok(ShownOncePage {
            frame: frame(&cases, &caller, None),
            title: "Recovery codes",
            lead:
                "Your second factor is in force. Each of these codes stands in for it once. Print \
                   them and lock them away: they are not shown again."
                    .to_owned(),
            secrets,
        })
    })
    .await?;
    show(&page)
}

/// `POST /account/second-factor/remove`.
pub(super) async fn remove_second_factor(
    cases: web::Data<UseCases>,
    caller: Caller,
    form: web::Form<Posted>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf(Some(&form.csrf))?;
    again(cases, caller, |cases, caller| {
        let who = cases.governor.accounts.confirmed(&caller.token)?;
        Ok(cases.governor.remove_second_factor(&who, &caller.actor)?)
    })
    .await
}

/// `POST /account/sessions/end`.
pub(super) async fn end_sessions(
    cases: web::Data<UseCases>,
    caller: Caller,
    form: web::Form<Ended>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf(Some(&form.csrf))?;
    again(cases, caller, move |cases, caller| {
        let which = match form.id.as_str() {
            "" => Revoked::Sessions { keep: Some(&caller.session) },
            id => Revoked::One(id),
        };
        let name = caller.principal.name.as_str();
        cases.governor.revoke(&caller.actor, name, which)?;
        Ok(())
    })
    .await
}

/// `POST /account/tokens`.
pub(super) async fn create_token(
    cases: web::Data<UseCases>,
    caller: Caller,
    form: web::Form<Wanted>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf(Some(&form.csrf))?;
    let Wanted { label, days, scope, .. } = form.into_inner();
    if !(1..=TOKEN_DAYS_MAX).contains(&days) {
        let detail = format!("A token holds 1 to {TOKEN_DAYS_MAX} days.");
        return Err(Problem::new(Kind::BadRequest, detail));
    }
    let words = scope.split([' ', ',']).filter(|word| !word.is_empty());
    let scope = token_scope(words)?;
    let page = blocking(move || {
        let who = cases.governor.accounts.confirmed(&caller.token)?;
        let new = NewToken { ttl: Duration::from_secs(days * 24 * 3_600), label, scope };
        let (token, expires) = cases.governor.issue_own_token(&who, &caller.actor, new)?;
        Ok(ShownOncePage {
            frame: frame(&cases, &caller, None),
            title: "A token for your script",
            lead: format!(
                "It is sent as “Authorization: Bearer …”, and holds until {}. It is not shown again.",
                Moment(expires)
            ),
            secrets: vec![token],
        })
    })
    .await?;
    show(&page)
}

/// `GET /account/confirm`.
pub(super) async fn show_confirm(
    cases: web::Data<UseCases>,
    caller: Caller,
    query: web::Query<Next>,
) -> Result<HttpResponse, Problem> {
    let next = query.into_inner().next.filter(|next| address::local(next).is_some());
    show(&blocking(move || confirm_page(&cases, &caller, next, None)).await?)
}

/// `POST /account/confirm`: password and code once more.
pub(super) async fn confirm(
    cases: web::Data<UseCases>,
    request: HttpRequest,
    caller: Caller,
    form: web::Form<Shown>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf(Some(&form.csrf))?;
    let from = network_address(&request, &cases);
    let Shown { password, code, next, .. } = form.into_inner();
    let next = next.filter(|next| address::local(next).is_some());
    let name = caller.principal.name.to_string();
    let (governor, actor) = (std::sync::Arc::clone(&cases.governor), caller.actor.clone());
    let token = caller.token.clone();
    let confirmed = blocking(move || {
        let shown = SignIn { name: &name, password: &password, code: given(&code), address: from };
        Ok(governor.confirm_session(&actor, &token, &shown)?)
    })
    .await;
    match confirmed {
        Ok(()) => Ok(lead_to(next.as_deref().unwrap_or("/account"))),
        Err(problem) if problem.kind == Kind::SignInFailed => {
            let why = Some(sentence(&problem.detail));
            let page = blocking(move || confirm_page(&cases, &caller, next, why)).await?;
            show_as(StatusCode::UNAUTHORIZED, &page)
        }
        Err(problem) => Err(problem),
    }
}

fn confirm_page(
    cases: &UseCases,
    caller: &Caller,
    next: Option<String>,
    problem: Option<String>,
) -> Result<ConfirmPage, Problem> {
    let row = cases.governor.accounts.find_row(caller.principal.name.as_str())?;
    let has_second_factor = row.second_factor.is_some();
    let back = next.as_deref().unwrap_or("/account");
    let provider = row
        .federated
        .map(|_| address::with_query("/sign-in/openid", &[("fresh", "true"), ("next", back)]));
    let frame = frame(cases, caller, None);
    Ok(ConfirmPage { frame, next, problem, has_second_factor, provider })
}

/// Does something, and shows the account again: with what was wrong, where something was.
async fn again(
    cases: web::Data<UseCases>,
    caller: Caller,
    act: impl FnOnce(&UseCases, &Caller) -> Result<(), Problem> + Send + 'static,
) -> Result<HttpResponse, Problem> {
    let page = blocking(move || match act(&cases, &caller) {
        Ok(()) => Ok(None),
        Err(problem) if matches!(problem.kind, Kind::BadRequest | Kind::SignInFailed) => {
            let status = problem.kind.row().1;
            Ok(Some((status, account(&cases, &caller, Some(sentence(&problem.detail)))?)))
        }
        Err(problem) => Err(problem),
    })
    .await?;
    match page {
        Some((status, page)) => show_as(status, &page),
        None => Ok(lead_to("/account")),
    }
}

fn account(
    cases: &UseCases,
    caller: &Caller,
    problem: Option<String>,
) -> Result<AccountPage, Problem> {
    let name = caller.principal.name.as_str();
    let accounts = &cases.governor.accounts;
    let (row, sessions) = (accounts.find_row(name)?, accounts.sessions(name)?);
    let lines = |kind: SessionKind| -> Vec<SessionLine> {
        let rows = sessions.iter().filter(|row| row.kind == kind);
        rows.map(|row| line(row, caller)).collect()
    };
    let AccountRow { second_factor, password_by, .. } = row;
    Ok(AccountPage {
        frame: frame(cases, caller, None),
        first: caller.lacks.map(|lacks| match lacks {
            Lacking::Password => "Your password was reset. Choose one of your own first.",
            Lacking::SecondFactor => "Your role asks for a second factor. Enrol one first.",
        }),
        problem,
        password_is_own: password_by == PasswordBy::Owner,
        second_factor: second_factor.map(|found| (Moment(found.since), found.recovery.len())),
        sessions: lines(SessionKind::Session),
        tokens: lines(SessionKind::ApiToken),
    })
}

fn line(row: &SessionRow, caller: &Caller) -> SessionLine {
    let scope = row.scope.as_ref().map(|scope| scope.iter().cloned().collect::<Vec<_>>());
    SessionLine {
        id: row_id(row),
        label: row.label.clone(),
        scope: scope.map_or_else(|| "all that you may do".to_owned(), |scope| scope.join(", ")),
        created: Moment(row.created),
        last_used: Moment(row.seen),
        expires: Moment(row.expires),
        is_own: row.is_own,
        is_this: row_id(row) == caller.session,
    }
}

fn given(code: &str) -> Option<&str> {
    Some(code.trim()).filter(|code| !code.is_empty())
}
