//! What a child gives up: memory and time beyond a limit, files, network, other processes.
//!
//! Three fences, each enough for files and network by itself where the kernel has it: limits
//! (no file or socket can be opened at all, none written), Landlock (no path, no port), and a list of
//! the system calls that reading takes, beyond which every call fails. Nothing of it is taken back.

use std::fs::File;
use std::io;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, RestrictionStatus,
    Ruleset, RulesetAttr as _, RulesetStatus, Scope,
};
use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};
use serde::{Deserialize, Serialize};

use crate::domain::limits::{PARSE_MEMORY_BYTES_MAX, PARSE_MS_MAX};

/// The newest generation of Landlock that was tried.
const LANDLOCK: ABI = ABI::V6;
/// Input, output, errors: no file can be opened beside them.
const FILES: u64 = 3;

/// What a child on this machine is kept from, tried out by one.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Confinement {
    /// The kernel has Landlock, and it holds.
    pub landlock: bool,
    /// The kernel filters system calls.
    pub seccomp: bool,
    /// A file could not be opened.
    pub no_files: bool,
    /// A connection could not be made.
    pub no_network: bool,
    /// A process could not be started.
    pub no_processes: bool,
    /// Memory beyond the limit could not be had.
    pub no_more_memory: bool,
}

/// What the kernel said that it enforces.
pub(super) struct Held {
    landlock: bool,
    seccomp: bool,
}

/// Bounds time and what may be left behind, before anything is read.
pub(super) fn bound() -> io::Result<()> {
    // A child whose parent is gone works for nobody.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    limit(Resource::Core, 0)?;
    limit(Resource::Fsize, 0)?;
    let seconds = PARSE_MS_MAX.div_ceil(1_000) + 1;
    // The first of them is told as what it is (SIGXCPU), the second ends it.
    let (current, maximum) = (Some(seconds), Some(seconds + 1));
    setrlimit(Resource::Cpu, Rlimit { current, maximum }).map_err(io::Error::from)
}

/// Gives up the rest, knowing how large the file is that will be read.
///
/// # Errors
/// Where the kernel refuses what it says it can do: then nothing is read.
pub(super) fn confine(file_bytes: u64) -> io::Result<Held> {
    let landlock = fence().map_err(io::Error::other)?;
    // The file is held twice: as it came, and by whoever reads it.
    limit(Resource::Data, PARSE_MEMORY_BYTES_MAX.saturating_add(2 * file_bytes))?;
    limit(Resource::Nofile, FILES)?;
    let seccomp = filter()?;
    Ok(Held { landlock: landlock.ruleset == RulesetStatus::FullyEnforced, seccomp })
}

fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let limit = Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(resource, limit).map_err(io::Error::from)
}

/// No path and no port: nothing is on the list of what is allowed.
fn fence() -> Result<RestrictionStatus, landlock::RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?
        .restrict_self()
}

/// Lets only those system calls pass that reading takes. `false` where the kernel cannot.
fn filter() -> io::Result<bool> {
    let Ok(arch) = std::env::consts::ARCH.try_into() else { return Ok(false) };
    let refused = |code: i32| SeccompAction::Errno(code.unsigned_abs());
    // Threads are started by the older call, whose flags can be looked at.
    let newer = SeccompFilter::new(
        [(libc::SYS_clone3, vec![])].into(),
        SeccompAction::Allow,
        refused(libc::ENOSYS),
        arch,
    );
    let calls = SeccompFilter::new(
        calls().map_err(io::Error::other)?.into_iter().collect(),
        refused(libc::EPERM),
        SeccompAction::Allow,
        arch,
    );
    for filter in [newer, calls] {
        let program: BpfProgram = filter.and_then(TryInto::try_into).map_err(io::Error::other)?;
        match apply_filter(&program) {
            Ok(()) => {}
            Err(seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error))
                if error.raw_os_error() == Some(libc::EINVAL) =>
            {
                return Ok(false);
            }
            Err(error) => return Err(io::Error::other(error)),
        }
    }
    Ok(true)
}

/// The system calls that pass, each with what must be so of its arguments.
fn calls() -> Result<Vec<(libc::c_long, Vec<SeccompRule>)>, seccompiler::BackendError> {
    let plain = [
        libc::SYS_brk,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_clone3, // Answered with ENOSYS by the other filter.
        libc::SYS_close,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_futex,
        libc::SYS_getpid,
        libc::SYS_getrandom,
        libc::SYS_gettid,
        libc::SYS_madvise,
        libc::SYS_mremap,
        libc::SYS_munmap,
        libc::SYS_nanosleep,
        libc::SYS_read,
        libc::SYS_restart_syscall,
        libc::SYS_rseq,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sched_getaffinity,
        libc::SYS_sched_yield,
        libc::SYS_set_robust_list,
        libc::SYS_sigaltstack,
        libc::SYS_tgkill, // Of itself: to whom, Landlock and an own process group say.
        libc::SYS_write,
    ];
    let set = |argument, bits: u64, value: u64| {
        let masked = SeccompCmpOp::MaskedEq(bits);
        let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Qword, masked, value)?;
        Ok(vec![SeccompRule::new(vec![condition])?])
    };
    let bits = |flags: i32| u64::from(flags.unsigned_abs());
    // Memory that can be run is for who brings code of their own.
    let data_only = |argument| set(argument, bits(libc::PROT_EXEC), 0);
    let thread = bits(libc::CLONE_THREAD);
    let named = bits(libc::PR_SET_NAME);
    let looked_at = [
        (libc::SYS_clone, set(0, thread, thread)?),
        (libc::SYS_mmap, data_only(2)?),
        (libc::SYS_mprotect, data_only(2)?),
        (libc::SYS_prctl, set(0, u64::MAX, named)?),
        (libc::SYS_prlimit64, set(2, u64::MAX, 0)?),
    ];
    Ok(plain.map(|call| (call, Vec::new())).into_iter().chain(looked_at).collect())
}

impl Held {
    /// Tries what must fail.
    pub(super) fn tried(&self) -> Confinement {
        Confinement {
            landlock: self.landlock,
            seccomp: self.seccomp,
            no_files: File::open(Path::new("/proc/self/exe")).is_err(),
            no_network: TcpStream::connect(("127.0.0.1", 9)).is_err_and(|error| {
                // That nobody listens there would say that the call was let through.
                error.kind() != io::ErrorKind::ConnectionRefused
            }),
            no_processes: Command::new("/proc/self/exe").spawn().is_err(),
            no_more_memory: usize::try_from(PARSE_MEMORY_BYTES_MAX)
                .is_ok_and(|most| Vec::<u8>::new().try_reserve_exact(most).is_err()),
        }
    }
}
