//! Why somebody does what others may ask about later.

use serde::{Deserialize, Serialize};

use super::limits::REASON_CHARS_MAX;

/// A stated reason: 1 to [`REASON_CHARS_MAX`] characters, trimmed, on one line.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reason(String);

/// Text that is no reason.
#[derive(Debug, thiserror::Error)]
#[error("a reason has 1 to {REASON_CHARS_MAX} characters, this one has {chars}")]
pub struct InvalidReason {
    /// Its length in characters.
    pub chars: usize,
}

impl Reason {
    /// Why an account that is made is given what its maker asks for it.
    pub fn new_account() -> Self {
        Self("a new account".to_owned())
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Reason {
    type Error = InvalidReason;

    fn try_from(text: String) -> Result<Self, InvalidReason> {
        let text: String =
            text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        match text.chars().count() {
            chars if chars == 0 || chars > REASON_CHARS_MAX => Err(InvalidReason { chars }),
            _ => Ok(Self(text)),
        }
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_and_not_empty() {
        let reason = Reason::try_from(" court\norder ".to_owned()).unwrap();
        assert_eq!(reason.as_str(), "court order");
        for wrong in [String::new(), " \n".to_owned(), "x".repeat(REASON_CHARS_MAX + 1)] {
            assert!(Reason::try_from(wrong).is_err());
        }
    }
}
