//! Labels of documents and the access classes they fall into.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::limits::LABEL_CHARS_MAX;

/// A dense number for one distinct set of labels. Policies decide classes, indexes filter on them.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct AccessClass(pub u32);

/// What kind of paper a document is, where a policy cares. A closed list: a misspelt
/// `psychotherapy-notes` must not quietly lose its protection.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentKind {
    /// Findings, orders, letters: what treats a patient.
    Clinical,
    /// Notes of a mental-health professional kept apart from the record (45 CFR 164.501).
    PsychotherapyNotes,
    /// Records of a substance-use programme (42 CFR part 2).
    SubstanceUse,
    /// Claims, bills, remittances.
    Payment,
    /// Quality, staffing, administration.
    Operations,
    /// Who the client is and what for: what a check for conflicts needs.
    Engagement,
    /// Letters and messages with client, court or the other side.
    Correspondence,
    /// Prepared for a dispute by or for a lawyer.
    WorkProduct,
    /// Filed with a court or authority.
    Filing,
}

impl DocumentKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Clinical,
        Self::PsychotherapyNotes,
        Self::SubstanceUse,
        Self::Payment,
        Self::Operations,
        Self::Engagement,
        Self::Correspondence,
        Self::WorkProduct,
        Self::Filing,
    ];

    /// The kind as written in labels and policies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clinical => "clinical",
            Self::PsychotherapyNotes => "psychotherapy-notes",
            Self::SubstanceUse => "substance-use",
            Self::Payment => "payment",
            Self::Operations => "operations",
            Self::Engagement => "engagement",
            Self::Correspondence => "correspondence",
            Self::WorkProduct => "work-product",
            Self::Filing => "filing",
        }
    }
}

/// The attributes of a document that policies may read: all of them, and only these.
///
/// A document without a classification is visible to nobody.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Labels {
    /// `public`, `internal`, `confidential` or `restricted`, or a site's own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classification: Option<String>,
    /// The client whose matter it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The department that owns the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// What kind of paper it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<DocumentKind>,
    /// The legal matter it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matter: Option<String>,
    /// About somebody who is not of age.
    #[serde(skip_serializing_if = "is_false")]
    pub minor: bool,
    /// The patient it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient: Option<String>,
    /// Under legal privilege.
    pub privileged: bool,
}

const FLAG: &str = "give true or false";
const KINDS: &str = "give clinical, psychotherapy-notes, substance-use, payment, operations, engagement, correspondence, work-product or filing";

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Whether this can be the name of a matter, a patient, a department, as it is kept: what would do
/// where not. The one rule, wherever such a name comes in.
///
/// # Errors
/// What would do.
pub fn check_label_value(value: &str) -> Result<(), &'static str> {
    if value.is_empty() || value.chars().count() > LABEL_CHARS_MAX {
        return Err("give 1 to 200 characters");
    }
    if value.trim() != value {
        return Err("no space may stand before or after it");
    }
    match value.chars().any(char::is_control) {
        true => Err("control characters are not allowed"),
        false => Ok(()),
    }
}

/// The name of a matter or patient as somebody wrote it, without the space around it.
///
/// # Errors
/// As [`check_label_value`].
pub fn label_value(written: &str) -> Result<String, &'static str> {
    let value = written.trim();
    check_label_value(value)?;
    Ok(value.to_owned())
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
        "label {key:?} is unknown: use classification, client, department, kind, matter, minor, patient or privileged"
    )]
    UnknownKey {
        /// The key given.
        key: String,
    },
    /// An empty or over-long value, an unknown kind, or a flag that is neither true nor false.
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
        check_label_value(value).map_err(bad)?;
        let text = Some(value.to_owned());
        match key {
            "classification" => self.classification = text,
            "client" => self.client = text,
            "department" => self.department = text,
            "kind" => {
                let kind = DocumentKind::ALL.into_iter().find(|kind| kind.as_str() == value);
                self.kind = Some(kind.ok_or_else(|| bad(KINDS))?);
            }
            "matter" => self.matter = text,
            "minor" => self.minor = value.parse().map_err(|_| bad(FLAG))?,
            "patient" => self.patient = text,
            "privileged" => self.privileged = value.parse().map_err(|_| bad(FLAG))?,
            _ => return Err(InvalidLabel::UnknownKey { key: key.chars().take(80).collect() }),
        }
        Ok(())
    }

    /// These labels with others in their place: `KEY=VALUE` sets one, `KEY=` takes one away.
    ///
    /// # Errors
    /// As [`Labels::parse`].
    pub fn with<'a>(&self, pairs: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidLabel> {
        let mut labels = self.clone();
        for pair in pairs {
            let pair = pair.trim();
            match pair.strip_suffix('=').map(str::trim) {
                Some(key) => labels.unset(key)?,
                None => {
                    let (key, value) = pair
                        .split_once('=')
                        .ok_or_else(|| InvalidLabel::NotAPair { found: pair.to_owned() })?;
                    labels.set(key.trim(), value.trim())?;
                }
            }
        }
        Ok(labels)
    }

    fn unset(&mut self, key: &str) -> Result<(), InvalidLabel> {
        match key {
            "classification" => self.classification = None,
            "client" => self.client = None,
            "department" => self.department = None,
            "kind" => self.kind = None,
            "matter" => self.matter = None,
            "minor" => self.minor = false,
            "patient" => self.patient = None,
            "privileged" => self.privileged = false,
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
            ("client", &self.client),
            ("department", &self.department),
            ("matter", &self.matter),
            ("patient", &self.patient),
        ];
        for (key, value) in texts {
            if let Some(value) = value {
                pairs.insert(key, value.as_str());
            }
        }
        pairs.extend(self.kind.map(|kind| ("kind", kind.as_str())));
        for (key, is_set) in [("minor", self.minor), ("privileged", self.privileged)] {
            if is_set {
                pairs.insert(key, "true");
            }
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
        let wrong = ["matter", "colour=red", "matter=", "privileged=yes", "matter=a\u{7}b"];
        for wrong in wrong.into_iter().chain(["kind=psychotherapy", "minor=17"]) {
            assert!(Labels::parse([wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn other_labels_take_the_place_of_those_that_they_name() {
        let labels = Labels::parse(["classification=internal", "matter=M-1"]).unwrap();
        let table: [(&[&str], &[&str]); 4] = [
            (&["matter=M-2"], &["classification=internal", "matter=M-2"]),
            (&["matter="], &["classification=internal"]),
            (&["privileged=true"], &["classification=internal", "matter=M-1", "privileged=true"]),
            (&["matter=", "patient=P-1"], &["classification=internal", "patient=P-1"]),
        ];
        for (pairs, expected) in table {
            let expected = Labels::parse(expected.iter().copied()).unwrap();
            assert_eq!(labels.with(pairs.iter().copied()).unwrap(), expected, "{pairs:?}");
        }
        for wrong in ["matter", "colour=", "colour=red", "="] {
            assert!(labels.with([wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_kind_is_a_label_and_the_remedy_names_it() {
        for kind in DocumentKind::ALL {
            let pair = format!("kind={}", kind.as_str());
            assert_eq!(Labels::parse([pair.as_str()]).unwrap().kind, Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert!(KINDS.contains(kind.as_str()), "{pair}");
        }
    }

    #[test]
    fn labels_are_stored_as_before_where_nothing_new_is_set() {
        let stored = serde_json::to_string(&Labels::internal()).unwrap();
        assert_eq!(stored, r#"{"classification":"internal","privileged":false}"#);
    }
}
