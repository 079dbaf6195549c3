//! `affiant user …`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cli::account_args::UserCommand;
use crate::cli::context::Context;
use crate::cli::reply::{Failure, Reply};
use crate::domain::change::Proposal;
use crate::domain::principal::{Attributes, Role};
use crate::identity::NewAccount;
use crate::policy::Action;
use crate::store::PasswordBy;

use super::{changes, credentials};

pub(super) fn user(context: &mut Context<'_>, command: UserCommand) -> Result<Reply, Failure> {
    match command {
        UserCommand::Add { name, role, attr, password_stdin, as_user } => {
            let password = if password_stdin { context.stdin.take() } else { None };
            add(context, Wanted { name, role, attr, password }, as_user.as_deref())
        }
        UserCommand::Token { .. }
        | UserCommand::Tokens { .. }
        | UserCommand::RevokeToken { .. }
        | UserCommand::SignOut { .. }
        | UserCommand::Password { .. }
        | UserCommand::Totp { .. } => credentials::credentials(context, command),
        UserCommand::Grant { name, role, as_user, reason, credential } => {
            let proposal = Proposal::GrantRole { account: name.parse()?, role: role.parse()? };
            changes::propose(context, &as_user, &credential, reason, |_, _| Ok(proposal))
        }
        UserCommand::List { as_user } => {
            context.allowed(as_user.as_deref(), Action::ManageAccounts)?;
            list(context)
        }
        UserCommand::Disable { name, as_user } => {
            let by = context.by(as_user.as_deref())?;
            let governor = &context.app()?.governor;
            governor.disable_account(by.changer(), &by.actor, &name)?;
            let value = json!({ "username": name, "disabled": true });
            Ok(Reply::done(value, format!("{name} is disabled")))
        }
    }
}

struct Wanted {
    name: String,
    role: Vec<String>,
    attr: Vec<String>,
    password: Option<String>,
}

fn add(context: &mut Context<'_>, wanted: Wanted, as_user: Option<&str>) -> Result<Reply, Failure> {
    let Wanted { name, role, attr, password } = wanted;
    let roles = role.iter().map(|role| role.parse()).collect::<Result<BTreeSet<Role>, _>>()?;
    let new = NewAccount {
        name: name.parse()?,
        roles,
        attributes: pairs(&attr)?,
        password: password.map(Into::into),
    };
    let by = context.by(as_user)?;
    let created = context.app()?.governor.create_account(by.changer(), &by.actor, new)?;
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
            "second_factor": row.second_factor.is_some(),
            "credential_is_own": row.password_by == PasswordBy::Owner,
            "created": row.created.to_string(),
        }));
    }
    Ok(Reply::done(json!({ "users": users }), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_or_refused() {
        let sets = pairs(&["matter=A".into(), "matter=B".into()]).unwrap();
        assert_eq!(sets["matter"].len(), 2);
        assert!(pairs(&["matter".into()]).is_err());
    }
}
