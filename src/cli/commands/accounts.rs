//! `affiant user …`.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::account_args::UserCommand;
use crate::cli::context::Context;
use crate::cli::reply::{Failure, Reply};
use crate::domain::change::Proposal;
use crate::domain::principal::{Attributes, Role};
use crate::govern::Changer;
use crate::identity::NewAccount;

use super::changes;

/// A token for scripts holds at most this long.
const TTL_MAX: Duration = Duration::from_secs(90 * 24 * 3_600);

pub(super) fn user(context: &mut Context<'_>, command: UserCommand) -> Result<Reply, Failure> {
    match command {
        UserCommand::Add { name, role, attr, password_stdin } => {
            let password = if password_stdin { context.stdin.take() } else { None };
            add(context, &name, &role, &attr, password)
        }
        UserCommand::Token { name, ttl } => token(context, &name, &ttl),
        UserCommand::Grant { name, role, as_user, reason, credential } => {
            let proposal = Proposal::GrantRole { account: name.parse()?, role: role.parse()? };
            changes::propose(context, &as_user, &credential, reason, |_| Ok(proposal))
        }
        UserCommand::List => list(context),
        UserCommand::Disable { name } => {
            let actor = context.operator()?;
            let governor = &context.app()?.governor;
            governor.disable_account(Changer::Operator, &actor, &name)?;
            let value = json!({ "username": name, "disabled": true });
            Ok(Reply::done(value, format!("{name} is disabled")))
        }
    }
}

fn add(
    context: &mut Context<'_>,
    name: &str,
    roles: &[String],
    attributes: &[String],
    password: Option<String>,
) -> Result<Reply, Failure> {
    let roles = roles.iter().map(|role| role.parse()).collect::<Result<BTreeSet<Role>, _>>()?;
    let new = NewAccount {
        name: name.parse()?,
        roles,
        attributes: pairs(attributes)?,
        password: password.map(Into::into),
    };
    let actor = context.operator()?;
    let created = context.app()?.governor.create_account(Changer::Operator, &actor, new)?;
    let mut value = json!({
        "username": created.principal.name,
        "roles": created.principal.roles,
        "attributes": created.principal.attributes,
    });
    let mut text = format!("{name} is created");
    if let (Some(password), Some(object)) = (&created.password, value.as_object_mut()) {
        object.insert("password".to_owned(), json!(password));
        text = format!("{text}; password: {password}");
    }
    Ok(Reply::done(value, text))
}

/// `K=V` pairs as sets by key.
pub(super) fn pairs(attributes: &[String]) -> Result<Attributes, Failure> {
    let mut sets = Attributes::new();
    for pair in attributes {
        let (key, value) = pair
            .split_once('=')
            .filter(|(key, value)| !key.is_empty() && !value.is_empty())
            .ok_or_else(|| Failure::usage(format!("attribute {pair:?} is not KEY=VALUE")))?;
        sets.entry(key.to_owned()).or_default().insert(value.to_owned());
    }
    Ok(sets)
}

fn token(context: &mut Context<'_>, name: &str, ttl: &str) -> Result<Reply, Failure> {
    let ttl = duration(ttl)?;
    let actor = context.operator()?;
    let governor = &context.app()?.governor;
    let (token, expires) = governor.issue_token(Changer::Operator, &actor, name, ttl)?;
    let value = json!({ "username": name, "token": token, "expires": expires.to_string() });
    Ok(Reply::done(value, format!("{token}\n(holds until {expires}; it is not shown again)")))
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

fn list(context: &mut Context<'_>) -> Result<Reply, Failure> {
    let app = context.app()?;
    let (rows, now) = (app.governor.accounts.list()?, app.clock.now());
    let mut text = String::new();
    let mut users: Vec<Value> = Vec::new();
    for row in rows {
        let who = row.principal(now);
        let roles: Vec<&str> = who.roles.iter().map(|role| role.as_str()).collect();
        let state = if row.disabled { "  (disabled)" } else { "" };
        text.push_str(&format!("{:<24} {}{state}\n", row.name, roles.join(", ")));
        users.push(json!({
            "username": row.name,
            "roles": who.roles,
            "attributes": who.attributes,
            "federated": row.federated.is_some(),
            "disabled": row.disabled,
            "created": row.created.to_string(),
        }));
    }
    Ok(Reply::done(json!({ "users": users }), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_pairs_are_read_or_refused() {
        assert_eq!(duration("90m").unwrap(), Duration::from_secs(5_400));
        for wrong in ["", "h", "1", "1w", "0h", "91d", "-1h", "é"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        let sets = pairs(&["matter=A".into(), "matter=B".into()]).unwrap();
        assert_eq!(sets["matter"].len(), 2);
        assert!(pairs(&["matter".into()]).is_err());
    }
}
