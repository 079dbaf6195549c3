//! Making a bundle: its files into a folder first, then the folder into the archive.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::anchors;
use super::archive::Packer;
use super::files::{digests, h1, sums};
use super::manifest::{Manifest, PAYLOAD_TYPE, Previous, VERSION};
use super::records::{Told, render};
use super::{
    CERTIFICATION, CHECKER, CONSISTENCY, COSIGNED, GUIDE, H1, KEYRING, LOG, MANIFEST, POLICY,
    PREVIOUS, SCHEMA, SUMS,
};
use crate::audit::note::{NoteSigner, NoteVerifier};
use crate::audit::{
    Anchors, Checkpoint, Envelope, Selection, TlogPolicy, copy_tree, inventory, prove_consistency,
};
use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::durable::{self, Readers};
use crate::examine::ExamineError;
use crate::examine::export::{RecordFormat, Site};

const GUIDE_TEXT: &str = include_str!("texts/verify.md");
/// The checker that our own tests hold our log to, written from the specifications alone.
const CHECKER_TEXT: &str = include_str!("../../../tests/outside/check.py");
const CERTIFICATION_TEXT: &str = include_str!("texts/certification-902.md");

/// What a bundle is made from; equal ones give equal bytes.
pub(in crate::examine) struct BundleSource<'a> {
    /// The log's folder.
    pub(in crate::examine) log: &'a Path,
    /// The log's verifier key.
    pub(in crate::examine) verifier: &'a NoteVerifier,
    /// Signs the statement.
    pub(in crate::examine) signer: &'a NoteSigner,
    /// The signed checkpoint that the bundle is of.
    pub(in crate::examine) checkpoint: (&'a str, &'a Checkpoint),
    /// The log's key, and its witnesses where a quorum of them has cosigned.
    pub(in crate::examine) policy: &'a TlogPolicy,
    /// What that quorum cosigned: this checkpoint or an earlier one.
    pub(in crate::examine) cosigned: Option<&'a str>,
    /// The one that this auditor had before.
    pub(in crate::examine) previous: Option<(&'a str, &'a Checkpoint)>,
    /// Timestamps of its checkpoints.
    pub(in crate::examine) anchors: &'a Anchors,
    /// Which entries the records are of.
    pub(in crate::examine) selection: &'a Selection,
}

/// Puts the files together in the empty folder `work` and writes the archive; gives the entries in
/// its records.
pub(in crate::examine) fn build(
    source: &BundleSource<'_>,
    work: &Path,
    out: impl Write,
) -> Result<u64, ExamineError> {
    let put = |name: &str, bytes: &[u8]| {
        let path = work.join(name);
        if let Some(folder) = path.parent() {
            durable::create_dir_all(folder)?;
        }
        durable::create_soon(&path, bytes, Readers::Owner)
    };
    let (note, checkpoint) = source.checkpoint;
    let log = work.join(LOG);
    copy_tree(source.log, checkpoint.size, &log)?;
    put("log/checkpoint", note.as_bytes())?;
    if let Some((previous, stated)) = source.previous {
        put(PREVIOUS, previous.as_bytes())?;
        put(CONSISTENCY, &consistency(&log, stated.size, source.checkpoint)?)?;
    }
    let export_key = source.signer.verifier().to_string();
    put(POLICY, source.policy.to_string().as_bytes())?;
    if let Some(cosigned) = source.cosigned {
        put(COSIGNED, cosigned.as_bytes())?;
    }
    for (name, text) in texts() {
        put(name, text.as_bytes())?;
    }
    let told = write_records(source, work, &log)?;
    for (name, bytes) in anchors::files(&told, source.anchors) {
        put(&name, &bytes)?;
    }
    put(KEYRING, keyring(source.verifier, &export_key, &told.replaced_keys).as_bytes())?;
    if !told.export_keys.contains(&export_key) {
        let problem = "the checkpoint is older than the key that signs bundles: name a later one";
        return Err(ExamineError::Request(problem.to_owned()));
    }
    let (name, erasures) = told.erasures();
    put(name, &erasures)?;
    let collected = digests(work)?;
    let stated = (checkpoint.origin.as_str(), checkpoint.size, STANDARD.encode(checkpoint.root));
    put(CERTIFICATION, certification(&stated, &told, &sums(&collected)).as_bytes())?;
    let sums = sums(&digests(work)?);
    let manifest = Manifest {
        v: VERSION,
        origin: checkpoint.origin.clone(),
        size: checkpoint.size,
        root: STANDARD.encode(checkpoint.root),
        through: told.through.unwrap_or(Timestamp::from_unix_millis(0)),
        previous: source.previous.map(|(_, previous)| Previous {
            size: previous.size,
            root: STANDARD.encode(previous.root),
        }),
        selection: source.selection.clone(),
        entries: told.entries,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        vkey: export_key,
        sha256sums: Digest::of(sums.as_bytes()),
        h1: h1(&sums).trim_end().to_owned(),
    };
    put(SUMS, sums.as_bytes())?;
    put(H1, h1(&sums).as_bytes())?;
    put(MANIFEST, &Envelope::sign(source.signer, PAYLOAD_TYPE, &manifest.render()).render())?;
    pack(work, &sums, out)?;
    Ok(told.entries)
}

/// One verifier key a line, each with what it is for.
fn keyring(log: &NoteVerifier, export_key: &str, replaced: &[String]) -> String {
    let replaced: String =
        replaced.iter().map(|key| format!("# signed earlier checkpoints\n{key}\n")).collect();
    format!(
        "# signs the log's checkpoints\n{log}\n# signs the manifests of bundles\n{export_key}\n\
         {replaced}"
    )
}

/// The body of a C2SP tlog-witness request: any witness can check it.
fn consistency(
    log: &Path,
    old: u64,
    checkpoint: (&str, &Checkpoint),
) -> Result<Vec<u8>, ExamineError> {
    let (note, stated) = checkpoint;
    let path = prove_consistency(log, old, stated.size)?;
    let hashes: String = path.iter().map(|hash| STANDARD.encode(hash) + "\n").collect();
    Ok(format!("old {old}\n{hashes}\n{note}").into_bytes())
}

/// The records, each format in its own files; at most one file a format is open.
fn write_records(source: &BundleSource<'_>, work: &Path, log: &Path) -> Result<Told, ExamineError> {
    let (_, checkpoint) = source.checkpoint;
    let site = Site::of(&checkpoint.origin);
    let mut open: Vec<(String, io::BufWriter<File>)> = Vec::new();
    let told = render::<ExamineError>(
        log,
        checkpoint.size,
        source.selection,
        (&site, &RecordFormat::ALL),
        &mut |name, _, lines| {
            let at = match open.iter().position(|(known, _)| known == name) {
                Some(at) => at,
                None => {
                    let folder =
                        |name: &str| name.rsplit_once('/').map(|(folder, _)| folder.to_owned());
                    let path = work.join(name);
                    durable::create_dir_all(path.parent().unwrap_or(work))?;
                    for (_, mut done) in
                        open.extract_if(.., |(known, _)| folder(known) == folder(name))
                    {
                        done.flush()?;
                    }
                    let file = durable::create_stream(&path, Readers::Owner)?;
                    open.push((name.to_owned(), io::BufWriter::new(file)));
                    open.len() - 1
                }
            };
            if let Some((_, file)) = open.get_mut(at) {
                file.write_all(lines)?;
            }
            Ok(())
        },
    )?;
    for (_, mut file) in open {
        file.flush()?;
    }
    Ok(told)
}

/// The files that are the same in every bundle of one version of the program.
pub(super) fn texts() -> [(&'static str, Cow<'static, str>); 3] {
    [
        (SCHEMA, Cow::Owned(inventory())),
        (GUIDE, Cow::Borrowed(GUIDE_TEXT)),
        (CHECKER, Cow::Borrowed(CHECKER_TEXT)),
    ]
}

/// The certification, with everything filled in that the appliance knows: of the log with this
/// origin, size and root.
pub(super) fn certification(stated: &(&str, u64, String), told: &Told, sums: &str) -> String {
    let (origin, size, root) = stated;
    let through = told.through.map_or_else(|| "no entry yet".to_owned(), |at| at.to_string());
    let fill = [
        ("{origin}", (*origin).to_owned()),
        ("{size}", size.to_string()),
        ("{root}", root.clone()),
        ("{through}", through),
        ("{entries}", told.entries.to_string()),
        ("{program}", env!("CARGO_PKG_VERSION").to_owned()),
        ("{hashes}", records_of(sums)),
    ];
    fill.iter()
        .fold(CERTIFICATION_TEXT.to_owned(), |text, (place, value)| text.replace(place, value))
}

/// The hash values of the records; those of the log's own files follow from its root.
fn records_of(sums: &str) -> String {
    let records = sums.lines().filter(|line| line.contains("  records/"));
    let lines: Vec<&str> = records.collect();
    if lines.is_empty() { "(no entry was selected)".to_owned() } else { lines.join("\n") }
}

fn pack(work: &Path, sums: &str, out: impl Write) -> Result<(), ExamineError> {
    let mut packer = Packer::new(out)?;
    let names = sums.lines().filter_map(|line| line.split_once("  ")).map(|(_, name)| name);
    for name in names.chain([SUMS, H1, MANIFEST]) {
        let path = work.join(name);
        let len = fs::metadata(&path)?.len();
        packer.add(name, len, File::open(&path)?)?;
    }
    packer.finish()?.flush()?;
    Ok(())
}
