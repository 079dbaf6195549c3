//! A home in a folder of its own, open, with the real models.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use affiant::answer::{AnswerError, Asker, Progress, Searched};
use affiant::app::{self, App, Engine, InitOptions, Models};
use affiant::audit::{DiskFiles, LogFiles, LogPaths, verify};
use affiant::config::{self, Options};
use affiant::domain::access::Labels;
use affiant::domain::answer::Answer;
use affiant::domain::clock::{Clock, SystemClock};
use affiant::domain::principal::{Attributes, Role, Via};
use affiant::domain::question::{Mode, Question, QuestionText, Scope};
use affiant::govern::Changer;
use affiant::identity::{NewAccount, NewToken};
use affiant::ingest::{BatchOptions, BatchReport, Reindexed, Source};
use affiant::models::{ModelStore, ProvisionOptions};
use affiant::retrieve::Candidates;
use tempfile::TempDir;

use super::corpus::Corpus;
use super::template::{self, Holding};
use super::{PASSWORD, traces};

/// The models, loaded once: they take about a second and half a gigabyte.
pub(crate) fn models() -> Models {
    static MODELS: OnceLock<Models> = OnceLock::new();
    let load = || {
        let options = config::load(Path::new("."), std::env::vars()).unwrap();
        let python = options.models.python.clone();
        let all = ProvisionOptions { from: None, save: None, python };
        let found = ModelStore::at(&options.models.cache).provision(&all, &Silent).unwrap();
        Models::load(&options, &found).unwrap()
    };
    MODELS.get_or_init(load).clone()
}

/// A token for an hour, for all that its owner may do.
pub(crate) fn lasting_an_hour() -> NewToken {
    NewToken { ttl: Duration::from_secs(3_600), label: String::new(), scope: None }
}

struct Silent;

impl affiant::models::Progress for Silent {
    fn stage(&self, _text: &str, _total: Option<u64>) {}
    fn advance(&self, _n: u64) {}
}

/// An open home. Accounts: `admin`, `approver`, `staff` (sees the corpus but for the walled
/// document), `outsider` (staff without attributes), `auditor`, `records`.
pub(crate) struct TestApp {
    app: Option<Arc<App>>,
    folder: TempDir,
}

impl TestApp {
    /// A home without documents.
    pub(crate) fn empty() -> Self {
        Self::holding(Holding::Nothing, |_| {})
    }

    /// A home with the demonstration corpus, but for the walled document.
    pub(crate) fn corpus() -> Self {
        Self::holding(Holding::Corpus, |_| {})
    }

    /// A home with these contents and changed options.
    pub(crate) fn holding(holding: Holding, change: impl FnOnce(&mut Options)) -> Self {
        traces::keep();
        let folder = TempDir::new().unwrap();
        template::copy(holding, folder.path());
        let mut options = options(folder.path());
        change(&mut options);
        Self { app: Some(Arc::new(App::open(options).unwrap())), folder }
    }

    /// An empty home under another built-in policy set.
    pub(crate) fn under(set: &str) -> Self {
        Self::under_at(set, Arc::new(SystemClock::start()))
    }

    /// [`Self::under`] with another clock.
    pub(crate) fn under_at(set: &str, clock: Arc<dyn Clock>) -> Self {
        traces::keep();
        let folder = Self::folder_under(set);
        let files = Arc::new(DiskFiles::new(LogPaths::of(folder.path())));
        let app = App::open_on(options(folder.path()), clock, files).unwrap();
        Self { app: Some(Arc::new(app)), folder }
    }

    /// An empty home under another built-in policy set, that nobody has open.
    pub(crate) fn folder_under(set: &str) -> TempDir {
        let folder = Self::folder(Holding::Nothing);
        let policies = folder.path().join("policies");
        std::fs::remove_dir_all(&policies).unwrap();
        std::fs::create_dir(&policies).unwrap();
        for (name, text) in affiant::policy::Policies::builtin(set).unwrap() {
            let path = policies.join(name);
            affiant::durable::create_new(&path, text.as_bytes(), affiant::durable::Readers::Owner)
                .unwrap();
        }
        folder
    }

    /// A home with these contents that nobody has open.
    pub(crate) fn folder(holding: Holding) -> TempDir {
        let folder = TempDir::new().unwrap();
        template::copy(holding, folder.path());
        folder
    }

    /// The home that templates begin with.
    pub(super) fn fresh() -> Self {
        let folder = TempDir::new().unwrap();
        let init = InitOptions {
            admin: "admin".parse().unwrap(),
            approver: "approver".parse().unwrap(),
            policies: "general".to_owned(),
        };
        let made = app::create(&options(folder.path()), &init).unwrap();
        let app = Self { app: Some(Arc::new(made.app)), folder };
        let attributes = Corpus::load().staff.attributes;
        app.account("staff", Role::Staff, &attributes);
        app.account("outsider", Role::Staff, &[]);
        app.account("auditor", Role::Auditor, &[]);
        app.account("records", Role::RecordsOfficer, &[]);
        for first in ["admin", "approver"] {
            app.own(first);
        }
        app
    }

    /// The open home.
    pub(crate) fn open(&self) -> &App {
        self.app.as_ref().expect("the home is open")
    }

    /// The open home, for a thread of its own.
    pub(crate) fn shared(&self) -> Arc<App> {
        Arc::clone(self.app.as_ref().expect("the home is open"))
    }

    /// Models and indexes.
    pub(crate) fn engine(&self) -> Arc<Engine> {
        self.open().engine_over(|| Ok(models())).unwrap()
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Makes an account.
    pub(crate) fn account(&self, name: &str, role: Role, attributes: &[String]) {
        self.account_with(name, [role].into(), attributes);
    }

    /// Makes an account with these roles, which one person may give.
    pub(crate) fn account_of(&self, name: &str, roles: BTreeSet<Role>) {
        self.account_with(name, roles, &[]);
    }

    /// Makes an account with these roles and attributes.
    pub(crate) fn account_with(&self, name: &str, roles: BTreeSet<Role>, attributes: &[String]) {
        let mut sets = Attributes::new();
        for (key, value) in attributes.iter().map(|pair| pair.split_once('=').unwrap()) {
            sets.entry(key.to_owned()).or_default().insert(value.to_owned());
        }
        self.make(name, roles, sets);
    }

    fn make(&self, name: &str, roles: BTreeSet<Role>, attributes: Attributes) {
        let new = NewAccount {
            name: name.parse().unwrap(),
            roles,
            attributes,
            password: Some(PASSWORD.to_owned().into()),
        };
        let actor = self.open().operator(None);
        self.open().governor.create_account(Changer::Operator, &actor, new).unwrap();
        self.own(name);
    }

    /// Makes the password of an account its owner's own.
    pub(crate) fn own(&self, name: &str) {
        let accounts = &self.open().governor.accounts;
        accounts.adopt_password(name, PASSWORD.to_owned().into()).unwrap();
    }

    /// A person who asks.
    pub(crate) fn asker(&self, name: &str) -> Asker {
        let governor = &self.open().governor;
        let principal = governor.accounts.principal(name).unwrap();
        Asker { principal, actor: governor.actor(name, Via::Cli, None), session: None }
    }

    /// A question as it is asked where nothing else is said.
    pub(crate) fn question(&self, text: &str, mode: Mode) -> Question {
        Question {
            id: self.engine().answerer.request(),
            text: QuestionText::try_from(text.to_owned()).unwrap(),
            mode,
            scope: Scope::default(),
            top_k: 8,
        }
    }

    /// Asks for a quotation: fast, and the same on every machine.
    pub(crate) fn ask(&self, who: &str, question: &str) -> Answer {
        self.try_ask(who, question, Mode::Verbatim).unwrap()
    }

    /// Asks, and tells why there is no answer object.
    pub(crate) fn try_ask(
        &self,
        who: &str,
        question: &str,
        mode: Mode,
    ) -> Result<Answer, AnswerError> {
        let question = self.question(question, mode);
        let mut listen = |_: Progress<'_>| ControlFlow::Continue(());
        let released = self.engine().answerer.ask(&self.asker(who), &question, &mut listen)?;
        Ok(released.into_parts().0)
    }

    /// Searches both halves of the index.
    pub(crate) fn search(&self, who: &str, words: &str) -> Searched {
        let question = self.question(words, Mode::Verbatim);
        self.engine().answerer.search(&self.asker(who), &question, Candidates::Hybrid).unwrap()
    }

    /// Takes files in as the operator.
    pub(crate) fn ingest(&self, paths: &[PathBuf], labels: &[&str]) -> BatchReport {
        self.take_in(Source::files(paths).unwrap(), labels)
    }

    /// Takes a text in as the operator.
    pub(crate) fn ingest_text(&self, name: &str, text: &str) -> BatchReport {
        let source = Source::Bytes { name: name.to_owned(), bytes: text.as_bytes().to_vec() };
        self.take_in(vec![source], &[])
    }

    /// Takes these in as the operator.
    pub(crate) fn take_in(&self, sources: Vec<Source>, labels: &[&str]) -> BatchReport {
        let labels = if labels.is_empty() {
            Labels::internal()
        } else {
            Labels::parse(labels.iter().copied()).unwrap()
        };
        let policy = self.open().policies.digest();
        let actor = self.open().operator(None);
        let options = BatchOptions { labels, password: None, actor, policy };
        self.engine().ingestor.run(sources, &options, &mut |_, _| {}).unwrap()
    }

    /// Closes the home and opens it again, on these log files where given.
    pub(crate) fn reopen(&mut self, files: Option<Arc<dyn LogFiles>>) {
        let files = files.unwrap_or_else(|| Arc::new(self.log_files()));
        self.open_again(Arc::new(SystemClock::start()), files).unwrap();
    }

    /// Closes the home and opens it again under another clock.
    pub(crate) fn reopen_at(&mut self, clock: Arc<dyn Clock>) {
        let files = Arc::new(self.log_files());
        self.open_again(clock, files).unwrap();
    }

    /// [`Self::reopen`] that may fail; the home is closed then.
    pub(crate) fn try_reopen(&mut self, files: Arc<dyn LogFiles>) -> anyhow::Result<()> {
        self.open_again(Arc::new(SystemClock::start()), files)
    }

    fn open_again(
        &mut self,
        clock: Arc<dyn Clock>,
        files: Arc<dyn LogFiles>,
    ) -> anyhow::Result<()> {
        let mut options = options(self.folder.path());
        if let Some(app) = self.app.take() {
            options = app.options.clone();
            drop(Arc::into_inner(app).expect("nothing else has the home open"));
        }
        self.app = Some(Arc::new(App::open_on(options, clock, files)?));
        Ok(())
    }

    /// Closes the home, lets `change` at its folder, makes views and index anew, and opens it.
    pub(crate) fn rebuild(&mut self, change: impl FnOnce(&Path)) -> Reindexed {
        let options = self.open().options.clone();
        self.close();
        change(self.folder.path());
        let done = app::rebuild_over(options.clone(), &Silent, |_| Ok(models())).unwrap();
        self.app = Some(Arc::new(App::open(options).unwrap()));
        done
    }

    /// The log files of this home, as they are.
    pub(crate) fn log_files(&self) -> DiskFiles {
        DiskFiles::new(LogPaths::of(self.path()))
    }

    /// Closes the home, lets `take` have it, and checks it as every test does.
    pub(super) fn close_into(mut self, take: impl FnOnce(&Path)) {
        self.close();
        take(self.folder.path());
    }

    /// Closes the home, checks it, and hands its folder over.
    pub(crate) fn let_go(mut self) -> TempDir {
        self.close();
        std::mem::replace(&mut self.folder, TempDir::new().unwrap())
    }

    fn close(&mut self) {
        let Some(app) = self.app.take() else { return };
        let open = app.catalogue.open_questions().unwrap();
        assert_eq!(open, [], "no question is left without its terminal entry");
        app.log.publish().unwrap();
        let size = app.log.size();
        drop(Arc::into_inner(app).expect("nothing else has the home open"));
        let paths = LogPaths::of(self.folder.path());
        let vkey = std::fs::read_to_string(&paths.vkey).unwrap();
        let report = verify(&paths.log, vkey.trim_end());
        assert!(report.ok, "{:?}", report.problems);
        assert_eq!(report.size, size);
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.close();
        }
    }
}

/// The options of a home whose files are read by the program under test.
pub(crate) fn options(home: &Path) -> Options {
    let reader_program = env!("CARGO_BIN_EXE_affiant").into();
    Options { reader_program, ..config::load(home, std::env::vars()).unwrap() }
}
