//! The policy sets that the program is built with; `init` writes one into the home.

use super::Policies;

/// The schema that every policy is checked against.
pub(super) const SCHEMA: &str = include_str!("../../policies/schema.cedarschema");
/// The name under which the schema enters the digest.
pub(super) const SCHEMA_FILE: &str = "schema.cedarschema";

macro_rules! set {
    ($($set:literal / $file:literal),+ $(,)?) => {
        &[$(($file, include_str!(concat!("../../policies/", $set, "/", $file)))),+]
    };
}

const GENERAL: &[(&str, &str)] = set![
    "general" / "documents.cedar",
    "general" / "documents.examples.toml",
    "general" / "roles.cedar",
    "general" / "roles.examples.toml",
];
const LAW: &[(&str, &str)] = set![
    "law" / "matters.cedar",
    "law" / "matters.examples.toml",
    "law" / "roles.cedar",
    "law" / "roles.examples.toml",
];
const HOSPITAL: &[(&str, &str)] = set![
    "hospital" / "patients.cedar",
    "hospital" / "patients.examples.toml",
    "hospital" / "roles.cedar",
    "hospital" / "roles.examples.toml",
];

impl Policies {
    /// The sets that [`Policies::builtin`] knows.
    pub const SETS: [&str; 3] = ["general", "law", "hospital"];

    /// The purposes that the built-in sets know; a site may use others.
    pub const PURPOSES: [&str; 5] =
        ["treatment", "payment", "operations", "research", "conflict-check"];

    /// The files of a built-in set as (name, content).
    pub fn builtin(set: &str) -> Option<&'static [(&'static str, &'static str)]> {
        match set {
            "general" => Some(GENERAL),
            "law" => Some(LAW),
            "hospital" => Some(HOSPITAL),
            _ => None,
        }
    }
}
