//! A server whose journal meets a fault in the middle of a question.

use std::path::Path;

use serde_json::Value;

use crate::support::client::Client;
use crate::support::corpus::ANSWERABLE;
use crate::support::process::{Cli, Serving};
use crate::support::template::Holding;
use crate::support::test_app::TestApp;
use crate::support::{patiently, record};

/// `log.started`, two entries of the question, and then the one that fails.
const NTH: u32 = 4;

fn serve(cli: &Cli, home: &Path, fault: &str) -> (Serving, Client) {
    let token = cli.json(0, &["user", "token", "staff"]);
    let journal = home.join("state/log.journal");
    let inject = format!("inject=fdatasync:{fault}:when={NTH}");
    let options = ["-D", "-f", "-qq", "-o", "/dev/null", "-P", journal.to_str().unwrap()];
    let server = cli.serve_under(&[&["strace"], &options[..], &["-e", &inject]].concat());
    let client = server.client().with_token(token["token"].as_str().unwrap());
    (server, client)
}

fn kinds(cli: &Cli) -> Vec<String> {
    let listed = cli.json(0, &["audit", "list", "--limit", "100000"]);
    let rows = listed["entries"].as_array().unwrap();
    let entries: Vec<Value> = rows.iter().map(|row| row["entry"].clone()).collect();
    assert_eq!(record::check_questions(&entries), questions(&entries));
    assert_eq!(cli.json(0, &["audit", "verify"])["ok"], true);
    entries.iter().map(|entry| entry["type"].as_str().unwrap().to_owned()).collect()
}

fn questions(entries: &[Value]) -> usize {
    entries.iter().filter(|entry| entry["type"] == "query.received").count()
}

pub(crate) fn on_a_broken_disk() {
    let home = TestApp::folder(Holding::Corpus);
    let cli = Cli::on(home.path());
    let (server, client) = serve(&cli, home.path(), "error=EIO");
    client.ask(ANSWERABLE).problem(503, "log_unavailable");
    assert_eq!(server.ended().code(), Some(5), "it ends by itself, for its supervisor to see");
    let kinds = kinds(&cli);
    let started = kinds.iter().position(|kind| kind == "log.started").unwrap();
    assert!(!kinds.contains(&"log.stopped".to_owned()), "{kinds:?}");
    assert!(kinds[started..].contains(&"log.recovered".to_owned()), "{kinds:?}");
}

pub(crate) fn on_a_full_disk() {
    let home = TestApp::folder(Holding::Corpus);
    let cli = Cli::on(home.path());
    let (server, client) = serve(&cli, home.path(), "error=ENOSPC");
    let refused = client.ask(ANSWERABLE);
    assert_eq!(refused.header("retry-after"), "5");
    refused.problem(503, "log_unavailable");
    patiently("space", || (client.get("/readyz").status == 200).then_some(()));
    assert_eq!(client.ask(ANSWERABLE).status, 201, "the same server goes on");
    // The entry that failed may be kept or not; the question has its end either way.
    let ends = || {
        let listed = cli.json(0, &["audit", "list", "--limit", "100000"]);
        let rows = listed["entries"].as_array().unwrap().clone();
        let is_end = |row: &&Value| {
            let kind = row["entry"]["type"].as_str().unwrap();
            ["answer.released", "query.failed"].contains(&kind)
        };
        (rows.iter().filter(is_end).count() == 2).then_some(())
    };
    patiently("the end of the first question", ends);
    server.stop();
    let kinds = kinds(&cli);
    for kind in ["log.storage_full", "log.storage_restored", "log.stopped"] {
        assert_eq!(kinds.iter().filter(|known| *known == kind).count(), 1, "{kind}: {kinds:?}");
    }
    assert!(!kinds.contains(&"log.recovered".to_owned()), "{kinds:?}");
}
