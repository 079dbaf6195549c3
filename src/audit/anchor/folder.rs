//! Where anchors lie, and the two steps that make one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::files::{AnchorFiles, AnchorRecord, REPLY_BYTES_MAX, REQUEST_BYTES_MAX};
use super::reply::{SignerTrust, Token, TokenError, check};
use super::request::{nonce_of, request};
use crate::audit::checkpoint::{CHECKPOINT_BYTES_MAX, Checkpoint};
use crate::audit::epoch::EPOCHS_MAX;
use crate::audit::files::{LogPaths, make_readable_folder, read_bounded};
use crate::audit::note::SignedText;
use crate::domain::clock::{Entropy, Timestamp};
use crate::domain::digest::Digest;
use crate::durable::{self, Readers};

/// Requests that may wait for their replies; the newest are looked at first.
const WAITING_MAX: usize = 10_000;

/// Why there is no anchor.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    /// The reply.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Caller: the checkpoint has another timestamp, whose digest is on record.
    #[error("{} is another timestamp of that checkpoint, and stays: ask for one of a newer checkpoint", path.display())]
    Kept {
        /// The timestamp that is there.
        path: PathBuf,
    },
    /// Our own checkpoint does not read.
    #[error("the log's checkpoint does not read: run `affiant audit verify`")]
    Checkpoint,
    /// A file.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A request that was written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Requested {
    /// Entries of the checkpoint that it is about.
    pub size: u64,
    /// SHA-256 of that checkpoint.
    pub imprint: Digest,
}

/// A reply that was checked and kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Anchored {
    /// Entries of the checkpoint that it is about.
    pub size: u64,
    /// SHA-256 of that checkpoint.
    pub imprint: Digest,
    /// When the authority saw it.
    pub time: Timestamp,
    /// SHA-256 of the signer's certificate.
    pub signer: Digest,
    /// What was checked of it.
    pub trust: SignerTrust,
    /// Where the reply is kept.
    pub path: PathBuf,
    /// SHA-256 of the reply.
    pub sha256: Digest,
}

/// The anchors of a log, and those of the logs that ended before it.
pub struct Anchors {
    folder: PathBuf,
    past: Vec<PathBuf>,
}

impl Anchors {
    /// Those of the log that lies there.
    pub fn of(paths: &LogPaths) -> Self {
        let past = (1..=EPOCHS_MAX).rev().map(|number| paths.past_anchors(number));
        Self { folder: paths.anchors(), past: past.filter(|folder| folder.is_dir()).collect() }
    }

    /// The files that an entry recorded, wherever they lie: those of a log that ended went with it.
    ///
    /// # Errors
    /// A sentence that names what is missing or is another.
    pub fn recorded(&self, record: &AnchorRecord) -> Result<AnchorFiles, String> {
        let mut problem = None;
        for folder in [&self.folder].into_iter().chain(&self.past) {
            let place = path(folder, record.size, "tsr");
            let found = AnchorFiles::read(folder, record.size)
                .map_err(|error| error.to_string())
                .and_then(|files| match files.fit(record) {
                    Ok(()) => Ok(files),
                    Err(detail) => Err(format!("{}: {detail}", place.display())),
                });
            match found {
                Ok(files) => return Ok(files),
                // What is there and differs says more than what is not there.
                Err(detail) if problem.is_none() || place.exists() => problem = Some(detail),
                Err(_) => {}
            }
        }
        Err(problem.unwrap_or_default())
    }

    /// Keeps a checkpoint and makes a request of it, which is also written to `out`. Asked again, it
    /// is the same request: whichever copy is answered, the answer fits.
    ///
    /// # Errors
    /// [`AnchorError`].
    pub fn request(
        &self,
        checkpoint: &str,
        out: &Path,
        entropy: &dyn Entropy,
    ) -> Result<Requested, AnchorError> {
        let note = SignedText::parse(checkpoint.as_bytes()).ok();
        let stated = note.and_then(|note| Checkpoint::parse(note.text));
        let size = stated.ok_or(AnchorError::Checkpoint)?.size;
        make_readable_folder(&self.folder)?;
        // That of the first request: none that is kept loses what it is of.
        let newest = || checkpoint.as_bytes().to_vec();
        let kept = path(&self.folder, size, "checkpoint");
        let imprint = Digest::of(&keep_first(&kept, CHECKPOINT_BYTES_MAX, newest)?);
        let fresh = || request(&imprint, entropy);
        let request = keep_first(&path(&self.folder, size, "tsq"), REQUEST_BYTES_MAX, fresh)?;
        durable::replace(out, &request, Readers::Everyone)?;
        Ok(Requested { size, imprint })
    }

    /// Checks the reply that lies in a file, against the authorities of a PEM file where one is
    /// named, and keeps it beside its request.
    ///
    /// # Errors
    /// [`AnchorError`]; nothing is kept then.
    pub fn keep(&self, reply: &Path, authorities: Option<&Path>) -> Result<Anchored, AnchorError> {
        let bytes = read_bounded(reply, REPLY_BYTES_MAX)?;
        let authorities = authorities.map_or_else(|| Ok(Vec::new()), certificates)?;
        let token = check(&bytes, &authorities)?;
        let (folder, size) = self.request_of(&token)?;
        let path = path(folder, size, "tsr");
        if keep_first(&path, REPLY_BYTES_MAX, || bytes.clone())? != bytes {
            return Err(AnchorError::Kept { path });
        }
        let Token { imprint, time, signer, trust, .. } = token;
        Ok(Anchored { size, imprint, time, signer, trust, path, sha256: Digest::of(&bytes) })
    }

    /// Which waiting request a token answers: its folder and size.
    fn request_of(&self, token: &Token) -> Result<(&Path, u64), AnchorError> {
        for folder in [&self.folder].into_iter().chain(&self.past) {
            for size in sizes(folder)? {
                let checkpoint =
                    read_bounded(&path(folder, size, "checkpoint"), CHECKPOINT_BYTES_MAX)?;
                if Digest::of(&checkpoint) != token.imprint {
                    continue;
                }
                let request = read_bounded(&path(folder, size, "tsq"), REQUEST_BYTES_MAX)?;
                if nonce_of(&request) != Some(token.nonce.as_slice()) {
                    return Err(TokenError::Nonce.into());
                }
                return Ok((folder, size));
            }
        }
        Err(TokenError::Imprint.into())
    }
}

/// The sizes that were asked for, newest first.
fn sizes(folder: &Path) -> io::Result<Vec<u64>> {
    let listing = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing?,
    };
    let mut sizes: Vec<u64> = Vec::new();
    for file in listing {
        let name = file?.file_name();
        let size = name.to_str().and_then(|name| name.strip_suffix(".tsq")?.parse::<u64>().ok());
        sizes.extend(size);
    }
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.truncate(WAITING_MAX);
    Ok(sizes)
}

fn path(folder: &Path, size: u64, kind: &str) -> PathBuf {
    folder.join(format!("{size}.{kind}"))
}

/// What a file holds; where it is not there, what it is made of now.
fn keep_first(path: &Path, limit: u64, make: impl FnOnce() -> Vec<u8>) -> io::Result<Vec<u8>> {
    match read_bounded(path, limit) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = make();
            durable::replace(path, &made, Readers::Everyone)?;
            Ok(made)
        }
        known => known,
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, AnchorError> {
    let unusable = |problem: String| TokenError::Authority(format!("{} {problem}", path.display()));
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<_, _>>)
        .map_err(|error| unusable(format!("cannot be read: {error}")))?;
    if found.is_empty() { Err(unusable("holds none".to_owned()).into()) } else { Ok(found) }
}
