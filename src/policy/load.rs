//! A directory of policies, checked whole: every problem is told at once, with its file.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use cedar_policy::ffi::DetailedError;
use cedar_policy::{Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use serde::Serialize;

use super::Policies;
use super::builtin::{SCHEMA, SCHEMA_FILE};
use super::decide::Compiled;
use super::words::{Words, mentions_time};
use crate::domain::digest::Digest;
use crate::domain::limits::{POLICY_BYTES_MAX, POLICY_FILES_MAX};

pub(super) const EXAMPLES: &str = ".examples.toml";

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
    fn new(name: &str, text: String) -> Self {
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
        let mut problems = Vec::new();
        let mut files = read_files(dir, &mut problems);
        let (policies, origins) = parse(&files, &mut problems);
        let compiled = compile(&mut files, policies, &origins, &mut problems);
        match compiled {
            Some(compiled) if problems.is_empty() => Ok(Self(Arc::new(compiled))),
            Some(_) | None => Err(problems),
        }
    }
}

/// The policy files in order of their names. What is there but not understood is a problem: a
/// misspelt name must not quietly drop a policy that forbids.
fn read_files(dir: &Path, problems: &mut Vec<PolicyProblem>) -> Vec<PolicyFile> {
    let mut files = Vec::new();
    for name in names(dir, problems) {
        let is_policy = name.ends_with(".cedar");
        let known = is_policy || name.ends_with(EXAMPLES) || name.ends_with(".md");
        if !known && name != SCHEMA_FILE {
            problems.push(PolicyProblem::new(
                name,
                "is neither NAME.cedar nor NAME.examples.toml: rename it or move it away",
            ));
            continue;
        }
        match read_text(&dir.join(&name)) {
            Ok(text) if is_policy => files.push(PolicyFile::new(&name, text)),
            Ok(text) if name == SCHEMA_FILE && text != SCHEMA => problems.push(PolicyProblem::new(
                name,
                "differs from the schema that this program is built with: remove it",
            )),
            Ok(_) => {}
            Err(problem) => problems.push(PolicyProblem::new(name, problem)),
        }
    }
    if files.is_empty() && problems.is_empty() {
        problems.push(PolicyProblem::new(
            dir.display().to_string(),
            "holds no *.cedar file: put policies there, e.g. one of the sets general, law, hospital",
        ));
    }
    files
}

/// Sorted names, without hidden files.
pub(super) fn names(dir: &Path, problems: &mut Vec<PolicyProblem>) -> Vec<String> {
    let here = || dir.display().to_string();
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) => {
            problems.push(PolicyProblem::new(here(), format!("cannot be read: {e}")));
            return Vec::new();
        }
    };
    let mut names = Vec::new();
    let is_hidden = |name: &OsStr| name.as_encoded_bytes().starts_with(b".");
    let names_found = entries.map(|entry| entry.map(|entry| entry.file_name()));
    let visible = names_found.filter(|name| !name.as_deref().is_ok_and(is_hidden));
    for name in visible.take(POLICY_FILES_MAX + 1) {
        match name.map(OsString::into_string) {
            Ok(Ok(name)) => names.push(name),
            Ok(Err(name)) => problems.push(PolicyProblem::new(
                name.to_string_lossy(),
                "has a name that is not UTF-8: rename it",
            )),
            Err(e) => problems.push(PolicyProblem::new(here(), format!("cannot be read: {e}"))),
        }
    }
    if names.len() > POLICY_FILES_MAX {
        problems.push(PolicyProblem::new(
            here(),
            format!("holds more than {POLICY_FILES_MAX} files: join some"),
        ));
    }
    names.sort_unstable();
    names
}

/// The text of one file, within the limit.
pub(super) fn read_text(path: &Path) -> Result<String, String> {
    let len = fs::metadata(path).map_err(|e| format!("cannot be read: {e}"))?.len();
    if len > POLICY_BYTES_MAX {
        return Err(format!("has {len} bytes, at most {POLICY_BYTES_MAX} are taken: split it"));
    }
    fs::read_to_string(path).map_err(|e| format!("cannot be read as UTF-8 text: {e}"))
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
    files: &mut Vec<PolicyFile>,
    policies: PolicySet,
    origins: &Origins,
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
    let mentions_time = mentions_time(&policies);
    let files = std::mem::take(files);
    Some(Compiled { policies, schema, words, files, digest, mentions_time })
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
