//! Whether one evidence sentence carries one written sentence.

use super::Flaw;
use super::words::Words;

/// Cosine below which two sentences do not mean the same, whatever words they share.
const CLOSENESS_MIN: f32 = 0.60;
/// Share of content words that must occur in the evidence sentence.
const COVERAGE_MIN: f32 = 0.85;
/// Share of content words and numbers that must stand in the evidence in the same order: the same
/// words in another order often say something else ("15 days to pay an invoice", from "disputes an
/// invoice within 15 days and pays the rest").
const ORDER_MIN: f32 = 0.75;
/// Fewer words than this state nothing that can be checked.
const WORDS_MIN: usize = 3;

/// What decides here, for the record.
pub(super) const SETTINGS: [(&str, f32); 3] =
    [("closeness", CLOSENESS_MIN), ("coverage", COVERAGE_MIN), ("order", ORDER_MIN)];

/// Judges `claim` against `source`, the cheapest and surest objections first.
pub(super) fn judge(claim: &str, source: &str, closeness: f32) -> Result<(), Flaw> {
    let (claim_words, source_words) = (Words::of(claim), Words::of(source));
    if claim_words.count < WORDS_MIN || claim.trim_end().ends_with('?') {
        return Err(Flaw::NotAStatement);
    }
    if closeness < CLOSENESS_MIN {
        return Err(Flaw::Distant);
    }
    if !numbers_agree(&claim_words, &source_words) {
        return Err(Flaw::Number);
    }
    if claim_words.negated != source_words.negated {
        return Err(Flaw::Negation);
    }
    let new_duty = claim_words.duty && !source_words.duty;
    let new_leave = claim_words.leave && !source_words.leave;
    if new_duty || new_leave {
        return Err(Flaw::Modal);
    }
    if !claim_words.names.iter().all(|name| source_words.has(name)) {
        return Err(Flaw::Name);
    }
    if coverage(&claim_words, &source_words) < COVERAGE_MIN {
        return Err(Flaw::Uncovered);
    }
    if in_order(&claim_words.sequence, &source_words.sequence) < ORDER_MIN {
        return Err(Flaw::Reordered);
    }
    Ok(())
}

/// Every number of the claim stands in the source with the same unit.
fn numbers_agree(claim: &Words, source: &Words) -> bool {
    claim.numbers.iter().all(|number| source.numbers.iter().any(|own| number.agrees_with(own)))
}

#[expect(clippy::cast_precision_loss, reason = "a sentence has far fewer than 2^24 words")]
fn coverage(claim: &Words, source: &Words) -> f32 {
    let total = claim.content.len();
    if total == 0 {
        return 1.0;
    }
    let covered = claim.content.iter().filter(|word| source.has(word)).count();
    covered as f32 / total as f32
}

/// Longest common subsequence, as a share of the claim.
#[expect(clippy::cast_precision_loss, reason = "a sentence has far fewer than 2^24 words")]
fn in_order(claim: &[String], source: &[String]) -> f32 {
    if claim.is_empty() {
        return 1.0;
    }
    // One row of the table at a time: `row[j]` is the length for `source[..j]`.
    let mut row = vec![0_usize; source.len() + 1];
    for word in claim {
        let mut diagonal = 0;
        let mut left = 0;
        for (cell, other) in row.iter_mut().skip(1).zip(source) {
            let above = *cell;
            *cell = if word == other { diagonal + 1 } else { above.max(left) };
            diagonal = above;
            left = *cell;
        }
    }
    row.last().copied().unwrap_or_default() as f32 / claim.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_number_unit_name_negation_or_modal_is_found() {
        let source = "The Supplier shall pay Harrow 45 days after receipt, at most 5 mg daily.";
        let table = [
            ("The Supplier shall pay Harrow 45 days after receipt.", Ok(())),
            ("The Supplier shall pay Harrow 30 days after receipt.", Err(Flaw::Number)),
            ("The Supplier shall pay at most 5 mcg daily.", Err(Flaw::Number)),
            ("The Supplier shall pay Lisle 45 days after receipt.", Err(Flaw::Name)),
            ("The Supplier shall not pay Harrow 45 days after receipt.", Err(Flaw::Negation)),
            ("The Supplier may pay Harrow 45 days after receipt.", Err(Flaw::Modal)),
            ("The Supplier shall pay penguins quickly and happily.", Err(Flaw::Uncovered)),
            ("45 days daily shall pay the Supplier after receipt.", Err(Flaw::Reordered)),
            ("Is it 45 days?", Err(Flaw::NotAStatement)),
            ("45 days", Err(Flaw::NotAStatement)),
        ];
        for (claim, expected) in table {
            assert_eq!(judge(claim, source, 0.9), expected, "{claim}");
        }
        assert_eq!(judge("The Supplier shall pay Harrow.", source, 0.3), Err(Flaw::Distant));
    }
}
