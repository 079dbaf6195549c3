//! One's own account: password, second factor, sessions and tokens.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Deserialize;

use crate::domain::limits::TOKEN_MS_MAX;
use crate::govern::{GovernError, Revoked};
use crate::http::problem::blocking;
use crate::http::{Caller, Kind, Problem, UseCases};
use crate::identity::openid::Provider;
use crate::identity::{
    AccountError, Enrolment, Lacking, NewToken, Place, SignIn, row_id, token_scope,
};
use crate::store::{AccountRow, PasswordBy, SessionKind, SessionRow};

use super::address;
use super::entrance::sentence;
use super::pages::{frame, lead_to, show, show_as, show_problem};
use super::views::{
    AccountPage, ConfirmPage, Moment, QrPicture, SecondFactorPage, SessionLine, ShownOncePage,
};

/// Longest that a token of this page holds.
const TOKEN_DAYS_MAX: u64 = TOKEN_MS_MAX / (24 * 3_600 * 1_000);

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
pub(super) struct Done {
    done: Option<String>,
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
    query: web::Query<Done>,
) -> Result<HttpResponse, Problem> {
    let done = query.into_inner().done;
    let page = blocking(move || {
        let page = account(&cases, &caller, None)?;
        Ok(AccountPage { done: done.as_deref().and_then(done_sentence), ..page })
    });
    show(&page.await?)
}

/// What was done, by the word for it in the address.
fn done_sentence(word: &str) -> Option<&'static str> {
    match word {
        "password" => Some("Your password is changed. Your other sessions and all tokens ended."),
        "sessions" => Some("It ended."),
        "second-factor" => Some("You have no second factor any more."),
        _ => None,
    }
}

/// `POST /account/password`.
pub(super) async fn change_password(
    cases: web::Data<UseCases>,
    caller: Caller,
    form: web::Form<Passwords>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf(Some(&form.csrf))?;
    let Passwords { password, code, new_password, repeated, .. } = form.into_inner();
    if new_password != repeated {
        let why = "The new password and its repetition differ.".to_owned();
        let page = blocking(move || account(&cases, &caller, Some(why))).await?;
        return show_as(StatusCode::BAD_REQUEST, &page);
    }
    again(cases, caller, "password", move |cases, caller| {
        let name = caller.principal.name.as_str();
        let place = Place::Session;
        let shown = SignIn { name, password: &password, code: given(&code), place };
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
        Ok(second_factor(&cases, &caller, begun, None))
    })
    .await?;
    show(&page)
}

fn second_factor(
    cases: &UseCases,
    caller: &Caller,
    begun: Enrolment,
    problem: Option<String>,
) -> SecondFactorPage {
    let Enrolment { secret, uri } = begun;
    let picture = QrPicture::of(&uri);
    SecondFactorPage { frame: frame(cases, caller, None), secret, uri, picture, problem }
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
        let secrets = match cases.governor.finish_enrolment(&owner, &caller.actor, code) {
            Ok(secrets) => secrets,
            Err(GovernError::Account(error @ AccountError::WrongCode)) => {
                let begun = cases.governor.accounts.begun_enrolment(&owner)?;
                let why = Some(sentence(&error.to_string()));
                return Ok(Err(second_factor(&cases, &caller, begun, why)));
            }
            Err(error) => return Err(error.into()),
        };
        // What was lacking is there now: the frame is another.
        let caller = Caller { lacks: None, ..caller };
        Ok(Ok(ShownOncePage {
            frame: frame(&cases, &caller, None),
            title: "Recovery codes",
            lead:
                "Your second factor is in force. Each of these codes stands in for it once. Print \
                   them and lock them away: they are not shown again."
                    .to_owned(),
            secrets,
        }))
    })
    .await?;
    match page {
        Ok(done) => show(&done),
        Err(again) => show_as(StatusCode::BAD_REQUEST, &again),
    }
}

/// `POST /account/second-factor/remove`.
pub(super) async fn remove_second_factor(
    cases: web::Data<UseCases>,
    caller: Caller,
    form: web::Form<Posted>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf(Some(&form.csrf))?;
    again(cases, caller, "second-factor", |cases, caller| {
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
    again(cases, caller, "sessions", move |cases, caller| {
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
    caller: Caller,
    form: web::Form<Shown>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf(Some(&form.csrf))?;
    let Shown { password, code, next, .. } = form.into_inner();
    let next = next.filter(|next| address::local(next).is_some());
    let name = caller.principal.name.to_string();
    let (governor, actor) = (std::sync::Arc::clone(&cases.governor), caller.actor.clone());
    let token = caller.token.clone();
    let confirmed = blocking(move || {
        let place = Place::Session;
        let shown = SignIn { name: &name, password: &password, code: given(&code), place };
        Ok(governor.confirm_session(&actor, &token, &shown)?)
    })
    .await;
    match confirmed {
        Ok(()) => Ok(lead_to(next.as_deref().unwrap_or("/account"))),
        Err(problem) if problem.kind.is_about_signing_in() => {
            let why = Some(sentence(&problem.detail));
            let page = blocking(move || confirm_page(&cases, &caller, next, why)).await?;
            show_problem(&problem, &page)
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
    done: &str,
    act: impl FnOnce(&UseCases, &Caller) -> Result<(), Problem> + Send + 'static,
) -> Result<HttpResponse, Problem> {
    let page = blocking(move || match act(&cases, &caller) {
        Ok(()) => Ok(None),
        Err(problem) if problem.kind == Kind::BadRequest || problem.kind.is_about_signing_in() => {
            let page = account(&cases, &caller, Some(sentence(&problem.detail)))?;
            Ok(Some((problem, page)))
        }
        Err(problem) => Err(problem),
    })
    .await?;
    match page {
        Some((problem, page)) => show_problem(&problem, &page),
        None => Ok(lead_to(&address::with_query("/account", &[("done", done)]))),
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
    let AccountRow { second_factor, password_by, federated, .. } = row;
    let provider = federated.map(|federated| {
        let known = cases.governor.provider.as_ref().map(Provider::settings);
        known.map_or(federated.issuer, |settings| settings.name.clone())
    });
    Ok(AccountPage {
        frame: frame(cases, caller, None),
        first: caller.lacks.map(|lacks| match lacks {
            Lacking::Password => "Your password was reset. Choose one of your own first.",
            Lacking::SecondFactor => "Your role asks for a second factor. Enrol one first.",
        }),
        problem,
        done: None,
        provider,
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
