//! The demonstration corpus and its suite of questions.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A question that one sentence of the corpus answers; staff without attributes may see it.
pub(crate) const ANSWERABLE: &str =
    "Are we still permitted to fax patient details to another hospital?";
/// A question that nothing answers.
pub(crate) const UNANSWERABLE: &str = "What is the boiling point of tungsten?";
/// The document that the demonstration's staff must never see.
pub(crate) const WALLED: &str = "ethics-board-minutes-2025-06.pdf";

/// A path below `fixtures/`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// A document of the corpus, with the labels that it is taken in with.
#[derive(Deserialize)]
pub(crate) struct Described {
    pub(crate) file: String,
    pub(crate) labels: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct Staff {
    pub(crate) attributes: Vec<String>,
}

/// `labels.toml`.
#[derive(Deserialize)]
pub(crate) struct Corpus {
    #[serde(rename = "document")]
    pub(crate) documents: Vec<Described>,
    pub(crate) staff: Staff,
}

impl Corpus {
    pub(crate) fn load() -> Self {
        let text = std::fs::read_to_string(fixture("corpus-sources/labels.toml")).unwrap();
        toml::from_str(&text).unwrap()
    }

    pub(crate) fn labels_of(&self, file: &str) -> &[String] {
        &self.documents.iter().find(|d| d.file == file).expect("a document of the corpus").labels
    }
}

/// A question with its known answer.
#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) question: String,
    pub(crate) answerable: bool,
}

/// The questions of the demonstration.
pub(crate) fn suite() -> Vec<Case> {
    let text = std::fs::read_to_string(fixture("suites/demo.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
