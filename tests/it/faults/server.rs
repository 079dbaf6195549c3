//! What a server records of itself, and when it ends by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use affiant::app::{Pulse, Watch};
use affiant::audit::LogFiles;
use affiant::domain::clock::{Clock, Timestamp};

use super::failing::Failing;
use crate::support::process::Cli;
use crate::support::record;
use crate::support::template::Holding;
use crate::support::test_app::TestApp;

/// A clock that tests set: time of day and steady time, in milliseconds.
struct SetClock {
    day: AtomicU64,
    steady: AtomicU64,
}

impl SetClock {
    fn pass(&self, day: i64, steady: u64) {
        let now = self.day.load(Ordering::SeqCst).checked_add_signed(day).unwrap();
        self.day.store(now, Ordering::SeqCst);
        self.steady.fetch_add(steady, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.day.load(Ordering::SeqCst))
    }

    fn steady(&self) -> Duration {
        Duration::from_millis(self.steady.load(Ordering::SeqCst))
    }
}

#[test]
fn a_server_shows_that_it_lives_and_notes_when_the_clock_jumps() {
    let mut app = TestApp::corpus();
    // A day that no template was made after.
    let day = AtomicU64::new(4_102_444_800_000);
    let clock = Arc::new(SetClock { day, steady: AtomicU64::new(0) });
    app.reopen_at(Arc::clone(&clock) as Arc<dyn Clock>);
    let engine = app.engine();
    let mut pulse = Pulse::start(app.open());
    let minute = 60_000;
    let count = |kind: &str| record::of_kind(&app.open().log, kind).len();
    // (time of day passes, steady time passes, heartbeats then, steps then)
    let table = [
        (minute, minute, 0, 0),
        (4 * minute, 4 * minute, 1, 0),
        (4 * minute, 4 * minute, 1, 0),
        (minute + 900, minute, 2, 0),
        (2 * minute, minute, 2, 1),
        (-60 * minute, minute, 2, 2),
        (3 * minute, 3 * minute, 3, 2),
    ];
    for (day, steady, heartbeats, steps) in table {
        clock.pass(day, steady.cast_unsigned());
        pulse.tick(app.open(), &engine.answerer).unwrap();
        let found = (count("log.heartbeat"), count("clock.stepped"));
        assert_eq!(found, (heartbeats, steps), "{day} {steady}");
    }
    let steps = record::of_kind(&app.open().log, "clock.stepped");
    let by: Vec<_> = steps.iter().map(|step| step.details()["by_ms"].as_i64().unwrap()).collect();
    assert_eq!(by, [minute, -61 * minute]);
    let [forth, back] = &steps[..] else { panic!("two steps") };
    assert!(back.ts() >= forth.ts(), "time in the log never goes back");
    let told = back.details()["now"].as_u64().unwrap();
    assert!(told < forth.ts().unix_millis(), "but it says how late it is");
    let beats = record::of_kind(&app.open().log, "log.heartbeat");
    let details = beats[0].details();
    assert!(details["published"].as_u64().unwrap() > 0);
    assert!(details["free_bytes"].as_u64().unwrap() > 0);
    assert!(details["generation"].as_u64().unwrap() > 0);
    assert!(details["applied"].as_u64().unwrap() < beats[0].index.0);
    assert!(!details["clock"].as_str().unwrap().is_empty());
}

#[test]
fn a_server_whose_log_breaks_ends_and_says_why() {
    let mut app = TestApp::corpus();
    let files = Failing::broken(app.log_files(), false);
    app.reopen(Some(Arc::clone(&files) as Arc<dyn LogFiles>));
    {
        let (end, ended) = channel();
        let watch = Watch::start(&app.shared(), &app.engine(), move || end.send(()).unwrap());
        let watch = watch.unwrap();
        files.after(0);
        assert!(app.open().record_own(affiant::audit::What::LogStopped { served_s: 0 }).is_err());
        ended.recv().expect("the server is told to end");
        let why = watch.finish().unwrap_err();
        assert!(format!("{why:#}").contains("restart"), "{why:#}");
    }
    app.reopen(None);
    assert_eq!(record::of_kind(&app.open().log, "log.stopped").len(), 0);
}

#[test]
fn a_gap_in_the_record_is_explained_by_a_stop_or_by_a_recovery() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    let kinds = || {
        let listed = cli.json(0, &["audit", "list"]);
        let entries = listed["entries"].as_array().unwrap().clone();
        let kinds = entries.iter().map(|row| row["entry"]["type"].as_str().unwrap().to_owned());
        kinds.filter(|kind| kind.starts_with("log.")).collect::<Vec<_>>()
    };
    cli.serve().stop();
    assert_eq!(kinds(), ["log.started", "log.stopped"]);
    cli.serve().kill();
    let cut_off = ["log.started", "log.stopped", "log.started", "log.recovered"];
    assert_eq!(kinds(), cut_off);
    assert_eq!(kinds(), cut_off, "once is enough");
    assert_eq!(cli.json(0, &["audit", "verify"])["ok"], true);
}
