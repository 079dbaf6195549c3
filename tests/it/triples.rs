//! Random people, documents, policies and questions, against what a naive reading of the policies
//! and a comparison of everything with everything say: nothing forbidden is found, nothing permitted
//! is lost, and a policy that forbids more never opens more; also where classes come and documents get
//! other labels between the permit and the search.
//!
//! `AFFIANT_TRIPLES` says how many are tried; without it a few thousand are, from the same seed.

use std::collections::BTreeSet;
use std::path::Path;

use affiant::domain::access::{AccessClass, Labels};
use affiant::domain::classes::{ClassList, ClassSet};
use affiant::domain::document::{Passage, Span};
use affiant::domain::ids::{DocumentId, Generation, PassageId};
use affiant::domain::limits::CANDIDATES_MAX;
use affiant::domain::principal::{Principal, Role};
use affiant::domain::question::Scope;
use affiant::durable::{Readers, create_new};
use affiant::index::{Hit, Index, IndexOptions, VectorChoice};
use affiant::policy::{Action, Permit, Policies};

const TRIPLES: usize = 6_000;
/// With what comes meanwhile fewer than a search returns: nothing is cut off.
const DOCUMENTS: usize = 80;
/// Under one set of policies after the other; the first forbids nothing further.
const SETS: usize = 4;
const QUESTIONS: usize = 50;
const QUESTIONS_PER_CHANGE: usize = 5;
const DIM: usize = 16;
const NEWEST: Generation = Generation(u64::MAX);
const WORDS: [&str; 10] =
    ["lease", "tenant", "dosage", "ward", "clause", "writ", "nurse", "fever", "bond", "scan"];

/// SplitMix64: the same seed, the same triples.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }

    fn maybe(&mut self, of: &[&str]) -> Option<String> {
        (self.roll(2) == 0).then(|| self.one(of).to_owned())
    }

    fn vector(&mut self) -> Vec<f32> {
        (0..DIM).map(|_| self.roll(2_001) as f32 / 1_000.0 - 1.0).collect()
    }

    fn words(&mut self, count: usize) -> String {
        (0..count).map(|_| self.one(&WORDS)).collect::<Vec<_>>().join(" ")
    }

    fn labels(&mut self) -> Labels {
        let classification = self.one(&["public", "internal", "confidential", "restricted"]);
        Labels {
            classification: (self.roll(12) > 0).then(|| classification.to_owned()),
            department: self.maybe(&["er", "lab"]),
            matter: self.maybe(&["M-1", "M-2", "M-3"]),
            patient: self.maybe(&["P-1", "P-2"]),
            privileged: self.roll(4) == 0,
            ..Labels::default()
        }
    }

    /// Always the same name: what the appliance remembers of this person is not what it is now.
    fn person(&mut self) -> Principal {
        let roles: BTreeSet<Role> = match self.roll(6) {
            0 => [Role::Auditor].into(),
            1 => [Role::Staff, Role::RecordsOfficer].into(),
            _ => [Role::Staff].into(),
        };
        let mut who = Principal::new("ada".parse().unwrap(), roles, Default::default());
        let values =
            ["M-1", "M-2", "M-3", "P-1", "P-2", "er", "confidential", "restricted", "true"];
        let keys = ["matter", "patient", "department", "clearance", "wall", "privileged"];
        for _ in 0..self.roll(9) {
            let (key, value) = (self.one(&keys), self.one(&values));
            who.attributes.entry(key.to_owned()).or_default().insert(value.to_owned());
        }
        who
    }

    fn scope(&mut self) -> Scope {
        let (matter, patient) = match self.roll(4) {
            0 => (self.maybe(&["M-1", "M-2"]), None),
            1 => (None, self.maybe(&["P-1", "P-2"])),
            _ => (None, None),
        };
        Scope { purpose: None, matter, patient }
    }
}

struct Document {
    passage: Passage,
    labels: Labels,
    vector: Vec<f32>,
}

/// A further policy, and what it says in plain Rust.
struct Further {
    policy: String,
    forbids: Box<Forbids>,
}

type Forbids = dyn Fn(&Principal, &Labels) -> bool;

fn has(who: &Principal, key: &str, value: &str) -> bool {
    who.attributes.get(key).is_some_and(|values| values.contains(value))
}

/// A condition in Cedar's words, and in plain Rust.
type Condition = (&'static str, fn(&Principal, &Labels) -> bool);

const CONDITIONS: [Condition; 7] = [
    ("resource.privileged", |_, labels| labels.privileged),
    (r#"resource.classification == "confidential""#, |_, labels| {
        labels.classification.as_deref() == Some("confidential")
    }),
    (
        "resource has department && !principal.department.contains(resource.department)",
        |who, labels| labels.department.as_ref().is_some_and(|of| !has(who, "department", of)),
    ),
    ("resource has patient && principal.wall.contains(resource.patient)", |who, labels| {
        labels.patient.as_ref().is_some_and(|of| has(who, "wall", of))
    }),
    (r#"principal.matter.contains("M-3")"#, |who, _| has(who, "matter", "M-3")),
    (r#"resource has matter && resource.matter == "M-1""#, |_, labels| {
        labels.matter.as_deref() == Some("M-1")
    }),
    ("!principal.clearance.contains(resource.classification)", |who, labels| {
        !labels.classification.as_ref().is_some_and(|of| has(who, "clearance", of))
    }),
];

impl Further {
    fn nothing() -> Self {
        Self { policy: String::new(), forbids: Box::new(|_, _| false) }
    }

    /// Forbids reading where all of `when` hold, unless `unless` does.
    fn forbid(when: Vec<Condition>, unless: Option<Condition>) -> Self {
        let head = r#"forbid (principal, action in Action::"Read", resource is Document)"#;
        let when_text: String = when.iter().map(|(text, _)| format!("when {{ {text} }}")).collect();
        let unless_text = unless.map(|(text, _)| format!("unless {{ {text} }}"));
        let policy = format!("{head} {when_text} {};", unless_text.unwrap_or_default());
        let forbids = move |who: &Principal, labels: &Labels| {
            when.iter().all(|(_, holds)| holds(who, labels))
                && !unless.is_some_and(|(_, holds)| holds(who, labels))
        };
        Self { policy, forbids: Box::new(forbids) }
    }

    fn random(dice: &mut Dice) -> Self {
        let one = |dice: &mut Dice| CONDITIONS[dice.roll(CONDITIONS.len())];
        let when = (0..=dice.roll(2)).map(|_| one(dice)).collect();
        let unless = (dice.roll(2) == 0).then(|| one(dice));
        Self::forbid(when, unless)
    }
}

/// What the general policies say, read by a person.
fn naive(who: &Principal, scope: &Scope, labels: &Labels, further: &Further) -> bool {
    let Some(classification) = &labels.classification else { return false };
    let open = ["public", "internal"].contains(&classification.as_str());
    let fits = |declared: &Option<String>, label: &Option<String>| {
        declared.is_none() || label.is_none() || declared == label
    };
    let in_matter = labels.matter.as_ref().is_none_or(|of| has(who, "matter", of));
    let with_patient = labels.patient.as_ref().is_none_or(|of| has(who, "patient", of));
    let privilege = has(who, "privileged", "true") && labels.matter.is_some();
    who.has_role(Role::Staff)
        && (open || has(who, "clearance", classification))
        && in_matter
        && with_patient
        && (!labels.privileged || privilege)
        && !labels.matter.as_ref().is_some_and(|of| has(who, "wall", of))
        && fits(&scope.matter, &labels.matter)
        && fits(&scope.patient, &labels.patient)
        && !(further.forbids)(who, labels)
}

fn policies(dir: &Path, further: &Further) -> Policies {
    std::fs::create_dir_all(dir).unwrap();
    for (name, text) in Policies::builtin("general").unwrap() {
        create_new(&dir.join(name), text.as_bytes(), Readers::Owner).unwrap();
    }
    create_new(&dir.join("further.cedar"), further.policy.as_bytes(), Readers::Owner).unwrap();
    Policies::load(dir).unwrap()
}

struct World {
    index: Index,
    classes: ClassList,
    documents: Vec<Document>,
}

impl World {
    /// Documents under random labels, equal labels in one class, as in a home.
    fn make(dir: &Path, dice: &mut Dice) -> Self {
        let options =
            IndexOptions { dir: dir.to_owned(), dim: DIM, vector: VectorChoice::Embedded };
        let mut world = Self {
            index: Index::open(&options).unwrap(),
            classes: ClassList::default(),
            documents: Vec::new(),
        };
        for number in 0..DOCUMENTS {
            let (labels, text) = (dice.labels(), dice.words(6));
            world.add(number, labels, &text, dice.vector());
        }
        world.index.flush().unwrap();
        world.index.set_visible(Generation(1));
        world
    }

    /// The class of these labels, new where there is none.
    fn class(&mut self, labels: &Labels) -> AccessClass {
        let known = self.classes.iter().find(|(_, known)| known == labels).map(|(class, _)| *class);
        known.unwrap_or_else(|| {
            let class = AccessClass(u32::try_from(self.classes.len()).unwrap());
            self.classes.push(class, labels.clone());
            class
        })
    }

    /// The indexes learn of the labels that a document has by now.
    fn tell(&mut self, at: usize) {
        let labels = self.documents[at].labels.clone();
        let (class, passage) = (self.class(&labels), &self.documents[at].passage);
        let writing = (passage.document, Generation(1));
        self.index.set_class(writing, class, std::slice::from_ref(passage)).unwrap();
        self.index.flush().unwrap();
    }

    fn add(&mut self, number: usize, labels: Labels, text: &str, vector: Vec<f32>) {
        let id = DocumentId::of(&number.to_be_bytes());
        let passage = Passage {
            id: PassageId::derive(id, Generation(1), 0),
            document: id,
            ordinal: 0,
            spans: vec![Span { page: 1, start: 0, end: 1 }],
            text: text.to_owned(),
            headings: Vec::new(),
        };
        let class = self.class(&labels);
        self.index.add(Generation(1), class, &[(&passage, &vector)]).unwrap();
        self.documents.push(Document { passage, labels, vector });
    }

    fn search(&self, permit: &Permit, words: &str, vector: &[f32]) -> [Vec<Hit>; 2] {
        let lexical = self.index.search_lexical(permit, NEWEST, words, CANDIDATES_MAX);
        let dense = self.index.search_vector(permit, NEWEST, vector, CANDIDATES_MAX);
        [lexical.unwrap(), dense.unwrap()]
    }
}

fn ids<'a>(hits: impl IntoIterator<Item = &'a Hit>) -> BTreeSet<PassageId> {
    hits.into_iter().map(|hit| hit.passage).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a).sqrt() * dot(b, b).sqrt())
}

/// Asks one question under one policy; returns the classes that it opened.
fn check(
    world: &World,
    policies: &Policies,
    further: &Further,
    (who, scope): (&Principal, &Scope),
    (words, vector): (&str, &[f32]),
) -> ClassSet {
    let Ok(permit) = policies.permit(who, Action::Search, scope, &world.classes) else {
        assert!(!who.has_role(Role::Staff));
        return ClassSet::default();
    };
    let is_open = |one: &&Document| naive(who, scope, &one.labels, further);
    let open: Vec<&Document> = world.documents.iter().filter(is_open).collect();
    let [lexical, dense] = world.search(&permit, words, vector);
    let holds = |one: &&&Document| words.split(' ').any(|word| one.passage.text.contains(word));
    let with_words: BTreeSet<_> = open.iter().filter(holds).map(|one| one.passage.id).collect();
    let all: BTreeSet<_> = open.iter().map(|one| one.passage.id).collect();
    assert_eq!(ids(&lexical), with_words, "{who:?} {scope:?} {words}");
    assert_eq!(ids(&dense), all, "{who:?} {scope:?}");
    let mut near: Vec<f32> = open.iter().map(|one| cosine(&one.vector, vector)).collect();
    near.sort_by(|a, b| b.total_cmp(a));
    for (hit, near) in dense.iter().zip(&near) {
        assert!((hit.score - near).abs() < 1e-4, "{hit:?} {near}");
    }
    let again = policies.again(&permit);
    for one in &world.documents {
        assert_eq!(again.permits(&one.labels), all.contains(&one.passage.id), "{:?}", one.labels);
    }
    ClassSet::clone(permit.classes())
}

/// Between the permit and the search a class comes, and a document gets other labels: at once by the
/// second decision, and by the first as soon as the indexes were told.
fn change_meanwhile(
    world: &mut World,
    policies: &Policies,
    further: &Further,
    (who, scope): (&Principal, &Scope),
    dice: &mut Dice,
) {
    let Ok(permit) = policies.permit(who, Action::Search, scope, &world.classes) else { return };
    let (words, vector) = (dice.words(2), dice.vector());
    let decided = world.classes.clone();
    let is_decided = |labels: &Labels| decided.iter().any(|(_, known)| known == labels);

    let labels = Labels { client: Some(format!("C-{}", world.classes.len())), ..dice.labels() };
    world.add(world.documents.len(), labels, &words, vector.clone());
    world.index.flush().unwrap();
    let at = dice.roll(world.documents.len());
    let before = std::mem::replace(&mut world.documents[at].labels, dice.labels());

    let again = policies.again(&permit);
    for is_told in [false, true] {
        if is_told {
            world.tell(at);
        }
        let expected = world.documents.iter().enumerate().filter(|(place, one)| {
            let as_indexed = if *place == at && !is_told { &before } else { &one.labels };
            is_decided(as_indexed)
                && naive(who, scope, as_indexed, further)
                && naive(who, scope, &one.labels, further)
        });
        let expected: BTreeSet<_> = expected.map(|(_, one)| one.passage.id).collect();
        let [lexical, dense] = world.search(&permit, &words, &vector);
        let labels_of = |hit: &&Hit| {
            let one = world.documents.iter().find(|one| one.passage.id == hit.passage).unwrap();
            again.permits(&one.labels)
        };
        assert_eq!(ids(dense.iter().filter(labels_of)), expected, "told: {is_told}");
        assert!(ids(lexical.iter().filter(labels_of)).is_subset(&expected), "told: {is_told}");
        assert!(!is_told || ids(&dense) == expected, "the first decision alone");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the size of a test is no configuration")]
fn nothing_forbidden_is_found_and_nothing_permitted_is_lost() {
    let triples = std::env::var("AFFIANT_TRIPLES").ok().and_then(|n| n.parse().ok());
    let triples: usize = triples.unwrap_or(TRIPLES);
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice(11);
    let (mut tried, mut opened, mut round) = (0, 0, 0);
    while tried < triples {
        round += 1;
        let folder = dir.path().join(format!("world-{round}"));
        let mut world = World::make(&folder.join("index"), &mut dice);
        let mut further = vec![Further::nothing()];
        further.extend((1..SETS).map(|_| Further::random(&mut dice)));
        let made = further.iter().enumerate();
        let sets = made.map(|(at, more)| policies(&folder.join(format!("set-{at}")), more));
        let sets: Vec<_> = sets.zip(&further).collect();
        for _ in 0..QUESTIONS {
            let (who, scope) = (dice.person(), dice.scope());
            let of = (&who, &scope);
            let (words, vector) = (dice.words(2), dice.vector());
            let is_full = world.documents.len() == CANDIDATES_MAX;
            if !is_full && dice.roll(QUESTIONS_PER_CHANGE) == 0 {
                let (policies, further) = &sets[dice.roll(SETS)];
                change_meanwhile(&mut world, policies, further, of, &mut dice);
            }
            let mut plain = None;
            for (policies, further) in &sets {
                let open = check(&world, policies, further, of, (&words, &vector));
                opened += open.len();
                let plain = plain.get_or_insert_with(|| open.clone());
                assert!(open.is_subset(plain), "a policy that forbids more opened more");
                tried += world.documents.len();
            }
            if tried >= triples {
                break;
            }
        }
    }
    assert!(opened > tried / 100, "{opened} of {tried}: or this shows nothing");
}

#[test]
fn a_thousand_forbidden_documents_change_no_rank_and_no_score() {
    let dir = tempfile::tempdir().unwrap();
    let mut dice = Dice(12);
    let policies = policies(&dir.path().join("policies"), &Further::nothing());
    let mut world = World::make(&dir.path().join("world"), &mut dice);
    let who = Principal::new("bo".parse().unwrap(), [Role::Staff].into(), Default::default());
    let questions: Vec<_> = (0..20).map(|_| (dice.words(2), dice.vector())).collect();
    let ask = |world: &World| -> Vec<[Vec<Hit>; 2]> {
        let scope = Scope::default();
        let permit = policies.permit(&who, Action::Search, &scope, &world.classes).unwrap();
        questions.iter().map(|(words, vector)| world.search(&permit, words, vector)).collect()
    };
    let before = ask(&world);
    assert!(before.iter().all(|[words, near]| !near.is_empty() && words.len() <= near.len()));
    for number in 0..1_000 {
        let sealed = format!("M-{}", 100 + number % 7);
        let labels = Labels { matter: Some(sealed), ..Labels::internal() };
        // As close to the questions as can be.
        let (words, vector) = &questions[number % questions.len()];
        world.add(DOCUMENTS + number, labels, &words.repeat(3), vector.clone());
    }
    world.index.flush().unwrap();
    world.index.optimise().unwrap();
    assert_eq!(ask(&world), before);
}
