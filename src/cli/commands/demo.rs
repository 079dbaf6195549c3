//! The demonstration: a home of its own, one account a role, the demo corpus, a server.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::{self, App, InitOptions, Initialised, Tls};
use crate::cli::args::DemoArgs;
use crate::cli::context::Context;
use crate::cli::reply::{Failure, Reply};
use crate::domain::access::Labels;
use crate::domain::change::Proposal;
use crate::domain::principal::{Attributes, Entitlements, Role, UserName, Via};
use crate::domain::reason::Reason;
use crate::durable::{self, Readers};
use crate::govern::Changer;
use crate::identity::{Credential, NewAccount};
use crate::ingest::Source;

use super::accounts::pairs;
use super::demo_corpus::{CORPUS, LABELS};
use super::documents::take_in;
use super::home;

/// Credentials of the demonstration, kept so that it can be started again.
const ACCOUNTS_FILE: &str = "demo-accounts.json";

#[derive(Deserialize)]
struct Demo {
    document: Vec<DemoDocument>,
    staff: DemoStaff,
}

#[derive(Deserialize)]
struct DemoDocument {
    file: String,
    labels: Vec<String>,
}

#[derive(Deserialize)]
struct DemoStaff {
    attributes: Vec<String>,
}

pub(super) fn demo(context: &mut Context<'_>, args: &DemoArgs) -> Result<Reply, Failure> {
    let accounts_file = context.options.home.join(ACCOUNTS_FILE);
    app::models_of(&context.options, context.progress)?;
    let accounts = if app::Home::at(&context.options.home).exists() {
        kept_accounts(&accounts_file)?
    } else {
        make_home(context, &accounts_file)?
    };
    let documents = ingest(context)?;
    let listen = args.listen.unwrap_or(context.options.server.listen);
    let (cert, key) = app::Home::at(&context.options.home).tls();
    let mut value = json!({
        "home": context.options.home,
        "url": format!("https://{listen}"),
        "accounts": accounts,
        "documents": documents,
    });
    if args.no_serve {
        let text = render(&value);
        return Ok(Reply::done(value, text));
    }
    let app: Arc<App> = context.take_app()?;
    let announce = context.announce;
    home::run(&app, listen, &Tls::Files { cert, key }, context.progress, &mut |url, print| {
        if let Some(object) = value.as_object_mut() {
            object.insert("url".to_owned(), json!(url));
            object.insert("fingerprint".to_owned(), json!(print));
        }
        let text = render(&value);
        announce(&Reply::done(value.clone(), text));
    })?;
    Ok(Reply::silent())
}

fn kept_accounts(path: &Path) -> Result<Value, Failure> {
    let kept = std::fs::read_to_string(path).ok().and_then(|text| serde_json::from_str(&text).ok());
    kept.ok_or_else(|| {
        let home = path.parent().unwrap_or(path).display();
        Failure::usage(format!("{home} is a home, but not one of the demonstration; name another"))
    })
}

fn make_home(context: &mut Context<'_>, accounts_file: &Path) -> Result<Value, Failure> {
    let init = InitOptions {
        admin: "admin".parse()?,
        approver: "approver".parse()?,
        policies: "general".to_owned(),
    };
    let made = app::create(&context.options, &init)?;
    let mut accounts = vec![
        json!({ "username": "admin", "role": "administrator", "password": made.admin.1 }),
        json!({ "username": "approver", "role": "approver", "password": made.approver.1 }),
    ];
    let governor = &made.app.governor;
    for (name, password) in [&made.admin, &made.approver] {
        governor.accounts.adopt_password(name.as_str(), password.clone().into())?;
    }
    let demo = demo_settings()?;
    let roles = [
        ("staff", Role::Staff, demo.staff.attributes.as_slice()),
        ("auditor", Role::Auditor, &[]),
        ("records", Role::RecordsOfficer, &[]),
    ];
    for (name, role, attributes) in roles {
        let new = NewAccount {
            name: name.parse()?,
            roles: [role].into(),
            attributes: pairs(attributes)?,
            password: None,
        };
        let actor = made.app.operator(context.os_user.clone());
        let created = governor.create_account(Changer::Operator, &actor, new)?.created;
        let password = created.password.unwrap_or_default();
        governor.accounts.adopt_password(name, password.clone().into())?;
        accounts.push(json!({ "username": name, "role": role, "password": password }));
    }
    accounts.push(custodian(&made)?);
    let accounts = Value::from(accounts);
    durable::create_new(accounts_file, accounts.to_string().as_bytes(), Readers::Owner)?;
    context.adopt(made.app);
    Ok(accounts)
}

/// A key custodian is made as on any other day: one person proposes it, another approves.
fn custodian(made: &Initialised) -> Result<Value, Failure> {
    let (governor, role) = (&made.app.governor, Role::KeyCustodian);
    let account: UserName = "custodian".parse()?;
    let new = NewAccount {
        name: account.clone(),
        roles: [].into(),
        attributes: Attributes::new(),
        password: None,
    };
    let operator = made.app.operator(None);
    let created = governor.create_account(Changer::Operator, &operator, new)?.created;
    let password = created.password.unwrap_or_default();
    governor.accounts.adopt_password(account.as_str(), password.clone().into())?;
    let confirmed = |(name, password): &(UserName, String)| {
        let actor = governor.actor(name.as_str(), Via::Cli, None);
        let shown = Credential::password(password.clone().into(), None);
        governor.confirm(&actor, name.as_str(), &shown).map(|who| (who, actor))
    };
    let reason = Reason::try_from("the demonstration has one account a role".to_owned())?;
    let (admin, actor) = confirmed(&made.admin)?;
    let rights = Entitlements { roles: [role].into(), ..Entitlements::default() };
    let proposal = Proposal::GrantRights { account, rights };
    let change = governor.propose(&admin, &actor, proposal, reason)?;
    let (approver, actor) = confirmed(&made.approver)?;
    governor.approve(&approver, &actor, change.id, &mut |_| ControlFlow::Continue(()))?;
    Ok(json!({ "username": "custodian", "role": role, "password": password }))
}

/// Takes in each document of the corpus with its own labels; one that is there stays as it is.
fn ingest(context: &mut Context<'_>) -> Result<usize, Failure> {
    let demo = demo_settings()?;
    let mut by_labels: Vec<(Labels, Vec<Source>)> = Vec::new();
    for (name, bytes) in CORPUS {
        let found = demo.document.iter().find(|document| document.file == *name);
        let labels = found.map_or(&[][..], |document| document.labels.as_slice());
        let labels = Labels::parse(labels.iter().map(String::as_str))?;
        let source = Source::Bytes { name: (*name).to_owned(), bytes: bytes.to_vec() };
        match by_labels.iter_mut().find(|(known, _)| *known == labels) {
            Some((_, sources)) => sources.push(source),
            None => by_labels.push((labels, vec![source])),
        }
    }
    for (labels, sources) in by_labels {
        take_in(context, sources, labels, None)?;
    }
    Ok(context.app()?.catalogue.documents().len())
}

fn demo_settings() -> Result<Demo, Failure> {
    toml::from_str(LABELS).map_err(|error| Failure::usage(error.to_string()))
}

fn render(value: &Value) -> String {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let mut out = format!("Affiant demo: {}\n", text("/url"));
    if !text("/fingerprint").is_empty() {
        out.push_str(&format!("certificate SHA-256 {}\n", text("/fingerprint")));
    }
    let documents = value.get("documents").and_then(Value::as_u64).unwrap_or_default();
    out.push_str(&format!("documents: {documents}\n\n"));
    for account in value.get("accounts").and_then(Value::as_array).into_iter().flatten() {
        let field = |name: &str| account.get(name).and_then(Value::as_str).unwrap_or_default();
        out.push_str(&format!(
            "  {:<10} {:<16} {}\n",
            field("username"),
            field("role"),
            field("password")
        ));
    }
    out.push_str("\nTry: sign in as staff and ask “What interest do late payments bear?”\n");
    out
}
