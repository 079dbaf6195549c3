use std::collections::BTreeMap;
use std::path::PathBuf;

use affiant::domain::answer::Outcome;

use crate::support::corpus::fixture;
use crate::support::record;
use crate::support::test_app::TestApp;

/// Files of `fixtures/hostile` that are set aside, and why.
const REFUSED: [(&str, &str); 7] = [
    ("empty-pages-10000.pdf", "too_large"),
    ("encrypted-rc4.pdf", "encrypted"),
    ("encrypted.pdf", "encrypted"),
    ("inflate-bomb.pdf", "too_large"),
    ("not-a-pdf.pdf", "malformed"),
    ("page-tree-cycle.pdf", "malformed"),
    ("truncated.pdf", "malformed"),
];
/// Those that go on, for what people can see of them.
const SURVIVE: [&str; 4] =
    ["image-only.pdf", "invisible-text.pdf", "plain.pdf", "white-on-white.pdf"];

fn reasons(report: &affiant::ingest::BatchReport) -> BTreeMap<String, String> {
    let name = |path: &str| PathBuf::from(path).file_name().unwrap().to_string_lossy().into_owned();
    report.quarantined.iter().map(|q| (name(&q.path), q.reason.clone())).collect()
}

#[test]
fn every_hostile_file_is_set_aside_with_its_reason_and_the_others_go_on() {
    let app = TestApp::empty();
    let refused = REFUSED.iter().map(|(name, _)| *name);
    let paths: Vec<PathBuf> =
        refused.chain(SURVIVE).map(|name| fixture("hostile").join(name)).collect();
    let report = app.ingest(&paths, &[]);
    let expected: BTreeMap<String, String> =
        REFUSED.iter().map(|(name, reason)| ((*name).into(), (*reason).into())).collect();
    assert_eq!(reasons(&report), expected);
    assert_eq!((report.submitted, report.indexed, report.unchanged), (11, 4, 0));
    assert!(report.quarantined.iter().all(|set_aside| !set_aside.detail.is_empty()));
    let recorded = record::of_kind(&app.open().log, "document.quarantined");
    assert_eq!(recorded.len(), REFUSED.len());
}

#[test]
fn an_instruction_that_nobody_can_see_on_the_page_never_becomes_evidence() {
    let app = TestApp::empty();
    let hidden = ["invisible-text.pdf", "white-on-white.pdf"];
    let paths: Vec<PathBuf> = hidden.iter().map(|name| fixture("hostile").join(name)).collect();
    let report = app.ingest(&paths, &[]);
    assert_eq!(report.indexed, 2);
    for document in &report.documents {
        let pages = app.open().reader.pages(&app.asker("staff"), document.id).unwrap();
        let text: String = pages.pages.iter().map(|page| page.text.as_str()).collect();
        assert!(text.contains("Visiting hours"));
        assert!(!text.to_lowercase().contains("ignore"), "{text}");
    }
    for document in app.open().catalogue.documents() {
        assert!(document.card.warnings.iter().any(|warning| warning.contains("left out")));
    }
}

#[test]
fn a_batch_accounts_for_every_file() {
    let app = TestApp::empty();
    let good = fixture("corpus/formulary-extract.pdf");
    let report = app.ingest(
        &[good.clone(), fixture("hostile/truncated.pdf"), fixture("hostile/plain.pdf"), good],
        &[],
    );
    assert_eq!((report.submitted, report.indexed, report.unchanged), (4, 2, 1));
    assert_eq!(reasons(&report).len(), 1);
    assert_eq!(report.documents.len(), 2);
}

#[test]
fn the_same_bytes_again_change_nothing() {
    let app = TestApp::corpus();
    let path = fixture("corpus/formulary-extract.pdf");
    let before = record::of_kind(&app.open().log, "document.activated").len();
    let report = app.ingest(&[path], &[]);
    assert_eq!((report.submitted, report.unchanged, report.indexed), (1, 1, 0));
    assert_eq!(record::of_kind(&app.open().log, "document.activated").len(), before);
}

#[test]
fn a_new_text_is_answered_from_as_soon_as_it_is_taken_in() {
    let app = TestApp::empty();
    let question = "How many lanterns hang in the harbour office?";
    assert_eq!(app.ask("staff", question).outcome, Outcome::Refused);
    let text = "The harbour office.\n\nNineteen lanterns hang in the harbour office.\n";
    assert_eq!(app.ingest_text("harbour.txt", text).indexed, 1);
    let answer = app.ask("staff", question);
    assert_eq!(answer.outcome, Outcome::Answered, "{:?}", answer.reason);
    assert!(answer.answer.contains("Nineteen"));
    let citation = &answer.sentences[0].citations[0];
    assert_eq!((citation.page, citation.boxes.len()), (1, 0));
}

#[test]
fn an_encrypted_file_is_read_with_its_password() {
    let app = TestApp::empty();
    let path = fixture("hostile/encrypted.pdf");
    let options = affiant::ingest::BatchOptions {
        labels: affiant::domain::access::Labels::internal(),
        password: Some("opensesame".to_owned()),
        actor: app.open().operator(None),
        policy: app.open().policies.digest(),
    };
    let sources = affiant::ingest::Source::files(&[path]).unwrap();
    let report = app.engine().ingestor.run(sources, &options, &mut |_, _| {}).unwrap();
    assert_eq!((report.indexed, report.quarantined.len()), (1, 0));
    let document = report.documents[0].id;
    let picture = app.open().reader.picture(&app.asker("staff"), document, 1).unwrap();
    assert_eq!(&picture[1..4], b"PNG");
}
