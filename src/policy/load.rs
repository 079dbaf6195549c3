//! A directory of policies, checked whole: every problem is told at once, with its file.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use cedar_policy::ffi::DetailedError;
use cedar_policy::{Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use serde::Serialize;

use super::Policies;
use super::builtin::{SCHEMA, SCHEMA_FILE};
use super::cache::Decisions;
use super::decide::Compiled;
use super::reach::Reach;
use super::slice::Unscoped;
use super::source::PolicySource;
use super::words::{Words, mentions_time};
use crate::domain::digest::Digest;

/// One file that takes part in decisions.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct PolicyFile {
    /// Its name in the directory.
    pub name: String,
    /// SHA-256 of its text.
    pub digest: Digest,
    /// Its text.
    pub text: String,
}

/// Something that keeps a directory of policies from taking effect. Operator's fault.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct PolicyProblem {
    /// The file, or the directory itself.
    pub file: String,
    /// What is wrong, with the line where it is known, and what to do.
    pub detail: String,
}

impl fmt::Display for PolicyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.detail)
    }
}

impl PolicyProblem {
    pub(super) fn new(file: impl Into<String>, detail: impl fmt::Display) -> Self {
        Self { file: file.into(), detail: detail.to_string() }
    }
}

impl PolicyFile {
    pub(super) fn new(name: &str, text: String) -> Self {
        Self { name: name.to_owned(), digest: Digest::of(text.as_bytes()), text }
    }
}

impl Policies {
    /// Loads and checks every policy of a directory.
    ///
    /// # Errors
    /// All problems at once: files that cannot be read or are neither policies nor examples,
    /// policies that do not parse or do not fit the schema.
    pub fn load(dir: &Path) -> Result<Self, Vec<PolicyProblem>> {
        Self::of(PolicySource::gather(dir))
    }

    /// Checks every policy among these files.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn from_files(files: BTreeMap<String, String>) -> Result<Self, Vec<PolicyProblem>> {
        Self::of(PolicySource::sort_out(files))
    }

    /// The policies of a set that was kept.
    ///
    /// # Errors
    /// As [`Self::load`]: the program may take other policies than it did then.
    pub fn from_source(source: PolicySource) -> Result<Self, Vec<PolicyProblem>> {
        Self::of((source, Vec::new()))
    }

    fn of(
        (source, mut problems): (PolicySource, Vec<PolicyProblem>),
    ) -> Result<Self, Vec<PolicyProblem>> {
        let files = source.policies();
        let (policies, origins) = parse(&files, &mut problems);
        let compiled = compile(files, (policies, &origins), source, &mut problems);
        match compiled {
            Some(compiled) if problems.is_empty() => Ok(Self::fixed(compiled)),
            Some(_) | None => Err(problems),
        }
    }
}

/// Which file a policy came from.
type Origins = std::collections::HashMap<PolicyId, usize>;

fn parse(files: &[PolicyFile], problems: &mut Vec<PolicyProblem>) -> (PolicySet, Origins) {
    let (mut all, mut origins) = (PolicySet::new(), Origins::new());
    for (at, file) in files.iter().enumerate() {
        let set = match file.text.parse::<PolicySet>() {
            Ok(set) => set,
            Err(errors) => {
                let detailed = DetailedError::from(&errors);
                problems.extend(located(file, &detailed));
                continue;
            }
        };
        if set.num_of_templates() > 0 {
            problems.push(PolicyProblem::new(
                &file.name,
                "holds a template (?principal or ?resource): write a policy with `when` instead",
            ));
        }
        for policy in set.policies() {
            if let Err(detail) = check_names(policy) {
                problems.push(PolicyProblem::new(&file.name, detail));
            }
            let own =
                policy.annotation("id").map_or_else(|| policy.id().to_string(), str::to_owned);
            let id = PolicyId::new(format!("{}/{own}", file.name));
            origins.insert(id.clone(), at);
            if let Err(e) = all.add(policy.new_id(id)) {
                problems.push(PolicyProblem::new(&file.name, format!("{e}: give each @id once")));
            }
        }
    }
    (all, origins)
}

/// A document has no identity in a request, so a policy that names one would never match.
fn check_names(policy: &Policy) -> Result<(), String> {
    let named = policy
        .entity_literals()
        .into_iter()
        .find(|uid| matches!(uid.type_name().to_string().as_str(), "Document" | "Appliance"));
    named.map_or(Ok(()), |uid| Err(format!("names {uid}: write conditions on labels instead")))
}

fn compile(
    mut files: Vec<PolicyFile>,
    (policies, origins): (PolicySet, &Origins),
    source: PolicySource,
    problems: &mut Vec<PolicyProblem>,
) -> Option<Compiled> {
    let mut broken = |detail: String| problems.push(PolicyProblem::new(SCHEMA_FILE, detail));
    let (schema, _) = Schema::from_cedarschema_str(SCHEMA)
        .map_err(|e| broken(DetailedError::from(&e).message))
        .ok()?;
    let words = Words::of(&schema).map_err(|e| broken(e.to_string())).ok()?;
    let validator = Validator::new(schema.clone());
    let result = validator.validate(&policies, ValidationMode::Strict);
    let errors = result.validation_errors().map(|e| (e.policy_id(), DetailedError::from(e)));
    let warnings = result.validation_warnings().map(|w| (w.policy_id(), DetailedError::from(w)));
    for (id, error) in errors.chain(warnings) {
        if let Some(file) = origins.get(id).and_then(|at| files.get(*at)) {
            problems.extend(located(file, &error));
        } else {
            problems.push(PolicyProblem::new(id.to_string(), error.message));
        }
    }
    problems.sort_by(|a, b| (&a.file, &a.detail).cmp(&(&b.file, &b.detail)));
    files.push(PolicyFile::new(SCHEMA_FILE, SCHEMA.to_owned()));
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let parts = files.iter().flat_map(|f| [f.name.as_bytes(), &f.digest.as_bytes()[..]]);
    let digest = Digest::of_parts(parts);
    Some(Compiled {
        mentions_time: mentions_time(&policies),
        reach: Reach::of(&policies),
        unscoped: Unscoped::of(&policies),
        decisions: Decisions::default(),
        policies,
        schema,
        words,
        files: files.into(),
        source,
        digest,
    })
}

/// One problem for an error of Cedar and one for each related to it, each with its line.
fn located(file: &PolicyFile, error: &DetailedError) -> Vec<PolicyProblem> {
    [error]
        .into_iter()
        .chain(&error.related)
        .map(|error| {
            let line = error.source_locations.first().map(|label| {
                let before = file.text.as_bytes().iter().take(label.loc.start);
                format!("line {}: ", before.filter(|byte| **byte == b'\n').count() + 1)
            });
            let help = error.help.as_deref().map(|help| format!(" ({help})"));
            let (line, help) = (line.unwrap_or_default(), help.unwrap_or_default());
            PolicyProblem::new(&file.name, format!("{line}{}{help}", error.message))
        })
        .collect()
}
