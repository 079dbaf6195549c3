//! C2SP tlog-cosignature v1 with Ed25519: a witness states, with a time, that a checkpoint is the
//! largest of its log that it has seen, and consistent with all before.
//!
//! A cosignature is one more signature line of a checkpoint:
//! `— <name> <base64(key id || seconds || signature)>`. The key type is 0x04, so that no key of a
//! log is taken for one of a witness.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::Signature;
use zeroize::Zeroizing;

use super::note::{KeyError, KeyType, NoteError, PrivateKey, PublicKey, SignedText};
use crate::domain::clock::Entropy;

/// The format's own limit for a time.
const SECONDS_MAX: u64 = i64::MAX as u64;

/// What the signature is about.
fn message(seconds: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}

/// Checks cosignatures of one witness. Its text form is a C2SP vkey.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CosignatureVerifier(PublicKey);

impl CosignatureVerifier {
    /// The witness's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    pub(super) const fn key(&self) -> &PublicKey {
        &self.0
    }

    /// The raw public key.
    pub(super) fn key_bytes(&self) -> &[u8; 32] {
        self.0.key.as_bytes()
    }

    /// When this witness cosigned the checkpoint, in Unix seconds; its latest where it did so more
    /// than once. Signatures of other keys are ignored; one that claims to be this witness's and
    /// does not fit refuses the checkpoint.
    ///
    /// # Errors
    /// [`NoteError`] says what is wrong; [`NoteError::Unknown`] where the witness did not cosign.
    pub fn open(&self, checkpoint: &[u8]) -> Result<u64, NoteError> {
        self.cosigned(&SignedText::parse(checkpoint)?)?.ok_or(NoteError::Unknown)
    }

    /// When this witness cosigned, if it did.
    pub(super) fn cosigned(&self, note: &SignedText<'_>) -> Result<Option<u64>, NoteError> {
        let mut latest = None;
        for stamped in note.signatures_of(&self.0) {
            let (seconds, signature) = stamped.split_first_chunk().ok_or(NoteError::Invalid)?;
            let seconds = u64::from_be_bytes(*seconds);
            let signature = Signature::from_slice(signature).map_err(|_| NoteError::Invalid)?;
            let message = message(seconds, note.text);
            let fits = self.0.key.verify_strict(message.as_bytes(), &signature).is_ok();
            if !fits || seconds > SECONDS_MAX {
                return Err(NoteError::Invalid);
            }
            latest = latest.max(Some(seconds));
        }
        Ok(latest)
    }
}

impl fmt::Display for CosignatureVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CosignatureVerifier {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        PublicKey::parse(text, KeyType::Cosignature).map(Self)
    }
}

/// Cosigns checkpoints under one name. Never printed; wiped from memory when dropped.
#[derive(Debug)]
pub struct Cosigner(PrivateKey);

impl Cosigner {
    /// A fresh key.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn generate(name: &str, entropy: &dyn Entropy) -> Result<Self, KeyError> {
        PrivateKey::generate(name, KeyType::Cosignature, entropy).map(Self)
    }

    /// Reads what [`Self::to_text`] wrote.
    ///
    /// # Errors
    /// [`KeyError`] says what is wrong, and never repeats the text.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        PrivateKey::parse(text, KeyType::Cosignature).map(Self)
    }

    /// The private key as text.
    pub fn to_text(&self) -> Zeroizing<String> {
        self.0.to_text()
    }

    /// The public half.
    pub fn verifier(&self) -> CosignatureVerifier {
        CosignatureVerifier(self.0.public.clone())
    }

    /// The signature line, with its newline, over a checkpoint's text at this time.
    pub fn cosign(&self, text: &str, seconds: u64) -> String {
        let mut stamped = seconds.to_be_bytes().to_vec();
        stamped.extend_from_slice(&self.0.sign(message(seconds, text).as_bytes()));
        self.0.line(&stamped) + "\n"
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::audit::note::{NoteSigner, NoteVerifier};
    use crate::domain::clock::SystemEntropy;

    const TEXT: &str = "a.example/log\n7\nrootrootroot\nan extension\n";

    fn cosigner() -> Cosigner {
        Cosigner::generate("witness.example/w1", &SystemEntropy).unwrap()
    }

    #[test]
    fn a_witness_states_a_time_and_its_latest_counts() {
        let (witness, other) = (cosigner(), cosigner());
        let note = format!("{TEXT}\n{}{}", witness.cosign(TEXT, 5), other.cosign(TEXT, 9));
        assert_eq!(witness.verifier().open(note.as_bytes()), Ok(5));
        let again = format!("{note}{}", witness.cosign(TEXT, 1_679_315_147));
        assert_eq!(witness.verifier().open(again.as_bytes()), Ok(1_679_315_147));
        assert_eq!(cosigner().verifier().open(note.as_bytes()), Err(NoteError::Unknown));
    }

    #[test]
    fn what_a_witness_did_not_sign_is_refused() {
        let witness = cosigner();
        let line = witness.cosign(TEXT, 5);
        let (name, data) = line.trim_end().rsplit_once(' ').unwrap();
        let data = STANDARD.decode(data).unwrap();
        assert_eq!(data.len(), 4 + 8 + 64);
        let with = |data: &[u8]| format!("{TEXT}\n{name} {}\n", STANDARD.encode(data));
        let open = |note: &str| witness.verifier().open(note.as_bytes());
        assert_eq!(open(&with(&data)), Ok(5));
        // Behind the key id: the time, then the signature.
        for position in 4..data.len() {
            let mut altered = data.clone();
            altered[position] ^= 1;
            assert_eq!(open(&with(&altered)), Err(NoteError::Invalid), "byte {position}");
        }
        assert_eq!(open(&with(&data[..75])), Err(NoteError::Invalid));
        assert_eq!(open(&with(&data[..8])), Err(NoteError::Invalid));
        for extension in ["an extensiom", "an extension\nmore"] {
            let altered = with(&data).replace("an extension", extension);
            assert_eq!(open(&altered), Err(NoteError::Invalid), "{extension}");
        }
        let beyond = format!("{TEXT}\n{}", witness.cosign(TEXT, SECONDS_MAX + 1));
        assert_eq!(open(&beyond), Err(NoteError::Invalid));
        let last = format!("{TEXT}\n{}", witness.cosign(TEXT, SECONDS_MAX));
        assert_eq!(open(&last), Ok(SECONDS_MAX));
    }

    #[test]
    fn keys_of_logs_and_of_witnesses_are_never_confused() {
        let witness = cosigner();
        let log = NoteSigner::generate("witness.example/w1", &SystemEntropy).unwrap();
        let vkey = witness.verifier().to_string();
        assert_eq!(vkey.parse(), Ok(witness.verifier()));
        assert_eq!(vkey.parse::<NoteVerifier>(), Err(KeyError::Type));
        let log_vkey = log.verifier().to_string();
        assert_eq!(log_vkey.parse::<CosignatureVerifier>(), Err(KeyError::Type));
        assert!(NoteSigner::from_text(&witness.to_text()).is_err());
        let again = Cosigner::from_text(&witness.to_text()).unwrap();
        assert_eq!(again.verifier(), witness.verifier());
        let private = witness.to_text();
        // `PRIVATE+KEY+name+id+secret`; the secret is base64 and may hold a plus sign itself.
        let secret = private.splitn(5, '+').last().unwrap().trim_end();
        assert!(!format!("{witness:?}").contains(secret));
    }
}
