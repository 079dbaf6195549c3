//! One entry of the record, for people and byte for byte.

use askama::Template;
use serde_json::Value;

use super::audit::EntryLine;
use super::frame::{Frame, Moment};

/// Deepest nesting shown field by field; deeper values are shown as JSON.
const DEPTH_MAX: usize = 6;
/// Most fields shown one by one; the canonical bytes below always show all.
const ROWS_MAX: usize = 500;

/// `GET /audit/{index}`. Shown only after the reading is itself recorded.
#[derive(Template)]
#[template(path = "entry.html")]
pub struct EntryPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The entry's index.
    pub index: u64,
    /// Its dotted type.
    pub kind: String,
    /// Its outcome.
    pub outcome: String,
    /// When it was written.
    pub time: Moment,
    /// Its fields: see [`EntryRow::of`].
    pub rows: Vec<EntryRow>,
    /// Its canonical bytes, as logged.
    pub canonical: String,
    /// Its leaf hash, hexadecimal.
    pub leaf: String,
    /// Other entries of the same request.
    pub related: Vec<EntryLine>,
    /// How many entries the log has.
    pub size: u64,
    /// The entry that recorded this reading.
    pub read_entry: Option<u64>,
}

impl EntryPage {
    /// Its type in words.
    pub fn words(&self) -> &'static str {
        type_words(&self.kind)
    }

    /// The entry before.
    pub fn previous(&self) -> Option<u64> {
        self.index.checked_sub(1)
    }

    /// The entry after.
    pub fn next(&self) -> Option<u64> {
        self.index.checked_add(1).filter(|next| *next < self.size)
    }
}

/// One field of an entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EntryRow {
    /// Its path, e.g. `actor.via`.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl EntryRow {
    /// The fields of an entry, in the order of its canonical bytes.
    pub fn of(entry: &Value) -> Vec<Self> {
        let mut rows = Vec::new();
        flatten("", entry, 0, &mut rows);
        rows
    }
}

fn flatten(path: &str, value: &Value, depth: usize, rows: &mut Vec<EntryRow>) {
    if rows.len() >= ROWS_MAX {
        return;
    }
    let below = |key: &str| match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    };
    let deeper = depth.saturating_add(1);
    match value {
        Value::Object(fields) if depth < DEPTH_MAX && !fields.is_empty() => {
            for (key, field) in fields {
                flatten(&below(key), field, deeper, rows);
            }
        }
        Value::Array(items) if depth < DEPTH_MAX && items.iter().any(is_nested) => {
            for (number, item) in items.iter().enumerate() {
                flatten(&below(&number.to_string()), item, deeper, rows);
            }
        }
        Value::String(text) => rows.push(EntryRow { name: path.to_owned(), value: text.clone() }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            rows.push(EntryRow { name: path.to_owned(), value: value.to_string() });
        }
    }
}

fn is_nested(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

/// What a dotted entry type says in words.
#[expect(clippy::too_many_lines, reason = "one line for each type")]
pub fn type_words(kind: &str) -> &'static str {
    match kind {
        "log.started" => "Appliance started",
        "log.recovered" => "Record recovered",
        "log.stopped" => "Appliance stopped",
        "log.heartbeat" => "Sign of life",
        "log.storage_full" => "No space for the record",
        "log.storage_restored" => "Space for the record again",
        "clock.stepped" => "Clock stepped",
        "log.frozen" => "Record ended",
        "log.continued" => "Record goes on",
        "key.rotated" => "New log key signs too",
        "key.retired" => "Old log key retired",
        "query.received" => "Question received",
        "retrieval.done" => "Passages read",
        "answer.released" => "Answer released",
        "search.released" => "Search results released",
        "query.refused" => "Question not answered",
        "query.denied" => "Question not permitted",
        "query.failed" => "Question not finished",
        "document.activated" => "Document made searchable",
        "document.labelled" => "Document labelled",
        "document.quarantined" => "File set aside",
        "document.unchanged" => "File here already",
        "document.deleted" => "Document deleted",
        "document.viewed" => "Page viewed",
        "document.denied" => "Document not permitted",
        "documents.listed" => "Documents listed",
        "answer.reread" => "Answer read again",
        "replay.started" => "Replay started",
        "replay.retrieved" => "Passages read for a replay",
        "answer.replayed" => "Answer run again",
        "policy.proposed" => "Policy proposed",
        "policy.rejected" => "Policy rejected",
        "policy.activated" => "Policy in force",
        "policy.simulated" => "Policy tried on past questions",
        "policy.explained" => "Decision explained",
        "account.created" => "Account made",
        "account.disabled" => "Account disabled",
        "account.enabled" => "Account enabled",
        "role.granted" => "Role granted by two persons",
        "change.proposed" => "Change proposed",
        "change.approved" => "Change approved",
        "change.rejected" => "Change rejected",
        "change.expired" => "Change not approved in time",
        "change.applied" => "Change in effect",
        "hold.placed" => "Hold placed",
        "hold.released" => "Hold released",
        "erasure.refused" => "Deletion refused",
        "relationships.imported" => "Relationships imported",
        "relationship.changed" => "Relationships changed",
        "emergency.opened" => "Emergency access opened",
        "emergency.closed" => "Emergency access ended",
        "emergency.reviewed" => "Emergency access reviewed",
        "erasure.keys" => "Keys to be destroyed",
        "erasure.completed" => "Erasure completed",
        "token.issued" => "Access token issued",
        "password.changed" => "Password changed",
        "password.reset" => "Password reset by somebody else",
        "factor.enrolled" => "Second factor enrolled",
        "factor.removed" => "Second factor removed",
        "factor.recovered" => "Signed in with a recovery code",
        "session.opened" => "Signed in",
        "session.failed" => "Sign-in failed",
        "session.locked" => "Sign-in locked for a while",
        "session.confirmed" => "Identity confirmed",
        "session.revoked" => "Sessions revoked",
        "session.closed" => "Signed out",
        "session.federated" => "Signed in through the provider",
        "session.refused" => "Sign-on refused",
        "rights.changed" => "Rights changed",
        "audit.read" => "Record read",
        "anchor.recorded" => "Timestamp kept",
        "witness.failed" => "Witness does not cosign",
        "witness.recovered" => "Witness cosigns again",
        "audit.revealed" => "Contents revealed",
        "audit.exported" => "Record exported",
        "export.key_created" => "Export key made",
        "views.rebuilt" => "Catalogue and index rebuilt",
        "evaluation.run" => "Evaluation run",
        _ => "Entry",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::ENTRY_TYPES;

    #[test]
    fn every_entry_type_has_words_of_its_own() {
        let words: std::collections::BTreeSet<_> =
            ENTRY_TYPES.iter().map(|row| type_words(row.kind)).collect();
        assert_eq!(words.len(), ENTRY_TYPES.len());
        assert!(!words.contains(type_words("unheard.of")));
    }

    #[test]
    fn entries_are_shown_field_by_field_without_losing_any() {
        let canonical = r#"{"actor":{"id":"operator","via":"cli"},"details":{"hits":[{"rank":1},{"rank":2}],"labels":["a","b"],"none":{}},"policy":null,"v":1}"#;
        let entry = serde_json::from_str(canonical).unwrap();
        let rows: Vec<_> =
            EntryRow::of(&entry).into_iter().map(|row| (row.name, row.value)).collect();
        let expected = [
            ("actor.id", "operator"),
            ("actor.via", "cli"),
            ("details.hits.0.rank", "1"),
            ("details.hits.1.rank", "2"),
            ("details.labels", "[\"a\",\"b\"]"),
            ("details.none", "{}"),
            ("policy", "null"),
            ("v", "1"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(rows, expected);
    }

    #[test]
    fn deep_and_wide_entries_stay_within_the_limits() {
        let mut deep = Value::from(1);
        for _ in 0..40 {
            deep = serde_json::json!({ "in": deep });
        }
        let rows = EntryRow::of(&deep);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].name, "in.in.in.in.in.in");
        let wide: Value = (0..2_000).map(|n| serde_json::json!({ "n": n })).collect();
        assert_eq!(EntryRow::of(&wide).len(), ROWS_MAX);
    }
}
