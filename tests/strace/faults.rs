//! Faults, and where they can be put.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

/// Calls that change what is on disk, or get at it.
pub(crate) const CALLS: [&str; 12] = [
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "openat",
    "ftruncate",
    "fallocate",
    "unlink",
    "mkdir",
    "link",
];

/// What becomes of a call.
pub(crate) const KINDS: [&str; 3] = ["error=EIO", "error=ENOSPC", "signal=KILL"];

/// Whether strace is here and may trace.
pub(crate) fn possible() -> bool {
    let quiet = ["-D", "-qq", "-o", "/dev/null", "true"];
    let mut command = Command::new("strace");
    command.args(quiet).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// One call of one program: strace counts calls by thread, so more than one may be meant.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Point {
    pub(crate) call: &'static str,
    /// Which of a thread's calls of this kind, from 1.
    pub(crate) nth: usize,
}

/// The calls of a trace (`strace -f -y`) that touch `home`.
pub(crate) fn points(trace: &str, home: &Path) -> BTreeSet<Point> {
    let home = home.to_str().unwrap();
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut found = BTreeSet::new();
    for line in trace.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((name, arguments)) = rest.trim_start().split_once('(') else { continue };
        let Some(call) = CALLS.into_iter().find(|call| *call == name) else { continue };
        let count = counts.entry((thread, call)).or_default();
        *count += 1;
        if arguments.contains(home) {
            found.insert(Point { call, nth: *count });
        }
    }
    found
}
