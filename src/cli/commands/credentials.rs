//! `affiant user token|tokens|revoke-token|sign-out|password|totp`.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::account_args::UserCommand;
use crate::cli::context::Context;
use crate::cli::duty_args::CredentialArgs;
use crate::cli::reply::{Failure, Reply};
use crate::domain::limits::TOKEN_MS_MAX;
use crate::domain::principal::Via;
use crate::domain::secret::Secret;
use crate::govern::Revoked;
use crate::http::session_body;
use crate::identity::{NewToken, Place, SignIn, token_scope};
use crate::policy::Action;
use crate::store::SessionKind;

/// A token for scripts holds at most this long.
const TTL_MAX: Duration = Duration::from_millis(TOKEN_MS_MAX);

pub(super) fn credentials(
    context: &mut Context<'_>,
    command: UserCommand,
) -> Result<Reply, Failure> {
    match command {
        UserCommand::Token { name, ttl, scope, label, as_user, credential } => {
            let scope = token_scope(scope.iter().map(String::as_str))?;
            let new = NewToken { ttl: duration(&ttl)?, label, scope };
            token(context, &name, new, as_user.as_deref(), &credential)
        }
        UserCommand::Tokens { name, as_user } => tokens(context, &name, as_user.as_deref()),
        UserCommand::RevokeToken { name, id, as_user } => {
            revoke(context, &name, as_user.as_deref(), Revoked::One(&id))
        }
        UserCommand::SignOut { name, as_user } => {
            revoke(context, &name, as_user.as_deref(), Revoked::Sessions { keep: None })
        }
        UserCommand::Password { name, reset: true, as_user, .. } => {
            let by = context.by(as_user.as_deref())?;
            let governor = &context.app()?.governor;
            let password = governor.reset_password(by.changer(), &by.actor, &name)?;
            let text = format!("{name}: {password}\n(to be changed when they sign in)");
            Ok(Reply::done(json!({ "username": name, "password": password }), text))
        }
        UserCommand::Password { name, new_password_file, credential, .. } => {
            let file = new_password_file.unwrap_or_default();
            password(context, &name, &file, credential.code.as_deref())
        }
        UserCommand::Totp { name, reset: true, as_user, .. } => {
            let by = context.by(as_user.as_deref())?;
            let governor = &context.app()?.governor;
            governor.reset_second_factor(by.changer(), &by.actor, &name)?;
            Ok(removed(&name))
        }
        UserCommand::Totp { name, remove: true, credential, .. } => {
            let (who, actor) = context.confirmed(&name, &credential)?;
            context.app()?.governor.remove_second_factor(&who, &actor)?;
            Ok(removed(&name))
        }
        UserCommand::Totp { name, confirm, credential, .. } => {
            totp(context, &name, confirm.as_deref(), &credential)
        }
        UserCommand::Add { .. }
        | UserCommand::Grant { .. }
        | UserCommand::List { .. }
        | UserCommand::Revoke { .. }
        | UserCommand::Disable { .. }
        | UserCommand::Enable { .. } => Err(Failure::usage("not a command of credentials")),
    }
}

fn token(
    context: &mut Context<'_>,
    name: &str,
    new: NewToken,
    as_user: Option<&str>,
    credential: &CredentialArgs,
) -> Result<Reply, Failure> {
    let scope = new.scope.clone();
    let is_own = credential.is_there();
    let (token, expires) = if is_own {
        let (who, actor) = context.confirmed(name, credential)?;
        context.app()?.governor.issue_own_token(&who, &actor, new)?
    } else {
        let by = context.by(as_user)?;
        context.app()?.governor.issue_token(by.changer(), &by.actor, name, new)?
    };
    let value = json!({
        "username": name, "token": token, "expires": expires.to_string(), "scope": scope,
        "is_own": is_own,
    });
    let confirms =
        if is_own { "" } else { "; it confirms nothing that takes their own credential" };
    let text = format!("{token}\n(holds until {expires}{confirms}; it is not shown again)");
    Ok(Reply::done(value, text))
}

fn tokens(context: &mut Context<'_>, name: &str, as_user: Option<&str>) -> Result<Reply, Failure> {
    context.allowed_for(as_user, name, Action::ManageAccounts)?;
    let accounts = &context.app()?.governor.accounts;
    accounts.find_row(name)?;
    let rows = accounts.sessions(name)?;
    let of = |kind: SessionKind| -> Vec<Value> {
        rows.iter().filter(|row| row.kind == kind).map(session_body).collect()
    };
    let mut text = String::new();
    for row in &rows {
        let kind = match row.kind {
            SessionKind::Session => "session",
            SessionKind::ApiToken => "token",
        };
        let id = crate::identity::row_id(row);
        text.push_str(&format!(
            "{id}  {kind:<7}  last used {}, until {}  {}\n",
            row.seen, row.expires, row.label
        ));
    }
    let (tokens, sessions) = (of(SessionKind::ApiToken), of(SessionKind::Session));
    Ok(Reply::done(json!({ "username": name, "tokens": tokens, "sessions": sessions }), text))
}

fn revoke(
    context: &mut Context<'_>,
    name: &str,
    as_user: Option<&str>,
    which: Revoked<'_>,
) -> Result<Reply, Failure> {
    let actor = context.allowed_for(as_user, name, Action::ManageAccounts)?;
    let governor = &context.app()?.governor;
    governor.accounts.find_row(name)?;
    let ended = governor.revoke(&actor, name, which)?;
    Ok(Reply::done(json!({ "username": name, "ended": ended }), format!("{ended} ended")))
}

fn password(
    context: &mut Context<'_>,
    name: &str,
    new: &Path,
    code: Option<&str>,
) -> Result<Reply, Failure> {
    let path = context.path(new);
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    let new = Secret::new(text.lines().next().unwrap_or_default().to_owned());
    let password = Secret::new(context.stdin.take().unwrap_or_default());
    let os_user = context.os_user.clone();
    let governor = &context.app()?.governor;
    let actor = governor.actor(name, Via::Cli, os_user);
    let shown = SignIn { name, password: password.expose(), code, place: Place::Machine };
    governor.change_password(&actor, &shown, new, None)?;
    let text = format!("{name} has a password of their own; every session and token has ended");
    Ok(Reply::done(json!({ "username": name, "password_is_own": true }), text))
}

fn totp(
    context: &mut Context<'_>,
    name: &str,
    confirm: Option<&str>,
    credential: &CredentialArgs,
) -> Result<Reply, Failure> {
    let (owner, actor) = context.owner(name, credential)?;
    let governor = &context.app()?.governor;
    let Some(code) = confirm else {
        let begun = governor.begin_enrolment(&owner)?;
        let text = format!(
            "secret {}\n{}\nGive either to your authenticator, then run this again with --confirm \
             and the code that it shows.",
            begun.secret, begun.uri
        );
        let value = json!({ "username": name, "secret": begun.secret, "uri": begun.uri });
        return Ok(Reply::done(value, text));
    };
    let codes = governor.finish_enrolment(&owner, &actor, code)?;
    let list: String = codes.iter().map(|code| format!("  {code}\n")).collect();
    let text = format!(
        "the second factor of {name} is in force; each of these codes stands in for it once:\n{list}\
         They are not shown again."
    );
    Ok(Reply::done(json!({ "username": name, "recovery_codes": codes }), text))
}

fn removed(name: &str) -> Reply {
    let value = json!({ "username": name, "second_factor": false });
    Reply::done(value, format!("{name} has no second factor any more"))
}

fn duration(text: &str) -> Result<Duration, Failure> {
    let wrong = || Failure::usage(format!("{text:?} is not a duration: give 30m, 1h or 7d"));
    let (number, unit) = text
        .char_indices()
        .next_back()
        .and_then(|(at, _)| text.split_at_checked(at))
        .ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let ttl = Duration::from_secs(number.saturating_mul(seconds));
    if ttl.is_zero() || ttl > TTL_MAX {
        return Err(Failure::usage(format!("{text:?} is not between 1s and 90d")));
    }
    Ok(ttl)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_or_refused() {
        assert_eq!(duration("90m").unwrap(), Duration::from_secs(5_400));
        for wrong in ["", "h", "1", "1w", "0h", "91d", "-1h", "é"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
