//! What must hold for any input at all: nothing panics, what reads has one spelling, and what is
//! accepted was signed. One function for each target of the fuzzer.

use affiant::audit::note::NoteVerifier;
use affiant::audit::tile::{Part, TILE_WIDTH, push_entry, split_entries};
use affiant::audit::{Checkpoint, check_entry, check_proof};

/// The key of the signed-note specification's example: nobody here can sign with it.
pub(crate) const VKEY: &str =
    "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
/// The one text that this key is known to have signed.
pub(crate) const SIGNED: &str = "This is an example message.\n";

fn verifier() -> NoteVerifier {
    VKEY.parse().expect("the key of the specification")
}

/// A signed note, or a verifier key.
pub(crate) fn note(input: &[u8]) {
    if let Ok(text) = verifier().open(input) {
        assert_eq!(text, SIGNED, "a forged signature");
    }
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(key) = text.parse::<NoteVerifier>() {
        assert_eq!(key.to_string().parse(), Ok(key), "a key prints as it reads");
    }
}

/// A signed checkpoint.
pub(crate) fn checkpoint(input: &[u8]) {
    let opened = Checkpoint::open(input, &verifier());
    assert!(opened.is_err(), "the key of the example has signed no checkpoint: {opened:?}");
}

/// A path of a tile or a bundle.
pub(crate) fn tile_path(input: &[u8]) {
    let Ok(path) = std::str::from_utf8(input) else { return };
    let Some(part) = Part::parse(path) else { return };
    assert_eq!(part.to_string(), path, "a path has one spelling");
    assert!(part.width > 0 && u64::from(part.width) <= TILE_WIDTH);
    assert!(!path.split('/').any(|name| name.is_empty() || name.starts_with('.')), "{path}");
}

/// An entry bundle.
pub(crate) fn bundle(input: &[u8]) {
    let Some(entries) = split_entries(input) else { return };
    let mut again = Vec::new();
    entries.iter().for_each(|entry| push_entry(&mut again, entry));
    assert_eq!(again, input, "a bundle has one spelling");
}

/// A proof file.
pub(crate) fn proof(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let proved = check_proof(text, b"entry", &verifier());
    assert!(proved.is_err(), "the key of the example has signed no checkpoint: {proved:?}");
}

/// An entry of the log.
pub(crate) fn entry(input: &[u8]) {
    if check_entry(input).is_err() {
        return;
    }
    let text = std::str::from_utf8(input).expect("an entry is text");
    assert!(text.starts_with("{\"actor\":{\"id\":\""), "{text}");
    let open = text.strip_suffix(",\"v\":1}").expect("the version stands last");
    // One spelling: with a space before its end it is no entry any more.
    let longer = format!("{open},\"v\":1 }}");
    assert!(check_entry(longer.as_bytes()).is_err());
}
