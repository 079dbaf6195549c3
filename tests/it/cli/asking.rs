use serde_json::Value;

use super::has;
use crate::support::corpus::{ANSWERABLE, UNANSWERABLE};
use crate::support::process::Cli;
use crate::support::template::Holding;
use crate::support::test_app::TestApp;

#[test]
fn a_question_ends_answered_refused_or_denied() {
    let home = TestApp::folder(Holding::Corpus);
    let cli = Cli::on(home.path());
    let ask = |code: i32, question: &str, who: &str| {
        cli.json(code, &["ask", question, "--as", who, "--mode", "verbatim"])
    };
    let answered = ask(0, ANSWERABLE, "staff");
    has(&answered, &["query", "entries", "answer", "sentences", "evidence", "withheld", "policy"]);
    assert_eq!(answered["outcome"], "answered");
    assert_eq!(ask(0, UNANSWERABLE, "staff")["outcome"], "refused");
    let denied = ask(4, ANSWERABLE, "auditor");
    assert_eq!(
        (&denied["outcome"], &denied["entries"]["retrieval"]),
        (&"denied".into(), &Value::Null)
    );
    let entry = cli.json(0, &["audit", "show", &answered["entries"]["received"].to_string()]);
    assert_eq!(entry["entry"]["actor"]["via"], "cli");
}

#[test]
fn people_read_the_answer_with_its_sources_and_entries() {
    let home = TestApp::folder(Holding::Corpus);
    let cli = Cli::on(home.path());
    let finished = cli.run(&["ask", ANSWERABLE, "--as", "staff", "--mode", "verbatim"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    for part in ["may not be sent by fax", "[1]", "page 1", "Recorded: received "] {
        assert!(finished.stdout.contains(part), "{part}: {}", finished.stdout);
    }
    assert_eq!(finished.stderr, "", "nothing else is printed where nobody watches");
}

#[test]
fn each_half_of_the_index_is_searched_alone_or_both() {
    let home = TestApp::folder(Holding::Corpus);
    let cli = Cli::on(home.path());
    for mode in ["hybrid", "lexical", "vector"] {
        let words = "patient information sent by fax";
        let arguments = ["search", words, "--as", "staff", "--top-k", "3", "--mode", mode];
        let found = cli.json(0, &arguments);
        has(&found, &["hits", "withheld", "entry"]);
        let hits = found["hits"].as_array().unwrap();
        assert_eq!(hits.len(), 3, "{mode}");
        let fields =
            ["rank", "score", "passage", "document", "title", "page", "start", "end", "text"];
        has(&hits[0], &fields);
        assert!(hits.iter().any(|hit| hit["text"].as_str().unwrap().contains("fax")), "{mode}");
    }
    let denied = cli.json(4, &["search", "fax", "--as", "auditor"]);
    assert_eq!(denied["error"]["code"], "denied");
}

#[test]
fn an_answer_is_run_again_from_its_record() {
    let home = TestApp::folder(Holding::Corpus);
    let cli = Cli::on(home.path());
    let answer = cli.json(0, &["ask", ANSWERABLE, "--as", "staff", "--mode", "verbatim"]);
    let terminal = answer["entries"]["terminal"].to_string();
    let replay = cli.json(0, &["audit", "replay", &terminal]);
    has(&replay, &["entry", "same", "same_text", "differences", "recorded_as"]);
    assert_eq!((&replay["same"], &replay["same_text"]), (&true.into(), &true.into()));
    assert_eq!(replay["differences"], Value::Array(Vec::new()));
    let people = cli.run(&["audit", "replay", &terminal]);
    assert!(people.stdout.starts_with("same: "), "{people:?}");
    cli.json(4, &["audit", "replay", &terminal, "--as", "staff"]);
    cli.json(2, &["audit", "replay", "0"]);
    cli.json(2, &["audit", "replay", "999999"]);
    // The digest covers every byte of the policies.
    let folder = tempfile::tempdir().unwrap();
    crate::support::template::copy_folder(&home.path().join("policies"), folder.path());
    let policy = folder.path().join("roles.cedar");
    let text = std::fs::read_to_string(&policy).unwrap();
    affiant::durable::replace(
        &policy,
        format!("{text}\n").as_bytes(),
        affiant::durable::Readers::Owner,
    )
    .unwrap();
    super::policies::put_in_force(&cli, folder.path());
    let replay = cli.json(1, &["audit", "replay", &terminal]);
    assert_eq!(replay["differences"][0]["kind"], "policy");
    has(&replay["differences"][0], &["kind", "detail", "remedy", "recorded", "now"]);
}

#[test]
fn a_purpose_is_a_code_and_a_name_has_a_limit() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    let (long, out) = ("x".repeat(201), home.path().join("out"));
    let (ask, out) = (["ask", "Why?", "--as", "staff"], out.to_str().unwrap());
    let zeros = "0".repeat(64);
    let why = ["policy", "explain", "--as", "staff", "--document", &zeros, "--by", "records"];
    let export = ["audit", "export", "--format", "csv", "--out", out];
    let hold = ["hold", "add", "--as", "records", "--reason", "a test"];
    let wrong = [
        [&ask[..], &["--purpose", "for Mr Smith"]].concat(),
        [&ask[..], &["--matter", &long]].concat(),
        [&ask[..], &["--patient", "a\nb"]].concat(),
        [&why[..], &["--purpose", "for Mr Smith"]].concat(),
        [&export[..], &["--purpose", "for Mr Smith"]].concat(),
        [&hold[..], &["--matter", &long]].concat(),
    ];
    for words in wrong {
        let refused = cli.json(2, &words);
        assert_eq!(refused["error"]["code"], "usage", "{words:?}: {refused}");
    }
}
