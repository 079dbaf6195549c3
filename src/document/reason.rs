//! Why a file cannot be read.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A file that is set aside, and why.
#[derive(Clone, Debug, thiserror::Error, Deserialize, Eq, PartialEq, Serialize)]
#[error("{reason}: {detail}")]
pub struct Unreadable {
    /// For programs.
    pub reason: Reason,
    /// For people: one sentence, without the document's own words.
    pub detail: String,
}

impl Unreadable {
    pub(super) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// Why, in one word. None of them is a fault of the appliance; each names its remedy.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No text at all: nothing to index.
    Empty,
    /// Needs a password, or the one given is wrong: give the right one.
    Encrypted,
    /// Whatever text there is, no reader sees it: look at the file before trusting it.
    HiddenText,
    /// Damaged, truncated, or not what it claims: get a good copy.
    Malformed,
    /// Only pictures of text: run recognition first.
    NeedsOcr,
    /// Not a kind of file that is read here: convert it.
    NotSupported,
    /// Over a limit on bytes, pages, characters or decompressed size: split it.
    TooLarge,
    /// Not done within the time allowed: split it, or allow more.
    TooSlow,
}

impl Reason {
    /// The word, as in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Encrypted => "encrypted",
            Self::HiddenText => "hidden_text",
            Self::Malformed => "malformed",
            Self::NeedsOcr => "needs_ocr",
            Self::NotSupported => "not_supported",
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_spelt_the_same_everywhere() {
        for reason in [Reason::Empty, Reason::HiddenText, Reason::NeedsOcr, Reason::NotSupported] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
            assert_eq!(reason.to_string(), reason.as_str());
        }
    }
}
