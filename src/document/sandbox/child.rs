//! The child: confined first, then told what to do.

use std::io::{self, Read, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::domain::clock::SystemClock;
use crate::domain::limits::{FILE_BYTES_MAX, PARSE_MS_MAX};

use super::super::{ParseOptions, parse, render_page, unpack};
use super::{Job, confine};

/// The longest description of a job: a file's name and password.
const HEAD_BYTES_MAX: u32 = 64 * 1024;

/// Answers the one job that comes on standard input, and ends. The program does nothing before.
pub fn serve() -> ExitCode {
    let (input, mut output) = (io::stdin(), io::stdout());
    let reply = answer(&mut input.lock());
    match reply.and_then(|reply| output.write_all(&reply).and_then(|()| output.flush())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer(input: &mut impl Read) -> io::Result<Vec<u8>> {
    confine::bound()?;
    let job: Job = {
        let mut len = [0; 4];
        input.read_exact(&mut len)?;
        let len = u32::from_le_bytes(len);
        if len > HEAD_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut head = vec![0; len as usize];
        input.read_exact(&mut head)?;
        postcard::from_bytes(&head).map_err(io::Error::other)?
    };
    let mut len = [0; 8];
    input.read_exact(&mut len)?;
    let len = u64::from_le_bytes(len);
    if len > FILE_BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let held = confine::confine(len)?;
    let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or_default());
    input.take(len).read_to_end(&mut bytes)?;
    match job {
        Job::Parse { name, password } => {
            encoded(&parse(&bytes, &name, &options(password.as_deref())))
        }
        Job::Unpack { name, password, from } => {
            encoded(&unpack(&bytes, &name, from, &options(password.as_deref())))
        }
        Job::Render { password, page, width_pixels } => {
            encoded(&render_page(&bytes, password.as_deref(), page, width_pixels))
        }
        Job::Probe => encoded(&held.tried()),
    }
}

fn options(password: Option<&str>) -> ParseOptions<'_> {
    let clock = Arc::new(SystemClock::start());
    ParseOptions { password, deadline: Some((clock, Duration::from_millis(PARSE_MS_MAX))) }
}

fn encoded<T: Serialize>(reply: &T) -> io::Result<Vec<u8>> {
    postcard::to_stdvec(reply).map_err(io::Error::other)
}
