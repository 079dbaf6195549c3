//! Counters and durations, and their text for a scraper.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Things that are counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Counter {
    /// Questions answered.
    Answered,
    /// Questions denied by policy.
    Denied,
    /// Documents activated.
    DocumentsActivated,
    /// Documents quarantined.
    DocumentsQuarantined,
    /// Questions that could not be finished.
    Failed,
    /// Questions turned away because the queue was full.
    Overloaded,
    /// Questions refused for want of evidence.
    Refused,
}

impl Counter {
    const ALL: [(Self, &'static str, &'static str); 7] = [
        (Self::Answered, "affiant_questions_answered_total", "Questions answered"),
        (Self::Denied, "affiant_questions_denied_total", "Questions denied by policy"),
        (Self::DocumentsActivated, "affiant_documents_activated_total", "Documents activated"),
        (
            Self::DocumentsQuarantined,
            "affiant_documents_quarantined_total",
            "Documents quarantined",
        ),
        (Self::Failed, "affiant_questions_failed_total", "Questions that could not be finished"),
        (Self::Overloaded, "affiant_questions_overloaded_total", "Questions turned away"),
        (Self::Refused, "affiant_questions_refused_total", "Questions refused"),
    ];
}

/// Steps of a question that are timed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// Drafting.
    Generate,
    /// Waiting for the log.
    Record,
    /// Searching.
    Retrieve,
    /// Verifying.
    Verify,
}

impl Phase {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Generate, "generate"),
        (Self::Record, "record"),
        (Self::Retrieve, "retrieve"),
        (Self::Verify, "verify"),
    ];
}

/// Counters and summed durations, printed in the Prometheus text format.
#[derive(Debug, Default)]
pub struct Metrics {
    counters: [AtomicU64; Counter::ALL.len()],
    phase_ms: [AtomicU64; Phase::ALL.len()],
    phase_count: [AtomicU64; Phase::ALL.len()],
}

impl Metrics {
    /// Counts one.
    pub fn count(&self, counter: Counter) {
        if let Some(cell) = self.counters.get(counter as usize) {
            cell.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Adds one duration of a phase.
    pub fn observe(&self, phase: Phase, took: Duration) {
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        if let (Some(sum), Some(count)) =
            (self.phase_ms.get(phase as usize), self.phase_count.get(phase as usize))
        {
            sum.fetch_add(millis, Ordering::Relaxed);
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Prometheus text exposition format 0.0.4.
    pub fn render(&self) -> String {
        let mut out = String::new();
        for ((_, name, help), cell) in Counter::ALL.iter().zip(&self.counters) {
            let value = cell.load(Ordering::Relaxed);
            line(&mut out, format_args!("# HELP {name} {help}\n# TYPE {name} counter\n"));
            line(&mut out, format_args!("{name} {value}\n"));
        }
        let name = "affiant_phase_duration_ms";
        line(&mut out, format_args!("# HELP {name} Time spent\n# TYPE {name} summary\n"));
        for (((_, phase), sum), count) in
            Phase::ALL.iter().zip(&self.phase_ms).zip(&self.phase_count)
        {
            let (sum, count) = (sum.load(Ordering::Relaxed), count.load(Ordering::Relaxed));
            line(&mut out, format_args!("{name}_sum{{phase=\"{phase}\"}} {sum}\n"));
            line(&mut out, format_args!("{name}_count{{phase=\"{phase}\"}} {count}\n"));
        }
        out
    }
}

/// Writing to a `String` cannot fail, so the result carries nothing.
fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_printed() {
        let metrics = Metrics::default();
        metrics.count(Counter::Refused);
        metrics.observe(Phase::Record, Duration::from_millis(7));
        let text = metrics.render();
        assert!(text.contains("affiant_questions_refused_total 1\n"), "{text}");
        assert!(text.contains("affiant_phase_duration_ms_sum{phase=\"record\"} 7\n"), "{text}");
        for (at, (counter, ..)) in Counter::ALL.iter().enumerate() {
            assert_eq!(*counter as usize, at, "the table is in the order of the enum");
        }
    }
}
