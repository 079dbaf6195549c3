//! What is found in a bundle or a home besides the log itself, and the list of its kinds.

use crate::audit::{Problem, ProblemKind, Report};

/// A bundle or home that is wrong everywhere needs no longer list than this.
const PROBLEMS_MAX: usize = 1_000;

/// Every kind that a bundle or a home can have besides those of its log.
pub const PROBLEM_KINDS: &[ProblemKind] = &[
    ProblemKind::problem("bundle_archive", "the archive of a bundle does not unpack"),
    ProblemKind::problem(
        "bundle_file",
        "a file of a bundle is altered, missing, or none that a bundle holds",
    ),
    ProblemKind::problem(
        "bundle_key",
        "the keyring or the policy of a bundle does not fit its log",
    ),
    ProblemKind::problem(
        "bundle_manifest",
        "the signed statement of a bundle is not signed, or states something else",
    ),
    ProblemKind::problem(
        "bundle_previous",
        "the earlier checkpoint in a bundle is none of its log, or not proved to be its beginning",
    ),
    ProblemKind::problem(
        "record_mismatch",
        "a record in a bundle does not follow from an entry, or is missing",
    ),
    ProblemKind::problem(
        "anchor_mismatch",
        "a timestamp of a checkpoint, its request or the checkpoint is not there or is another",
    ),
    ProblemKind::problem(
        "payload_missing",
        "contents that an entry commits to are gone, unrecorded",
    ),
    ProblemKind::problem(
        "payload_damaged",
        "the vault holds something else than the contents that an entry commits to",
    ),
    ProblemKind::problem("erasure_undone", "a data key that was destroyed on record is there"),
    ProblemKind::warning(
        "records_not_compared",
        "another version of the program made the bundle: only its JSON Lines were compared",
    ),
];

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Findings {
    /// Adds a finding of a listed kind, as a problem or as a warning.
    pub(super) fn add(&mut self, kind: &str, index: Option<u64>, detail: String) {
        let listed = || PROBLEM_KINDS.iter().chain(crate::audit::PROBLEM_KINDS);
        let listed = listed().find(|listed| listed.kind == kind);
        debug_assert!(listed.is_some(), "{kind} is not among the kinds");
        let list = match listed.is_some_and(|listed| listed.warning) {
            true => &mut self.warnings,
            false => &mut self.problems,
        };
        let (kind, detail) = match list.len() {
            PROBLEMS_MAX => ("too_many_problems", "more are not listed".to_owned()),
            count if count > PROBLEMS_MAX => return,
            _ => (kind, detail),
        };
        list.push(Problem { kind: kind.to_owned(), index, detail });
    }

    /// Adds them to those of the log.
    pub(super) fn join(self, report: &mut Report) {
        report.problems.extend(self.problems);
        report.warnings.extend(self.warnings);
        report.ok = report.problems.is_empty();
    }
}
