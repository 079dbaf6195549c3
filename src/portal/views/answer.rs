//! A recorded answer as a page shows it.

use crate::domain::answer::{Answer, Citation, EvidenceItem, Outcome, Verdict, Wording};
use crate::domain::ids::{DocumentId, RequestId};

/// An answer, ready to lay out.
#[derive(Clone, Debug)]
pub struct AnswerView {
    /// The question's id; empty in the blank that the script fills.
    pub query: String,
    /// The question's words.
    pub question: String,
    /// `answered`, `refused`, `denied` or `failed`.
    pub outcome: &'static str,
    /// What is said instead, where nothing is released.
    pub no_answer: Option<NoAnswer>,
    /// Whether every sentence is a quotation.
    pub verbatim: bool,
    /// The released sentences.
    pub sentences: Vec<SentenceView>,
    /// The passages that were read.
    pub sources: Vec<SourceView>,
    /// How many passages policy withheld, where this person may know and there are any.
    pub withheld: Option<u32>,
    /// Index of `query.received`.
    pub received: Option<u64>,
    /// Index of `retrieval.done`.
    pub retrieval: Option<u64>,
    /// Index of the terminal entry.
    pub terminal: Option<u64>,
    /// Digest of the policy set.
    pub policy: String,
    /// Digest of the encoder.
    pub encoder: String,
    /// Digest of the generator.
    pub generator: String,
    /// Milliseconds of each step: its key in the answer object, its name, its time.
    pub timings: Vec<(&'static str, &'static str, u64)>,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens generated.
    pub completion_tokens: u32,
    /// Whether this person may open entries of the record.
    pub opens_entries: bool,
}

/// One sentence.
#[derive(Clone, Debug)]
pub struct SentenceView {
    /// Its text.
    pub text: String,
    /// `supported`, `partly` or `unsupported`.
    pub verdict: &'static str,
    /// The verdict for people.
    pub verdict_words: &'static str,
    /// Links to what carries it.
    pub citations: Vec<CitationView>,
}

/// One numbered link from a sentence to the exact place in a source.
#[derive(Clone, Debug)]
pub struct CitationView {
    /// Number of the source in the list beside the answer.
    pub number: usize,
    /// The viewer at the cited span.
    pub href: String,
    /// Title of the document.
    pub title: String,
    /// Page number.
    pub page: u32,
    /// The quoted words.
    pub quote: String,
    /// How sure recognition is of them, in percent, where they were recognised.
    pub sure: Option<u32>,
}

/// Whole percent of what is from 0 to 1.
pub fn percent(share: f32) -> u32 {
    (share.clamp(0.0, 1.0) * 100.0).round() as u32
}

/// One passage that was read.
#[derive(Clone, Debug)]
pub struct SourceView {
    /// Its number, from 1.
    pub number: usize,
    /// The viewer at the passage.
    pub href: String,
    /// Title of the document.
    pub title: String,
    /// Page number.
    pub page: u32,
    /// Its text.
    pub text: String,
    /// Whether a sentence cites it.
    pub cited: bool,
}

/// What a person is told where nothing is released.
#[derive(Clone, Debug)]
pub struct NoAnswer {
    /// `refused`, `denied` or `failed`.
    pub outcome: &'static str,
    /// What happened.
    pub title: &'static str,
    /// What it means.
    pub text: &'static str,
    /// What may help.
    pub advice: &'static [&'static str],
    /// The recorded reason.
    pub reason: Option<String>,
}

const STEPS: [(&str, &str); 6] = [
    ("permit", "Permit"),
    ("retrieve", "Search and read"),
    ("generate", "Draft"),
    ("verify", "Check"),
    ("record", "Record"),
    ("total", "All"),
];

impl AnswerView {
    /// Lays out `answer` to `question`.
    pub fn new(answer: &Answer, question: &str, opens_entries: bool) -> Self {
        let sentences: Vec<_> = answer
            .sentences
            .iter()
            .map(|sentence| SentenceView {
                text: sentence.text.clone(),
                verdict: verdict_key(sentence.verdict),
                verdict_words: verdict_words(sentence.verdict),
                citations: citations(&sentence.citations, &answer.evidence, answer.query),
            })
            .collect();
        let is_cited =
            |number| sentences.iter().flat_map(|s| &s.citations).any(|c| c.number == number);
        let sources = answer.evidence.iter().zip(1..).map(|(item, number)| SourceView {
            number,
            href: passage_href(item, answer.query),
            title: item.title.clone(),
            page: item.page,
            text: item.text.clone(),
            cited: is_cited(number),
        });
        let digest = |digest: Option<_>| {
            digest.map_or_else(String::new, |d: crate::domain::digest::Digest| d.to_string())
        };
        let times = answer.timings_ms;
        let millis =
            [times.permit, times.retrieve, times.generate, times.verify, times.record, times.total];
        Self {
            query: answer.query.to_string(),
            question: question.to_owned(),
            outcome: outcome_key(answer.outcome),
            no_answer: (answer.outcome != Outcome::Answered)
                .then(|| NoAnswer::of(answer.outcome, answer.reason.clone())),
            verbatim: answer.mode == Some(Wording::Verbatim),
            sources: sources.collect(),
            withheld: answer.withheld.map(|withheld| withheld.passages).filter(|count| *count > 0),
            received: answer.entries.received.map(|entry| entry.0),
            retrieval: answer.entries.retrieval.map(|entry| entry.0),
            terminal: answer.entries.terminal.map(|entry| entry.0),
            policy: answer.policy.to_string(),
            encoder: digest(answer.models.encoder),
            generator: digest(answer.models.generator),
            timings: STEPS.iter().zip(millis).map(|((key, word), ms)| (*key, *word, ms)).collect(),
            prompt_tokens: answer.usage.prompt_tokens,
            completion_tokens: answer.usage.completion_tokens,
            opens_entries,
            sentences,
        }
    }

    /// The same markup without content, for the script to fill.
    pub fn blank(opens_entries: bool) -> Self {
        Self {
            query: String::new(),
            question: String::new(),
            outcome: "",
            no_answer: None,
            verbatim: false,
            sentences: Vec::new(),
            sources: Vec::new(),
            withheld: None,
            received: None,
            retrieval: None,
            terminal: None,
            policy: String::new(),
            encoder: String::new(),
            generator: String::new(),
            timings: STEPS.iter().map(|(key, word)| (*key, *word, 0)).collect(),
            prompt_tokens: 0,
            completion_tokens: 0,
            opens_entries,
        }
    }

    /// Whether this is the markup that the script fills.
    pub fn is_blank(&self) -> bool {
        self.query.is_empty()
    }
}

impl SentenceView {
    /// The same markup without content.
    pub fn blank() -> Self {
        let citation = CitationView {
            number: 0,
            href: String::new(),
            title: String::new(),
            page: 0,
            quote: String::new(),
            sure: None,
        };
        Self { text: String::new(), verdict: "", verdict_words: "", citations: vec![citation] }
    }

    /// The words of every verdict, for the script.
    pub fn words(&self) -> [&'static str; 3] {
        [Verdict::Supported, Verdict::Partly, Verdict::Unsupported].map(verdict_words)
    }
}

impl SourceView {
    /// The same markup without content.
    pub fn blank() -> Self {
        Self {
            number: 0,
            href: String::new(),
            title: String::new(),
            page: 0,
            text: String::new(),
            cited: false,
        }
    }
}

impl NoAnswer {
    /// What is said for an outcome that releases nothing.
    pub fn of(outcome: Outcome, reason: Option<String>) -> Self {
        let (title, text, advice): (_, _, &[_]) = match outcome {
            Outcome::Answered | Outcome::Refused => (
                "No answer that the documents carry",
                "Nothing in the documents open to you supports an answer, so none is given. \
                 The answer may stand elsewhere.",
                &[
                    "Use the words the document itself would use.",
                    "Ask about one thing at a time.",
                    "See whether the matter or the patient is the right one.",
                ],
            ),
            Outcome::Denied => (
                "This question is not permitted as asked",
                "The policy in force does not let you ask this in this way. No document was read.",
                &[
                    "State the purpose, and the matter or patient, if the question has one.",
                    "If you should be able to ask this, tell your administrator the entry number below.",
                ],
            ),
            Outcome::Failed => (
                "The answer could not be finished",
                "Something in the appliance stopped before the answer was sealed, so it is not \
                 shown. You did nothing wrong.",
                &[
                    "Ask again in a moment.",
                    "If it happens again, tell your administrator the entry number below.",
                ],
            ),
        };
        Self { outcome: outcome_key(outcome), title, text, advice, reason }
    }
}

const fn outcome_key(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::Refused => "refused",
        Outcome::Denied => "denied",
        Outcome::Failed => "failed",
    }
}

const fn verdict_key(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Supported => "supported",
        Verdict::Partly => "partly",
        Verdict::Unsupported => "unsupported",
    }
}

const fn verdict_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Supported => "Supported",
        Verdict::Partly => "Partly supported",
        Verdict::Unsupported => "Not supported",
    }
}

/// The viewer at a place, as the answer to `query` leads there.
fn place(document: DocumentId, page: u32, span: Option<(u32, u32)>, query: RequestId) -> String {
    let span = span.map_or_else(String::new, |(start, end)| format!("&span={start}-{end}"));
    format!("/documents/{document}?page={page}{span}&query={query}")
}

fn passage_href(item: &EvidenceItem, query: RequestId) -> String {
    let first = item.spans.first().map(|span| (span.start, span.end));
    place(item.document, item.page, first, query)
}

/// Numbers each citation by the source that holds it; one that none holds is numbered after them.
fn citations(
    citations: &[Citation],
    evidence: &[EvidenceItem],
    query: RequestId,
) -> Vec<CitationView> {
    let holds = |item: &EvidenceItem, citation: &Citation| {
        item.document == citation.document
            && item.spans.iter().any(|span| {
                span.page == citation.page
                    && span.start <= citation.start
                    && citation.end <= span.end
            })
    };
    let number = |citation: &Citation| {
        let found = evidence.iter().position(|item| holds(item, citation));
        found.unwrap_or(evidence.len()).saturating_add(1)
    };
    citations
        .iter()
        .map(|citation| CitationView {
            number: number(citation),
            href: place(
                citation.document,
                citation.page,
                Some((citation.start, citation.end)),
                query,
            ),
            title: citation.title.clone(),
            page: citation.page,
            quote: citation.quote.clone(),
            sure: citation.confidence.map(percent),
        })
        .collect()
}
