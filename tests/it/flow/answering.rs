use affiant::domain::answer::{Outcome, Verdict, Wording};
use affiant::domain::question::Mode;

use crate::support::corpus::{ANSWERABLE as QUESTION, UNANSWERABLE};
use crate::support::record;
use crate::support::test_app::TestApp;

/// The text of a page as citations count it.
fn page_text(app: &TestApp, who: &str, citation: &affiant::domain::answer::Citation) -> String {
    let pages = app.open().reader.pages(&app.asker(who), citation.document).unwrap();
    let page = pages.page(citation.page).expect("the cited page");
    page.text.clone()
}

#[test]
fn an_answer_quotes_the_page_that_it_cites() {
    let app = TestApp::corpus();
    let answer = app.ask("staff", QUESTION);
    assert_eq!(answer.outcome, Outcome::Answered, "{:?}", answer.reason);
    assert_eq!(answer.mode, Some(Wording::Verbatim));
    assert!(answer.answer.contains("may not be sent by fax"), "{}", answer.answer);
    let texts: Vec<&str> = answer.sentences.iter().map(|s| s.text.as_str()).collect();
    assert_eq!(answer.answer, texts.join(" "));
    for sentence in &answer.sentences {
        assert_eq!(sentence.verdict, Verdict::Supported);
        assert!(!sentence.citations.is_empty());
        for citation in &sentence.citations {
            let page = page_text(&app, "staff", citation);
            let (start, end) = (citation.start as usize, citation.end as usize);
            let slice: String = page.chars().skip(start).take(end - start).collect();
            assert_eq!(citation.quote, slice);
            assert!(!citation.boxes.is_empty());
        }
    }
}

#[test]
fn question_evidence_and_answer_are_recorded_in_this_order_under_one_request() {
    let app = TestApp::corpus();
    let answer = app.ask("staff", QUESTION);
    let at = |entry: Option<affiant::domain::ids::EntryIndex>| {
        app.open().log.read(entry.expect("an entry")).unwrap()
    };
    let received = at(answer.entries.received);
    let retrieved = at(answer.entries.retrieval);
    let released = at(answer.entries.terminal);
    assert!(received.index < retrieved.index && retrieved.index < released.index);
    let kinds = [received.kind(), retrieved.kind(), released.kind()];
    assert_eq!(kinds, ["query.received", "retrieval.done", "answer.released"]);
    for entry in [&received, &retrieved, &released] {
        assert_eq!(entry.req(), Some(answer.query));
        assert_eq!(entry.actor_id(), app.asker("staff").actor.id.as_str());
        assert_eq!(entry.policy(), Some(answer.policy));
        assert!(entry.payload().is_some());
    }
    let hits = retrieved.details()["hits"].as_array().unwrap();
    assert_eq!(hits.len(), answer.evidence.len());
    let models = &released.details()["models"];
    assert_eq!(models["encoder"].as_str().unwrap().len(), 64);
}

#[test]
fn the_contents_behind_the_entries_are_the_question_and_the_answer() {
    let app = TestApp::corpus();
    let answer = app.ask("staff", QUESTION);
    let contents = |entry: Option<affiant::domain::ids::EntryIndex>| {
        let payload = app.open().log.read(entry.unwrap()).unwrap().payload().unwrap();
        let bytes = app.open().vault.open_payload(&payload).unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    assert!(contents(answer.entries.received).contains(QUESTION));
    let kept: affiant::domain::answer::Answer =
        serde_json::from_str(&contents(answer.entries.terminal)).unwrap();
    assert_eq!(kept.answer, answer.answer);
    assert_eq!(kept.sentences, answer.sentences);
}

#[test]
fn a_model_writes_only_what_its_evidence_carries() {
    let app = TestApp::corpus();
    let answer = app.try_ask("staff", QUESTION, Mode::Auto).unwrap();
    assert_eq!(answer.outcome, Outcome::Answered, "{:?}", answer.reason);
    assert!(answer.usage.prompt_tokens > 0 && answer.usage.completion_tokens > 0);
    for sentence in &answer.sentences {
        assert_ne!(sentence.verdict, Verdict::Unsupported);
        assert!(!sentence.citations.is_empty());
    }
}

#[test]
fn what_no_document_answers_is_refused() {
    let app = TestApp::corpus();
    let answer = app.ask("staff", UNANSWERABLE);
    assert_eq!(answer.outcome, Outcome::Refused);
    assert_eq!((answer.answer.as_str(), answer.sentences.len()), ("", 0));
    let entry = app.open().log.read(answer.entries.terminal.unwrap()).unwrap();
    assert_eq!((entry.kind(), entry.outcome()), ("query.refused", "refused"));
}

#[test]
fn an_empty_home_refuses_every_question() {
    let app = TestApp::empty();
    let answer = app.ask("staff", QUESTION);
    assert_eq!(answer.outcome, Outcome::Refused);
    assert!(answer.evidence.is_empty());
}

#[test]
fn those_who_may_not_ask_are_denied_before_anything_is_searched() {
    let app = TestApp::corpus();
    for who in ["auditor", "records", "admin", "approver"] {
        let answer = app.ask(who, QUESTION);
        assert_eq!(answer.outcome, Outcome::Denied, "{who}");
        assert!(answer.reason.is_some());
        assert_eq!((answer.evidence.len(), answer.sentences.len()), (0, 0));
        assert_eq!(answer.entries.retrieval, None);
    }
    assert!(record::of_kind(&app.open().log, "retrieval.done").is_empty());
    assert_eq!(record::of_kind(&app.open().log, "query.denied").len(), 4);
}

#[test]
fn an_answer_is_shown_again_to_its_asker_alone() {
    let app = TestApp::corpus();
    let answer = app.ask("staff", QUESTION);
    let again = app.engine().answerer.past(&app.asker("staff"), answer.query).unwrap();
    assert_eq!(again.sentences, answer.sentences);
    assert_eq!(record::of_kind(&app.open().log, "answer.reread").len(), 1);
    let others = app.engine().answerer.past(&app.asker("outsider"), answer.query);
    assert!(matches!(others, Err(affiant::answer::ReadError::NotFound)));
}

#[test]
fn the_same_question_has_the_same_answer_also_after_a_restart() {
    let mut app = TestApp::corpus();
    let first = app.ask("staff", QUESTION);
    app.reopen(None);
    let second = app.ask("staff", QUESTION);
    assert_eq!((first.sentences, first.evidence), (second.sentences, second.evidence));
}
