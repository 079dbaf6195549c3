use serde::Deserialize;

use crate::domain::digest::Digest;
use crate::domain::ids::DocumentId;
use crate::domain::question::QuestionText;

/// Questions of one suite at most.
const CASES_MAX: usize = 100_000;

/// A list of questions with what is known about their answers.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The questions.
    pub cases: Vec<Case>,
    /// SHA-256 of the file.
    pub digest: Digest,
}

/// One line of a suite.
#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    /// Its id.
    pub id: String,
    /// The question.
    pub question: QuestionText,
    /// Who asks it, where the suite says so.
    #[serde(default, rename = "as")]
    pub asked_by: Option<String>,
    /// Gold answers.
    #[serde(default)]
    pub answers: Vec<String>,
    /// Whether the documents answer it.
    pub answerable: bool,
    /// Passages that bear on it.
    #[serde(default)]
    pub relevant: Vec<Relevant>,
}

/// A gold passage.
#[derive(Clone, Debug, Deserialize)]
pub struct Relevant {
    /// File name or SHA-256.
    pub document: String,
    /// Page number from 1.
    #[serde(default)]
    pub page: Option<u32>,
    /// Gold text.
    #[serde(default)]
    pub text: Option<String>,
    /// How relevant, 1 by default.
    #[serde(default)]
    pub grade: Option<u32>,
}

/// Why a suite was not read.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// A line is not of the form.
    #[error("line {line} is not a suite line: {detail}")]
    Line {
        /// From 1.
        line: usize,
        /// What the parser said.
        detail: String,
    },
    /// Too many lines.
    #[error("the suite has more than {CASES_MAX} questions; split it")]
    TooLong,
}

/// A gold passage of a document that is ingested.
pub(super) struct Gold {
    document: DocumentId,
    /// Gold text without white space, lower case; `None` means anywhere in the document.
    text: Option<String>,
}

impl Suite {
    /// Reads JSON lines.
    ///
    /// # Errors
    /// [`SuiteError`] names the line.
    pub fn parse(text: &str) -> Result<Self, SuiteError> {
        let mut cases = Vec::new();
        for (line, content) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            if cases.len() == CASES_MAX {
                return Err(SuiteError::TooLong);
            }
            let case = serde_json::from_str(content);
            cases.push(case.map_err(|e| SuiteError::Line { line, detail: e.to_string() })?);
        }
        Ok(Self { cases, digest: Digest::of(text.as_bytes()) })
    }
}

impl Case {
    /// The gold passages whose documents are known.
    pub(super) fn resolve(&self, names: &[(String, DocumentId)]) -> Vec<Gold> {
        self.relevant
            .iter()
            .filter_map(|relevant| {
                let by_name = names.iter().find(|(name, _)| *name == relevant.document);
                let document =
                    by_name.map(|(_, id)| *id).or_else(|| relevant.document.parse().ok())?;
                let text = relevant.text.as_deref().map(squeezed);
                Some(Gold { document, text })
            })
            .collect()
    }
}

impl Gold {
    /// Whether a retrieved passage holds a good part of the gold text: half of either.
    pub(super) fn is_in(&self, document: DocumentId, passage: &str) -> bool {
        if document != self.document {
            return false;
        }
        let Some(gold) = &self.text else { return true };
        let passage = squeezed(passage);
        passage.contains(gold) || gold.contains(&passage) || overlap(gold, &passage)
    }
}

/// Whether the passage begins or ends inside the gold text, with half of the gold text in it.
fn overlap(gold: &str, passage: &str) -> bool {
    let chars: Vec<char> = gold.chars().collect();
    let half = chars.len().div_ceil(2);
    let (Some(head), Some(tail)) = (chars.get(..half), chars.get(chars.len() - half..)) else {
        return false;
    };
    let (head, tail): (String, String) = (head.iter().collect(), tail.iter().collect());
    !head.is_empty() && (passage.contains(&head) || passage.contains(&tail))
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_named() {
        let good = r#"{"id":"1","question":"Who?","answers":["A"],"answerable":true}"#;
        assert_eq!(Suite::parse(&format!("{good}\n\n{good}")).unwrap().cases.len(), 2);
        let error = Suite::parse(&format!("{good}\n{{\"id\":1}}")).unwrap_err();
        assert!(error.to_string().starts_with("line 2 "), "{error}");
    }

    #[test]
    fn gold_text_is_found_whatever_the_line_breaks() {
        let line = r#"{"id":"1","question":"Who?","answerable":true,"relevant":[{"document":"a.txt","text":"pays within 45 days of receipt"}]}"#;
        let case = Suite::parse(line).unwrap().cases.remove(0);
        let id = DocumentId::of(b"a");
        let golds = case.resolve(&[("a.txt".to_owned(), id)]);
        assert!(golds[0].is_in(id, "The Client pays\nwithin 45  days of receipt. Next."));
        assert!(golds[0].is_in(id, "The Client pays within 45 d"));
        assert!(!golds[0].is_in(id, "Nothing of it."));
        assert!(!golds[0].is_in(DocumentId::of(b"b"), "pays within 45 days of receipt"));
    }
}
