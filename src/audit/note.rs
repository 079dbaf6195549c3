//! C2SP signed-note with Ed25519: texts that carry signatures, and the keys for them.
//!
//! A note is its text (ending in a newline), an empty line, and signature lines
//! `— <key name> <base64(key id || signature)>`. The signature covers the text alone.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::domain::clock::Entropy;

/// Notes with more signatures are refused unread, as Go's verifier does; the format asks
/// verifiers to accept at least 16.
pub const SIGNATURES_MAX: usize = 100;
/// Names appear in one-byte length fields of neighbouring formats.
const NAME_BYTES_MAX: usize = 255;
/// The type byte of an Ed25519 key.
const ED25519: u8 = 0x01;
const PRIVATE_PREFIX: &str = "PRIVATE+KEY+";

/// Why a key or a key's name is not accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyError {
    /// Not `<name>+<key id>+<base64>`.
    #[error("not a signed-note key: expected NAME+HEX+BASE64")]
    Malformed,
    /// Empty, too long, or with a space, a control character or `+`.
    #[error(
        "a key name has 1 to 255 bytes, no '+', no space, no control character: give a host and path"
    )]
    Name,
    /// The key id is not that of the name and key.
    #[error("the key id does not belong to this name and key: the key text was altered")]
    Id,
    /// A key type other than Ed25519.
    #[error("not an Ed25519 key")]
    Type,
}

/// Why a note is not accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoteError {
    /// Not text, an empty line and signature lines.
    #[error("not a signed note")]
    Malformed,
    /// More than [`SIGNATURES_MAX`] signature lines.
    #[error("a signed note with more than {SIGNATURES_MAX} signatures")]
    TooManySignatures,
    /// The key's own signature does not fit the text.
    #[error("the signature does not fit the text: the text or the signature was altered")]
    Invalid,
    /// No signature by the key.
    #[error("no signature by this verifier key")]
    Unknown,
}

fn check_name(name: &str) -> Result<(), KeyError> {
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains(bad) {
        return Err(KeyError::Name);
    }
    Ok(())
}

fn key_id(name: &str, key: &VerifyingKey) -> [u8; 4] {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', ED25519])
        .chain_update(key.as_bytes())
        .finalize()
        .into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

/// Checks signatures of one named key. Its text form is a C2SP vkey.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NoteVerifier {
    name: String,
    id: [u8; 4],
    key: VerifyingKey,
}

impl NoteVerifier {
    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text of a note that this key has signed. Signatures of other keys are ignored; a
    /// signature that claims to be this key's and does not fit refuses the note.
    ///
    /// # Errors
    /// [`NoteError`] says what is wrong.
    pub fn open<'a>(&self, note: &'a [u8]) -> Result<&'a str, NoteError> {
        let (text, lines) = parse(note)?;
        let mut found = false;
        for line in lines {
            if line.name != self.name || line.id != self.id {
                continue;
            }
            let signature =
                Signature::from_slice(&line.signature).map_err(|_| NoteError::Invalid)?;
            self.key.verify_strict(text.as_bytes(), &signature).map_err(|_| NoteError::Invalid)?;
            found = true;
        }
        if found { Ok(text) } else { Err(NoteError::Unknown) }
    }
}

impl NoteVerifier {
    /// Whether this key has signed these bytes, as they are.
    pub(super) fn fits(&self, bytes: &[u8], signature: &[u8]) -> bool {
        let signature = Signature::from_slice(signature);
        signature.is_ok_and(|signature| self.key.verify_strict(bytes, &signature).is_ok())
    }
}

impl fmt::Display for NoteVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut data = vec![ED25519];
        data.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{:08x}+", self.name, u32::from_be_bytes(self.id))?;
        f.write_str(&STANDARD.encode(data))
    }
}

impl FromStr for NoteVerifier {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, id, data) = split_key(text)?;
        let key: [u8; 32] = data.as_slice().try_into().map_err(|_| KeyError::Malformed)?;
        let key = VerifyingKey::from_bytes(&key).map_err(|_| KeyError::Malformed)?;
        if key_id(name, &key) != id {
            return Err(KeyError::Id);
        }
        Ok(Self { name: name.to_owned(), id, key })
    }
}

/// Signs notes under one name. Never printed; wiped from memory when dropped.
pub struct NoteSigner {
    name: String,
    key: SigningKey,
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoteSigner").field("name", &self.name).field("key", &"[redacted]").finish()
    }
}

impl NoteSigner {
    /// A fresh key.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn generate(name: &str, entropy: &dyn Entropy) -> Result<Self, KeyError> {
        check_name(name)?;
        let mut seed = Zeroizing::new([0; 32]);
        entropy.fill(&mut *seed);
        Ok(Self { name: name.to_owned(), key: SigningKey::from_bytes(&seed) })
    }

    /// Reads what [`Self::to_text`] wrote.
    ///
    /// # Errors
    /// [`KeyError`] says what is wrong, and never repeats the text.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let text = text.strip_prefix(PRIVATE_PREFIX).ok_or(KeyError::Malformed)?;
        let (name, id, data) = split_key(text)?;
        let mut seed = Zeroizing::new([0; 32]);
        if data.len() != seed.len() {
            return Err(KeyError::Malformed);
        }
        seed.copy_from_slice(&data);
        let key = SigningKey::from_bytes(&seed);
        if key_id(name, &key.verifying_key()) != id {
            return Err(KeyError::Id);
        }
        Ok(Self { name: name.to_owned(), key })
    }

    /// The private key as text, in the form of Go's note tools.
    pub fn to_text(&self) -> Zeroizing<String> {
        let id = u32::from_be_bytes(key_id(&self.name, &self.key.verifying_key()));
        let mut data = Zeroizing::new(Vec::with_capacity(33));
        data.push(ED25519);
        data.extend_from_slice(self.key.as_bytes());
        let encoded = Zeroizing::new(STANDARD.encode(&*data));
        Zeroizing::new(format!("{PRIVATE_PREFIX}{}+{id:08x}+{}", self.name, *encoded))
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public half.
    pub fn verifier(&self) -> NoteVerifier {
        let key = self.key.verifying_key();
        NoteVerifier { name: self.name.clone(), id: key_id(&self.name, &key), key }
    }

    /// A bare signature over bytes of another format than notes.
    pub(super) fn sign_bytes(&self, bytes: &[u8]) -> [u8; 64] {
        self.key.sign(bytes).to_bytes()
    }

    /// The note with this text, which ends in a newline, and one signature.
    pub fn sign(&self, text: &str) -> String {
        let mut data = key_id(&self.name, &self.key.verifying_key()).to_vec();
        data.extend_from_slice(&self.key.sign(text.as_bytes()).to_bytes());
        format!("{text}\n— {} {}\n", self.name, STANDARD.encode(data))
    }
}

type KeyParts<'a> = (&'a str, [u8; 4], Zeroizing<Vec<u8>>);

/// Splits `NAME+HEX+BASE64`; the data comes without its type byte.
fn split_key(text: &str) -> Result<KeyParts<'_>, KeyError> {
    let (name, rest) = text.trim_end_matches('\n').split_once('+').ok_or(KeyError::Malformed)?;
    let (id, data) = rest.split_once('+').ok_or(KeyError::Malformed)?;
    check_name(name)?;
    if id.len() != 8 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(KeyError::Malformed);
    }
    let id = u32::from_str_radix(id, 16).map_err(|_| KeyError::Malformed)?;
    let data = Zeroizing::new(STANDARD.decode(data).map_err(|_| KeyError::Malformed)?);
    match data.split_first() {
        Some((&ED25519, key)) => Ok((name, id.to_be_bytes(), Zeroizing::new(key.to_vec()))),
        Some(_) => Err(KeyError::Type),
        None => Err(KeyError::Malformed),
    }
}

struct SignatureLine<'a> {
    name: &'a str,
    id: [u8; 4],
    signature: Vec<u8>,
}

fn parse(note: &[u8]) -> Result<(&str, Vec<SignatureLine<'_>>), NoteError> {
    let note = std::str::from_utf8(note).map_err(|_| NoteError::Malformed)?;
    if note.contains(|c: char| c.is_control() && c != '\n') {
        return Err(NoteError::Malformed);
    }
    // The text ends at the last empty line.
    let (before, signatures) = note.rsplit_once("\n\n").ok_or(NoteError::Malformed)?;
    let text = note.get(..before.len() + 1).ok_or(NoteError::Malformed)?;
    let signatures = signatures.strip_suffix('\n').ok_or(NoteError::Malformed)?;
    let mut lines = Vec::new();
    for line in signatures.split('\n') {
        if lines.len() == SIGNATURES_MAX {
            return Err(NoteError::TooManySignatures);
        }
        lines.push(parse_line(line).ok_or(NoteError::Malformed)?);
    }
    Ok((text, lines))
}

fn parse_line(line: &str) -> Option<SignatureLine<'_>> {
    let (name, data) = line.strip_prefix("— ")?.split_once(' ')?;
    check_name(name).ok()?;
    let data = STANDARD.decode(data).ok()?;
    let (id, signature) = data.split_first_chunk::<4>()?;
    (!signature.is_empty()).then(|| SignatureLine { name, id: *id, signature: signature.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::SystemEntropy;

    /// Source: the example of the C2SP signed-note specification.
    const SPEC_VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    const SPEC_NOTE: &str = "This is an example message.\n\n\
        — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

    #[test]
    fn the_example_of_the_specification_is_accepted_and_no_other_text() {
        let verifier: NoteVerifier = SPEC_VKEY.parse().unwrap();
        assert_eq!(verifier.to_string(), SPEC_VKEY);
        assert_eq!(verifier.open(SPEC_NOTE.as_bytes()), Ok("This is an example message.\n"));
        let altered = SPEC_NOTE.replace("example message", "exbmple message");
        assert_eq!(verifier.open(altered.as_bytes()), Err(NoteError::Invalid));
    }

    #[test]
    fn keys_survive_their_text_form_and_altered_keys_are_refused() {
        let signer = NoteSigner::generate("a.example/log", &SystemEntropy).unwrap();
        let again = NoteSigner::from_text(&format!("{}\n", *signer.to_text())).unwrap();
        assert_eq!(again.verifier(), signer.verifier());
        assert_eq!(signer.verifier().to_string().parse(), Ok(signer.verifier()));
        let altered = |from: &str, to: &str| SPEC_VKEY.replacen(from, to, 1);
        let table = [
            (altered("com", "org"), KeyError::Id),
            (altered("530d903a", "530d903b"), KeyError::Id),
            (altered(".com", " com"), KeyError::Name),
            (altered("example.com/foo", ""), KeyError::Name),
            (altered("+", " "), KeyError::Malformed),
            (altered("3U2k", "3U2k="), KeyError::Malformed),
            (altered("Aeky", "BOky"), KeyError::Type),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<NoteVerifier>(), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_private_key_is_never_printed() {
        let signer = NoteSigner::generate("a.example", &SystemEntropy).unwrap();
        let printed = format!("{signer:?}");
        assert!(printed.contains("[redacted]"));
        let text = signer.to_text();
        let data = text.splitn(5, '+').nth(4).unwrap();
        assert_eq!(data.len(), 44);
        assert!(!printed.contains(data));
    }

    #[test]
    fn unknown_signatures_are_ignored_up_to_the_limit() {
        let signer = NoteSigner::generate("a.example", &SystemEntropy).unwrap();
        let verifier = signer.verifier();
        let note = signer.sign("one\n\ntwo\n");
        assert_eq!(verifier.open(note.as_bytes()), Ok("one\n\ntwo\n"));
        let stranger = NoteSigner::generate("b.example", &SystemEntropy).unwrap();
        let foreign = stranger.sign("one\n\ntwo\n");
        assert_eq!(verifier.open(foreign.as_bytes()), Err(NoteError::Unknown));
        let line = foreign.rsplit_once("\n\n").unwrap().1;
        for (extra, expected) in [
            (16, Ok("one\n\ntwo\n")),
            (SIGNATURES_MAX - 1, Ok("one\n\ntwo\n")),
            (SIGNATURES_MAX, Err(NoteError::TooManySignatures)),
        ] {
            let many = format!("{note}{}", line.repeat(extra));
            assert_eq!(verifier.open(many.as_bytes()), expected, "{extra}");
        }
    }

    #[test]
    fn every_changed_byte_of_a_note_is_found() {
        let signer = NoteSigner::generate("a.example", &SystemEntropy).unwrap();
        let note = signer.sign("a.example\n7\nroot\n");
        for position in 0..note.len() {
            for flip in [0x01, 0x20, 0x80] {
                let mut bytes = note.clone().into_bytes();
                bytes[position] ^= flip;
                assert!(signer.verifier().open(&bytes).is_err(), "byte {position} ^ {flip:#x}");
            }
        }
        assert!(signer.verifier().open(&note.as_bytes()[..note.len() - 1]).is_err());
        assert!(signer.verifier().open(b"").is_err());
    }
}
