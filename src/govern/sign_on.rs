//! Signing on through the organisation's provider: the account follows the groups, and all of it is
//! on record before it counts.

use crate::audit::{Actor, AppendError, What};
use crate::domain::digest::Digest;
use crate::domain::ids::RequestId;
use crate::domain::payload::TokenKind;
use crate::domain::principal::{Entitlements, Via};
use crate::identity::openid::{Browser, Proof, Provider, Returned, SignOnError, SignedOn};
use crate::identity::{AdmitError, Plan, Session};
use crate::store::VaultError;

use super::{GovernError, Governor};

/// Why nobody was signed on.
#[derive(Debug, thiserror::Error)]
pub enum SignOnFailure {
    /// No provider is configured.
    #[error("not_configured")]
    NotConfigured,
    /// The provider vouches for nobody.
    #[error(transparent)]
    SignOn(#[from] SignOnError),
    /// The provider does, but they have no way in here.
    #[error(transparent)]
    Admit(#[from] AdmitError),
    /// What the groups say cannot be kept: nobody is let in.
    #[error(transparent)]
    NotKept(Box<GovernError>),
    /// The log cannot append: nobody is let in.
    #[error("the audit log cannot record this, so nobody can sign in: {0}")]
    NotRecorded(#[from] AppendError),
    /// The person's key cannot be kept: nobody is let in.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

impl Governor {
    /// Where to send a browser that signs on; see [`Provider::begin`].
    ///
    /// # Errors
    /// [`SignOnFailure`].
    pub fn begin_sign_on(
        &self,
        browser: Browser<'_>,
        next: Option<String>,
        proof: Proof,
    ) -> Result<String, SignOnFailure> {
        let provider = self.provider()?;
        self.check_patience(browser)?;
        provider.begin(browser, next, proof).map_err(|error| {
            tracing::warn!(reason = %error, "a sign-on cannot begin");
            error.into()
        })
    }

    /// Opens a session for whoever comes back from the provider, and says where they were going.
    /// Their account is made or follows their groups first.
    ///
    /// # Errors
    /// [`SignOnFailure`]: nobody is signed in. What the groups no longer give is gone all the same.
    pub fn finish_sign_on(
        &self,
        browser: Browser<'_>,
        returned: &Returned,
    ) -> Result<(Session, Option<String>), SignOnFailure> {
        let provider = self.provider()?;
        self.check_patience(browser)?;
        let req = self.request();
        let on = match provider.finish(browser, returned) {
            Ok(on) => on,
            Err(error) => {
                tracing::warn!(reason = %error, "a sign-on ends without a session");
                // Nobody began it, or nobody looked at it: whoever calls would fill the log.
                if !matches!(error, SignOnError::Unknown | SignOnError::Busy) {
                    self.accounts.sign_on_failed(browser.address);
                    let actor = Self::operator(Via::System, None);
                    let reason = error.to_string();
                    self.record_as(&actor, req, What::SessionRefused { person: None, reason })?;
                }
                return Err(error.into());
            }
        };
        match self.admit(provider, &on, req) {
            Ok(session) => Ok((session, on.next().map(str::to_owned))),
            Err(SignOnFailure::Admit(error)) => {
                tracing::warn!(reason = %error, "somebody whom the provider vouches for stays outside");
                self.accounts.sign_on_failed(browser.address);
                let bound =
                    error.account().map(|name| self.actor(name.as_str(), Via::Portal, None));
                let person = bound.as_ref().map(|actor| actor.id.clone());
                let actor = bound.unwrap_or_else(|| Self::operator(Via::System, None));
                let reason = error.to_string();
                self.record_as(&actor, req, What::SessionRefused { person, reason })?;
                Err(error.into())
            }
            Err(other) => Err(other),
        }
    }

    /// An address whose sign-ons came to nothing too often is not listened to for a while, and
    /// leaves no entries.
    fn check_patience(&self, browser: Browser<'_>) -> Result<(), SignOnFailure> {
        match self.accounts.must_wait(browser.address) {
            true => Err(SignOnError::Busy.into()),
            false => Ok(()),
        }
    }

    fn admit(
        &self,
        provider: &Provider,
        on: &SignedOn,
        req: RequestId,
    ) -> Result<Session, SignOnFailure> {
        let _turn = provider.turn();
        let plan = self.accounts.plan(on, provider.settings().rights_last)?;
        if plan.is_new() {
            self.vault.subject(TokenKind::Person, plan.name().as_str())?;
        }
        let actor = self.actor(plan.name().as_str(), Via::Portal, None);
        self.record_plan(&plan, &actor, req)?;
        self.accounts.carry_out(&plan)?;
        if !plan.is_member() {
            return Err(AdmitError::NoGroup { name: Some(plan.name().clone()) }.into());
        }
        let session = self.accounts.open_planned(&plan)?;
        let provider = Digest::of(on.issuer().as_bytes());
        let what = What::SessionFederated { person: actor.id.clone(), provider };
        if let Err(error) = self.record_as(&actor, req, what) {
            self.accounts.sign_out(&session.token).map_err(AdmitError::State)?;
            return Err(error.into());
        }
        Ok(session)
    }

    fn record_plan(&self, plan: &Plan, actor: &Actor, req: RequestId) -> Result<(), GovernError> {
        let person = self.vault.token(TokenKind::Person, plan.name().as_str());
        if plan.is_new() {
            let given = plan.entitlements();
            let lost = Entitlements::default();
            let payload = Some(self.seal_rights(plan.name(), &given, &lost, plan.dated())?);
            let what = What::AccountCreated { person, roles: given.roles, payload };
            return Ok(self.record_as(actor, req, what)?);
        }
        let change = plan.change();
        if change.is_none() {
            return Ok(());
        }
        let dated = change.dated.as_deref().unwrap_or_default();
        let what = self.rights_changed(plan.name(), &change.gained, &change.lost, dated)?;
        Ok(self.record_as(actor, req, what)?)
    }

    fn provider(&self) -> Result<&Provider, SignOnFailure> {
        self.provider.as_ref().ok_or(SignOnFailure::NotConfigured)
    }
}

impl From<GovernError> for SignOnFailure {
    fn from(error: GovernError) -> Self {
        if let GovernError::NotRecorded(error) = error {
            return Self::NotRecorded(error);
        }
        Self::NotKept(Box::new(error))
    }
}
