//! The record: its entries, and whether it holds.

use askama::Template;

use super::entry::type_words;
use super::frame::{Frame, Moment, Pager};

/// `GET /audit`. Shown only after the reading is itself recorded.
#[derive(Template)]
#[template(path = "audit.html")]
pub struct AuditPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What is looked for.
    pub filter: AuditFilter,
    /// Every type of entry, for the filter.
    pub types: Vec<String>,
    /// Newest first.
    pub entries: Vec<EntryLine>,
    /// Ways to the rest.
    pub pager: Pager,
    /// How many entries the log has.
    pub size: u64,
    /// The entry that recorded this reading.
    pub read_entry: Option<u64>,
}

/// What the list is narrowed to, as typed.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// An entry type.
    pub kind: String,
    /// A person.
    pub user: String,
    /// A matter.
    pub matter: String,
    /// A patient.
    pub patient: String,
    /// A document's id.
    pub document: String,
    /// From this day on, `2026-11-22`.
    pub since: String,
    /// Up to the end of this day.
    pub until: String,
}

impl AuditFilter {
    /// Whether it narrows anything.
    pub fn is_set(&self) -> bool {
        let subjects = [&self.user, &self.matter, &self.patient, &self.document];
        let rest = [&self.kind, &self.since, &self.until];
        subjects.into_iter().chain(rest).any(|field| !field.is_empty())
    }
}

impl AuditPage {
    /// The formats of an export, each with the words on its button.
    pub fn formats(&self) -> [(&'static str, &'static str); 6] {
        [
            ("bundle", "Bundle that proves itself"),
            ("jsonl", "JSON Lines"),
            ("csv", "CSV"),
            ("fhir", "FHIR AuditEvent"),
            ("ocsf", "OCSF"),
            ("cef", "CEF"),
        ]
    }

    /// A type in words.
    pub fn words(&self, kind: &str) -> &'static str {
        type_words(kind)
    }
}

/// One entry of the list.
#[derive(Clone, Debug)]
pub struct EntryLine {
    /// Its index.
    pub index: u64,
    /// When it was written.
    pub time: Moment,
    /// Its dotted type.
    pub kind: String,
    /// Its outcome.
    pub outcome: String,
    /// Who did it: the token, or a name where the reader may know it.
    pub actor: String,
    /// The request that caused it.
    pub request: String,
}

impl EntryLine {
    /// Its type in words.
    pub fn words(&self) -> &'static str {
        type_words(&self.kind)
    }
}

/// The result of `POST /audit/verify`.
#[derive(Template)]
#[template(path = "verify.html")]
pub struct VerifyPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Whether everything holds.
    pub ok: bool,
    /// How many entries were checked.
    pub size: u64,
    /// The tree's root, base64.
    pub root: String,
    /// The signed checkpoint.
    pub checkpoint: String,
    /// The log's verifier key.
    pub vkey: String,
    /// What does not hold; then what should be known.
    pub problems: Vec<ProblemLine>,
    /// How long it took.
    pub duration_ms: u64,
    /// The entry that recorded this check.
    pub read_entry: Option<u64>,
}

/// One thing that does not hold, or that should be known.
#[derive(Clone, Debug)]
pub struct ProblemLine {
    /// Whether the record holds all the same.
    pub warning: bool,
    /// What kind of problem.
    pub kind: String,
    /// At which entry.
    pub index: Option<u64>,
    /// What was found.
    pub detail: String,
}
