//! A real OpenID provider as a process: npm's `oidc-provider`, run by node on loopback, and misled by
//! its script where a test wants it to do wrong.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use affiant::config::OpenIdConfig;
use affiant::domain::secret::Secret;
use affiant::identity::openid::{Mapping, RETURN_PATH, Settings};
use serde_json::Value;

use crate::support::client::Client;
use crate::support::template::Holding;
use crate::support::test_app::TestApp;

/// Where the provider believes us to be; nothing listens there, tests lead the way themselves.
pub(crate) const BASE: &str = "http://127.0.0.1:9";

/// What it takes and this machine lacks.
pub(crate) fn missing() -> Option<String> {
    let installed = folder().is_some_and(|folder| folder.join("node_modules").is_dir());
    let node = Command::new("node").arg("--version").output().is_ok();
    (!installed || !node).then(|| {
        "AFFIANT_OUTSIDE_NODE names no folder where `npm ci` has run with the package of \
         tests/outside/provider, or this machine has no node"
            .to_owned()
    })
}

fn folder() -> Option<PathBuf> {
    std::env::var_os("AFFIANT_OUTSIDE_NODE").map(PathBuf::from)
}

/// The provider as a process.
pub(crate) struct Provider {
    process: Child,
    /// It ends with us.
    _stdin: ChildStdin,
    pub(crate) issuer: String,
    base: String,
}

impl Provider {
    pub(crate) fn start() -> Self {
        Self::start_for(BASE)
    }

    /// [`Self::start`], for an appliance at this address.
    pub(crate) fn start_for(base: &str) -> Self {
        // Node looks for packages beside the script.
        let scripts = folder().unwrap().join("scripts");
        std::fs::create_dir_all(&scripts).unwrap();
        let script = tempfile::Builder::new().suffix(".mjs").tempfile_in(&scripts).unwrap();
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outside/provider/provider.mjs");
        std::fs::copy(own, script.path()).unwrap();
        let mut process = Command::new("node")
            .arg(script.path())
            .args([format!("{base}{RETURN_PATH}"), format!("{base}/sign-in")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut issuer = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut issuer).unwrap();
        let stdin = process.stdin.take().unwrap();
        let issuer = issuer.trim_end().to_owned();
        assert!(issuer.starts_with("http://127.0.0.1:"), "the provider starts: {issuer:?}");
        Self { process, _stdin: stdin, issuer, base: base.to_owned() }
    }

    /// Changes how it behaves.
    pub(crate) fn set(&self, change: &Value) {
        assert_eq!(Client::new(&self.issuer).post("/control", change).status, 200);
    }

    pub(crate) fn stop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// A home whose people it vouches for.
    pub(crate) fn home(&self) -> TestApp {
        let table = |rows: &[(&str, &str)]| {
            let row =
                |(group, word): &(&str, &str)| ((*group).to_owned(), vec![(*word).to_owned()]);
            rows.iter().map(row).collect()
        };
        let roles =
            table(&[("all", "staff"), ("records", "records-officer"), ("it", "administrator")]);
        let mapping = Mapping::parse(&roles, &table(&[("matter-*", "matter=*")])).unwrap();
        let settings = Settings {
            issuer: self.issuer.clone(),
            name: "Example LLP".to_owned(),
            client_id: "affiant".to_owned(),
            client_secret: Some(Secret::new("a secret: with marks/+".to_owned())),
            base_url: self.base.clone(),
            scopes: vec!["openid".to_owned(), "profile".to_owned()],
            name_claim: "preferred_username".to_owned(),
            groups_claim: "groups".to_owned(),
            mapping,
            rights_last: Duration::from_secs(3_600),
        };
        let openid = OpenIdConfig { settings, timeout: Duration::from_secs(20), ca_file: None };
        TestApp::holding(Holding::Nothing, |options| options.openid = Some(openid))
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        if self.process.try_wait().unwrap().is_none() {
            self.stop();
        }
    }
}
