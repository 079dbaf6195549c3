//! The offline verifier: a folder and a verifier key, nothing else.
//!
//! Streams through the log once, holding a few bundles, one tile a level, and what later entries
//! rest on: open queries, documents, policy sets. Checks the checkpoint's signature, every tile of
//! every level against the entries and the root (`walk`), the form of every entry (`schema`), what
//! entries must be among each other (`chronicle`), and that every file of the folder is one that
//! the log of this size has (`account`). Older partial tiles may stay; they must be a beginning of
//! what there is now.
//!
//! A log may grow while it is verified: the tree of the first checkpoint read is verified, and
//! files beyond it are accepted where a later signed checkpoint covers them.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::account::Files;
use super::checkpoint::{CHECKPOINT_BYTES_MAX, Checkpoint};
use super::chronicle::Chronicle;
use super::files::read_bounded;
use super::folder::Folder;
use super::merkle::empty_root;
use super::note::NoteVerifier;
use super::problems::{Problems, Report};
use super::publish::CHECKPOINT_FILE;
use super::schema::claims_our_format;
use super::tile::{Part, PartKind};
use super::walk::Walk;

/// Whether entries are held to this appliance's schema.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EntryRules {
    /// If the first entry claims our format, all must follow it; else none is looked into.
    Detect,
    /// Every entry must follow our format.
    Affiant,
    /// Entries are any bytes: the log of another program.
    Opaque,
}

/// What to check besides the tree.
#[derive(Clone, Debug)]
pub struct VerifyOptions {
    /// Which rules entries follow.
    pub entries: EntryRules,
    /// A checkpoint that this log has signed earlier: it must be the beginning of today's.
    pub since: Option<Vec<u8>>,
}

/// Verifies a log folder with its verifier key; entries as [`EntryRules::Detect`].
///
/// The kinds of problems and warnings are listed in [`super::PROBLEM_KINDS`].
///
/// An `open_query` has no terminal entry and cannot get one any more: more than 1,024 entries or a
/// `log.started` follow it. Later ones may still be running, and are warnings.
pub fn verify(dir: &Path, vkey: &str) -> Report {
    verify_with(dir, vkey, &VerifyOptions { entries: EntryRules::Detect, since: None })
}

/// Verifies a log folder with its verifier key.
pub fn verify_with(dir: &Path, vkey: &str, options: &VerifyOptions) -> Report {
    let mut problems = Problems::default();
    let Some((verifier, checkpoint)) = accept(dir, vkey, &mut problems) else {
        return problems.report(0, String::new());
    };
    let folder = Folder::at(dir);
    let since = options.since.as_deref();
    let since = since.and_then(|note| accept_since(note, &verifier, &checkpoint, &mut problems));
    let opaque = is_opaque(options.entries, &folder, checkpoint.size);
    let mut chronicle = Chronicle::new();
    let walk = Walk { folder: &folder, checkpoint: &checkpoint, since: since.as_ref(), opaque };
    walk.run(&mut chronicle, &mut problems);
    chronicle.finish(checkpoint.size, &mut problems);
    let mut files = Files::new(dir, &folder, checkpoint.size);
    files.check(&mut problems);
    files.settle(&verifier, &mut problems);
    problems.report(checkpoint.size, STANDARD.encode(checkpoint.root))
}

fn accept(dir: &Path, vkey: &str, problems: &mut Problems) -> Option<(NoteVerifier, Checkpoint)> {
    let verifier: NoteVerifier = match vkey.trim().parse() {
        Ok(verifier) => verifier,
        Err(error) => {
            problems.add("vkey", None, format!("the verifier key: {error}"));
            return None;
        }
    };
    let path = dir.join(CHECKPOINT_FILE);
    let checkpoint = match read_bounded(&path, CHECKPOINT_BYTES_MAX) {
        Ok(note) => Checkpoint::open(&note, &verifier).map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match checkpoint {
        Ok(checkpoint) => Some((verifier, checkpoint)),
        Err(error) => {
            problems.add("checkpoint", None, format!("{}: {error}", path.display()));
            None
        }
    }
}

/// The earlier checkpoint, where today's tree can be compared with it.
fn accept_since(
    note: &[u8],
    verifier: &NoteVerifier,
    today: &Checkpoint,
    problems: &mut Problems,
) -> Option<Checkpoint> {
    let since = match Checkpoint::open(note, verifier) {
        Ok(since) => since,
        Err(error) => {
            problems.add("since_checkpoint", None, format!("the earlier checkpoint: {error}"));
            return None;
        }
    };
    let (then, now) = (since.size, today.size);
    if then > now {
        let detail = format!("the log had {then} entries at the earlier checkpoint and has {now}");
        problems.add("shrunk", None, detail);
        return None;
    }
    if then == 0 && since.root != empty_root() {
        let detail = "the earlier checkpoint states another root than that of no entries";
        problems.add("forked", None, detail.to_owned());
        return None;
    }
    Some(since)
}

/// Whether entries are any bytes. A first bundle that cannot be read does not excuse the others.
fn is_opaque(rules: EntryRules, folder: &Folder, size: u64) -> bool {
    match rules {
        EntryRules::Affiant => false,
        EntryRules::Opaque => true,
        EntryRules::Detect => {
            let first = Part::full(PartKind::Entries, 0);
            let first = PartKind::Entries.partial(size).filter(|p| p.number == 0).unwrap_or(first);
            let claims = |entries: &[&[u8]]| entries.first().is_none_or(|e| claims_our_format(e));
            !folder.with_entries(first, claims).unwrap_or(true)
        }
    }
}
