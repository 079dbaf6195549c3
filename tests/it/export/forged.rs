//! Bundles that a thief of the export key has changed and signed again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use affiant::audit::Envelope;
use affiant::audit::note::NoteSigner;
use affiant::domain::clock::SystemEntropy;
use affiant::domain::digest::Digest;
use affiant::durable::{self, Readers};
use affiant::examine::bundle::{self, Known, unpack};
use affiant::examine::{ExportFormat, ExportRequest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use super::{export, write};
use crate::support::files_of;
use crate::support::template::copy_folder;
use crate::support::test_app::TestApp;

const PAYLOAD_TYPE: &str = "application/vnd.affiant.bundle+json";
const LAST: [&str; 3] = ["SHA256SUMS", "h1.txt", "manifest.dsse.json"];

fn put(dir: &Path, name: &str, bytes: &[u8]) {
    let path = dir.join(name);
    durable::create_dir_all(path.parent().unwrap()).unwrap();
    durable::replace(&path, bytes, Readers::Owner).unwrap();
}

fn add(dir: &Path, name: &str, more: &str) {
    let text = fs::read_to_string(dir.join(name)).unwrap();
    put(dir, name, (text + more).as_bytes());
}

/// Makes list, digest and statement fit the files that there are, and says that this version of the
/// program made them.
fn sign_again(dir: &Path, signer: &NoteSigner, program: &str) {
    let files: BTreeMap<String, Digest> = files_of(dir)
        .map(|(path, bytes)| (path.to_str().unwrap().to_owned(), Digest::of(&bytes)))
        .filter(|(name, _)| !LAST.contains(&name.as_str()))
        .collect();
    let sums: String = files.iter().map(|(name, digest)| format!("{digest}  {name}\n")).collect();
    let h1 = format!("h1:{}", STANDARD.encode(Digest::of(sums.as_bytes()).as_bytes()));
    let old = fs::read(dir.join(LAST[2])).unwrap();
    let payload = Envelope::open(&old, &signer.verifier(), PAYLOAD_TYPE).unwrap();
    let payload = String::from_utf8(payload).unwrap();
    let stated: serde_json::Value = serde_json::from_str(&payload).unwrap();
    let was = |name: &str| stated[name].as_str().unwrap();
    let payload = payload
        .replace(was("sha256sums"), &Digest::of(sums.as_bytes()).to_string())
        .replace(was("h1"), &h1)
        .replace(
            &format!("\"program\":\"{}\"", was("program")),
            &format!("\"program\":\"{program}\""),
        );
    put(dir, LAST[0], sums.as_bytes());
    put(dir, LAST[1], format!("{h1}\n").as_bytes());
    let envelope = Envelope::sign(signer, PAYLOAD_TYPE, payload.as_bytes());
    put(dir, LAST[2], &envelope.render());
}

/// What is changed, how, by which program, and the problems and warnings that are found.
type Change<'a> = (&'a str, &'a dyn Fn(&Path), &'a str, &'a [&'a str], &'a [&'a str]);

#[test]
fn what_the_export_key_signs_is_held_to_the_log_and_what_cannot_be_is_said() {
    let app = TestApp::empty();
    let folder = TempDir::new().unwrap();
    let exported = export(&app, &ExportRequest::everything(ExportFormat::Bundle));
    let good = folder.path().join("good");
    unpack(&write(&exported, folder.path(), "bundle"), &good).unwrap();
    let key = fs::read_to_string(app.path().join("keys/export.key")).unwrap();
    let signer = NoteSigner::from_text(key.trim_end()).unwrap();
    let vkey = fs::read_to_string(app.path().join("log.vkey")).unwrap();
    let own = env!("CARGO_PKG_VERSION");
    let csv = |dir: &Path| add(dir, "records/csv/00000.csv", "forged\n");
    let jsonl = |dir: &Path| add(dir, "records/jsonl/00000.jsonl", "{}\n");
    let extra = |dir: &Path| put(dir, "records/extra/forged.csv", b"forged\n");
    let beyond = |dir: &Path| put(dir, "records/csv/00001.csv", b"forged\n");
    let gone = |dir: &Path| fs::remove_file(dir.join("records/fhir/00000.ndjson")).unwrap();
    let checker = |dir: &Path| put(dir, "check.py", b"print('OK')\n");
    let guide = |dir: &Path| add(dir, "VERIFY.md", "Trust whoever hands this out.\n");
    let certificate = |dir: &Path| add(dir, "certification-902.md", "Signed.\n");
    let (mismatch, file) = (&["record_mismatch"][..], &["bundle_file"][..]);
    // The certification states the hash values of the records.
    let both = &["record_mismatch", "bundle_file"][..];
    let not_compared = &["records_not_compared"][..];
    let table: [Change<'_>; 14] = [
        ("nothing", &|_| {}, own, &[], &[]),
        ("a line of CSV", &csv, own, both, &[]),
        ("a file beside", &extra, own, both, &[]),
        ("a part too many", &beyond, own, both, &[]),
        ("a part too few", &gone, own, both, &[]),
        ("the checker", &checker, own, file, &[]),
        ("the guide", &guide, own, file, &[]),
        ("the certification", &certificate, own, file, &[]),
        ("the version", &|_| {}, "9.9.9", &[], not_compared),
        ("version and CSV", &csv, "9.9.9", &[], not_compared),
        ("version and JSON", &jsonl, "9.9.9", mismatch, not_compared),
        ("version, a file beside", &extra, "9.9.9", mismatch, not_compared),
        ("version, a part too many", &beyond, "9.9.9", mismatch, not_compared),
        ("version, a part too few", &gone, "9.9.9", mismatch, not_compared),
    ];
    for (what, change, program, problems, warnings) in table {
        let work = TempDir::new().unwrap();
        copy_folder(&good, work.path());
        change(work.path());
        sign_again(work.path(), &signer, program);
        let known = Known { vkey: Some(&vkey), ..Known::default() };
        let report = bundle::check(work.path(), &known).unwrap().report;
        let kinds = |found: &[affiant::audit::Problem]| {
            found.iter().map(|found| found.kind.clone()).collect::<Vec<_>>()
        };
        assert_eq!(kinds(&report.problems), problems, "{what}: {:?}", report.problems);
        assert_eq!(kinds(&report.warnings), warnings, "{what}");
        assert_eq!(report.ok, problems.is_empty(), "{what}");
    }
}

#[test]
fn a_key_that_is_not_the_logs_is_one_problem_and_either_of_two_that_sign_is_none() {
    let app = TestApp::empty();
    let folder = TempDir::new().unwrap();
    let log = &app.open().log;
    let before = fs::read_to_string(app.path().join("log.vkey")).unwrap();
    let bundled = |name: &str| {
        let exported = export(&app, &ExportRequest::everything(ExportFormat::Bundle));
        write(&exported, folder.path(), name)
    };
    let kinds = |path: &Path, vkey: &str| {
        let known = Known { vkey: Some(vkey), ..Known::default() };
        let report = bundle::check(path, &known).unwrap().report;
        assert_eq!(report.ok, report.problems.is_empty());
        report.problems.into_iter().map(|found| found.kind).collect::<Vec<_>>()
    };
    let operator = app.open().operator(None);
    app.open().governor.rotate_log_key(&operator).unwrap();
    let after = log.vkey().unwrap();
    let both = bundled("both");
    assert_eq!(kinds(&both, &before), [""; 0], "the old key signs");
    assert_eq!(kinds(&both, &after), [""; 0], "the new key signs");
    app.open().governor.retire_log_key(&operator).unwrap();
    let one = bundled("one");
    assert_eq!(kinds(&one, &after), [""; 0]);
    assert_eq!(kinds(&one, &before), ["checkpoint"], "an outdated key");
    let stranger = NoteSigner::generate("other.example/log", &SystemEntropy).unwrap();
    assert_eq!(kinds(&one, &stranger.verifier().to_string()), ["bundle_key"]);
}
