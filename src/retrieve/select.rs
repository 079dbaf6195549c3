//! Which sentences of the evidence are closest to the question.

use crate::inference::{Encoder, InferenceError};

use super::evidence::EvidenceSet;

/// Sentences that are embedded for one question: about a second of encoder time on two cores.
const SENTENCES_MAX: usize = 64;

/// Weight of the passage's rank beside the sentence's own closeness when sentences are ordered.
const RANK_WEIGHT: f32 = 0.10;

/// What decides here, for the record.
pub(super) fn settings() -> String {
    format!("sentences {SENTENCES_MAX}\nrank weight {RANK_WEIGHT}\n")
}

/// Embeds the evidence's sentences and orders them: closeness to the question, helped a little by
/// the rank of their passage (fused scores differ too little to be compared directly).
pub(super) fn sentences(
    encoder: &Encoder,
    question: &[f32],
    set: &mut EvidenceSet,
) -> Result<(), InferenceError> {
    let sentences = set.sentences_mut();
    sentences.truncate(SENTENCES_MAX);
    let texts: Vec<&str> = sentences.iter().map(|sentence| sentence.text.as_str()).collect();
    if texts.is_empty() {
        return Ok(());
    }
    let vectors = encoder.embed(&texts)?;
    for (sentence, vector) in sentences.iter_mut().zip(vectors) {
        sentence.closeness = cosine(question, &vector);
        sentence.vector = vector;
    }
    #[expect(clippy::cast_precision_loss, reason = "ranks are below 100")]
    let merit = |passage: usize, closeness: f32| closeness + RANK_WEIGHT / (1.0 + passage as f32);
    sentences
        .sort_by(|a, b| merit(b.passage, b.closeness).total_cmp(&merit(a.passage, a.closeness)));
    Ok(())
}

/// The cosine of two vectors of norm 1.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
