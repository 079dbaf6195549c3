//! Entries as a file, in the formats that are offered.

use std::str::FromStr;

use crate::audit::Entry;
use crate::domain::digest::Digest;

/// Formats that entries are handed out in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExportFormat {
    /// RFC 4180, one line an entry.
    Csv,
    /// One canonical JSON object a line, with its index and leaf hash.
    Jsonl,
}

/// A format that is not offered.
#[derive(Debug, thiserror::Error)]
#[error("{found:?} is not an export format: use jsonl or csv")]
pub struct InvalidFormat {
    /// What was given.
    pub found: String,
}

impl ExportFormat {
    /// As written on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }

    /// Media type of the file.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Jsonl => "application/jsonl",
        }
    }
}

impl FromStr for ExportFormat {
    type Err = InvalidFormat;

    fn from_str(text: &str) -> Result<Self, InvalidFormat> {
        match text {
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::Jsonl),
            _ => Err(InvalidFormat { found: text.chars().take(40).collect() }),
        }
    }
}

/// A finished export.
#[derive(Clone, Debug)]
pub struct Exported {
    /// Its format.
    pub format: ExportFormat,
    /// The file.
    pub bytes: Vec<u8>,
    /// Entries in it.
    pub entries: u64,
    /// SHA-256 of the file.
    pub sha256: Digest,
}

const COLUMNS: [&str; 9] =
    ["index", "leaf_hash", "ts", "type", "outcome", "actor", "via", "req", "details"];

pub(super) struct Writer {
    format: ExportFormat,
    bytes: Vec<u8>,
    entries: u64,
}

impl Writer {
    pub(super) fn new(format: ExportFormat) -> Self {
        let mut writer = Self { format, bytes: Vec::new(), entries: 0 };
        if format == ExportFormat::Csv {
            writer.row(COLUMNS.map(str::to_owned));
        }
        writer
    }

    pub(super) fn push(&mut self, entry: &Entry) {
        self.entries += 1;
        match self.format {
            ExportFormat::Jsonl => {
                let leaf = entry.leaf_hash();
                let head =
                    format!("{{\"index\":{},\"leaf_hash\":\"{leaf}\",\"entry\":", entry.index);
                self.bytes.extend_from_slice(head.as_bytes());
                self.bytes.extend_from_slice(&entry.bytes);
                self.bytes.extend_from_slice(b"}\n");
            }
            ExportFormat::Csv => {
                let text = |pointer: &str| {
                    let value = entry.value.pointer(pointer);
                    value.and_then(|v| v.as_str()).unwrap_or_default().to_owned()
                };
                let details = entry.value.get("details").map(ToString::to_string);
                self.row([
                    entry.index.to_string(),
                    entry.leaf_hash().to_string(),
                    entry.ts().to_string(),
                    text("/type"),
                    text("/outcome"),
                    text("/actor/id"),
                    text("/actor/via"),
                    text("/req"),
                    details.unwrap_or_default(),
                ]);
            }
        }
    }

    pub(super) fn finish(self) -> Exported {
        let sha256 = Digest::of(&self.bytes);
        Exported { format: self.format, bytes: self.bytes, entries: self.entries, sha256 }
    }

    fn row(&mut self, cells: [String; COLUMNS.len()]) {
        let cells = cells.map(|cell| quoted(&cell));
        self.bytes.extend_from_slice(cells.join(",").as_bytes());
        self.bytes.extend_from_slice(b"\r\n");
    }
}

/// Quotes a cell, and keeps a spreadsheet from taking it for a formula.
fn quoted(cell: &str) -> String {
    let guard = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_survive_quotes_and_formulas() {
        let table = [
            ("plain", "\"plain\""),
            ("a,\"b\"\nc", "\"a,\"\"b\"\"\nc\""),
            ("=HYPERLINK(1)", "\"'=HYPERLINK(1)\""),
        ];
        for (cell, expected) in table {
            assert_eq!(quoted(cell), expected);
        }
    }
}
