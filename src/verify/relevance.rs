//! Whether evidence bears on a question at all, and which sentences do so best.

use crate::retrieve::EvidenceSet;

use super::words::Words;

/// Below this merit no evidence sentence is taken as an answer.
const MERIT_MIN: f32 = 0.53;
/// A second sentence is quoted beside the best where it is about as good.
const MERIT_MARGIN: f32 = 0.02;
/// Weight of closeness against the share of the question's words that the passage covers.
const CLOSENESS_WEIGHT: f32 = 0.9;
/// Sentences quoted at most.
const QUOTED_MAX: usize = 2;

/// What decides here, for the record.
pub(super) const SETTINGS: [(&str, f32); 3] =
    [("merit", MERIT_MIN), ("margin", MERIT_MARGIN), ("closeness weight", CLOSENESS_WEIGHT)];

/// Which evidence sentences answer best; empty where none is good enough.
#[derive(Debug)]
pub struct Relevance {
    /// Indices into `evidence.sentences()`, best first.
    pub chosen: Vec<usize>,
    /// Merit of the best sentence, 0 to 1.
    pub merit: f32,
}

/// Weighs every evidence sentence by its closeness to the question and by how many of the
/// question's words it and its passage hold.
pub fn relevance(question: &str, evidence: &EvidenceSet) -> Relevance {
    let asked = Words::of(question);
    let mut merits: Vec<(usize, f32)> = evidence
        .sentences()
        .iter()
        .enumerate()
        .map(|(at, sentence)| {
            let own = Words::of(&sentence.text);
            let around = evidence.passage_of(sentence).map(|found| {
                let headings = found.passage.headings.join(" ");
                Words::of(&format!("{} {headings} {}", found.title, found.passage.text))
            });
            let share = 0.6 * covered(&asked, &own)
                + 0.4 * around.map_or(0.0, |around| covered(&asked, &around));
            (at, CLOSENESS_WEIGHT * sentence.closeness + (1.0 - CLOSENESS_WEIGHT) * share)
        })
        .collect();
    merits.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let merit = merits.first().map_or(0.0, |best| best.1);
    let chosen = merits
        .iter()
        .take(QUOTED_MAX)
        .take_while(|(_, own)| *own >= MERIT_MIN && merit - own <= MERIT_MARGIN)
        .map(|(at, _)| *at)
        .collect();
    Relevance { chosen, merit }
}

#[expect(clippy::cast_precision_loss, reason = "a question has far fewer than 2^24 words")]
fn covered(asked: &Words, source: &Words) -> f32 {
    let total = asked.content.len() + asked.numbers.len();
    if total == 0 {
        return 0.0;
    }
    let words = asked.content.iter().filter(|word| source.has(word)).count();
    let numbers = asked.numbers.iter().filter(|number| source.has_number(&number.value)).count();
    (words + numbers) as f32 / total as f32
}
