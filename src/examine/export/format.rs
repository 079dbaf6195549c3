use std::str::FromStr;

/// Formats of records: each turns one entry into lines of its own.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum RecordFormat {
    /// Common Event Format, one line an entry.
    Cef,
    /// RFC 4180, one row an entry.
    Csv,
    /// FHIR R4 AuditEvent, one a line, shaped by IHE BALP; one for each patient found.
    Fhir,
    /// One canonical JSON object a line, with its index and leaf hash.
    Jsonl,
    /// OCSF 1.6.0 events, one a line.
    Ocsf,
}

/// What an export may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExportFormat {
    /// One archive with the log itself and all that proves it.
    Bundle,
    /// The matching entries, in one format.
    Records(RecordFormat),
}

/// A format that is not offered.
#[derive(Debug, thiserror::Error)]
#[error("{found:?} is not an export format: use bundle, jsonl, csv, fhir, ocsf or cef")]
pub struct InvalidFormat {
    /// What was given.
    pub found: String,
}

impl RecordFormat {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Cef, Self::Csv, Self::Fhir, Self::Jsonl, Self::Ocsf];

    /// As written on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cef => "cef",
            Self::Csv => "csv",
            Self::Fhir => "fhir",
            Self::Jsonl => "jsonl",
            Self::Ocsf => "ocsf",
        }
    }

    /// How names of its files end.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Cef => "cef",
            Self::Csv => "csv",
            Self::Fhir | Self::Ocsf => "ndjson",
            Self::Jsonl => "jsonl",
        }
    }
}

impl ExportFormat {
    /// Every one, the bundle first.
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Bundle].into_iter().chain(RecordFormat::ALL.into_iter().map(Self::Records))
    }

    /// As written on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::Records(format) => format.as_str(),
        }
    }

    /// How names of its files end.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Bundle => "tar.zst",
            Self::Records(format) => format.extension(),
        }
    }

    /// Media type of the file.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Bundle => "application/zstd",
            Self::Records(RecordFormat::Cef) => "text/plain; charset=utf-8",
            Self::Records(RecordFormat::Csv) => "text/csv; charset=utf-8",
            Self::Records(RecordFormat::Fhir) => "application/fhir+ndjson",
            Self::Records(RecordFormat::Jsonl) => "application/jsonl",
            Self::Records(RecordFormat::Ocsf) => "application/x-ndjson",
        }
    }
}

impl FromStr for ExportFormat {
    type Err = InvalidFormat;

    fn from_str(text: &str) -> Result<Self, InvalidFormat> {
        let found = || InvalidFormat { found: text.chars().take(40).collect() };
        Self::all().find(|format| format.as_str() == text).ok_or_else(found)
    }
}
