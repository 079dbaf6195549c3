//! `affiant user …`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::cli::account_args::UserCommand;
use crate::cli::context::Context;
use crate::cli::reply::{Failure, Reply};
use crate::domain::change::Proposal;
use crate::domain::principal::{Attributes, Entitlements, Role};
use crate::govern::{Disabled, Made};
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
        UserCommand::Grant { name, role, attr, as_user, reason, credential } => {
            let rights = entitlements(&role, &attr)?;
            let proposal = Proposal::GrantRights { account: name.parse()?, rights };
            changes::propose(context, &as_user, &credential, reason, |_, _| Ok(proposal))
        }
        UserCommand::Revoke { name, role, attr, as_user } => {
            revoke(context, &name, &entitlements(&role, &attr)?, as_user.as_deref())
        }
        UserCommand::Enable { name, as_user: Some(who), reason, credential } => {
            let proposal = Proposal::EnableAccount { account: name.parse()? };
            let reason = reason.unwrap_or_default();
            changes::propose(context, &who, &credential, reason, |_, _| Ok(proposal))
        }
        UserCommand::Enable { name, as_user: None, .. } => {
            let actor = context.operator()?;
            context.app()?.governor.enable_account(&actor, &name)?;
            let value = json!({ "username": name, "disabled": false });
            Ok(Reply::done(value, format!("{name} is let in again, with what they had")))
        }
        UserCommand::List { as_user } => {
            context.allowed(as_user.as_deref(), Action::ManageAccounts)?;
            list(context)
        }
        UserCommand::Disable { name, as_user } => {
            let by = context.by(as_user.as_deref())?;
            let governor = &context.app()?.governor;
            let disabled = governor.disable_account(by.changer(), &by.actor, &name)?;
            Ok(told(&disabled))
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
    let Entitlements { roles, attributes } = entitlements(&role, &attr)?;
    let password = password.map(Into::into);
    let new = NewAccount { name: name.parse()?, roles, attributes, password };
    let by = context.by(as_user)?;
    let made = context.app()?.governor.create_account(by.changer(), &by.actor, new)?;
    let Made { created, change } = made;
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
    if let (Some(change), Some(object)) = (&change, value.as_object_mut()) {
        object.insert("change".to_owned(), json!(change.id));
        text.push_str(&format!(
            "\nit may do nothing yet: once {name} chose a password of their own, somebody else makes it staff with `affiant changes approve {} --as USER`, until {}",
            change.id, change.expires
        ));
    }
    Ok(Reply::done(value, text))
}

fn revoke(
    context: &mut Context<'_>,
    name: &str,
    rights: &Entitlements,
    as_user: Option<&str>,
) -> Result<Reply, Failure> {
    let by = context.by(as_user)?;
    let governor = &context.app()?.governor;
    governor.revoke_rights(by.changer(), &by.actor, &name.parse()?, rights)?;
    let left = governor.accounts.find_row(name)?.entitlements();
    let value = json!({ "username": name, "roles": left.roles, "attributes": left.attributes });
    Ok(Reply::done(value, format!("{name} no longer has {rights}")))
}

/// What an account that is disabled leaves behind.
fn told(disabled: &Disabled) -> Reply {
    let Disabled { username, walls, subjects, vacant, changes } = disabled;
    let mut text = format!("{username} is disabled");
    if *walls > 0 {
        text.push_str(&format!(
            "\n{walls} walls and conflicts keep this person away: an account of theirs under another name would lack them"
        ));
    }
    if *subjects > 0 {
        text.push_str(&format!("\nthey had {subjects} matters, patients and clients"));
    }
    for role in vacant {
        text.push_str(&format!(
            "\nnobody can act as {role} now: name somebody with `affiant user add NAME --role {role}`, or enable {username} again"
        ));
    }
    for change in changes {
        text.push_str(&format!(
            "\n{change}, which they proposed, is not approved any more: somebody else proposes it again"
        ));
    }
    let value = json!({
        "username": username, "disabled": true, "walls": walls, "subjects": subjects,
        "vacant": vacant, "changes": changes,
    });
    Reply::done(value, text)
}

/// Roles and attributes as they stand in a command.
fn entitlements(roles: &[String], attributes: &[String]) -> Result<Entitlements, Failure> {
    let roles = roles.iter().map(|role| role.parse()).collect::<Result<BTreeSet<Role>, _>>()?;
    Ok(Entitlements { roles, attributes: pairs(attributes)? })
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
