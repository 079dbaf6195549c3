//! Making a home, once.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};

use crate::audit::{Log, LogPaths};
use crate::config::Options;
use crate::domain::clock::{Entropy, SystemEntropy};
use crate::domain::principal::{Attributes, Role, UserName};
use crate::durable::{self, Readers};
use crate::http::EntryReaders;
use crate::identity::NewAccount;
use crate::policy::Policies;
use crate::store::{State, Vault};

use super::{App, Home, tls};

/// The operator's file.
const CONFIGURATION: &str = "affiant.toml";
/// What `init` writes into it for the sets `law` and `hospital`.
const AUDITORS_ALONE: &str = "\
# Entries of the log tell when how much was asked in which matter's or patient's token: whoever may read
# the log fetches them, each time on record. Checkpoints and hashes are open to witnesses either way.
[log]
entries = \"auditors\"
";

/// What a new home begins with.
#[derive(Clone, Debug)]
pub struct InitOptions {
    /// The first administrator.
    pub admin: UserName,
    /// The first approver.
    pub approver: UserName,
    /// `general`, `law` or `hospital`.
    pub policies: String,
}

/// A new home.
pub struct Initialised {
    /// The home, open.
    pub app: App,
    /// Verifier key of its log.
    pub vkey: String,
    /// SHA-256 of its own certificate.
    pub fingerprint: String,
    /// Name and password of the administrator.
    pub admin: (UserName, String),
    /// Name and password of the approver.
    pub approver: (UserName, String),
}

/// Makes a home: keys, log, policies, certificate, the first two accounts.
///
/// # Errors
/// Where any trace of a home exists, where the policy set is unknown, or what a part says.
pub fn create(options: &Options, init: &InitOptions) -> anyhow::Result<Initialised> {
    let home = Home::at(&options.home);
    refuse_traces(home.path())?;
    let Some(files) = Policies::builtin(&init.policies) else {
        bail!("there is no policy set {:?}: use general, law or hospital", init.policies);
    };
    if init.admin == init.approver {
        bail!("administrator and approver must be two persons: name them --admin and --approver");
    }
    let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
    durable::create_dir_all(home.path())?;
    Vault::create(home.path(), entropy.as_ref())?;
    let vault = Vault::open(home.path(), Arc::clone(&entropy))?;
    durable::create_dir_all(&home.policies())?;
    for (name, content) in files {
        durable::create_new(&home.policies().join(name), content.as_bytes(), Readers::Owner)?;
    }
    let options = &readers_of_entries(options, &init.policies)?;
    let fingerprint = tls::create(&home)?;
    drop(State::open(&home.state(), &vault)?);
    drop(vault);
    // The verifier key is written last: where it stands, the home is whole.
    let vkey = Log::create(&LogPaths::of(home.path()), &options.log_origin, entropy.as_ref())?;
    // Opening it puts the policies in force, on record.
    let app = App::open(options.clone()).context("the new home cannot be opened")?;
    let admin = first(&app, &init.admin, Role::Administrator)?;
    let approver = first(&app, &init.approver, Role::Approver)?;
    Ok(Initialised { app, vkey, fingerprint, admin, approver })
}

fn first(app: &App, name: &UserName, role: Role) -> anyhow::Result<(UserName, String)> {
    let roles = BTreeSet::from([role]);
    let attributes = Attributes::new();
    let new = NewAccount { name: name.clone(), roles, attributes, password: None };
    let created = app.governor.create_first(new)?;
    Ok((name.clone(), created.password.unwrap_or_default()))
}

/// Where matters or patients are what the policies are about, the network is to learn nothing of
/// them: only auditors fetch entries of the log, unless the operator's own file says what holds.
fn readers_of_entries(options: &Options, policies: &str) -> anyhow::Result<Options> {
    let file = options.home.join(CONFIGURATION);
    if policies == "general" || file.exists() {
        return Ok(options.clone());
    }
    durable::create_new(&file, AUDITORS_ALONE.as_bytes(), Readers::Owner)?;
    Ok(Options { entry_readers: EntryReaders::Auditors, ..options.clone() })
}

/// A home is made once; `affiant.toml` may be there before it.
fn refuse_traces(home: &Path) -> anyhow::Result<()> {
    let entries = match std::fs::read_dir(home) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).context(format!("cannot read {}", home.display())),
    };
    for entry in entries {
        let name = entry?.file_name();
        if name != CONFIGURATION {
            bail!(
                "{} is not empty (it holds {}): name an empty or new folder with --home",
                home.display(),
                name.to_string_lossy()
            );
        }
    }
    Ok(())
}
