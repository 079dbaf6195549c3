//! Settings as written: defaults, file, environment, in that order.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Table, Value};

use super::{ConfigError, Fault};

const DEFAULT: &str = include_str!("default.toml");
const PREFIX: &str = "AFFIANT__";

/// The file as written. Every field has a default in `default.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    pub(super) server: RawServer,
    pub(super) models: RawModels,
    pub(super) index: RawIndex,
    pub(super) log: RawLog,
    pub(super) retention: RawRetention,
    pub(super) emergency: RawEmergency,
    pub(super) sign_in: RawSignIn,
    pub(super) witness: RawWitness,
    pub(super) openid: RawOpenId,
    pub(super) telemetry: RawTelemetry,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawServer {
    pub(super) listen: String,
    pub(super) tls_cert_file: String,
    pub(super) tls_key_file: String,
    pub(super) behind_proxy: bool,
    pub(super) queue: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawModels {
    pub(super) cache: String,
    pub(super) threads: Value,
    pub(super) python: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawIndex {
    pub(super) vector: String,
    pub(super) url: String,
    pub(super) api_key_file: String,
    pub(super) collection: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    pub(super) origin: String,
    pub(super) entries: String,
    pub(super) heartbeat_seconds: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRetention {
    pub(super) class: Vec<RawRetentionClass>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRetentionClass {
    pub(super) name: String,
    #[serde(default)]
    pub(super) labels: Vec<String>,
    #[serde(default)]
    pub(super) minimum_days: i64,
    pub(super) maximum_days: Option<i64>,
    #[serde(default)]
    pub(super) automatic: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEmergency {
    pub(super) minutes: i64,
    pub(super) minutes_max: i64,
    pub(super) review_hours: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSignIn {
    pub(super) session_minutes: i64,
    pub(super) idle_minutes: i64,
    pub(super) second_factor: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWitness {
    pub(super) policy_file: String,
    pub(super) interval_ms: i64,
    pub(super) timeout_ms: i64,
    pub(super) ca_file: String,
}

/// From when until when a group counts.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawTerm {
    pub(super) from: String,
    pub(super) until: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOpenId {
    pub(super) issuer: String,
    pub(super) name: String,
    pub(super) client_id: String,
    pub(super) client_secret_file: String,
    pub(super) base_url: String,
    pub(super) scopes: Vec<String>,
    pub(super) name_claim: String,
    pub(super) groups_claim: String,
    pub(super) roles: BTreeMap<String, Vec<String>>,
    pub(super) attributes: BTreeMap<String, Vec<String>>,
    pub(super) terms: BTreeMap<String, RawTerm>,
    pub(super) rights_hours: i64,
    pub(super) timeout_ms: i64,
    pub(super) ca_file: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTelemetry {
    pub(super) filter: String,
}

impl RawConfig {
    /// Defaults, then the file, then `AFFIANT__SECTION__FIELD`.
    pub(super) fn read(file: &str, environment: &[(String, String)]) -> Result<Self, ConfigError> {
        let mut table: Table = parse(DEFAULT)?;
        overlay(&mut table, parse(file)?);
        for (name, value) in environment {
            let Some((section, field)) =
                name.strip_prefix(PREFIX).and_then(|rest| rest.split_once("__"))
            else {
                continue;
            };
            let (section, field) = (section.to_lowercase(), field.to_lowercase());
            let inner = Table::from_iter([(field, typed(value))]);
            overlay(&mut table, Table::from_iter([(section, Value::Table(inner))]));
        }
        table.try_into().map_err(|error: toml::de::Error| fault(error.message()))
    }
}

fn parse(text: &str) -> Result<Table, ConfigError> {
    text.parse().map_err(|error: toml::de::Error| fault(&error.to_string()))
}

fn fault(detail: &str) -> ConfigError {
    let detail = detail.trim().replace('\n', " ");
    let example = "see the configuration table in README.md".to_owned();
    ConfigError { faults: vec![Fault { key: "affiant.toml".to_owned(), detail, example }] }
}

fn overlay(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => overlay(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// Environment values are text; whole numbers and booleans are read as such.
fn typed(value: &str) -> Value {
    value
        .parse()
        .map(Value::Boolean)
        .or_else(|_| value.parse().map(Value::Integer))
        .unwrap_or_else(|_| Value::String(value.to_owned()))
}
