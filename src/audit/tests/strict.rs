//! Signatures and keys that a lenient Ed25519 accepts and a strict one does not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::audit::note::{NoteError, NoteSigner, NoteVerifier};
use crate::domain::digest::Digest;

/// The type byte of a log's key.
const ED25519: u8 = 0x01;

fn line(name: &str, id: [u8; 4], signature: &[u8]) -> String {
    format!("— {name} {}\n", STANDARD.encode([&id[..], signature].concat()))
}

/// A vkey for any 32 bytes, whether or not they are a good key.
fn vkey(name: &str, key: &[u8; 32]) -> (String, [u8; 4]) {
    let mut data = vec![ED25519];
    data.extend_from_slice(key);
    let digest = Sha256::new().chain_update(name).chain_update(b"\n").chain_update(&data);
    let digest: [u8; 32] = digest.finalize().into();
    let id = [digest[0], digest[1], digest[2], digest[3]];
    let hex = u32::from_be_bytes(id);
    (format!("{name}+{hex:08x}+{}", STANDARD.encode(data)), id)
}

/// Source: "Taming the many EdDSAs" (ePrint 2020/1244), table of points of small order, the
/// last ones in spellings that are not canonical. Under such a key one signature fits any text.
#[test]
fn keys_of_small_order_sign_nothing() {
    let keys = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    let identity = u8_32("0100000000000000000000000000000000000000000000000000000000000000");
    let mut parsed = 0;
    for key in keys {
        let key = u8_32(key);
        let (text, id) = vkey("a.example", &key);
        let Ok(verifier) = text.parse::<NoteVerifier>() else { continue };
        parsed += 1;
        for point in [&identity, &key] {
            let signature = [&point[..], &[0; 32]].concat();
            let note = format!("any text\n\n{}", line("a.example", id, &signature));
            assert_eq!(verifier.open(note.as_bytes()), Err(NoteError::Invalid), "{key:?}");
        }
    }
    assert!(parsed >= 8, "those that are points at all: {parsed}");
}

fn u8_32(hex: &str) -> [u8; 32] {
    *hex.parse::<Digest>().unwrap().as_bytes()
}

/// Source: RFC 8032 section 5.1.7: S must be below the order of the group.
#[test]
fn a_signature_has_one_spelling() {
    let order = u8_32("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let signer = NoteSigner::generate("a.example", &SystemEntropy).unwrap();
    let note = signer.sign("text\n");
    let data = note.trim_end().rsplit_once(' ').unwrap().1;
    let data = STANDARD.decode(data).unwrap();
    let (id, good) = data.split_first_chunk::<4>().unwrap();
    let (id, good) = (*id, <[u8; 64]>::try_from(good).unwrap());
    let verifier = signer.verifier();
    let open = |signature: &[u8]| {
        let note = format!("text\n\n{}", line("a.example", id, signature));
        verifier.open(note.as_bytes()).map(str::to_owned)
    };
    assert_eq!(open(&good), Ok("text\n".to_owned()));
    let mut bad = good;
    let mut carry = 0;
    for (digit, more) in bad[32..].iter_mut().zip(order) {
        let sum = u16::from(*digit) + u16::from(more) + carry;
        (*digit, carry) = (sum as u8, sum >> 8);
    }
    assert_eq!(open(&bad), Err(NoteError::Invalid), "S plus the order");
    assert_eq!(open(&good[..63]), Err(NoteError::Invalid), "too short");
    assert_eq!(open(&[&good[..], &[0]].concat()), Err(NoteError::Invalid), "too long");
}
