//! From settings as written to checked options; every fault is collected.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::audit::{PolicyWitness, TlogPolicy};
use crate::domain::access::Labels;
use crate::domain::limits::{
    EMERGENCY_MS_MAX, HEARTBEAT_SECONDS_MAX, QUESTION_QUEUE_MAX, RETENTION_DAYS_MAX,
    SESSION_IDLE_MINUTES_MAX, SESSION_MINUTES_MAX, SESSION_MINUTES_MIN,
};
use crate::domain::principal::InvalidRole;
use crate::govern::{EmergencyRules, Retention, RetentionClass};
use crate::http::EntryReaders;
use crate::identity::SignInRules;

use super::openid::{self, OpenIdConfig};
use super::raw::RawConfig;
use super::{ConfigError, Fault, default_cache};

/// Checked options.
#[derive(Clone, Debug)]
pub struct Options {
    /// The home they are for.
    pub home: PathBuf,
    /// How the server listens.
    pub server: ServerConfig,
    /// Where models come from.
    pub models: ModelsConfig,
    /// Where vectors are kept.
    pub index: IndexConfig,
    /// How long documents must be kept.
    pub retention: Retention,
    /// How long access in an emergency lasts.
    pub emergency: EmergencyRules,
    /// What is asked of those who sign in.
    pub sign_in: SignInRules,
    /// Origin of a log that is yet to be made.
    pub log_origin: String,
    /// Who may fetch the entries of the published log.
    pub entry_readers: EntryReaders,
    /// Between two heartbeats of a server.
    pub heartbeat: Duration,
    /// Who remembers how far the log had come.
    pub witness: WitnessConfig,
    /// The organisation's OpenID provider.
    pub openid: Option<OpenIdConfig>,
    /// A signing key of the log that the service manager hands over (systemd's `LoadCredential`).
    pub log_key_credential: Option<PathBuf>,
    /// Tracing filter.
    pub telemetry_filter: String,
    /// The program that reads files, in processes of their own: this one, whatever its place on
    /// disk became meanwhile. No file sets it.
    pub reader_program: PathBuf,
}

/// How the server listens.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// The operator's certificate and key.
    pub tls: Option<TlsFiles>,
    /// A proxy ends TLS.
    pub behind_proxy: bool,
    /// Questions that may wait.
    pub queue: usize,
}

/// PEM files.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsFiles {
    /// Certificate chain.
    pub cert: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// Where models come from and how they run.
#[derive(Clone, Debug)]
pub struct ModelsConfig {
    /// The cache folder.
    pub cache: PathBuf,
    /// Threads of ONNX Runtime.
    pub threads: usize,
    /// Python that fetches wheels.
    pub python: String,
}

/// Where vectors are kept.
#[derive(Clone, Debug)]
pub enum IndexConfig {
    /// Qdrant Edge in this process.
    Embedded,
    /// A Qdrant server or cluster.
    Server {
        /// Its gRPC URL; `https` means TLS.
        url: String,
        /// File that holds the API key.
        api_key_file: Option<PathBuf>,
        /// Collection name.
        collection: String,
    },
}

/// Who remembers how far the log had come.
#[derive(Clone, Debug)]
pub struct WitnessConfig {
    /// The witnesses with their addresses, and the quorum.
    pub policy: TlogPolicy,
    /// How often a new checkpoint is offered to them.
    pub interval: Duration,
    /// How long one may take to answer.
    pub timeout: Duration,
    /// Authorities of their certificates, PEM; else the system's.
    pub ca_file: Option<PathBuf>,
}

pub(super) fn check(
    raw: RawConfig,
    home: &Path,
    environment: &[(String, String)],
) -> Result<Options, ConfigError> {
    let mut faults = Vec::new();
    let server = server(&raw, home, &mut faults);
    let models = models(&raw, environment, &mut faults);
    let index = index(&raw, home, &mut faults);
    let witness = witness(&raw, home, &mut faults);
    let openid = openid::check(&raw.openid, home, environment, &mut faults);
    let retention = retention(&raw, &mut faults);
    let emergency = emergency(&raw, &mut faults);
    let sign_in = sign_in(&raw, &mut faults);
    let heartbeat = heartbeat(&raw, &mut faults);
    let entry_readers = entry_readers(&raw, &mut faults);
    match (server, models, index, heartbeat) {
        (Some(server), Some(models), Some(index), Some(heartbeat)) if faults.is_empty() => {
            Ok(Options {
                home: home.to_owned(),
                server,
                models,
                index,
                retention,
                emergency,
                sign_in,
                log_origin: text(raw.log.origin)
                    .unwrap_or_else(|| "affiant.local/audit/1".to_owned()),
                entry_readers,
                heartbeat,
                witness,
                openid,
                log_key_credential: credential(environment, "affiant-log-key"),
                telemetry_filter: raw.telemetry.filter,
                reader_program: PathBuf::from("/proc/self/exe"),
            })
        }
        _ => Err(ConfigError { faults }),
    }
}

fn server(raw: &RawConfig, home: &Path, faults: &mut Vec<Fault>) -> Option<ServerConfig> {
    let raw = &raw.server;
    let listen = raw.listen.parse().ok();
    if listen.is_none() {
        fault(faults, "server.listen", "is not an address with a port", "127.0.0.1:8443");
    }
    let tls = match (file(&raw.tls_cert_file, home), file(&raw.tls_key_file, home)) {
        (Some(cert), Some(key)) => Some(TlsFiles { cert, key }),
        (None, None) => None,
        (Some(_), None) => {
            fault(faults, "server.tls_key_file", "a certificate needs its key", "tls/key.pem");
            None
        }
        (None, Some(_)) => {
            fault(faults, "server.tls_cert_file", "a key needs its certificate", "tls/cert.pem");
            None
        }
    };
    let queue = usize::try_from(raw.queue).ok().filter(|n| (1..=QUESTION_QUEUE_MAX).contains(n));
    if queue.is_none() {
        fault(faults, "server.queue", "is not between 1 and 32", "32");
    }
    Some(ServerConfig { listen: listen?, tls, behind_proxy: raw.behind_proxy, queue: queue? })
}

fn models(
    raw: &RawConfig,
    environment: &[(String, String)],
    faults: &mut Vec<Fault>,
) -> Option<ModelsConfig> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let number = raw.models.threads.as_integer().and_then(|n| usize::try_from(n).ok());
    let threads = match raw.models.threads.as_str() {
        Some("auto") => Some(cores),
        Some(_) => None,
        None => number.filter(|n| (1..=256).contains(n)),
    };
    if threads.is_none() {
        fault(faults, "models.threads", "is not \"auto\" or a number from 1 to 256", "2");
    }
    if raw.models.python.is_empty() {
        fault(faults, "models.python", "is empty", "python3");
    }
    let cache =
        text(raw.models.cache.clone()).map_or_else(|| default_cache(environment), PathBuf::from);
    Some(ModelsConfig { cache, threads: threads?, python: raw.models.python.clone() })
}

fn index(raw: &RawConfig, home: &Path, faults: &mut Vec<Fault>) -> Option<IndexConfig> {
    let raw = &raw.index;
    match raw.vector.as_str() {
        "embedded" => Some(IndexConfig::Embedded),
        "server" => {
            if !(raw.url.starts_with("http://") || raw.url.starts_with("https://")) {
                let example = "https://qdrant.example.org:6334";
                fault(faults, "index.url", "is not an http or https URL", example);
                return None;
            }
            if raw.collection.is_empty() {
                fault(faults, "index.collection", "is empty", "affiant");
                return None;
            }
            Some(IndexConfig::Server {
                url: raw.url.clone(),
                api_key_file: file(&raw.api_key_file, home),
                collection: raw.collection.clone(),
            })
        }
        _ => {
            fault(faults, "index.vector", "is neither \"embedded\" nor \"server\"", "embedded");
            None
        }
    }
}

fn retention(raw: &RawConfig, faults: &mut Vec<Fault>) -> Retention {
    let days = |days: i64| u32::try_from(days).ok().filter(|days| *days <= RETENTION_DAYS_MAX);
    let mut classes = Vec::new();
    for (at, class) in raw.retention.class.iter().enumerate() {
        let key = |field: &str| format!("retention.class[{at}].{field}");
        let minimum = days(class.minimum_days);
        let maximum = class.maximum_days.map(days);
        if minimum.is_none() {
            fault(faults, &key("minimum_days"), "is not between 0 and 36500", "2190");
        }
        if maximum.is_some_and(|maximum| maximum.is_none_or(|most| Some(most) < minimum)) {
            let detail = "is not between minimum_days and 36500";
            fault(faults, &key("maximum_days"), detail, "3650");
        }
        if class.name.trim().is_empty() {
            fault(faults, &key("name"), "is empty", "client files");
        }
        let labels = Labels::parse(class.labels.iter().map(String::as_str));
        if let Err(error) = &labels {
            fault(faults, &key("labels"), &error.to_string(), "classification=restricted");
        }
        if class.automatic && class.maximum_days.is_none() {
            fault(faults, &key("automatic"), "needs maximum_days", "false");
        }
        classes.push(RetentionClass {
            name: class.name.clone(),
            labels: labels.unwrap_or_default(),
            minimum_days: minimum.unwrap_or_default(),
            maximum_days: maximum.flatten(),
            automatic: class.automatic,
        });
    }
    Retention::new(classes)
}

fn emergency(raw: &RawConfig, faults: &mut Vec<Fault>) -> EmergencyRules {
    const MINUTES_MAX: i64 = (EMERGENCY_MS_MAX / 60_000) as i64;
    const HOURS_MAX: i64 = 30 * 24;
    let raw = &raw.emergency;
    let mut within = |key: &str, value: i64, max: i64| {
        if !(1..=max).contains(&value) {
            let detail = format!("is not between 1 and {max}");
            fault(faults, key, &detail, "60");
        }
        u64::try_from(value).unwrap_or_default()
    };
    let max = within("emergency.minutes_max", raw.minutes_max, MINUTES_MAX);
    let length = within("emergency.minutes", raw.minutes, raw.minutes_max);
    let hours = within("emergency.review_hours", raw.review_hours, HOURS_MAX);
    EmergencyRules {
        length: Duration::from_secs(length.saturating_mul(60)),
        length_max: Duration::from_secs(max.saturating_mul(60)),
        review_within: Duration::from_secs(hours.saturating_mul(3_600)),
    }
}

fn sign_in(raw: &RawConfig, faults: &mut Vec<Fault>) -> SignInRules {
    let raw = &raw.sign_in;
    let mut minutes = |key: &str, value: i64, max: i64, example: &str| {
        let good =
            u64::try_from(value).ok().filter(|_| (SESSION_MINUTES_MIN..=max).contains(&value));
        if good.is_none() {
            fault(faults, key, &format!("is not between {SESSION_MINUTES_MIN} and {max}"), example);
        }
        Duration::from_secs(good.unwrap_or_default().saturating_mul(60))
    };
    let session =
        minutes("sign_in.session_minutes", raw.session_minutes, SESSION_MINUTES_MAX, "480");
    let idle = minutes("sign_in.idle_minutes", raw.idle_minutes, SESSION_IDLE_MINUTES_MAX, "30");
    let roles = raw.second_factor.iter().map(|role| role.parse());
    let second_factor = roles.collect::<Result<_, InvalidRole>>().unwrap_or_else(|error| {
        fault(faults, "sign_in.second_factor", &error.to_string(), "[\"administrator\"]");
        Default::default()
    });
    SignInRules { session, idle, second_factor }
}

fn entry_readers(raw: &RawConfig, faults: &mut Vec<Fault>) -> EntryReaders {
    match raw.log.entries.as_str() {
        "anyone" => EntryReaders::Anyone,
        "auditors" => EntryReaders::Auditors,
        _ => {
            fault(faults, "log.entries", "is neither \"anyone\" nor \"auditors\"", "anyone");
            EntryReaders::Auditors
        }
    }
}

fn heartbeat(raw: &RawConfig, faults: &mut Vec<Fault>) -> Option<Duration> {
    let seconds = u64::try_from(raw.log.heartbeat_seconds).ok();
    let seconds = seconds.filter(|n| (1..=HEARTBEAT_SECONDS_MAX).contains(n));
    if seconds.is_none() {
        fault(faults, "log.heartbeat_seconds", "is not between 1 and 300", "300");
    }
    seconds.map(Duration::from_secs)
}

fn witness(raw: &RawConfig, home: &Path, faults: &mut Vec<Fault>) -> WitnessConfig {
    let raw = &raw.witness;
    let policy = file(&raw.policy_file, home).map_or_else(
        || Ok(TlogPolicy::default()),
        |path| {
            let text = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            let policy =
                TlogPolicy::parse(&text).map_err(|e| format!("{}: {e}", path.display()))?;
            let is_web = |url: &str| url.starts_with("https://") || url.starts_with("http://");
            let lacks = |w: &&PolicyWitness| !w.url.as_deref().is_some_and(is_web);
            match policy.witnesses().iter().find(lacks) {
                Some(witness) => {
                    Err(format!("the witness {} has no http or https URL", witness.name))
                }
                None => Ok(policy),
            }
        },
    );
    let policy = policy.unwrap_or_else(|detail| {
        fault(faults, "witness.policy_file", &detail, "/etc/affiant/witness.policy");
        TlogPolicy::default()
    });
    let mut millis = |key: &str, value: i64| {
        let millis = u64::try_from(value).ok().filter(|ms| (50..=3_600_000).contains(ms));
        if millis.is_none() {
            fault(faults, key, "is not between 50 and 3600000 milliseconds", "10000");
        }
        Duration::from_millis(millis.unwrap_or_default())
    };
    let interval = millis("witness.interval_ms", raw.interval_ms);
    let timeout = millis("witness.timeout_ms", raw.timeout_ms);
    WitnessConfig { policy, interval, timeout, ca_file: file(&raw.ca_file, home) }
}

/// A credential that systemd has put into the folder it names.
pub(super) fn credential(environment: &[(String, String)], name: &str) -> Option<PathBuf> {
    let folder = environment.iter().find(|(key, _)| key == "CREDENTIALS_DIRECTORY");
    folder.map(|(_, folder)| Path::new(folder).join(name)).filter(|path| path.exists())
}

/// A file name as an absolute path; relative ones are below the home.
pub(super) fn file(name: &str, home: &Path) -> Option<PathBuf> {
    text(name.to_owned()).map(|name| home.join(name))
}

pub(super) fn text(value: String) -> Option<String> {
    Some(value).filter(|value| !value.is_empty())
}

pub(super) fn fault(faults: &mut Vec<Fault>, key: &str, detail: &str, example: &str) {
    faults.push(Fault {
        key: key.to_owned(),
        detail: detail.to_owned(),
        example: example.to_owned(),
    });
}
