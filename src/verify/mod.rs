//! Does the evidence carry every sentence? Verdicts; grounded, or refused with reasons.
//!
//! Deterministic and on this machine. [`Verifier::check`] takes a draft by value and is the only
//! maker of [`Grounded`]: what it does not keep is not released. A written sentence is kept only
//! where one evidence sentence carries it: its numbers and units, names, negation and modal words
//! agree, its words are covered, and its meaning is close (encoder).
//!
//! Thresholds were set on `fixtures/suites/demo.jsonl`; see `relevance.rs` and `support.rs`.

mod relevance;
mod support;
mod words;

use std::sync::Arc;

use crate::domain::answer::{Usage, Verdict, Wording};
use crate::generate::{Draft, DraftSentence};
use crate::inference::{Encoder, InferenceError};
use crate::retrieve::{EvidenceSentence, EvidenceSet};

pub use relevance::{Relevance, relevance};

/// A sentence that the evidence carries.
#[derive(Debug)]
pub struct SupportedSentence {
    /// Its text.
    pub text: String,
    /// Always [`Verdict::Supported`] today; `partly` is for joined claims.
    pub verdict: Verdict,
    /// Index of the evidence sentence that carries it.
    pub carried_by: usize,
}

/// A sentence that was withheld, and why.
#[derive(Debug)]
pub struct UnsupportedSentence {
    /// Its text: it goes into the vault, never to a person.
    pub text: String,
    /// Why.
    pub flaw: Flaw,
}

/// Why a sentence is not carried by the evidence sentence closest to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flaw {
    /// Its meaning is not close to any evidence.
    Distant,
    /// A modal word ("may", "shall") differs.
    Modal,
    /// A name does not occur in the evidence.
    Name,
    /// One denies what the other states.
    Negation,
    /// A number, or the unit behind it, does not occur in the evidence.
    Number,
    /// Not a statement: too short, or a question.
    NotAStatement,
    /// Its words stand in another order in the evidence.
    Reordered,
    /// Too many of its words do not occur in the evidence.
    Uncovered,
}

/// What of a draft the evidence carries. Only [`Verifier::check`] makes one.
#[derive(Debug)]
pub struct Grounded {
    kept: Vec<SupportedSentence>,
    withheld: Vec<UnsupportedSentence>,
    wording: Wording,
    usage: Usage,
}

impl Grounded {
    /// The sentences to release, never empty.
    pub fn kept(&self) -> &[SupportedSentence] {
        &self.kept
    }

    /// The sentences held back.
    pub fn withheld(&self) -> &[UnsupportedSentence] {
        &self.withheld
    }

    /// Quoted or written.
    pub fn wording(&self) -> Wording {
        self.wording
    }

    /// Tokens spent on the draft.
    pub fn usage(&self) -> Usage {
        self.usage
    }
}

/// A reasoned no: a result, not an error.
#[derive(Debug)]
pub enum Refusal {
    /// Nothing the asker may see bears on the question.
    NoEvidence,
    /// Nothing of the draft is carried by the evidence.
    Unsupported {
        /// What was held back.
        sentences: Vec<UnsupportedSentence>,
        /// Tokens spent.
        usage: Usage,
    },
}

/// The thresholds and weights that decide here, as text: whoever records them, records their digest.
pub fn settings() -> String {
    let all = relevance::SETTINGS.into_iter().chain(support::SETTINGS);
    all.map(|(name, value)| format!("{name} {value}\n")).collect()
}

impl Refusal {
    /// The reason as the log gives it.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoEvidence => "no_evidence",
            Self::Unsupported { .. } => "unsupported",
        }
    }
}

/// Checks drafts against evidence.
pub struct Verifier {
    encoder: Arc<Encoder>,
}

impl Verifier {
    /// A verifier that measures closeness with this encoder.
    pub fn new(encoder: Arc<Encoder>) -> Self {
        Self { encoder }
    }

    /// Keeps the sentences of the draft that the evidence carries.
    ///
    /// # Errors
    /// [`InferenceError`] where the encoder cannot run; a refusal is the inner result.
    pub fn check(
        &self,
        draft: Draft,
        evidence: &EvidenceSet,
    ) -> Result<Result<Grounded, Refusal>, InferenceError> {
        let (sentences, wording, usage) = draft.into_parts();
        let (mut kept, mut withheld) = (Vec::new(), Vec::new());
        for sentence in sentences {
            match self.carrier(&sentence, evidence)? {
                Ok(carried_by) => {
                    let repeated = kept.iter().any(|other: &SupportedSentence| {
                        other.carried_by == carried_by && other.text == sentence.text
                    });
                    if !repeated {
                        let (text, verdict) = (sentence.text, Verdict::Supported);
                        kept.push(SupportedSentence { text, verdict, carried_by });
                    }
                }
                Err(flaw) => withheld.push(UnsupportedSentence { text: sentence.text, flaw }),
            }
        }
        if kept.is_empty() {
            return Ok(Err(Refusal::Unsupported { sentences: withheld, usage }));
        }
        Ok(Ok(Grounded { kept, withheld, wording, usage }))
    }

    /// The evidence sentence that carries this one, or the flaw of the nearest candidate.
    fn carrier(
        &self,
        sentence: &DraftSentence,
        evidence: &EvidenceSet,
    ) -> Result<Result<usize, Flaw>, InferenceError> {
        if let Some(at) = sentence.quotes {
            let whole = evidence.sentences().get(at).is_some_and(|s| s.text == sentence.text);
            return Ok(if whole { Ok(at) } else { Err(Flaw::Uncovered) });
        }
        let vector = self.encoder.embed(&[sentence.text.as_str()])?.into_iter().next();
        let vector = vector.unwrap_or_default();
        let mut near: Vec<(usize, f32, &EvidenceSentence)> = evidence
            .sentences()
            .iter()
            .enumerate()
            .map(|(at, source)| (at, dot(&vector, &source.vector), source))
            .collect();
        near.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut flaw = Flaw::Distant;
        for (rank, (at, closeness, source)) in near.into_iter().take(3).enumerate() {
            match support::judge(&sentence.text, &source.text, closeness) {
                Ok(()) => return Ok(Ok(at)),
                Err(found) if rank == 0 => flaw = found,
                Err(_) => {}
            }
        }
        Ok(Err(flaw))
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
