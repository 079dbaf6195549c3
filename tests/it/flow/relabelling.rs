//! Other labels take effect at once, for everybody, whatever is cut off on the way.

use affiant::answer::{ReadError, Searched};
use affiant::domain::ids::DocumentId;
use affiant::domain::principal::Role;
use affiant::ingest::{BatchOptions, Source};

use crate::support::record;
use crate::support::test_app::TestApp;

const WORDS: &str = "seal of the northern quay";
const OPEN: &str = "classification=internal";
const SHUT: &str = "matter=M-1";

/// A home with one document under these labels; ada works on the matter, bo does not.
fn home(labels: &[&str]) -> (TestApp, DocumentId) {
    let app = TestApp::empty();
    app.account("ada", Role::Staff, &[SHUT.to_owned()]);
    app.account("bo", Role::Staff, &[]);
    let text = "The seal of the northern quay is kept by the harbour master.";
    let source = Source::Bytes { name: "seal.txt".into(), bytes: text.into() };
    let report = app.take_in(vec![source], labels);
    app.ingest_text("lantern.txt", "Nineteen lanterns hang in the harbour office.");
    (app, report.documents[0].id)
}

/// Whether somebody finds the document, answers come from it, and it opens for them; all or none.
fn sees(app: &TestApp, who: &str, document: DocumentId) -> bool {
    let Searched::Found(found) = app.search(who, WORDS) else { panic!("{who} may search") };
    let finds = found.hits.iter().any(|hit| hit.document == document);
    let answer = app.ask(who, "Who keeps the seal of the northern quay?");
    let quotes = answer.evidence.iter().any(|item| item.document == document);
    let reader = &app.open().reader;
    let opens = match reader.pages(&app.asker(who), document) {
        Ok(_) => true,
        Err(ReadError::NotFound) => false,
        Err(error) => panic!("{error}"),
    };
    let listed = reader.documents(&app.asker(who)).unwrap();
    let lists = listed.iter().any(|listed| listed.row.document == document);
    assert_eq!([finds, quotes, opens, lists], [opens; 4], "{who}");
    opens
}

#[test]
fn labels_narrow_and_widen_at_once_and_after_a_rebuild() {
    let (mut app, document) = home(&[OPEN]);
    assert!(sees(&app, "ada", document) && sees(&app, "bo", document));
    app.relabel(document, &[SHUT]);
    assert!(sees(&app, "ada", document) && !sees(&app, "bo", document));
    let entry = record::of_kind(&app.open().log, "document.labelled").remove(0);
    assert_ne!(entry.details()["class"], entry.details()["class_before"]);
    app.reopen(None);
    assert!(sees(&app, "ada", document) && !sees(&app, "bo", document));
    app.rebuild(|home| std::fs::remove_dir_all(home.join("index")).unwrap());
    assert!(sees(&app, "ada", document) && !sees(&app, "bo", document));
    app.relabel(document, &["matter="]);
    assert!(sees(&app, "ada", document) && sees(&app, "bo", document));
    assert_eq!(record::of_kind(&app.open().log, "document.labelled").len(), 2);
    app.relabel(document, &[OPEN]);
    assert_eq!(record::of_kind(&app.open().log, "document.labelled").len(), 2, "nothing changed");
}

#[test]
fn a_change_that_is_cut_off_before_the_indexes_know_binds_and_is_told_later() {
    type Mend = fn(&mut TestApp, DocumentId);
    let table: [(&str, Mend); 2] = [
        ("the appliance starts", |app, _| app.reopen(None)),
        ("the indexes are told", |app, document| app.engine().ingestor.place(document).unwrap()),
    ];
    for (when, mend) in table {
        for is_narrowing in [true, false] {
            let (from, to) =
                if is_narrowing { (vec![OPEN], SHUT) } else { (vec![OPEN, SHUT], "matter=") };
            let (mut app, document) = home(&from);
            let engine = app.engine();
            let old = app.open().catalogue.document(document).unwrap();
            let labels = old.card.labels.with([to]).unwrap();
            let (policy, actor) = (app.open().policies.digest(), app.open().operator(None));
            let options = BatchOptions { labels, password: None, actor, policy };
            let req = engine.answerer.request();
            engine.ingestor.relabel(&old, &options, req).unwrap();
            let what = format!("until {when}, narrowing: {is_narrowing}");
            // In between those whom only one side lets in may miss it; nobody sees too much.
            let reader = |who| app.open().reader.pages(&app.asker(who), document);
            assert!(reader("ada").is_ok(), "{what}");
            assert_eq!(reader("bo").is_ok(), !is_narrowing, "{what}");
            let Searched::Found(found) = app.search("bo", WORDS) else { panic!("{what}") };
            assert!(found.hits.iter().all(|hit| hit.document != document), "{what}");
            // Where it widens the catalogue would let it through: the filter in the index alone
            // holds. Where it narrows the index would: the second decision alone holds.
            let answer = app.ask("bo", "Who keeps the seal of the northern quay?");
            assert!(answer.evidence.iter().all(|item| item.document != document), "{what}");
            let told = serde_json::to_string(&answer).unwrap();
            assert!(!told.contains("harbour master"), "{what}: {told}");
            drop(engine);
            mend(&mut app, document);
            assert!(sees(&app, "ada", document), "{what}");
            assert_eq!(sees(&app, "bo", document), !is_narrowing, "{what}");
        }
    }
}
