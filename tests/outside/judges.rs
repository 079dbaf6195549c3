//! Who judges: programs of others, run as processes.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::sample::Sample;

/// Where Debian puts the sources of Go libraries.
const GO_PATH: &str = "/usr/share/gocode";

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Judge {
    Go,
    Python,
    /// The checkpoint's signature alone.
    Openssl,
}

/// What a judge said.
pub(crate) struct Verdict {
    pub(crate) accepts: bool,
    pub(crate) said: String,
}

impl Judge {
    /// What it takes and this machine lacks.
    pub(crate) fn missing(self) -> Option<String> {
        let programs: &[&str] = match self {
            Self::Go => &["go"],
            Self::Python => &["python3", "openssl"],
            Self::Openssl => &["openssl"],
        };
        let runs = |name: &&&str| Command::new(name).arg("version").output().is_ok();
        let lacks = |name: &&str| format!("this machine has no {name}");
        let library = Path::new(GO_PATH).join("src/golang.org/x/mod/sumdb/tlog");
        if self == Self::Go && !library.is_dir() {
            return Some(
                "this machine has no golang.org/x/mod: on Debian, \
                         golang-golang-x-mod-dev"
                    .into(),
            );
        }
        programs.iter().find(|name| !runs(name)).map(lacks)
    }

    /// What of a file of the log it looks into: openssl knows no names of keys, so it reads the
    /// checkpoint's text alone.
    pub(crate) fn reads(self, file: &str, bytes: &[u8]) -> Range<usize> {
        match (self, file) {
            (Self::Go | Self::Python, _) => 0..bytes.len(),
            (Self::Openssl, "checkpoint") => {
                0..bytes.windows(2).rposition(|pair| pair == b"\n\n").unwrap()
            }
            (Self::Openssl, _) => 0..0,
        }
    }

    pub(crate) fn judge(self, sample: &Sample) -> Verdict {
        match self {
            Self::Go => said(Command::new(go_checker()).args(sample.arguments()).output().unwrap()),
            Self::Python => said(python("check.py").args(sample.arguments()).output().unwrap()),
            Self::Openssl => openssl(sample),
        }
    }
}

/// A script beside this file. Python's own cache would be left beside it too, so there is none.
pub(crate) fn python(script: &str) -> Command {
    let mut python = Command::new("python3");
    python.arg("-B").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outside").join(script));
    python
}

/// A log that the script has grown to each size in turn.
pub(crate) fn written_by_python(sizes: &[&str]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let output = python("write.py").arg(folder.path()).args(sizes).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

pub(crate) fn said(output: Output) -> Verdict {
    let text = String::from_utf8(output.stdout).unwrap();
    let accepts = text.starts_with("OK ") && output.status.success();
    // A judge that broke has not judged.
    let judged = accepts || text.starts_with("FAIL ") && output.status.code() == Some(1);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(judged, "the judge itself failed: {} {text}{errors}", output.status);
    Verdict { accepts, said: text }
}

/// The Go program, built once, from the libraries that are on this machine.
fn go_checker() -> PathBuf {
    static BUILT: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let build = || {
        let folder = TempDir::new().unwrap();
        let program = folder.path().join("check");
        let mut go = Command::new("go");
        go.args(["build", "-o"]).arg(&program).arg("check.go");
        go.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outside"));
        go.env("GO111MODULE", "off").env("GOPATH", GO_PATH).env("GOFLAGS", "");
        go.env("GOCACHE", folder.path().join("cache"));
        let output = go.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (folder, program)
    };
    BUILT.get_or_init(build).1.clone()
}

/// `openssl pkeyutl` on the checkpoint's text and its raw signature.
fn openssl(sample: &Sample) -> Verdict {
    let folder = TempDir::new().unwrap();
    let note = sample.read("checkpoint");
    let split = note.windows(2).rposition(|pair| pair == b"\n\n");
    let Some((text, signature)) = split.and_then(|at| {
        let line = std::str::from_utf8(&note[at + 2..]).ok()?;
        let data = decode(line.trim_end().rsplit(' ').next()?)?;
        Some((&note[..=at], data.get(4..)?.to_vec()))
    }) else {
        return Verdict { accepts: false, said: "the note does not parse".into() };
    };
    let vkey = sample.vkey();
    let key = decode(vkey.trim_end().splitn(3, '+').nth(2).unwrap()).unwrap();
    // DER of an Ed25519 public key up to the key itself (RFC 8410).
    let mut der = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    der.extend_from_slice(&key[1..]);
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        affiant::durable::create_new(&path, bytes, affiant::durable::Readers::Owner).unwrap();
        path
    };
    let mut command = Command::new("openssl");
    command.args(["pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey"]);
    command.arg(put("key", &der)).arg("-in").arg(put("text", text));
    let output = command.arg("-sigfile").arg(put("signature", &signature)).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Verdict { accepts: output.status.success(), said }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}
