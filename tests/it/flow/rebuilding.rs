//! Views are rebuildable: without them nothing is answered, and made anew they answer the same.

use std::fs;
use std::path::Path;

use affiant::answer::{SearchHit, Searched};
use affiant::ingest::IngestError;

use crate::support::corpus::ANSWERABLE as QUESTION;
use crate::support::test_app::{TestApp, models};

fn lose_index(home: &Path) {
    fs::remove_dir_all(home.join("index")).unwrap();
}

fn hits(searched: Searched) -> Vec<SearchHit> {
    match searched {
        Searched::Found(found) => found.into_parts().0.hits,
        Searched::Ended(ended) => panic!("{:?}", ended.reason),
    }
}

#[test]
fn a_lost_index_is_told_and_not_taken_for_an_empty_one() {
    let mut app = TestApp::corpus();
    let documents = app.open().catalogue.documents().len();
    lose_index(app.path());
    app.reopen(None);
    let error = app.open().engine_over(|| Ok(models())).map(drop).unwrap_err();
    let lacking = error.downcast_ref::<IngestError>();
    assert!(
        matches!(lacking, Some(IngestError::Lacking { documents: n }) if *n == documents),
        "{error:#}"
    );
    assert!(error.to_string().contains("affiant rebuild"), "{error:#}");
}

#[test]
fn a_rebuilt_home_finds_and_answers_the_same() {
    let mut app = TestApp::corpus();
    let (before, found) = (app.ask("staff", QUESTION), app.search("staff", QUESTION));
    let documents = app.open().catalogue.documents().len();

    let done = app.rebuild(lose_index);
    assert_eq!(done.documents as usize, documents);

    let (after, refound) = (app.ask("staff", QUESTION), app.search("staff", QUESTION));
    assert_eq!(after.answer, before.answer);
    assert_eq!(after.evidence, before.evidence);
    let passages = |hits: Vec<SearchHit>| -> Vec<_> {
        hits.into_iter().map(|hit| (hit.rank, hit.passage)).collect()
    };
    assert_eq!(passages(hits(refound)), passages(hits(found)));
    let past = app.open().state.answers().get(&before.query).unwrap();
    assert_eq!(past.map(|row| row.entry), before.entries.terminal);
}

#[test]
fn a_rebuilt_home_gives_new_documents_new_generations() {
    let mut app = TestApp::corpus();
    let last = app.open().catalogue.visible_through();
    app.rebuild(lose_index);
    app.ingest_text("later.txt", "The later rule: visitors sign the blue book at the desk.");
    assert!(app.open().catalogue.visible_through() > last);
    let found = hits(app.search("staff", "blue book"));
    assert!(found.iter().any(|hit| hit.text.contains("blue book")));
}
