//! After an erasure a planted word is nowhere in the home's raw bytes.

use std::collections::BTreeSet;
use std::path::Path;

use affiant::domain::answer::{Answer, Outcome};
use affiant::domain::change::{Proposal, Target};
use affiant::domain::ids::{DocumentId, EntryIndex};
use affiant::domain::payload::TokenKind;
use affiant::domain::principal::Role;
use affiant::domain::question::{Mode, Scope};
use affiant::domain::relationship::RelationshipKind;
use affiant::govern::{Changer, ErasureStep, GovernError};
use affiant::identity::AccountError;
use affiant::ingest::Source;
use affiant::store::ChangeState;

use crate::support::test_app::TestApp;
use crate::support::{files_of, record};

const IN_TEXT: &str = "quibblewick";
const IN_NAME: &str = "mirrowdale";
const MATTER: &str = "m-7731-brackwater";
const PATIENT: &str = "p-90412-yarrow";
const IN_QUESTION: &str = "zanthorpe";

const KEPT_QUESTION: &str = "How many lanterns hang in the harbour office?";
const QUESTION: &str = "Who is the keeper of the seal of the northern quay?";

struct Planted {
    document: DocumentId,
    /// Asked within the matter.
    named: Answer,
    /// Asked without naming anything; quotes the document all the same.
    quoting: Answer,
    /// Has nothing to do with it.
    kept: Answer,
}

/// A home with planted words in everything, and with something else that must stay.
fn plant(app: &TestApp) -> Planted {
    let attributes = [format!("matter={MATTER}"), format!("patient={PATIENT}")];
    app.account("ada", Role::Staff, &attributes);
    app.ingest_text("lantern.txt", "Nineteen lanterns hang in the harbour office.");
    // Asked first: whatever lists the planted document among its evidence goes with it.
    let kept = ask(app, KEPT_QUESTION, Scope::default());
    let text = format!(
        "# The {IN_NAME} ledger\n\nThe keeper of the seal of the northern quay is the {IN_TEXT}.\n"
    );
    let source = |name: String, bytes: Vec<u8>| vec![Source::Bytes { name, bytes }];
    let labels = ["classification=internal", &attributes[0], &attributes[1]];
    let report = app.take_in(source(format!("{IN_NAME}.md"), text.into_bytes()), &labels);
    assert_eq!(report.indexed, 1);
    let broken = format!("%PDF-1.7\n{IN_TEXT}").into_bytes();
    assert_eq!(app.take_in(source(format!("{IN_NAME}.pdf"), broken), &labels).quarantined.len(), 1);
    let scope = Scope { matter: Some(MATTER.into()), patient: Some(PATIENT.into()), purpose: None };
    let named = ask(app, &format!("{QUESTION} Is it {IN_QUESTION}?"), scope);
    let quoting = ask(app, QUESTION, Scope::default());
    assert!(named.evidence.iter().any(|item| item.text.contains(IN_TEXT)));
    assert!(quoting.answer.contains(IN_TEXT) && kept.outcome == Outcome::Answered);
    Planted { document: report.documents[0].id, named, quoting, kept }
}

fn ask(app: &TestApp, text: &str, scope: Scope) -> Answer {
    let question =
        affiant::domain::question::Question { scope, ..app.question(text, Mode::Verbatim) };
    let mut listen = |_: affiant::answer::Progress<'_>| std::ops::ControlFlow::Continue(());
    let released = app.engine().answerer.ask(&app.asker("ada"), &question, &mut listen);
    released.unwrap().into_parts().0
}

/// Files of the full-text index. Their dictionaries are compressed, so that no search for bytes
/// finds a word in them: that each file was written anew is what can be seen from outside.
fn segments(home: &Path) -> BTreeSet<String> {
    let files = std::fs::read_dir(home.join("index/lexical")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".term") || name.ends_with(".pos")).collect()
}

/// Files of the home that hold one of these words, in clear and whatever its case.
fn holding(home: &Path, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, bytes) in files_of(home) {
        let (bytes, name) = (bytes.to_ascii_lowercase(), path.to_string_lossy().to_lowercase());
        for word in words {
            let holds = bytes.windows(word.len()).any(|part| part == word.as_bytes());
            if holds || name.contains(word) {
                found.push(format!("{}: {word}", path.display()));
            }
        }
    }
    found
}

/// Nothing is left, nothing else was harmed, and the record says so.
fn check(app: &TestApp, planted: &Planted, words: &[&str]) {
    app.open().state.flush().unwrap();
    assert_eq!(holding(app.path(), words), [""; 0]);
    let vault = &app.open().vault;
    let log = &app.open().log;
    let open = |index| vault.open_payload(&log.read(index).unwrap().payload().unwrap());
    for entry in [planted.named.entries, planted.quoting.entries] {
        for index in [entry.retrieval.unwrap(), entry.terminal.unwrap()] {
            let erased = matches!(open(index), Err(affiant::store::RevealError::Erased));
            assert!(erased, "entry {index} is erased, not missing");
        }
    }
    assert!(open(planted.kept.entries.terminal.unwrap()).is_ok());
    assert!(app.open().catalogue.document(planted.document).is_none());
    assert_eq!(app.ask("ada", KEPT_QUESTION).answer, planted.kept.answer);
    let again = app.ask("ada", QUESTION);
    assert!(again.evidence.iter().all(|item| !item.text.contains(IN_TEXT)), "{again:?}");
    let completed = record::of_kind(log, "erasure.completed");
    assert_eq!(completed.len(), 1);
    assert_eq!(record::of_kind(log, "change.applied").len(), 1);
    let keys: Vec<String> = record::of_kind(log, "erasure.keys")
        .iter()
        .flat_map(|entry| entry.details()["keys"].as_array().unwrap().clone())
        .map(|key| key.as_str().unwrap().to_owned())
        .collect();
    let payload = log.read(planted.quoting.entries.terminal.unwrap()).unwrap().payload().unwrap();
    assert!(payload.key.split('+').any(|key| keys.contains(&key.to_owned())), "it is covered");
    assert_eq!(completed[0].details()["keys"], keys.len());
    assert!(open(completed[0].index).is_ok(), "the basis outlives it");
}

#[test]
fn after_an_erasure_no_planted_word_is_in_any_file_of_the_home() {
    type Targeting = fn(DocumentId) -> Target;
    let targets: [(Targeting, &[&str]); 3] = [
        (|_| Target::Matter(MATTER.to_owned()), &[IN_TEXT, IN_NAME, IN_QUESTION, MATTER, PATIENT]),
        (
            |_| Target::Patient(PATIENT.to_owned()),
            &[IN_TEXT, IN_NAME, IN_QUESTION, MATTER, PATIENT],
        ),
        (Target::Document, &[IN_TEXT, IN_NAME]),
    ];
    for (target, words) in targets {
        let mut app = TestApp::empty();
        let planted = plant(&app);
        let before = segments(app.path());
        assert!(!before.is_empty());
        let target = target(planted.document);
        let applied = app.erase(target.clone());
        assert!(matches!(applied.state, ChangeState::Applied { .. }));
        assert_eq!(applied.proposal, None, "what it named is forgotten");
        check(&app, &planted, words);
        assert!(!holding(app.path(), &["records"]).is_empty(), "the search finds what is there");
        assert!(before.is_disjoint(&segments(app.path())), "{before:?}");
        let person = app.asker("ada").principal;
        let named = |key: &str| person.attributes.contains_key(key);
        let expected = match target {
            Target::Document(_) => (true, true),
            Target::Matter(_) => (false, true),
            Target::Patient(_) => (true, false),
            Target::Person(_) => unreachable!("persons are erased below"),
        };
        assert_eq!((named("matter"), named("patient")), expected);
        app.reopen(None);
        check(&app, &planted, words);
    }
}

#[test]
fn an_erasure_that_loses_power_at_any_step_is_finished_at_the_next_start() {
    for step in ErasureStep::ALL {
        let mut app = TestApp::empty();
        let planted = plant(&app);
        let target = Target::Matter(MATTER.to_owned());
        let proposed = app.propose("records", Proposal::Erase { target }).unwrap();
        let cut = app.approve_until("approver", proposed.id, Some(step)).unwrap_err();
        assert!(matches!(cut, GovernError::Interrupted), "{step:?}: {cut}");
        app.reopen(None);
        app.engine();
        check(&app, &planted, &[IN_TEXT, IN_NAME, IN_QUESTION, MATTER]);
        assert_eq!(record::of_kind(&app.open().log, "change.approved").len(), 1, "{step:?}");
    }
}

#[test]
fn an_erased_document_can_come_back_and_nothing_ties_it_to_the_old_one() {
    let app = TestApp::empty();
    let text = "Nineteen lanterns hang in the harbour office.";
    let id = app.ingest_text("lantern.txt", text).documents[0].id;
    app.erase(Target::Document(id));
    assert_eq!(app.ask("staff", KEPT_QUESTION).outcome, Outcome::Refused);
    assert_eq!(app.ingest_text("lantern.txt", text).indexed, 1);
    assert_eq!(app.ask("staff", KEPT_QUESTION).outcome, Outcome::Answered);
    let tokens: Vec<_> = record::of_kind(&app.open().log, "document.activated")
        .iter()
        .map(|entry| entry.details()["document"].clone())
        .collect();
    assert_eq!(tokens.len(), 2);
    assert_ne!(tokens[0], tokens[1]);
}

#[test]
fn a_deleted_document_is_not_found_and_can_still_be_erased() {
    let mut app = TestApp::empty();
    let planted = plant(&app);
    let (who, actor) = app.principal("records");
    let changer = Changer::Person(&who);
    app.open().governor.delete_document(changer, &actor, planted.document).unwrap();
    let again = app.ask("ada", QUESTION);
    assert!(again.evidence.iter().all(|item| !item.text.contains(IN_TEXT)));
    app.reopen(None);
    assert!(app.open().catalogue.document(planted.document).is_none());
    let past = app.engine().answerer.past(&app.asker("ada"), planted.quoting.query).unwrap();
    assert!(past.answer.contains(IN_TEXT), "past answers show what they quoted");
    app.erase(Target::Document(planted.document));
    check(&app, &planted, &[IN_TEXT, IN_NAME]);
    assert!(app.engine().answerer.past(&app.asker("ada"), planted.quoting.query).is_err());
}

#[test]
fn nothing_tells_whose_acts_those_of_an_erased_person_were() {
    const NAME: &str = "quillfeather";
    let mut app = TestApp::empty();
    app.account(NAME, Role::Staff, &[]);
    app.ingest_text("lantern.txt", "Nineteen lanterns hang in the harbour office.");
    let theirs = app.ask(NAME, KEPT_QUESTION);
    let others = app.ask("staff", KEPT_QUESTION);
    let target = Target::Person(NAME.parse().unwrap());
    let early = app.propose("records", Proposal::Erase { target: target.clone() }).unwrap_err();
    assert!(matches!(early, GovernError::Account(AccountError::StillOpen { .. })), "{early}");
    let operator = app.open().operator(None);
    let governor = &app.open().governor;
    governor.disable_account(Changer::Operator, &operator, NAME).unwrap();
    let token = app.open().vault.token(TokenKind::Person, NAME);
    let acts = |app: &TestApp| {
        let all = app.open().log.entries(EntryIndex(0), 1_000).unwrap();
        all.iter().filter(|entry| entry.actor_id() == token.as_str()).count()
    };
    assert!(acts(&app) >= 3);
    app.erase(target);
    for _ in 0..2 {
        app.open().state.flush().unwrap();
        // The state's rows are keyed by account names, and old keys stay until their space is used.
        let found = holding(app.path(), &[NAME]);
        assert!(found.iter().all(|place| place.starts_with("state/db/")), "{found:?}");
        assert!(acts(&app) >= 3, "the log is as it was");
        assert_ne!(app.open().vault.token(TokenKind::Person, NAME), token, "nothing leads there");
        assert!(app.open().governor.accounts.find_row(NAME).is_err());
        let log = &app.open().log;
        let open = |answer: &Answer| {
            let entry = log.read(answer.entries.terminal.unwrap()).unwrap();
            app.open().vault.open_payload(&entry.payload().unwrap())
        };
        assert!(matches!(open(&theirs), Err(affiant::store::RevealError::Erased)));
        assert!(open(&others).is_ok());
        app.reopen(None);
    }
    app.account(NAME, Role::Staff, &[]);
    assert_ne!(app.open().vault.token(TokenKind::Person, NAME), token, "another person");
}

#[test]
fn walls_outlive_the_person_and_keep_away_whoever_comes_back_under_the_name() {
    let app = TestApp::empty();
    app.account("bob", Role::Staff, &["matter=M-2".to_owned()]);
    app.keep_away("bob", RelationshipKind::Wall, "M-17");
    let operator = app.open().operator(None);
    app.open().governor.disable_account(Changer::Operator, &operator, "bob").unwrap();
    app.erase(Target::Person("bob".parse().unwrap()));
    app.account("bob", Role::Staff, &[]);
    let attributes = app.asker("bob").principal.attributes;
    assert_eq!(attributes.get("wall"), Some(&["M-17".to_owned()].into()));
    assert_eq!(attributes.get("matter"), None);
}
