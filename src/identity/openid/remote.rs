//! What the provider publishes and answers.
//!
//! Sources: OpenID Connect Discovery 1.0 (metadata), RFC 6749 section 4.1.3 and RFC 7636 (code for
//! token), Core 1.0 section 5.3 (UserInfo).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use super::keys::KeySet;
use super::port::{Ask, Call, Reply};
use super::settings::Settings;
use super::token::TokenFault;
use super::{ProviderFault, SignOnError};
use crate::domain::clock::Clock;
use crate::domain::limits::{OPENID_FRESH_MS, OPENID_REFRESHES_MAX};
use crate::domain::secret::Secret;
use crate::domain::uri::{encoded, is_private, pairs};

const FRESH: Duration = Duration::from_millis(OPENID_FRESH_MS);

/// The provider's metadata, as far as it matters here.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    pub(super) end_session_endpoint: Option<String>,
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
    code_challenge_methods_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// What the provider gives for a code.
#[derive(Deserialize)]
pub(super) struct Tokens {
    pub(super) id_token: String,
    access_token: Option<String>,
}

/// The provider, as it answers.
pub(super) struct Remote {
    ask: Box<Ask>,
    clock: Arc<dyn Clock>,
    metadata: Mutex<Option<(Duration, Metadata)>>,
    keys: Mutex<Keys>,
}

#[derive(Default)]
struct Keys {
    known: Option<(Duration, Arc<KeySet>)>,
    /// When they were asked for early.
    early: VecDeque<Duration>,
}

impl Remote {
    pub(super) fn new(ask: Box<Ask>, clock: Arc<dyn Clock>) -> Self {
        Self { ask, clock, metadata: Mutex::default(), keys: Mutex::default() }
    }

    /// What the provider says of itself.
    pub(super) fn metadata(&self, settings: &Settings) -> Result<Metadata, SignOnError> {
        let now = self.clock.steady();
        if let Some((at, known)) = &*lock(&self.metadata)
            && now.saturating_sub(*at) < FRESH
        {
            return Ok(known.clone());
        }
        let issuer = settings.issuer.trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let reply = self.get(&url, None)?;
        let read: Option<Metadata> =
            (reply.status == 200).then(|| serde_json::from_slice(&reply.body).ok()).flatten();
        let read = read.ok_or(ProviderFault::Metadata)?;
        read.check(settings)?;
        *lock(&self.metadata) = Some((now, read.clone()));
        Ok(read)
    }

    /// What was last known of where to sign out, without asking.
    pub(super) fn known_end_session(&self) -> Option<String> {
        let known = lock(&self.metadata);
        known.as_ref().and_then(|(_, known)| known.end_session_endpoint.clone())
    }

    /// Gives the code for tokens.
    pub(super) fn tokens(
        &self,
        settings: &Settings,
        metadata: &Metadata,
        code: &str,
        verifier: &str,
    ) -> Result<Tokens, SignOnError> {
        let redirect = settings.return_url();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect.as_str()),
            ("code_verifier", verifier),
        ];
        let mut authorization = None;
        match &settings.client_secret {
            Some(secret) if metadata.takes_basic() => {
                // RFC 6749 section 2.3.1: both are form-encoded first.
                let pair = format!("{}:{}", encoded(&settings.client_id), encoded(secret.expose()));
                authorization = Some(Secret::new(format!("Basic {}", STANDARD.encode(pair))));
            }
            Some(secret) => {
                form.push(("client_id", &settings.client_id));
                form.push(("client_secret", secret.expose()));
            }
            None => form.push(("client_id", &settings.client_id)),
        }
        let form = Some(Secret::new(pairs(&form)));
        let call = Call { url: &metadata.token_endpoint, authorization, form };
        let reply = (self.ask)(&call).ok_or(ProviderFault::Away)?;
        match reply.status {
            200 => serde_json::from_slice(&reply.body).map_err(|_| TokenFault::Malformed.into()),
            400 => Err(refusal(&reply).into()),
            401 => Err(ProviderFault::Client.into()),
            _ => Err(ProviderFault::Away.into()),
        }
    }

    /// The claims of a token that the provider signed. Its keys are asked for again where the token
    /// names one that is not known yet, though not as often as somebody likes.
    pub(super) fn open(&self, metadata: &Metadata, token: &str) -> Result<Value, SignOnError> {
        let (keys, fresh) = self.keys(metadata)?;
        match keys.open(token) {
            Err(TokenFault::UnknownKey) if !fresh && self.may_refresh() => {
                Ok(self.fetch_keys(metadata)?.open(token)?)
            }
            outcome => Ok(outcome?),
        }
    }

    /// What the provider says of the person beyond the token.
    pub(super) fn user_info(
        &self,
        metadata: &Metadata,
        tokens: &Tokens,
    ) -> Result<Option<Value>, SignOnError> {
        let (Some(url), Some(token)) = (&metadata.userinfo_endpoint, &tokens.access_token) else {
            return Ok(None);
        };
        let reply = self.get(url, Some(Secret::new(format!("Bearer {token}"))))?;
        match reply.status {
            200 => {
                let said = serde_json::from_slice(&reply.body);
                said.map(Some).map_err(|_| TokenFault::UserInfo.into())
            }
            _ => Err(ProviderFault::Away.into()),
        }
    }

    fn keys(&self, metadata: &Metadata) -> Result<(Arc<KeySet>, bool), SignOnError> {
        let now = self.clock.steady();
        let known = lock(&self.keys).known.clone();
        match known.filter(|(at, _)| now.saturating_sub(*at) < FRESH) {
            Some((_, keys)) => Ok((keys, false)),
            None => Ok((self.fetch_keys(metadata)?, true)),
        }
    }

    fn fetch_keys(&self, metadata: &Metadata) -> Result<Arc<KeySet>, SignOnError> {
        let now = self.clock.steady();
        let reply = self.get(&metadata.jwks_uri, None)?;
        let keys = (reply.status == 200).then(|| KeySet::parse(&reply.body)).flatten();
        let keys = Arc::new(keys.ok_or(ProviderFault::Keys)?);
        lock(&self.keys).known = Some((now, Arc::clone(&keys)));
        Ok(keys)
    }

    fn may_refresh(&self) -> bool {
        let now = self.clock.steady();
        let mut keys = lock(&self.keys);
        keys.early.retain(|at| now.saturating_sub(*at) < FRESH);
        let may = keys.early.len() < OPENID_REFRESHES_MAX;
        if may {
            keys.early.push_back(now);
        }
        may
    }

    fn get(&self, url: &str, authorization: Option<Secret>) -> Result<Reply, SignOnError> {
        let reply = (self.ask)(&Call { url, authorization, form: None });
        reply.ok_or_else(|| ProviderFault::Away.into())
    }
}

impl Metadata {
    /// Discovery 1.0 section 4.3: it is of the issuer that was configured, and nothing that it names
    /// can be listened to.
    fn check(&self, settings: &Settings) -> Result<(), ProviderFault> {
        let optional = [&self.userinfo_endpoint, &self.end_session_endpoint];
        let needed = [&self.authorization_endpoint, &self.token_endpoint, &self.jwks_uri];
        let mut urls = needed.into_iter().chain(optional.into_iter().flatten());
        let is_ours = self.issuer == settings.issuer && urls.all(|url| is_private(url));
        let methods = self.code_challenge_methods_supported.as_ref();
        // A provider that does not say may well know it.
        let knows_pkce = methods.is_none_or(|known| known.iter().any(|method| method == "S256"));
        match is_ours && knows_pkce {
            true => Ok(()),
            false => Err(ProviderFault::Metadata),
        }
    }

    /// Discovery 1.0 section 3: a provider that does not say takes `client_secret_basic`.
    fn takes_basic(&self) -> bool {
        let methods = self.token_endpoint_auth_methods_supported.as_ref();
        methods.is_none_or(|known| known.iter().any(|method| method == "client_secret_basic"))
    }
}

/// RFC 6749 section 5.2.
fn refusal(reply: &Reply) -> ProviderFault {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    match serde_json::from_slice(&reply.body) {
        Ok(Refusal { error }) if error == "invalid_grant" => ProviderFault::Code,
        Ok(_) | Err(_) => ProviderFault::Client,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
