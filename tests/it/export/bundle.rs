use std::fs;
use std::path::Path;
use std::process::Command;

use affiant::audit::{Added, Report, What};
use affiant::durable::{self, Readers};
use affiant::examine::bundle::{self, BundleReport, Known, unpack};
use affiant::examine::{ExportFormat, ExportRequest};
use tempfile::TempDir;

use super::{export, write};
use crate::support::process::Cli;
use crate::support::template::{Holding, copy_folder};
use crate::support::test_app::TestApp;
use crate::support::wanted;

/// Changed bytes that are tried; the full count is for a machine with time.
const CHANGES: usize = 40;

fn made(app: &TestApp, request: &ExportRequest, folder: &Path, name: &str) -> Vec<u8> {
    let exported = export(app, request);
    let bytes = fs::read(write(&exported, folder, name)).unwrap();
    assert_eq!(bytes.len() as u64, exported.len);
    assert_eq!(affiant::domain::digest::Digest::of(&bytes), exported.sha256);
    bytes
}

fn everything() -> ExportRequest {
    ExportRequest::everything(ExportFormat::Bundle)
}

/// Checks with this key from elsewhere, or with the bundle's own.
fn check(path: &Path, vkey: Option<&str>) -> std::io::Result<BundleReport> {
    bundle::check(path, &Known { vkey, ..Known::default() })
}

fn problems(report: &Report) -> Vec<String> {
    report.problems.iter().map(|problem| format!("{problem:?}")).collect()
}

/// Numbers that look random and are the same every time (SplitMix64).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }
}

#[test]
fn a_bundle_verifies_without_a_home_and_holds_what_it_should() {
    let app = TestApp::empty();
    let folder = TempDir::new().unwrap();
    made(&app, &everything(), folder.path(), "one.tar.zst");
    made(&app, &everything(), folder.path(), "two.tar.zst");
    let vkey = fs::read_to_string(app.path().join("log.vkey")).unwrap();
    let archive = folder.path().join("two.tar.zst");
    let found = check(&archive, Some(&vkey)).unwrap();
    assert!(found.report.ok, "{:?}", problems(&found.report));
    assert_eq!(found.entries, found.report.size);
    let dir = folder.path().join("two");
    unpack(&archive, &dir).unwrap();
    for name in [
        "VERIFY.md",
        "check.py",
        "certification-902.md",
        "erasures.json",
        "keyring.txt",
        "policy.txt",
        "schema/entries.md",
        "previous-checkpoint",
        "consistency-proof",
        "log/checkpoint",
        "records/cef/00000.cef",
        "records/csv/00000.csv",
        "records/fhir/00000.ndjson",
        "records/jsonl/00000.jsonl",
        "records/ocsf/00000.ndjson",
        "SHA256SUMS",
        "h1.txt",
        "manifest.dsse.json",
    ] {
        assert!(dir.join(name).is_file(), "{name}");
    }
    let mut sums = Command::new("sha256sum");
    sums.args(["--check", "--quiet", "SHA256SUMS"]).current_dir(&dir);
    assert!(sums.status().unwrap().success());
    let certification = fs::read_to_string(dir.join("certification-902.md")).unwrap();
    assert!(certification.contains(&found.report.root) && !certification.contains('{'));
    let again = check(&dir, Some(&vkey)).unwrap();
    assert!(again.report.ok, "{:?}", problems(&again.report));
}

#[test]
fn the_same_state_and_words_give_the_same_bytes() {
    let app = TestApp::empty();
    let folder = TempDir::new().unwrap();
    let one = made(&app, &everything(), folder.path(), "one.tar.zst");
    unpack(&folder.path().join("one.tar.zst"), &folder.path().join("one")).unwrap();
    let checkpoint = fs::read_to_string(folder.path().join("one/log/checkpoint")).unwrap();
    let request = ExportRequest {
        checkpoint: Some(checkpoint.clone()),
        since: Some(checkpoint),
        ..everything()
    };
    // Exports are recorded, so the log has grown: the checkpoint named holds it still.
    let two = made(&app, &request, folder.path(), "two.tar.zst");
    let three = made(&app, &request, folder.path(), "three.tar.zst");
    assert!(two == three, "the same twice");
    assert!(one != two, "the first had no earlier checkpoint");
    assert!(check(&folder.path().join("two.tar.zst"), None).unwrap().report.ok);
    let wrong = ExportRequest { checkpoint: Some("no note\n".to_owned()), ..everything() };
    let refused = app.open().examiner.export(&super::operator(&app), &wrong);
    assert!(refused.is_err());
}

#[test]
fn every_changed_byte_of_a_bundle_is_found() {
    let app = TestApp::empty();
    let folder = TempDir::new().unwrap();
    made(&app, &everything(), folder.path(), "first.tar.zst");
    let good = made(&app, &everything(), folder.path(), "good.tar.zst");
    let bad = folder.path().join("bad.tar.zst");
    let mut seeded = Seeded(1);
    let changes = wanted("AFFIANT_BUNDLE_CHANGES", CHANGES);
    for _ in 0..changes * 5 {
        let (at, bit) = (seeded.below(good.len()), seeded.below(8));
        let mut bytes = good.clone();
        bytes[at] ^= 1 << bit;
        durable::replace(&bad, &bytes, Readers::Owner).unwrap();
        assert!(!check(&bad, None).unwrap().report.ok, "byte {at} bit {bit} of the archive");
    }
    let dir = folder.path().join("unpacked");
    unpack(&folder.path().join("good.tar.zst"), &dir).unwrap();
    let files: Vec<_> = walkdir::WalkDir::new(&dir)
        .sort_by_file_name()
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect();
    for round in 0..changes.max(files.len()) {
        let path = &files[round % files.len()];
        let good = fs::read(path).unwrap();
        if good.is_empty() {
            continue;
        }
        let (at, bit) = (seeded.below(good.len()), seeded.below(8));
        let mut bytes = good.clone();
        bytes[at] ^= 1 << bit;
        durable::replace(path, &bytes, Readers::Owner).unwrap();
        let found = check(&dir, None).unwrap().report;
        assert!(!found.ok, "byte {at} bit {bit} of {}", path.display());
        assert!(!found.problems.is_empty());
        durable::replace(path, &good, Readers::Owner).unwrap();
    }
    assert!(check(&dir, None).unwrap().report.ok, "the bundle as it was");
}

#[test]
fn what_is_no_bundle_is_refused_and_never_breaks_the_reader() {
    let app = TestApp::empty();
    let folder = TempDir::new().unwrap();
    let good = made(&app, &everything(), folder.path(), "good.tar.zst");
    let bad = folder.path().join("bad.tar.zst");
    let mut seeded = Seeded(2);
    let mut tried = 0;
    for round in 0..wanted("AFFIANT_BUNDLE_CHANGES", CHANGES) * 5 {
        let (from, to) = (seeded.below(good.len()), seeded.below(good.len()));
        let (from, to) = (from.min(to), from.max(to));
        let bytes = match round % 5 {
            0 => good[..from].to_vec(),
            1 => good[from..].to_vec(),
            2 => [&good[..from], &good[to..]].concat(),
            3 => [&good[..to], &good[from..]].concat(),
            _ => [&good[..], &good[from..to]].concat(),
        };
        if bytes != good {
            durable::replace(&bad, &bytes, Readers::Owner).unwrap();
            assert!(!check(&bad, None).unwrap().report.ok, "round {round}: {from}..{to}");
            tried += 1;
        }
    }
    assert!(tried > 0);
}

#[test]
fn files_that_are_missing_strange_or_of_another_bundle_are_named() {
    let app = TestApp::empty();
    let folder = TempDir::new().unwrap();
    made(&app, &everything(), folder.path(), "one.tar.zst");
    made(&app, &everything(), folder.path(), "two.tar.zst");
    let dirs = ["one", "two"].map(|name| {
        let dir = folder.path().join(name);
        unpack(&folder.path().join(format!("{name}.tar.zst")), &dir).unwrap();
        dir
    });
    let kinds_of = |change: &dyn Fn(&Path)| {
        let work = TempDir::new().unwrap();
        copy_folder(&dirs[1], work.path());
        change(work.path());
        let report = check(work.path(), None).unwrap().report;
        let kinds: Vec<String> =
            report.problems.iter().map(|problem| problem.kind.to_string()).collect();
        assert!(!report.ok);
        kinds
    };
    let has = |kinds: &[String], kind: &str| assert!(kinds.iter().any(|k| k == kind), "{kinds:?}");
    let put = |name: &'static str, bytes: &'static [u8]| {
        move |dir: &Path| durable::replace(&dir.join(name), bytes, Readers::Owner).unwrap()
    };
    has(&kinds_of(&put("strange.txt", b"x")), "bundle_file");
    has(&kinds_of(&|dir: &Path| fs::remove_file(dir.join("VERIFY.md")).unwrap()), "bundle_file");
    has(&kinds_of(&put("keyring.txt", b"no key\n")), "bundle_key");
    has(&kinds_of(&put("previous-checkpoint", b"x\n")), "bundle_previous");
    let from_one = |name: &'static str| {
        let one = dirs[0].clone();
        move |dir: &Path| {
            fs::copy(one.join(name), dir.join(name)).unwrap();
        }
    };
    has(&kinds_of(&from_one("manifest.dsse.json")), "bundle_manifest");
    has(&kinds_of(&from_one("log/checkpoint")), "bundle_manifest");
    has(&kinds_of(&from_one("records/csv/00000.csv")), "record_mismatch");
    let stranger = "other.example/log+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    assert!(!check(&dirs[1], Some(stranger)).unwrap().report.ok, "another log's key");
}

#[test]
fn the_command_line_makes_a_bundle_and_checks_it_without_the_home() {
    let home = TestApp::folder(Holding::Nothing);
    let out = TempDir::new().unwrap();
    let file = out.path().join("bundle.tar.zst");
    let path = file.to_str().unwrap();
    let cli = Cli::on(home.path());
    let made = cli.json(0, &["audit", "export", "--format", "bundle", "--out", path]);
    assert!(made["entries"].as_u64().unwrap() > 0);
    let key = home.path().join("keys/export.key");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(key).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let vkey = home.path().join("log.vkey");
    let nowhere = Cli::on(Path::new("/no/such/home"));
    let report = nowhere.json(0, &["audit", "verify", path, "--vkey", vkey.to_str().unwrap()]);
    assert_eq!((&report["ok"], &report["trusted"]), (&true.into(), &true.into()));
    let report = nowhere.json(0, &["audit", "verify", path]);
    assert_eq!(report["trusted"], false);
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    durable::replace(&file, &bytes, Readers::Owner).unwrap();
    let report = nowhere.json(1, &["audit", "verify", path]);
    assert_eq!(report["problems"][0]["kind"], "bundle_archive");
    let arguments =
        ["audit", "export", "--format", "bundle", "--out", path, "--type", "account.created"];
    assert_eq!(cli.json(0, &arguments)["entries"], 6);
    assert_eq!(nowhere.json(0, &["audit", "verify", path])["ok"], true);
}

/// Appends entries of no meaning, from several threads at once.
fn fill(app: &TestApp, count: usize) {
    const THREADS: usize = 8;
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for documents in 0..u32::try_from(count.div_ceil(THREADS)).unwrap() {
                    let (purpose, declared) = (Added(None), Added(None));
                    let listed = What::DocumentsListed { documents, purpose, declared };
                    app.open().record_own(listed).unwrap();
                }
            });
        }
    });
}

#[test]
fn a_log_that_grew_over_tiles_is_bundled_with_the_proof_that_it_grew() {
    let app = TestApp::empty();
    let folder = TempDir::new().unwrap();
    let mut before = 0;
    let count = wanted("AFFIANT_BUNDLE_ENTRIES", 600);
    for name in ["one.tar.zst", "two.tar.zst"] {
        fill(&app, count / 2);
        made(&app, &everything(), folder.path(), name);
        let found = check(&folder.path().join(name), None).unwrap();
        assert!(found.report.ok, "{:?}", problems(&found.report));
        assert!(found.report.size >= before + u64::try_from(count / 2).unwrap());
        before = found.report.size;
    }
    let dir = folder.path().join("two");
    unpack(&folder.path().join("two.tar.zst"), &dir).unwrap();
    let proof = fs::read_to_string(dir.join("consistency-proof")).unwrap();
    assert!(proof.lines().nth(1).is_some_and(|line| line.len() == 44), "{proof}");
}
