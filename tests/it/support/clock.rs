//! Time that a test passes by hand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use affiant::domain::clock::{Clock, Timestamp};

/// A clock that stands until it is moved; later than any entry of the template, as times in the log
/// never go back.
pub(crate) struct HandClock(Mutex<Duration>);

impl HandClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::default()))
    }

    pub(crate) fn pass(&self, minutes: u64) {
        *self.0.lock().unwrap() += Duration::from_secs(60 * minutes);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        "2100-06-01T12:00:00Z".parse::<Timestamp>().unwrap().after(self.steady())
    }

    fn steady(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}
