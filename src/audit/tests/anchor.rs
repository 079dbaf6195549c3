//! Timestamps of checkpoints: requests as openssl makes them, replies as it signs them.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::anchor_samples::{AUTHORITY, CHECKPOINT, REFUSAL, REPLY, REQUEST, RSA_REPLY};
use super::*;
use crate::audit::{AnchorError, Anchors, SignerTrust, TokenError};
use crate::durable::{self, Readers, create_new};

fn bytes(sample: &str) -> Vec<u8> {
    STANDARD.decode(sample).unwrap()
}

/// Anchors that wait for the reply to [`REQUEST`], and a folder for files that are carried.
struct World {
    home: Home,
    carried: TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self { home: Home::new(), carried: tempfile::tempdir().unwrap() };
        let folder = world.home.folder.path().join("anchors");
        fs::create_dir(&folder).unwrap();
        create_new(&folder.join("3.checkpoint"), CHECKPOINT.as_bytes(), Readers::Everyone).unwrap();
        create_new(&folder.join("3.tsq"), &bytes(REQUEST), Readers::Everyone).unwrap();
        world
    }

    fn keep(&self, reply: &[u8], authority: Option<&str>) -> Result<SignerTrust, AnchorError> {
        let write = |name: &str, content: &[u8]| {
            let path = self.carried.path().join(name);
            tamper(&path, content);
            path
        };
        let reply = write("reply.tsr", reply);
        let authority = authority.map(|pem| write("ca.pem", pem.as_bytes()));
        let anchors = Anchors::of(&self.home.paths);
        anchors.keep(&reply, authority.as_deref()).map(|anchored| anchored.trust)
    }

    fn anchors(&self) -> PathBuf {
        self.home.paths.anchors()
    }

    fn kept(&self) -> Option<Vec<u8>> {
        fs::read(self.anchors().join("3.tsr")).ok()
    }
}

fn refused(result: Result<SignerTrust, AnchorError>) -> TokenError {
    match result {
        Err(AnchorError::Token(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_is_what_openssl_makes_of_the_same_checkpoint() {
    let home = Home::new();
    home.fill(3);
    let log = home.open();
    let out = home.folder.path().join("out.tsq");
    let anchors = Anchors::of(&home.paths);
    let note = log.published_checkpoint();
    let requested = anchors.request(&note, &out, &SystemEntropy).unwrap();
    assert_eq!((requested.size, requested.imprint), (3, Digest::of(note.as_bytes())));
    let (ours, theirs) = (fs::read(&out).unwrap(), bytes(REQUEST));
    // Both are: version, digest, nonce of eight bytes, certificate wanted.
    let imprint =
        theirs.windows(32).position(|w| w == Digest::of(CHECKPOINT.as_bytes()).as_bytes());
    let imprint = imprint.unwrap();
    assert_eq!(ours.len(), theirs.len());
    assert_eq!(ours[..imprint], theirs[..imprint]);
    assert_eq!(&ours[imprint..imprint + 32], requested.imprint.as_bytes());
    assert_eq!(ours[imprint + 32..imprint + 34], theirs[imprint + 32..imprint + 34]);
    assert_eq!(ours[ours.len() - 3..], theirs[theirs.len() - 3..]);
    // Asked again at the same size: the same checkpoint, and the same request.
    let other = format!("{note}— w.test AAAAAAAA\n");
    let again = anchors.request(&other, &out, &SystemEntropy).unwrap();
    assert_eq!(again, requested);
    assert_eq!(fs::read(&out).unwrap(), ours);
    let stored = |name: &str| fs::read(home.folder.path().join("anchors").join(name)).unwrap();
    assert_eq!(stored("3.checkpoint"), note.as_bytes());
    assert_eq!(stored("3.tsq"), ours);
    // Of another log it is another: what is here goes with the log that it is about.
    log.close();
    epochs::freeze(&home);
    epochs::begin(&home).unwrap();
    assert_eq!(fs::read(home.paths.past_anchors(1).join("3.tsq")).unwrap(), ours);
    home.fill(2);
    let log = home.open();
    let note = log.published_checkpoint();
    let requested = Anchors::of(&home.paths).request(&note, &out, &SystemEntropy).unwrap();
    assert_eq!((requested.size, requested.imprint), (3, Digest::of(note.as_bytes())));
    assert_eq!(stored("3.checkpoint"), note.as_bytes());
}

#[test]
fn a_reply_is_kept_once_status_imprint_nonce_and_signature_hold() {
    let world = World::new();
    assert_eq!(world.keep(&bytes(REPLY), Some(AUTHORITY)).unwrap(), SignerTrust::Chain);
    assert_eq!(world.kept(), Some(bytes(REPLY)));
    assert_eq!(world.keep(&bytes(REPLY), None).unwrap(), SignerTrust::SignatureOnly);
    // Another reply to the same request does not take its place: its digest is on record.
    tamper(&world.anchors().join("3.tsr"), b"an earlier reply");
    let second = world.keep(&bytes(REPLY), Some(AUTHORITY)).unwrap_err();
    assert!(matches!(second, AnchorError::Kept { .. }), "{second}");
    assert_eq!(world.kept().unwrap(), b"an earlier reply");

    // Also where the log that it is about has ended meanwhile.
    let world = World::new();
    world.home.fill(1);
    epochs::freeze(&world.home);
    epochs::begin(&world.home).unwrap();
    assert_eq!(world.keep(&bytes(REPLY), Some(AUTHORITY)).unwrap(), SignerTrust::Chain);
    assert_eq!(fs::read(world.home.paths.past_anchors(1).join("3.tsr")).unwrap(), bytes(REPLY));

    let world = World::new();
    // Signed by RSA over SHA-512, for the same checkpoint: but the answer to another request.
    assert_eq!(refused(world.keep(&bytes(RSA_REPLY), Some(AUTHORITY))), TokenError::Nonce);
    let refusal = refused(world.keep(&bytes(REFUSAL), Some(AUTHORITY)));
    assert_eq!(refusal, TokenError::NotGranted { status: 2 });
    let stranger = another_certificate();
    let untrusted = refused(world.keep(&bytes(REPLY), Some(&stranger)));
    assert!(matches!(untrusted, TokenError::Untrusted(_)), "{untrusted}");
    let nothing = refused(world.keep(&bytes(REPLY), Some("no certificate\n")));
    assert!(matches!(nothing, TokenError::Authority(_)), "{nothing}");
    fs::remove_file(world.home.folder.path().join("anchors/3.tsq")).unwrap();
    assert_eq!(refused(world.keep(&bytes(REPLY), Some(AUTHORITY))), TokenError::Imprint);
    assert_eq!(world.kept(), None, "nothing that was refused is kept");
}

/// A certificate that signed nothing here: the signer of the RSA reply, who is no authority.
fn another_certificate() -> String {
    let reply = bytes(RSA_REPLY);
    // The certificates are the first `[0]` behind the statement; each begins with 30 82.
    let statement = reply.windows(2).position(|w| w == [0xa0, 0x82]).unwrap();
    let certificates = reply[statement + 4..].windows(2).position(|w| w == [0xa0, 0x82]).unwrap();
    let start = statement + 4 + certificates + 4;
    let len = usize::from(reply[start + 2]) << 8 | usize::from(reply[start + 3]);
    let pem = STANDARD.encode(&reply[start..start + 4 + len]);
    format!("-----BEGIN CERTIFICATE-----\n{pem}\n-----END CERTIFICATE-----\n")
}

#[test]
fn every_changed_byte_of_a_reply_is_found_or_changes_nothing_that_is_stated() {
    let world = World::new();
    let good = bytes(REPLY);
    let paths = &world.home.paths;
    let (reply, ca) = (world.carried.path().join("r.tsr"), world.carried.path().join("ca.pem"));
    tamper(&ca, AUTHORITY.as_bytes());
    let keep = |bytes: &[u8]| {
        tamper(&reply, bytes);
        durable::remove(&world.anchors().join("3.tsr")).unwrap();
        Anchors::of(paths).keep(&reply, Some(Path::new(&ca)))
    };
    let expected = keep(&good).unwrap();
    // The reply brings the authority's certificate too; what counts is the one that was named.
    let lines: String = AUTHORITY.lines().filter(|line| !line.starts_with('-')).collect();
    let authority = STANDARD.decode(lines).unwrap();
    let start = good.windows(authority.len()).position(|w| w == authority).unwrap();
    let named = start..start + authority.len();
    let mut accepted = 0;
    for position in (0..good.len()).filter(|position| !named.contains(position)) {
        for flip in [0x01, 0x80] {
            let mut bad = good.clone();
            bad[position] ^= flip;
            if let Ok(found) = keep(&bad) {
                accepted += 1;
                assert_eq!(found.imprint, expected.imprint, "byte {position}");
                assert_eq!(found.time, expected.time, "byte {position}");
                assert_eq!(found.signer, expected.signer, "byte {position}");
            }
        }
    }
    // What nothing signs: the digest algorithms, listed twice, the signer's name and number,
    // versions.
    assert!(accepted < 200, "{accepted} of {}", 2 * good.len());
    for len in 0..good.len() {
        assert!(keep(&good[..len]).is_err(), "cut to {len}");
    }
    assert!(keep(&[&good[..], b"x"].concat()).is_err());
}
