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
/// What a key signs: part of its id, so that a key of one purpose is none of another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(super) enum KeyType {
    /// Notes themselves: the key of a log.
    Ed25519 = 0x01,
    /// Checkpoints of other logs, with a time: the key of a witness.
    Cosignature = 0x04,
}

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
    /// A key of another type or purpose.
    #[error("not an Ed25519 key of the type that belongs here (logs 01, witnesses 04)")]
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

fn key_id(name: &str, kind: KeyType, key: &VerifyingKey) -> [u8; 4] {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', kind as u8])
        .chain_update(key.as_bytes())
        .finalize()
        .into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

/// A named public key of one type. Its text form is a C2SP vkey.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct PublicKey {
    pub(super) name: String,
    pub(super) id: [u8; 4],
    pub(super) key: VerifyingKey,
    kind: KeyType,
}

impl PublicKey {
    pub(super) fn new(name: &str, kind: KeyType, key: VerifyingKey) -> Self {
        Self { name: name.to_owned(), id: key_id(name, kind, &key), key, kind }
    }

    pub(super) fn parse(text: &str, kind: KeyType) -> Result<Self, KeyError> {
        let (name, id, data) = split_key(text, kind)?;
        let key: [u8; 32] = data.as_slice().try_into().map_err(|_| KeyError::Malformed)?;
        let key = VerifyingKey::from_bytes(&key).map_err(|_| KeyError::Malformed)?;
        let parsed = Self::new(name, kind, key);
        if parsed.id == id { Ok(parsed) } else { Err(KeyError::Id) }
    }

    /// A signature line of this key, without its newline.
    fn line(&self, signature: &[u8]) -> String {
        let mut data = self.id.to_vec();
        data.extend_from_slice(signature);
        format!("— {} {}", self.name, STANDARD.encode(data))
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut data = vec![self.kind as u8];
        data.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{:08x}+", self.name, u32::from_be_bytes(self.id))?;
        f.write_str(&STANDARD.encode(data))
    }
}

/// A named private key of one type. Never printed; wiped from memory when dropped.
pub(super) struct PrivateKey {
    pub(super) public: PublicKey,
    key: SigningKey,
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.public.name;
        f.debug_struct("PrivateKey").field("name", name).field("key", &"[redacted]").finish()
    }
}

impl PrivateKey {
    fn new(name: &str, kind: KeyType, key: SigningKey) -> Self {
        Self { public: PublicKey::new(name, kind, key.verifying_key()), key }
    }

    pub(super) fn generate(
        name: &str,
        kind: KeyType,
        entropy: &dyn Entropy,
    ) -> Result<Self, KeyError> {
        check_name(name)?;
        let mut seed = Zeroizing::new([0; 32]);
        entropy.fill(&mut *seed);
        Ok(Self::new(name, kind, SigningKey::from_bytes(&seed)))
    }

    pub(super) fn parse(text: &str, kind: KeyType) -> Result<Self, KeyError> {
        let text = text.strip_prefix(PRIVATE_PREFIX).ok_or(KeyError::Malformed)?;
        let (name, id, data) = split_key(text, kind)?;
        let mut seed = Zeroizing::new([0; 32]);
        if data.len() != seed.len() {
            return Err(KeyError::Malformed);
        }
        seed.copy_from_slice(&data);
        let parsed = Self::new(name, kind, SigningKey::from_bytes(&seed));
        if parsed.public.id == id { Ok(parsed) } else { Err(KeyError::Id) }
    }

    pub(super) fn to_text(&self) -> Zeroizing<String> {
        let PublicKey { name, id, kind, .. } = &self.public;
        let id = u32::from_be_bytes(*id);
        let mut data = Zeroizing::new(Vec::with_capacity(33));
        data.push(*kind as u8);
        data.extend_from_slice(self.key.as_bytes());
        let encoded = Zeroizing::new(STANDARD.encode(&*data));
        Zeroizing::new(format!("{PRIVATE_PREFIX}{name}+{id:08x}+{}", *encoded))
    }

    /// The signature of `message`.
    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }

    /// The signature line with this signature, without its newline.
    pub(super) fn line(&self, signature: &[u8]) -> String {
        self.public.line(signature)
    }
}

/// Checks signatures of one named key. Its text form is a C2SP vkey.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NoteVerifier(PublicKey);

impl NoteVerifier {
    /// The key's name.
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

    /// The text of a note that this key has signed. Signatures of other keys are ignored; a
    /// signature that claims to be this key's and does not fit refuses the note.
    ///
    /// # Errors
    /// [`NoteError`] says what is wrong.
    pub fn open<'a>(&self, note: &'a [u8]) -> Result<&'a str, NoteError> {
        let note = SignedText::parse(note)?;
        if self.signed(&note)? { Ok(note.text) } else { Err(NoteError::Unknown) }
    }

    /// Whether this key has signed the note.
    pub(super) fn signed(&self, note: &SignedText<'_>) -> Result<bool, NoteError> {
        let mut found = false;
        for signature in note.signatures_of(&self.0) {
            let signature = Signature::from_slice(signature).map_err(|_| NoteError::Invalid)?;
            let key = &self.0.key;
            key.verify_strict(note.text.as_bytes(), &signature).map_err(|_| NoteError::Invalid)?;
            found = true;
        }
        Ok(found)
    }

    /// Whether this key has signed these bytes, as they are.
    pub(super) fn fits(&self, bytes: &[u8], signature: &[u8]) -> bool {
        let signature = Signature::from_slice(signature);
        signature.is_ok_and(|signature| self.0.key.verify_strict(bytes, &signature).is_ok())
    }
}

impl fmt::Display for NoteVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for NoteVerifier {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        PublicKey::parse(text, KeyType::Ed25519).map(Self)
    }
}

/// Signs notes under one name. Never printed; wiped from memory when dropped.
#[derive(Debug)]
pub struct NoteSigner(PrivateKey);

impl NoteSigner {
    /// A fresh key.
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn generate(name: &str, entropy: &dyn Entropy) -> Result<Self, KeyError> {
        PrivateKey::generate(name, KeyType::Ed25519, entropy).map(Self)
    }

    /// Reads what [`Self::to_text`] wrote.
    ///
    /// # Errors
    /// [`KeyError`] says what is wrong, and never repeats the text.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        PrivateKey::parse(text, KeyType::Ed25519).map(Self)
    }

    /// The private key as text, in the form of Go's note tools.
    pub fn to_text(&self) -> Zeroizing<String> {
        self.0.to_text()
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.0.public.name
    }

    /// The public half.
    pub fn verifier(&self) -> NoteVerifier {
        NoteVerifier(self.0.public.clone())
    }

    /// A bare signature over bytes of another format than notes.
    pub(super) fn sign_bytes(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes)
    }

    /// The note with this text, which ends in a newline, and one signature.
    pub fn sign(&self, text: &str) -> String {
        format!("{text}\n{}\n", self.0.line(&self.0.sign(text.as_bytes())))
    }
}

type KeyParts<'a> = (&'a str, [u8; 4], Zeroizing<Vec<u8>>);

/// Splits `NAME+HEX+BASE64`; the data comes without its type byte.
fn split_key(text: &str, kind: KeyType) -> Result<KeyParts<'_>, KeyError> {
    let (name, rest) = text.trim_end_matches('\n').split_once('+').ok_or(KeyError::Malformed)?;
    let (id, data) = rest.split_once('+').ok_or(KeyError::Malformed)?;
    check_name(name)?;
    if id.len() != 8 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(KeyError::Malformed);
    }
    let id = u32::from_str_radix(id, 16).map_err(|_| KeyError::Malformed)?;
    let data = Zeroizing::new(STANDARD.decode(data).map_err(|_| KeyError::Malformed)?);
    match data.split_first() {
        Some((&first, key)) if first == kind as u8 => {
            Ok((name, id.to_be_bytes(), Zeroizing::new(key.to_vec())))
        }
        Some(_) => Err(KeyError::Type),
        None => Err(KeyError::Malformed),
    }
}

struct SignatureLine<'a> {
    name: &'a str,
    id: [u8; 4],
    signature: Vec<u8>,
}

/// A note taken apart; nothing of it is checked against any key yet.
pub(super) struct SignedText<'a> {
    /// What the signatures are about, with its last newline.
    pub(super) text: &'a str,
    lines: Vec<SignatureLine<'a>>,
}

impl<'a> SignedText<'a> {
    pub(super) fn parse(note: &'a [u8]) -> Result<Self, NoteError> {
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
        Ok(Self { text, lines })
    }

    /// The lines of one key, each with its newline, unchecked.
    pub(super) fn lines_of(&self, key: &PublicKey) -> impl Iterator<Item = String> {
        let lines = self.lines.iter().filter(|l| l.name == key.name && l.id == key.id);
        lines.map(|line| format!("{}\n", key.line(&line.signature)))
    }

    /// What the lines of one key hold behind its id.
    pub(super) fn signatures_of(&self, key: &PublicKey) -> impl Iterator<Item = &[u8]> {
        let lines = self.lines.iter();
        lines.filter(|l| l.name == key.name && l.id == key.id).map(|l| l.signature.as_slice())
    }
}

fn parse_line(line: &str) -> Option<SignatureLine<'_>> {
    let (name, data) = line.strip_prefix("— ")?.split_once(' ')?;
    check_name(name).ok()?;
    let data = STANDARD.decode(data).ok()?;
    let (id, signature) = data.split_first_chunk::<4>()?;
    (!signature.is_empty()).then(|| SignatureLine { name, id: *id, signature: signature.to_vec() })
}
