//! `kill -9` in the middle of asking and taking in: the next start needs no hand, and whatever was
//! acknowledged is still there. `KILLS=20` runs more rounds.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use affiant::audit::{LogPaths, TreeEntries};
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::corpus::{ANSWERABLE, UNANSWERABLE};
use crate::support::process::Cli;
use crate::support::record;
use crate::support::template::Holding;
use crate::support::test_app::TestApp;
use crate::support::{patiently, wanted};

/// What the server said is done.
#[derive(Default)]
struct Acknowledged {
    answers: Mutex<Vec<Value>>,
    documents: Mutex<BTreeSet<String>>,
}

impl Acknowledged {
    /// Answers and documents.
    fn counts(&self) -> (usize, usize) {
        (self.answers.lock().unwrap().len(), self.documents.lock().unwrap().len())
    }
}

#[test]
fn a_killed_server_starts_again_by_itself_and_has_lost_nothing() {
    let home = TestApp::folder(Holding::Corpus);
    let cli = Cli::on(home.path());
    let token = |name: &str| {
        let issued = cli.json(0, &["user", "token", name, "--ttl", "12h"]);
        issued["token"].as_str().unwrap().to_owned()
    };
    let (staff, records) = (token("staff"), token("records"));
    let done = Acknowledged::default();
    let kills: u32 = wanted("KILLS", 3);
    let mut seen_again = 0;
    for round in 0..kills {
        let server = cli.serve();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let asker = server.client().with_token(&staff);
            let archivist = server.client().with_token(&records);
            let (over, done) = (&over, &done);
            scope.spawn(move || while_alive(over, |n| ask(&asker, n, done)));
            scope.spawn(move || while_alive(over, |n| ingest(&archivist, round, n, done)));
            // Every second round is long enough to finish something; all end at another moment.
            let before = done.counts();
            if round.is_multiple_of(2) {
                patiently("an answer and a document", || {
                    let now = done.counts();
                    (now.0 > before.0 && now.1 > before.1).then_some(())
                });
            }
            let pause = u64::from(round) * 311 % 1_700;
            std::thread::park_timeout(Duration::from_millis(pause));
            server.kill();
            over.store(true, Ordering::SeqCst);
        });
        // Every answer is in the log each time; shown again are the new ones, and all at the end.
        let from = if round + 1 == kills { 0 } else { seen_again };
        seen_again = done.counts().0;
        check(home.path(), &cli, &done, from, &staff);
    }
}

/// Works until the server is gone.
fn while_alive(over: &AtomicBool, mut work: impl FnMut(u32) -> Option<()>) {
    for n in 0.. {
        if over.load(Ordering::SeqCst) || work(n).is_none() {
            return;
        }
    }
}

fn ask(client: &Client, n: u32, done: &Acknowledged) -> Option<()> {
    let question = if n.is_multiple_of(2) { ANSWERABLE } else { UNANSWERABLE };
    let body = json!({ "question": question, "mode": "verbatim" });
    let reply = client.try_post("/api/v1/queries", &body)?;
    assert_eq!(reply.status, 201, "{}", reply.text());
    done.answers.lock().unwrap().push(reply.json());
    Some(())
}

fn ingest(client: &Client, round: u32, n: u32, done: &Acknowledged) -> Option<()> {
    let text = format!("Lantern number {n} of round {round} hangs in the harbour office.");
    let accepted = client.try_upload(&[(&format!("{round}-{n}.txt"), text.as_bytes())], &[])?;
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    let path = accepted.header("location").to_owned();
    loop {
        let job = client.try_get(&path)?.json();
        match job["state"].as_str().unwrap() {
            "running" => std::thread::park_timeout(Duration::from_millis(10)),
            "done" => {
                let id = job["report"]["documents"][0]["id"].as_str().unwrap().to_owned();
                done.documents.lock().unwrap().insert(id);
                return Some(());
            }
            state => panic!("{state}: {job}"),
        }
    }
}

/// After a kill, before and after the next start.
fn check(home: &Path, cli: &Cli, done: &Acknowledged, from: usize, token: &str) {
    // What was published before the next start still stands after it.
    let before = tempfile::NamedTempFile::new().unwrap();
    std::fs::copy(LogPaths::of(home).log.join("checkpoint"), before.path()).unwrap();
    // Opening the home gives what was cut short its end.
    cli.json(0, &["documents", "list"]);
    let since = before.path().to_str().unwrap();
    let report = cli.json(0, &["audit", "verify", "--since", since]);
    assert_eq!(report["ok"], true);
    let entries = TreeEntries::of(&LogPaths::of(home).log, report["size"].as_u64().unwrap());
    let entries: Vec<Value> = entries.map(|entry| entry.unwrap().value).collect();
    let questions = record::check_questions(&entries);

    let shown = cli.json(0, &["documents", "list"]);
    let shown: BTreeSet<&str> = shown["documents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|document| document["id"].as_str().unwrap())
        .collect();
    for id in done.documents.lock().unwrap().iter() {
        assert!(shown.contains(id.as_str()), "{id} was acknowledged and is gone");
    }
    let answers = done.answers.lock().unwrap();
    assert!(questions >= answers.len());
    for answer in answers.iter() {
        let terminal = answer["entries"]["terminal"].as_u64().unwrap();
        let entry = &entries[usize::try_from(terminal).unwrap()];
        assert_eq!(entry["req"], answer["query"]);
    }
    drop(answers);
    let server = cli.serve();
    let client = server.client().with_token(token);
    for answer in done.answers.lock().unwrap().iter().skip(from) {
        let again = client.get(&format!("/api/v1/queries/{}", answer["query"].as_str().unwrap()));
        assert_eq!(again.status, 200, "{}", again.text());
        assert_eq!(again.json()["sentences"], answer["sentences"]);
    }
    server.stop();
}
