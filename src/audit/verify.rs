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

use std::cell::LazyCell;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::account::Files;
use super::checkpoint::{CHECKPOINT_BYTES_MAX, Checkpoint};
use super::chronicle::{Chronicle, Inherited};
use super::files::read_bounded;
use super::folder::Folder;
use super::lineage::with_earlier_keys;
use super::merkle::empty_root;
use super::problems::{Problems, Report};
use super::publish::CHECKPOINT_FILE;
use super::schema::claims_our_format;
use super::tile::{Part, PartKind};
use super::tlog_policy::{Standing, TlogPolicy, UnsignedError};
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
    /// The same, where the quorum has cosigned this checkpoint and the log has grown since: then
    /// it must be the beginning of today's.
    Cosigned(&'a TlogPolicy, &'a [u8]),
}

/// What to check besides the tree.
#[derive(Clone, Debug)]
pub struct VerifyOptions {
    /// Which rules entries follow.
    pub entries: EntryRules,
    /// A checkpoint that this log has signed earlier, with a key that is trusted or that its
    /// `key.rotated` entries lead back to: it must be the beginning of today's.
    pub since: Option<Vec<u8>>,
    /// How long files ahead of the checkpoint may be on their way to being published. A log
    /// promises 200 ms; a busy disk may take many times that.
    pub patience: Duration,
}

impl Default for VerifyOptions {
    /// For a log that nobody appends to: hardly any patience.
    fn default() -> Self {
        let patience = Duration::from_secs(1);
        Self { entries: EntryRules::Detect, since: None, patience }
    }
}

impl VerifyOptions {
    /// For a log that may be appended to meanwhile.
    pub fn live() -> Self {
        Self { patience: Duration::from_secs(10), ..Self::default() }
    }
}

/// Verifies a log folder with its verifier key; entries as [`EntryRules::Detect`].
///
/// The kinds of problems and warnings are listed in [`super::PROBLEM_KINDS`].
///
/// An `open_query` has no terminal entry and cannot get one any more: more than 1,024 entries or a
/// `log.started` follow it. Later ones may still be running, and are warnings.
pub fn verify(dir: &Path, vkey: &str) -> Report {
    verify_with(dir, Trust::Key(vkey), &VerifyOptions::default())
}

/// Verifies a log folder.
pub fn verify_with(dir: &Path, trust: Trust<'_>, options: &VerifyOptions) -> Report {
    verify_after(dir, trust, options, None).0
}

/// [`verify_with`] of a log that goes on from others, where what they leave to it is known; gives
/// what it leaves to the next, where its checkpoint is accepted.
pub(super) fn verify_after(
    dir: &Path,
    trust: Trust<'_>,
    options: &VerifyOptions,
    inherited: Option<Inherited>,
) -> (Report, Option<Inherited>) {
    let nothing = |problems: Problems| (problems.report(0, String::new()), None);
    let mut problems = Problems::default();
    let (trust, cosigned) = match trust {
        Trust::Policy(policy) => (policy.clone(), None),
        Trust::Cosigned(policy, note) => (policy.clone(), Some(note)),
        Trust::Key(text) => match text.trim().parse() {
            Ok(key) => (TlogPolicy::of_logs([key]), None),
            Err(error) => {
                problems.add("vkey", None, format!("the verifier key: {error}"));
                return nothing(problems);
            }
        },
    };
    let Some(today) = accept(dir, &trust, &mut problems) else {
        return nothing(problems);
    };
    let folder = Folder::at(dir);
    let size = today.checkpoint.size;
    let earlier_keys = LazyCell::new(|| with_earlier_keys(&folder, size, &trust));
    let stand = |note: &[u8]| match trust.stand(note) {
        // A key that has signed no more since is one that the log itself names.
        Err(UnsignedError::NoLog) => earlier_keys.stand(note),
        found => found,
    };
    let since = options.since.as_deref().map(stand);
    let since = since.and_then(|since| accept_since(since, &today.checkpoint, &mut problems));
    let cosigned = accept_quorum(&today, cosigned.map(stand), &trust, &mut problems);
    let earlier: Vec<Checkpoint> = since.into_iter().chain(cosigned).collect();
    let Standing { checkpoint, signed_by, .. } = today;
    let opaque = is_opaque(options.entries, &folder, checkpoint.size);
    let mut chronicle = Chronicle::new(inherited);
    let walk = Walk { folder: &folder, checkpoint: &checkpoint, earlier: &earlier, opaque };
    walk.run(&mut chronicle, &mut problems);
    let left = chronicle.finish(checkpoint.size, &signed_by, &mut problems);
    let mut files = Files::new(dir, &folder, &checkpoint);
    files.check(&mut problems);
    files.settle(&trust, options.patience, &mut problems);
    (problems.report(checkpoint.size, STANDARD.encode(checkpoint.root)), Some(left))
}

fn accept(dir: &Path, trust: &TlogPolicy, problems: &mut Problems) -> Option<Standing> {
    let path = dir.join(CHECKPOINT_FILE);
    let standing = match read_bounded(&path, CHECKPOINT_BYTES_MAX) {
        Ok(note) => trust.stand(&note).map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let problem = |error| problems.add("checkpoint", None, format!("{}: {error}", path.display()));
    standing.map_err(problem).ok()
}

/// The checkpoint that a quorum has cosigned, where that is not today's and the policy asks for it.
fn accept_quorum(
    today: &Standing,
    cosigned: Option<Result<Standing, UnsignedError>>,
    trust: &TlogPolicy,
    problems: &mut Problems,
) -> Option<Checkpoint> {
    if today.quorum_met {
        return None;
    }
    let earlier = cosigned.and_then(Result::ok);
    let Some(earlier) = earlier.filter(|earlier| earlier.quorum_met) else {
        let (count, known) = (today.cosigned_by.len(), trust.witnesses().len());
        let detail = format!("no quorum of witnesses: {count} of {known} cosigned the checkpoint");
        problems.add("quorum", None, detail);
        return None;
    };
    let earlier = accept_earlier(earlier, &today.checkpoint, problems)?;
    let size = earlier.size;
    let detail = format!("what follows the first {size} entries is not cosigned by a quorum yet");
    problems.add("uncosigned_tail", Some(size), detail);
    Some(earlier)
}

/// The checkpoint that somebody has kept, where today's tree can be compared with it.
fn accept_since(
    since: Result<Standing, UnsignedError>,
    today: &Checkpoint,
    problems: &mut Problems,
) -> Option<Checkpoint> {
    match since {
        Ok(earlier) => accept_earlier(earlier, today, problems),
        Err(error) => {
            problems.add("since_checkpoint", None, format!("the earlier checkpoint: {error}"));
            None
        }
    }
}

/// An earlier checkpoint of the same log, which has not become shorter since.
fn accept_earlier(
    earlier: Standing,
    today: &Checkpoint,
    problems: &mut Problems,
) -> Option<Checkpoint> {
    let Standing { checkpoint: earlier, .. } = earlier;
    let (then, now) = (earlier.size, today.size);
    let (kind, detail) = if earlier.origin != today.origin {
        ("since_checkpoint", "the earlier checkpoint is of another log".to_owned())
    } else if then > now {
        ("shrunk", format!("the log had {then} entries at the earlier checkpoint and has {now}"))
    } else if then == 0 && earlier.root != empty_root() {
        let detail = "the earlier checkpoint states another root than that of no entries";
        ("forked", detail.to_owned())
    } else {
        return Some(earlier);
    };
    problems.add(kind, None, detail);
    None
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
