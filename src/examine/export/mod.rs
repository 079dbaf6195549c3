//! Entries in the formats of others. Each line carries the entry's index and leaf hash, so that it
//! can be traced to the log, and depends on the entry alone, so that it can be made again.

mod cef;
mod csv;
mod fhir;
mod format;
mod jsonl;
mod mapping;
mod ocsf;

use std::fs::File;
use std::io::{self, Seek as _};

use serde_json::Value;

use crate::audit::Entry;
use crate::domain::digest::{Digest, DigestWriter};

pub use format::{ExportFormat, InvalidFormat, RecordFormat};

/// What lines say of the log that they are from.
#[derive(Clone, Debug)]
pub struct Site {
    /// The log's origin.
    pub origin: String,
    /// The program's version.
    pub version: &'static str,
}

impl Site {
    /// A log of this program's version.
    pub fn of(origin: &str) -> Self {
        Self { origin: origin.to_owned(), version: env!("CARGO_PKG_VERSION") }
    }
}

impl RecordFormat {
    /// What a file begins with.
    pub fn write_head(self, out: &mut Vec<u8>) {
        if self == Self::Csv {
            csv::head(out);
        }
    }

    /// The lines of one entry.
    pub fn write(self, site: &Site, entry: &Entry, out: &mut Vec<u8>) {
        match self {
            Self::Cef => cef::write(site, entry, out),
            Self::Csv => csv::write(entry, out),
            Self::Fhir => fhir::write(site, entry, out),
            Self::Jsonl => jsonl::write(entry, out),
            Self::Ocsf => ocsf::write(site, entry, out),
        }
    }
}

/// A finished export: a file without a name, gone with its last handle.
#[derive(Debug)]
pub struct Exported {
    /// Its format.
    pub format: ExportFormat,
    /// The file, from its beginning.
    pub file: File,
    /// Its length.
    pub len: u64,
    /// Entries in it.
    pub entries: u64,
    /// SHA-256 of the file.
    pub sha256: Digest,
}

/// Writes an export and takes its digest on the way.
pub(super) struct Spool {
    file: io::BufWriter<File>,
    digest: DigestWriter,
    len: u64,
}

impl Spool {
    /// Over a file without a name, in `folder`.
    pub(super) fn new(folder: &std::path::Path) -> io::Result<Self> {
        let file = tempfile::tempfile_in(folder)?;
        Ok(Self { file: io::BufWriter::new(file), digest: DigestWriter::default(), len: 0 })
    }

    pub(super) fn finish(self, format: ExportFormat, entries: u64) -> io::Result<Exported> {
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        let sha256 = self.digest.finish();
        Ok(Exported { format, file, len: self.len, entries, sha256 })
    }
}

impl io::Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.digest.update(bytes.get(..count).unwrap_or_default());
        self.len += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A JSON value as one line.
fn line(value: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(value.to_string().as_bytes());
    out.push(b'\n');
}

/// Sets a field of an object.
fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

/// The text at a pointer of an entry; empty where there is none.
fn texts(entry: &Entry, pointer: &str) -> String {
    entry.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
