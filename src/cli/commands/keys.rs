//! `affiant audit key …`.

use serde_json::json;

use crate::app::begin_epoch;
use crate::audit::{KeyTurn, LogPaths, Recorded};
use crate::cli::audit_args::KeyCommand;
use crate::cli::context::Context;
use crate::cli::reply::{Failure, Reply};
use crate::domain::principal::Via;
use crate::govern::Governor;
use crate::policy::Action;

pub(super) fn key(
    context: &mut Context<'_>,
    command: KeyCommand,
    as_user: Option<&str>,
) -> Result<Reply, Failure> {
    match command {
        KeyCommand::List => {
            context.allowed(as_user, Action::ManageKeys)?;
            list(context)
        }
        KeyCommand::Rotate => {
            let actor = context.allowed(as_user, Action::ManageKeys)?;
            let turn = context.app()?.governor.rotate_log_key(&actor)?;
            let text = format!(
                "a new key signs too:  {}\nthe old one signs on: {}\n\
                 Hand {} to those who verify, then run `affiant audit key retire`.\n",
                turn.new,
                turn.old,
                keyring(context).display()
            );
            Ok(turned(context, &turn, text))
        }
        KeyCommand::Retire => {
            let actor = context.allowed(as_user, Action::ManageKeys)?;
            let turn = context.app()?.governor.retire_log_key(&actor)?;
            let text = format!("only this key signs now: {}\nretired: {}\n", turn.new, turn.old);
            Ok(turned(context, &turn, text))
        }
        KeyCommand::Compromised => compromised(context, as_user),
    }
}

fn compromised(context: &mut Context<'_>, as_user: Option<&str>) -> Result<Reply, Failure> {
    // The operator's own call opens no home: one that was cut off on the way opens no more.
    let actor = match as_user {
        Some(_) => context.allowed(as_user, Action::ManageKeys)?,
        None => Governor::operator(Via::Cli, context.os_user.clone()),
    };
    if context.in_server() {
        return Err(Failure::usage("a server runs on this home: stop it, then run this again"));
    }
    context.close();
    let epoch = begin_epoch(&context.options, &actor)?;
    let text = format!(
        "log {} begins: {}\nits verifier key: {}\nthe log before it: {}\n\
         Hand the new key to those who verify, and tell them to trust no checkpoint of the old \
         one but the last, which the new log's first entry holds.\n",
        epoch.number,
        epoch.origin,
        epoch.vkey,
        epoch.past.display()
    );
    let value = json!({
        "epoch": epoch.number, "origin": epoch.origin, "new_vkey": epoch.vkey,
        "past": epoch.past,
    });
    Ok(Reply::done(value, text))
}

fn list(context: &mut Context<'_>) -> Result<Reply, Failure> {
    let keys = context.app()?.log.keys().map_err(anyhow::Error::from)?;
    let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
    let text: String = keys.iter().map(|key| format!("{key}\n")).collect();
    Ok(Reply::done(json!({ "keys": keys, "keyring": keyring(context) }), text))
}

fn keyring(context: &Context<'_>) -> std::path::PathBuf {
    LogPaths::of(&context.options.home).keyring()
}

fn turned(context: &Context<'_>, turn: &Recorded<KeyTurn>, text: String) -> Reply {
    let value = json!({
        "new_vkey": turn.new.to_string(),
        "old_vkey": turn.old.to_string(),
        "entry": turn.receipt().index(),
        "keyring": keyring(context),
    });
    Reply::done(value, text)
}
