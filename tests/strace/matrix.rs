//! One command, once for each fault: after it the home opens by itself, and has lost nothing that
//! was acknowledged.

use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::faults::{CALLS, KINDS, Point, points};
use crate::support::process::Cli;
use crate::support::template::Holding;
use crate::support::test_app::TestApp;
use crate::support::{record, wanted};

pub(crate) fn of_a_command() {
    run(&["user", "token", "staff"], "token.issued", wanted("FAULTS", 60));
}

pub(crate) fn of_a_search() {
    // Each loads the models.
    let count = wanted("FAULTS", 60) / 10;
    run(&["search", "late payments", "--as", "staff"], "search.released", count);
}

/// Runs the command with about `count` of all faults, spread evenly; an entry of `kind` is what it
/// acknowledges.
fn run(command: &[&str], kind: &str, count: usize) {
    let mut subject = Subject::new();
    let before = subject.check("no fault").iter().filter(|entry| entry["type"] == kind).count();
    let mut acknowledged = 0;
    let points = subject.points(command);
    assert!(points.len() > 20, "{points:?}");
    let faults: Vec<(Point, &str)> =
        points.iter().flat_map(|point| KINDS.map(|fault| (*point, fault))).collect();
    // Points are sorted by call: every step takes another fault too, as 3 does not divide it.
    let step = (faults.len() / count.max(1)).max(1);
    let step = if step > 1 && step.is_multiple_of(3) { step + 1 } else { step };
    for (point, fault) in faults.iter().step_by(step) {
        let case = format!("{fault} at {point:?} of {command:?}");
        let output = subject.run_with(*point, fault, command);
        match output.status.code() {
            // Killed.
            None => assert_eq!(*fault, "signal=KILL", "{case}"),
            Some(0) => acknowledged += 1,
            // Not available; a configuration that cannot be read; sled panics where its last flush
            // fails, which is after everything.
            Some(code) => assert!([5, 2, 101].contains(&code), "{case}: {output:?}"),
        }
        let entries = subject.check(&case);
        let found = entries.iter().filter(|entry| entry["type"] == kind).count();
        assert!(found >= before + 1 + acknowledged, "{case}: what was acknowledged is gone");
    }
}

/// A home that is used again after each fault.
struct Subject {
    folder: TempDir,
    cli: Cli,
    /// Leaf hashes.
    known: Vec<Value>,
}

impl Subject {
    fn new() -> Self {
        let folder = TestApp::folder(Holding::Corpus);
        let cli = Cli::on(folder.path());
        Self { folder, cli, known: Vec::new() }
    }

    fn strace(&self, options: &[&str], command: &[&str]) -> Output {
        let mut strace = Command::new("strace");
        strace.args(["-D", "-f", "-qq"]).args(options).arg(env!("CARGO_BIN_EXE_affiant"));
        strace.arg("--json").arg("--home").arg(self.folder.path()).args(command);
        strace.output().unwrap()
    }

    /// Where faults can be put into this command, which is run once without.
    fn points(&self, command: &[&str]) -> Vec<Point> {
        let outside = TempDir::new().unwrap();
        let trace = outside.path().join("trace");
        let calls = format!("trace={}", CALLS.join(","));
        let options = ["-y", "-e", &calls, "-o", trace.to_str().unwrap()];
        let output = self.strace(&options, command);
        assert!(output.status.success(), "{output:?}");
        let trace = std::fs::read_to_string(&trace).unwrap();
        points(&trace, self.folder.path()).into_iter().collect()
    }

    fn run_with(&self, point: Point, fault: &str, command: &[&str]) -> Output {
        let Point { call, nth } = point;
        let (trace, inject) =
            (format!("trace={call}"), format!("inject={call}:{fault}:when={nth}"));
        self.strace(&["-e", &trace, "-e", &inject, "-o", "/dev/null"], command)
    }

    /// The home opens without a hand, its log only ever grew, and every question has its one end.
    fn check(&mut self, case: &str) -> Vec<Value> {
        let listed = self.cli.run(&["--json", "audit", "list", "--limit", "1000000"]);
        assert_eq!(listed.code, 0, "{case}: {listed:?}");
        let rows = listed.json()["entries"].as_array().unwrap().clone();
        let leaves: Vec<Value> = rows.iter().map(|row| row["leaf_hash"].clone()).collect();
        assert!(leaves.starts_with(&self.known), "{case}: the log forked");
        self.known = leaves;
        let verified = self.cli.run(&["--json", "audit", "verify"]);
        assert_eq!(verified.code, 0, "{case}: {verified:?}");
        let entries: Vec<Value> = rows.into_iter().map(|row| row["entry"].clone()).collect();
        record::check_questions(&entries);
        entries
    }
}
