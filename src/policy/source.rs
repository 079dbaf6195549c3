//! A set of policies as it was written: every file, in one piece.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use similar::TextDiff;

use super::builtin::{SCHEMA, SCHEMA_FILE};
use super::load::{PolicyFile, PolicyProblem};
use crate::domain::digest::Digest;
use crate::domain::limits::{POLICY_BYTES_MAX, POLICY_FILES_MAX, POLICY_SET_BYTES_MAX};
use crate::durable::{self, Readers};

pub(super) const EXAMPLES: &str = ".examples.toml";
const POLICY: &str = ".cedar";
/// Lines around a change that a comparison shows.
const CONTEXT_LINES: usize = 3;

/// The files of a policy set by name: policies, the examples beside them, notes.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct PolicySource(BTreeMap<String, String>);

impl PolicySource {
    /// The files of a folder, without hidden ones, and every problem: files that cannot be read,
    /// are too large, or are not part of a set.
    pub(super) fn gather(dir: &Path) -> (Self, Vec<PolicyProblem>) {
        let mut unread = Vec::new();
        let mut files = BTreeMap::new();
        for name in names(dir, &mut unread) {
            match read_text(&dir.join(&name)) {
                Ok(text) => {
                    files.insert(name, text);
                }
                // Of what is no part of a set, its name is problem enough.
                Err(_) if !is_known(&name) => unread.push(unknown(name)),
                Err(problem) => unread.push(PolicyProblem::new(name, problem)),
            }
        }
        let (source, mut problems) = Self::sort_out(files);
        // What could not be read may be what seems to be missing.
        problems.retain(|problem| unread.is_empty() || problem.file != SET);
        for problem in problems.iter_mut().filter(|problem| problem.file == SET) {
            problem.file = dir.display().to_string();
        }
        unread.extend(problems);
        (source, unread)
    }

    /// These files, and every problem. The schema may lie among them as it is built in; it is not
    /// kept. What is there but not understood is a problem: a misspelt name must not quietly drop
    /// a policy that forbids.
    pub(super) fn sort_out(mut files: BTreeMap<String, String>) -> (Self, Vec<PolicyProblem>) {
        let mut problems = Vec::new();
        if files.remove(SCHEMA_FILE).is_some_and(|text| text != SCHEMA) {
            problems.push(PolicyProblem::new(
                SCHEMA_FILE,
                "differs from the schema that this program is built with: remove it",
            ));
        }
        let mut total = 0;
        for (name, text) in files.extract_if(.., |name, text| {
            total += text.len() as u64;
            !is_known(name) || text.len() as u64 > POLICY_BYTES_MAX
        }) {
            problems.push(match is_known(&name) {
                true => PolicyProblem::new(name, too_large(text.len() as u64)),
                false => unknown(name),
            });
        }
        if total > POLICY_SET_BYTES_MAX || files.len() > POLICY_FILES_MAX {
            let detail = format!(
                "is larger than {POLICY_FILES_MAX} files or {POLICY_SET_BYTES_MAX} bytes: shorten it"
            );
            problems.push(PolicyProblem::new(SET, detail));
        }
        if !files.keys().any(|name| name.ends_with(POLICY)) && problems.is_empty() {
            problems.push(PolicyProblem::new(
                SET,
                "holds no *.cedar file: put policies there, e.g. one of the sets general, law, hospital",
            ));
        }
        (Self(files), problems)
    }

    /// The policy files, in order of their names.
    pub(super) fn policies(&self) -> Vec<PolicyFile> {
        let files = self.0.iter().filter(|(name, _)| name.ends_with(POLICY));
        files.map(|(name, text)| PolicyFile::new(name, text.clone())).collect()
    }

    /// The examples, in order of their names.
    pub(super) fn examples(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(|(name, _)| name.ends_with(EXAMPLES))
    }

    /// Every file, in order of the names.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// Name and digest of every file that decides, the schema of this program among them.
    pub fn digests(&self) -> BTreeMap<String, Digest> {
        let own = self.policies().into_iter().map(|file| (file.name, file.digest));
        own.chain([(SCHEMA_FILE.to_owned(), Digest::of(SCHEMA.as_bytes()))]).collect()
    }

    /// What differs in `other`, as one unified diff; empty where nothing does.
    pub fn diff(&self, other: &Self) -> String {
        // First what decides, then what goes with it.
        let is_beside = |name: &String| !name.ends_with(POLICY);
        let names = self.0.keys().chain(other.0.keys()).map(|name| (is_beside(name), name));
        let names: std::collections::BTreeSet<(bool, &String)> = names.collect();
        let mut all = String::new();
        for (_, name) in names {
            let side = |files: &Self| files.0.get(name).cloned();
            let (old, new) = (side(self), side(other));
            if old != new {
                let head = |there: &Option<String>, side: &str| match there {
                    Some(_) => format!("{side}/{name}"),
                    None => "/dev/null".to_owned(),
                };
                let (from, to) = (head(&old, "a"), head(&new, "b"));
                let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
                let diff = TextDiff::from_lines(&old, &new);
                let mut diff = diff.unified_diff();
                all.push_str(&diff.context_radius(CONTEXT_LINES).header(&from, &to).to_string());
            }
        }
        all
    }

    /// Puts the files into `dir` in place of what is there, in one step: the folder is whole at
    /// every moment, but may be missing after a crash.
    ///
    /// # Errors
    /// Any IO error, with the path in its text.
    pub fn write(&self, dir: &Path) -> std::io::Result<()> {
        let (fresh, retired) = (dir.with_extension("new"), dir.with_extension("old"));
        remove_folder(&fresh)?;
        remove_folder(&retired)?;
        durable::create_dir_all(&fresh)?;
        for (name, text) in &self.0 {
            durable::create_new(&fresh.join(name), text.as_bytes(), Readers::Owner)?;
        }
        if dir.exists() {
            durable::rename(dir, &retired)?;
        }
        durable::rename(&fresh, dir)?;
        remove_folder(&retired)
    }
}

/// Stands for the set as a whole where a problem is no single file's.
const SET: &str = "the set";

fn remove_folder(path: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(durable::at(path, "remove", e)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Names come from uploads too: nothing that could lead out of a folder.
fn is_known(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | ' ' | '(' | ')');
    let is_plain = !name.starts_with('.') && name.chars().all(plain) && name.len() <= 200;
    let known = [POLICY, EXAMPLES, ".md"].iter().any(|end| name.ends_with(end));
    is_plain && (known || name == SCHEMA_FILE)
}

fn unknown(name: String) -> PolicyProblem {
    let detail = "is neither NAME.cedar nor NAME.examples.toml: rename it or move it away";
    PolicyProblem::new(name, detail)
}

/// Sorted names, without hidden files.
fn names(dir: &Path, problems: &mut Vec<PolicyProblem>) -> Vec<String> {
    let here = || dir.display().to_string();
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) => {
            problems.push(PolicyProblem::new(here(), format!("cannot be read: {e}")));
            return Vec::new();
        }
    };
    let mut names = Vec::new();
    // Hidden files must not push a policy out of the count.
    let is_hidden = |name: &OsString| name.as_encoded_bytes().starts_with(b".");
    let found = entries.map(|entry| entry.map(|entry| entry.file_name()));
    let visible = found.filter(|name| !name.as_ref().is_ok_and(is_hidden));
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
fn read_text(path: &Path) -> Result<String, String> {
    let len = fs::metadata(path).map_err(|e| format!("cannot be read: {e}"))?.len();
    if len > POLICY_BYTES_MAX {
        return Err(too_large(len));
    }
    fs::read_to_string(path).map_err(|e| format!("cannot be read as UTF-8 text: {e}"))
}

fn too_large(bytes: u64) -> String {
    format!("has {bytes} bytes, at most {POLICY_BYTES_MAX} are taken: split it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(files: &[(&str, &str)]) -> PolicySource {
        let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let (source, problems) = PolicySource::sort_out(files.collect());
        assert_eq!(problems, []);
        source
    }

    #[test]
    fn what_differs_is_told_line_by_line_and_file_by_file() {
        let old =
            source(&[("a.cedar", "permit (principal, action, resource);\n"), ("n.md", "x\n")]);
        let new = source(&[("a.cedar", "forbid (principal, action, resource);\n")]);
        assert_eq!(old.diff(&old), "");
        let expected = "--- a/a.cedar\n+++ b/a.cedar\n@@ -1 +1 @@\n\
            -permit (principal, action, resource);\n+forbid (principal, action, resource);\n\
            --- a/n.md\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n";
        assert_eq!(old.diff(&new), expected);
        let examples = source(&[("a.examples.toml", "x\n"), ("b.cedar", "// y\n")]);
        let diff = PolicySource::default().diff(&examples);
        assert!(diff.find("b.cedar") < diff.find("a.examples.toml"), "what decides comes first");
    }

    #[test]
    fn a_set_is_written_whole_over_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("policies");
        let first = source(&[("a.cedar", "// one\n"), ("b.cedar", "// two\n")]);
        let second = source(&[("a.cedar", "// three\n")]);
        for set in [&first, &second, &second] {
            set.write(&dir).unwrap();
            assert_eq!(PolicySource::gather(&dir), (set.clone(), Vec::new()));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn uploaded_names_stay_in_their_folder() {
        for name in ["../a.cedar", "x/a.cedar", ".a.cedar", "a.cedar\0", "a.toml", "\\a.cedar"] {
            let files = [(name.to_owned(), String::new()), ("b.cedar".to_owned(), String::new())];
            let (_, problems) = PolicySource::sort_out(files.into());
            assert_eq!(problems.len(), 1, "{name:?}");
        }
    }
}
