//! Commands: parse, one use case, print.
//!
//! Results go to stdout, everything else to stderr. Where a server has the home open, the command
//! runs inside it, reached through the home's socket (`remote`); else it opens the home itself.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the one room that prints")]

mod account_args;
mod args;
mod audit_args;
mod commands;
mod context;
mod doors;
mod duty_args;
mod policy_args;
mod progress;
mod remote;
mod reply;
mod standing_args;

use std::ffi::OsString;
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use crate::{config, document};

use args::Cli;
use context::Context;
use reply::{Failure, exit};

/// Runs one command line to its exit code.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.get(1).is_some_and(|first| first == document::ARGUMENT) {
        return document::serve();
    }
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &arguments),
    };
    let as_json = cli.json;
    match dispatch(cli, &arguments, environment.into_iter().collect()) {
        Ok((output, code)) => {
            tell(&output);
            ExitCode::from(code)
        }
        Err(failure) => {
            fail(&failure, as_json);
            ExitCode::from(failure.exit)
        }
    }
}

fn dispatch(
    cli: Cli,
    arguments: &[OsString],
    environment: Vec<(String, String)>,
) -> Result<(String, u8), Failure> {
    let home = config::home(cli.home.clone());
    let options = config::load(&home, environment)?;
    crate::telemetry::start(&options.telemetry_filter);
    let stdin = if cli.command.reads_stdin() { Some(read_stdin()?) } else { None };
    let as_json = cli.json;
    if commands::needs_home(&cli.command)
        && let Some(server) = remote::connect(&home)
    {
        return remote::forward(server, arguments, stdin, &progress::Bar::start());
    }
    let bar = progress::Bar::start();
    let announce = |reply: &reply::Reply| tell(&reply.render(as_json));
    let mut context = Context::local(options, config::os_user(), stdin, &bar, &announce);
    let reply = commands::execute(&mut context, cli.command)?;
    Ok((reply.render(as_json), reply.exit))
}

fn read_stdin() -> Result<String, Failure> {
    const BYTES_MAX: u64 = 4_096;
    if std::io::stdin().is_terminal() {
        eprint!("Password: ");
    }
    let mut text = String::new();
    std::io::stdin().take(BYTES_MAX).read_to_string(&mut text)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Clap's own words, or the failure object where `--json` stands anywhere.
fn usage(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    if !error.use_stderr() {
        print!("{error}");
        return ExitCode::SUCCESS;
    }
    if arguments.iter().any(|argument| argument == "--json") {
        fail(&Failure::usage(error.to_string().trim()), true);
    } else {
        eprint!("{error}");
    }
    ExitCode::from(exit::USAGE)
}

/// Prints a result. Whoever has stopped reading changes nothing of what was done, nor of the exit
/// code that says so.
fn tell(text: &str) {
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        tracing::debug!("nobody reads the result");
    }
}

fn fail(failure: &Failure, as_json: bool) {
    if as_json {
        tell(&failure.render(true));
    } else {
        eprint!("{}", failure.render(false));
    }
}
