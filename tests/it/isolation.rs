//! Files are read by a process that can do nothing else; what happens to it costs one file.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use affiant::document::Sandbox;
use affiant::ingest::Source;

use crate::support::template::Holding;
use crate::support::test_app::TestApp;

fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_affiant").into()
}

#[test]
fn who_reads_files_can_open_none_reach_nobody_start_nothing_and_has_so_much_memory() {
    let held = Sandbox::new(program()).probe().unwrap();
    assert!(
        held.no_files && held.no_network && held.no_processes && held.no_more_memory,
        "{held:?}"
    );
}

/// A program that ends by the signal that a file names, and else is the real one. The shell writes
/// it: were it ours, a process that another test starts meanwhile could hold it open.
fn fragile(folder: &Path) -> PathBuf {
    let path = folder.join("fragile");
    let script = format!(
        "#!/bin/sh\n\
         job=$(mktemp -p {}); cat >\"$job\"\n\
         for signal in SEGV ABRT XCPU; do grep -q \"die of $signal\" \"$job\" && kill -$signal $$; done\n\
         exec {} \"$@\" <\"$job\"\n",
        folder.display(),
        program().display(),
    );
    let mut shell = Command::new("/bin/sh")
        .args(["-c", "cat >\"$0\" && chmod 755 \"$0\""])
        .arg(&path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut shell.stdin.take().unwrap(), script.as_bytes()).unwrap();
    assert!(shell.wait().unwrap().success());
    path
}

#[test]
fn a_file_that_takes_its_reader_down_costs_itself_alone() {
    let folder = tempfile::tempdir().unwrap();
    let fragile = fragile(folder.path());
    let app = TestApp::holding(Holding::Nothing, |options| options.reader_program = fragile);
    let text = |name: &str, text: &str| Source::Bytes {
        name: format!("{name}.txt"),
        bytes: text.as_bytes().to_vec(),
    };
    let report = app.take_in(
        vec![
            text("before", "The first fee is five crowns."),
            text("segv", "die of SEGV"),
            text("between", "The second fee is six crowns."),
            text("abrt", "die of ABRT"),
            text("xcpu", "die of XCPU"),
            text("after", "The third fee is seven crowns."),
        ],
        &[],
    );
    let reasons: Vec<(&str, &str)> =
        report.quarantined.iter().map(|file| (file.path.as_str(), file.reason.as_str())).collect();
    assert_eq!(
        reasons,
        [("segv.txt", "malformed"), ("abrt.txt", "too_large"), ("xcpu.txt", "too_slow")]
    );
    let titles: Vec<&str> = report.documents.iter().map(|file| file.title.as_str()).collect();
    assert_eq!(titles, ["before", "between", "after"]);
}
