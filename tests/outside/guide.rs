//! The guide in a bundle, `VERIFY.md`, followed to the letter with the tools that it names.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use libtest_mimic::Failed;
use tempfile::TempDir;

const TOOLS: [&str; 6] = ["bash", "zstd", "tar", "sha256sum", "openssl", "python3"];

/// What it takes and this machine lacks.
pub(crate) fn missing() -> Option<String> {
    let lacks = |name: &&&str| Command::new(name).arg("--version").output().is_err();
    TOOLS.iter().find(lacks).map(|name| format!("this machine has no {name}"))
}

fn affiant(home: &Path, arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_affiant"));
    let output = command.arg("--home").arg(home).arg("--json").args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

/// The indented lines of the guide: commands, up to those of our own program.
fn steps(guide: &str) -> String {
    let lines = guide.lines().filter_map(|line| line.strip_prefix("    "));
    let steps: Vec<&str> = lines.take_while(|line| !line.starts_with("affiant ")).collect();
    steps.join("\n") + "\n"
}

/// Runs the steps where the archive lies; `between` stands after the unpacking.
fn follow(folder: &Path, guide: &str, between: &str) -> Output {
    let steps = steps(guide);
    let (unpack, check) = steps.split_once("sha256sum").unwrap();
    let script = format!("{unpack}{between}\nsha256sum{check}");
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &script]).current_dir(folder);
    bash.env("PYTHONDONTWRITEBYTECODE", "1").output().unwrap()
}

/// A bundle by whose guide an auditor goes who was handed another before: the log's key is the same
/// since, or another signs beside it, or another signs alone.
pub(crate) fn can_be_followed_after_a_change_of_keys() -> Result<(), Failed> {
    for (keys, turns) in [(1, &[][..]), (2, &["rotate"][..]), (2, &["rotate", "retire"][..])] {
        let folder = TempDir::new()?;
        let home = folder.path().join("home");
        affiant(&home, &["init"]);
        let archive = folder.path().join("affiant-bundle.tar.zst");
        let out = archive.to_str().unwrap();
        let older = folder.path().join("older-checkpoint");
        fs::copy(home.join("log/checkpoint"), &older)?;
        for turn in turns {
            affiant(&home, &["audit", "key", *turn]);
        }
        let older = older.to_str().unwrap();
        let format = ["audit", "export", "--format", "bundle", "--out", out];
        affiant(&home, &[&format[..], &["--since-checkpoint", older]].concat());
        let (log, vkey) = (home.join("log"), home.join("log.vkey"));
        for place in [log.to_str().unwrap(), out] {
            let vkey = vkey.to_str().unwrap();
            affiant(&home, &["audit", "verify", place, "--vkey", vkey, "--since", older]);
        }
        let unpacked = folder.path().join("once");
        affiant::examine::bundle::unpack(&archive, &unpacked)?;
        let guide = fs::read_to_string(unpacked.join("VERIFY.md"))?;
        let accepted = follow(folder.path(), &guide, ":");
        let text = said(&accepted);
        if !accepted.status.success() || !text.contains("OK ") {
            return Err(format!("after {turns:?} the guide does not accept it: {text}").into());
        }
        assert_eq!(fs::read_to_string(folder.path().join("log.vkeys"))?.lines().count(), keys);
    }
    Ok(())
}

pub(crate) fn can_be_followed() -> Result<(), Failed> {
    let folder = TempDir::new()?;
    let home = folder.path().join("home");
    affiant(&home, &["init"]);
    let archive = folder.path().join("affiant-bundle.tar.zst");
    affiant(&home, &["audit", "export", "--format", "bundle", "--out", archive.to_str().unwrap()]);
    let unpacked = folder.path().join("once");
    affiant::examine::bundle::unpack(&archive, &unpacked)?;
    let guide = fs::read_to_string(unpacked.join("VERIFY.md"))?;
    let accepted = follow(folder.path(), &guide, ":");
    let text = said(&accepted);
    if !accepted.status.success() || !text.contains("OK ") {
        return Err(format!("the guide does not accept a bundle of ours: {text}").into());
    }
    for (what, between) in [
        ("an entry", "printf x | dd of=$(find log/tile/entries -type f) bs=1 seek=9 conv=notrunc"),
        ("a record", "echo >> records/csv/00000.csv"),
        ("the statement", "sed -i 's/sig\":\"./sig\":\"*/' manifest.dsse.json"),
        ("the list", "sed -i 1d SHA256SUMS"),
    ] {
        fs::remove_dir_all(folder.path().join("bundle"))?;
        let refused = follow(folder.path(), &guide, between);
        if refused.status.success() {
            return Err(format!("the guide accepts a bundle with {what} changed").into());
        }
    }
    Ok(())
}
