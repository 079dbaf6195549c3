//! C2SP tlog-checkpoint: the signed statement of a log's size and root; and C2SP tlog-proof.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::merkle::{Hash, check_inclusion, leaf_hash};
use super::note::{NoteError, NoteSigner, NoteVerifier};

/// Largest checkpoint or proof that is read: a hundred signatures fit.
pub(super) const CHECKPOINT_BYTES_MAX: u64 = 64 * 1024;
const PROOF_HEADER: &str = "c2sp.org/tlog-proof@v1";
/// A path cannot be longer than the bits of a size.
const PROOF_HASHES_MAX: usize = 63;

/// What a checkpoint states.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// Why a checkpoint is not accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CheckpointError {
    /// The note around it.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text is not origin, size and root.
    #[error("signed, but not a checkpoint: expected origin, size and root lines")]
    Malformed,
    /// Signed by the key, for another log.
    #[error("the checkpoint is of another log than the verifier key's")]
    Origin,
}

impl Checkpoint {
    /// The signed checkpoint.
    pub fn sign(&self, signer: &NoteSigner) -> String {
        let root = STANDARD.encode(self.root);
        signer.sign(&format!("{}\n{}\n{root}\n", self.origin, self.size))
    }

    /// Checks the signature and reads the statement. The origin must be the key's name.
    ///
    /// # Errors
    /// [`CheckpointError`] says what is wrong.
    pub fn open(note: &[u8], verifier: &NoteVerifier) -> Result<Self, CheckpointError> {
        let text = verifier.open(note)?;
        let checkpoint = Self::parse(text).ok_or(CheckpointError::Malformed)?;
        if checkpoint.origin != verifier.name() {
            return Err(CheckpointError::Origin);
        }
        Ok(checkpoint)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let number: u64 = size.parse().ok()?;
        let root = STANDARD.decode(root).ok()?.try_into().ok()?;
        // Extension lines may follow; none is empty.
        let good = !origin.is_empty() && number.to_string() == size && lines.all(|l| !l.is_empty());
        good.then(|| Self { origin: origin.to_owned(), size: number, root })
    }
}

/// The text of a tlog-proof: entry `index` is in the log of this checkpoint.
pub(super) fn render_proof(index: u64, path: &[Hash], checkpoint: &str) -> String {
    let hashes: String = path.iter().map(|hash| STANDARD.encode(hash) + "\n").collect();
    format!("{PROOF_HEADER}\nindex {index}\n{hashes}\n{checkpoint}")
}

/// Why a proof is not accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProofError {
    /// Its checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Not a tlog-proof.
    #[error("not a {PROOF_HEADER} file")]
    Malformed,
    /// The path does not lead from the entry to the root.
    #[error("the proof does not lead from this entry to the checkpoint's root")]
    NotIncluded,
}

/// Checks that a tlog-proof proves these entry bytes under the log's key; gives the entry's index
/// and the checkpoint.
///
/// # Errors
/// [`ProofError`] says what is wrong.
pub fn check_proof(
    proof: &str,
    entry: &[u8],
    verifier: &NoteVerifier,
) -> Result<(u64, Checkpoint), ProofError> {
    let (head, note) = proof.split_once("\n\n").ok_or(ProofError::Malformed)?;
    let (index, path) = parse_head(head).ok_or(ProofError::Malformed)?;
    let checkpoint = Checkpoint::open(note.as_bytes(), verifier)?;
    let leaf = leaf_hash(entry);
    if !check_inclusion(&leaf, index, checkpoint.size, &path, &checkpoint.root) {
        return Err(ProofError::NotIncluded);
    }
    Ok((index, checkpoint))
}

fn parse_head(head: &str) -> Option<(u64, Vec<Hash>)> {
    let mut lines = head.strip_prefix(PROOF_HEADER)?.strip_prefix('\n')?.split('\n').peekable();
    // An `extra` line carries data that nothing signs: it is skipped.
    lines.next_if(|line| line.starts_with("extra "));
    let index = lines.next()?.strip_prefix("index ")?;
    let number: u64 = index.parse().ok().filter(|n: &u64| n.to_string() == index)?;
    let path: Option<Vec<Hash>> = lines
        .take(PROOF_HASHES_MAX + 1)
        .map(|line| STANDARD.decode(line).ok()?.try_into().ok())
        .collect();
    Some((number, path.filter(|path| path.len() <= PROOF_HASHES_MAX)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::merkle::{empty_root, node_hash};
    use crate::domain::clock::SystemEntropy;

    #[test]
    fn a_checkpoint_has_one_reading() {
        let signer = NoteSigner::generate("a.example/log", &SystemEntropy).unwrap();
        let root = STANDARD.encode(empty_root());
        let open = |text: &str| Checkpoint::open(signer.sign(text).as_bytes(), &signer.verifier());
        let good = format!("a.example/log\n0\n{root}\n");
        let expected = Checkpoint { origin: "a.example/log".into(), size: 0, root: empty_root() };
        assert_eq!(open(&good), Ok(expected.clone()));
        assert_eq!(open(&format!("{good}an extension\n")), Ok(expected.clone()));
        assert_eq!(expected.sign(&signer), signer.sign(&good));
        for (text, error) in [
            (format!("b.example/log\n0\n{root}\n"), CheckpointError::Origin),
            (format!("a.example/log\n00\n{root}\n"), CheckpointError::Malformed),
            (format!("a.example/log\n+1\n{root}\n"), CheckpointError::Malformed),
            (format!("a.example/log\n-1\n{root}\n"), CheckpointError::Malformed),
            (format!("a.example/log\n1\n{}\n", STANDARD.encode([0; 31])), {
                CheckpointError::Malformed
            }),
            ("a.example/log\n1\n".to_owned(), CheckpointError::Malformed),
        ] {
            assert_eq!(open(&text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_proof_proves_its_entry_and_nothing_else() {
        let signer = NoteSigner::generate("a.example/log", &SystemEntropy).unwrap();
        let leaves = [leaf_hash(b"one"), leaf_hash(b"two")];
        let root = node_hash(&leaves[0], &leaves[1]);
        let checkpoint = Checkpoint { origin: "a.example/log".into(), size: 2, root };
        let proof = render_proof(1, &leaves[..1], &checkpoint.sign(&signer));
        let check = |proof: &str, entry: &[u8]| check_proof(proof, entry, &signer.verifier());
        assert_eq!(check(&proof, b"two"), Ok((1, checkpoint)));
        assert_eq!(check(&proof, b"one"), Err(ProofError::NotIncluded));
        let moved = proof.replace("index 1", "index 0");
        assert_eq!(check(&moved, b"two"), Err(ProofError::NotIncluded));
        let extra = proof.replace("@v1\n", "@v1\nextra AAAA\n");
        assert!(check(&extra, b"two").is_ok());
        for wrong in ["", "c2sp.org/tlog-proof@v2\nindex 1\n\n", "index 1\n\nx"] {
            assert_eq!(check(wrong, b"two"), Err(ProofError::Malformed), "{wrong:?}");
        }
    }
}
