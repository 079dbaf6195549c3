//! One entry as it lies in the log: made from an event, read back with typed accessors, checked.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::canonical;
use super::event::Event;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::detail::Actor;
    use crate::audit::event::What;
    use crate::audit::schema::check;
    use crate::domain::clock::SystemEntropy;
    use crate::domain::ids::uuid_v7;
    use crate::domain::payload::Token;
    use crate::domain::principal::Via;

    fn event(what: What) -> Event {
        let actor = Actor { id: Token::operator(), via: Via::Cli, os_user: Some("root".into()) };
        Event { actor, req: RequestId(Uuid::from_u128(7)), policy: Some(Digest::of(b"")), what }
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
        let entry = Entry::parse(EntryIndex(4), bytes).unwrap();
        assert_eq!((entry.kind(), entry.outcome()), ("query.failed", "failed"));
        assert_eq!(entry.ts(), checked.ts);
        assert_eq!(entry.req(), Some(checked.req));
        assert_eq!(entry.actor_id(), "operator");
        assert_eq!(entry.details()["reason"], "timeout");
        assert_eq!(entry.policy(), Some(Digest::of(b"")));
        assert!(entry.payloads().is_empty());
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
