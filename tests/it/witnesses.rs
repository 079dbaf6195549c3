//! Witnesses over the wire: the program's own, and one written in Python from the specifications.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use affiant::app::App;
use affiant::audit::merkle::leaf_hash;
use affiant::audit::note::{NoteSigner, NoteVerifier};
use affiant::audit::{AppendError, Checkpoint, How, LogPaths, RoundError, TlogPolicy};
use affiant::domain::digest::Digest;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::client::Client;
use crate::support::corpus::UNANSWERABLE;
use crate::support::patiently;
use crate::support::process::Cli;
use crate::support::template::{Holding, copy_folder};
use crate::support::test_app::TestApp;

/// A witness as a process; killed when dropped.
struct Witness {
    process: Child,
    url: String,
    vkey: String,
}

impl Witness {
    /// `affiant audit witness`, remembering in this folder.
    fn own(state: &Path, log: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_affiant"));
        command.args(["--json", "audit", "witness", "--listen", "127.0.0.1:0", "--log", log]);
        command.arg("--state").arg(state);
        Self::start(command, |line| {
            let ready: Value = serde_json::from_str(line).expect("it says where it listens");
            let text = |key: &str| ready[key].as_str().unwrap().to_owned();
            (text("url"), text("vkey"))
        })
    }

    /// `tests/outside/witness.py`.
    fn python(log: &str) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outside/witness.py");
        let mut command = Command::new("python3");
        command.arg("-B").arg(program).arg(log);
        Self::start(command, |line| {
            let (url, vkey) = line.trim().split_once(' ').expect("it says where it listens");
            (url.to_owned(), vkey.to_owned())
        })
    }

    fn start(mut command: Command, read: impl FnOnce(&str) -> (String, String)) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (url, vkey) = read(&line);
        Self { process, url, vkey }
    }

    fn client(&self) -> Client {
        Client::new(&self.url)
    }

    /// The newest checkpoint that it shows to monitors.
    fn newest(&self, origin: &str) -> Option<String> {
        let path = format!("/{}/checkpoint", Digest::of(origin.as_bytes()));
        Some(self.client().get(&path)).filter(|reply| reply.status == 200).map(|reply| reply.text())
    }

    /// `POST /add-checkpoint`: status and body.
    fn add(&self, body: &str) -> (u16, String) {
        let reply = self.client().send("POST", "/add-checkpoint", "", body.as_bytes().to_vec());
        let kind = reply.header("content-type").split(';').next().unwrap();
        assert_eq!(kind == "text/x.tlog.size", reply.status == 409, "{kind}");
        (reply.status, reply.text())
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn vkey_of(home: &Path) -> String {
    fs::read_to_string(LogPaths::of(home).vkey).unwrap().trim_end().to_owned()
}

fn policy(log: &str, witnesses: &[&Witness], quorum: &str) -> String {
    let line = |(at, witness): (usize, &&Witness)| {
        format!("witness w{} {} {}\n", at + 1, witness.vkey, witness.url)
    };
    let lines: String = witnesses.iter().enumerate().map(line).collect();
    let names: String = (1..=witnesses.len()).map(|at| format!(" w{at}")).collect();
    format!("log {log}\n{lines}group all-of-them {quorum}{names}\nquorum all-of-them\n")
}

/// A home without documents, and its log's key.
fn home() -> (TempDir, String) {
    let folder = TestApp::folder(Holding::Nothing);
    let vkey = vkey_of(folder.path());
    (folder, vkey)
}

/// What an operator writes.
fn configure(home: &Path, policy: &str) {
    affiant::durable::replace(
        &home.join("witness.policy"),
        policy.as_bytes(),
        affiant::durable::Readers::Owner,
    )
    .unwrap();
    let options = "[witness]\npolicy_file = \"witness.policy\"\ninterval_ms = 50\n";
    affiant::durable::replace(
        &home.join("affiant.toml"),
        options.as_bytes(),
        affiant::durable::Readers::Owner,
    )
    .unwrap();
}

fn open(home: &Path) -> anyhow::Result<App> {
    App::open(affiant::config::load(home, std::env::vars()).unwrap())
}

fn append(app: &App) {
    app.record_own(affiant::audit::What::AuditRead { scope: "verify".into(), index: None })
        .unwrap();
    app.log.publish().unwrap();
}

#[test]
fn two_witnesses_of_different_makers_cosign_what_the_policy_then_accepts() {
    let (folder, vkey) = home();
    let state = TempDir::new().unwrap();
    let (own, python) = (Witness::own(&state.path().join("w"), &vkey), Witness::python(&vkey));
    let text = policy(&vkey, &[&own, &python], "all");
    configure(folder.path(), &text);
    let app = open(folder.path()).unwrap();
    let origin = vkey.parse::<NoteVerifier>().unwrap().name().to_owned();
    let judge = TlogPolicy::parse(text.as_bytes()).unwrap();
    for _ in 0..3 {
        append(&app);
        assert_eq!(app.witnesses.run().unwrap(), []);
        let cosigned = fs::read(folder.path().join("log.cosigned")).unwrap();
        let standing = judge.stand(&cosigned).unwrap();
        assert!(standing.quorum_met);
        assert_eq!(standing.cosigned_by.len(), 2);
        assert_eq!(standing.checkpoint.size, app.log.size());
        for witness in [&own, &python] {
            let newest = witness.newest(&origin).expect("monitors see it");
            assert!(newest.starts_with(&app.log.published_checkpoint()), "{newest}");
        }
    }
    assert_eq!(own.newest("another.test/log"), None);
    // Both remember, and both say the same to whoever forgot.
    let note = app.log.published_checkpoint();
    let size = app.log.size();
    for witness in [&own, &python] {
        assert_eq!(witness.add(&format!("old 0\n\n{note}")), (409, format!("{size}\n")));
        assert_eq!(witness.add(&format!("old {}\n\n{note}", size + 1)).0, 400);
        assert_eq!(witness.add("old 0\n\nnothing").0, 400);
        assert_eq!(witness.add(&"x".repeat(100_000)).0 / 100, 4);
        let stranger = NoteSigner::generate(&origin, &affiant::domain::clock::SystemEntropy);
        let stranger = stranger.unwrap();
        let stated = Checkpoint { origin: origin.clone(), size, root: [7; 32] };
        assert_eq!(witness.add(&format!("old {size}\n\n{}", stated.sign(&stranger))).0, 403);
        let other = Checkpoint { origin: "another.test/log".into(), ..stated.clone() };
        assert_eq!(witness.add(&format!("old 0\n\n{}", other.sign(&stranger))).0, 404);
        // A second history of the same size, signed with the real key.
        let key = fs::read_to_string(LogPaths::of(folder.path()).key).unwrap();
        let forged = stated.sign(&NoteSigner::from_text(&key).unwrap());
        assert_eq!(witness.add(&format!("old {size}\n\n{forged}")).0, 422);
    }
    drop(app);
    // A bundle carries what they said; what came after it is warned of.
    let cli = Cli::on(folder.path());
    let out = folder.path().join("bundle.tar.zst");
    let out = out.to_str().unwrap();
    cli.json(0, &["audit", "export", "--format", "bundle", "--out", out]);
    let text = folder.path().join("witness.policy");
    for more in [&[][..], &["--vkey", "log.vkey"], &["--policy", text.to_str().unwrap()]] {
        let vkey = folder.path().join("log.vkey");
        let more = more.iter().map(|arg| match *arg {
            "log.vkey" => vkey.to_str().unwrap(),
            arg => arg,
        });
        let command: Vec<&str> = ["audit", "verify", out].into_iter().chain(more).collect();
        let report = cli.json(0, &command);
        assert_eq!(report["ok"], true, "{report}");
        assert_eq!(report["warnings"][0]["kind"], "uncosigned_tail", "{report}");
    }
}

#[test]
fn a_home_that_was_put_back_does_not_start_again_and_the_command_says_why() {
    let (folder, vkey) = home();
    let state = TempDir::new().unwrap();
    let witness = Witness::own(&state.path().join("w"), &vkey);
    configure(folder.path(), &policy(&vkey, &[&witness], "all"));
    drop(open(folder.path()).unwrap());
    let backup = TempDir::new().unwrap();
    copy_folder(folder.path(), backup.path());
    let app = open(folder.path()).unwrap();
    append(&app);
    app.witnesses.run().unwrap();
    let newer = app.log.size();
    drop(app);

    let error = open(backup.path()).map(|_| ()).unwrap_err();
    let Some(RoundError::Disagreement(found)) = error.downcast_ref() else { panic!("{error:#}") };
    assert_eq!((found.how, found.seen), (How::Ahead, newer));
    let cli = Cli::on(backup.path());
    let finished = cli.run(&["--json", "user", "list"]);
    assert_eq!(finished.code, 5, "{finished:?}");
    let failure: Value = serde_json::from_str(finished.stderr.lines().last().unwrap())
        .unwrap_or_else(|_| finished.json());
    assert_eq!(failure["error"]["code"], "witness_disagrees");
    let detail = failure["error"]["detail"].as_str().unwrap();
    assert!(detail.contains("put back to an older state"), "{detail}");
    // The witness is gone, and still it does not start.
    drop(witness);
    assert!(open(backup.path()).is_err());
    // The home that was not put back starts, and tells that its witness is away.
    let app = open(folder.path()).unwrap();
    let standing = app.witnesses.standing();
    assert_eq!(standing.witnesses["w1"].as_deref(), Some("unreachable"));
    let last = app.log.read(affiant::domain::ids::EntryIndex(app.log.size() - 1)).unwrap();
    assert_eq!(last.value["type"], "witness.failed");
    assert_eq!(last.value["details"]["reason"], "unreachable");
}

#[test]
fn a_second_history_that_the_real_key_signed_stops_a_serving_appliance() {
    let (folder, vkey) = home();
    let witness = Witness::python(&vkey);
    configure(folder.path(), &policy(&vkey, &[&witness], "any"));
    let paths = LogPaths::of(folder.path());
    let origin = vkey.parse::<NoteVerifier>().unwrap().name().to_owned();
    let cli = Cli::on(folder.path());
    cli.json(0, &["user", "add", "ada", "--role", "staff"]);
    let token = cli.json(0, &["user", "token", "ada"])["token"].as_str().unwrap().to_owned();
    let server = cli.serve();
    let client = server.client().with_token(&token);
    let ready = patiently("a first cosignature of what is served", || {
        let ready = client.get("/readyz").json();
        (ready["witnessed"]["size"] == ready["log_size"]).then_some(ready)
    });
    assert_eq!(ready["alerts"], serde_json::json!([]));
    // A staff member's token reads no figures; who scrapes from this machine needs none.
    let metrics = server.client().get("/metrics").text();
    assert!(metrics.contains("affiant_witness_up{witness=\"w1\"} 1\n"), "{metrics}");
    assert!(metrics.contains("affiant_log_stopped 0\n"), "{metrics}");
    let cosigned = client.get("/log/cosigned").text();
    assert_eq!(cosigned, fs::read_to_string(folder.path().join("log.cosigned")).unwrap());

    // Whoever has stolen the key goes on from the newest cosigned checkpoint with an entry of
    // theirs: the root of n + 1 leaves over the same n is theirs to compute from the tiles.
    let newest = witness.newest(&origin).unwrap();
    let size: u64 = newest.lines().nth(1).unwrap().parse().unwrap();
    let leaves = leaves_of(&paths.log, size);
    let (root, proof) = forge(&leaves, leaf_hash(b"a thief's entry"));
    let key = NoteSigner::from_text(&fs::read_to_string(&paths.key).unwrap()).unwrap();
    let forged = Checkpoint { origin, size: size + 1, root }.sign(&key);
    let (status, said) = witness.add(&format!("old {size}\n{proof}\n{forged}"));
    assert_eq!(status, 200, "the witness cannot know that this is a thief: {said}");

    // The appliance finds out the next time that it has something to offer.
    let reason = patiently("the appliance to stop", || {
        let asked = client.ask(UNANSWERABLE);
        assert!([201, 503].contains(&asked.status), "{}", asked.text());
        let ready = client.get("/readyz");
        (ready.status == 503).then(|| ready.problem(503, "log_unavailable"))
    });
    let detail = reason["detail"].as_str().unwrap();
    assert!(detail.contains("the witness \"w1\" has seen"), "{detail}");
    client.ask(UNANSWERABLE).problem(503, "log_unavailable");
    assert!(server.client().get("/metrics").text().contains("affiant_log_stopped 1\n"));
    let finished = cli.run(&["--json", "user", "list"]);
    let finished =
        if finished.code == 0 { cli.run(&["--json", "user", "token", "ada"]) } else { finished };
    assert_eq!(finished.code, 5, "{finished:?}");
    assert!(format!("{finished:?}").contains("witness_disagrees"), "{finished:?}");
    server.stop();
    let error = open(folder.path()).map(|_| ()).unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(RoundError::Disagreement(_))), "{error:#}");
    // The log can end, and another goes on from it under a key that nobody else has.
    let began = cli.json(0, &["audit", "key", "compromised"]);
    assert_eq!(began["epoch"], 2, "{began}");
    let last = cli.json(0, &["audit", "list", "--type", "witness.failed"]);
    assert!(last.to_string().contains("dropped_after_disagreement"), "{last}");
    assert_eq!(cli.json(0, &["audit", "verify"])["ok"], true);
}

/// Leaf hashes of a log of fewer than 256 entries.
fn leaves_of(log: &Path, size: u64) -> Vec<[u8; 32]> {
    assert!(size < 256, "one tile");
    let tile = fs::read(log.join(format!("tile/0/000.p/{size}"))).unwrap();
    tile.chunks_exact(32).map(|hash| hash.try_into().unwrap()).collect()
}

/// The root with one more leaf, and the lines of the consistency proof to it.
fn forge(leaves: &[[u8; 32]], extra: [u8; 32]) -> ([u8; 32], String) {
    use affiant::audit::merkle::{Hash, Nodes, consistency, root_of};
    struct Leaves(Vec<Hash>);
    impl Nodes for Leaves {
        type Error = std::convert::Infallible;

        fn node(&mut self, level: u32, index: u64) -> Result<Hash, Self::Error> {
            let (start, end) = ((index << level) as usize, ((index + 1) << level) as usize);
            Ok(root_of(&self.0[start..end]))
        }
    }
    use base64::Engine as _;
    let (old, new) = (leaves.len() as u64, leaves.len() as u64 + 1);
    let all: Vec<Hash> = leaves.iter().copied().chain([extra]).collect();
    let root = root_of(&all);
    let Ok(path) = consistency(&mut Leaves(all), old, new);
    let encode = |hash: &Hash| base64::engine::general_purpose::STANDARD.encode(hash) + "\n";
    (root, path.iter().map(encode).collect())
}

#[test]
fn a_log_without_witnesses_goes_to_nobody() {
    let app = TestApp::empty();
    assert!(!app.open().witnesses.is_needed());
    let server = app.serve();
    let ready = server.client().get("/readyz").json();
    assert_eq!(ready["witnessed"]["required"], false);
    assert_eq!(ready["alerts"], serde_json::json!([]));
    server.client().get("/log/cosigned").problem(404, "not_found");
    let halted: Result<(), AppendError> = app.open().log.publish();
    assert!(halted.is_ok());
}
