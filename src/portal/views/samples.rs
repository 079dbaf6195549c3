//! Pages full of made-up content, for tests: `text` goes wherever outside content can stand.

use askama::Template;

use super::*;
use crate::domain::answer::{
    Answer, Citation, Entries, EvidenceItem, ModelsUsed, Outcome, Sentence, Timings, Usage,
    Verdict, Withheld, Wording,
};
use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::document::Span;
use crate::domain::ids::{DocumentId, EntryIndex, Generation, PassageId, RequestId};
use crate::domain::principal::{Principal, Role};

/// A person with these roles.
pub(crate) fn principal(roles: &[Role]) -> Principal {
    let roles = roles.iter().copied().collect();
    Principal::new("m.okafor".parse().unwrap(), roles, Default::default())
}

/// The frame of a page for a person with every role.
pub(crate) fn frame(here: Place) -> Frame {
    let everything = Person::of(&principal(&Role::ALL), |_| true);
    Frame::of(everything, "csrf-token", Some(here))
}

/// 2026-11-22 08:21 UTC and some minutes.
pub(crate) fn moment(minutes: u64) -> Moment {
    Moment(Timestamp::from_unix_millis(1_795_335_660_000 + minutes * 60_000))
}

/// An answer of two sentences from two of three passages.
pub(crate) fn answer(outcome: Outcome, text: &str) -> Answer {
    let document = DocumentId::of(b"lease");
    let passage = |ordinal, start, end| EvidenceItem {
        passage: PassageId::derive(document, Generation(1), ordinal),
        document,
        title: format!("Lease {text}"),
        page: 3,
        spans: vec![Span { page: 3, start, end }],
        score: 0.5,
        text: format!("The tenant may end this lease. {text}"),
    };
    let citation = |start, end| Citation {
        document,
        title: format!("Lease {text}"),
        page: 3,
        start,
        end,
        quote: format!("may end this lease {text}"),
        boxes: vec![[72.0, 100.0, 300.0, 112.0]],
        confidence: (start == 10).then_some(0.71),
    };
    let sentence =
        |verdict, citations| Sentence { text: format!("Six months. {text}"), verdict, citations };
    let is_answered = outcome == Outcome::Answered;
    Answer {
        query: RequestId(uuid::Uuid::from_u128(7)),
        entries: Entries {
            received: Some(EntryIndex(41)),
            retrieval: Some(EntryIndex(42)),
            terminal: Some(EntryIndex(43)),
        },
        outcome,
        mode: is_answered.then_some(Wording::Grounded),
        reason: (!is_answered).then(|| text.to_owned()),
        answer: String::new(),
        sentences: if is_answered {
            vec![
                sentence(Verdict::Supported, vec![citation(1_010, 1_020)]),
                sentence(Verdict::Partly, vec![citation(10, 20), citation(9_000, 9_010)]),
            ]
        } else {
            Vec::new()
        },
        evidence: vec![passage(0, 0, 500), passage(1, 500, 1_000), passage(2, 1_000, 1_500)],
        withheld: Some(Withheld { passages: 2 }),
        policy: Digest::of(b"policy"),
        models: ModelsUsed {
            encoder: Some(Digest::of(b"encoder")),
            generator: Some(Digest::of(b"generator")),
        },
        usage: Usage { prompt_tokens: 812, completion_tokens: 64 },
        timings_ms: Timings {
            permit: 1,
            retrieve: 38,
            generate: 1_904,
            verify: 22,
            record: 6,
            total: 1_971,
        },
    }
}

fn recent(text: &str) -> Vec<RecentQuestion> {
    [Outcome::Answered, Outcome::Refused, Outcome::Denied, Outcome::Failed]
        .into_iter()
        .map(|outcome| RecentQuestion {
            query: "00000000-0000-0000-0000-000000000007".to_owned(),
            question: text.to_owned(),
            asked: moment(0),
            outcome,
        })
        .collect()
}

fn pairs(text: &str) -> Vec<(String, String)> {
    vec![("matter".to_owned(), text.to_owned())]
}

fn pager(text: &str) -> Pager {
    Pager {
        newer: Some(format!("/audit?before={text}")),
        older: Some(format!("/audit?after={text}")),
        range: text.to_owned(),
    }
}

/// The ask page, with an answer where `outcome` is given.
pub(crate) fn ask(outcome: Option<Outcome>, opens_entries: bool, text: &str) -> AskPage {
    AskPage {
        frame: frame(Place::Ask),
        form: AskForm {
            question: text.to_owned(),
            matter: text.to_owned(),
            patient: text.to_owned(),
            purpose: text.to_owned(),
            problem: Some(text.to_owned()),
        },
        suggestions: Suggestions {
            matters: vec![text.to_owned()],
            patients: vec![text.to_owned()],
            purposes: vec![text.to_owned()],
        },
        answer: outcome.map(|outcome| AnswerView::new(&answer(outcome, text), text, opens_entries)),
        recent: recent(text),
        opens_entries,
    }
}

/// One page of a document: a picture, or text.
pub(crate) fn viewer(is_picture: bool, text: &str) -> ViewerPage {
    let highlights =
        Highlight::from_boxes(&[[72.0, 100.0, 300.0, 112.5], [72.0, 114.0, 90.0, 126.0]]);
    let picture = PageBody::Picture {
        picture: format!("/api/v1/documents/abc/pages/2.png?{text}"),
        width: 612.0,
        height: 792.0,
        highlights,
    };
    ViewerPage {
        frame: frame(Place::Documents),
        id: "abc".to_owned(),
        title: text.to_owned(),
        labels: pairs(text),
        page: 2,
        pages: 3,
        carried: vec![("query", "q".to_owned())],
        body: if is_picture { picture } else { PageBody::Text },
        text: runs(&format!("before {text} after"), Some((7, 12))).unwrap(),
        is_recognised: is_picture,
        sure: is_picture.then_some(71),
        problem: Some(text.to_owned()),
        entry: Some(77),
        opens_entries: true,
    }
}

fn entry_line(index: u64, text: &str) -> EntryLine {
    EntryLine {
        index,
        time: moment(index),
        kind: format!("answer.released{text}"),
        outcome: text.to_owned(),
        actor: text.to_owned(),
        request: text.to_owned(),
    }
}

fn model(text: &str) -> ModelLine {
    ModelLine {
        id: text.to_owned(),
        role: text.to_owned(),
        sha256: text.to_owned(),
        source: text.to_owned(),
        quantization: text.to_owned(),
        is_active: true,
    }
}

fn check(ok: bool, text: &str) -> CheckLine {
    CheckLine { name: text.to_owned(), ok, detail: text.to_owned(), advice: Some(text.to_owned()) }
}

/// Every page by name, rendered.
pub(crate) fn all(text: &str) -> Vec<(&'static str, String)> {
    let mut pages = Vec::new();
    pages.extend(everybody(text));
    pages.extend(own_account(text));
    pages.extend(auditors(text));
    pages.extend(administrators(text));
    pages
}

fn own_account(text: &str) -> Vec<(&'static str, String)> {
    let own = text.to_owned();
    let here = || frame(Place::Ask);
    let line = |is_own| SessionLine {
        id: own.clone(),
        label: own.clone(),
        scope: own.clone(),
        created: moment(0),
        last_used: moment(1),
        expires: moment(2),
        is_own,
        is_this: is_own,
    };
    let account = AccountPage {
        frame: here(),
        first: Some("First this."),
        done: Some("Your password is changed."),
        provider: None,
        problem: Some(own.clone()),
        password_is_own: false,
        second_factor: Some((moment(0), 9)),
        sessions: vec![line(true), line(false)],
        tokens: vec![line(true), line(false)],
    };
    let confirm = ConfirmPage {
        frame: here(),
        next: Some(own.clone()),
        problem: Some(own.clone()),
        has_second_factor: true,
        provider: None,
    };
    let (secret, uri) = (own.clone(), own.clone());
    let picture = QrPicture::of("otpauth://totp/Affiant:ada");
    let factor = SecondFactorPage { frame: here(), secret, uri, picture, problem: None };
    let (title, lead) = ("Recovery codes", own.clone());
    let once = ShownOncePage { frame: here(), title, lead, secrets: vec![own.clone(), own] };
    vec![
        ("account", account.render().unwrap()),
        ("confirm", confirm.render().unwrap()),
        ("second factor", factor.render().unwrap()),
        ("shown once", once.render().unwrap()),
    ]
}

fn everybody(text: &str) -> Vec<(&'static str, String)> {
    let own = text.to_owned();
    let sign_in = SignInPage {
        frame: Frame::stranger(text),
        username: own.clone(),
        next: Some(own.clone()),
        problem: Some(own.clone()),
        provider: Some(SignOnLink {
            name: own.clone(),
            address: own.clone(),
            leave: Some(own.clone()),
        }),
    };
    let signed_in = SignedInPage { frame: Frame::stranger(text), next: own.clone() };
    let problem = ProblemPage {
        frame: frame(Place::Ask),
        status: 403,
        code: own.clone(),
        title: own.clone(),
        detail: Some(own.clone()),
        remedy: Some(own.clone()),
        request: own.clone(),
        entry: Some(5),
    };
    let questions =
        QuestionsPage { frame: frame(Place::Ask), questions: recent(text), pager: pager(text) };
    let line = DocumentLine {
        id: "abc".to_owned(),
        title: own.clone(),
        pages: 12,
        labels: pairs(text),
        state: own.clone(),
        added: Some(moment(0)),
        opens: true,
    };
    let documents = DocumentsPage {
        frame: frame(Place::Documents),
        filter: own,
        declared: vec![("purpose", "Purpose", text.to_owned())],
        carried: vec![("purpose", text.to_owned())],
        documents: vec![line],
        pager: pager(text),
        takes_uploads: true,
        takes_labels: true,
        read_entry: Some(46),
        opens_entries: false,
    };
    vec![
        ("sign-in", sign_in.render().unwrap()),
        ("signed-in", signed_in.render().unwrap()),
        ("problem", problem.render().unwrap()),
        ("ask", ask(None, false, text).render().unwrap()),
        ("answered", ask(Some(Outcome::Answered), true, text).render().unwrap()),
        ("refused", ask(Some(Outcome::Refused), false, text).render().unwrap()),
        ("denied", ask(Some(Outcome::Denied), false, text).render().unwrap()),
        ("failed", ask(Some(Outcome::Failed), false, text).render().unwrap()),
        ("questions", questions.render().unwrap()),
        ("documents", documents.render().unwrap()),
        ("labels", labels(text).render().unwrap()),
        ("upload", upload(text).render().unwrap()),
        ("picture", viewer(true, text).render().unwrap()),
        ("text", viewer(false, text).render().unwrap()),
    ]
}

fn labels(text: &str) -> LabelsPage {
    let field = |key, name| LabelField { key, name, value: text.to_owned() };
    LabelsPage {
        frame: frame(Place::Documents),
        id: "abc".to_owned(),
        title: text.to_owned(),
        class: 3,
        fields: vec![field("classification", "Classification"), field("matter", "Matter")],
        ticks: vec![field("privileged", "Privileged")],
    }
}

fn upload(text: &str) -> UploadPage {
    let own = text.to_owned();
    let taken_in =
        TakenIn { id: "abc".to_owned(), title: own.clone(), pages: 2, passages: 9, opens: true };
    let set_aside = SetAside { name: own.clone(), reason: own.clone(), detail: own };
    UploadPage {
        frame: frame(Place::Documents),
        state: UploadState::Done {
            submitted: 3,
            unchanged: 1,
            taken_in: vec![taken_in],
            set_aside: vec![set_aside],
        },
    }
}

fn auditors(text: &str) -> Vec<(&'static str, String)> {
    let own = text.to_owned();
    let audit = AuditPage {
        frame: frame(Place::Audit),
        filter: AuditFilter {
            kind: own.clone(),
            user: own.clone(),
            matter: own.clone(),
            patient: own.clone(),
            document: own.clone(),
            since: own.clone(),
            until: own.clone(),
        },
        types: vec![own.clone(), "answer.released".to_owned()],
        entries: vec![entry_line(43, text), entry_line(42, text)],
        pager: pager(text),
        size: 44,
        read_entry: Some(44),
    };
    let entry = EntryPage {
        frame: frame(Place::Audit),
        index: 43,
        kind: own.clone(),
        outcome: own.clone(),
        time: moment(1),
        rows: EntryRow::of(&serde_json::json!({ "actor": { "id": text, "via": "http" } })),
        canonical: own.clone(),
        leaf: own.clone(),
        related: vec![entry_line(41, text)],
        size: 44,
        read_entry: Some(44),
    };
    let verify = VerifyPage {
        frame: frame(Place::Audit),
        ok: false,
        size: 44,
        root: own.clone(),
        checkpoint: own.clone(),
        vkey: own.clone(),
        problems: vec![ProblemLine {
            warning: false,
            kind: own.clone(),
            index: Some(3),
            detail: own,
        }],
        duration_ms: 12,
        read_entry: Some(45),
    };
    vec![
        ("audit", audit.render().unwrap()),
        ("entry", entry.render().unwrap()),
        ("verify", verify.render().unwrap()),
    ]
}

fn administrators(text: &str) -> Vec<(&'static str, String)> {
    let own = text.to_owned();
    let file = PolicyFileView { name: own.clone(), digest: own.clone(), text: own.clone() };
    let example =
        ExampleLine { file: own.clone(), name: own.clone(), ok: false, detail: own.clone() };
    let policies = PoliciesPage {
        frame: frame(Place::Policies),
        set: own.clone(),
        digest: own.clone(),
        files: vec![file],
        examples: vec![example],
        versions: vec![version(2, true, text), version(1, false, text)],
        proposes: true,
        is_confirmed: true,
        explains: true,
    };
    let account = AccountLine {
        name: own.clone(),
        roles: vec![own.clone()],
        attributes: pairs(text),
        is_active: true,
        created: moment(0),
    };
    let accounts = AccountsPage { frame: frame(Place::Accounts), accounts: vec![account] };
    let models = ModelsPage { frame: frame(Place::Models), models: vec![model(text)] };
    let system = SystemPage {
        frame: frame(Place::System),
        version: own.clone(),
        runtime: own,
        log_size: 44,
        documents: 3,
        passages: 120,
        checks: vec![check(true, text), check(false, text)],
        models: vec![model(text)],
    };
    let (relationships, emergencies) = standing(text);
    vec![
        ("relationships", relationships),
        ("emergencies", emergencies),
        ("policies", policies.render().unwrap()),
        ("policy_diff", diff_page(text).render().unwrap()),
        ("policy_trial", trial_page(text).render().unwrap()),
        ("policy_explained", explained_page(text).render().unwrap()),
        ("changes", changes_page(text).render().unwrap()),
        ("change", change_page(text).render().unwrap()),
        ("accounts", accounts.render().unwrap()),
        ("models", models.render().unwrap()),
        ("system", system.render().unwrap()),
    ]
}

fn version(number: usize, in_force: bool, text: &str) -> VersionLine {
    let (digest, set) = (text.to_owned(), text.to_owned());
    VersionLine { number, digest, set, activated: moment(3), in_force }
}

fn trial(text: &str) -> TrialView {
    let shifts = vec![(text.to_owned(), 1, 2)];
    TrialView {
        queries: 12,
        changed: 2,
        seen: 1,
        hidden: 2,
        opened: 1,
        closed: 1,
        skipped: 1,
        shifts,
    }
}

fn diff(text: &str) -> Vec<DiffLine> {
    DiffLine::of(&format!("--- a/{text}\n+++ b/{text}\n@@ -1 +1 @@\n-{text}\n+{text}\n {text}\n"))
}

fn diff_page(text: &str) -> DiffPage {
    let names = [text.to_owned(), text.to_owned()];
    DiffPage { frame: frame(Place::Policies), names, diff: diff(text) }
}

fn trial_page(text: &str) -> TrialPage {
    let effect = EffectLine {
        entry: 41,
        person: text.to_owned(),
        document: text.to_owned(),
        becomes: "Opened: it could not be seen",
    };
    TrialPage {
        frame: frame(Place::Policies),
        digest: text.to_owned(),
        trial: trial(text),
        effects: vec![effect],
        more: 3,
    }
}

fn explained_page(text: &str) -> ExplainedPage {
    let own = text.to_owned();
    let policy = [own.clone(), own.clone(), "forbid".to_owned(), own.clone()];
    let decision = DecisionView {
        about: "document",
        allowed: false,
        note: Some(own.clone()),
        policies: vec![policy],
    };
    ExplainedPage {
        frame: frame(Place::Policies),
        person: own.clone(),
        document: own,
        allowed: false,
        decisions: vec![decision],
        attributes: pairs(text),
        labels: Some(pairs(text)),
        entry: 44,
    }
}

fn change(text: &str) -> ChangeLine {
    let own = text.to_owned();
    ChangeLine {
        id: own.clone(),
        about: own.clone(),
        state: "proposed".to_owned(),
        proposer: own.clone(),
        proposed: moment(1),
        expires: moment(9),
        reason: own,
    }
}

fn changes_page(text: &str) -> ChangesPage {
    ChangesPage { frame: frame(Place::Changes), changes: vec![change(text)] }
}

fn change_page(text: &str) -> ChangePage {
    ChangePage {
        frame: frame(Place::Changes),
        change: change(text),
        trial: Some(trial(text)),
        examples: 44,
        diff: diff(text),
        approves: true,
        rejects: true,
        is_confirmed: true,
        problem: Some(text.to_owned()),
    }
}

/// Relationships, and emergencies in every state.
fn standing(text: &str) -> (String, String) {
    let own = text.to_owned();
    let relationship = RelationshipLine {
        person: own.clone(),
        kind: own.clone(),
        object: own.clone(),
        from: None,
        until: Some(moment(0)),
        holds: true,
        source: own.clone(),
    };
    let relationships =
        RelationshipsPage { frame: frame(Place::Relationships), relationships: vec![relationship] };
    let open = EmergencyLine {
        id: "one".to_owned(),
        person: own.clone(),
        about: own.clone(),
        reason: own.clone(),
        opened: moment(0),
        ends: moment(1),
        is_open: true,
        is_overdue: false,
        due: moment(2),
        repeats: 2,
        queries: 1,
        documents: vec![(own.clone(), own.clone())],
        review: None,
        is_settled: false,
        may_close: true,
        may_review: false,
    };
    let ended = EmergencyLine {
        id: "two".to_owned(),
        is_open: false,
        is_overdue: true,
        may_close: false,
        may_review: true,
        ..open.clone()
    };
    let followed_up =
        EmergencyLine { id: "three".to_owned(), review: Some(own.clone()), ..ended.clone() };
    let reviewed = EmergencyLine {
        id: "four".to_owned(),
        is_settled: true,
        is_overdue: false,
        may_review: false,
        ..followed_up.clone()
    };
    let frame = Frame { alerts: vec![own], ..frame(Place::Emergencies) };
    let emergencies = EmergenciesPage {
        frame,
        may_open: true,
        is_confirmed: true,
        minutes: 60,
        minutes_max: 480,
        emergencies: vec![open, ended, followed_up, reviewed],
    };
    (relationships.render().unwrap(), emergencies.render().unwrap())
}
