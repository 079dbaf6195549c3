//! Signed notes: keys, signatures, and every changed byte.

use crate::audit::note::{KeyError, NoteError, NoteSigner, NoteVerifier, SIGNATURES_MAX};
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
