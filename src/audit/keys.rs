//! The log's keys: which are offered, which of them sign, and how one takes over from another.
//!
//! The newest committed checkpoint says which keys sign: those whose signatures it carries, the
//! newest first. Key files and verifier key files follow from it ([`settle`]), after a change and at
//! every start, so that a crash between two files leaves nothing undecided.
//!
//! | file | holds |
//! | --- | --- |
//! | `keys/log.key` | the key that signs; where a credential is given, that may be it instead |
//! | `keys/log.next.key` | the key that takes over, from the rotation to the retirement of the old one |
//! | `log.vkey` | the newest verifier key that signs |
//! | `log.keyring` | every verifier key that signs, as a C2SP tlog-policy |

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::checkpoint::{Checkpoint, CheckpointError};
use super::files::{LogPaths, read_bounded};
use super::note::{KeyError, NoteError, NoteSigner, NoteVerifier};
use super::recover::OpenError;
use crate::domain::clock::Entropy;
use crate::durable::{self, Readers};

/// A key is a line of text.
const KEY_BYTES_MAX: u64 = 4096;

/// The keys that sign: the newest, and the one that it replaces while they overlap.
pub(super) struct Signers {
    newest: NoteSigner,
    older: Option<NoteSigner>,
}

/// A change of the keys that sign, made with the entry that records it: the checkpoint over that
/// entry is the first to be signed the new way.
pub(super) enum KeyChange {
    /// This key signs from now on, beside the one before it.
    Rotate(Box<NoteSigner>),
    /// Only the newest key signs from now on.
    Retire,
}

impl Signers {
    /// The log's origin.
    pub(super) fn name(&self) -> &str {
        self.newest.name()
    }

    /// The checkpoint with a signature of each key.
    pub(super) fn sign(&self, checkpoint: &Checkpoint) -> String {
        let mut note = checkpoint.sign(&self.newest);
        if let Some(older) = &self.older {
            note.push_str(signature_line(&checkpoint.sign(older)));
        }
        note
    }

    pub(super) fn change(&mut self, change: KeyChange) {
        match change {
            KeyChange::Rotate(next) => {
                self.older = Some(std::mem::replace(&mut self.newest, *next));
            }
            KeyChange::Retire => self.older = None,
        }
    }

    pub(super) fn verifiers(&self) -> Vec<NoteVerifier> {
        let both = std::iter::once(&self.newest).chain(&self.older);
        both.map(NoteSigner::verifier).collect()
    }
}

/// Every key that this home offers, signing or not.
pub(super) struct Offered(Vec<NoteSigner>);

impl Offered {
    /// Reads the credential and both key files; refuses keys that others can read, and a verifier
    /// key file that belongs to none of them.
    pub(super) fn read(paths: &LogPaths) -> Result<Self, OpenError> {
        let files = [paths.key.clone(), paths.next_key()];
        // A credential's mode shows the group what access lists let the service's user read.
        let credential = paths.credential.iter().map(|path| (path.clone(), 0o007));
        let mut keys: Vec<NoteSigner> = Vec::new();
        for (path, others) in files.map(|path| (path, 0o077)).into_iter().chain(credential) {
            if let Some(key) = read_key(&path, others)?
                && keys.iter().all(|known| known.verifier() != key.verifier())
            {
                keys.push(key);
            }
        }
        let vkey = required(&paths.vkey)?;
        let vkey: Option<NoteVerifier> =
            std::str::from_utf8(&vkey).ok().and_then(|text| text.trim_end().parse().ok());
        if keys.is_empty() {
            return Err(OpenError::Missing { path: paths.key.clone() });
        }
        match keys.iter().any(|key| Some(key.verifier()) == vkey) {
            true => Ok(Self(keys)),
            false => Err(OpenError::OtherKey { path: paths.vkey.clone() }),
        }
    }

    /// The public half of every key: what earlier checkpoints of the journal may be signed by.
    pub(super) fn verifiers(&self) -> Vec<NoteVerifier> {
        self.0.iter().map(NoteSigner::verifier).collect()
    }

    /// The keys that signed this checkpoint, and so sign the next.
    pub(super) fn signers_of(mut self, note: &str) -> Result<Signers, OpenError> {
        let text = note.rsplit_once("\n\n").map_or(note, |(text, _)| text);
        let origin = text.lines().next().unwrap_or_default();
        let mut signing = Vec::new();
        for line in signature_line(note).lines() {
            // Signatures are deterministic: a key made the line that it makes again.
            let made = |key: &NoteSigner| {
                signature_line(&key.sign(&format!("{text}\n"))).trim_end() == line
            };
            match self.0.iter().position(made) {
                Some(at) => signing.push(self.0.swap_remove(at)),
                None if line.starts_with(&format!("— {origin} ")) => {
                    return Err(OpenError::KeyMissing { line: line.to_owned() });
                }
                // A witness.
                None => {}
            }
        }
        let mut signing = signing.into_iter();
        let newest = signing.next().ok_or_else(|| OpenError::KeyMissing { line: origin.into() })?;
        Ok(Signers { newest, older: signing.next() })
    }
}

/// The signature lines of a note.
fn signature_line(note: &str) -> &str {
    note.rsplit_once("\n\n").map_or("", |(_, lines)| lines)
}

/// Whether one of these keys has signed this note; a wrong signature of any of them refuses it.
pub(super) fn open_by_any(
    note: &[u8],
    keys: &[NoteVerifier],
) -> Result<Checkpoint, CheckpointError> {
    let mut opened = Err(CheckpointError::Note(NoteError::Unknown));
    for key in keys {
        match Checkpoint::open(note, key) {
            Err(CheckpointError::Note(NoteError::Unknown)) => {}
            Err(error) => return Err(error),
            Ok(checkpoint) => opened = Ok(checkpoint),
        }
    }
    opened
}

/// The key that takes over: the one that an interrupted rotation left, else a new one, on disk.
pub(super) fn next(
    paths: &LogPaths,
    origin: &str,
    entropy: &dyn Entropy,
) -> Result<NoteSigner, OpenError> {
    let path = paths.next_key();
    if let Some(left) = read_key(&path, 0o077)? {
        return Ok(left);
    }
    let key = NoteSigner::generate(origin, entropy)
        .map_err(|source| OpenError::Key { path: path.clone(), source })?;
    durable::create_new(&path, key.to_text().as_bytes(), Readers::Owner)?;
    Ok(key)
}

/// The keys that signed this checkpoint, among those that the home offers.
pub(super) fn signing(paths: &LogPaths, note: &str) -> Result<Vec<NoteVerifier>, OpenError> {
    Ok(Offered::read(paths)?.signers_of(note)?.verifiers())
}

/// Brings the files in line with the keys that sign, the newest first.
pub(super) fn settle(paths: &LogPaths, signing: &[NoteVerifier]) -> Result<(), OpenError> {
    let Some(newest) = signing.first() else { return Ok(()) };
    let signs = |path: &Path| -> Result<bool, OpenError> {
        let key = read_key(path, 0o077)?;
        Ok(key.is_some_and(|key| signing.contains(&key.verifier())))
    };
    let next = paths.next_key();
    if signs(&next)? && !signs(&paths.key)? {
        durable::rename(&next, &paths.key)?;
    }
    replace_if_other(&paths.vkey, &format!("{newest}\n"))?;
    Ok(replace_if_other(&paths.keyring(), &ring(signing))?)
}

/// The text of a keyring: a C2SP tlog-policy.
pub(super) fn ring(signing: &[NoteVerifier]) -> String {
    let lines: String = signing.iter().map(|key| format!("log {key}\n")).collect();
    format!(
        "# The keys that sign this log's checkpoints today (C2SP tlog-policy).\n{lines}quorum none\n"
    )
}

fn replace_if_other(path: &Path, text: &str) -> io::Result<()> {
    match fs::read(path) {
        Ok(bytes) if bytes == text.as_bytes() => Ok(()),
        Ok(_) | Err(_) => durable::replace(path, text.as_bytes(), Readers::Everyone),
    }
}

/// What a new key signs to show that it is there.
fn possession_text(old: &str, new: &str) -> String {
    format!("affiant key.rotated/1\n{old}\n{new}\n")
}

/// The new key's signature line over both verifier keys.
pub(super) fn prove_possession(old: &NoteVerifier, new: &NoteSigner) -> String {
    let note = new.sign(&possession_text(&old.to_string(), &new.verifier().to_string()));
    signature_line(&note).trim_end().to_owned()
}

/// Whether the key of `new` made this line for a rotation from `old`.
pub(super) fn is_possessed(old: &str, new: &str, line: &str) -> bool {
    let note = format!("{}\n{line}\n", possession_text(old, new));
    new.parse::<NoteVerifier>().is_ok_and(|key| key.open(note.as_bytes()).is_ok())
}

/// A private key; `None` where there is no such file.
fn read_key(path: &Path, others: u32) -> Result<Option<NoteSigner>, OpenError> {
    let mode = match fs::metadata(path) {
        Ok(metadata) => metadata.permissions().mode(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(durable::at(path, "look at", error).into()),
    };
    if mode & others != 0 {
        return Err(OpenError::KeyExposed { path: path.to_owned() });
    }
    let key = |source| OpenError::Key { path: path.to_owned(), source };
    let bytes = required(path).map(Zeroizing::new)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| key(KeyError::Malformed))?;
    NoteSigner::from_text(text).map(Some).map_err(key)
}

fn required(path: &Path) -> Result<Vec<u8>, OpenError> {
    read_bounded(path, KEY_BYTES_MAX).map_err(|e| match e.kind() == io::ErrorKind::NotFound {
        true => OpenError::Missing { path: path.to_owned() },
        false => e.into(),
    })
}

impl LogPaths {
    /// The key that takes over.
    pub(super) fn next_key(&self) -> PathBuf {
        self.key.with_extension("next.key")
    }

    /// Every verifier key that signs.
    pub fn keyring(&self) -> PathBuf {
        self.vkey.with_extension("keyring")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::merkle::empty_root;
    use crate::domain::clock::SystemEntropy;

    fn signer() -> NoteSigner {
        NoteSigner::generate("a.example/log", &SystemEntropy).unwrap()
    }

    fn same(key: &NoteSigner) -> NoteSigner {
        NoteSigner::from_text(&key.to_text()).unwrap()
    }

    #[test]
    fn a_note_with_two_lines_of_one_name_opens_by_either_key_and_not_by_a_wrong_line() {
        let (old, new) = (signer(), signer());
        let checkpoint = Checkpoint { origin: old.name().into(), size: 0, root: empty_root() };
        let signers = Signers { newest: same(&new), older: Some(same(&old)) };
        let note = signers.sign(&checkpoint);
        assert_eq!(signature_line(&note).lines().count(), 2);
        for key in [&old, &new] {
            assert_eq!(Checkpoint::open(note.as_bytes(), &key.verifier()).unwrap(), checkpoint);
        }
        // The older key's line, damaged: its own verifier refuses, and so does a ring with it.
        let last = note.trim_end().len() - 4;
        let mut damaged = note.clone().into_bytes();
        damaged[last] = if damaged[last] == b'A' { b'B' } else { b'A' };
        assert!(Checkpoint::open(&damaged, &new.verifier()).is_ok());
        assert!(Checkpoint::open(&damaged, &old.verifier()).is_err());
        assert!(open_by_any(&damaged, &[new.verifier(), old.verifier()]).is_err());
        assert!(open_by_any(note.as_bytes(), &[signer().verifier(), old.verifier()]).is_ok());
        assert!(open_by_any(note.as_bytes(), &[signer().verifier()]).is_err());
    }

    #[test]
    fn the_newest_checkpoint_tells_which_keys_sign() {
        let (old, new, idle) = (signer(), signer(), signer());
        let checkpoint = Checkpoint { origin: old.name().into(), size: 0, root: empty_root() };
        let both = Signers { newest: same(&new), older: Some(same(&old)) }.sign(&checkpoint);
        let offered = || Offered(vec![same(&old), same(&idle), same(&new)]);
        let signing = |note: &str| offered().signers_of(note).map(|signers| signers.verifiers());
        assert_eq!(signing(&both).unwrap(), [new.verifier(), old.verifier()]);
        assert_eq!(signing(&checkpoint.sign(&old)).unwrap(), [old.verifier()]);
        // A signature of the log by a key that nobody offers: it would be dropped in silence.
        let missing = Offered(vec![same(&new)]).signers_of(&both);
        assert!(matches!(missing, Err(OpenError::KeyMissing { .. })));
        let witnessed = format!("{both}— witness.example AAAAAA==\n");
        assert_eq!(signing(&witnessed).unwrap().len(), 2);
    }

    #[test]
    fn possession_is_of_both_keys_and_of_no_others() {
        let (old, new, other) = (signer(), signer(), signer());
        let line = prove_possession(&old.verifier(), &new);
        let text = |key: &NoteSigner| key.verifier().to_string();
        assert!(is_possessed(&text(&old), &text(&new), &line));
        assert!(!is_possessed(&text(&other), &text(&new), &line));
        assert!(!is_possessed(&text(&old), &text(&other), &line));
        assert!(!is_possessed(&text(&new), &text(&old), &line));
        assert!(!is_possessed(&text(&old), "no key", &line));
    }
}
