//! Timestamps by file drop, with openssl as the authority and as the judge. Debian's
//! `ca-certificates` brings openssl along.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::process::Cli;
use crate::support::template::Holding;
use crate::support::test_app::TestApp;

/// A timestamp authority with an own root, in a folder.
struct Authority {
    folder: TempDir,
}

const CONFIGURATION: &str = "
[req]
distinguished_name = name
prompt = no
[name]
CN = Test authority
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[signer]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = critical, timeStamping
[authority]
serial = serial
default_policy = 1.2.3.4
digests = sha256
signer_digest = sha256
ess_cert_id_alg = sha256
";

impl Authority {
    fn new() -> Self {
        let authority = Self { folder: TempDir::new().unwrap() };
        let write = |name: &str, text: &str| {
            let path = authority.path(name);
            affiant::durable::create_new(
                Path::new(&path),
                text.as_bytes(),
                affiant::durable::Readers::Owner,
            )
            .unwrap();
        };
        write("own.cnf", CONFIGURATION);
        write("serial", "01\n");
        authority.openssl(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout root.key \
             -out root.pem -days 30 -config own.cnf -extensions root",
        );
        authority.openssl(
            "req -new -newkey rsa:2048 -nodes -keyout signer.key -out signer.csr -config own.cnf \
             -subj /CN=signer",
        );
        authority.openssl(
            "x509 -req -in signer.csr -CA root.pem -CAkey root.key -CAcreateserial -days 30 \
             -extfile own.cnf -extensions signer -out signer.pem",
        );
        authority
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Runs openssl in the folder; it must be content.
    fn openssl(&self, arguments: &str) -> String {
        let mut command = Command::new("openssl");
        command.args(arguments.split_whitespace()).current_dir(self.folder.path());
        let output = command.output().expect("openssl is there");
        assert!(output.status.success(), "{arguments}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The reply to a request file.
    fn reply(&self, request: &str) -> String {
        self.openssl(&format!(
            "ts -reply -config own.cnf -section authority -queryfile {request} -signer signer.pem \
             -inkey signer.key -out reply.tsr"
        ));
        self.path("reply.tsr")
    }
}

fn failure(cli: &Cli, arguments: &[&str]) -> String {
    let finished = cli.run(&[&["--json"], arguments].concat());
    assert_eq!(finished.code, 1, "{finished:?}");
    let said = format!("{}{}", finished.stdout, finished.stderr);
    assert!(said.contains("timestamp_refused"), "{said}");
    said
}

#[test]
fn a_timestamp_that_openssl_signs_is_taken_in_and_openssl_verifies_what_is_kept() {
    let home = TestApp::folder(Holding::Nothing);
    let authority = Authority::new();
    let cli = Cli::on(home.path());
    let (request, root) = (authority.path("request.tsq"), authority.path("root.pem"));
    let asked = cli.json(0, &["audit", "timestamp", "--request", &request]);
    let text = authority.openssl("ts -query -in request.tsq -text");
    assert!(text.contains("Hash Algorithm: sha256"), "{text}");
    assert!(text.contains("Certificate required: yes"), "{text}");
    let reply = authority.reply(&request);

    // Asked again, it is the same request: the reply to the first answers both.
    let carried = fs::read(&request).unwrap();
    cli.json(0, &["audit", "timestamp", "--request", &request]);
    assert_eq!(fs::read(&request).unwrap(), carried);
    let size = asked["size"].as_u64().unwrap();
    let kept = cli.json(0, &["audit", "timestamp", "--reply", &reply, "--ca", &root]);
    assert_eq!((kept["size"].as_u64(), kept["trusted"].as_bool()), (Some(size), Some(true)));
    let anchors = home.path().join("anchors");
    let (data, token) = (format!("{size}.checkpoint"), format!("{size}.tsr"));
    let verified = authority.openssl(&format!(
        "ts -verify -data {} -in {} -CAfile root.pem",
        anchors.join(data).display(),
        anchors.join(token).display()
    ));
    assert!(verified.contains("OK") || verified.is_empty(), "{verified}");

    let entry = kept["entry"].as_u64().unwrap().to_string();
    let shown: Value = cli.json(0, &["audit", "show", &entry]);
    assert_eq!(shown["entry"]["type"], "anchor.recorded");
    assert_eq!(shown["entry"]["details"]["size"], size);
    assert_eq!(shown["entry"]["details"]["is_trusted"], true);

    // The same without an authority: kept, and said not to be checked.
    let unchecked = cli.json(0, &["audit", "timestamp", "--reply", &reply]);
    assert_eq!(unchecked["trusted"], false);
    // Another authority's root.
    let stranger = Authority::new();
    let other = stranger.path("root.pem");
    failure(&cli, &["audit", "timestamp", "--reply", &reply, "--ca", &other]);
    // One bit of the statement.
    let mut bytes = fs::read(&reply).unwrap();
    bytes[120] ^= 1;
    let altered = authority.path("altered.tsr");
    let (path, owner) = (Path::new(&altered), affiant::durable::Readers::Owner);
    affiant::durable::create_new(path, &bytes, owner).unwrap();
    failure(&cli, &["audit", "timestamp", "--reply", &altered, "--ca", &root]);
    // A second reply does not take the place of the one that is on record.
    let second = authority.reply(&request);
    let said = failure(&cli, &["audit", "timestamp", "--reply", &second, "--ca", &root]);
    assert!(said.contains("another timestamp"), "{said}");
    cli.json(0, &["audit", "verify"]);
    travels(&cli, home.path(), &authority, &entry);
    is_held_to_its_entry(&cli, &anchors, size);
}

/// Whoever has a bundle has the timestamps, and `openssl` checks them there.
fn travels(cli: &Cli, home: &Path, authority: &Authority, entry: &str) {
    let out = home.join("bundle");
    let path = out.to_str().unwrap();
    cli.json(0, &["audit", "export", "--format", "bundle", "--out", path]);
    cli.json(0, &["audit", "verify", path]);
    let unpacked = home.join("unpacked");
    affiant::examine::bundle::unpack(&out, &unpacked).unwrap();
    let files = unpacked.join("anchors").join(entry);
    for against in ["-data {}.checkpoint", "-queryfile {}.tsq"] {
        let words = format!("ts -verify {against} -in {{}}.tsr -CAfile root.pem");
        let verified = authority.openssl(&words.replace("{}", files.to_str().unwrap()));
        assert!(verified.contains("OK") || verified.is_empty(), "{verified}");
    }
}

/// Of a home whose files differ from what is on record, every bundle says so, too.
fn is_held_to_its_entry(cli: &Cli, anchors: &Path, size: u64) {
    let out = anchors.with_file_name("bundle");
    let bundle = out.to_str().unwrap();
    let mismatch = |report: &Value| {
        let problems = report["problems"].as_array().unwrap();
        assert!(!problems.is_empty() && problems.iter().all(|p| p["kind"] == "anchor_mismatch"));
        assert!(problems.iter().all(|problem| problem["index"].is_u64()), "{report}");
    };
    for kind in ["tsr", "tsq", "checkpoint"] {
        let path = anchors.join(format!("{size}.{kind}"));
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        *bad.last_mut().unwrap() ^= 1;
        affiant::durable::replace(&path, &bad, affiant::durable::Readers::Everyone).unwrap();
        mismatch(&cli.json(1, &["audit", "verify"]));
        cli.json(0, &["audit", "export", "--format", "bundle", "--out", bundle]);
        mismatch(&cli.json(1, &["audit", "verify", bundle]));
        affiant::durable::replace(&path, &good, affiant::durable::Readers::Everyone).unwrap();
    }
    cli.json(0, &["audit", "verify"]);
}
