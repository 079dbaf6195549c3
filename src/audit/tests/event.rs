use std::collections::BTreeSet;

use crate::audit::detail::{Decimal, HitDecision, RetrievedHit};
use crate::audit::event::ENTRY_TYPES;
use crate::audit::inventory;
use crate::audit::step::QueryStep;
use crate::domain::ids::PassageId;
use crate::domain::payload::Token;

#[test]
fn every_type_is_listed_once_with_an_outcome_and_a_meaning() {
    let kinds: BTreeSet<_> = ENTRY_TYPES.iter().map(|row| row.kind).collect();
    assert_eq!(kinds.len(), ENTRY_TYPES.len());
    for row in ENTRY_TYPES {
        assert!(["ok", "refused", "denied", "failed"].contains(&row.outcome), "{}", row.kind);
        let (area, event) = row.kind.split_once('.').unwrap();
        assert!(!area.is_empty() && !event.is_empty());
        assert!(row.fields.iter().all(|(_, meaning)| !meaning.is_empty()));
    }
    for kind in ["query.received", "retrieval.done", "answer.released", "query.failed"] {
        assert!(kinds.contains(kind) && QueryStep::of(kind).is_some());
    }
}

#[test]
fn the_inventory_has_a_row_for_each_type() {
    let table = inventory();
    assert_eq!(table.lines().count(), ENTRY_TYPES.len() + 2);
    assert!(table.lines().all(|line| line.matches(" | ").count() == 4));
    let row = table.lines().find(|line| line.contains("`search.released`")).unwrap();
    let expected = "| `search.released` | ok | before the passages of a search are shown | \
                    `hits`: passages shown | none |";
    assert_eq!(row, expected);
}

#[test]
fn scores_and_seeds_are_recorded_as_text() {
    let hit = RetrievedHit {
        document: Token::from_mac([7; 16]),
        passage: PassageId(uuid::Uuid::nil()),
        rank: 1,
        score: 0.5,
        decision: HitDecision::Cut,
    };
    let hit = serde_json::to_value(hit).unwrap();
    assert_eq!((&hit["score"], &hit["decision"]), (&"0.500000".into(), &"cut".into()));
    assert_eq!(serde_json::to_value(Decimal(u64::MAX)).unwrap(), "18446744073709551615");
}
