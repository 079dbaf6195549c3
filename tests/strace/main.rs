//! The real program, into whose system calls strace puts faults: every write, sync, rename and open
//! in its home fails, or is the last thing it does.
//!
//! Where strace is missing, or may trace nothing, these tests show as ignored; with
//! `AFFIANT_REQUIRE=all` they fail instead. `FAULTS=100000` tries every fault, not a sample.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is not as it must be"
)]

mod faults;
mod matrix;
mod served;
#[expect(dead_code, reason = "the other test programs use the rest")]
#[path = "../it/support/mod.rs"]
mod support;

use libtest_mimic::{Arguments, Trial};

const ALL: [(&str, fn()); 4] = [
    ("a_command_may_be_cut_off_anywhere", matrix::of_a_command),
    ("a_search_may_be_cut_off_anywhere", matrix::of_a_search),
    ("a_server_whose_disk_breaks_ends_with_an_error", served::on_a_broken_disk),
    ("a_server_whose_disk_is_full_goes_on_once_it_is_not", served::on_a_full_disk),
];

fn main() {
    let arguments = Arguments::from_args();
    let required = support::wanted("AFFIANT_REQUIRE", String::new()) == "all";
    let missing = !faults::possible();
    let trials = ALL.iter().map(|(name, test)| {
        let trial = Trial::test(*name, move || {
            if missing {
                return Err("strace is missing, or may trace nothing here".into());
            }
            test();
            Ok(())
        });
        trial.with_ignored_flag(missing && !required)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}
