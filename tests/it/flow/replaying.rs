//! A past answer, run again from its record.

use std::collections::BTreeSet;

use affiant::answer::Replay;
use affiant::audit::Recorded;
use affiant::domain::answer::{Answer, Outcome};
use affiant::domain::change::Target;
use affiant::domain::ids::EntryIndex;
use affiant::domain::principal::Role;
use affiant::domain::question::Mode;
use affiant::domain::reason::Reason;
use affiant::examine::{ExamineError, Opening, Reader};
use affiant::identity::Credential;

use crate::support::PASSWORD;
use crate::support::corpus::{ANSWERABLE as QUESTION, UNANSWERABLE};
use crate::support::record;
use crate::support::test_app::TestApp;

fn reader(app: &TestApp, who: Option<&str>) -> Reader {
    match who {
        None => Reader { actor: app.open().operator(None), person: None },
        Some(name) => {
            let asker = app.asker(name);
            Reader { actor: asker.actor, person: Some(asker.principal) }
        }
    }
}

fn try_replay(
    app: &TestApp,
    who: Option<&str>,
    at: EntryIndex,
) -> Result<Recorded<Replay>, ExamineError> {
    replay_opened(app, who, at, None)
}

fn replay_opened(
    app: &TestApp,
    who: Option<&str>,
    at: EntryIndex,
    opening: Option<Opening<'_>>,
) -> Result<Recorded<Replay>, ExamineError> {
    let engine = app.engine();
    let accounts = &app.open().governor.accounts;
    app.open().examiner.replay(&engine.answerer, accounts, &reader(app, who), at, opening)
}

fn replay(app: &TestApp, who: Option<&str>, answer: &Answer) -> Replay {
    try_replay(app, who, answer.entries.terminal.unwrap()).unwrap().into_parts().0
}

fn kinds(replay: &Replay) -> Vec<&str> {
    replay.differences.iter().map(|difference| difference.kind).collect()
}

/// A document that answers the question as well as the corpus does.
fn take_in_a_rival(app: &TestApp) {
    let text = "Fax policy. Patient details are not permitted to be sent by fax to another \
                hospital. Patient details may not be sent by fax to another hospital.";
    assert_eq!(app.ingest_text("rival.txt", text).indexed, 1);
}

#[test]
fn an_answer_replays_the_same_in_every_mode_and_from_each_of_its_entries() {
    let app = TestApp::corpus();
    for mode in [Mode::Verbatim, Mode::Grounded, Mode::Auto] {
        let answer = app.try_ask("staff", QUESTION, mode).unwrap();
        let released = record::of_kind(&app.open().log, "answer.released").len();
        let entries = answer.entries;
        for at in [entries.received, entries.retrieval, entries.terminal] {
            let replay = try_replay(&app, None, at.unwrap()).unwrap();
            assert!(replay.same, "{mode:?}: {:?}", replay.differences);
            assert_eq!((replay.entry, replay.same_text), (entries.terminal.unwrap(), Some(true)));
        }
        let now = record::of_kind(&app.open().log, "answer.released").len();
        assert_eq!(now, released, "a replay releases no answer");
    }
}

/// The rights were read before; they ended before anything was written.
#[test]
fn a_wall_that_is_set_meanwhile_binds_a_replay() {
    let app = TestApp::corpus();
    let answer = app.ask("staff", QUESTION);
    let engine = app.engine();
    let past = engine.answerer.on_record(answer.entries.terminal.unwrap()).unwrap();
    let before = app.asker("staff").principal;
    let actor = app.open().operator(None);
    let replay = || {
        let again = engine.answerer.replay(&actor, Some(before.clone()), &past, true);
        again.unwrap().into_parts().0
    };
    assert!(replay().same);
    let accounts = app.open().state.accounts();
    let mut row = accounts.get(&before.name).unwrap().unwrap();
    row.roles.clear();
    accounts.put(&row).unwrap();
    let replay = replay();
    assert_eq!(replay.same_text, None, "{:?}", replay.differences);
    assert!(kinds(&replay).contains(&"run"), "{:?}", replay.differences);
}

#[test]
fn a_refusal_and_a_denial_replay_too() {
    let app = TestApp::corpus();
    for (who, question, outcome) in
        [("staff", UNANSWERABLE, Outcome::Refused), ("auditor", QUESTION, Outcome::Denied)]
    {
        let answer = app.ask(who, question);
        assert_eq!(answer.outcome, outcome);
        let replay = replay(&app, None, &answer);
        assert!(replay.same, "{:?}", replay.differences);
    }
}

#[test]
fn a_replay_is_on_record_before_its_evidence_is_read_and_before_its_result_is_shown() {
    let app = TestApp::corpus();
    let answer = app.ask("staff", QUESTION);
    let terminal = answer.entries.terminal.unwrap();
    let replayed = try_replay(&app, Some("auditor"), terminal).unwrap();
    let log = &app.open().log;
    let of = |kind: &str| record::of_kind(log, kind).remove(0);
    let entries = [of("replay.started"), of("replay.retrieved"), of("answer.replayed")];
    assert!(entries.is_sorted_by_key(|entry| entry.index));
    assert_eq!(entries[2].index, replayed.receipt().index());
    for entry in &entries {
        assert_eq!(entry.details()["entry"], terminal.0);
        assert_eq!(entry.req(), entries[0].req());
        assert_ne!(entry.req(), Some(answer.query));
        assert_eq!(entry.actor_id(), app.asker("auditor").actor.id.as_str());
    }
    assert_eq!(entries[2].details()["same"], true);
    assert_eq!(entries[2].details()["contents"], false, "auditors reveal nothing");
    // What was retrieved again falls under the keys of what was retrieved: it is erased with it.
    let keys = |entry: &affiant::audit::Entry| -> BTreeSet<String> {
        entry.payload().unwrap().key.split('+').map(str::to_owned).collect()
    };
    assert_eq!(keys(&entries[1]), keys(&log.read(answer.entries.retrieval.unwrap()).unwrap()));
}

#[test]
fn what_was_taken_in_later_changes_nothing_in_a_replay() {
    let app = TestApp::corpus();
    let answer = app.ask("staff", QUESTION);
    take_in_a_rival(&app);
    let today = app.ask("staff", QUESTION);
    assert_ne!(today.evidence, answer.evidence, "the new document bears on the question");
    let replay = replay(&app, None, &answer);
    assert!(replay.same, "{:?}", replay.differences);
}

#[test]
fn another_policy_is_named_also_where_the_text_is_the_same() {
    let app = TestApp::corpus();
    let answer = app.ask("staff", QUESTION);
    app.change_policies(|files| {
        files.get_mut("roles.cedar").unwrap().push_str("\n// Looked at once more.\n");
    });
    let replay = replay(&app, None, &answer);
    assert_eq!((kinds(&replay), replay.same_text), (vec!["policy"], Some(true)));
    let now = app.open().policies.digest().to_string();
    assert_eq!(replay.differences[0].now, now.as_str());
    assert_eq!(replay.differences[0].recorded, answer.policy.to_string().as_str());
}

#[test]
fn an_erased_question_is_told_and_not_run() {
    let app = TestApp::corpus();
    let answer = app.ask("staff", QUESTION);
    let received = app.open().log.read(answer.entries.received.unwrap()).unwrap();
    app.open().vault.destroy_key(&received.payload().unwrap().key).unwrap();
    let replay = replay(&app, Some("auditor"), &answer);
    assert_eq!((kinds(&replay), replay.same_text), (vec!["question"], None));
    assert!(replay.differences[0].detail.contains("erased"));
    assert!(record::of_kind(&app.open().log, "replay.retrieved").is_empty());
}

#[test]
fn a_deleted_document_is_the_cause_and_words_are_shown_to_those_who_open_them_alone() {
    let app = TestApp::corpus();
    let answer = app.ask("staff", QUESTION);
    let cited = answer.sentences[0].citations[0].document;
    let document = app.open().catalogue.document(cited).unwrap();
    let operator = affiant::govern::Changer::Operator;
    let actor = app.open().operator(None);
    app.account_of("both", [Role::Auditor, Role::RecordsOfficer].into());
    app.open().governor.delete_document(operator, &actor, cited).unwrap();
    let own = Credential::password(PASSWORD.to_owned().into(), None);
    let proved = |name| app.open().governor.accounts.confirm(name, &own).unwrap();
    let (auditor, both) = (proved("auditor"), proved("both"));
    let reason = Reason::try_from("a complaint".to_owned()).unwrap();
    let terminal = answer.entries.terminal.unwrap();
    let opening = |who| Some(Opening { who, reason: &reason });
    let denied = replay_opened(&app, Some("auditor"), terminal, opening(&auditor));
    assert!(matches!(denied, Err(ExamineError::Denied(_))), "auditors reveal nothing");
    assert!(record::of_kind(&app.open().log, "audit.revealed").is_empty());
    for (who, opening) in [(None, None), (Some("both"), None), (Some("both"), opening(&both))] {
        let shows = opening.is_some();
        let replay = replay_opened(&app, who, terminal, opening).unwrap().into_parts().0;
        let kinds = kinds(&replay);
        for kind in ["hits", "documents", "answer", "sentences"] {
            assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
        }
        let text = serde_json::to_string(&replay).unwrap();
        assert_eq!(text.contains("may not be sent by fax"), shows, "{who:?}");
        assert!(text.contains(document.row.token.as_str()));
        let opened = record::of_kind(&app.open().log, "audit.revealed");
        assert_eq!(opened.len(), usize::from(shows), "on record, with its reason");
        assert!(opened.iter().all(|entry| entry.details()["index"] == terminal.0));
    }
}

#[test]
fn an_answer_that_quoted_an_erased_document_is_erased_too_and_the_replay_says_so() {
    let app = TestApp::corpus();
    let answer = app.ask("staff", QUESTION);
    app.erase(Target::Document(answer.sentences[0].citations[0].document));
    let replay = replay(&app, Some("auditor"), &answer);
    assert!(kinds(&replay).contains(&"contents"), "{:?}", replay.differences);
    assert_eq!(replay.same_text, None);
}

#[test]
fn those_who_may_not_read_the_record_replay_nothing() {
    let app = TestApp::corpus();
    let answer = app.ask("staff", QUESTION);
    let terminal = answer.entries.terminal.unwrap();
    let denied = try_replay(&app, Some("staff"), terminal);
    assert!(matches!(denied, Err(ExamineError::Denied(_))));
    assert!(record::of_kind(&app.open().log, "replay.started").is_empty());
}

#[test]
fn the_rights_of_a_disabled_account_still_tell_what_its_owner_saw() {
    let app = TestApp::corpus();
    let answer = app.ask("staff", QUESTION);
    let actor = app.open().operator(None);
    let operator = affiant::govern::Changer::Operator;
    app.open().governor.disable_account(operator, &actor, "staff").unwrap();
    assert!(replay(&app, None, &answer).same);
}
