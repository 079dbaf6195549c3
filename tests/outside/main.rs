//! Logs of ours before judges who know nothing of us: Go's own transparency-log libraries, a
//! checker written in Python from the specifications alone, and openssl. And a log written so,
//! before us. Exports of ours before the owners of their formats, and a bundle of ours before
//! whoever follows the guide in it. And people whom a real OpenID provider sends to us.
//!
//! Where one of them is missing its tests show as ignored; with `AFFIANT_REQUIRE=all` they fail
//! instead. The judges are `check.go` and `check.py` beside this file, the writer
//! is `write.py`.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is not as it must be"
)]

mod guide;
mod judges;
mod provider;
mod real_provider;
mod records;
mod revealed;
mod sample;
#[expect(dead_code, reason = "the other test program uses the rest")]
#[path = "../it/support/mod.rs"]
mod support;

use std::fs;

use affiant::audit::{EntryRules, Trust, VerifyOptions, check_proof, verify, verify_with};
use libtest_mimic::{Arguments, Failed, Trial};

use self::judges::{Judge, Verdict};
use self::sample::Sample;

/// Entries of the older checkpoint, and of the log: partial and full tiles, on both sides of each
/// boundary.
const SIZES: [(u64, u64); 9] = [
    (1, 1),
    (1, 255),
    (200, 256),
    (256, 257),
    (200, 300),
    (255, 511),
    (256, 512),
    (511, 513),
    (300, 600),
];

fn main() {
    let arguments = Arguments::from_args();
    let required = required();
    let mut trials = Vec::new();
    for judge in [Judge::Go, Judge::Python, Judge::Openssl] {
        let missing = judge.missing();
        let mut add = |what: &str, test: fn(Judge) -> Result<(), Failed>| {
            let missing = missing.clone();
            let ignored = missing.is_some() && !required;
            let name = format!("{judge:?}_{what}").to_lowercase();
            let trial = Trial::test(name, move || match missing {
                Some(missing) => Err(missing.into()),
                None => test(judge),
            });
            trials.push(trial.with_ignored_flag(ignored));
        };
        add("accepts_our_logs_of_every_size", accepts);
        add("rejects_a_flipped_bit_in_any_file", rejects);
        add("rejects_another_history", rejects_a_fork);
        // openssl is shown one signature line; the others find theirs among several.
        if judge != Judge::Openssl {
            add("accepts_either_key_while_both_sign", accepts_a_rotation);
        }
    }
    let missing = Judge::Python.missing();
    let ignored = missing.is_some() && !required;
    let written = Trial::test("python_writes_logs_that_we_accept", move || match missing {
        Some(missing) => Err(missing.into()),
        None => accepts_logs_of_others(),
    });
    trials.push(written.with_ignored_flag(ignored));
    let mut add = |name: &str, missing: Option<String>, test: fn() -> Result<(), Failed>| {
        let ignored = missing.is_some() && !required;
        let trial = Trial::test(name, move || match missing {
            Some(missing) => Err(missing.into()),
            None => test(),
        });
        trials.push(trial.with_ignored_flag(ignored));
    };
    add("validators_accept_hostile_records_of_every_type", records::missing(), records::hold);
    add("the_guide_in_a_bundle_can_be_followed", guide::missing(), guide::can_be_followed);
    add(
        "the_guide_in_a_bundle_can_be_followed_after_a_change_of_keys",
        guide::missing(),
        guide::can_be_followed_after_a_change_of_keys,
    );
    add(
        "what_is_revealed_is_held_to_its_entry_by_the_checker",
        Judge::Python.missing(),
        revealed::are_held_to_their_entry,
    );
    for (name, test) in provider::ALL {
        add(name, real_provider::missing(), test);
    }
    libtest_mimic::run(&arguments, trials).exit();
}

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment what to require")]
fn required() -> bool {
    std::env::var("AFFIANT_REQUIRE").is_ok_and(|wanted| wanted == "all")
}

fn expect(judge: Judge, sample: &Sample, accepted: bool, what: &str) -> Result<(), Failed> {
    let Verdict { accepts, said } = judge.judge(sample);
    match accepts == accepted {
        true => Ok(()),
        false => Err(format!("{judge:?} on {what}: {said}").into()),
    }
}

fn accepts(judge: Judge) -> Result<(), Failed> {
    for (older, size) in SIZES {
        let sample = Sample::new(older, size);
        expect(judge, &sample, true, &format!("{older} -> {size} entries"))?;
    }
    Ok(())
}

/// A log that a script has written from the specifications, around 256 and 65,536 entries; and its
/// checkpoints and proof.
fn accepts_logs_of_others() -> Result<(), Failed> {
    const SIZES: [&str; 7] = ["0", "3", "256", "257", "300", "65535", "65537"];
    let folder = judges::written_by_python(&SIZES);
    let (log, at) = (folder.path().join("log"), |name: &str| folder.path().join(name));
    let vkey = fs::read_to_string(at("vkey"))?;
    for size in SIZES {
        let since = Some(fs::read(at(&format!("checkpoint.{size}")))?);
        let options =
            VerifyOptions { entries: EntryRules::Opaque, since, ..VerifyOptions::default() };
        let report = verify_with(&log, Trust::Key(&vkey), &options);
        assert_eq!((report.size, report.problems), (65_537, vec![]), "since {size}");
    }
    let proof = fs::read_to_string(at("proof"))?;
    let key = vkey.trim_end().parse()?;
    let (index, checkpoint) = check_proof(&proof, &fs::read(at("entry"))?, &key)?;
    assert_eq!((index, checkpoint.size), (32_768, 65_537));
    assert!(check_proof(&proof, b"another entry", &key).is_err());
    for file in ["tile/entries/001.p/44", "tile/1/000.p/255", "tile/2/000.p/1", "tile/0/200"] {
        let good = fs::read(log.join(file))?;
        let mut bad = good.clone();
        bad[good.len() / 2] ^= 1;
        sample::write(&log.join(file), &bad);
        assert!(!verify(&log, &vkey).ok, "{file}");
        sample::write(&log.join(file), &good);
    }
    Ok(())
}

/// One bit in the first third, the middle and the last third of what a judge reads of every file
/// that the log has now.
fn rejects(judge: Judge) -> Result<(), Failed> {
    for (older, size) in [(200, 300), (256, 512)] {
        let sample = Sample::new(older, size);
        let files = sample.files();
        assert!(
            files.len() >= 6,
            "checkpoint, two bundles, two tiles and the one above: {files:?}"
        );
        for file in &files {
            let good = sample.read(file);
            let read = judge.reads(file, &good);
            let at = |share: usize| read.start + read.len() * share / 6;
            for position in [at(2), at(3), at(4)].into_iter().filter(|_| !read.is_empty()) {
                let mut bad = good.clone();
                bad[position] ^= 1;
                sample.write(file, &bad);
                expect(judge, &sample, false, &format!("{file} with byte {position} changed"))?;
            }
            sample.write(file, &good);
        }
        expect(judge, &sample, true, "the log as it was")?;
    }
    Ok(())
}

/// Two logs that the same key has signed: each is whole, and neither is the other's beginning.
fn rejects_a_fork(judge: Judge) -> Result<(), Failed> {
    let [one, other] = Sample::twins(200, 300);
    expect(judge, &one, true, "the one history by itself")?;
    expect(judge, &other, true, "the other history by itself")?;
    if judge != Judge::Openssl {
        other.write_older(&one.read_older());
        expect(judge, &other, false, "the other history after a checkpoint of this one")?;
    }
    Ok(())
}

/// Two signature lines of one name: either key opens them, and after a retirement the new one alone.
fn accepts_a_rotation(judge: Judge) -> Result<(), Failed> {
    let (sample, [old, new]) = Sample::rotated(200, 300);
    assert_ne!(old, new);
    for key in [&old, &new] {
        sample.trust(key);
        expect(judge, &sample, true, "a log that both keys sign")?;
    }
    sample.retire();
    sample.trust(&new);
    expect(judge, &sample, true, "the new key after the retirement")?;
    sample.trust(&old);
    expect(judge, &sample, false, "the old key after the retirement")
}
