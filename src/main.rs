//! The `affiant` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    affiant::cli::run(std::env::args_os(), std::env::vars())
}
