//! Commands that run inside the server of their home: one JSON line to it, JSON lines back.
//!
//! The socket lies in `HOME/run`, which only the appliance's own user may enter: whoever reaches
//! it could open the home as well.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use anyhow::Context as _;
use clap::Parser as _;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::config;
use crate::domain::digest::Digest;

use super::args::Cli;
use super::commands;
use super::context::Context;
use super::progress::{Bar, Relay};
use super::reply::Failure;

/// A socket's path holds at most 107 bytes on Linux.
const SOCKET_PATH_MAX: usize = 100;
/// A request is a command line, not a document.
const REQUEST_BYTES_MAX: u64 = 1024 * 1024;
/// Progress lines that wait for a slow reader.
const PROGRESS_MAX: usize = 16;

#[derive(Deserialize, Serialize)]
struct Request {
    arguments: Vec<String>,
    folder: PathBuf,
    os_user: Option<String>,
    stdin: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Progress(String),
    Done { output: String, exit: u8 },
    Failed { output: String, json: bool, exit: u8 },
}

/// Where the server of a home listens for commands.
fn socket(home: &Path) -> PathBuf {
    let home = std::path::absolute(home).unwrap_or_else(|_| home.to_owned());
    let path = home.join("run").join("affiant.sock");
    if path.as_os_str().len() <= SOCKET_PATH_MAX {
        return path;
    }
    let name = Digest::of(home.as_os_str().as_encoded_bytes()).short();
    config::runtime_folder().join(format!("affiant-{name}.sock"))
}

/// The server that has this home open, if there is one. Only who owns the home speaks for it: where
/// the socket had to go to a folder that others write to, anybody might listen.
pub(super) fn connect(home: &Path) -> Option<UnixStream> {
    let socket = socket(home);
    let owner = |path: &Path| std::fs::symlink_metadata(path).map(|found| found.uid()).ok();
    let speaks_for_home = owner(&socket)? == std::fs::metadata(home).ok()?.uid();
    speaks_for_home.then(|| UnixStream::connect(socket).ok())?
}

/// Lets the server run the command, and returns its output and exit code.
pub(super) fn forward(
    mut server: UnixStream,
    arguments: &[OsString],
    stdin: Option<String>,
    bar: &Bar,
) -> Result<(String, u8), Failure> {
    let request = Request {
        arguments: arguments.iter().map(|a| a.to_string_lossy().into_owned()).collect(),
        folder: std::env::current_dir()?,
        os_user: config::os_user(),
        stdin,
    };
    let line = serde_json::to_string(&request).map_err(|e| Failure::usage(e.to_string()))?;
    server.write_all(format!("{line}\n").as_bytes())?;
    for line in BufReader::new(server).lines() {
        let line = line?;
        match serde_json::from_str(&line).map_err(|e| Failure::usage(e.to_string()))? {
            Line::Progress(text) => bar.say(&text),
            Line::Done { output, exit } => return Ok((output, exit)),
            Line::Failed { output, json: true, exit } => return Ok((output, exit)),
            Line::Failed { output, json: false, exit } => {
                let detail = output.trim_start_matches("affiant: ").trim_end().to_owned();
                return Err(Failure { code: "remote", detail, remedy: "", exit });
            }
        }
    }
    let detail = "the server went away before the command ended".to_owned();
    let remedy = "look at the server's own output, then run the command again";
    Err(Failure { code: "unavailable", detail, remedy, exit: 5 })
}

/// A listener that takes commands until it is dropped.
pub(super) struct Listener {
    path: PathBuf,
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, "the socket was gone already");
        }
    }
}

/// Takes commands on a thread of its own, each on a further thread.
pub(super) fn listen(app: &Arc<App>) -> anyhow::Result<Listener> {
    let path = socket(app.home.path());
    // The home is locked by this process, so a socket that is still there has no owner.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&path)
        .with_context(|| format!("cannot listen on {}", path.display()))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    let app = Arc::clone(app);
    std::thread::Builder::new().name("commands".to_owned()).spawn(move || {
        for stream in listener.incoming().filter_map(Result::ok) {
            let app = Arc::clone(&app);
            let worker = std::thread::Builder::new().name("command".to_owned());
            if worker.spawn(move || answer(&app, stream)).is_err() {
                tracing::error!("no thread could be started for a command");
            }
        }
    })?;
    Ok(Listener { path })
}

fn answer(app: &App, stream: UnixStream) {
    if let Err(error) = serve(app, stream) {
        tracing::debug!(%error, "a command's caller went away");
    }
}

fn serve(app: &App, mut stream: UnixStream) -> anyhow::Result<()> {
    let mut line = String::new();
    BufReader::new(stream.try_clone()?.take(REQUEST_BYTES_MAX)).read_line(&mut line)?;
    let request: Request = serde_json::from_str(&line)?;
    let (sender, receiver) = sync_channel(PROGRESS_MAX);
    let mut relayed = stream.try_clone()?;
    let last = std::thread::scope(|scope| {
        scope.spawn(move || {
            for text in receiver {
                if write(&mut relayed, &Line::Progress(text)).is_err() {
                    break;
                }
            }
        });
        // Ends with this block, and with it the thread that passes progress on.
        let relay = Relay::new(sender);
        execute(app, request, &relay)
    });
    write(&mut stream, &last)?;
    Ok(())
}

fn execute(app: &App, request: Request, relay: &Relay) -> Line {
    let cli = match Cli::try_parse_from(&request.arguments) {
        Ok(cli) => cli,
        Err(error) => return Line::Failed { output: error.to_string(), json: false, exit: 2 },
    };
    let json = cli.json;
    let Request { folder, os_user, stdin, .. } = request;
    let mut context = Context::server(app, os_user, stdin, folder, relay);
    match commands::execute(&mut context, cli.command) {
        Ok(reply) => Line::Done { output: reply.render(json), exit: reply.exit },
        Err(failure) => Line::Failed { output: failure.render(json), json, exit: failure.exit },
    }
}

fn write(stream: &mut UnixStream, line: &Line) -> std::io::Result<()> {
    let text = serde_json::to_string(line)?;
    stream.write_all(format!("{text}\n").as_bytes())
}
