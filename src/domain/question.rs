//! A question, and the circumstances in which it is asked.

use serde::{Deserialize, Serialize};

use super::ids::RequestId;
use super::limits::QUESTION_CHARS_MAX;

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
