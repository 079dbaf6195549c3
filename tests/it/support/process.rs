//! The program as a process.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::Value;

use super::PASSWORD;
use super::client::Client;

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The command line, on one home.
pub(crate) struct Cli {
    home: PathBuf,
}

impl Cli {
    pub(crate) fn on(home: &Path) -> Self {
        Self { home: home.to_owned() }
    }

    /// Runs a command that prints for people.
    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        self.run_with(arguments, "")
    }

    /// Runs a command that is given these words on standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], stdin: &str) -> Finished {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        // A command that reads nothing may have ended by now.
        drop(child.stdin.take().unwrap().write_all(stdin.as_bytes()));
        let output = child.wait_with_output().unwrap();
        Finished {
            code: output.status.code().expect("it ended by itself"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a command with `--json` that must end with this exit code.
    pub(crate) fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let finished = self.run(&[&["--json"], arguments].concat());
        assert_eq!(finished.code, code, "{arguments:?}: {finished:?}");
        finished.json()
    }

    /// [`Self::json`] of somebody who proves with their password that they are who `--as` names.
    pub(crate) fn proven(&self, code: i32, arguments: &[&str]) -> Value {
        let words = [&["--json"], arguments, &["--password-stdin"]].concat();
        let finished = self.run_with(&words, &format!("{PASSWORD}\n"));
        assert_eq!(finished.code, code, "{arguments:?}: {finished:?}");
        finished.json()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.command_under(&[], arguments)
    }

    /// A command that another program starts.
    fn command_under(&self, program: &[&str], arguments: &[&str]) -> Command {
        let words = [program, &[env!("CARGO_BIN_EXE_affiant")]].concat();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg("--home").arg(&self.home).args(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts a server on this home and waits until it listens.
    pub(crate) fn serve(&self) -> Serving {
        self.serve_under(&[])
    }

    /// [`Self::serve`], by another program that becomes the server.
    pub(crate) fn serve_under(&self, program: &[&str]) -> Serving {
        let arguments = ["--json", "serve", "--plain", "--listen", "127.0.0.1:0"];
        let mut command = self.command_under(program, &arguments);
        let mut process = command.stdin(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).expect("the server says where it listens");
        let url = ready["url"].as_str().unwrap().to_owned();
        Serving { process, url }
    }
}

impl Finished {
    /// The one JSON object on standard output.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("{self:?}"))
    }
}

/// A server process; killed when dropped.
pub(crate) struct Serving {
    process: Child,
    pub(crate) url: String,
}

impl Serving {
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.url)
    }

    /// `kill -9`: nothing is written any more.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Waits until it has ended by itself.
    pub(crate) fn ended(mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(self) {
        let id = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        let status = self.ended();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if self.process.try_wait().unwrap().is_none() {
            self.process.kill().unwrap();
            self.process.wait().unwrap();
        }
    }
}
