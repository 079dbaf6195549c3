//! The form that each type of this program has in an entry: what the verifier holds fields to.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error, StrDeserializer};
use uuid::Uuid;

use super::canonical::INTEGER_MAX;
use super::detail::{Added, CitedSpan, Decimal, HitDecision, QueryKind, Related, RetrievedHit};
use super::node::{Fields, Node};
use super::selection::{Selection, is_kind};
use crate::domain::answer::{ModelsUsed, Setting, Wording};
use crate::domain::change::ChangeKind;
use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::emergency::{EmergencyEnd, ReviewOutcome};
use crate::domain::ids::{EntryIndex, PassageId, RequestId};
use crate::domain::payload::{PayloadRef, Token, TokenKind};
use crate::domain::principal::{Role, Via};
use crate::domain::relationship::RelationshipKind;

/// A type whose recorded form can be told from others. Every type that a field of an entry has
/// gets its line below.
pub(super) trait Shape {
    /// Whether the field may be lacking: a later version added it, and leaves it out where it has
    /// nothing to say.
    const MAY_LACK: bool = false;
    /// Whether a value of this type is recorded so.
    fn fits(node: &Node<'_>) -> bool;
}

/// Checks one value.
pub(super) type Fits = fn(&Node<'_>) -> bool;

/// Whether an object has exactly these fields, each of its form.
pub(super) fn fits_record(node: &Node<'_>, fields: &[(&str, Fits)]) -> bool {
    let Some(found) = node.fields() else { return false };
    found.len() == fields.len()
        && fields.iter().all(|(name, fits)| node.field(name).is_some_and(fits))
}

/// A text that a type's own parser takes and prints back the same.
fn one_spelling<T: std::str::FromStr + ToString>(node: &Node<'_>) -> bool {
    node.text().is_some_and(|text| text.parse::<T>().is_ok_and(|value| value.to_string() == text))
}

/// A text that is one of the words of an enumeration.
fn is_word<'de, T: Deserialize<'de>>(node: &'de Node<'_>) -> bool {
    let word = |text: &'de str| -> StrDeserializer<'de, Error> { text.into_deserializer() };
    node.text().is_some_and(|text| T::deserialize(word(text)).is_ok())
}

/// A text of so many lower-case hex digits.
fn hex<'n>(node: &'n Node<'_>, digits: usize) -> Option<&'n str> {
    let lower = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    node.text().filter(|text| text.len() == digits && text.bytes().all(lower))
}

/// The number of a token: 128 bits of a MAC, as 32 lower-case hex digits.
pub(super) fn token_number(node: &Node<'_>) -> Option<u128> {
    u128::from_str_radix(hex(node, 32)?, 16).ok()
}

/// A UUID in its one canonical spelling: of the forms that parse, only that one has 36 characters.
pub(super) fn uuid(node: &Node<'_>) -> Option<Uuid> {
    let lower = |text: &&str| text.len() == 36 && !text.bytes().any(|b| b.is_ascii_uppercase());
    Uuid::parse_str(node.text().filter(lower)?).ok()
}

/// A digest; its parser takes one spelling alone.
pub(super) fn digest(node: &Node<'_>) -> Option<Digest> {
    node.text()?.parse().ok()
}

macro_rules! shapes {
    ($($type:ty => |$node:ident| $fits:expr;)*) => {
        $(impl Shape for $type {
            fn fits($node: &Node<'_>) -> bool {
                $fits
            }
        })*
    };
}

shapes! {
    bool => |node| matches!(node, Node::Bool(_));
    u16 => |node| node.unsigned().is_some_and(|number| Self::try_from(number).is_ok());
    u32 => |node| node.unsigned().is_some_and(|number| Self::try_from(number).is_ok());
    u64 => |node| node.unsigned().is_some_and(|number| number <= INTEGER_MAX);
    i64 => |node| matches!(node, Node::Integer(_));
    String => |node| node.text().is_some();
    Uuid => |node| uuid(node).is_some();
    RequestId => |node| uuid(node).is_some();
    PassageId => |node| uuid(node).is_some();
    EntryIndex => |node| u64::fits(node);
    Timestamp => |node| u64::fits(node);
    Decimal => |node| one_spelling::<u64>(node);
    Digest => |node| hex(node, 64).is_some();
    Token => |node| hex(node, 32).is_some() || node.text() == Some(Self::operator().as_str());
    Via => |node| is_word::<Self>(node);
    Role => |node| is_word::<Self>(node);
    Wording => |node| is_word::<Self>(node);
    QueryKind => |node| is_word::<Self>(node);
    HitDecision => |node| is_word::<Self>(node);
    ChangeKind => |node| is_word::<Self>(node);
    TokenKind => |node| is_word::<Self>(node);
    ModelsUsed => |node| fits_record(node, &[
        ("encoder", Option::<Digest>::fits),
        ("generator", Option::<Digest>::fits),
    ]);
    Setting => |node| fits_record(node, &[
        ("models", ModelsUsed::fits),
        ("program", String::fits),
        ("prompt", Option::<Digest>::fits),
        ("runtime", String::fits),
        ("thresholds", Option::<Digest>::fits),
        ("threads", u32::fits),
    ]);
    PayloadRef => |node| fits_record(node, &[
        ("blob_sha256", Digest::fits),
        ("commit", Digest::fits),
        ("key", String::fits),
        ("len", u64::fits),
    ]);
    RetrievedHit => |node| fits_record(node, &[
        ("decision", HitDecision::fits),
        ("document", Token::fits),
        ("passage", PassageId::fits),
        ("rank", u32::fits),
        ("score", has_six_decimals),
    ]);
    Selection => |node| fits_record(node, &[
        ("document", Option::<Token>::fits),
        ("matter", Option::<Token>::fits),
        ("patient", Option::<Token>::fits),
        ("person", Option::<Token>::fits),
        ("since", Option::<Timestamp>::fits),
        ("type", |node| *node == Node::Null || node.text().is_some_and(is_kind)),
        ("until", Option::<Timestamp>::fits),
    ]);
    RelationshipKind => |node| is_word::<Self>(node);
    EmergencyEnd => |node| is_word::<Self>(node);
    ReviewOutcome => |node| is_word::<Self>(node);
    Related => |node| fits_record(node, &[
        ("from", Option::<Timestamp>::fits),
        ("kind", RelationshipKind::fits),
        ("object", Token::fits),
        ("person", Token::fits),
        ("until", Option::<Timestamp>::fits),
    ]);
    CitedSpan => |node| fits_record(node, &[
        ("document", Token::fits),
        ("end", u32::fits),
        ("page", u32::fits),
        ("start", u32::fits),
    ]);
}

fn has_six_decimals(node: &Node<'_>) -> bool {
    let Some(text) = node.text() else { return false };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    text.strip_prefix('-')
        .unwrap_or(text)
        .split_once('.')
        .is_some_and(|(whole, part)| digits(whole) && digits(part) && part.len() == 6)
}

impl<T: Shape> Shape for Option<T> {
    fn fits(node: &Node<'_>) -> bool {
        *node == Node::Null || T::fits(node)
    }
}

impl<T: Shape> Shape for Added<T> {
    const MAY_LACK: bool = true;
    fn fits(node: &Node<'_>) -> bool {
        T::fits(node)
    }
}

impl<T: Shape> Shape for Vec<T> {
    fn fits(node: &Node<'_>) -> bool {
        node.list().is_some_and(|items| items.iter().all(T::fits))
    }
}

impl<T: Shape> Shape for BTreeSet<T> {
    fn fits(node: &Node<'_>) -> bool {
        Vec::<T>::fits(node)
    }
}

impl<T: Shape> Shape for BTreeMap<String, T> {
    fn fits(node: &Node<'_>) -> bool {
        node.fields()
            .is_some_and(|fields: &Fields<'_>| fields.iter().all(|(_, node)| T::fits(node)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::canonical::encode;
    use crate::audit::event::ENTRY_TYPES;
    use serde::Serialize;
    use serde_json::{Value, json};

    fn fits<T: Shape>(value: &Value) -> bool {
        T::fits(&Node::parse(&encode(value).unwrap()).unwrap())
    }

    fn check<T: Shape + Serialize>(good: T, bad: &[Value]) {
        let good = serde_json::to_value(good).unwrap();
        assert!(fits::<T>(&good), "{good}");
        for value in bad.iter().chain(&[json!(-1), json!("?"), json!([[]])]) {
            assert!(!fits::<T>(value), "{value}");
        }
    }

    #[test]
    fn what_is_recorded_fits_its_type_and_other_forms_do_not() {
        let digest = Digest::of(b"");
        check(7_u32, &[json!(4_294_967_296_u64), json!("7"), Value::Null]);
        check(7_u64, &[json!("7"), Value::Null]);
        check(true, &[json!(1)]);
        check(digest, &[json!(digest.to_string().to_uppercase()), json!("00")]);
        check(Token::from_mac([7; 16]), &[json!("07".repeat(15)), json!("AB".repeat(16))]);
        check(Token::operator(), &[json!("Operator")]);
        check(Decimal(u64::MAX), &[json!("007"), json!(7), json!("+7")]);
        check(Some(digest), &[json!("none")]);
        check(vec![7_u32], &[json!(7), json!(["7"])]);
        check(BTreeMap::from([("a".to_owned(), digest)]), &[json!({"a": 1})]);
        check(BTreeSet::from([Role::Staff]), &[json!(["king"]), json!("staff")]);
        check(Wording::Verbatim, &[json!("Verbatim")]);
        check(QueryKind::Ask, &[json!("tell")]);
        check(Via::Cli, &[json!("post")]);
        check(ChangeKind::ReleaseHold, &[json!("ReleaseHold")]);
        check(TokenKind::Matter, &[json!("Matter")]);
        check(RequestId(Uuid::nil()), &[json!("{00000000-0000-0000-0000-000000000000}")]);
        check(Setting::default(), &[json!({"threads": 1})]);
        check(ModelsUsed { encoder: Some(digest), generator: None }, &[json!({"encoder": null})]);
        let hit = RetrievedHit {
            document: Token::from_mac([7; 16]),
            passage: PassageId(Uuid::nil()),
            rank: 1,
            score: -0.25,
            decision: HitDecision::Cut,
        };
        let mut longer = serde_json::to_value(&hit).unwrap();
        let mut exact = longer.clone();
        longer["more"] = json!(1);
        exact["score"] = json!("0.25");
        check(hit, &[longer, exact]);
        let span = CitedSpan { document: Token::from_mac([7; 16]), page: 1, start: 0, end: 2 };
        check(span, &[json!({"page": 1})]);
        let jane = json!({"document": null, "matter": null, "patient": null, "person": null,
            "since": null, "type": "Jane Roe", "until": null});
        check(Selection::default(), &[json!({}), json!({"type": null}), jane]);
        let queries = Selection { kind: Some("query".to_owned()), ..Selection::default() };
        check(queries, &[]);
        let related = Related {
            person: Token::from_mac([7; 16]),
            kind: RelationshipKind::Wall,
            object: Token::from_mac([8; 16]),
            from: None,
            until: Some(Timestamp::from_unix_millis(1)),
        };
        check(related, &[json!({"kind": "wall"})]);
        check(ReviewOutcome::FollowUp, &[json!("FollowUp")]);
        check(EmergencyEnd::Expired, &[json!("Expired")]);
        let payload = PayloadRef { blob_sha256: digest, len: 1, key: "k".into(), commit: digest };
        check(payload, &[json!({"key": "k"})]);
    }

    #[test]
    fn every_field_of_every_type_has_a_form() {
        for row in ENTRY_TYPES {
            assert_eq!(row.fields.len(), row.shapes.len(), "{}", row.kind);
        }
    }
}
