//! What does the record add to a question? Three entries and three sealed payloads, in the order
//! and of the sizes of an answered question, against the disk's own speed.

#[expect(dead_code, reason = "only the bench of appending opens its log again")]
mod home;
mod support;

use std::io::Write as _;

use affiant::audit::{Added, CitedSpan, QueryKind, What};
use affiant::domain::answer::{ModelsUsed, Setting, Wording};
use affiant::domain::digest::Digest;
use affiant::domain::payload::{PayloadRef, TokenKind};
use affiant::store::KeyScope;

use self::home::Home;
use self::support::{Bench, tell_times};

/// Bytes of a question, of eight passages of evidence, and of an answer with its citations.
const PAYLOAD_BYTES: [usize; 3] = [300, 12_000, 16_000];

fn main() -> anyhow::Result<()> {
    let bench = Bench::start("record: what recording adds to one question");
    let home = Home::create()?;
    let scope = KeyScope::of(TokenKind::Person, &home.person);
    let questions = bench.size(400, 3);
    let mut syncs = Vec::new();
    let mut plain = tempfile::tempfile()?;
    for _ in 0..questions {
        let (written, took) =
            bench.time(|| plain.write_all(&[7; 4096]).and_then(|()| plain.sync_data()));
        written?;
        syncs.push(took);
    }
    let (mut seals, mut appends, mut both) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..questions {
        let (mut sealing, mut appending) = Default::default();
        for (step, bytes) in PAYLOAD_BYTES.into_iter().enumerate() {
            let contents = vec![b'x'; bytes];
            let (payload, took) = bench.time(|| home.vault.seal(&scope, &contents));
            sealing += took;
            let event = home.event(entry(&home, step, payload?));
            let (receipt, took) = bench.time(|| home.log.append(event));
            receipt?;
            appending += took;
        }
        seals.push(sealing);
        appends.push(appending);
        both.push(sealing + appending);
    }
    tell_times("one 4 KiB write and fdatasync, for comparison", &mut syncs);
    tell_times("three seals", &mut seals);
    tell_times("three appends", &mut appends);
    tell_times("both: what a question pays", &mut both);
    bench.tell_reference();
    Ok(())
}

fn entry(home: &Home, step: usize, payload: PayloadRef) -> What {
    let payload = Some(payload);
    match step {
        0 => What::QueryReceived {
            kind: QueryKind::Ask,
            mode: "auto".to_owned(),
            top_k: 8,
            purpose: None,
            matter: None,
            patient: None,
            rights: home.vault.token(TokenKind::Rights, "one"),
            setting: Setting::default(),
            emergency: Added(None),
            payload,
        },
        1 => home.retrieval(payload),
        _ => {
            let document = home.vault.token(TokenKind::Document, "one");
            let cited = (1..=2).map(|page| CitedSpan {
                document: document.clone(),
                page,
                start: 100,
                end: 220,
            });
            let model = Some(Digest::of(b"model"));
            What::AnswerReleased {
                mode: Wording::Verbatim,
                sentences: 2,
                withheld_sentences: 0,
                cited: cited.collect(),
                models: ModelsUsed { encoder: model, generator: model },
                prompt_tokens: 900,
                completion_tokens: 40,
                seed: 0.into(),
                payload,
            }
        }
    }
}
