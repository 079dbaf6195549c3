//! The section `[openid]`: who vouches for people, and what its groups stand for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::domain::relationship::Term;
use crate::domain::secret::Secret;
use crate::domain::uri::is_private;
use crate::identity::openid::{Mapping, Settings};

use super::Fault;
use super::checked::{credential, fault, file, text};
use super::raw::{RawOpenId, RawTerm};

/// Longest name, claim, scope or secret.
const CHARS_MAX: usize = 1_000;
/// What the button says must fit on it.
const NAME_CHARS_MAX: usize = 60;
/// At least a session's longest time, at most a month.
const RIGHTS_HOURS: std::ops::RangeInclusive<u64> = 8..=720;
/// People wait for it; other requests do too.
const TIMEOUT_MS: std::ops::RangeInclusive<u64> = 100..=30_000;

/// The organisation's OpenID provider.
#[derive(Clone, Debug)]
pub struct OpenIdConfig {
    /// Who it is, who we are to it, and what its groups stand for.
    pub settings: Settings,
    /// How long it may take to answer.
    pub timeout: Duration,
    /// Authorities of its certificate, PEM; else the system's.
    pub ca_file: Option<PathBuf>,
}

/// What is configured, or nothing where no issuer is named.
pub(super) fn check(
    raw: &RawOpenId,
    home: &Path,
    environment: &[(String, String)],
    faults: &mut Vec<Fault>,
) -> Option<OpenIdConfig> {
    if raw.issuer.is_empty() {
        if !raw.client_id.is_empty() || !raw.roles.is_empty() {
            let example = "https://id.example.org/realms/firm";
            fault(faults, "openid.issuer", "is empty, though a provider is described", example);
        }
        return None;
    }
    check_addresses(raw, faults);
    check_words(raw, faults);
    let mapping = Mapping::parse(&raw.roles, &raw.attributes).unwrap_or_else(|details| {
        for detail in details {
            let example = "roles = { \"affiant-staff\" = [\"staff\"] }";
            fault(faults, "openid.roles, openid.attributes", &detail, example);
        }
        Mapping::default()
    });
    let mapping = match mapping.with_terms(terms(raw, faults)) {
        Ok(mapping) => mapping,
        Err(details) => {
            let example = "terms = { \"locum-*\" = { until = \"2026-05-31\" } }";
            details.iter().for_each(|detail| fault(faults, "openid.terms", detail, example));
            Mapping::default()
        }
    };
    if raw.roles.is_empty() {
        let detail = "names no group, so nobody could sign in";
        fault(faults, "openid.roles", detail, "{ \"affiant-staff\" = [\"staff\"] }");
    }
    let client_secret = secret(raw, home, environment, faults);
    let rights_hours = number(faults, "openid.rights_hours", raw.rights_hours, RIGHTS_HOURS, "24");
    let timeout = number(faults, "openid.timeout_ms", raw.timeout_ms, TIMEOUT_MS, "5000");
    let settings = Settings {
        issuer: raw.issuer.clone(),
        name: raw.name.clone(),
        client_id: raw.client_id.clone(),
        client_secret,
        base_url: raw.base_url.trim_end_matches('/').to_owned(),
        scopes: raw.scopes.clone(),
        name_claim: raw.name_claim.clone(),
        groups_claim: raw.groups_claim.clone(),
        mapping,
        rights_last: Duration::from_secs(rights_hours * 60 * 60),
    };
    let timeout = Duration::from_millis(timeout);
    Some(OpenIdConfig { settings, timeout, ca_file: file(&raw.ca_file, home) })
}

fn terms(raw: &RawOpenId, faults: &mut Vec<Fault>) -> BTreeMap<String, Term> {
    let mut terms = BTreeMap::new();
    for (group, RawTerm { from, until }) in &raw.terms {
        match Term::parse(from, until) {
            Ok(term) => {
                terms.insert(group.clone(), term);
            }
            Err(error) => {
                let example = "{ from = \"2026-03-01\", until = \"2026-05-31\" }";
                fault(faults, "openid.terms", &format!("{group:?}: {error}"), example);
            }
        }
    }
    terms
}

fn check_addresses(raw: &RawOpenId, faults: &mut Vec<Fault>) {
    let addresses = [
        ("openid.issuer", &raw.issuer, "https://id.example.org/realms/firm"),
        ("openid.base_url", &raw.base_url, "https://affiant.example.org"),
    ];
    for (key, url, example) in addresses {
        if !is_private(url) || url.contains('?') {
            let detail = "is not an https URL (http only on this machine), without a query";
            fault(faults, key, detail, example);
        }
    }
}

fn check_words(raw: &RawOpenId, faults: &mut Vec<Fault>) {
    let is_good = |text: &str| !text.is_empty() && text.len() <= CHARS_MAX;
    let words = [
        ("openid.client_id", &raw.client_id, "affiant"),
        ("openid.name_claim", &raw.name_claim, "preferred_username"),
        ("openid.groups_claim", &raw.groups_claim, "groups"),
    ];
    for (key, word, example) in words {
        if !is_good(word) {
            fault(faults, key, "is empty or too long", example);
        }
    }
    if !(1..=NAME_CHARS_MAX).contains(&raw.name.chars().count()) {
        fault(faults, "openid.name", "is empty or longer than 60 characters", "Example LLP");
    }
    let is_scope = |scope: &String| is_good(scope) && scope.chars().all(|c| c.is_ascii_graphic());
    if !raw.scopes.iter().any(|scope| scope == "openid") || !raw.scopes.iter().all(is_scope) {
        let detail = "holds no \"openid\", or a scope with a space";
        fault(faults, "openid.scopes", detail, "[\"openid\", \"profile\"]");
    }
}

fn secret(
    raw: &RawOpenId,
    home: &Path,
    environment: &[(String, String)],
    faults: &mut Vec<Fault>,
) -> Option<Secret> {
    let path = file(&raw.client_secret_file, home)
        .or_else(|| credential(environment, "affiant-openid-secret"))?;
    let read = std::fs::read_to_string(&path).map_err(|error| error.to_string());
    let read = read.and_then(|secret| {
        let good = text(secret.trim().to_owned()).filter(|secret| secret.len() <= CHARS_MAX);
        good.ok_or_else(|| "is empty or too long".to_owned())
    });
    match read {
        Ok(secret) => Some(Secret::new(secret)),
        Err(detail) => {
            let detail = format!("{}: {detail}", path.display());
            fault(faults, "openid.client_secret_file", &detail, "/etc/affiant/openid-secret");
            None
        }
    }
}

fn number(
    faults: &mut Vec<Fault>,
    key: &str,
    value: i64,
    range: std::ops::RangeInclusive<u64>,
    example: &str,
) -> u64 {
    let found = u64::try_from(value).ok().filter(|value| range.contains(value));
    found.unwrap_or_else(|| {
        let detail = format!("is not between {} and {}", range.start(), range.end());
        fault(faults, key, &detail, example);
        *range.start()
    })
}
