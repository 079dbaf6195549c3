//! How long does it take to try policies on 1,000 past questions over 100,000 passages? And is the
//! list that of searching again, one question after the other, with nothing kept in between?
//!
//! Every question differs between the two sets, so that every one is embedded and searched twice:
//! a change of policy that touches fewer people is faster. The embedding is the real encoder's.

#[expect(dead_code, reason = "nothing is timed here often enough for percentiles")]
mod support;
mod synthetic;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use affiant::answer::Sight;
use affiant::app::{self, App, Engine, InitOptions};
use affiant::audit::{Added, Event, QueryKind, What};
use affiant::domain::access::Labels;
use affiant::domain::answer::Setting;
use affiant::domain::document::{DocumentCard, Passage, Span};
use affiant::domain::ids::{DocumentId, EntryIndex, Generation, PassageId, RequestId};
use affiant::domain::payload::TokenKind;
use affiant::domain::principal::{Attributes, Role, Via};
use affiant::domain::question::{Mode, Question, QuestionText, Scope};
use affiant::govern::{Changer, Governor};
use affiant::identity::NewAccount;
use affiant::index::fuse;
use affiant::policy::{Action, Policies};
use affiant::store::{DocumentRow, KeyScope};

use self::support::{Bench, tell};
use self::synthetic::{Numbers, Vocabulary};

const PASSAGES: usize = 100_000;
const PASSAGES_PER_DOCUMENT: usize = 100;
const WORDS_PER_PASSAGE: usize = 120;
const QUESTIONS: usize = 1_000;
/// Documents fall into so many matters in turn; each person works on a few of them.
const MATTERS: usize = 50;
const PERSONS: usize = 40;
const MATTERS_PER_PERSON: usize = 5;
const TOP_K: u32 = 8;
const CANDIDATES: usize = 100;

/// Opens one matter to all, and shuts another.
const CANDIDATE: &str = "
@id(\"open\") permit (principal in Role::\"staff\", action in Action::\"Read\", resource is Document)
when { resource has matter && [\"M-0\", \"M-1\", \"M-2\"].contains(resource.matter) };
@id(\"shut\") forbid (principal, action in Action::\"Read\", resource is Document)
when { resource has matter && [\"M-3\", \"M-4\"].contains(resource.matter) };
";

struct Silent;

impl affiant::models::Progress for Silent {
    fn stage(&self, _text: &str, _total: Option<u64>) {}
    fn advance(&self, _n: u64) {}
}

fn main() -> anyhow::Result<()> {
    let bench = Bench::start("simulate: other policies on past questions");
    let dir = tempfile::tempdir()?;
    let options = affiant::config::load(dir.path(), std::env::vars())?;
    let first = |name: &str| name.parse();
    let (admin, approver) = (first("admin")?, first("approver")?);
    let init = InitOptions { admin, approver, policies: "general".to_owned() };
    let app = app::create(&options, &init)?.app;
    let engine = app.engine(&Silent)?;
    let (passages, questions) = (bench.size(PASSAGES, 500), bench.size(QUESTIONS, 6));
    let mut numbers = Numbers::from_seed(11);
    let vocabulary = Vocabulary::zipf(50_000);
    let (filled, took) = bench.time(|| {
        accounts(&app)?;
        documents(&app, &engine, passages, &mut numbers, &vocabulary)?;
        record(&app, questions, &mut numbers, &vocabulary)
    });
    filled?;
    let made = format!("{passages} passages, {questions} questions in {:.1} s", took.as_secs_f64());
    tell("made", made);
    let source = app.policies.source();
    let mut files: BTreeMap<String, String> =
        source.files().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    files.insert("candidate.cedar".to_owned(), CANDIDATE.to_owned());
    run(&bench, &app, &engine, &files, "before the graph")?;
    let (built, took) = bench.time(|| engine.index.optimise());
    built?;
    tell("building the graph", format!("{:.1} s", took.as_secs_f64()));
    run(&bench, &app, &engine, &files, "with the graph")?;
    bench.tell_reference();
    Ok(())
}

/// Simulates, searches everything again, and compares.
fn run(
    bench: &Bench,
    app: &App,
    engine: &Engine,
    files: &BTreeMap<String, String>,
    when: &str,
) -> anyhow::Result<()> {
    let load = |files: &BTreeMap<String, String>| {
        Policies::from_files(files.clone()).map_err(|problems| anyhow::anyhow!("{problems:?}"))
    };
    let actor = Governor::operator(Via::Cli, None);
    let candidate = load(files)?;
    let (simulation, took) = bench.time(|| {
        let governor = &app.governor;
        governor.simulate(Changer::Operator, &actor, Ok(candidate), &engine.answerer, QUESTIONS)
    });
    let simulated = simulation?.simulated;
    let trial = simulated.trial();
    let figures = format!(
        "{:.2} s, {} questions, {} differ, {} seen, {} hidden",
        took.as_secs_f64(),
        trial.queries,
        trial.changed,
        trial.seen,
        trial.hidden
    );
    tell(&format!("simulation, {when}"), figures);
    let listed: BTreeSet<(u64, DocumentId, bool)> = simulated
        .effects()
        .iter()
        .map(|effect| (effect.entry.0, effect.document, effect.after == Sight::Shown))
        .collect();
    let mut before = files.clone();
    before.remove("candidate.cedar");
    let (again, took) = bench.time(|| searched(app, engine, [&load(&before)?, &load(files)?]));
    tell(&format!("one by one, {when}"), format!("{:.2} s", took.as_secs_f64()));
    anyhow::ensure!(!listed.is_empty(), "nothing changes, which compares nothing");
    anyhow::ensure!(listed == again?, "the two lists differ");
    tell("both lists", format!("equal, {} lines", listed.len()));
    Ok(())
}

/// The list again, one question at a time.
fn searched(
    app: &App,
    engine: &Engine,
    sets: [&Policies; 2],
) -> anyhow::Result<BTreeSet<(u64, DocumentId, bool)>> {
    let people: BTreeMap<String, _> = (0..PERSONS)
        .map(|number| {
            let name = format!("person-{number}");
            let token = app.vault.token(TokenKind::Person, &name);
            Ok((token.to_string(), app.governor.accounts.principal(&name)?))
        })
        .collect::<anyhow::Result<_>>()?;
    let mut found = BTreeSet::new();
    let entries = app.log.entries(EntryIndex(0), usize::try_from(app.log.size())?)?;
    for entry in entries.iter().filter(|entry| entry.kind() == "query.received") {
        let payload = entry.payload().ok_or_else(|| anyhow::anyhow!("no question"))?;
        let question: Question = serde_json::from_slice(&app.vault.open_payload(&payload)?)?;
        let who = people.get(entry.actor_id()).ok_or_else(|| anyhow::anyhow!("nobody"))?;
        let text = question.text.as_str();
        let vector = engine.models.encoder.embed(&[text])?.pop().unwrap_or_default();
        let mut shown = Vec::new();
        for set in sets {
            let classes = app.catalogue.classes();
            let permit = set.permit(who, Action::Ask, &question.scope, &classes)?;
            let newest = app.catalogue.visible_through();
            let words = engine.index.search_lexical(&permit, newest, text, CANDIDATES)?;
            let near = engine.index.search_vector(&permit, newest, &vector, CANDIDATES)?;
            let hits = fuse(&[&words, &near], CANDIDATES);
            let best = hits.iter().take(question.top_k as usize).map(|hit| hit.document);
            shown.push(best.collect::<BTreeSet<_>>());
        }
        if let [before, after] = shown.as_slice() {
            found.extend(after.difference(before).map(|id| (entry.index.0, *id, true)));
            found.extend(before.difference(after).map(|id| (entry.index.0, *id, false)));
        }
    }
    Ok(found)
}

fn accounts(app: &App) -> anyhow::Result<()> {
    let actor = Governor::operator(Via::Cli, None);
    for number in 0..PERSONS {
        let matters = (0..MATTERS_PER_PERSON).map(|at| format!("M-{}", (number + at) % MATTERS));
        let attributes = Attributes::from([("matter".to_owned(), matters.collect())]);
        let new = NewAccount {
            name: format!("person-{number}").parse()?,
            roles: [Role::Staff].into(),
            attributes,
            password: None,
        };
        app.governor.create_account(Changer::Operator, &actor, new)?;
    }
    Ok(())
}

/// Documents as ingest leaves them, but for their texts, which a simulation does not read.
fn documents(
    app: &App,
    engine: &Arc<Engine>,
    count: usize,
    numbers: &mut Numbers,
    vocabulary: &Vocabulary,
) -> anyhow::Result<()> {
    let generation = Generation(1);
    let dim = engine.models.encoder.dim();
    let mut rows = Vec::new();
    for number in 0..count / PASSAGES_PER_DOCUMENT {
        let document = DocumentId::of(&number.to_be_bytes());
        let matter = format!("matter=M-{}", number % MATTERS);
        let labels = Labels::parse(["classification=internal", matter.as_str()])?;
        let class = app.catalogue.class_of(&labels)?;
        let passages: Vec<(Passage, Vec<f32>)> = (0..PASSAGES_PER_DOCUMENT as u32)
            .map(|ordinal| {
                let passage = Passage {
                    id: PassageId::derive(document, generation, ordinal),
                    document,
                    ordinal,
                    spans: vec![Span { page: 1, start: 0, end: 1 }],
                    text: vocabulary.text(numbers, WORDS_PER_PASSAGE),
                    headings: Vec::new(),
                };
                (passage, numbers.unit_vector(dim))
            })
            .collect();
        let added: Vec<(&Passage, &[f32])> =
            passages.iter().map(|(passage, vector)| (passage, vector.as_slice())).collect();
        engine.index.add(generation, class, &added)?;
        let token = app.vault.subject(TokenKind::Document, &document.to_string())?;
        let scope = KeyScope::of(TokenKind::Document, &token);
        let card = DocumentCard {
            title: format!("Document {number}"),
            name: String::new(),
            path: String::new(),
            kind: "text".to_owned(),
            labels,
            warnings: Vec::new(),
            password: None,
        };
        let card = app.vault.seal(&scope, &serde_json::to_vec(&card)?)?;
        let (original, text) = (card.clone(), card.clone());
        rows.push(DocumentRow {
            document,
            token,
            generation,
            class,
            card,
            original,
            text,
            geometry: None,
            pages: 1,
            passages: PASSAGES_PER_DOCUMENT as u32,
            entry: EntryIndex(0),
            deleted: None,
        });
    }
    engine.index.flush()?;
    for row in rows {
        let payload = app.vault.seal(&row.scope(), &serde_json::to_vec(&row)?)?;
        app.record_own(What::DocumentActivated {
            document: row.token.clone(),
            generation: generation.0,
            passages: row.passages,
            pages: 1,
            size_bytes: 1,
            class: row.class.0,
            models: Added(None),
            payload: Some(payload),
        })?;
    }
    app.catalogue.catch_up()?;
    engine.index.set_visible(app.catalogue.visible_through());
    Ok(())
}

/// Questions as they stand in the log, each of one of the persons.
fn record(
    app: &App,
    count: usize,
    numbers: &mut Numbers,
    vocabulary: &Vocabulary,
) -> anyhow::Result<()> {
    let policy = Some(app.policies.digest());
    for number in 0..count {
        let actor = app.governor.actor(&format!("person-{}", number % PERSONS), Via::Http, None);
        let id = RequestId::fresh(app.clock.now(), app.entropy.as_ref());
        let text = QuestionText::try_from(vocabulary.text(numbers, 8))?;
        let (mode, scope) = (Mode::Verbatim, Scope::default());
        let question = Question { id, text, mode, scope, top_k: TOP_K };
        let own = KeyScope::of(TokenKind::Person, &actor.id);
        let payload = Some(app.vault.seal(&own, &serde_json::to_vec(&question)?)?);
        let received = What::QueryReceived {
            kind: QueryKind::Ask,
            mode: "verbatim".to_owned(),
            top_k: TOP_K,
            purpose: None,
            matter: None,
            patient: None,
            emergency: Added(None),
            rights: app.vault.token(TokenKind::Rights, "one"),
            setting: Setting::default(),
            payload,
        };
        let ended = What::QueryFailed { reason: "made_up".to_owned() };
        for what in [received, ended] {
            app.log.append(Event { actor: actor.clone(), req: id, policy, what })?;
        }
    }
    Ok(app.catalogue.catch_up()?)
}
