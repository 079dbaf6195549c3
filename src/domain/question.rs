//! A question, and the circumstances in which it is asked.

use serde::{Deserialize, Serialize};

use super::access::label_value;
use super::ids::RequestId;
use super::limits::{PURPOSE_CHARS_MAX, QUESTION_CHARS_MAX};

/// The words of a question: 1 to [`QUESTION_CHARS_MAX`] characters, trimmed, no control characters
/// but newlines.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct QuestionText(String);

/// Text that is no question.
#[derive(Debug, thiserror::Error)]
pub enum InvalidQuestion {
    /// Nothing but white space.
    #[error("the question is empty: type a question")]
    Empty,
    /// Over the limit.
    #[error("the question has {chars} characters, at most {QUESTION_CHARS_MAX} are taken")]
    TooLong {
        /// Its length in characters.
        chars: usize,
    },
}

impl QuestionText {
    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for QuestionText {
    type Error = InvalidQuestion;

    fn try_from(text: String) -> Result<Self, InvalidQuestion> {
        let text: String = text
            .trim()
            .chars()
            .map(|c| if c.is_control() && c != '\n' { ' ' } else { c })
            .collect();
        match text.chars().count() {
            0 => Err(InvalidQuestion::Empty),
            chars if chars > QUESTION_CHARS_MAX => Err(InvalidQuestion::TooLong { chars }),
            _ => Ok(Self(text)),
        }
    }
}

impl From<QuestionText> for String {
    fn from(text: QuestionText) -> Self {
        text.0
    }
}

/// How the answer may be worded.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Whatever verification accepts: a drafted answer where it holds, else a quotation.
    #[default]
    Auto,
    /// Only words of the evidence.
    Verbatim,
    /// Written freely, then verified.
    Grounded,
}

/// Purpose and scope that the asker declares; policies decide on them.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Scope {
    /// Why the question is asked, e.g. `treatment`.
    pub purpose: Option<String>,
    /// The matter it is asked in: only that matter's documents and general ones are searched.
    pub matter: Option<String>,
    /// The patient it is asked about.
    pub patient: Option<String>,
}

/// A purpose or scope that cannot be taken.
#[derive(Debug, thiserror::Error, Eq, PartialEq)]
pub enum InvalidScope {
    /// The purpose stands in clear in the log: a code, no words about anybody.
    #[error("the purpose {found:?} is no code: give 1 to 64 of A-Z, a-z, 0-9, '.', '_', ':', '-'")]
    Purpose {
        /// What was given.
        found: String,
    },
    /// The name of a matter or patient.
    #[error("this cannot be the name of a {what}: {expected}")]
    Name {
        /// What it would be the name of.
        what: &'static str,
        /// What would do.
        expected: &'static str,
    },
}

impl Scope {
    /// What somebody declares, as policies and the log take it: without the space around it, and
    /// nothing where nothing is written.
    ///
    /// # Errors
    /// [`InvalidScope`].
    pub fn declared(self) -> Result<Self, InvalidScope> {
        let said = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let name = |what, text| match said(text) {
            Some(text) => {
                let name = label_value(&text);
                name.map(Some).map_err(|expected| InvalidScope::Name { what, expected })
            }
            None => Ok(None),
        };
        Ok(Self {
            purpose: said(self.purpose).map(|text| purpose_code(&text)).transpose()?,
            matter: name("matter", self.matter)?,
            patient: name("patient", self.patient)?,
        })
    }
}

/// The code of a purpose, e.g. `treatment` or `PATRQT`, without the space around it.
///
/// # Errors
/// [`InvalidScope::Purpose`].
pub fn purpose_code(written: &str) -> Result<String, InvalidScope> {
    let code = written.trim();
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-');
    match (1..=PURPOSE_CHARS_MAX).contains(&code.len()) && code.chars().all(known) {
        true => Ok(code.to_owned()),
        false => Err(InvalidScope::Purpose { found: code.chars().take(80).collect() }),
    }
}

/// One question on its way through the spine.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Question {
    /// Request id: `query` in the answer, `req` in the log.
    pub id: RequestId,
    /// The words.
    pub text: QuestionText,
    /// How the answer may be worded.
    pub mode: Mode,
    /// Declared purpose and scope.
    pub scope: Scope,
    /// How many passages become evidence.
    pub top_k: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::limits::LABEL_CHARS_MAX;

    fn scope(purpose: &str, matter: &str, patient: &str) -> Scope {
        let [purpose, matter, patient] =
            [purpose, matter, patient].map(|text| Some(text.to_owned()));
        Scope { purpose, matter, patient }
    }

    #[test]
    fn what_is_declared_is_trimmed_and_nothing_where_nothing_is_written() {
        let declared = scope(" treatment ", "\tM 1\n", "  ").declared().unwrap();
        let expected = Scope { patient: None, ..scope("treatment", "M 1", "") };
        assert_eq!(declared, expected);
        assert_eq!(Scope::default().declared(), Ok(Scope::default()));
    }

    #[test]
    fn a_purpose_is_a_code_and_a_name_has_no_control_characters_and_a_limit() {
        let long = |length: usize| "x".repeat(length);
        for code in ["PATRQT", "v3:ActReason.TREAT", "a_b-c", &long(PURPOSE_CHARS_MAX)] {
            assert_eq!(purpose_code(code).as_deref(), Ok(code));
        }
        for words in ["", "for Mr Smith", "grüße", "a/b", &long(PURPOSE_CHARS_MAX + 1)] {
            assert!(purpose_code(words).is_err(), "{words:?}");
        }
        for name in ["a\u{7}b", "two\nlines", &long(LABEL_CHARS_MAX + 1)] {
            assert!(scope("", name, "").declared().is_err(), "{name:?}");
            assert!(scope("", "", name).declared().is_err(), "{name:?}");
        }
    }
}
