//! Labels of documents and the access classes they fall into.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::limits::LABEL_CHARS_MAX;

/// A dense number for one distinct set of labels. Policies decide classes, indexes filter on them.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct AccessClass(pub u32);

/// The attributes of a document that policies may read: all of them, and only these.
///
/// A document without a classification is visible to nobody.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Labels {
    /// `public`, `internal`, `confidential` or `restricted`, or a site's own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classification: Option<String>,
    /// The department that owns the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// The legal matter it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matter: Option<String>,
    /// The patient it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient: Option<String>,
    /// Under legal privilege.
    pub privileged: bool,
}

/// A label that cannot be taken.
#[derive(Debug, thiserror::Error, Eq, PartialEq)]
pub enum InvalidLabel {
    /// Not of the form `key=value`.
    #[error("label {found:?} is not of the form KEY=VALUE")]
    NotAPair {
        /// What was given.
        found: String,
    },
    /// A key that no policy knows.
    #[error(
        "label {key:?} is unknown: use classification, department, matter, patient or privileged"
    )]
    UnknownKey {
        /// The key given.
        key: String,
    },
    /// An empty or over-long value, or a `privileged` that is neither true nor false.
    #[error("label {key} has the value {value:?}: {expected}")]
    BadValue {
        /// The key.
        key: String,
        /// The value given.
        value: String,
        /// What would do.
        expected: &'static str,
    },
}

impl Labels {
    /// Parses `key=value` pairs; a repeated key takes its last value.
    ///
    /// # Errors
    /// [`InvalidLabel`] names the first pair that cannot be taken.
    pub fn parse<'a>(pairs: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidLabel> {
        let mut labels = Self::default();
        for pair in pairs {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| InvalidLabel::NotAPair { found: pair.to_owned() })?;
            labels.set(key.trim(), value.trim())?;
        }
        Ok(labels)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), InvalidLabel> {
        let bad = |expected| InvalidLabel::BadValue {
            key: key.to_owned(),
            value: value.chars().take(80).collect(),
            expected,
        };
        if value.is_empty() || value.chars().count() > LABEL_CHARS_MAX {
            return Err(bad("give 1 to 200 characters"));
        }
        if value.chars().any(char::is_control) {
            return Err(bad("control characters are not allowed"));
        }
        let text = Some(value.to_owned());
        match key {
            "classification" => self.classification = text,
            "department" => self.department = text,
            "matter" => self.matter = text,
            "patient" => self.patient = text,
            "privileged" => {
                self.privileged = value.parse().map_err(|_| bad("give true or false"))?;
            }
            _ => return Err(InvalidLabel::UnknownKey { key: key.chars().take(80).collect() }),
        }
        Ok(())
    }

    /// What `ingest` stores where no label is given.
    pub fn internal() -> Self {
        Self { classification: Some("internal".to_owned()), ..Self::default() }
    }

    /// The set labels as pairs, in a fixed order.
    pub fn pairs(&self) -> BTreeMap<&'static str, &str> {
        let mut pairs = BTreeMap::new();
        let texts = [
            ("classification", &self.classification),
            ("department", &self.department),
            ("matter", &self.matter),
            ("patient", &self.patient),
        ];
        for (key, value) in texts {
            if let Some(value) = value {
                pairs.insert(key, value.as_str());
            }
        }
        if self.privileged {
            pairs.insert("privileged", "true");
        }
        pairs
    }

    /// Identifies the access class: equal labels, equal digest.
    pub fn digest(&self) -> Digest {
        let pairs = self.pairs();
        Digest::of_parts(pairs.iter().flat_map(|(k, v)| [k.as_bytes(), v.as_bytes()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_parse_and_print_the_same() {
        let labels = Labels::parse(["matter=M-17", "privileged=true"]).unwrap();
        assert_eq!(labels.pairs(), [("matter", "M-17"), ("privileged", "true")].into());
        assert_ne!(labels.digest(), Labels::internal().digest());
        assert_ne!(Labels::parse(["matter=a"]).unwrap().digest(), {
            Labels::parse(["patient=a"]).unwrap().digest()
        });
    }

    #[test]
    fn labels_that_no_policy_knows_are_refused() {
        for wrong in ["matter", "colour=red", "matter=", "privileged=yes", "matter=a\u{7}b"] {
            assert!(Labels::parse([wrong]).is_err(), "{wrong}");
        }
    }
}
