//! What an entry must look like: canonical, with the fields of its type, each of its form. And the
//! facts of it that other entries are held against.

use uuid::Uuid;

use super::entry::ENTRY_VERSION;
use super::entry_type::EntryType;
use super::event::ENTRY_TYPES;
use super::keys::is_possessed;
use super::node::{Fields, Node};
use super::shape::{Fits, Shape as _, digest, fits_record, token_number, uuid};
use super::step::QueryStep;
use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::ids::RequestId;
use crate::domain::payload::{PayloadRef, Token};
use crate::domain::principal::Via;

/// What the verifier needs of a well-formed entry.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) id: Uuid,
    pub(super) ts: Timestamp,
    pub(super) req: RequestId,
    pub(super) kind: &'static str,
    pub(super) policy: Option<Digest>,
    pub(super) step: Option<QueryStep>,
    pub(super) fact: Fact,
}

/// The number of a document's token.
pub(super) type DocumentNumber = u128;
/// The number of the token of a document, matter or patient.
pub(super) type SubjectNumber = u128;

/// Types whose contents must be committed to: without them nobody could be shown what was asked,
/// found or answered.
const PAYLOAD_REQUIRED: [&str; 3] = ["query.received", "retrieval.done", "answer.released"];

/// What later entries rest on, or what this one rests on.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Fact {
    /// Nothing of the kind.
    Plain,
    /// The policy set with this digest is in force from here on.
    InForce(Digest),
    /// The document can be found from here on.
    Activated(DocumentNumber),
    /// The document can no longer be found.
    Deleted(DocumentNumber),
    /// What retrieval returned, and whether it became evidence.
    Retrieved(Vec<(DocumentNumber, bool)>),
    /// The documents that an answer cites.
    Cited(Vec<DocumentNumber>),
    /// A hold keeps the subject from here on; it is named by the entry's `req`.
    Held(SubjectNumber),
    /// This hold ends.
    HoldReleased(RequestId),
    /// The keys of these subjects are to be destroyed.
    Erased(Vec<SubjectNumber>),
    /// A new key signs too.
    Rotated {
        /// The verifier key before.
        old: String,
        /// The new one.
        new: String,
        /// Whether the new key shows that it is there.
        proved: bool,
    },
    /// Only the newer of two keys signs.
    Retired {
        /// The verifier key that signs no more.
        old: String,
        /// The one that signs on.
        new: String,
    },
}

/// Whether these bytes claim to be an entry of this format at all.
pub(super) fn claims_our_format(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(bytes).is_ok_and(
        |fields| ["v", "id", "ts", "type", "req"].iter().all(|name| fields.contains_key(*name)),
    )
}

/// Checks an entry against the schema.
///
/// # Errors
/// Says what is wrong, as the end of a sentence, without quoting contents.
pub fn check_entry(bytes: &[u8]) -> Result<(), String> {
    check(bytes).map(drop)
}

/// Checks an entry against the schema, and gives its facts.
pub(super) fn check(bytes: &[u8]) -> Result<Checked, String> {
    const NAMES: [&str; 10] =
        ["actor", "details", "id", "outcome", "payload", "policy", "req", "ts", "type", "v"];
    let entry = Node::parse(bytes).ok_or("is not canonical JSON (RFC 8785)")?;
    let fields = entry.fields().ok_or("is not a JSON object")?;
    check_names(fields, NAMES.into_iter(), "the entry")?;
    let [actor, details, id, outcome, payload, policy, req, ts, kind, version] = fields.as_slice()
    else {
        return Err("is not canonical JSON (RFC 8785)".into());
    };
    if version.1.unsigned() != Some(ENTRY_VERSION) {
        return Err(format!("has a version other than {ENTRY_VERSION}"));
    }
    let row = ENTRY_TYPES
        .iter()
        .find(|row| kind.1.text() == Some(row.kind))
        .ok_or("has a type that is not in the inventory")?;
    if outcome.1.text() != Some(row.outcome) {
        return Err(format!("has an outcome that {} cannot have", row.kind));
    }
    check_details(&details.1, row)?;
    let payload_fits =
        payload.1 == Node::Null || row.payload.is_some() && PayloadRef::fits(&payload.1);
    if !payload_fits {
        return Err("has a payload that is no reference, or that its type does not have".into());
    }
    if payload.1 == Node::Null && PAYLOAD_REQUIRED.contains(&row.kind) {
        return Err("has no payload, which its type must have".into());
    }
    check_actor(&actor.1)?;
    if !Option::<Digest>::fits(&policy.1) {
        return Err("has a policy that is no digest".into());
    }
    let (policy, step) = (digest(&policy.1), QueryStep::of(row.kind));
    if policy.is_none() && step.is_some() {
        return Err("belongs to a query and has no policy".into());
    }
    let ts = ts.1.unsigned().ok_or("has no time")?;
    let id = uuid(&id.1).ok_or("has an id that is no UUID")?;
    if id.get_version_num() != 7 || id.as_u128() >> 80 != u128::from(ts) {
        return Err("has an id that is not a UUID version 7 of its own time".into());
    }
    let req = RequestId(uuid(&req.1).ok_or("has a req that is no UUID")?);
    let fact =
        fact(row.kind, &details.1).ok_or("names what it is about by something that is no token")?;
    let ts = Timestamp::from_unix_millis(ts);
    if !ts.has_date() {
        return Err("has a time that has no date".into());
    }
    Ok(Checked { id, ts, req, kind: row.kind, policy, step, fact })
}

fn check_names<'a>(
    fields: &Fields<'_>,
    expected: impl ExactSizeIterator<Item = &'a str>,
    place: &str,
) -> Result<(), String> {
    let count = expected.len();
    for name in expected {
        if !fields.iter().any(|(known, _)| known == name) {
            return Err(format!("lacks the field {name} in {place}"));
        }
    }
    match fields.len() == count {
        true => Ok(()),
        false => Err(format!("has a field in {place} that its type does not have")),
    }
}

fn check_details(details: &Node<'_>, row: &EntryType) -> Result<(), String> {
    let fields = details.fields().ok_or("has no details")?;
    let named = row.fields.iter().zip(row.may_lack);
    let expected: Vec<&str> = named
        .filter(|((name, _), may_lack)| !**may_lack || details.field(name).is_some())
        .map(|((name, _), _)| *name)
        .collect();
    check_names(fields, expected.iter().copied(), "details")?;
    for ((name, _), fits) in row.fields.iter().zip(row.shapes) {
        if expected.contains(name) && !details.field(name).is_some_and(fits) {
            return Err(format!("has a {name} in details that is of another form"));
        }
    }
    Ok(())
}

fn check_actor(actor: &Node<'_>) -> Result<(), String> {
    const OPERATOR: [(&str, Fits); 3] =
        [("id", Token::fits), ("os_user", String::fits), ("via", Via::fits)];
    let [id, _, via] = OPERATOR;
    match fits_record(actor, &OPERATOR) || fits_record(actor, &[id, via]) {
        true => Ok(()),
        false => Err("has an actor that is not id, via and perhaps os_user".into()),
    }
}

/// The facts of well-formed details; `None` where something is named by no token.
fn fact(kind: &str, details: &Node<'_>) -> Option<Fact> {
    let document = |node: &Node<'_>| node.field("document").and_then(token_number);
    let subject = || details.field("subject").and_then(token_number);
    Some(match kind {
        "log.started" => Fact::InForce(digest(details.field("policy")?)?),
        "policy.activated" => Fact::InForce(policy_set(details.field("files")?)?),
        "document.activated" => Fact::Activated(document(details)?),
        "document.deleted" => Fact::Deleted(document(details)?),
        "retrieval.done" | "replay.retrieved" => {
            let hits = details.field("hits")?.list()?.iter();
            let used = |hit: &Node<'_>| hit.field("decision").and_then(Node::text) == Some("used");
            Fact::Retrieved(
                hits.map(|hit| Some((document(hit)?, used(hit)))).collect::<Option<_>>()?,
            )
        }
        "answer.released" => {
            let spans = details.field("cited")?.list()?.iter();
            Fact::Cited(spans.map(document).collect::<Option<_>>()?)
        }
        "hold.placed" => Fact::Held(subject()?),
        "hold.released" => Fact::HoldReleased(RequestId(uuid(details.field("hold")?)?)),
        "erasure.keys" => {
            // An id of a key ends with the token of what it belongs to, where that has one.
            let ids = details.field("keys")?.list()?.iter().filter_map(Node::text);
            let tokens = ids.filter_map(|id| u128::from_str_radix(id.rsplit_once('-')?.1, 16).ok());
            Fact::Erased(tokens.chain([subject()?]).collect())
        }
        "key.rotated" => {
            let text = |name| Some(details.field(name)?.text()?.to_owned());
            let (old, new) = (text("old_vkey")?, text("new_vkey")?);
            let proved = is_possessed(&old, &new, details.field("possession")?.text()?);
            Fact::Rotated { old, new, proved }
        }
        "key.retired" => {
            let text = |name| Some(details.field(name)?.text()?.to_owned());
            Fact::Retired { old: text("vkey")?, new: text("successor")? }
        }
        _ => Fact::Plain,
    })
}

/// The digest of the policy set that these files make up: over their names and digests, in order.
fn policy_set(files: &Node<'_>) -> Option<Digest> {
    let mut parts = Vec::new();
    for (name, node) in files.fields()? {
        parts.push((name, digest(node)?));
    }
    // As the policies count them: by the bytes of their names.
    parts.sort_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
    Some(Digest::of_parts(
        parts.iter().flat_map(|(name, digest)| [name.as_bytes(), digest.as_bytes()]),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::canonical;
    use crate::audit::detail::{Actor, Added};
    use crate::audit::entry::Unsequenced;
    use crate::audit::event::{Event, What};
    use crate::domain::clock::SystemEntropy;
    use crate::domain::ids::uuid_v7;
    use serde_json::{Value, json};

    fn retrieved() -> What {
        let digest = Digest::of(b"text");
        let payload = PayloadRef { blob_sha256: digest, len: 1, key: "k".into(), commit: digest };
        What::RetrievalDone {
            generation: 1,
            hits: Vec::new(),
            withheld: 0,
            matters: Vec::new(),
            patients: Vec::new(),
            payload: Some(payload),
        }
    }

    fn bytes(what: What) -> Vec<u8> {
        let ts = Timestamp::from_unix_millis(1_767_225_600_007);
        let actor = Actor { id: Token::operator(), via: Via::Cli, os_user: Some("root".into()) };
        let policy = QueryStep::of(what.kind().0).map(|_| Digest::of(b"policy"));
        let event = Event { actor, req: RequestId(Uuid::from_u128(7)), policy, what };
        let mut entry = Unsequenced::new(&event).unwrap_or_else(|_| panic!("unfit"));
        entry.sequence(uuid_v7(ts, &SystemEntropy), ts).unwrap()
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
            ("/details/hits", json!("3"), "hits in details that is of another form"),
            ("/payload", payload, "payload"),
            ("/actor", json!({"id": "x", "via": "post"}), "actor"),
            ("/actor/os_user", json!(7), "actor"),
            ("/actor/id", json!("somebody"), "actor"),
            ("/policy", json!("none"), "policy"),
            ("/ts", json!(1), "own time"),
            ("/id", json!("ABC"), "UUID"),
            ("/req", json!("{00000000-0000-0000-0000-000000000007}"), "req"),
        ] {
            let found = check_with(pointer, value);
            assert!(found.contains(complaint), "{pointer}: {found}");
        }
        let good = bytes(retrieved());
        let check_with = |pointer: &str| {
            let mut entry: Value = serde_json::from_slice(&good).unwrap();
            *entry.pointer_mut(pointer).unwrap() = Value::Null;
            check(&canonical::encode(&entry).unwrap()).map(|_| ()).unwrap_err()
        };
        assert!(check(&good).is_ok());
        assert!(check_with("/policy").contains("no policy"));
        assert!(check_with("/payload").contains("no payload"));
        assert!(check(b"\xff").unwrap_err().contains("canonical"));
        assert!(check(b"[]").unwrap_err().contains("object"));
    }

    #[test]
    fn entries_give_the_facts_that_others_rest_on() {
        let document = Token::from_mac([7; 16]);
        let number = u128::from_be_bytes([7; 16]);
        let digest = Digest::of(b"text");
        let fact_of = |what: What| check(&bytes(what)).unwrap().fact;
        let files = [("b.cedar".to_owned(), digest), ("a.cedar".to_owned(), digest)].into();
        let set =
            Digest::of_parts([&b"a.cedar"[..], digest.as_bytes(), b"b.cedar", digest.as_bytes()]);
        assert_eq!(
            fact_of(What::PolicyActivated { set: "x".into(), files, payload: None }),
            Fact::InForce(set)
        );
        let deleted = What::DocumentDeleted { document: document.clone(), generation: 1 };
        assert_eq!(fact_of(deleted), Fact::Deleted(number));
        let (purpose, declared) = (Added(None), Added(None));
        let listed = What::DocumentsListed { documents: 1, purpose, declared };
        assert_eq!(fact_of(listed), Fact::Plain);
        let operator = What::DocumentDeleted { document: Token::operator(), generation: 1 };
        assert!(check(&bytes(operator)).unwrap_err().contains("token"));
    }
}
