//! What the verifier reports: problems, warnings, and the list of their kinds.

use std::fmt::Write as _;

use serde::Serialize;

use super::folder::FolderError;

/// A log that is wrong everywhere needs no longer list than this.
pub(super) const PROBLEMS_MAX: usize = 1_000;

/// What was found.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Report {
    /// Whether there is no problem. Warnings do not count.
    pub ok: bool,
    /// Entries that the checkpoint states; 0 where it could not be accepted.
    pub size: u64,
    /// Entries of the logs of its home that ended before it and were verified with it.
    pub before: u64,
    /// The root that the checkpoint states, in base64; empty where it could not be accepted.
    pub root: String,
    /// What is wrong, at most about a thousand items.
    pub problems: Vec<Problem>,
    /// What is not wrong, but an auditor should know; at most about a thousand items.
    pub warnings: Vec<Problem>,
}

/// One thing that is wrong, or that should be known.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Problem {
    /// A code, see [`PROBLEM_KINDS`].
    pub kind: String,
    /// The entry, where it is about one.
    pub index: Option<u64>,
    /// A sentence that names the file.
    pub detail: String,
}

/// One kind of problem or warning.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProblemKind {
    /// Its code.
    pub kind: &'static str,
    /// Whether it is a warning: `ok` may be true beside it.
    pub warning: bool,
    /// What it means.
    pub meaning: &'static str,
}

impl ProblemKind {
    /// A kind of problem.
    pub const fn problem(kind: &'static str, meaning: &'static str) -> Self {
        Self { kind, warning: false, meaning }
    }

    /// A kind of warning.
    pub const fn warning(kind: &'static str, meaning: &'static str) -> Self {
        Self { kind, warning: true, meaning }
    }
}

/// Every kind that a log can have, in the order of checking.
pub const PROBLEM_KINDS: &[ProblemKind] = &[
    ProblemKind::problem("vkey", "the verifier key is not one"),
    ProblemKind::problem(
        "checkpoint",
        "the checkpoint is missing, malformed, or not signed by this key",
    ),
    ProblemKind::problem(
        "quorum",
        "too few of the policy's witnesses have cosigned the checkpoint",
    ),
    ProblemKind::problem(
        "since_checkpoint",
        "the earlier checkpoint is malformed, or signed by no key that this log had",
    ),
    ProblemKind::problem("shrunk", "the log has fewer entries than an earlier checkpoint of it"),
    ProblemKind::problem(
        "forked",
        "an earlier checkpoint states another root for its number of entries",
    ),
    ProblemKind::problem(
        "missing_file",
        "a tile or bundle that a log of this size has is not there",
    ),
    ProblemKind::problem(
        "malformed_file",
        "a tile or bundle has another length or structure than its name says",
    ),
    ProblemKind::problem("unreadable_file", "a file or folder cannot be read"),
    ProblemKind::problem("entry_mismatch", "an entry does not have the hash that its tile states"),
    ProblemKind::problem("tile_mismatch", "a tile does not have the hashes of the tiles below it"),
    ProblemKind::problem(
        "root_mismatch",
        "the tiles do not have the root that the checkpoint states",
    ),
    ProblemKind::problem(
        "stale_partial",
        "an old partial tile or bundle is no beginning of today's",
    ),
    ProblemKind::problem(
        "unpublished_file",
        "a tile or bundle lies beyond what the checkpoint covers",
    ),
    ProblemKind::problem("unknown_file", "a file or link that no log has"),
    ProblemKind::problem(
        "entry_schema",
        "an entry is not canonical, or not as its type prescribes",
    ),
    ProblemKind::problem("duplicate_id", "an entry has the id of an earlier one"),
    ProblemKind::problem("time_order", "an entry is earlier than the one before it"),
    ProblemKind::problem("duplicate_query", "a query is received while it is open already"),
    ProblemKind::problem("query_order", "something was retrieved or shown out of its order"),
    ProblemKind::problem(
        "terminal_without_query",
        "a query ends that is not open: a second end, or none began",
    ),
    ProblemKind::problem("open_query", "a query has no terminal entry and cannot get one any more"),
    ProblemKind::problem(
        "unknown_document",
        "retrieval returned a document that no earlier entry activated",
    ),
    ProblemKind::problem(
        "deleted_document",
        "retrieval returned a document that was deleted before the query",
    ),
    ProblemKind::problem(
        "cited_without_evidence",
        "an answer cites a document that was no evidence of its query",
    ),
    ProblemKind::problem("erased_under_hold", "keys of what a hold keeps were to be destroyed"),
    ProblemKind::problem(
        "policy_not_in_force",
        "an entry names a policy set that was not in force",
    ),
    ProblemKind::problem(
        "key_chain",
        "a change of keys does not follow from the one before, or none of its keys has signed",
    ),
    ProblemKind::problem(
        "key_possession",
        "a new key shows no signature of its own over old and new key",
    ),
    ProblemKind::problem("log_continued", "log.continued is not the first entry"),
    ProblemKind::problem("after_freeze", "an entry follows log.frozen, which ends a log"),
    ProblemKind::problem(
        "epoch_chain",
        "a log does not go on from those before it: one is gone, or is another",
    ),
    ProblemKind::problem("too_many_problems", "the list ends here: there are more"),
    ProblemKind::warning(
        "uncosigned_tail",
        "the newest entries are not yet cosigned by a quorum of witnesses",
    ),
    ProblemKind::warning(
        "running_query",
        "a query among the last entries has no terminal entry yet",
    ),
    ProblemKind::warning(
        "silence",
        "a running appliance wrote nothing for longer than its heartbeats allow",
    ),
    ProblemKind::warning("clock_stepped", "the machine's clock was set while the appliance ran"),
    ProblemKind::warning("too_many_warnings", "the list ends here: there are more"),
];

/// A Markdown table of kinds of problems and warnings.
pub fn problem_kinds<'a>(kinds: impl IntoIterator<Item = &'a ProblemKind>) -> String {
    let mut table = String::from("| kind | | meaning |\n| --- | --- | --- |\n");
    for ProblemKind { kind, warning, meaning } in kinds {
        let weight = if *warning { "warning" } else { "problem" };
        let written = writeln!(table, "| `{kind}` | {weight} | {meaning} |");
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
    }
    table
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Problems {
    problems: List,
    warnings: List,
}

#[derive(Default)]
struct List {
    found: Vec<Problem>,
    dropped: u64,
}

impl List {
    fn add(&mut self, kind: &str, index: Option<u64>, detail: String) {
        match self.is_full() {
            true => self.dropped += 1,
            false => self.found.push(Problem { kind: kind.to_owned(), index, detail }),
        }
    }

    fn is_full(&self) -> bool {
        self.found.len() >= PROBLEMS_MAX
    }

    fn finish(mut self, kind: &str) -> Vec<Problem> {
        if self.is_full() {
            let detail = format!("at least {} more are not listed", self.dropped);
            self.found.push(Problem { kind: kind.to_owned(), index: None, detail });
        }
        self.found
    }
}

impl Problems {
    /// Adds a finding of a listed kind, as a problem or as a warning.
    pub(super) fn add(&mut self, kind: &str, index: Option<u64>, detail: String) {
        let listed = PROBLEM_KINDS.iter().find(|listed| listed.kind == kind);
        debug_assert!(listed.is_some(), "{kind} is not among PROBLEM_KINDS");
        match listed.is_some_and(|listed| listed.warning) {
            true => self.warnings.add(kind, index, detail),
            false => self.problems.add(kind, index, detail),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.problems.is_full()
    }

    pub(super) fn add_folder_error(&mut self, index: Option<u64>, error: &FolderError) {
        let kind = match error {
            FolderError::Missing { .. } => "missing_file",
            FolderError::Corrupt { .. } => "malformed_file",
            FolderError::Io(_) => "unreadable_file",
        };
        self.add(kind, index, error.to_string());
    }

    /// The value, or its error on the list.
    pub(super) fn keep<T>(
        &mut self,
        index: Option<u64>,
        result: Result<T, FolderError>,
    ) -> Option<T> {
        result.inspect_err(|error| self.add_folder_error(index, error)).ok()
    }

    /// The report on a log whose checkpoint states this.
    pub(super) fn report(self, size: u64, root: String) -> Report {
        let problems = self.problems.finish("too_many_problems");
        let warnings = self.warnings.finish("too_many_warnings");
        Report { ok: problems.is_empty(), size, before: 0, root, problems, warnings }
    }
}
