//! The log refuses to append at every step of a question.

use std::sync::Arc;

use affiant::answer::AnswerError;
use affiant::audit::LogFiles;
use affiant::domain::answer::Outcome;
use affiant::domain::question::Mode;
use serde_json::json;

use super::failing::Failing;
use crate::support::corpus::ANSWERABLE;
use crate::support::record;
use crate::support::test_app::TestApp;

#[test]
fn a_log_that_fails_at_any_step_lets_no_answer_out_and_recovers() {
    // (entries of the question that are recorded before the log fails, failed write is kept)
    let table = [(0, false), (0, true), (1, false), (1, true), (2, false), (2, true)];
    for (recorded, kept) in table {
        let mut app = TestApp::corpus();
        let files = Failing::broken(app.log_files(), kept);
        app.reopen(Some(Arc::clone(&files) as Arc<dyn LogFiles>));
        let before = app.open().log.size();
        app.engine();
        files.after(recorded);
        let answered = app.try_ask("staff", ANSWERABLE, Mode::Verbatim);
        assert!(matches!(answered, Err(AnswerError::NotRecorded(_))), "{recorded} {kept}");
        assert!(app.open().log.is_stopped());

        app.reopen(None);
        let after = record::entries(&app.open().log);
        let values: Vec<_> = after.iter().map(|entry| entry.value.clone()).collect();
        let questions = record::check_questions(&values);
        // Where the first entry is lost, the question never was; else it has its terminal entry.
        assert_eq!(questions, usize::from(recorded > 0 || kept), "{recorded} {kept}");
        assert!(after.len() as u64 >= before);
        assert_eq!(app.ask("staff", ANSWERABLE).outcome, Outcome::Answered);
    }
}

#[test]
fn evidence_is_not_told_before_it_is_recorded() {
    use affiant::answer::Progress;
    use std::ops::ControlFlow;

    let mut app = TestApp::corpus();
    let files = Failing::broken(app.log_files(), false);
    app.reopen(Some(Arc::clone(&files) as Arc<dyn LogFiles>));
    let question = app.question(ANSWERABLE, Mode::Verbatim);
    files.after(1);
    let mut told = 0;
    let asked = app.engine().answerer.ask(&app.asker("staff"), &question, &mut |progress| {
        told += u32::from(matches!(progress, Progress::Evidence(_)));
        ControlFlow::Continue(())
    });
    assert!(asked.is_err());
    assert_eq!(told, 0);
    app.reopen(None);
}

#[test]
fn a_server_whose_log_has_stopped_answers_nothing_and_says_so() {
    let mut app = TestApp::corpus();
    let files = Failing::broken(app.log_files(), false);
    app.reopen(Some(Arc::clone(&files) as Arc<dyn LogFiles>));
    {
        let server = app.serve();
        let staff = server.signed_in("staff");
        assert_eq!(staff.get("/readyz").status, 200);
        let document = app.open().catalogue.documents()[0].row.document;
        files.after(2);
        let problem = staff.ask(ANSWERABLE).problem(503, "log_unavailable");
        assert_eq!(problem.get("answer"), None);
        let (_, events) = staff.stream(&json!({ "question": ANSWERABLE, "mode": "verbatim" }));
        let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names.last(), Some(&"problem"), "{names:?}");
        assert!(!names.contains(&"sentence") && !names.contains(&"evidence"));
        staff.get("/api/v1/documents").problem(503, "log_unavailable");
        let picture = format!("/api/v1/documents/{document}/pages/1.png");
        staff.get(&picture).problem(503, "log_unavailable");
        let auditor = server.client();
        let body = json!({ "username": "auditor", "password": crate::support::PASSWORD });
        auditor.post("/api/v1/session", &body).problem(503, "log_unavailable");
        let ready = staff.get("/readyz");
        assert_eq!(ready.header("retry-after"), "5");
        ready.problem(503, "log_unavailable");
        assert_eq!(staff.get("/healthz").status, 200);
    }
    app.reopen(None);
}

#[test]
fn a_file_that_cannot_be_recorded_is_not_taken_in() {
    let mut app = TestApp::empty();
    let files = Failing::broken(app.log_files(), false);
    app.reopen(Some(Arc::clone(&files) as Arc<dyn LogFiles>));
    let source = affiant::ingest::Source::Bytes {
        name: "harbour.txt".to_owned(),
        bytes: b"Nineteen lanterns hang in the harbour office.".to_vec(),
    };
    let options = affiant::ingest::BatchOptions {
        labels: affiant::domain::access::Labels::internal(),
        password: None,
        actor: app.open().operator(None),
        policy: app.open().policies.digest(),
    };
    app.engine();
    files.after(0);
    assert!(app.engine().ingestor.run(vec![source], &options, &mut |_, _| {}).is_err());
    app.reopen(None);
    assert!(app.open().catalogue.documents().is_empty());
    let answer = app.ask("staff", "How many lanterns hang in the harbour office?");
    assert_eq!((answer.outcome, answer.evidence.len()), (Outcome::Refused, 0));
}
