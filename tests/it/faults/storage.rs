//! The disk is full for a while: nothing is shown, nothing is lost, and nobody has to do anything
//! but make space.

use std::sync::Arc;

use affiant::audit::{AppendError, Condition, LogFiles, QueryStep};
use affiant::domain::question::Mode;
use affiant::retrieve::Candidates;
use serde_json::Value;

use super::failing::Failing;
use crate::support::corpus::ANSWERABLE;
use crate::support::test_app::TestApp;
use crate::support::{patiently, record};

fn values(app: &TestApp) -> Vec<Value> {
    record::entries(&app.open().log).into_iter().map(|entry| entry.value).collect()
}

fn wait_for_space(app: &TestApp) {
    patiently("space", || (app.open().log.condition() == Condition::Running).then_some(()));
}

#[test]
fn a_question_that_a_full_disk_cut_short_gets_its_one_end_without_a_restart() {
    let mut app = TestApp::corpus();
    let mut asked = 0;
    for kept in [false, true] {
        let files = Failing::full(app.log_files(), kept);
        app.reopen(Some(Arc::clone(&files) as Arc<dyn LogFiles>));
        let engine = app.engine();
        for recorded in 0..3 {
            for is_search in [false, true] {
                let case = format!("{recorded} {kept} {is_search}");
                files.after(recorded);
                let cut_short = if is_search {
                    let question = app.question(ANSWERABLE, Mode::Verbatim);
                    let asker = app.asker("staff");
                    engine.answerer.search(&asker, &question, Candidates::Lexical).is_err()
                } else {
                    app.try_ask("staff", ANSWERABLE, Mode::Verbatim).is_err()
                };
                assert!(cut_short, "{case}");
                assert_eq!(app.open().log.condition(), Condition::Full, "{case}");
                // Where the question's first entry is lost it never was; where its last one is
                // kept, it has its end.
                let on_record = recorded > 0 || kept;
                let is_open = on_record && !(recorded == 2 && kept);
                assert_eq!(engine.answerer.close_cut_short().is_err(), is_open, "{case}");
                files.mend();
                wait_for_space(&app);
                let closed = engine.answerer.close_cut_short().unwrap();
                assert_eq!(closed, u64::from(is_open), "{case}");
                assert_eq!(engine.answerer.close_cut_short().unwrap(), 0, "{case}");
                asked += usize::from(on_record);
                assert_eq!(record::check_questions(&values(&app)), asked, "{case}");
            }
        }
        let count = |kind: &str| record::of_kind(&app.open().log, kind).len();
        let times = if kept { 12 } else { 6 };
        assert_eq!((count("log.storage_full"), count("log.storage_restored")), (times, times));
    }
    app.reopen(None);
    assert_eq!(record::of_kind(&app.open().log, "log.recovered").len(), 0, "nothing was left");
}

#[test]
fn a_server_on_a_full_disk_says_so_and_answers_again_once_there_is_space() {
    let mut app = TestApp::corpus();
    let files = Failing::full(app.log_files(), false);
    app.reopen(Some(Arc::clone(&files) as Arc<dyn LogFiles>));
    {
        let server = app.serve();
        let staff = server.signed_in("staff");
        assert_eq!(staff.ask(ANSWERABLE).status, 201);
        assert!(staff.get("/metrics").text().contains("affiant_log_running 1"));
        files.after(1);
        for _ in 0..3 {
            let refused = staff.ask(ANSWERABLE);
            assert_eq!(refused.header("retry-after"), "5");
            let problem = refused.problem(503, "log_unavailable");
            let full = AppendError::Full.to_string();
            assert!(problem["detail"].as_str().unwrap().ends_with(&full), "{problem:?}");
            assert_eq!(problem.get("answer"), None);
        }
        staff.get("/readyz").problem(503, "log_unavailable");
        assert!(staff.get("/metrics").text().contains("affiant_log_running 0"));
        assert_eq!(staff.get("/healthz").status, 200);
        assert_eq!(staff.get("/log/checkpoint").status, 200, "the published log is still shown");
        files.mend();
        wait_for_space(&app);
        assert_eq!(staff.get("/readyz").status, 200);
        assert_eq!(staff.ask(ANSWERABLE).status, 201);
    }
    assert_eq!(app.engine().answerer.close_cut_short().unwrap(), 1);
    let entries = record::entries(&app.open().log);
    let restored = entries.iter().find(|entry| entry.kind() == "log.storage_restored").unwrap();
    assert!(restored.details()["refused"].as_u64().unwrap() >= 2);
    let between: Vec<&str> = entries
        .iter()
        .skip_while(|entry| entry.kind() != "log.storage_full")
        .take_while(|entry| entry.kind() != "log.storage_restored")
        .map(affiant::audit::Entry::kind)
        .collect();
    assert_eq!(between, ["log.storage_full"], "nothing is recorded while storage is full");
}

#[test]
fn a_crash_between_the_ends_that_a_start_gives_leaves_the_rest_for_the_next_start() {
    let mut app = TestApp::corpus();
    let files = Failing::full(app.log_files(), false);
    app.reopen(Some(Arc::clone(&files) as Arc<dyn LogFiles>));
    for _ in 0..3 {
        files.after(1);
        assert!(app.try_ask("staff", ANSWERABLE, Mode::Verbatim).is_err());
        files.mend();
        wait_for_space(&app);
    }
    // Three questions are open. Each start breaks one commit later than the one before.
    for commits in 0..3 {
        let files = Failing::broken(app.log_files(), commits % 2 == 1);
        files.after(commits);
        assert!(app.try_reopen(files).is_err(), "{commits}");
    }
    app.reopen(None);
    let values = values(&app);
    assert_eq!(record::check_questions(&values), 3);
    let kinds: Vec<&str> = values.iter().map(|entry| entry["type"].as_str().unwrap()).collect();
    let recovered = kinds.iter().position(|kind| *kind == "log.recovered").unwrap();
    let ended = kinds.iter().position(|kind| *kind == "query.failed").unwrap();
    assert!(recovered < ended, "said before it is done: {kinds:?}");
    assert!(kinds.iter().all(|kind| QueryStep::of(kind) != Some(QueryStep::Released)));
}
