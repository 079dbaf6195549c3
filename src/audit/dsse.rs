//! DSSE: a signed statement about other files, which any DSSE tool can check.
//!
//! The signature is plain Ed25519 over the pre-authentication encoding
//! `DSSEv1 LEN(type) type LEN(payload) payload`, so `openssl` can check it as well.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::note::{NoteSigner, NoteVerifier};

/// A statement and its one signature.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<Signed>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    keyid: String,
    sig: String,
}

/// Why an envelope is not accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EnvelopeError {
    /// Not an envelope as this program writes it, byte for byte.
    #[error("not a DSSE envelope in its one spelling")]
    Malformed,
    /// Another kind of statement, or another key's.
    #[error("a DSSE envelope of another type or by another key")]
    Other,
    /// The signature does not fit.
    #[error("the signature does not fit the statement: one of them was altered")]
    Invalid,
}

impl Envelope {
    /// Signs a statement.
    pub fn sign(signer: &NoteSigner, payload_type: &str, payload: &[u8]) -> Self {
        let sig = signer.sign_bytes(&encoding(payload_type, payload));
        let signed = Signed { keyid: keyid(&signer.verifier()), sig: STANDARD.encode(sig) };
        Self {
            payload: STANDARD.encode(payload),
            payload_type: payload_type.to_owned(),
            signatures: vec![signed],
        }
    }

    /// As a file: one line of JSON.
    pub fn render(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Reads a file and checks its signature; gives the statement.
    ///
    /// # Errors
    /// [`EnvelopeError`] says what is wrong.
    pub fn open(
        bytes: &[u8],
        verifier: &NoteVerifier,
        payload_type: &str,
    ) -> Result<Vec<u8>, EnvelopeError> {
        let envelope: Self = serde_json::from_slice(bytes).map_err(|_| EnvelopeError::Malformed)?;
        if envelope.render() != bytes {
            return Err(EnvelopeError::Malformed);
        }
        let [signed] = envelope.signatures.as_slice() else {
            return Err(EnvelopeError::Malformed);
        };
        if envelope.payload_type != payload_type || signed.keyid != keyid(verifier) {
            return Err(EnvelopeError::Other);
        }
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| EnvelopeError::Malformed);
        let (payload, sig) = (decode(&envelope.payload)?, decode(&signed.sig)?);
        match verifier.fits(&encoding(payload_type, &payload), &sig) {
            true => Ok(payload),
            false => Err(EnvelopeError::Invalid),
        }
    }
}

/// The key's name and id, as in a vkey; a hint only.
fn keyid(verifier: &NoteVerifier) -> String {
    // Only the first two: the key itself is base64 and may hold a plus sign.
    verifier.to_string().splitn(3, '+').take(2).collect::<Vec<_>>().join("+")
}

/// The pre-authentication encoding: what is signed.
fn encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::SystemEntropy;

    #[test]
    fn the_encoding_is_the_one_of_the_specification() {
        let expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world";
        assert_eq!(encoding("http://example.com/HelloWorld", b"hello world"), expected);
    }

    #[test]
    fn every_changed_byte_of_an_envelope_is_found() {
        let signer = NoteSigner::generate("a.example/export", &SystemEntropy).unwrap();
        let verifier = signer.verifier();
        let bytes = Envelope::sign(&signer, "text/x", b"statement").render();
        assert_eq!(Envelope::open(&bytes, &verifier, "text/x").unwrap(), b"statement");
        assert_eq!(Envelope::open(&bytes, &verifier, "text/y"), Err(EnvelopeError::Other));
        let other = NoteSigner::generate("a.example/export", &SystemEntropy).unwrap();
        let found = Envelope::open(&bytes, &other.verifier(), "text/x");
        assert_eq!(found, Err(EnvelopeError::Other));
        for position in 0..bytes.len() {
            for flip in [0x01, 0x20, 0x80] {
                let mut bytes = bytes.clone();
                bytes[position] ^= flip;
                let found = Envelope::open(&bytes, &verifier, "text/x");
                assert!(found.is_err(), "byte {position} ^ {flip:#x}");
            }
        }
    }
}
