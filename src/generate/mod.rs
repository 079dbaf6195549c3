//! What would the model say from this evidence? Prompt, draft, verbatim quotation.
//!
//! A [`Draft`] is not an answer: `verify` takes it by value and keeps only what the evidence
//! carries. Drafting wants recorded evidence: nothing is put before the model that is not in the
//! log. Retrieved text is fenced as data in the prompt and has no other effect.

mod prompt;

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::audit::Recorded;
use crate::document::sentences;
use crate::domain::answer::{Usage, Wording};
use crate::domain::digest::Digest;
use crate::domain::document::slice_chars;
use crate::domain::question::Question;
use crate::inference::{DecodeOptions, Generator, InferenceError};
use crate::retrieve::EvidenceSet;

/// Tokens of one draft: the default model answers in a sentence or two, or rambles.
const DRAFT_TOKENS_MAX: usize = 72;

/// A draft is one paragraph.
const STOP: &str = "\n\n";

/// The seed of every draft. Decoding is greedy; the number is recorded for samplers to come.
pub const SEED: u64 = 0;

/// Sentences that the model, or the quotation, proposes. Not checked yet.
#[derive(Debug)]
pub struct Draft {
    sentences: Vec<DraftSentence>,
    wording: Wording,
    usage: Usage,
}

/// One proposed sentence.
#[derive(Debug)]
pub struct DraftSentence {
    /// Its text on one line.
    pub text: String,
    /// Index of the evidence sentence that it quotes whole; `None` where the model wrote it.
    pub quotes: Option<usize>,
}

impl Draft {
    /// Takes the draft apart, for checking.
    pub fn into_parts(self) -> (Vec<DraftSentence>, Wording, Usage) {
        (self.sentences, self.wording, self.usage)
    }

    /// Whether nothing is proposed.
    pub fn is_empty(&self) -> bool {
        self.sentences.is_empty()
    }
}

/// Writes drafts with the local generator.
pub struct Drafter {
    generator: Arc<Generator>,
}

impl Drafter {
    /// A drafter over this generator.
    pub fn new(generator: Arc<Generator>) -> Self {
        Self { generator }
    }

    /// Graph digest of the generator.
    pub fn model(&self) -> Digest {
        self.generator.digest()
    }

    /// Digest of everything that shapes a prompt besides question and evidence, and that bounds
    /// what is written: instructions, bounds, the model's chat template.
    pub fn prompt_digest(&self) -> Digest {
        let own = format!("{}stop {STOP:?}\ntokens {DRAFT_TOKENS_MAX}\n", prompt::settings());
        Digest::of_parts([own.as_bytes(), self.generator.template_digest().as_bytes()])
    }

    /// Lets the model answer from the evidence, greedily. `proceed` is asked at every token; where
    /// it breaks, what was written so far is dropped.
    ///
    /// # Errors
    /// [`InferenceError`] where the model cannot run.
    pub fn write(
        &self,
        question: &Question,
        evidence: &Recorded<EvidenceSet>,
        proceed: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Result<Draft, InferenceError> {
        let chat = prompt::chat(question.text.as_str(), evidence, |text| {
            self.generator.count_tokens(text)
        });
        let options =
            DecodeOptions { max_tokens: DRAFT_TOKENS_MAX, seed: SEED, stop: &[STOP.to_owned()] };
        let completion = self.generator.complete(&chat, &options, &mut |_| proceed())?;
        let usage = Usage {
            prompt_tokens: u32::try_from(completion.prompt_tokens).unwrap_or(u32::MAX),
            completion_tokens: u32::try_from(completion.completion_tokens).unwrap_or(u32::MAX),
        };
        Ok(Draft { sentences: split(&completion.text), wording: Wording::Grounded, usage })
    }
}

/// Quotes evidence sentences by index, whole and unchanged.
pub fn quote(evidence: &EvidenceSet, chosen: &[usize], usage: Usage) -> Draft {
    let sentences = chosen
        .iter()
        .filter_map(|&at| {
            let text = evidence.sentences().get(at)?.text.clone();
            Some(DraftSentence { text, quotes: Some(at) })
        })
        .collect();
    Draft { sentences, wording: Wording::Verbatim, usage }
}

fn split(text: &str) -> Vec<DraftSentence> {
    let text = prompt::without_marks(text);
    sentences(&text)
        .into_iter()
        .filter_map(|range| slice_chars(&text, range.start, range.end))
        .map(|words| words.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty())
        .map(|text| DraftSentence { text, quotes: None })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_split_into_sentences_without_citation_marks() {
        let texts: Vec<_> = split("Payment is due in 45 days [1]. It was 30\ndays before [2].")
            .into_iter()
            .collect();
        let texts: Vec<_> = texts.iter().map(|sentence| sentence.text.as_str()).collect();
        assert_eq!(texts, ["Payment is due in 45 days.", "It was 30 days before."]);
    }
}
