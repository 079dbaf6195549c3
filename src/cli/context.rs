use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::answer::Asker;
use crate::app::{App, Engine};
use crate::audit::Actor;
use crate::config::Options;
use crate::domain::principal::{Principal, Via};
use crate::domain::secret::Secret;
use crate::examine;
use crate::govern::Changer;
use crate::identity::{Confirmed, Credential, Owner};
use crate::models::Progress;
use crate::policy::Action;

use super::duty_args::CredentialArgs;
use super::reply::{Failure, Reply};

/// What a command runs on: a home it opens itself, or the one that the server has open.
pub(super) struct Context<'a> {
    pub(super) options: Options,
    pub(super) os_user: Option<String>,
    pub(super) stdin: Option<String>,
    pub(super) progress: &'a dyn Progress,
    /// Prints the result of a command that goes on running.
    pub(super) announce: &'a dyn Fn(&Reply),
    folder: Option<PathBuf>,
    app: Opened<'a>,
}

enum Opened<'a> {
    Not,
    Own(Box<App>),
    Server(&'a App),
}

/// Who changes something.
pub(super) struct By {
    pub(super) actor: Actor,
    person: Option<Principal>,
}

impl By {
    pub(super) fn changer(&self) -> Changer<'_> {
        self.person.as_ref().map_or(Changer::Operator, Changer::Person)
    }
}

impl<'a> Context<'a> {
    pub(super) fn local(
        options: Options,
        os_user: Option<String>,
        stdin: Option<String>,
        progress: &'a dyn Progress,
        announce: &'a dyn Fn(&Reply),
    ) -> Self {
        let (folder, app) = (None, Opened::Not);
        Self { options, os_user, stdin, progress, announce, folder, app }
    }

    /// Inside a server, for a caller whose working folder is `folder`.
    pub(super) fn server(
        app: &'a App,
        os_user: Option<String>,
        stdin: Option<String>,
        folder: PathBuf,
        progress: &'a dyn Progress,
    ) -> Self {
        let (options, folder) = (app.options.clone(), Some(folder));
        let (announce, app): (&dyn Fn(&Reply), _) = (&|_| {}, Opened::Server(app));
        Self { options, os_user, stdin, progress, announce, folder, app }
    }

    /// A path as the caller means it.
    pub(super) fn path(&self, path: &Path) -> PathBuf {
        self.folder.as_ref().map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }

    /// The open home.
    pub(super) fn app(&mut self) -> Result<&App, Failure> {
        if let Opened::Not = self.app {
            self.app = Opened::Own(Box::new(App::open(self.options.clone())?));
        }
        match &self.app {
            Opened::Own(app) => Ok(app),
            Opened::Server(app) => Ok(app),
            Opened::Not => Err(Failure::usage("the home is not open")),
        }
    }

    /// Puts a home that was just made in place of one yet to be opened.
    pub(super) fn adopt(&mut self, app: App) {
        self.app = Opened::Own(Box::new(app));
    }

    /// Whether a server runs this command.
    pub(super) fn in_server(&self) -> bool {
        matches!(self.app, Opened::Server(_))
    }

    /// Hands the open home over to whoever will serve it.
    pub(super) fn take_app(&mut self) -> Result<Arc<App>, Failure> {
        self.app()?;
        match std::mem::replace(&mut self.app, Opened::Not) {
            Opened::Own(app) => Ok(Arc::from(app)),
            Opened::Server(_) | Opened::Not => Err(Failure::usage("a server runs already")),
        }
    }

    /// Models and indexes of the open home.
    pub(super) fn engine(&mut self) -> Result<Arc<Engine>, Failure> {
        let progress = self.progress;
        Ok(self.app()?.engine(progress)?)
    }

    /// A person on whose behalf the operator runs this command.
    pub(super) fn asker(&mut self, name: &str) -> Result<Asker, Failure> {
        let os_user = self.os_user.clone();
        let governor = Arc::clone(&self.app()?.governor);
        let principal = governor.accounts.principal(name)?;
        let actor = governor.actor(name, Via::Cli, os_user);
        Ok(Asker { principal, actor, session: None })
    }

    /// A person who proves with their own credential that they are who `--as` names.
    pub(super) fn confirmed(
        &mut self,
        name: &str,
        credential: &CredentialArgs,
    ) -> Result<(Confirmed, Actor), Failure> {
        let (shown, actor) = self.shown(name, credential)?;
        Ok((self.app()?.governor.confirm(&actor, name, &shown)?, actor))
    }

    /// The same for what comes before a second factor.
    pub(super) fn owner(
        &mut self,
        name: &str,
        credential: &CredentialArgs,
    ) -> Result<(Owner, Actor), Failure> {
        let (shown, actor) = self.shown(name, credential)?;
        Ok((self.app()?.governor.own(&actor, name, &shown)?, actor))
    }

    fn shown(
        &mut self,
        name: &str,
        credential: &CredentialArgs,
    ) -> Result<(Credential, Actor), Failure> {
        let code = credential.code.clone().map(Secret::new);
        let shown = match (&credential.token_file, credential.password_stdin) {
            (Some(path), _) => {
                let path = self.path(path);
                let token = std::fs::read_to_string(&path)
                    .map_err(|e| Failure::usage(format!("{}: {e}", path.display())))?;
                Credential::token(token.trim().to_owned().into(), code)
            }
            (None, true) => {
                Credential::password(self.stdin.take().unwrap_or_default().into(), code)
            }
            (None, false) => {
                return Err(unproven(name));
            }
        };
        let os_user = self.os_user.clone();
        let governor = Arc::clone(&self.app()?.governor);
        let actor = governor.actor(name, Via::Cli, os_user);
        Ok((shown, actor))
    }

    /// The person named by `--as`, or the operator, as a reader of the record.
    pub(super) fn reader(&mut self, name: Option<&str>) -> Result<examine::Reader, Failure> {
        match name {
            Some(name) => {
                let asker = self.asker(name)?;
                Ok(examine::Reader { actor: asker.actor, person: Some(asker.principal) })
            }
            None => Ok(examine::Reader { actor: self.operator()?, person: None }),
        }
    }

    /// Who does this, as the log names them: the person named by `--as` where the policy lets them,
    /// else the operator.
    pub(super) fn allowed(
        &mut self,
        as_user: Option<&str>,
        action: Action,
    ) -> Result<Actor, Failure> {
        let Some(name) = as_user else { return self.operator() };
        let asker = self.asker(name)?;
        match self.app()?.policies.may(&asker.principal, action) {
            Ok(_allowed) => Ok(asker.actor),
            Err(denial) => Err(Failure::denied(denial.reason)),
        }
    }

    /// [`Self::allowed`], or one's own account.
    pub(super) fn allowed_for(
        &mut self,
        as_user: Option<&str>,
        name: &str,
        action: Action,
    ) -> Result<Actor, Failure> {
        match as_user {
            Some(own) if own == name => Ok(self.asker(own)?.actor),
            as_user => self.allowed(as_user, action),
        }
    }

    /// Who changes something: the person named by `--as`, else the operator.
    pub(super) fn by(&mut self, as_user: Option<&str>) -> Result<By, Failure> {
        match as_user {
            Some(name) => {
                let asker = self.asker(name)?;
                Ok(By { actor: asker.actor, person: Some(asker.principal) })
            }
            None => Ok(By { actor: self.operator()?, person: None }),
        }
    }

    /// Closes a home that this command opened itself.
    pub(super) fn close(&mut self) {
        if let Opened::Own(_) = self.app {
            self.app = Opened::Not;
        }
    }

    /// The machine's operator.
    pub(super) fn operator(&mut self) -> Result<Actor, Failure> {
        let os_user = self.os_user.clone();
        Ok(self.app()?.operator(os_user))
    }
}

/// A name stands for nobody where it takes a proof.
pub(super) fn unproven(name: &str) -> Failure {
    Failure::denied(format!(
        "`--as {name}` does not prove who acts: add {name}'s own --token-file F or --password-stdin"
    ))
}
