//! The answer object: what HTTP, the command line and the vault hold of one answered question.
//!
//! Its JSON form is published (README, "The answer object"): fields are added, never renamed.

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::document::{Rect, Span};
use super::ids::{DocumentId, EntryIndex, PassageId, RequestId};

/// How a question ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// At least one sentence is supported and released.
    Answered,
    /// Nothing the asker may see answers it.
    Refused,
    /// The policy does not let this person ask this.
    Denied,
    /// The appliance could not finish.
    Failed,
}

/// Whether the released text quotes or was drafted.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Wording {
    /// Every sentence is a span of a source.
    Verbatim,
    /// Drafted by the model and verified sentence by sentence.
    Grounded,
}

/// Whether the evidence carries a sentence.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Not carried: never released.
    Unsupported,
    /// Carried in part.
    Partly,
    /// Carried by the cited spans.
    Supported,
}

/// A sentence's link to the span that carries it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Citation {
    /// The document.
    pub document: DocumentId,
    /// Its title.
    pub title: String,
    /// Page number from 1.
    pub page: u32,
    /// First code point of the page's text.
    pub start: u32,
    /// One past the last.
    pub end: u32,
    /// Exactly the page's text between `start` and `end`.
    pub quote: String,
    /// Where the quote stands on the displayed page, in points; empty for text files.
    pub boxes: Vec<Rect>,
    /// How sure recognition is of the least sure of its words, from 0 to 1; absent where the file
    /// itself carries the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
}

/// One released sentence.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Sentence {
    /// Its text, without citation marks.
    pub text: String,
    /// Whether the evidence carries it.
    pub verdict: Verdict,
    /// What carries it; never empty for a released sentence.
    pub citations: Vec<Citation>,
}

/// A passage given to the generator.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct EvidenceItem {
    /// Its id.
    pub passage: PassageId,
    /// Its document.
    pub document: DocumentId,
    /// The document's title.
    pub title: String,
    /// Page of its first span.
    pub page: u32,
    /// All its spans.
    pub spans: Vec<Span>,
    /// Fused score, higher is better.
    pub score: f32,
    /// Its text.
    pub text: String,
}

/// Log entries of one question.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Entries {
    /// `query.received`.
    pub received: Option<EntryIndex>,
    /// `retrieval.done`.
    pub retrieval: Option<EntryIndex>,
    /// The terminal entry.
    pub terminal: Option<EntryIndex>,
}

/// Passages that the second decision took away, of those that the index let through: none, unless
/// index and catalogue disagree. What the filter in the index holds back is not counted. Shown only
/// where policy lets this person know.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Withheld {
    /// How many.
    pub passages: u32,
}

/// Digests of the models that took part.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ModelsUsed {
    /// Graph digest of the sentence encoder.
    pub encoder: Option<Digest>,
    /// Graph digest of the generator.
    pub generator: Option<Digest>,
}

/// What an answer depends on besides its question, its evidence and the policy.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Setting {
    /// Version of the program.
    pub program: String,
    /// Version of ONNX Runtime.
    pub runtime: String,
    /// Threads that compute: sums in another order differ in their last bits.
    pub threads: u32,
    /// The models in use.
    pub models: ModelsUsed,
    /// Digest of the instructions, the bounds of the prompt and the model's chat template.
    pub prompt: Option<Digest>,
    /// Digest of the thresholds and weights by which evidence is chosen and sentences are checked.
    pub thresholds: Option<Digest>,
}

/// Tokens spent.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens generated.
    pub completion_tokens: u32,
}

/// Milliseconds spent in each step.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Timings {
    /// Deciding the permit.
    pub permit: u64,
    /// Searching and choosing evidence.
    pub retrieve: u64,
    /// Drafting.
    pub generate: u64,
    /// Verifying.
    pub verify: u64,
    /// Waiting for the log.
    pub record: u64,
    /// All of it.
    pub total: u64,
}

/// What one question came to.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Answer {
    /// The question's id.
    pub query: RequestId,
    /// Its entries in the log.
    pub entries: Entries,
    /// How it ended.
    pub outcome: Outcome,
    /// How it is worded; `null` where nothing is released.
    pub mode: Option<Wording>,
    /// Why it was refused, denied or failed.
    pub reason: Option<String>,
    /// The sentences' texts joined by one space; empty where nothing is released.
    pub answer: String,
    /// The released sentences.
    pub sentences: Vec<Sentence>,
    /// What the generator was given.
    pub evidence: Vec<EvidenceItem>,
    /// `null` unless policy lets this person know.
    pub withheld: Option<Withheld>,
    /// Digest of the policy set that decided.
    pub policy: Digest,
    /// The models that took part.
    pub models: ModelsUsed,
    /// Tokens spent.
    pub usage: Usage,
    /// Time spent.
    pub timings_ms: Timings,
}
