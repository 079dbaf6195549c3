use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use affiant::audit::{DiskFiles, Entry};
use affiant::domain::ids::{DocumentId, EntryIndex};
use affiant::domain::question::Mode;
use affiant::govern::{Changer, GovernError, Offer, Simulation};
use affiant::policy::{Action, Policies, PolicySource};
use affiant::store::{ChangeRow, ChangeState, SessionRow};

use super::reason;
use crate::support::PASSWORD;
use crate::support::client::Client;
use crate::support::corpus::{ANSWERABLE, suite};
use crate::support::record;
use crate::support::test_app::TestApp;

type Files = BTreeMap<String, String>;

impl TestApp {
    /// The files in force, changed.
    fn edited(&self, edit: impl FnOnce(&mut Files)) -> Files {
        let source = self.open().policies.source();
        let files = source.files().map(|(name, text)| (name.to_owned(), text.to_owned()));
        let mut files = files.collect();
        edit(&mut files);
        files
    }

    fn offer(&self, edit: impl FnOnce(&mut Files)) -> Result<ChangeRow, GovernError> {
        let offer = Offer { candidate: Policies::from_files(self.edited(edit)), version: None };
        let (who, actor) = self.confirmed("admin");
        let engine = self.engine();
        let governor = &self.open().governor;
        governor.propose_policies(
            (who.principal(), true),
            &actor,
            offer,
            &engine.answerer,
            reason(),
        )
    }

    /// Puts other policies in force, with the two persons it takes.
    pub(crate) fn change_policies(&self, edit: impl FnOnce(&mut Files)) {
        let proposed = self.offer(edit).unwrap();
        self.approve("approver", proposed.id).unwrap();
    }

    fn state_of(&self, change: &ChangeRow) -> ChangeState {
        self.open().state.changes().get(&change.id).unwrap().unwrap().state
    }

    fn reasons_of_rejection(&self) -> Vec<String> {
        let rejected = record::of_kind(&self.open().log, "policy.rejected");
        let reason = |entry: &Entry| entry.details()["reason"].as_str().unwrap().to_owned();
        rejected.iter().map(reason).collect()
    }

    fn simulate(&self, candidate: &Policies) -> Simulation {
        let engine = self.engine();
        let actor = self.open().operator(None);
        let governor = &self.open().governor;
        let candidate = Ok(candidate.clone());
        governor.simulate(Changer::Operator, &actor, candidate, &engine.answerer, 1_000).unwrap()
    }
}

/// Nobody asks; without the examples, which say otherwise.
fn shut(files: &mut Files) {
    files.retain(|name, _| !name.ends_with(".toml"));
    let forbid = "forbid (principal, action == Action::\"Ask\", resource);\n";
    files.insert("shut.cedar".to_owned(), forbid.to_owned());
}

#[test]
fn approved_policies_decide_in_a_running_server_from_the_next_question_on() {
    let mut app = TestApp::corpus();
    let before = app.open().policies.digest();
    let (change, now) = {
        let server = app.serve();
        let staff = server.signed_in("staff");
        assert_eq!(staff.ask(ANSWERABLE).status, 201);
        let proposed = app.offer(shut).unwrap();
        assert_eq!(staff.ask(ANSWERABLE).status, 201, "a proposal decides nothing");
        app.approve("approver", proposed.id).unwrap();
        staff.ask(ANSWERABLE).problem(403, "policy_denied");
        (proposed.id, app.open().policies.digest())
    };
    assert_ne!(now, before);
    let kinds: Vec<String> = record::entries(&app.open().log)
        .iter()
        .filter(|entry| entry.req() == Some(change))
        .map(|entry| entry.kind().to_owned())
        .collect();
    let expected = ["policy.proposed", "change.proposed", "change.approved", "policy.activated"];
    assert_eq!(kinds, [&expected[..], &["change.applied"]].concat());
    assert!(app.path().join("policies/shut.cedar").exists());
    app.reopen(None);
    assert_eq!(app.open().policies.digest(), now, "and after a restart");
    assert_eq!(record::of_kind(&app.open().log, "policy.activated").len(), 2);
}

#[test]
fn what_fails_a_check_is_refused_with_every_problem_and_on_record() {
    let app = TestApp::empty();
    let faults = |files: &mut Files| {
        files.insert("a.cedar".to_owned(), "permit (principal;".to_owned());
        files.insert("b.toml".to_owned(), String::new());
    };
    let refused = app.offer(faults).unwrap_err();
    let GovernError::Faulty { problems } = refused else { panic!("{refused}") };
    let named: BTreeSet<&str> = problems.iter().map(|problem| problem.file.as_str()).collect();
    assert_eq!(named, ["a.cedar", "b.toml"].into());
    let otherwise = |files: &mut Files| {
        let forbid = "forbid (principal, action, resource);\n";
        files.insert("shut.cedar".to_owned(), forbid.to_owned());
    };
    let refused = app.offer(otherwise).unwrap_err();
    assert!(matches!(&refused, GovernError::Faulty { problems } if problems.len() > 5));
    let rejected = record::of_kind(&app.open().log, "policy.rejected");
    let reasons: Vec<_> = rejected.iter().map(|entry| entry.details()["reason"].clone()).collect();
    assert_eq!(reasons, ["faults", "examples"]);
    assert!(matches!(app.offer(|_| {}), Err(GovernError::InForce)));
}

#[test]
fn a_proposal_made_under_other_policies_is_not_approved_unread() {
    let app = TestApp::empty();
    let note = |text: &str| {
        let text = text.to_owned();
        move |files: &mut Files| files.get_mut("roles.cedar").unwrap().push_str(&text)
    };
    let first = app.offer(note("// One.\n")).unwrap();
    let second = app.offer(note("// Two.\n")).unwrap();
    app.approve("approver", first.id).unwrap();
    let refused = app.approve("approver", second.id).unwrap_err();
    assert!(matches!(refused, GovernError::Outdated), "{refused}");
    assert_eq!(app.state_of(&second), ChangeState::Rejected { by: None });
    assert_eq!(app.reasons_of_rejection(), ["outdated"]);
    let refused = app.approve("approver", second.id).unwrap_err();
    assert!(matches!(refused, GovernError::NotOpen { .. }), "{refused}");
}

/// Puts a change back to where a crash leaves it: approved, and not yet noted as done.
fn as_after_a_crash(app: &TestApp, change: &ChangeRow, from: u64) {
    let (by, from) = ("approver".parse().unwrap(), EntryIndex(from));
    let state = ChangeState::Approved { by, from };
    app.open().state.changes().put(&ChangeRow { state, ..change.clone() }).unwrap();
}

#[test]
fn what_a_crash_left_behind_never_overrides_newer_policies() {
    let note = |text: &str| {
        let text = format!("// {text}\n");
        move |files: &mut Files| files.get_mut("roles.cedar").unwrap().push_str(&text)
    };
    // Cut off before its entry, and behind it.
    for was_in_force in [false, true] {
        let mut app = TestApp::empty();
        let from = app.open().log.size();
        let late = app.offer(note("late")).unwrap();
        if was_in_force {
            app.approve("approver", late.id).unwrap();
        }
        app.change_policies(note("newer"));
        let newer = app.open().policies.digest();
        as_after_a_crash(&app, &late, from);
        let activated = record::of_kind(&app.open().log, "policy.activated").len();
        app.reopen(None);
        assert_eq!(app.open().policies.digest(), newer, "{was_in_force}");
        let folder = Policies::load(&app.path().join("policies")).unwrap();
        assert_eq!(folder.digest(), newer, "{was_in_force}");
        assert_eq!(record::of_kind(&app.open().log, "policy.activated").len(), activated);
        let by = "approver".parse().unwrap();
        let (state, reasons): (_, &[&str]) = match was_in_force {
            true => (ChangeState::Applied { by }, &[]),
            false => (ChangeState::Rejected { by: None }, &["outdated"]),
        };
        assert_eq!(app.state_of(&late), state);
        assert_eq!(app.reasons_of_rejection(), reasons);
        app.reopen(None);
        assert_eq!(app.open().policies.digest(), newer);
    }
}

#[test]
fn an_edit_by_hand_opens_nothing_where_the_log_keeps_digests_alone() {
    let mut app = TestApp::corpus();
    let in_force = app.open().policies.digest();
    let forget_files = |app: &TestApp| {
        let versions = app.open().state.policies();
        versions.list().unwrap().iter().for_each(|row| versions.delete(&row.entry).unwrap());
    };
    forget_files(&app);
    app.reopen(None);
    assert_eq!(app.open().policies.digest(), in_force);
    let versions = app.open().catalogue.policy_versions().unwrap();
    assert_eq!(versions.len(), 1, "its files are kept from now on");
    forget_files(&app);
    let edited = app.path().join("policies/own.cedar");
    let permit = b"permit (principal, action, resource);\n";
    affiant::durable::create_new(&edited, permit, affiant::durable::Readers::Owner).unwrap();
    let files = Arc::new(app.log_files());
    let refused = app.try_reopen(Arc::<DiskFiles>::clone(&files)).unwrap_err();
    assert!(refused.is::<affiant::app::PoliciesEdited>(), "{refused}");
    assert!(refused.to_string().contains("own.cedar"), "{refused}");
    std::fs::remove_file(&edited).unwrap();
    app.try_reopen(files).unwrap();
    assert_eq!(app.open().policies.digest(), in_force);
}

#[test]
fn a_folder_that_lags_behind_the_log_is_written_anew() {
    let mut app = TestApp::corpus();
    let old = app.open().policies.source();
    app.change_policies(shut);
    let now = app.open().policies.digest();
    // As a crash between the entry and the folder leaves it.
    old.write(&app.path().join("policies")).unwrap();
    app.reopen(None);
    assert_eq!(app.open().policies.digest(), now);
    assert!(app.path().join("policies/shut.cedar").exists());
}

/// The list again, by nothing but searches: one question at a time, each decided afresh.
fn by_searching(app: &TestApp, sets: [&Policies; 2]) -> BTreeSet<(u64, DocumentId, bool)> {
    let engine = app.engine();
    let mut found = BTreeSet::new();
    let received = record::of_kind(&app.open().log, "query.received");
    for entry in received {
        let bytes = app.open().vault.open_payload(&entry.payload().unwrap()).unwrap();
        let question: affiant::domain::question::Question = serde_json::from_slice(&bytes).unwrap();
        let names = ["staff", "outsider", "paula"];
        let of = |name: &&&str| app.asker(name).actor.id.as_str() == entry.actor_id();
        let who = app.asker(names.iter().find(of).unwrap()).principal;
        let ask = entry.details()["kind"] == "ask";
        let action = if ask { Action::Ask } else { Action::Search };
        let [before, after] = sets.map(|set| {
            let classes = app.open().catalogue.classes();
            let Ok(permit) = set.permit(&who, action, &question.scope, &classes) else {
                return BTreeSet::new();
            };
            let newest = app.open().catalogue.visible_through();
            let text = question.text.as_str();
            let vector = engine.models.encoder.embed(&[text]).unwrap().remove(0);
            let words = engine.index.search_lexical(&permit, newest, text, 100).unwrap();
            let near = engine.index.search_vector(&permit, newest, &vector, 100).unwrap();
            let hits = affiant::index::fuse(&[&words, &near], 100);
            hits.iter().take(question.top_k as usize).map(|hit| hit.document).collect()
        });
        let mut note = |id: &DocumentId, seen| found.insert((entry.index.0, *id, seen));
        after.difference(&before).for_each(|id| assert!(note(id, true)));
        before.difference(&after).for_each(|id| assert!(note(id, false)));
    }
    found
}

#[test]
fn a_simulation_lists_what_searching_again_under_both_policies_finds() {
    let app = TestApp::corpus();
    app.account("paula", affiant::domain::principal::Role::Staff, &["matter=M-2024-017".into()]);
    for case in suite().iter().take(6) {
        app.search("staff", &case.question);
        app.search("outsider", &case.question);
        app.search("paula", &case.question);
    }
    let erased = app.try_ask("outsider", "What is to be erased?", Mode::Verbatim).unwrap();
    let narrower = app.edited(|files| {
        let forbid = "forbid (principal, action in Action::\"Read\", resource is Document)\n\
            when { resource has matter || resource has patient };\n";
        files.insert("narrow.cedar".to_owned(), forbid.to_owned());
    });
    let wider = app.edited(|files| {
        let permit = "permit (principal in Role::\"staff\", action in Action::\"Read\", resource)\n\
            when { resource is Document };\n";
        files.insert("all.cedar".to_owned(), permit.to_owned());
    });
    for files in [narrower, wider] {
        let candidate = Policies::from_files(files).unwrap();
        let in_force = app.open().policies.clone();
        let simulated = app.simulate(&candidate).simulated;
        let listed: BTreeSet<_> = simulated
            .effects()
            .iter()
            .map(|effect| {
                let is_seen = effect.after == affiant::answer::Sight::Shown;
                (effect.entry.0, effect.document, is_seen)
            })
            .collect();
        assert_eq!(listed.len(), simulated.effects().len());
        assert_eq!(listed, by_searching(&app, [&in_force, &candidate]));
        assert!(!listed.is_empty(), "a simulation of nothing proves nothing");
        let trial = simulated.trial();
        assert_eq!((trial.queries, trial.erased), (19, 0));
        assert_eq!(trial.seen + trial.hidden, u32::try_from(listed.len()).unwrap());
    }
    let received = app.open().log.read(erased.entries.received.unwrap()).unwrap();
    for key in received.payload().unwrap().key.split('+') {
        app.open().vault.destroy_key(key).unwrap();
    }
    let candidate = Policies::from_files(app.edited(shut)).unwrap();
    let simulated = app.simulate(&candidate).simulated;
    assert_eq!(simulated.trial().orphaned, 7, "nothing leads to whom they were asked by");
    let tried = record::of_kind(&app.open().log, "policy.simulated");
    let files = app.open().vault.open_payload(&tried[2].payload().unwrap()).unwrap();
    let files: PolicySource = serde_json::from_slice(&files).unwrap();
    assert_eq!(files, candidate.source(), "what was tried stays known");
}

/// A form as a browser sends it.
fn form(client: &Client, fields: &[(&str, &str)], files: &Files) -> (String, Vec<u8>) {
    const EDGE: &str = "edge-of-a-part-51c0";
    let csrf = client.headers.iter().find(|(name, _)| name == "X-CSRF-Token").unwrap();
    let mut body = String::new();
    let mut part = |head: String, text: &str| {
        body.push_str(&format!(
            "--{EDGE}\r\nContent-Disposition: form-data; {head}\r\n\r\n{text}\r\n"
        ));
    };
    part("name=\"csrf\"".to_owned(), &csrf.1);
    fields.iter().for_each(|(name, value)| part(format!("name=\"{name}\""), value));
    for (name, text) in files {
        part(format!("name=\"file\"; filename=\"{name}\""), text);
    }
    body.push_str(&format!("--{EDGE}--\r\n"));
    (format!("multipart/form-data; boundary={EDGE}"), body.into_bytes())
}

#[test]
fn policies_are_proposed_and_approved_in_a_browser_by_two_persons_who_prove_it() {
    let app = TestApp::corpus();
    app.ask("staff", ANSWERABLE);
    let server = app.serve();
    let (admin, approver) = (server.signed_in("admin"), server.signed_in("approver"));
    let files = app.edited(shut);
    let send = |act: &str| {
        let (kind, body) = form(&admin, &[("reason", "a holiday"), ("act", act)], &files);
        admin.send("POST", "/admin/policies", &kind, body)
    };
    let tried = send("try");
    assert_eq!(tried.status, 200, "{}", tried.text());
    assert!(tried.text().contains("data-effect"), "{}", tried.text());
    assert_eq!(app.open().state.changes().list().unwrap().len(), 0);
    let proposed = send("propose");
    assert_eq!(proposed.status, 303, "{}", proposed.text());
    let change = proposed.header("location").to_owned();
    let own = admin.get(&change).text();
    assert!(!own.contains("/approve\""), "nobody approves their own proposal");
    let page = approver.get(&change).text();
    assert!(page.contains("data-diff=\"added\"") && page.contains("data-hidden"), "{page}");
    let csrf = approver.headers.iter().find(|(name, _)| name == "X-CSRF-Token").unwrap();
    let send = |path: &str, body: &str| {
        let kind = "application/x-www-form-urlencoded";
        approver.send("POST", path, kind, body.as_bytes().to_vec())
    };
    let approve = |csrf: &str| send(&format!("{change}/approve"), &format!("csrf={csrf}"));
    assert_eq!(approve("forged").status, 403);
    for row in app.open().state.sessions().list().unwrap() {
        app.open().state.sessions().put(&SessionRow { confirmed: None, ..row }).unwrap();
    }
    let confirm = format!("/account/confirm?next={change}");
    assert!(approver.get(&change).text().contains(&confirm), "the page asks beforehand");
    let led = approve(&csrf.1);
    let there = led.header("location").replace("%2F", "/");
    assert_eq!((led.status, there.as_str()), (303, confirm.as_str()));
    let show = |password: &str| {
        let password = password.replace(' ', "+");
        send("/account/confirm", &format!("csrf={}&password={password}&next={change}", csrf.1))
    };
    assert_eq!(show("not this one at all").status, 401);
    assert_eq!(show(PASSWORD).header("location"), change, "and leads back");
    assert_eq!(approve(&csrf.1).header("location"), change);
    server.signed_in("staff").ask(ANSWERABLE).problem(403, "policy_denied");
    assert!(approver.get(&change).text().contains("in effect, approved by approver"));
    assert!(approver.get("/admin/changes").text().contains("a holiday"));
    let versions = admin.get("/admin/policies").text();
    assert_eq!(versions.matches("data-version").count(), 2);
    let diff = admin.get("/admin/policies/diff?from=1").text();
    assert!(diff.contains("data-diff=\"added\">+forbid (principal"), "{diff}");
    assert_eq!(server.signed_in("staff").get("/admin/changes").status, 403);
}
