//! The accounting of disclosures that a patient may ask for (45 CFR 164.528): what of the record
//! about them was handed out, when, to whom, and why.

use serde::Serialize;

use super::{ExamineError, Examiner, Reader};
use crate::audit::{Entry, Recorded, Selection, What};
use crate::domain::access::label_value;
use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::ids::EntryIndex;
use crate::domain::payload::TokenKind;
use crate::policy::Action;

/// The format under which an accounting itself is on record; it goes to the patient, so it is no
/// disclosure (164.528(a)(1)(ii)).
const FORMAT: &str = "disclosures";

/// One disclosure.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Disclosure {
    /// The entry that records it.
    pub entry: EntryIndex,
    /// When.
    pub date: String,
    /// Who received it, as stated then; `None` where nobody was named, or it was erased.
    pub recipient: Option<String>,
    /// What: format, and how many entries were about the patient.
    pub what: String,
    /// Why, as stated then.
    pub purpose: Option<String>,
}

/// An accounting for one patient.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Accounting {
    /// The patient.
    pub patient: String,
    /// From when on.
    pub since: Option<String>,
    /// Up to and including.
    pub until: Option<String>,
    /// Entries of the log that it was made from.
    pub size: u64,
    /// The disclosures, the oldest first.
    pub disclosures: Vec<Disclosure>,
}

impl Accounting {
    /// For printing, as Markdown.
    pub fn to_markdown(&self) -> String {
        let end =
            |time: &Option<String>, none: &str| time.clone().unwrap_or_else(|| none.to_owned());
        let mut text = format!(
            "# Accounting of disclosures\n\nPatient: {}  \nPeriod: {} to {}  \nMade from the first {} \
             entries of the record (45 CFR 164.528).\n\n",
            plain(&self.patient),
            end(&self.since, "the beginning"),
            end(&self.until, "now"),
            self.size
        );
        if self.disclosures.is_empty() {
            text.push_str("Nothing was disclosed in this period.\n");
            return text;
        }
        text.push_str("| Date | To whom | What | Purpose | Entry |\n| - | - | - | - | - |\n");
        for one in &self.disclosures {
            let said =
                |value: &Option<String>| value.as_deref().map_or("not stated".to_owned(), plain);
            text.push_str(&format!(
                "| {} | {} | {} | {} | {} |\n",
                one.date,
                said(&one.recipient),
                one.what,
                said(&one.purpose),
                one.entry
            ));
        }
        text
    }
}

/// Free text in a table of Markdown.
fn plain(text: &str) -> String {
    let kept = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(kept).collect::<String>().replace('\\', "\\\\").replace('|', "\\|")
}

impl Examiner {
    /// Every export in the period that held entries about this patient.
    ///
    /// # Errors
    /// [`ExamineError`]: nothing is shown.
    pub fn disclosures(
        &self,
        reader: &Reader,
        patient: &str,
        (since, until): (Option<Timestamp>, Option<Timestamp>),
    ) -> Result<Recorded<Accounting>, ExamineError> {
        self.decide(reader, Action::ExportLog)?;
        let patient = label_value(patient)
            .map_err(|expected| ExamineError::Request(format!("the patient: {expected}")))?;
        let token = self.vault.token(TokenKind::Patient, &patient);
        let about = Selection { patient: Some(token), ..Selection::default() };
        let (mut entries, mut exports) = (Vec::new(), Vec::new());
        let size = self.each(&Selection::default(), 0, |entry| {
            if entry.kind() == "audit.exported" {
                exports.push(entry);
            } else if about.matches(&entry) {
                entries.push(entry);
            }
            Ok(true)
        })?;
        let in_period = |entry: &&Entry| {
            let time = entry.ts();
            since.is_none_or(|since| time >= since) && until.is_none_or(|until| time <= until)
        };
        let disclosures = exports.iter().filter(in_period);
        let disclosures: Vec<Disclosure> =
            disclosures.filter_map(|export| self.disclosed(export, &entries)).collect();
        let told = |time: Option<Timestamp>| time.map(|time| time.to_string());
        let (from, to) = (told(since), told(until));
        let accounting = Accounting { patient, since: from, until: to, size, disclosures };
        let what = What::AuditExported {
            format: FORMAT.to_owned(),
            entries: accounting.disclosures.len() as u64,
            sha256: Digest::of(&serde_json::to_vec(&accounting).unwrap_or_default()),
            size,
            selection: Selection { since, until, ..about },
            purpose: None,
            payload: None,
        };
        Ok(self.record(reader, what, accounting)?)
    }

    /// What an export held of these entries; `None` where none.
    fn disclosed(&self, export: &Entry, about: &[Entry]) -> Option<Disclosure> {
        let details = export.details();
        let text = |name: &str| details.get(name).and_then(serde_json::Value::as_str);
        let format = text("format").filter(|format| *format != FORMAT)?;
        let size = details.get("size").and_then(serde_json::Value::as_u64)?;
        let selection: Selection =
            serde_json::from_value(details.get("selection")?.clone()).ok()?;
        // A bundle holds the whole log, whatever its records are narrowed to.
        let whole = format == "bundle";
        let held = about.iter().filter(|entry| entry.index.0 < size);
        let held = held.filter(|entry| whole || selection.matches(entry)).count();
        let opened = export.payload().and_then(|payload| self.vault.open_payload(&payload).ok());
        (held > 0).then(|| Disclosure {
            entry: export.index,
            date: export.ts().to_string(),
            recipient: opened.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
            what: format!("{held} entries of the record about the patient, as {format}"),
            purpose: text("purpose").map(str::to_owned),
        })
    }
}
