//! The policies in force, earlier versions, what others would change, and why a decision fell.

use askama::Template;

use super::frame::{Frame, Moment};

/// `GET /admin/policies`.
#[derive(Template)]
#[template(path = "policies.html")]
pub struct PoliciesPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Name of the set, e.g. `general`.
    pub set: String,
    /// Digest of the set in force.
    pub digest: String,
    /// Its files.
    pub files: Vec<PolicyFileView>,
    /// How its examples came out.
    pub examples: Vec<ExampleLine>,
    /// Every version that was in force, the newest first.
    pub versions: Vec<VersionLine>,
    /// Whether this person may propose others.
    pub proposes: bool,
    /// Whether they have just shown who they are, as whoever proposes must.
    pub is_confirmed: bool,
    /// Whether this person may ask why somebody sees a document.
    pub explains: bool,
}

impl PoliciesPage {
    /// How many examples do not come out as written.
    pub fn failed(&self) -> usize {
        self.examples.iter().filter(|example| !example.ok).count()
    }
}

/// One policy file.
#[derive(Clone, Debug)]
pub struct PolicyFileView {
    /// Its name.
    pub name: String,
    /// Its digest.
    pub digest: String,
    /// Its text.
    pub text: String,
}

/// One example beside a policy.
#[derive(Clone, Debug)]
pub struct ExampleLine {
    /// The file it stands in.
    pub file: String,
    /// Its name.
    pub name: String,
    /// Whether the decision is the expected one.
    pub ok: bool,
    /// What was decided, where it is not.
    pub detail: String,
}

/// One version of the policies.
#[derive(Clone, Debug)]
pub struct VersionLine {
    /// From 1.
    pub number: usize,
    /// Its digest.
    pub digest: String,
    /// Name of the set.
    pub set: String,
    /// When it came into force.
    pub activated: Moment,
    /// Whether it is in force.
    pub in_force: bool,
}

/// One line of a comparison.
#[derive(Clone, Debug)]
pub struct DiffLine {
    /// `added`, `removed`, `place`, or `same`.
    pub kind: &'static str,
    /// The line, with its sign.
    pub text: String,
}

impl DiffLine {
    /// The lines of a unified diff.
    pub fn of(diff: &str) -> Vec<Self> {
        let line = |text: &str| {
            let kind = match text.as_bytes() {
                [b'@', ..] | [b'-', b'-', b'-', ..] | [b'+', b'+', b'+', ..] => "place",
                [b'+', ..] => "added",
                [b'-', ..] => "removed",
                _ => "same",
            };
            Self { kind, text: text.to_owned() }
        };
        diff.lines().map(line).collect()
    }
}

/// `GET /admin/policies/diff`.
#[derive(Template)]
#[template(path = "policy_diff.html")]
pub struct DiffPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Which two are compared.
    pub names: [String; 2],
    /// What differs.
    pub diff: Vec<DiffLine>,
}

/// What past questions would show, in numbers.
#[derive(Clone, Debug)]
pub struct TrialView {
    /// Questions that were run again.
    pub queries: u32,
    /// Those that would show something else.
    pub changed: u32,
    /// Documents newly seen.
    pub seen: u32,
    /// Documents newly hidden.
    pub hidden: u32,
    /// How many of those seen could not be seen before.
    pub opened: u32,
    /// How many of those hidden may not be seen any more.
    pub closed: u32,
    /// Questions that could not be run: erased, or of nobody.
    pub skipped: u32,
    /// Person or matter, documents newly seen, and newly hidden.
    pub shifts: Vec<(String, u32, u32)>,
}

/// `POST /admin/policies` where a set is only tried.
#[derive(Template)]
#[template(path = "policy_trial.html")]
pub struct TrialPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Digest of the set that was tried.
    pub digest: String,
    /// In numbers.
    pub trial: TrialView,
    /// Question by question.
    pub effects: Vec<EffectLine>,
    /// How many more there are than are shown.
    pub more: usize,
}

/// A document that a question would newly show, or no more.
#[derive(Clone, Debug)]
pub struct EffectLine {
    /// The entry of the question.
    pub entry: u64,
    /// Who asked it.
    pub person: String,
    /// The document's id, or its token.
    pub document: String,
    /// What becomes of it.
    pub becomes: &'static str,
}

/// `POST /admin/policies/explain`.
#[derive(Template)]
#[template(path = "policy_explained.html")]
pub struct ExplainedPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The person.
    pub person: String,
    /// The document.
    pub document: String,
    /// Whether they may see it.
    pub allowed: bool,
    /// The decisions.
    pub decisions: Vec<DecisionView>,
    /// The person's attributes.
    pub attributes: Vec<(String, String)>,
    /// The document's labels, for those who know the catalogue.
    pub labels: Option<Vec<(String, String)>>,
    /// The entry that records the question.
    pub entry: u64,
}

/// One of the two decisions.
#[derive(Clone, Debug)]
pub struct DecisionView {
    /// What about.
    pub about: &'static str,
    /// Whether it is a yes.
    pub allowed: bool,
    /// What decided besides policies.
    pub note: Option<String>,
    /// Id, file, effect and reason of the policies that decided.
    pub policies: Vec<[String; 4]>,
}
