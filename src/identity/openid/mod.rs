//! Who does the organisation's provider say this is? OpenID Connect sign-on.
//!
//! The authorization code flow of OpenID Connect Core 1.0 with PKCE (RFC 7636), as RFC 9700 wants it:
//! [`Provider::begin`] sends a browser to the provider with a `state`, a `nonce` and a challenge that
//! nobody else knows; [`Provider::finish`] takes the code that it brings back, gives it for an ID
//! token and checks that token whole. Only what is checked becomes a [`SignedOn`].
//!
//! A sign-on belongs to the browser that began it, by a cookie, and is spent when it comes back. The
//! keys are the provider's published ones, asked for anew every few minutes, and early when a token
//! names an unknown one. Whatever cannot be checked, for whatever reason, is refused.
//!
//! Trust: the provider is believed about its own people, through TLS and its signature. Its groups
//! give at most the rights that the operator's [`Mapping`] names. Its replies are otherwise hostile:
//! bounded, parsed strictly, never shown.
//!
//! Does not do: speaking HTTP (the composition root hands over an [`Ask`]), accounts
//! ([`Accounts::plan`](super::Accounts::plan)), recording (callers).

mod keys;
mod mapping;
mod open;
mod places;
mod port;
mod remote;
mod settings;
mod token;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use self::open::{Open, OpenSignOns, Unexpected};
use self::places::{Places, Taken};
use self::remote::Remote;
use self::token::{Claims, Expected};
use super::throttle::network;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::digest::Digest;
use crate::domain::uri::pairs;

pub use mapping::{Mapping, Rights};
pub use port::{Ask, Call, Reply};
pub use settings::{RETURN_PATH, Settings};
pub use token::TokenFault;

/// What the provider does wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProviderFault {
    /// It does not answer.
    #[error("provider_away")]
    Away,
    /// It does not take our own credentials, or does not know us.
    #[error("client_refused")]
    Client,
    /// It does not take the code: it was used before, or is not ours.
    #[error("code_refused")]
    Code,
    /// It publishes no keys.
    #[error("provider_keys")]
    Keys,
    /// What it says of itself is not of the configured issuer, or asks for what is not safe.
    #[error("provider_metadata")]
    Metadata,
}

/// Why nobody was signed on. As text: a code for the record.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SignOnError {
    /// Too many wait for the provider as it is.
    #[error("busy")]
    Busy,
    /// The provider sent the person back without a code: they gave up, or may not.
    #[error("provider_refused")]
    Refused,
    /// Nobody is expected back like this: another browser, too late, or made up.
    #[error("state_unknown")]
    Unknown,
    /// Somebody came back like this before.
    #[error("state_replayed")]
    Replayed,
    /// The provider's fault, or the configuration's.
    #[error(transparent)]
    Provider(#[from] ProviderFault),
    /// The token is not to be believed.
    #[error(transparent)]
    Token(#[from] TokenFault),
}

/// The browser that signs on.
#[derive(Clone, Copy)]
pub struct Browser<'a> {
    /// The secret in its cookie.
    pub secret: &'a str,
    /// Where it is, as far as that is known.
    pub address: Option<IpAddr>,
}

/// What the browser brings back: the query of the return address.
#[derive(Default, Deserialize)]
pub struct Returned {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    iss: Option<String>,
    error: Option<String>,
}

/// Somebody whom the provider vouches for, just now. Only [`Provider::finish`] makes one.
#[derive(Debug)]
pub struct SignedOn {
    issuer: String,
    subject: String,
    name: String,
    rights: Option<Rights>,
    next: Option<String>,
    is_fresh: bool,
}

impl SignedOn {
    /// Whether the provider was asked to let them prove who they are anew, and did.
    pub fn is_fresh(&self) -> bool {
        self.is_fresh
    }

    /// Who vouches.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The issuer's own name for the person, which stays theirs.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// What people call them, as the provider has it; empty where it says nothing.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What their groups come to; nothing where none has a role here.
    pub fn rights(&self) -> Option<&Rights> {
        self.rights.as_ref()
    }

    /// Where they were going.
    pub fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }
}

/// Whether whoever is already signed in at the provider must prove who they are all the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Proof {
    /// As the provider sees fit.
    Any,
    /// Now (`prompt=login`, `max_age=0`).
    Fresh,
}

/// The organisation's OpenID provider.
pub struct Provider {
    settings: Settings,
    remote: Remote,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    open: Mutex<OpenSignOns>,
    places: Places,
    turn: Mutex<()>,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.settings.issuer).finish_non_exhaustive()
    }
}

impl Provider {
    /// The provider of these settings, spoken to through `ask`; not asked anything yet.
    pub fn new(
        settings: Settings,
        ask: Box<Ask>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let remote = Remote::new(ask, Arc::clone(&clock));
        let (open, places) = (Mutex::default(), Places::default());
        Self { settings, remote, clock, entropy, open, places, turn: Mutex::default() }
    }

    /// What the operator set.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Where to send a browser that signs on. Blocks while the provider is asked who it is.
    ///
    /// # Errors
    /// [`SignOnError::Busy`], [`SignOnError::Provider`].
    pub fn begin(
        &self,
        browser: Browser<'_>,
        next: Option<String>,
        proof: Proof,
    ) -> Result<String, SignOnError> {
        let _place = self.place(browser)?;
        let metadata = self.remote.metadata(&self.settings)?;
        let [state, nonce, verifier] = [(); 3].map(|()| self.random());
        // RFC 7636 section 4.2, method S256.
        let challenge = URL_SAFE_NO_PAD.encode(Digest::of(verifier.as_bytes()).as_bytes());
        let (redirect, scope) = (self.settings.return_url(), self.settings.scopes.join(" "));
        let mut query = vec![
            ("response_type", "code"),
            ("client_id", &self.settings.client_id),
            ("redirect_uri", &redirect),
            ("scope", &scope),
            ("state", &state),
            ("nonce", &nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        if proof == Proof::Fresh {
            query.extend([("prompt", "login"), ("max_age", "0")]);
        }
        let start = &metadata.authorization_endpoint;
        let mark = if start.contains('?') { '&' } else { '?' };
        let url = format!("{start}{mark}{}", pairs(&query));
        let open = Open {
            browser: Digest::of(browser.secret.as_bytes()),
            address: browser.address.map(network),
            nonce,
            verifier,
            next,
            since: (proof == Proof::Fresh).then(|| self.clock.now()),
            begun: self.clock.steady(),
        };
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(state, open);
        Ok(url)
    }

    /// Who came back. Blocks while the provider is asked.
    ///
    /// # Errors
    /// [`SignOnError`]: nobody is believed.
    pub fn finish(
        &self,
        browser: Browser<'_>,
        returned: &Returned,
    ) -> Result<SignedOn, SignOnError> {
        // A place first: whoever finds none comes back with the same.
        let _place = self.place(browser)?;
        let open = self.take(browser, returned)?;
        let metadata = self.remote.metadata(&self.settings)?;
        // RFC 9207: an answer of another provider is not mixed up with one of this.
        let named = returned.iss.as_ref();
        let needs_name = metadata.authorization_response_iss_parameter_supported;
        if named.map_or(needs_name, |issuer| *issuer != self.settings.issuer) {
            return Err(TokenFault::Issuer.into());
        }
        if returned.error.is_some() || returned.code.is_empty() {
            return Err(SignOnError::Refused);
        }
        let tokens =
            self.remote.tokens(&self.settings, &metadata, &returned.code, &open.verifier)?;
        let expected = Expected {
            issuer: &self.settings.issuer,
            client_id: &self.settings.client_id,
            nonce: &open.nonce,
            now: self.clock.now(),
            since: open.since,
        };
        let claims = self.remote.open(&metadata, &tokens.id_token)?;
        let (mut claims, subject) = Claims::check(claims, &expected)?;
        let Settings { name_claim, groups_claim, .. } = &self.settings;
        if !(claims.has(groups_claim) && claims.has(name_claim))
            && let Some(said) = self.remote.user_info(&metadata, &tokens)?
        {
            claims.add(&subject, said)?;
        }
        Ok(SignedOn {
            issuer: self.settings.issuer.clone(),
            subject,
            name: claims.text(name_claim).unwrap_or_default().to_lowercase(),
            rights: self.settings.mapping.rights(&claims.groups(groups_claim)?, expected.now),
            next: open.next,
            is_fresh: open.since.is_some(),
        })
    }

    /// One person at a time, for as long as this is held: two sign-ons of one person at once must not
    /// make two accounts.
    pub fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where people can sign out of the provider too, if it was asked before and has such a place
    /// (OpenID Connect RP-Initiated Logout 1.0).
    pub fn leave_url(&self) -> Option<String> {
        let place = self.remote.known_end_session()?;
        let mark = if place.contains('?') { '&' } else { '?' };
        Some(format!("{place}{mark}{}", pairs(&[("client_id", &self.settings.client_id)])))
    }

    fn take(&self, browser: Browser<'_>, returned: &Returned) -> Result<Open, SignOnError> {
        let browser = Digest::of(browser.secret.as_bytes());
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.take(&returned.state, &browser, self.clock.steady()).map_err(|why| match why {
            Unexpected::Unknown => SignOnError::Unknown,
            Unexpected::Spent => SignOnError::Replayed,
        })
    }

    /// A place among those who wait for the provider.
    fn place(&self, browser: Browser<'_>) -> Result<Taken<'_>, SignOnError> {
        self.places.take(browser.address.map(network)).ok_or(SignOnError::Busy)
    }

    /// 256 random bits.
    fn random(&self) -> String {
        let mut bytes = [0; 32];
        self.entropy.fill(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

#[cfg(test)]
mod tests;
