//! One entry as it lies in the log: made from an event, read back with typed accessors, checked.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::canonical;
use super::event::{ENTRY_TYPES, Event};
use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::ids::{EntryIndex, RequestId};
use crate::domain::limits::ENTRY_BYTES_MAX;
use crate::domain::payload::PayloadRef;

/// The version of the entry schema. Versions are only added; old ones are read for ever.
pub(super) const ENTRY_VERSION: u64 = 1;

/// An entry of the log.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its place in the log.
    pub index: EntryIndex,
    /// The JSON object.
    pub value: Value,
    /// Exactly the bytes that the leaf hash covers.
    pub bytes: Vec<u8>,
}

impl Entry {
    pub(super) fn parse(index: EntryIndex, bytes: Vec<u8>) -> Option<Self> {
        Some(Self { index, value: canonical::decode(&bytes)?, bytes })
    }

    fn text(&self, name: &str) -> &str {
        self.value.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// The dotted type.
    pub fn kind(&self) -> &str {
        self.text("type")
    }

    /// `ok`, `refused`, `denied` or `failed`.
    pub fn outcome(&self) -> &str {
        self.text("outcome")
    }

    /// The entry's own id.
    pub fn id(&self) -> &str {
        self.text("id")
    }

    /// The request that it belongs to.
    pub fn req(&self) -> Option<RequestId> {
        self.text("req").parse().ok()
    }

    /// The leaf hash (RFC 9162 section 2.1.1).
    pub fn leaf_hash(&self) -> Digest {
        Digest::from_bytes(super::merkle::leaf_hash(&self.bytes))
    }

    /// The payload of the entry itself.
    pub fn payload(&self) -> Option<PayloadRef> {
        serde_json::from_value(self.value.get("payload")?.clone()).ok()
    }

    /// When it was sequenced.
    pub fn ts(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.value.get("ts").and_then(Value::as_u64).unwrap_or(0))
    }

    /// Token of the person, or the word for the operator.
    pub fn actor_id(&self) -> &str {
        self.value.pointer("/actor/id").and_then(Value::as_str).unwrap_or_default()
    }

    /// Digest of the policy set in force, where a policy decided.
    pub fn policy(&self) -> Option<Digest> {
        self.text("policy").parse().ok()
    }

    /// The fields of this type; `null` for an entry of another format.
    pub fn details(&self) -> &Value {
        self.value.get("details").unwrap_or(&Value::Null)
    }

    /// The contents that the entry commits to: its payload, and any in its details.
    pub fn payloads(&self) -> Vec<PayloadRef> {
        let fields = self.details().as_object().into_iter().flat_map(Map::values);
        self.value
            .get("payload")
            .into_iter()
            .chain(fields)
            .filter_map(|value| serde_json::from_value(value.clone()).ok())
            .collect()
    }
}

/// An event as JSON, before the sequencer gives it its id and time.
pub(super) struct Unsequenced {
    value: Value,
    size_bytes: usize,
}

/// Why an event is no entry.
pub(super) enum Unfit {
    /// Its canonical form has this many bytes.
    TooLarge(usize),
    /// It has no canonical form.
    NotCanonical,
}

impl Unsequenced {
    pub(super) fn new(event: &Event) -> Result<Self, Unfit> {
        let (kind, outcome) = event.what.kind();
        let details = event.what.details().map_err(|_| Unfit::NotCanonical)?;
        let value = json!({
            "v": ENTRY_VERSION, "type": kind, "outcome": outcome, "actor": event.actor,
            "req": event.req, "policy": event.policy, "details": details,
            "payload": event.what.payload(),
        });
        let mut entry = Self { value, size_bytes: 0 };
        // Measured with the widest time, so that sequencing cannot make it too large.
        let widest = Timestamp::from_unix_millis(canonical::INTEGER_MAX);
        let bytes = entry.sequence(Uuid::nil(), widest).map_err(|_| Unfit::NotCanonical)?;
        entry.size_bytes = bytes.len();
        match entry.size_bytes > ENTRY_BYTES_MAX {
            true => Err(Unfit::TooLarge(entry.size_bytes)),
            false => Ok(entry),
        }
    }

    /// About how many bytes it will have; never fewer.
    pub(super) const fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// The canonical bytes with this id and time.
    pub(super) fn sequence(
        &mut self,
        id: Uuid,
        ts: Timestamp,
    ) -> Result<Vec<u8>, canonical::NotCanonical> {
        if let Some(fields) = self.value.as_object_mut() {
            fields.insert("id".to_owned(), json!(id));
            fields.insert("ts".to_owned(), json!(ts));
        }
        canonical::encode(&self.value)
    }
}

/// What the verifier needs of a well-formed entry.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) id: Uuid,
    pub(super) ts: Timestamp,
    pub(super) req: RequestId,
    pub(super) kind: &'static str,
}

/// Whether these bytes claim to be an entry of this format at all.
pub(super) fn claims_our_format(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Map<String, Value>>(bytes).is_ok_and(|fields| {
        ["v", "id", "ts", "type", "req"].iter().all(|f| fields.contains_key(*f))
    })
}

/// Checks an entry against the schema; the error says what is wrong, without quoting contents.
pub(super) fn check(bytes: &[u8]) -> Result<Checked, String> {
    const FIELDS: [&str; 10] =
        ["actor", "details", "id", "outcome", "payload", "policy", "req", "ts", "type", "v"];
    let value = canonical::decode(bytes).ok_or("is not canonical JSON (RFC 8785)")?;
    let fields = value.as_object().ok_or("is not a JSON object")?;
    check_names(fields, FIELDS.into_iter(), "the entry")?;
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    if fields.get("v").and_then(Value::as_u64) != Some(ENTRY_VERSION) {
        return Err(format!("has a version other than {ENTRY_VERSION}"));
    }
    let row = ENTRY_TYPES
        .iter()
        .find(|row| row.kind == text("type"))
        .ok_or("has a type that is not in the inventory")?;
    if text("outcome") != row.outcome {
        return Err(format!("has an outcome that {} cannot have", row.kind));
    }
    let details = fields.get("details").and_then(Value::as_object).ok_or("has no details")?;
    check_names(details, row.fields.iter().map(|(name, _)| *name), "details")?;
    let payload = fields.get("payload").filter(|payload| !payload.is_null());
    let payload_fits = payload.is_none_or(|payload| {
        row.payload.is_some() && serde_json::from_value::<PayloadRef>(payload.clone()).is_ok()
    });
    if !payload_fits {
        return Err("has a payload that is no reference, or that its type does not have".into());
    }
    check_actor(fields.get("actor"))?;
    let policy = fields.get("policy").filter(|policy| !policy.is_null());
    if policy.is_some_and(|policy| serde_json::from_value::<Digest>(policy.clone()).is_err()) {
        return Err("has a policy that is no digest".into());
    }
    let ts = fields.get("ts").and_then(Value::as_u64).ok_or("has no time")?;
    let id = uuid(text("id")).ok_or("has an id that is no UUID")?;
    if id.get_version_num() != 7 || id.as_u128() >> 80 != u128::from(ts) {
        return Err("has an id that is not a UUID version 7 of its own time".into());
    }
    let req = uuid(text("req")).ok_or("has a req that is no UUID")?;
    let ts = Timestamp::from_unix_millis(ts);
    Ok(Checked { id, ts, req: RequestId(req), kind: row.kind })
}

fn check_names<'a>(
    fields: &Map<String, Value>,
    expected: impl ExactSizeIterator<Item = &'a str>,
    place: &str,
) -> Result<(), String> {
    let count = expected.len();
    for name in expected {
        if !fields.contains_key(name) {
            return Err(format!("lacks the field {name} in {place}"));
        }
    }
    match fields.len() == count {
        true => Ok(()),
        false => Err(format!("has a field in {place} that its type does not have")),
    }
}

fn check_actor(actor: Option<&Value>) -> Result<(), String> {
    let actor = actor.and_then(Value::as_object).ok_or("has no actor")?;
    let id = actor.get("id").and_then(Value::as_str).is_some_and(|id| !id.is_empty());
    let via = actor.get("via").and_then(Value::as_str);
    let via = via.is_some_and(|via| ["cli", "http", "portal", "system"].contains(&via));
    let os_user = actor.get("os_user").is_none_or(Value::is_string);
    let count = 2 + usize::from(actor.contains_key("os_user"));
    match id && via && os_user && actor.len() == count {
        true => Ok(()),
        false => Err("has an actor that is not id, via and perhaps os_user".into()),
    }
}

/// A UUID in its one canonical spelling.
fn uuid(text: &str) -> Option<Uuid> {
    Uuid::parse_str(text).ok().filter(|id| id.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::event::{Actor, What};
    use crate::domain::clock::SystemEntropy;
    use crate::domain::ids::uuid_v7;
    use crate::domain::payload::Token;
    use crate::domain::principal::Via;

    fn event(what: What) -> Event {
        let actor = Actor { id: Token::operator(), via: Via::Cli, os_user: Some("root".into()) };
        Event { actor, req: RequestId(Uuid::from_u128(7)), policy: None, what }
    }

    fn bytes(what: What) -> Vec<u8> {
        let ts = Timestamp::from_unix_millis(1_767_225_600_007);
        let mut entry = Unsequenced::new(&event(what)).unwrap_or_else(|_| panic!("unfit"));
        entry.sequence(uuid_v7(ts, &SystemEntropy), ts).unwrap()
    }

    #[test]
    fn an_entry_reads_back_as_it_was_meant() {
        let bytes = bytes(What::QueryFailed { reason: "timeout".into() });
        let checked = check(&bytes).unwrap();
        assert_eq!(checked.kind, "query.failed");
        let entry = Entry::parse(EntryIndex(4), bytes).unwrap();
        assert_eq!((entry.kind(), entry.outcome()), ("query.failed", "failed"));
        assert_eq!(entry.ts(), checked.ts);
        assert_eq!(entry.req(), Some(checked.req));
        assert_eq!(entry.actor_id(), "operator");
        assert_eq!(entry.details()["reason"], "timeout");
        assert_eq!(entry.policy(), None);
        assert!(entry.payloads().is_empty());
    }

    #[test]
    fn what_does_not_fit_the_schema_is_named() {
        let good = bytes(What::SearchReleased { hits: 3 });
        let check_with = |pointer: &str, value: Value| {
            let mut entry: Value = serde_json::from_slice(&good).unwrap();
            *entry.pointer_mut(pointer).unwrap() = value;
            check(&canonical::encode(&entry).unwrap()).map(|_| ()).unwrap_err()
        };
        let payload = json!({"blob_sha256": "0".repeat(64), "len": 1, "key": "k",
            "commit": "0".repeat(64)});
        for (pointer, value, complaint) in [
            ("/v", json!(2), "version"),
            ("/type", json!("search.leaked"), "inventory"),
            ("/outcome", json!("failed"), "outcome"),
            ("/details", json!({}), "lacks the field hits"),
            ("/details", json!({"hits": 1, "more": 2}), "does not have"),
            ("/payload", payload, "payload"),
            ("/actor", json!({"id": "x", "via": "post"}), "actor"),
            ("/actor/os_user", json!(7), "actor"),
            ("/policy", json!("none"), "policy"),
            ("/ts", json!(1), "own time"),
            ("/id", json!("ABC"), "UUID"),
            ("/req", json!("{00000000-0000-0000-0000-000000000007}"), "req"),
        ] {
            let found = check_with(pointer, value);
            assert!(found.contains(complaint), "{pointer}: {found}");
        }
        assert!(check(b"\xff").unwrap_err().contains("canonical"));
        assert!(check(b"[]").unwrap_err().contains("object"));
    }

    #[test]
    fn too_large_is_found_before_anything_is_queued() {
        let reason = "x".repeat(ENTRY_BYTES_MAX);
        let unfit = Unsequenced::new(&event(What::QueryFailed { reason }));
        assert!(matches!(unfit, Err(Unfit::TooLarge(size)) if size > ENTRY_BYTES_MAX));
        let stretched = What::DocumentQuarantined {
            reason: String::new(),
            size_bytes: u64::MAX,
            payload: None,
        };
        assert!(matches!(Unsequenced::new(&event(stretched)), Err(Unfit::NotCanonical)));
    }
}
