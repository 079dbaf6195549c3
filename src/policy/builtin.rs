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
    "general" / "README.md",
    "general" / "documents.cedar",
    "general" / "documents.examples.toml",
    "general" / "roles.cedar",
    "general" / "roles.examples.toml",
    "general" / "walls.cedar",
    "general" / "walls.examples.toml",
];
const LAW: &[(&str, &str)] = set![
    "law" / "README.md",
    "law" / "clients.cedar",
    "law" / "clients.examples.toml",
    "law" / "emergency.cedar",
    "law" / "emergency.examples.toml",
    "law" / "matters.cedar",
    "law" / "matters.examples.toml",
    "law" / "privilege.cedar",
    "law" / "privilege.examples.toml",
    "law" / "roles.cedar",
    "law" / "roles.examples.toml",
    "law" / "walls.cedar",
    "law" / "walls.examples.toml",
];
const HOSPITAL: &[(&str, &str)] = set![
    "hospital" / "README.md",
    "hospital" / "emergency.cedar",
    "hospital" / "emergency.examples.toml",
    "hospital" / "functions.cedar",
    "hospital" / "functions.examples.toml",
    "hospital" / "matters.cedar",
    "hospital" / "matters.examples.toml",
    "hospital" / "patients.cedar",
    "hospital" / "patients.examples.toml",
    "hospital" / "roles.cedar",
    "hospital" / "roles.examples.toml",
    "hospital" / "sensitive.cedar",
    "hospital" / "sensitive.examples.toml",
    "hospital" / "walls.cedar",
    "hospital" / "walls.examples.toml",
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

    /// Name of the built-in set that these policies are, word for word; else `site`.
    pub fn set_name(&self) -> &'static str {
        let own = self.source();
        let own = own.policies();
        let is_same = |set: &&str| {
            let built_in = Self::builtin(set).unwrap_or_default();
            let texts = built_in.iter().filter(|(name, _)| name.ends_with(".cedar"));
            texts.clone().count() == own.len()
                && own.iter().all(|file| {
                    texts.clone().any(|(name, text)| *name == file.name && *text == file.text)
                })
        };
        Self::SETS.into_iter().find(is_same).unwrap_or("site")
    }
}
