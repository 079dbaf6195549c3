//! Files within files: each member of an archive, each attachment of a message goes its own way.

use crate::document::{Kind, Members, Reason, SandboxError, Unreadable, may_be_archive};
use crate::domain::ids::DocumentId;
use crate::domain::limits::{MEMBER_DEPTH_MAX, MEMBERS_MAX, UNPACKED_BYTES_MAX};

use super::IngestError;
use super::batch::Batch;

/// A file of a batch: a source's own, or one within it.
pub(super) struct File {
    /// `archive.zip/letters/fee.docx`.
    pub(super) path: String,
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    /// How many files it is within.
    pub(super) depth: usize,
}

/// What may still come out of one source.
pub(super) struct Allowance {
    members: usize,
    bytes: u64,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { members: MEMBERS_MAX, bytes: UNPACKED_BYTES_MAX }
    }
}

impl Allowance {
    /// Takes a member of this size out of it; `false` where it does not go in.
    fn takes(&mut self, bytes: u64) -> bool {
        let fits = self.members > 0 && bytes <= self.bytes;
        if fits {
            self.members -= 1;
            self.bytes -= bytes;
        }
        fits
    }
}

impl Batch<'_> {
    /// Takes in a file, then the files within it.
    pub(super) fn file(&mut self, file: File, left: &mut Allowance) -> Result<(), IngestError> {
        let id = DocumentId::of(&file.bytes);
        if self.is_pending(id) {
            self.unchanged();
            return Ok(());
        }
        let here = self.known(id);
        if let Some(document) = here.as_ref().filter(|here| self.may_know(here)) {
            self.unchanged();
            let mail = document.card.kind == Kind::Mail.as_str();
            return if mail { self.members(&file, left).map(drop) } else { Ok(()) };
        }
        match self.parse(&file.bytes, &file.name) {
            Ok(parsed) => {
                let mail = parsed.kind == Kind::Mail;
                self.submitted();
                let (path, size) = (file.path.clone(), file.bytes.len() as u64);
                match here {
                    Some(here) => self.tell_as_new(&here, size, path, parsed.title)?,
                    None => self.index(id, &file.bytes, path, &file.name, parsed)?,
                }
                if mail { self.members(&file, left).map(drop) } else { Ok(()) }
            }
            Err(SandboxError::Unreadable(reason)) => {
                let archive = reason.reason == Reason::NotSupported && may_be_archive(&file.bytes);
                if archive && self.members(&file, left)? {
                    return Ok(());
                }
                self.submitted();
                self.quarantine(Some(id), file.path, file.bytes.len() as u64, &reason)
            }
            Err(error @ SandboxError::Unavailable(_)) => Err(error.into()),
        }
    }

    /// Takes in the files within a file; `false` where it is none that holds any.
    fn members(&mut self, file: &File, left: &mut Allowance) -> Result<bool, IngestError> {
        let mut from = 0;
        let mut found = 0_usize;
        loop {
            let part = match self.unpack(&file.bytes, &file.name, from) {
                Ok(Some(part)) => part,
                Ok(None) => return Ok(false),
                Err(SandboxError::Unreadable(reason)) => {
                    self.rest(file, &reason)?;
                    return Ok(true);
                }
                Err(error @ SandboxError::Unavailable(_)) => return Err(error.into()),
            };
            let Members { members, next } = part;
            found += members.len();
            if found > 0 && file.depth == MEMBER_DEPTH_MAX {
                let detail =
                    format!("files lie within more than {MEMBER_DEPTH_MAX} files: unpack them");
                self.rest(file, &Unreadable { reason: Reason::TooLarge, detail })?;
                return Ok(true);
            }
            for member in members {
                let bytes = member.content.as_ref().map_or(0, Vec::len) as u64;
                if !left.takes(bytes) {
                    let detail = format!(
                        "more than {MEMBERS_MAX} files or {UNPACKED_BYTES_MAX} bytes lie within: \
                         split it; what came before was taken in"
                    );
                    self.rest(file, &Unreadable { reason: Reason::TooLarge, detail })?;
                    return Ok(true);
                }
                let path = format!("{}/{}", file.path, member.name);
                match member.content {
                    Ok(bytes) => {
                        let name = member.name.rsplit('/').next().unwrap_or_default().to_owned();
                        self.file(File { path, name, bytes, depth: file.depth + 1 }, left)?;
                    }
                    Err(reason) => {
                        self.submitted();
                        self.quarantine(None, path, 0, &reason)?;
                    }
                }
            }
            match next {
                Some(next) => from = next,
                None if found == 0 && may_be_archive(&file.bytes) => {
                    let detail = "the archive holds no files".to_owned();
                    self.rest(file, &Unreadable { reason: Reason::Empty, detail })?;
                    return Ok(true);
                }
                None => return Ok(true),
            }
        }
    }

    /// Sets aside what lies within a file and was not reached.
    fn rest(&mut self, file: &File, reason: &Unreadable) -> Result<(), IngestError> {
        self.submitted();
        let id = may_be_archive(&file.bytes).then(|| DocumentId::of(&file.bytes));
        self.quarantine(id, file.path.clone(), file.bytes.len() as u64, reason)
    }
}
