//! Checking a bundle: an archive or an unpacked folder, and nothing else but, where the reader has
//! one from elsewhere, the log's verifier key.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::anchors;
use super::build::{certification, texts};
use super::compared::Compared;
use super::files::{digests, h1, parse_sums, sums};
use super::manifest::{Manifest, PAYLOAD_TYPE};
use super::previous;
use super::records::{Payloads, RECORDS, Told, render};
use super::unpack::{UnpackError, unpack};
use super::{
    ANCHORS, CERTIFICATION, CHECKER, CONSISTENCY, COSIGNED, ERASURES, GUIDE, H1, KEYRING, LOG,
    MANIFEST, POLICY, PREVIOUS, SCHEMA, SUMS, export_key_name,
};
use crate::audit::note::NoteVerifier;
use crate::audit::{
    EntryRules, Envelope, FolderError, Report, TlogPolicy, Trust, VerifyOptions, verify_with,
};
use crate::domain::digest::Digest;
use crate::domain::ids::EntryIndex;
use crate::examine::export::{RecordFormat, Site};
use crate::examine::problems::Findings;

/// Files that are read whole: lists of digests are the longest.
const FILE_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Files that every bundle has, besides the log and the records.
const FIXED: [&str; 7] = [KEYRING, POLICY, ERASURES, CERTIFICATION, GUIDE, CHECKER, SCHEMA];

/// What was found in a bundle.
#[derive(Clone, Debug)]
pub struct BundleReport {
    /// As for a log folder.
    pub report: Report,
    /// The verifier key that the log was checked with; empty where there was none.
    pub vkey: String,
    /// Entries in the records.
    pub entries: u64,
    /// What became of the contents that entries commit to.
    pub payloads: Payloads,
}

/// Whether this path is a bundle rather than a log folder: a file, or a folder with a statement.
pub fn is_bundle(path: &Path) -> bool {
    path.is_file() || path.join(MANIFEST).is_file()
}

/// What the reader of a bundle has from elsewhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// The log's verifier key.
    pub vkey: Option<&'a str>,
    /// A policy that names the log's keys, and witnesses.
    pub policy: Option<&'a TlogPolicy>,
    /// A checkpoint that the log has signed earlier.
    pub since: Option<&'a [u8]>,
}

/// Checks a bundle. Without a key or a policy from elsewhere the bundle's own are taken, which
/// proves that nothing was altered since it was made, not by whom.
///
/// The kinds of problems besides those of a log are listed in [`crate::examine::PROBLEM_KINDS`].
///
/// # Errors
/// Where there is no room to unpack.
pub fn check(path: &Path, known: &Known<'_>) -> io::Result<BundleReport> {
    if path.is_dir() {
        return Ok(Check::of(path).run(known));
    }
    let folder = tempfile::tempdir()?;
    let to = folder.path().join("bundle");
    match unpack(path, &to) {
        Ok(()) => Ok(Check::of(&to).run(known)),
        Err(UnpackError::Malformed(problem)) => Ok(refused("bundle_archive", problem.to_owned())),
        Err(UnpackError::Io(error)) => Ok(refused("bundle_archive", error.to_string())),
    }
}

fn refused(kind: &str, detail: String) -> BundleReport {
    let (mut report, mut found) = (nothing(), Findings::default());
    found.add(kind, None, detail);
    found.join(&mut report);
    BundleReport { report, vkey: String::new(), entries: 0, payloads: Payloads::default() }
}

fn nothing() -> Report {
    let (problems, warnings) = (Vec::new(), Vec::new());
    Report { ok: false, size: 0, before: 0, root: String::new(), problems, warnings }
}

struct Check<'a> {
    dir: &'a Path,
    found: Findings,
}

/// The keys that a bundle names.
struct Keys {
    log: NoteVerifier,
    export: NoteVerifier,
    /// Keys that signed the log earlier, as the bundle says.
    replaced: Vec<NoteVerifier>,
}

impl<'a> Check<'a> {
    fn of(dir: &'a Path) -> Self {
        Self { dir, found: Findings::default() }
    }

    fn add(&mut self, kind: &str, index: Option<EntryIndex>, detail: String) {
        self.found.add(kind, index.map(|index| index.0), detail);
    }

    fn run(mut self, known: &Known<'_>) -> BundleReport {
        let files = self.files();
        let keys = self.keys(known);
        let manifest = keys.as_ref().and_then(|keys| self.manifest(keys));
        let mut report = nothing();
        let (mut entries, mut payloads) = (0, Payloads::default());
        if let Some(keys) = &keys {
            report = self.log(known, keys);
            // Where the log's checkpoint is not accepted, nothing that rests on it can be.
            let manifest = manifest.as_ref().filter(|_| !report.root.is_empty());
            if let Some(told) = manifest.and_then(|it| self.rest(it, keys, &report, &files)) {
                (entries, payloads) = (told.entries, told.payloads());
            }
        }
        let complete = manifest.is_some();
        self.found.join(&mut report);
        report.ok &= complete;
        let vkey = keys.map_or_else(String::new, |keys| keys.log.to_string());
        BundleReport { report, vkey, entries, payloads }
    }

    /// What rests on the log: the statement, the earlier checkpoint, the records.
    fn rest(
        &mut self,
        manifest: &Manifest,
        keys: &Keys,
        log: &Report,
        files: &BTreeMap<String, Digest>,
    ) -> Option<Told> {
        self.previous(keys, manifest);
        if (manifest.size, &manifest.root) != (log.size, &log.root) {
            let detail = format!("{MANIFEST} states another checkpoint than the log's");
            self.add("bundle_manifest", None, detail);
        }
        let told = self.records(manifest, log.size, files)?;
        self.told(manifest, &told);
        self.replaced(keys, &told);
        for (index, detail) in anchors::check(self.dir, &told, files) {
            self.add("anchor_mismatch", index.map(EntryIndex), detail);
        }
        if manifest.program == env!("CARGO_PKG_VERSION") {
            self.texts(manifest, &told, files);
        }
        Some(told)
    }

    /// The log by itself.
    fn log(&mut self, known: &Known<'_>, keys: &Keys) -> Report {
        let (dir, vkey) = (self.dir.join(LOG), keys.log.to_string());
        let since = known.since.map(<[u8]>::to_vec);
        let options =
            VerifyOptions { entries: EntryRules::Affiant, since, ..VerifyOptions::default() };
        let own = self.read(POLICY).and_then(|bytes| TlogPolicy::parse(&bytes).ok());
        if own.is_none() {
            self.add("bundle_key", None, format!("{POLICY} is no policy"));
        }
        let cosigned = self.dir.join(COSIGNED).exists().then(|| self.read(COSIGNED)).flatten();
        // A key from elsewhere stands in for the bundle's word on who signs, not on who witnessed.
        let policy = known.policy.or(own.as_ref().filter(|own| {
            known.vkey.is_none() || own.logs().iter().any(|log| log.verifier == keys.log)
        }));
        let trust = match (policy, cosigned.as_deref()) {
            (Some(policy), Some(note)) => Trust::Cosigned(policy, note),
            (Some(policy), None) => Trust::Policy(policy),
            (None, _) => Trust::Key(&vkey),
        };
        verify_with(&dir, trust, &options)
    }

    /// A whole file; `None` where it is reported.
    fn read(&mut self, name: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = File::open(self.dir.join(name))
            .and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
        match read {
            Ok(_) => Some(bytes),
            Err(error) => {
                self.add("bundle_file", None, format!("{name}: {error}"));
                None
            }
        }
    }

    fn text(&mut self, name: &str) -> Option<String> {
        let text = String::from_utf8(self.read(name)?).ok();
        if text.is_none() {
            self.add("bundle_file", None, format!("{name} is not text"));
        }
        text
    }

    /// Every file against `SHA256SUMS`, and that against `h1.txt`.
    fn files(&mut self) -> BTreeMap<String, Digest> {
        let found = match digests(self.dir) {
            Ok(found) => found,
            Err(error) => {
                self.add("bundle_file", None, error.to_string());
                return BTreeMap::new();
            }
        };
        let text = self.text(SUMS).unwrap_or_default();
        let listed = parse_sums(&text).unwrap_or_default();
        if sums(&listed) != text || listed.is_empty() {
            self.add("bundle_file", None, format!("{SUMS} is not a list of digests by name"));
        }
        for (name, digest) in &found {
            match listed.get(name) {
                Some(listed) if listed == digest => {}
                Some(_) => self.add("bundle_file", None, format!("{name} was altered")),
                None => self.add("bundle_file", None, format!("{name} is not in {SUMS}")),
            }
            let known = FIXED.contains(&name.as_str())
                || [PREVIOUS, CONSISTENCY, COSIGNED].contains(&name.as_str())
                || name.starts_with("log/")
                || name.starts_with(ANCHORS)
                || name.starts_with(RECORDS);
            if !known {
                self.add("bundle_file", None, format!("{name} is nothing that a bundle holds"));
            }
        }
        let absent = listed.keys().map(String::as_str).chain(FIXED);
        for name in absent.filter(|name| !found.contains_key(*name)).collect::<BTreeSet<_>>() {
            self.add("bundle_file", None, format!("{name} is missing"));
        }
        if self.read(H1).is_some_and(|found| found != h1(&text).as_bytes()) {
            self.add("bundle_file", None, format!("{H1} is not the digest of {SUMS}"));
        }
        found
    }

    /// The log's key and the export key, by their names.
    fn keys(&mut self, known: &Known<'_>) -> Option<Keys> {
        let text = self.text(KEYRING)?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let keys: Result<Vec<NoteVerifier>, _> = lines.map(str::parse).collect();
        let Ok(keys) = keys else {
            self.add("bundle_key", None, format!("{KEYRING} holds a line that is no key"));
            return None;
        };
        let log = match known.vkey.map(|vkey| vkey.trim().parse::<NoteVerifier>()) {
            Some(Ok(given)) if keys.contains(&given) => Some(given),
            Some(Ok(given)) => {
                let detail = format!("{KEYRING} does not hold the key given, {}", given.name());
                self.add("bundle_key", None, detail);
                return None;
            }
            Some(Err(error)) => {
                self.add("vkey", None, format!("the verifier key: {error}"));
                return None;
            }
            None => keys.first().cloned(),
        };
        let named = |log: &NoteVerifier| {
            let name = export_key_name(log.name());
            keys.iter().find(|key| key.name() == name).cloned()
        };
        let found = log.and_then(|log| {
            let export = named(&log)?;
            let others = keys.iter().filter(|key| **key != log && **key != export);
            Some(Keys { replaced: others.cloned().collect(), export, log })
        });
        if found.is_none() {
            let detail = format!("{KEYRING} does not hold the log's key and its export key");
            self.add("bundle_key", None, detail);
        }
        found
    }

    fn manifest(&mut self, keys: &Keys) -> Option<Manifest> {
        let bytes = self.read(MANIFEST)?;
        let manifest = match Envelope::open(&bytes, &keys.export, PAYLOAD_TYPE) {
            Ok(payload) => Manifest::parse(&payload),
            Err(error) => {
                self.add("bundle_manifest", None, format!("{MANIFEST}: {error}"));
                return None;
            }
        };
        let Some(manifest) = manifest else {
            let detail = format!("{MANIFEST} is signed, but no statement of a known form");
            self.add("bundle_manifest", None, detail);
            return None;
        };
        let sums = self.text(SUMS).unwrap_or_default();
        let fits = manifest.sha256sums == Digest::of(sums.as_bytes())
            && format!("{}\n", manifest.h1) == h1(&sums)
            && manifest.origin == keys.log.name()
            && manifest.vkey == keys.export.to_string();
        if !fits {
            let detail = format!("{MANIFEST} is the statement of another bundle");
            self.add("bundle_manifest", None, detail);
        }
        Some(manifest)
    }

    /// The earlier checkpoint, and that today's log begins with it.
    fn previous(&mut self, keys: &Keys, manifest: &Manifest) {
        let stated = manifest.previous.as_ref();
        if !self.dir.join(PREVIOUS).exists() && !self.dir.join(CONSISTENCY).exists() {
            if stated.is_some() {
                self.add("bundle_previous", None, format!("{PREVIOUS} is missing"));
            }
            return;
        }
        let files = (self.read(PREVIOUS), self.text(CONSISTENCY), self.read("log/checkpoint"));
        let (Some(previous), Some(proof), Some(note)) = files else { return };
        let signers: Vec<_> = [&keys.log].into_iter().chain(&keys.replaced).collect();
        for detail in previous::check(&signers, stated, (&previous, &proof, &note)) {
            self.add("bundle_previous", None, detail);
        }
    }

    /// Renders the records again and compares them with the files.
    fn records(
        &mut self,
        manifest: &Manifest,
        size: u64,
        files: &BTreeMap<String, Digest>,
    ) -> Option<Told> {
        let site = Site::of(&manifest.origin);
        // Another version may render another way: only JSON Lines never changes.
        let same = manifest.program == site.version;
        let formats = if same { &RecordFormat::ALL[..] } else { &[RecordFormat::Jsonl][..] };
        if !same {
            let (made, own) = (&manifest.program, &site.version);
            let detail = format!(
                "program {made} made this bundle and this is {own}: of its records only JSON Lines \
                 was compared; have them checked by {made} too"
            );
            self.add("records_not_compared", None, detail);
        }
        let mut compared = Compared::default();
        let dir = self.dir;
        let log = dir.join(LOG);
        let told = render::<Stop>(
            &log,
            size,
            &manifest.selection,
            (&site, formats),
            &mut |name, index, lines| {
                if let Err(detail) = compared.lines(dir, name, lines) {
                    self.add("record_mismatch", Some(index), detail);
                }
                Ok(())
            },
        );
        for detail in compared.end() {
            self.add("record_mismatch", None, detail);
        }
        let told = match told {
            Ok(told) => told,
            Err(Stop(error)) => {
                self.add("unreadable_file", None, error.to_string());
                return None;
            }
        };
        let expected = told.files();
        for name in files.keys().filter(|name| name.starts_with(RECORDS)) {
            if !expected.contains(name) {
                self.add("record_mismatch", None, format!("{name} has records of no entry"));
            }
        }
        for name in expected.iter().filter(|name| !compared.seen.contains(*name)) {
            if !files.contains_key(name) {
                self.add("record_mismatch", None, format!("{name} is missing"));
            }
        }
        Some(told)
    }

    /// What every bundle of this version says in words.
    fn texts(&mut self, manifest: &Manifest, told: &Told, files: &BTreeMap<String, Digest>) {
        let stated = (manifest.origin.as_str(), manifest.size, manifest.root.clone());
        let certification = certification(&stated, told, &sums(files));
        for (name, text) in texts().into_iter().chain([(CERTIFICATION, certification.into())]) {
            if files.get(name).is_some_and(|found| *found != Digest::of(text.as_bytes())) {
                let detail = format!("{name} is not what this version of the program writes");
                self.add("bundle_file", None, detail);
            }
        }
    }

    /// What else the log tells, against what the bundle says.
    fn told(&mut self, manifest: &Manifest, told: &Told) {
        if manifest.entries != told.entries
            || Some(manifest.through) != told.through.or(Some(manifest.through))
        {
            let detail = format!("{MANIFEST} states other entries than the log has");
            self.add("bundle_manifest", None, detail);
        }
        if !told.export_keys.contains(&manifest.vkey) {
            let detail =
                "the log has no export.key_created entry for the key that signed".to_owned();
            self.add("bundle_key", None, detail);
        }
        let (name, expected) = told.erasures();
        if self.read(name).is_some_and(|found| found != expected) {
            let detail = format!("{name} does not list the erasures that the log records");
            self.add("record_mismatch", None, detail);
        }
    }

    /// A key signed earlier checkpoints only where an entry says so.
    fn replaced(&mut self, keys: &Keys, told: &Told) {
        for key in &keys.replaced {
            let mut known = told.replaced_keys.iter().chain(&told.newest_key);
            if !known.any(|known| *known == key.to_string()) {
                let detail = format!("{KEYRING}: the log has no key.rotated entry for {key}");
                self.add("bundle_key", None, detail);
            }
        }
    }
}

/// Why rendering stopped.
struct Stop(FolderError);

impl From<FolderError> for Stop {
    fn from(error: FolderError) -> Self {
        Self(error)
    }
}
