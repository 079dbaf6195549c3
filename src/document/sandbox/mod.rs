//! Files are read in a process of their own, which gives up its rights before it sees a byte.
//!
//! The child is this same program, started with [`ARGUMENT`] ([`serve`]). It bounds its memory and
//! time, can open no file, reach no network and start no process ([`confine`]), reads one job from
//! its input, answers it, and ends: what a hostile file does to it, it does to itself. The parent
//! waits no longer than a parse may take, kills what is late, and takes the reply for what it is:
//! bytes from somebody who may have been taken over. They are bounded and checked.

use std::io::{self, Read as _, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::domain::limits::{FILE_BYTES_MAX, MEMBERS_MAX, PARSE_MS_MAX, PARSE_REPLY_BYTES_MAX};

use super::reason::{Reason, Unreadable};
use super::render::RenderError;
use super::{Members, Parsed, too_large};

mod child;
mod confine;

pub use child::serve;
pub use confine::Confinement;

/// The argument that makes this program the child.
pub const ARGUMENT: &str = "read-one-file";

/// How long the child may take beyond its own deadline: to start, and to be given its job.
const GRACE: Duration = Duration::from_secs(5);
/// Every picture is a PNG.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Reads files in processes of their own. A clone starts the same program.
#[derive(Clone, Debug)]
pub struct Sandbox {
    program: Arc<Path>,
    /// How long a child is waited for.
    allowed: Duration,
}

/// Why there is no text: the file's fault, or the machine's.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The file is set aside.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// No process could be started: nothing is wrong with the file.
    #[error(
        "the process that reads files cannot be started: {0}; look at the limits on this user's processes"
    )]
    Unavailable(#[source] io::Error),
}

/// What the child is to do. The bytes of the file follow.
#[derive(Debug, Deserialize, Serialize)]
enum Job {
    /// [`parse`](super::parse()), replied to with `Result<Parsed, Unreadable>`.
    Parse { name: String, password: Option<String> },
    /// [`render_page`](super::render_page), replied to with `Result<Vec<u8>, RenderError>`.
    Render { password: Option<String>, page: u32, width_pixels: u32 },
    /// [`unpack`](super::unpack()), replied to with `Result<Option<Members>, Unreadable>`.
    Unpack { name: String, password: Option<String>, from: u32 },
    /// What the child is kept from, tried out: replied to with a [`Confinement`].
    Probe,
}

impl Sandbox {
    /// * `program`: this program, or one built from the same source.
    pub fn new(program: PathBuf) -> Self {
        let allowed = Duration::from_millis(PARSE_MS_MAX).saturating_add(GRACE);
        Self { program: program.into(), allowed }
    }

    /// [`parse`](super::parse()) in a process of its own.
    ///
    /// # Errors
    /// [`SandboxError`].
    pub fn parse(
        &self,
        bytes: &[u8],
        name: &str,
        password: Option<&str>,
    ) -> Result<Parsed, SandboxError> {
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(too_large(bytes.len()).into());
        }
        let job = Job::Parse { name: name.to_owned(), password: password.map(str::to_owned) };
        let reply: Result<Parsed, Unreadable> = self.ask(&job, bytes)?;
        let parsed = reply?;
        if !parsed.is_whole() {
            return Err(broken_off().into());
        }
        Ok(parsed)
    }

    /// [`unpack`](super::unpack()) in a process of its own.
    ///
    /// # Errors
    /// [`SandboxError`].
    pub fn unpack(
        &self,
        bytes: &[u8],
        name: &str,
        password: Option<&str>,
        from: u32,
    ) -> Result<Option<Members>, SandboxError> {
        let (name, password) = (name.to_owned(), password.map(str::to_owned));
        let job = Job::Unpack { name, password, from };
        let reply: Result<Option<Members>, Unreadable> = self.ask(&job, bytes)?;
        let members = reply?;
        // Each part goes on after the one before, so that there is an end.
        let goes_on = |part: &Members| part.next.is_none_or(|next| next > from);
        if members.as_ref().is_some_and(|part| !goes_on(part) || part.members.len() > MEMBERS_MAX) {
            return Err(broken_off().into());
        }
        Ok(members)
    }

    /// [`render_page`](super::render_page) in a process of its own.
    ///
    /// # Errors
    /// [`RenderError`].
    pub fn render_page(
        &self,
        bytes: &[u8],
        password: Option<&str>,
        page: u32,
        width_pixels: u32,
    ) -> Result<Vec<u8>, RenderError> {
        let password = password.map(str::to_owned);
        let job = Job::Render { password, page, width_pixels };
        let reply: Result<Vec<u8>, RenderError> = self.ask(&job, bytes)?;
        let picture = reply?;
        if !picture.starts_with(PNG) {
            return Err(RenderError::Unreadable(broken_off()));
        }
        Ok(picture)
    }

    /// What a child on this machine is kept from.
    ///
    /// # Errors
    /// [`SandboxError`] where there can be no child.
    pub fn probe(&self) -> Result<Confinement, SandboxError> {
        self.ask(&Job::Probe, &[])
    }

    fn ask<T: serde::de::DeserializeOwned>(
        &self,
        job: &Job,
        bytes: &[u8],
    ) -> Result<T, SandboxError> {
        let ended = self.run(job, bytes).map_err(SandboxError::Unavailable)?;
        if ended.is_late {
            return Err(too_slow().into());
        }
        // A reply that is whole counts, whatever came after it.
        postcard::from_bytes(&ended.reply).map_err(|_| judge(ended.status).into())
    }

    /// Starts a child, gives it the job, and takes what it says until it ends.
    fn run(&self, job: &Job, bytes: &[u8]) -> io::Result<Ended> {
        let mut child = Command::new(&*self.program)
            .arg(ARGUMENT)
            .env_clear()
            .current_dir("/")
            // What a terminal sends to us is not for the child.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let ended = converse(&mut child, job, bytes, self.allowed);
        if ended.is_err() {
            // It may have ended meanwhile.
            drop(child.kill());
            child.wait()?;
        }
        ended
    }
}

/// What a child left.
struct Ended {
    reply: Vec<u8>,
    status: ExitStatus,
    is_late: bool,
}

fn converse(child: &mut Child, job: &Job, bytes: &[u8], allowed: Duration) -> io::Result<Ended> {
    let process = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::Error::other("the child has no pipes"));
    };
    let (done, over) = sync_channel::<()>(0);
    thread::scope(|scope| {
        let watching = thread::Builder::new().spawn_scoped(scope, move || {
            let is_late = over.recv_timeout(allowed) == Err(RecvTimeoutError::Timeout);
            if is_late && let Err(error) = pidfd_send_signal(&process, Signal::KILL) {
                // It ended by itself this very moment.
                tracing::debug!(%error, "a late reader of a file was gone already");
            }
            is_late
        })?;
        let mut head = postcard::to_stdvec(job).map_err(io::Error::other)?;
        head.splice(0..0, (head.len() as u32).to_le_bytes());
        head.extend((bytes.len() as u64).to_le_bytes());
        // A child that ended reads no more; what it said before tells why.
        let fed = input.write_all(&head).and_then(|()| input.write_all(bytes));
        drop(input);
        let mut reply = Vec::new();
        let heard = output.take(PARSE_REPLY_BYTES_MAX).read_to_end(&mut reply);
        let status = child.wait();
        drop(done);
        let is_late = watching.join().unwrap_or(true);
        drop(fed);
        heard?;
        Ok(Ended { reply, status: status?, is_late })
    })
}

/// What became of a child that did not reply.
fn judge(status: ExitStatus) -> Unreadable {
    match status.signal().and_then(Signal::from_named_raw) {
        Some(Signal::XCPU) => too_slow(),
        // The machine's own memory may be short (KILL); a stack that is used up ends so, too.
        Some(Signal::ABORT | Signal::KILL) => Unreadable::new(
            Reason::TooLarge,
            "reading the file takes more memory than allowed: split it or get a simpler copy",
        ),
        _ => broken_off(),
    }
}

fn too_slow() -> Unreadable {
    Unreadable::new(Reason::TooSlow, "reading took longer than allowed: split the file or wait")
}

fn broken_off() -> Unreadable {
    Unreadable::new(Reason::Malformed, "the file is damaged in a way its reader cannot handle")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that is no reader of files.
    fn sandbox(program: &str) -> Sandbox {
        Sandbox::new(PathBuf::from(program))
    }

    #[test]
    fn a_child_that_says_nothing_or_nonsense_costs_the_file() {
        for program in ["/bin/true", "/bin/false", "/bin/echo"] {
            let read = sandbox(program).parse(b"some text", "a.txt", None);
            let Err(SandboxError::Unreadable(unreadable)) = read else { panic!("{program}") };
            assert_eq!(unreadable.reason, Reason::Malformed, "{program}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_no_fault_of_the_file() {
        let read = sandbox("/nonexistent").parse(b"some text", "a.txt", None);
        assert!(matches!(read, Err(SandboxError::Unavailable(_))));
    }

    #[test]
    fn a_child_that_does_not_end_is_ended() {
        let patient = sandbox("/usr/bin/yes");
        let hasty = Sandbox { allowed: Duration::from_millis(1), ..patient };
        let read = hasty.parse(b"some text", "a.txt", None);
        let Err(SandboxError::Unreadable(unreadable)) = read else { panic!("{read:?}") };
        assert_eq!(unreadable.reason, Reason::TooSlow);
    }

    #[test]
    fn how_a_child_ended_says_why() {
        let killed = |signal: Signal| judge(ExitStatus::from_raw(signal.as_raw())).reason;
        assert_eq!(killed(Signal::XCPU), Reason::TooSlow);
        assert_eq!(killed(Signal::ABORT), Reason::TooLarge);
        assert_eq!(killed(Signal::SEGV), Reason::Malformed);
        assert_eq!(judge(ExitStatus::from_raw(0)).reason, Reason::Malformed);
    }
}
