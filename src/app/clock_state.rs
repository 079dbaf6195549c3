//! How well the machine's clock is kept, as its kernel says: 45 CFR 170.210(g) wants the clock of an
//! audit log to follow NTP, and whoever reads the log to see that it did.

/// What the kernel says of the time of day.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct ClockState {
    /// Its clock source: `tsc`, `kvm-clock`, `hpet`; `unknown` where it names none.
    pub(super) source: String,
    /// Whether a time service keeps it; `None` where the kernel does not tell.
    pub(super) synchronised: Option<bool>,
    /// By how much it is still off the service's time, in microseconds.
    pub(super) offset_us: Option<i64>,
    /// By how much it may be off at most, as the kernel reckons, in microseconds.
    pub(super) error_us: Option<i64>,
}

impl ClockState {
    pub(super) fn read() -> Self {
        let source = source();
        match kept() {
            None => Self { source, synchronised: None, offset_us: None, error_us: None },
            Some((synchronised, offset, error)) => Self {
                source,
                synchronised: Some(synchronised),
                offset_us: Some(offset),
                error_us: Some(error),
            },
        }
    }
}

/// Whether it is synchronised, its offset and its largest error.
#[cfg(target_os = "linux")]
fn kept() -> Option<(bool, i64, i64)> {
    let mut state = std::mem::MaybeUninit::<libc::timex>::zeroed();
    // SAFETY: `timex` is a C struct of integers, for which all bytes zero is a value; zero `modes`
    // only reads. The kernel writes within the struct, whose address is valid and not shared.
    #[expect(unsafe_code, reason = "the kernel's clock state has no safe wrapper")]
    let (answer, state) = unsafe {
        let answer = libc::adjtimex(state.as_mut_ptr());
        (answer, state.assume_init())
    };
    if answer < 0 {
        return None;
    }
    let in_nanoseconds = state.status & libc::STA_NANO != 0;
    let offset = state.offset / if in_nanoseconds { 1_000 } else { 1 };
    let synchronised = answer != libc::TIME_ERROR && state.status & libc::STA_UNSYNC == 0;
    Some((synchronised, offset, state.maxerror))
}

#[cfg(not(target_os = "linux"))]
fn kept() -> Option<(bool, i64, i64)> {
    None
}

fn source() -> String {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let named = std::fs::read_to_string(path).unwrap_or_default();
    let is_name = |c: &char| c.is_ascii_alphanumeric() || "-_".contains(*c);
    let name: String = named.trim().chars().take(32).filter(is_name).collect();
    if name.is_empty() { "unknown".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_how_its_clock_is_kept() {
        let state = ClockState::read();
        assert!(!state.source.is_empty());
        assert_eq!(state.synchronised.is_some(), cfg!(target_os = "linux"));
        assert!(state.error_us.is_none_or(|error| error >= 0));
    }
}
