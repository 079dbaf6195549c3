//! The offline verifier: a folder, and a verifier key or a policy that names keys; nothing else.
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
use super::problems::{Problems, Report};
use super::publish::CHECKPOINT_FILE;
use super::schema::claims_our_format;
use super::tile::{Part, PartKind};
use super::tlog_policy::TlogPolicy;
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

/// Whose signatures make a checkpoint valid.
#[derive(Clone, Copy, Debug)]
pub enum Trust<'a> {
    /// The signature of this verifier key, a C2SP vkey.
    Key(&'a str),
    /// That of any of the policy's log keys, and its quorum of witnesses.
    Policy(&'a TlogPolicy),
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
    let options = VerifyOptions { entries: EntryRules::Detect, since: None };
    verify_with(dir, Trust::Key(vkey), &options)
}

/// Verifies a log folder.
pub fn verify_with(dir: &Path, trust: Trust<'_>, options: &VerifyOptions) -> Report {
    let mut problems = Problems::default();
    let trust = match trust {
        Trust::Policy(policy) => policy.clone(),
        Trust::Key(text) => match text.trim().parse() {
            Ok(key) => TlogPolicy::of_logs([key]),
            Err(error) => {
                problems.add("vkey", None, format!("the verifier key: {error}"));
                return problems.report(0, String::new());
            }
        },
    };
    let Some(checkpoint) = accept(dir, &trust, &mut problems) else {
        return problems.report(0, String::new());
    };
    let folder = Folder::at(dir);
    let since = options.since.as_deref();
    let since = since.and_then(|note| accept_since(note, &trust, &checkpoint, &mut problems));
    let opaque = is_opaque(options.entries, &folder, checkpoint.size);
    let mut chronicle = Chronicle::new();
    let walk = Walk { folder: &folder, checkpoint: &checkpoint, since: since.as_ref(), opaque };
    walk.run(&mut chronicle, &mut problems);
    chronicle.finish(checkpoint.size, &mut problems);
    let mut files = Files::new(dir, &folder, &checkpoint);
    files.check(&mut problems);
    files.settle(&trust, &mut problems);
    problems.report(checkpoint.size, STANDARD.encode(checkpoint.root))
}

fn accept(dir: &Path, trust: &TlogPolicy, problems: &mut Problems) -> Option<Checkpoint> {
    let path = dir.join(CHECKPOINT_FILE);
    let standing = match read_bounded(&path, CHECKPOINT_BYTES_MAX) {
        Ok(note) => trust.stand(&note).map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match standing {
        Ok(standing) => {
            if !standing.quorum_met {
                let path = path.display();
                let known = trust.witnesses().len();
                let count = standing.cosigned_by.len();
                let detail = format!(
                    "{path}: {count} of the policy's {known} witnesses have cosigned it, \
                     which is no quorum"
                );
                problems.add("quorum", None, detail);
            }
            Some(standing.checkpoint)
        }
        Err(error) => {
            problems.add("checkpoint", None, format!("{}: {error}", path.display()));
            None
        }
    }
}

/// The earlier checkpoint, where today's tree can be compared with it.
fn accept_since(
    note: &[u8],
    trust: &TlogPolicy,
    today: &Checkpoint,
    problems: &mut Problems,
) -> Option<Checkpoint> {
    let since = match trust.stand(note) {
        Ok(standing) if standing.checkpoint.origin == today.origin => standing.checkpoint,
        Ok(_) => {
            let detail = "the earlier checkpoint is of another log".to_owned();
            problems.add("since_checkpoint", None, detail);
            return None;
        }
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
