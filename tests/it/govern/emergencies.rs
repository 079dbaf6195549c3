use std::sync::Arc;
use std::time::Duration;

use affiant::answer::ReadError;
use affiant::domain::change::{Proposal, Target};
use affiant::domain::clock::{Clock, SystemClock};
use affiant::domain::emergency::{EmergencyEnd, ReviewOutcome};
use affiant::domain::ids::{DocumentId, RequestId};
use affiant::domain::principal::{Role, Subject};
use affiant::domain::question::{Mode, Question};
use affiant::domain::reason::Reason;
use affiant::govern::{Changer, EmergencyAlerts, EmergencyReport, GovernError};
use affiant::ingest::Source;
use affiant::retrieve::Candidates;
use affiant::store::EmergencyRow;

use crate::support::record;
use crate::support::test_app::TestApp;

use super::{HandClock, reason};

const RECORD: &str = "The patient in bed nine is allergic to penicillin.";
const NOTES: &str = "The penicillin of bed nine was discussed in the therapy session.";

impl TestApp {
    fn open_emergency(
        &self,
        who: &str,
        patient: &str,
        minutes: Option<u64>,
    ) -> Result<EmergencyRow, GovernError> {
        let (who, actor) = self.confirmed(who);
        let subject = Subject::Patient(patient.to_owned());
        let length = minutes.map(|minutes| Duration::from_secs(60 * minutes));
        self.open().governor.open_emergency(&who, &actor, subject, reason(), length)
    }

    fn review(&self, who: &str, id: RequestId) -> Result<EmergencyRow, GovernError> {
        self.find(who, id, ReviewOutcome::Justified, Some(reason()))
    }

    fn find(
        &self,
        who: &str,
        id: RequestId,
        outcome: ReviewOutcome,
        note: Option<Reason>,
    ) -> Result<EmergencyRow, GovernError> {
        let (who, actor) = self.confirmed(who);
        self.open().governor.review_emergency(&who, &actor, id, outcome, note)
    }

    fn close_emergency(&self, who: &str, id: RequestId) -> Result<EmergencyRow, GovernError> {
        let (who, actor) = self.principal(who);
        self.open().governor.close_emergency(&who, &actor, id)
    }

    fn reports(&self, who: &str) -> Vec<EmergencyReport> {
        let (who, actor) = self.principal(who);
        self.open().governor.emergencies(Changer::Person(&who), &actor).unwrap()
    }

    fn document(&self, name: &str, text: &str, labels: &[&str]) -> DocumentId {
        let source = Source::Bytes { name: name.to_owned(), bytes: text.as_bytes().to_vec() };
        self.take_in(vec![source], labels).documents[0].id
    }

    fn about(&self, patient: &str, purpose: &str) -> Question {
        let mut question = self.question("Who is allergic to penicillin?", Mode::Verbatim);
        question.scope.patient = Some(patient.to_owned());
        question.scope.purpose = Some(purpose.to_owned());
        question
    }

    /// The documents that a search for treatment finds.
    fn finds(&self, who: &str, patient: &str) -> Result<Vec<DocumentId>, String> {
        let question = self.about(patient, "treatment");
        let answerer = &self.engine().answerer;
        match answerer.search(&self.asker(who), &question, Candidates::Lexical).unwrap() {
            affiant::answer::Searched::Found(found) => {
                Ok(found.hits.iter().map(|hit| hit.document).collect())
            }
            affiant::answer::Searched::Ended(answer) => Err(answer.reason.clone().unwrap()),
        }
    }
}

/// A home under the policies of a hospital, with a clinician.
fn hospital() -> TestApp {
    hospital_at(Arc::new(SystemClock::start()))
}

fn hospital_at(clock: Arc<dyn Clock>) -> TestApp {
    let app = TestApp::under_at("hospital", clock);
    app.account("medic", Role::Staff, &["function=physician".into()]);
    app
}

#[test]
fn an_emergency_opens_one_patients_record_for_a_time_and_is_reviewed_by_another() {
    let clock = HandClock::new();
    let app = hospital_at(Arc::<HandClock>::clone(&clock));
    let chart = app.document("chart.txt", RECORD, &["classification=internal", "patient=P-9"]);
    let labels = ["classification=internal", "patient=P-9", "kind=psychotherapy-notes"];
    app.document("notes.txt", NOTES, &labels);
    let labels = ["classification=internal", "patient=P-8"];
    app.document("other.txt", "Bed eight takes penicillin well.", &labels);
    let closed = "The policy does not let you search documents: you have no treatment \
                  relationship with the patient that you named";
    assert_eq!(app.finds("medic", "P-9").unwrap_err(), closed);

    let opened = app.open_emergency("medic", "P-9", None).unwrap();
    assert_eq!(opened.expires.unix_millis() - opened.opened.unix_millis(), 60 * 60 * 1000);
    assert_eq!(app.finds("medic", "P-9").unwrap(), [chart], "never psychotherapy notes");
    assert_eq!(app.finds("medic", "P-8").unwrap_err(), closed, "nobody else's record");
    let (_, reason) = closed.split_once(": ").unwrap();
    assert!(app.finds("staff", "P-9").unwrap_err().ends_with(reason), "for nobody else");
    let question = app.about("P-9", "treatment");
    let mut listen = |_: affiant::answer::Progress<'_>| std::ops::ControlFlow::Continue(());
    let asked = app.engine().answerer.ask(&app.asker("medic"), &question, &mut listen).unwrap();
    let query = Some(asked.query);
    let sought = affiant::answer::Sought { document: chart, query, scope: Default::default() };
    app.open().reader.page(&app.asker("medic"), sought.clone(), 1, None).unwrap();

    clock.pass(59);
    assert_eq!(app.principal("medic").0.emergencies.len(), 1);
    clock.pass(1);
    assert!(app.principal("medic").0.emergencies.is_empty(), "before anybody says so");
    assert_eq!(app.finds("medic", "P-9").unwrap_err(), closed);
    let page = app.open().reader.page(&app.asker("medic"), sought, 1, None);
    assert!(matches!(page, Err(ReadError::NotFound)));
    app.open().governor.expire_emergencies().unwrap();
    let ends = record::of_kind(&app.open().log, "emergency.closed");
    assert_eq!(ends[0].details()["how"], "expired");

    let report = app.reports("records").remove(0);
    assert_eq!(report.row.ended.as_ref().unwrap().how, EmergencyEnd::Expired);
    assert!(!report.is_open && !report.is_overdue);
    assert_eq!(report.queries.len(), 3, "two searches and a question while it was open");
    let seen: Vec<_> = report.documents.iter().map(|seen| (seen.document, &seen.pages)).collect();
    assert_eq!(seen, [(Some(chart), &[1].into())]);
    let alerts = |overdue| EmergencyAlerts { unreviewed: 1, overdue, ..EmergencyAlerts::default() };
    assert_eq!(app.open().governor.emergency_alerts().unwrap(), alerts(0));
    clock.pass(72 * 60);
    assert_eq!(app.open().governor.emergency_alerts().unwrap(), alerts(1));
    assert!(app.reports("records")[0].is_overdue);

    let own = app.review("medic", opened.id).unwrap_err();
    assert!(matches!(own, GovernError::Denied(_)), "{own}");
    let reviewed = app.review("records", opened.id).unwrap();
    assert_eq!(reviewed.review.unwrap().outcome, ReviewOutcome::Justified);
    let again = app.review("records", opened.id).unwrap_err();
    assert!(matches!(again, GovernError::NotOpen { state: "reviewed" }), "{again}");
    assert_eq!(app.open().governor.emergency_alerts().unwrap(), EmergencyAlerts::default());
    let kinds: Vec<String> = record::entries(&app.open().log)
        .iter()
        .filter(|entry| entry.req() == Some(opened.id))
        .map(|entry| entry.kind().to_owned())
        .collect();
    assert_eq!(kinds, ["emergency.opened", "emergency.closed", "emergency.reviewed"]);
}

#[test]
fn who_may_not_open_one_opens_none_and_nothing_is_open_for_too_long() {
    let app = hospital();
    app.account("bill", Role::Staff, &["function=billing".into()]);
    for who in ["bill", "outsider", "admin", "auditor", "approver", "records"] {
        let denied = app.open_emergency(who, "P-9", None).unwrap_err();
        assert!(matches!(denied, GovernError::Denied(_)), "{who}: {denied}");
    }
    for minutes in [0, 481, u64::MAX / 60] {
        let length = app.open_emergency("medic", "P-9", Some(minutes)).unwrap_err();
        assert!(matches!(length, GovernError::BadLength { max_minutes: 480 }), "{length}");
    }
    app.open_emergency("medic", "P-9", Some(480)).unwrap();
    let twice = app.open_emergency("medic", "P-9", None).unwrap_err();
    assert!(matches!(twice, GovernError::AlreadyOpen { .. }), "{twice}");
    for number in 1..10 {
        app.open_emergency("medic", &format!("P-{}", 100 + number), None).unwrap();
    }
    let many = app.open_emergency("medic", "P-200", None).unwrap_err();
    assert!(matches!(many, GovernError::TooManyOpen), "{many}");
    let general = TestApp::empty();
    let denied = general.open_emergency("staff", "P-9", None).unwrap_err();
    assert!(matches!(denied, GovernError::Denied(_)), "only where policy allows it: {denied}");
}

#[test]
fn one_closes_ones_own_and_a_reviewer_closes_any_and_nobody_judges_their_own() {
    let app = hospital();
    let first = app.open_emergency("medic", "P-9", None).unwrap();
    let close = |who: &str, id| app.close_emergency(who, id);
    assert!(matches!(close("staff", first.id), Err(GovernError::NotFound { .. })));
    let open = app.review("records", first.id).unwrap_err();
    assert!(matches!(open, GovernError::NotOpen { .. }), "{open}");
    close("medic", first.id).unwrap();
    assert!(matches!(close("medic", first.id), Err(GovernError::NotOpen { .. })));
    assert!(app.principal("medic").0.emergencies.is_empty());
    let second = app.open_emergency("medic", "P-9", None).unwrap();
    assert_eq!(close("records", second.id).unwrap().ended.unwrap().how, EmergencyEnd::Closed);
    assert_eq!(app.reports("medic").len(), 2, "one sees one's own");
    assert!(app.reports("staff").is_empty());

    // Somebody who may do both, which one role alone may not.
    let both = [Role::Staff, Role::RecordsOfficer].into();
    app.account_with("both", both, &["function=nurse".into()]);
    let third = app.open_emergency("both", "P-9", None).unwrap();
    close("both", third.id).unwrap();
    let own = app.review("both", third.id).unwrap_err();
    assert!(matches!(own, GovernError::OwnEmergency { .. }), "{own}");
    app.review("records", third.id).unwrap();
}

#[test]
fn what_is_to_be_followed_up_is_still_to_be_reviewed() {
    let clock = HandClock::new();
    let app = hospital_at(Arc::<HandClock>::clone(&clock));
    let opened = app.open_emergency("medic", "P-9", None).unwrap();
    app.close_emergency("medic", opened.id).unwrap();
    let alerts =
        |unreviewed, overdue| EmergencyAlerts { unreviewed, overdue, ..EmergencyAlerts::default() };
    let told = || app.open().governor.emergency_alerts().unwrap();
    app.find("records", opened.id, ReviewOutcome::FollowUp, Some(reason())).unwrap();
    assert_eq!(told(), alerts(1, 0));
    clock.pass(72 * 60);
    assert_eq!(told(), alerts(1, 1));
    assert!(app.reports("records")[0].is_overdue);
    app.find("records", opened.id, ReviewOutcome::Unjustified, None).unwrap();
    assert_eq!(told(), EmergencyAlerts::default());
    assert!(!app.reports("records")[0].is_overdue);
    let again = app.review("records", opened.id).unwrap_err();
    assert!(matches!(again, GovernError::NotOpen { state: "reviewed" }), "{again}");
}

#[test]
fn an_answer_that_is_shown_again_in_an_emergency_is_marked_and_told() {
    let app = hospital();
    let labels = ["classification=internal", "patient=P-9"];
    let chart = app.document("chart.txt", RECORD, &labels);
    let opened = app.open_emergency("medic", "P-9", None).unwrap();
    let question = app.about("P-9", "treatment");
    let mut listen = |_: affiant::answer::Progress<'_>| std::ops::ControlFlow::Continue(());
    let engine = app.engine();
    engine.answerer.ask(&app.asker("medic"), &question, &mut listen).unwrap();
    app.close_emergency("medic", opened.id).unwrap();
    let past = || engine.answerer.past(&app.asker("medic"), question.id);
    assert!(matches!(past(), Err(ReadError::NotFound)), "closed is closed");

    let again = app.open_emergency("medic", "P-9", None).unwrap();
    past().unwrap();
    let marked = record::of_kind(&app.open().log, "answer.reread").remove(0);
    assert_eq!(marked.details()["emergency"], serde_json::json!([again.id]));
    let report = app.reports("records").remove(0);
    let seen: Vec<_> = report.documents.iter().map(|seen| seen.document).collect();
    assert_eq!((report.row.id, seen), (again.id, vec![Some(chart)]));
    assert_eq!(report.documents[0].entries, [marked.index]);
}

/// An erasure is the longest of what is done one at a time.
#[test]
fn nobody_who_opens_an_emergency_waits_for_an_erasure() {
    let app = hospital();
    let document = app.document("chart.txt", RECORD, &["classification=internal"]);
    let target = Target::Document(document);
    let proposed = app.propose("records", Proposal::Erase { target }).unwrap();
    let (who, actor) = app.confirmed("approver");
    let mut opened = 0;
    let mut progress = |_| {
        opened += 1;
        let (medic, medic_actor) = app.confirmed("medic");
        let subject = Subject::Patient(format!("P-{opened}"));
        let (home, (tell, told)) = (app.shared(), std::sync::mpsc::channel());
        std::thread::spawn(move || {
            let governor = &home.governor;
            let row = governor.open_emergency(&medic, &medic_actor, subject, reason(), None);
            drop(home);
            tell.send(row.map(drop)).unwrap();
        });
        // So long waits only who waits for the erasure, which waits for them.
        told.recv_timeout(Duration::from_secs(60)).expect("nobody waits").unwrap();
        std::ops::ControlFlow::Continue(())
    };
    app.open().governor.approve(&who, &actor, proposed.id, &mut progress).unwrap();
    assert!(opened > 0);
}

#[test]
fn what_an_erased_patient_was_opened_for_names_the_patient_no_more() {
    let app = hospital();
    let naming =
        || Some(Reason::try_from("Quillfeather of bed nine could not speak".to_owned()).unwrap());
    app.document("chart.txt", RECORD, &["classification=internal", "patient=Quillfeather"]);
    let first = app.open_emergency("medic", "Quillfeather", None).unwrap();
    app.close_emergency("medic", first.id).unwrap();
    app.find("records", first.id, ReviewOutcome::FollowUp, naming()).unwrap();
    app.open_emergency("medic", "Quillfeather", None).unwrap();
    let kept = || format!("{:?}", app.open().state.emergencies().list().unwrap());
    assert!(kept().contains("could not speak"), "the search finds what is there");
    let reviewed = record::of_kind(&app.open().log, "emergency.reviewed").remove(0);
    let note = || app.open().vault.open_payload(&reviewed.payload().unwrap());
    assert!(note().is_ok());

    app.erase(Target::Patient("Quillfeather".to_owned()));
    assert!(app.principal("medic").0.emergencies.is_empty());
    for report in app.reports("records") {
        assert!(report.row.subject.is_none() && report.row.reason.is_none());
    }
    assert!(!kept().contains("Quillfeather"), "{}", kept());
    assert!(matches!(note(), Err(affiant::store::RevealError::Erased)));
    let refused = app.find("records", first.id, ReviewOutcome::Justified, naming()).unwrap_err();
    assert!(matches!(refused, GovernError::NoNote), "what is said now would outlive it: {refused}");
    app.find("records", first.id, ReviewOutcome::Justified, None).unwrap();
    for entry in record::entries(&app.open().log) {
        assert!(!String::from_utf8(entry.bytes).unwrap().contains("Quillfeather"));
    }
}

#[test]
fn one_that_is_opened_again_before_the_last_was_found_justified_says_so_everywhere() {
    let clock = HandClock::new();
    let app = hospital_at(Arc::<HandClock>::clone(&clock));
    app.account("nurse", Role::Staff, &["function=nurse".into()]);
    let open_and_end = |who: &str, patient: &str| {
        clock.pass(1);
        let id = app.open_emergency(who, patient, None).unwrap().id;
        app.close_emergency(who, id).unwrap();
        clock.pass(1);
        id
    };
    let first = open_and_end("medic", "P-9");
    open_and_end("medic", "P-8");
    open_and_end("nurse", "P-9");
    let second = open_and_end("medic", "P-9");
    app.review("records", first).unwrap();
    let third = open_and_end("medic", "P-9");
    app.find("records", second, ReviewOutcome::FollowUp, None).unwrap();
    app.find("records", third, ReviewOutcome::Unjustified, None).unwrap();
    open_and_end("medic", "P-9");
    app.review("records", second).unwrap();
    let last = app.open_emergency("medic", "P-9", None).unwrap();
    let entries = record::of_kind(&app.open().log, "emergency.opened");
    let told: Vec<_> = entries.iter().map(|entry| entry.details()["repeats"].as_u64()).collect();
    let expected = [None, None, None, Some(1), Some(1), Some(2), Some(2)];
    assert_eq!(told, expected);
    let mut reported: Vec<_> = app.reports("records").iter().map(|one| one.repeats).collect();
    reported.reverse();
    assert_eq!(reported, expected.map(|count| u32::try_from(count.unwrap_or(0)).unwrap()));
    let alerts = app.open().governor.emergency_alerts().unwrap();
    // The second and the third are judged.
    assert_eq!((alerts.open, alerts.unreviewed, alerts.repeated), (1, 3, 2));
    let sentence = "1 emergency is open, 3 wait for their review, 2 were opened again unjudged.";
    assert_eq!(alerts.sentence().unwrap(), sentence);
    let page = app.serve().signed_in("records").get("/emergencies").text();
    assert_eq!(page.matches("data-repeats=\"2\"").count(), 2);
    app.close_emergency("medic", last.id).unwrap();
}
