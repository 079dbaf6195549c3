//! What the operator says of the provider.

use std::time::Duration;

use super::mapping::Mapping;
use crate::domain::secret::Secret;

/// Where the provider sends people back to, below the address that people reach us at.
pub const RETURN_PATH: &str = "/sign-in/openid/return";

/// The organisation's provider, and what its word counts for. Checked by whoever makes it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its issuer identifier, as its metadata spells it.
    pub issuer: String,
    /// What the sign-in page calls it.
    pub name: String,
    /// What it knows us as.
    pub client_id: String,
    /// What we prove that with; PKCE alone without one.
    pub client_secret: Option<Secret>,
    /// Where people reach this appliance, without a slash at the end.
    pub base_url: String,
    /// What is asked of it; `openid` among them.
    pub scopes: Vec<String>,
    /// The claim that a new account is named after.
    pub name_claim: String,
    /// The claim that holds the groups.
    pub groups_claim: String,
    /// What groups stand for.
    pub mapping: Mapping,
    /// How long what groups gave counts after a sign-on.
    pub rights_last: Duration,
}

impl Settings {
    /// Where the provider sends people back to.
    pub fn return_url(&self) -> String {
        format!("{}{RETURN_PATH}", self.base_url)
    }
}
