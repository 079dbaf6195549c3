//! What did the operator set? File and environment to checked options, or a refusal that lists
//! every fault.
//!
//! `HOME/affiant.toml` over the compiled-in defaults (`default.toml`), then `AFFIANT__SECTION__FIELD`
//! over both. Secrets are named as files, never given as values. Nothing outside this room reads
//! the environment.

mod checked;
mod openid;
mod raw;

use std::path::{Path, PathBuf};

pub use checked::{IndexConfig, ModelsConfig, Options, ServerConfig, TlsFiles, WitnessConfig};
pub use openid::OpenIdConfig;

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// `section.field`.
    pub key: String,
    /// What is wrong.
    pub detail: String,
    /// A value that would do.
    pub example: String,
}

/// Everything that is wrong with the configuration, at once.
#[derive(Debug, thiserror::Error)]
#[error("the configuration has {} fault(s): {}", faults.len(), list(faults))]
pub struct ConfigError {
    /// The faults.
    pub faults: Vec<Fault>,
}

fn list(faults: &[Fault]) -> String {
    let lines: Vec<String> = faults
        .iter()
        .map(|fault| format!("{}: {} (example: {})", fault.key, fault.detail, fault.example))
        .collect();
    lines.join("; ")
}

/// Reads the options of a home. `environment` is the process environment, passed in by `main`.
///
/// # Errors
/// [`ConfigError`] lists every fault.
pub fn load(
    home: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Options, ConfigError> {
    let path = home.join("affiant.toml");
    let file = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            let key = path.display().to_string();
            let (detail, example) = (error.to_string(), "a readable file".to_owned());
            return Err(ConfigError { faults: vec![Fault { key, detail, example }] });
        }
    };
    let environment: Vec<(String, String)> = environment.into_iter().collect();
    let raw = raw::RawConfig::read(&file, &environment)?;
    checked::check(raw, home, &environment)
}

/// The home that the command line means: the option, else `AFFIANT_HOME`, else `./affiant-home`.
#[expect(clippy::disallowed_methods, reason = "config is the room that reads the environment")]
pub fn home(option: Option<PathBuf>) -> PathBuf {
    option
        .or_else(|| std::env::var("AFFIANT_HOME").ok().map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from("affiant-home"))
}

/// Who runs this process, as the operating system's environment says: recorded, never trusted.
#[expect(clippy::disallowed_methods, reason = "config is the room that reads the environment")]
pub fn os_user() -> Option<String> {
    let name = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    Some(name.chars().filter(|c| plain(*c)).take(64).collect())
}

/// Where sockets go whose own folder has too long a name.
#[expect(clippy::disallowed_methods, reason = "config is the room that reads the environment")]
pub fn runtime_folder() -> PathBuf {
    std::env::var("XDG_RUNTIME_DIR").map_or_else(|_| std::env::temp_dir(), PathBuf::from)
}

/// The per-user cache that all homes share: `AFFIANT__MODELS__CACHE`, else
/// `$XDG_CACHE_HOME/affiant`, else `~/.cache/affiant`.
pub fn default_cache(environment: &[(String, String)]) -> PathBuf {
    let value = |name: &str| {
        let found = environment.iter().find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| PathBuf::from(value))
    };
    value("XDG_CACHE_HOME")
        .or_else(|| value("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(|| PathBuf::from("/var/cache"))
        .join("affiant")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable;

    fn check(file: &str, environment: &[(&str, &str)]) -> Result<Options, Vec<String>> {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("affiant.toml");
        durable::create_new(&path, file.as_bytes(), durable::Readers::Owner).unwrap();
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        load(home.path(), environment)
            .map_err(|error| error.faults.into_iter().map(|fault| fault.key).collect())
    }

    #[test]
    fn the_shipped_default_loads() {
        let options = check("", &[]).unwrap();
        assert_eq!(options.server.listen.to_string(), "127.0.0.1:8443");
        assert!(matches!(options.index, IndexConfig::Embedded));
    }

    #[test]
    fn a_provider_is_described_in_the_file() {
        let file = "[openid]\nissuer = \"https://id.example.org/\"\nclient_id = \"affiant\"\n\
                    base_url = \"https://affiant.example.org/\"\nclient_secret_file = \"affiant.toml\"\n\
                    roles = { a = [\"staff\"] }\n";
        let openid = check(file, &[]).unwrap().openid.unwrap();
        let settings = &openid.settings;
        assert_eq!(settings.return_url(), "https://affiant.example.org/sign-in/openid/return");
        assert!(settings.client_secret.as_ref().unwrap().expose().starts_with("[openid]"));
        assert!(!format!("{openid:?}").contains("base_url = "), "the secret is not printed");
        assert!(check("", &[]).unwrap().openid.is_none());
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let file = "[server]\nlisten = \"127.0.0.1:1\"\n";
        let options = check(file, &[("AFFIANT__SERVER__LISTEN", "127.0.0.1:2")]).unwrap();
        assert_eq!(options.server.listen.port(), 2);
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let table: [(&str, &[&str]); 11] = [
            (
                "[[retention.class]]\nname = \"x\"\nlabels = [\"colour=red\"]\nminimum_days = 9\n\
                 maximum_days = 3\n",
                &["retention.class[0].maximum_days", "retention.class[0].labels"],
            ),
            (
                "[server]\nlisten = \"nowhere\"\n[models]\nthreads = 0\n",
                &["server.listen", "models.threads"],
            ),
            ("[index]\nvector = \"server\"\n", &["index.url"]),
            ("[index]\nvector = \"floppy\"\n", &["index.vector"]),
            ("[server]\ntls_cert_file = \"cert.pem\"\n", &["server.tls_key_file"]),
            ("[server]\ncolour = \"red\"\n", &["affiant.toml"]),
            (
                "[witness]\npolicy_file = \"nowhere\"\ninterval_ms = 0\n",
                &["witness.policy_file", "witness.interval_ms"],
            ),
            ("[openid]\nclient_id = \"affiant\"\n", &["openid.issuer"]),
            (
                "[openid]\nissuer = \"http://id.example.org\"\nscopes = []\nname = \"\"\n\
                 client_secret_file = \"nowhere\"\nrights_hours = 1\ntimeout_ms = 0\n",
                &[
                    "openid.issuer",
                    "openid.base_url",
                    "openid.client_id",
                    "openid.name",
                    "openid.scopes",
                    "openid.roles",
                    "openid.client_secret_file",
                    "openid.rights_hours",
                    "openid.timeout_ms",
                ],
            ),
            (
                "[openid]\nissuer = \"https://id.example.org\"\nclient_id = \"a\"\n\
                 base_url = \"http://127.0.0.1:1\"\nroles = { a = [\"king\"] }\n\
                 attributes = { b = [\"matter\"] }\n",
                &["openid.roles, openid.attributes"; 2],
            ),
            (
                "[openid]\nissuer = \"https://id.example.org\"\nclient_id = \"a\"\n\
                 base_url = \"http://127.0.0.1:1\"\nroles = { a = [\"staff\"] }\n\
                 terms = { b = { from = \"soon\" }, c = { from = \"2026-02-01\", until = \"2026-01-01\" } }\n",
                &["openid.terms"; 2],
            ),
        ];
        for (file, keys) in table {
            assert_eq!(check(file, &[]).unwrap_err(), keys, "{file}");
        }
        let unknown = check("", &[("AFFIANT__SERVER__COLOUR", "red")]).unwrap_err();
        assert_eq!(unknown, ["affiant.toml"]);
    }
}
