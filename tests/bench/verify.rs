//! How fast is a log of a million entries verified, and in how much memory? The entries are those
//! that questions leave, written once by the real log and then repeated with ids of their own.

#[expect(dead_code, reason = "only the bench of appending opens its log again")]
mod home;
mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use affiant::audit::merkle::leaf_hash;
use affiant::audit::note::NoteSigner;
use affiant::audit::tile::{Edge, FullTile, Part, PartKind, push_entry};
use affiant::audit::{Added, Checkpoint, CitedSpan, QueryKind, What, verify};
use affiant::domain::answer::{ModelsUsed, Setting, Wording};
use affiant::domain::clock::{SystemEntropy, Timestamp};
use affiant::domain::digest::Digest;
use affiant::domain::ids::{DocumentId, EntryIndex};
use affiant::domain::payload::{PayloadRef, Token, TokenKind};
use affiant::durable::{self, Readers};
use anyhow::{Context as _, ensure};

use self::home::Home;
use self::support::{Bench, tell, tell_times};

const ORIGIN: &str = "affiant.bench/log";

fn main() -> anyhow::Result<()> {
    let bench = Bench::start("verify: a whole log, from its files and its verifier key");
    let folder = tempfile::tempdir()?;
    let entries = bench.size(1_000_000, 1_500) as u64;
    let mut writer = Writer::create(folder.path());
    let bytes = write(&mut writer, entries)?;
    let (size, vkey) = writer.finish()?;
    tell("entries", size);
    tell("bytes of an entry, on average", bytes / size);
    forget_peak();
    let mut times = Vec::new();
    for _ in 0..bench.size(3, 1) {
        let (report, took) = bench.time(|| verify(folder.path(), &vkey));
        ensure!(report.ok && report.warnings.is_empty(), "{:?}", report.problems.first());
        times.push(took);
    }
    tell_times("one verification", &mut times);
    let seconds = times.first().map_or(f64::NAN, Duration::as_secs_f64);
    tell("verified, entries a second, at best", format!("{:.0}", size as f64 / seconds));
    tell("verified, MB a second, at best", format!("{:.0}", bytes as f64 / seconds / 1e6));
    tell("peak memory, MB", peak_megabytes().map_or("unknown".to_owned(), |mb| mb.to_string()));
    bench.tell_reference();
    Ok(())
}

/// Forgets the peak so far, where the system can.
fn forget_peak() {
    use std::io::Write as _;
    let file = fs::OpenOptions::new().write(true).open("/proc/self/clear_refs");
    drop(file.and_then(|mut file| file.write_all(b"5")));
}

/// The most memory that this process has had.
fn peak_megabytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes.div_ceil(1_024))
}

/// Writes the entries of questions until there are `count`; returns their bytes.
fn write(writer: &mut Writer<'_>, count: u64) -> anyhow::Result<u64> {
    let home = Home::create()?;
    let token = |number: u8| {
        let document = DocumentId::of(&[number]).to_string();
        home.vault.token(TokenKind::Document, &document)
    };
    let mut first = vec![started()];
    first.extend((1..=8).map(|number| activated(token(number))));
    let questions = [received(), home.retrieval(Some(payload())), released(&token(1))];
    let mut bytes = 0;
    for what in first {
        bytes += writer.push(&Pattern::of(&home, what)?, 0)?;
    }
    let questions: Vec<Pattern> =
        questions.into_iter().map(|what| Pattern::of(&home, what)).collect::<Result<_, _>>()?;
    for number in 1.. {
        for pattern in &questions {
            if writer.edge.size() >= count && pattern.kind == "query.received" {
                return Ok(bytes);
            }
            bytes += writer.push(pattern, number)?;
        }
    }
    Ok(bytes)
}

fn payload() -> PayloadRef {
    let digest = Digest::of(b"payload");
    PayloadRef { blob_sha256: digest, len: 1_000, key: digest.short(), commit: digest }
}

fn started() -> What {
    let digest = Digest::of(b"policy");
    let models = [("encoder".to_owned(), digest)].into();
    What::LogStarted { binary: digest, config: digest, policy: digest, models, size: 0 }
}

fn activated(document: Token) -> What {
    What::DocumentActivated {
        document,
        generation: 1,
        passages: 12,
        pages: 3,
        size_bytes: 40_000,
        class: 0,
        models: Added(None),
        payload: Some(payload()),
    }
}

fn received() -> What {
    What::QueryReceived {
        kind: QueryKind::Ask,
        mode: "auto".to_owned(),
        top_k: 8,
        purpose: None,
        matter: None,
        patient: None,
        rights: Token::from_mac([7; 16]),
        setting: Setting::default(),
        emergency: Added(None),
        payload: Some(payload()),
    }
}

fn released(document: &Token) -> What {
    let model = Some(Digest::of(b"model"));
    let cited =
        (1..=2).map(|page| CitedSpan { document: document.clone(), page, start: 100, end: 220 });
    What::AnswerReleased {
        mode: Wording::Verbatim,
        sentences: 2,
        withheld_sentences: 0,
        cited: cited.collect(),
        models: ModelsUsed { encoder: model, generator: model },
        prompt_tokens: 900,
        completion_tokens: 40,
        seed: 0.into(),
        payload: Some(payload()),
    }
}

/// A real entry, cut where its id, its request and its time stand.
struct Pattern {
    kind: String,
    /// What stands before the id, the request, the time, and behind it: in canonical order.
    pieces: [String; 4],
}

impl Pattern {
    fn of(home: &Home, what: What) -> anyhow::Result<Self> {
        let index = home.log.append(home.event(what))?.index();
        let entry = home.log.read(EntryIndex(index.0))?;
        let text = String::from_utf8(entry.bytes.clone())?;
        let request = entry.req().context("an entry has a request")?.to_string();
        let time = format!("\"ts\":{}", entry.ts().unix_millis());
        let (one, rest) = text.split_once(entry.id()).context("an entry has an id")?;
        let (two, rest) = rest.split_once(&request).context("its request stands behind it")?;
        let (three, four) = rest.split_once(&time).context("and then its time")?;
        let pieces = [one, two, three, four].map(str::to_owned);
        Ok(Self { kind: entry.kind().to_owned(), pieces })
    }

    /// The entry of question `number`, at a time of its own.
    fn entry(&self, place: u64, number: u64) -> String {
        let millis = 1_767_225_600_000 + place;
        let now = Timestamp::from_unix_millis(millis);
        let uuid = |low: u64| {
            let low = [&[0; 2], &low.to_be_bytes()[..]].concat();
            let random = <[u8; 10]>::try_from(low).unwrap_or_default();
            affiant::domain::ids::uuid_v7(now, &Fixed(random))
        };
        let (id, ts) = (uuid(place), millis);
        // A request keeps its id through its entries, which lie in different milliseconds.
        let req = uuid::Uuid::from_u128((0x8 << 60) | u128::from(number));
        let [one, two, three, four] = &self.pieces;
        format!("{one}{id}{two}{req}{three}\"ts\":{ts}{four}")
    }
}

/// Randomness that is not.
struct Fixed([u8; 10]);

impl affiant::domain::clock::Entropy for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
    }
}

/// Writes the files of a log as they are at its end: no partial tile twice, nothing synced.
struct Writer<'a> {
    folder: &'a Path,
    edge: Edge,
    bundle: Vec<u8>,
}

impl<'a> Writer<'a> {
    fn create(folder: &'a Path) -> Self {
        Self { folder, edge: Edge::default(), bundle: Vec::new() }
    }

    fn push(&mut self, pattern: &Pattern, number: u64) -> anyhow::Result<u64> {
        let entry = pattern.entry(self.edge.size(), number);
        push_entry(&mut self.bundle, entry.as_bytes());
        for FullTile { part, hashes } in self.edge.push(leaf_hash(entry.as_bytes())) {
            if part.kind == PartKind::Tile(0) {
                let bundle = std::mem::take(&mut self.bundle);
                self.put(Part { kind: PartKind::Entries, ..part }, &bundle)?;
            }
            self.put(part, hashes.as_flattened())?;
        }
        Ok(entry.len() as u64)
    }

    /// Writes the incomplete tiles and the checkpoint; gives the size and the verifier key.
    fn finish(self) -> anyhow::Result<(u64, String)> {
        let size = self.edge.size();
        if let Some(part) = PartKind::Entries.partial(size) {
            self.put(part, &self.bundle)?;
        }
        for level in 0..self.edge.level_count() {
            if let Some(part) = PartKind::Tile(level).partial(size) {
                self.put(part, self.edge.level(level).as_flattened())?;
            }
        }
        let signer = NoteSigner::generate(ORIGIN, &SystemEntropy)?;
        let checkpoint =
            Checkpoint { origin: ORIGIN.to_owned(), size, root: self.edge.root() }.sign(&signer);
        let path = self.folder.join("checkpoint");
        durable::create_new(&path, checkpoint.as_bytes(), Readers::Owner)?;
        Ok((size, signer.verifier().to_string()))
    }

    #[expect(clippy::disallowed_methods, reason = "thousands of files that need not last")]
    fn put(&self, part: Part, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.folder.join(part.to_string());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(fs::write(path, bytes)?)
    }
}
