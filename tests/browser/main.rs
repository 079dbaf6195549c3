//! The portal in headless Chromium, driven through chromedriver over the server's own HTTPS.
//!
//! Where Chromium or its driver is missing these tests show as ignored; with `AFFIANT_REQUIRE=all`
//! they fail instead.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is not as it must be"
)]

mod driver;
mod journeys;
#[expect(dead_code, reason = "the other test program uses the rest")]
#[path = "../outside/real_provider.rs"]
mod real_provider;
#[expect(dead_code, reason = "the other test program uses the rest")]
#[path = "../it/support/mod.rs"]
mod support;

use libtest_mimic::{Arguments, Trial};

fn main() {
    let arguments = Arguments::from_args();
    let required = support::wanted("AFFIANT_REQUIRE", String::new()) == "all";
    let trials = journeys::ALL.iter().map(|(name, journey)| {
        let by_provider = *name == journeys::BY_PROVIDER;
        let provider = by_provider.then(real_provider::missing).flatten();
        let missing = driver::missing().or(provider);
        let ignored = missing.is_some() && !required;
        let trial = Trial::test(*name, move || match missing {
            Some(missing) => Err(missing.into()),
            None => {
                journey();
                Ok(())
            }
        });
        trial.with_ignored_flag(ignored)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}
