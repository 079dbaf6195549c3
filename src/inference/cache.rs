//! A decoder over a key/value cache that stays in place.

use ort::session::{IoBinding, Session};
use ort::value::Tensor;

use super::error::InferenceError;
use super::manifest::CacheShape;

/// A decoder session with its key/value cache: one buffer for each layer, bound as past and as
/// present at once, so that a step writes its rows in place and copies nothing.
pub(super) struct CachedDecoder {
    session: Session,
    binding: IoBinding,
    logits: Tensor<f32>,
    /// Token ids whose keys and values fill the buffers from the start, and stay there from
    /// request to request.
    prefix: Vec<u32>,
}

/// Prompt tokens of one run: bounds the memory for attention scores.
const CHUNK_TOKENS_MAX: usize = 256;

impl CachedDecoder {
    pub(super) fn new(
        session: Session,
        shape: CacheShape,
        context_max: usize,
        vocabulary: usize,
    ) -> ort::Result<Self> {
        let mut binding = session.create_binding()?;
        let allocator = session.allocator();
        for layer in 0..shape.layers {
            for part in ["key", "value"] {
                let dims = [1, shape.heads, context_max, shape.head_dim];
                let mut buffer = Tensor::<f32>::new(allocator, dims)?;
                binding.bind_input(format!("past_key_values.{layer}.{part}"), &buffer)?;
                binding.bind_output(format!("present.{layer}.{part}"), &mut buffer)?;
            }
        }
        let mut logits = Tensor::<f32>::new(allocator, [1, 1, vocabulary])?;
        binding.bind_output("logits", &mut logits)?;
        Ok(Self { session, binding, logits, prefix: Vec::new() })
    }

    /// Reads a prompt and returns the token that follows it, or `None` where `go_on` said no.
    ///
    /// The first `prefix` tokens are read in runs of their own, and not at all where they are
    /// still in the buffers: the values are the same either way.
    pub(super) fn read_prompt(
        &mut self,
        prompt: &[u32],
        prefix: usize,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Option<u32>, InferenceError> {
        let (fixed, rest) = prompt.split_at_checked(prefix).unwrap_or((&[], prompt));
        if fixed.is_empty() || self.prefix != fixed {
            self.prefix.clear();
            for (at, chunk) in chunks(fixed, 0) {
                if !go_on() {
                    return Ok(None);
                }
                self.run(chunk, at)?;
            }
            self.prefix = fixed.to_vec();
        }
        let mut next = None;
        for (at, chunk) in chunks(rest, fixed.len()) {
            if !go_on() {
                return Ok(None);
            }
            next = Some(self.run(chunk, at)?);
        }
        Ok(next)
    }

    /// Reads one more token at position `at` and returns the one that follows.
    pub(super) fn step(&mut self, token: u32, at: usize) -> Result<u32, InferenceError> {
        self.run(&[token], at)
    }

    /// Runs `ids` after `past` tokens; returns the likeliest next token.
    fn run(&mut self, ids: &[u32], past: usize) -> Result<u32, InferenceError> {
        let ids: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
        let total = i32::try_from(past + ids.len()).unwrap_or(i32::MAX);
        let input = Tensor::from_array(([1, ids.len()], ids))?;
        self.binding.bind_input("input_ids", &input)?;
        self.binding.bind_input("seqlens_k", &Tensor::from_array(([1], vec![total - 1]))?)?;
        self.binding
            .bind_input("total_sequence_length", &Tensor::from_array(([1], vec![total]))?)?;
        drop(self.session.run_binding(&self.binding)?);
        let (_, logits) = self.logits.try_extract_tensor::<f32>()?;
        likeliest(logits).ok_or_else(|| InferenceError::Unexpected {
            found: "no finite score".into(),
            expected: "a score for every token".into(),
        })
    }
}

fn chunks(ids: &[u32], from: usize) -> impl Iterator<Item = (usize, &[u32])> {
    let starts = (from..).step_by(CHUNK_TOKENS_MAX);
    starts.zip(ids.chunks(CHUNK_TOKENS_MAX))
}

/// The first of the highest scores; those that are no number do not count.
fn likeliest(scores: &[f32]) -> Option<u32> {
    let mut best: Option<(u32, f32)> = None;
    for (id, score) in (0..).zip(scores) {
        if score.is_finite() && best.is_none_or(|(_, highest)| *score > highest) {
            best = Some((id, *score));
        }
    }
    best.map(|(id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_highest_scores_wins() {
        let nan = f32::NAN;
        let table: &[(&[f32], Option<u32>)] = &[
            (&[0.0, 2.0, 2.0, 1.0], Some(1)),
            (&[-3.0, -2.0], Some(1)),
            (&[nan, -2.0, nan], Some(1)),
            (&[nan, f32::INFINITY], None),
            (&[], None),
        ];
        for (scores, expected) in table {
            assert_eq!(likeliest(scores), *expected, "{scores:?}");
        }
    }

    #[test]
    fn chunks_follow_each_other_without_gap() {
        let ids: Vec<u32> = (0..600).collect();
        let sizes: Vec<_> = chunks(&ids, 7).map(|(at, chunk)| (at, chunk.len())).collect();
        assert_eq!(sizes, [(7, 256), (263, 256), (519, 88)]);
        assert_eq!(chunks(&[], 7).count(), 0);
    }
}
