//! Composition root: the one place that names concrete parts; start and stop.
//!
//! [`App::open`] opens a home's record, vault and state and closes what a crash left open.
//! [`App::engine`] adds models and indexes on first use: commands that do not need them start at
//! once. [`create()`] makes a home, once.

mod anchoring;
mod clock_state;
mod create;
mod engine;
mod epoch;
mod in_force;
mod outward;
mod provider_post;
mod pulse;
mod rebuild;
mod serve;
mod tls;
mod upkeep;
mod witness_post;
mod witness_server;
mod witnessing;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;

use crate::answer::{Denials, Reader};
use crate::audit::{Actor, DiskFiles, Event, Log, LogFiles, LogPaths, Recovery, Rounds, What};
use crate::catalogue::Catalogue;
use crate::config::Options;
use crate::document::Sandbox;
use crate::domain::clock::{Clock, Entropy, SystemClock, SystemEntropy};
use crate::domain::ids::RequestId;
use crate::domain::principal::Via;
use crate::durable::{Lock, LockError};
use crate::examine::Examiner;
use crate::govern::{Governor, Indexes, Turn};
use crate::identity::Accounts;
use crate::policy::Policies;
use crate::store::{State, Vault};
use crate::telemetry::Metrics;

pub use create::{InitOptions, Initialised, create};
pub use engine::{Engine, Models, load_runtime, models_of, ocr_of};
pub use epoch::begin_epoch;
pub use in_force::PoliciesEdited;
pub use pulse::{Pulse, Watch};
pub use rebuild::{rebuild, rebuild_over};
pub use serve::{Serving, Tls, bind};
pub use tls::certificate_fingerprint;
pub use upkeep::Upkeep;
pub use witness_server::{bind_witness, open_witness};
pub use witnessing::Witnessing;

/// Where a home keeps things.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

impl Home {
    /// A home at this folder.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The policy set in force.
    pub fn policies(&self) -> PathBuf {
        self.0.join("policies")
    }

    /// The state database.
    pub fn state(&self) -> PathBuf {
        self.0.join("state").join("db")
    }

    /// Both indexes.
    pub fn index(&self) -> PathBuf {
        self.0.join("index")
    }

    /// Certificate and key of the built-in HTTPS.
    pub fn tls(&self) -> (PathBuf, PathBuf) {
        let folder = self.0.join("tls");
        (folder.join("cert.pem"), folder.join("key.pem"))
    }

    /// Held while a process has the home open.
    pub fn lock(&self) -> PathBuf {
        self.0.join("run").join("lock")
    }

    /// Whether a log was made here.
    pub fn exists(&self) -> bool {
        LogPaths::of(&self.0).vkey.exists()
    }
}

/// What becomes of the views of the log when a home is opened.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Views {
    /// They are brought up to date.
    Keep,
    /// They are replayed from the first entry.
    Forget,
}

/// Another process has the home open.
#[derive(Debug, thiserror::Error)]
#[error("the home {home} is in use by another process; stop it, or wait for it to end")]
pub struct HomeInUse {
    /// The home.
    pub home: PathBuf,
}

/// The folder is no home.
#[derive(Debug, thiserror::Error)]
#[error("{home} is not a home yet; make one with `affiant --home {home} init`")]
pub struct NoHome {
    /// The folder.
    pub home: PathBuf,
}

/// An open home.
pub struct App {
    /// Its options.
    pub options: Options,
    /// Its folder.
    pub home: Home,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The record.
    pub log: Log,
    /// Contents.
    pub vault: Vault,
    /// Views and accounts.
    pub state: State,
    /// The policy set in force.
    pub policies: Policies,
    /// What the log says there is.
    pub catalogue: Arc<Catalogue>,
    /// Accounts and sessions.
    pub governor: Arc<Governor>,
    /// Reads the record.
    pub examiner: Arc<Examiner>,
    /// Shows documents.
    pub reader: Arc<Reader>,
    /// Counts and durations.
    pub metrics: Arc<Metrics>,
    /// Who remembers how far the log had come.
    pub witnesses: Arc<Rounds>,
    engine: Mutex<Option<Arc<Engine>>>,
    _lock: Lock,
}

impl App {
    /// Opens a home: recovers the log, replays its tail into the view, and gives every question
    /// that a crash interrupted its terminal entry.
    ///
    /// # Errors
    /// [`HomeInUse`], [`NoHome`], or what a part says.
    pub fn open(options: Options) -> anyhow::Result<Self> {
        let files = DiskFiles::new(LogPaths::of(&options.home));
        Self::open_on(options, Arc::new(SystemClock::start()), Arc::new(files))
    }

    /// [`Self::open`] with this clock, and with a log whose writes go through `files`.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_on(
        options: Options,
        clock: Arc<dyn Clock>,
        files: Arc<dyn LogFiles>,
    ) -> anyhow::Result<Self> {
        Self::open_with(options, clock, files, Views::Keep)
    }

    fn open_with(
        options: Options,
        clock: Arc<dyn Clock>,
        files: Arc<dyn LogFiles>,
        views: Views,
    ) -> anyhow::Result<Self> {
        let (home, lock) = enter(&options)?;
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let vault = Vault::open(home.path(), Arc::clone(&entropy))?;
        let state = open_state(&home, &vault, views)?;
        let paths = LogPaths::of(home.path()).with_credential(options.log_key_credential.clone());
        let opened = Log::open_on(&paths, Arc::clone(&clock), Arc::clone(&entropy), files);
        let (log, recovery) = opened.context("the audit log cannot be opened")?;
        // Before anything is appended: a log that was put back must not be written on.
        let (witnesses, changes) = witnessing::open(&options.witness, &paths, &log)?;
        let catalogue = Arc::new(Catalogue::open(state.clone(), vault.clone(), log.clone())?);
        let in_force::Found { policies, new } = in_force::find(&home, &catalogue, &log)?;
        let app = Self {
            governor: Arc::new(Governor {
                provider: provider_post::provider(options.openid.as_ref(), &clock, &entropy)?,
                accounts: accounts(&options, &state, &clock, &entropy),
                policies: policies.clone(),
                policy_folder: home.policies(),
                log: log.clone(),
                vault: vault.clone(),
                state: state.clone(),
                catalogue: Arc::clone(&catalogue),
                retention: options.retention.clone(),
                emergency_rules: options.emergency,
                clock: Arc::clone(&clock),
                entropy: Arc::clone(&entropy),
                indexes: Indexes::default(),
                turn: Turn::default(),
                standings: Turn::default(),
            }),
            examiner: Arc::new(Examiner {
                log: log.clone(),
                paths: paths.clone(),
                witnesses: options.witness.policy.clone(),
                policies: policies.clone(),
                vault: vault.clone(),
                state: state.clone(),
                catalogue: Arc::clone(&catalogue),
                spool: home.path().join("run"),
                keys: home.path().join("keys"),
                bundling: Mutex::default(),
                clock: Arc::clone(&clock),
                entropy: Arc::clone(&entropy),
            }),
            reader: Arc::new(Reader {
                policies: policies.clone(),
                log: log.clone(),
                vault: vault.clone(),
                state: state.clone(),
                catalogue: Arc::clone(&catalogue),
                clock: Arc::clone(&clock),
                entropy: Arc::clone(&entropy),
                sandbox: Sandbox::new(options.reader_program.clone()),
                denials: Denials::default(),
            }),
            options,
            home,
            clock,
            entropy,
            log,
            vault,
            state,
            policies,
            catalogue,
            metrics: Arc::default(),
            witnesses,
            engine: Mutex::new(None),
            _lock: lock,
        };
        app.begin(new.as_deref(), &recovery)?;
        app.record_changes(&changes);
        Ok(app)
    }

    /// Models, indexes and what runs on them; loaded on first use.
    ///
    /// # Errors
    /// What provisioning, a model or an index says.
    pub fn engine(&self, progress: &dyn crate::models::Progress) -> anyhow::Result<Arc<Engine>> {
        self.engine_over(|| {
            let found = models_of(&self.options, progress)?;
            Models::load(&self.options, &found)
        })
    }

    /// [`Self::engine`] over models that the caller has: several homes of one process can share
    /// them.
    ///
    /// # Errors
    /// What `models` or an index says.
    pub fn engine_over(
        &self,
        models: impl FnOnce() -> anyhow::Result<Models>,
    ) -> anyhow::Result<Arc<Engine>> {
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = &*engine {
            return Ok(Arc::clone(engine));
        }
        let loaded = Arc::new(Engine::assemble(self, models()?)?);
        loaded.recover()?;
        self.governor.attach(Arc::clone(&loaded.ingestor))?;
        *engine = Some(Arc::clone(&loaded));
        Ok(loaded)
    }

    /// The machine's operator, as the log names them.
    pub fn operator(&self, os_user: Option<String>) -> Actor {
        Governor::operator(Via::Cli, os_user)
    }

    /// Records an event of the appliance itself.
    ///
    /// # Errors
    /// What the log says.
    pub fn record_own(&self, what: What) -> anyhow::Result<()> {
        let req = RequestId::fresh(self.clock.now(), self.entropy.as_ref());
        let actor = Governor::operator(Via::System, None);
        let policy = Some(self.policies.digest());
        self.log.append(Event { actor, req, policy, what })?;
        Ok(())
    }

    /// Records the last event of this process, which nothing is left of to recover.
    ///
    /// # Errors
    /// What the log says.
    pub fn record_last(&self, what: What) -> anyhow::Result<()> {
        self.record_own(what)?;
        Ok(self.log.publish()?)
    }

    /// What a start has to say, before anything else is recorded.
    fn begin(&self, new: Option<&str>, recovery: &Recovery) -> anyhow::Result<()> {
        self.tell_policies(new)?;
        self.close_interrupted(recovery)
    }

    /// Policies that come into force with this start are in the log before anything is decided by
    /// them.
    fn tell_policies(&self, new: Option<&str>) -> anyhow::Result<()> {
        match new {
            Some(set) => self.record_own(in_force::activated(&self.vault, &self.policies, set)?),
            None => Ok(()),
        }
    }

    /// Says that a crash was recovered from, and gives every question that it interrupted its one
    /// terminal entry. Said first: a crash in between leaves questions for the next start to find.
    /// Approved changes then take effect.
    fn close_interrupted(&self, recovery: &Recovery) -> anyhow::Result<()> {
        let open = self.catalogue.open_questions()?;
        let cut_off = self.catalogue.is_serving()?;
        if cut_off || !open.is_empty() || recovery.replayed > 0 || recovery.torn_bytes > 0 {
            self.record_own(What::LogRecovered {
                replayed: recovery.replayed,
                torn_bytes: recovery.torn_bytes,
                interrupted: u64::try_from(open.len()).unwrap_or(u64::MAX),
            })?;
        }
        for query in open {
            let actor = Governor::operator(Via::System, None);
            let what = What::QueryFailed { reason: "interrupted".to_owned() };
            let policy = Some(self.policies.digest());
            self.log.append(Event { actor, req: query, policy, what })?;
        }
        self.catalogue.catch_up()?;
        self.governor.resume()?;
        Ok(self.governor.expire_emergencies()?)
    }
}

fn accounts(
    options: &Options,
    state: &State,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Accounts {
    let rules = options.sign_in.clone();
    Accounts::new(state.clone(), rules, Arc::clone(clock), Arc::clone(entropy))
}

fn open_state(home: &Home, vault: &Vault, views: Views) -> anyhow::Result<State> {
    let state = State::open(&home.state(), vault)?;
    if views == Views::Forget {
        state.forget_views()?;
    }
    Ok(state)
}

/// The home that these options name, and the right to it.
fn enter(options: &Options) -> anyhow::Result<(Home, Lock)> {
    let home = Home::at(&options.home);
    if !home.exists() {
        return Err(NoHome { home: options.home.clone() }.into());
    }
    let lock = lock(&home)?;
    Ok((home, lock))
}

fn lock(home: &Home) -> anyhow::Result<Lock> {
    let path = home.lock();
    if let Some(folder) = path.parent() {
        crate::durable::create_dir_all(folder)?;
    }
    match Lock::try_acquire(&path) {
        Ok(lock) => Ok(lock),
        Err(LockError::Held { .. }) => Err(HomeInUse { home: home.path().to_owned() }.into()),
        Err(error @ LockError::Io(_)) => Err(error.into()),
    }
}
