//! The evidence of one question: passages, their sentences, where they stand.

use std::sync::Arc;

use crate::catalogue::{Document, Subjects};
use crate::document::sentences;
use crate::domain::answer::EvidenceItem;
use crate::domain::document::{DocumentText, Passage, Span, slice_chars};
use crate::domain::ids::{EntryIndex, Generation};
use crate::store::KeyScope;

/// A contiguous stretch of one page.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Where it stands.
    pub span: Span,
    /// Exactly the page's text there.
    pub quote: String,
}

/// A passage that the asker may see and that bears on the question.
#[derive(Debug)]
pub struct EvidencePassage {
    /// The passage.
    pub passage: Passage,
    /// Title of its document.
    pub title: String,
    /// The document's keyed token, as the log names it.
    pub token: crate::domain::payload::Token,
    /// Whose contents the passage is.
    pub scope: KeyScope,
    /// The matter and the patient of its document, as the log names them.
    pub subjects: Subjects,
    /// Fused score, higher is better.
    pub score: f32,
}

/// One sentence of the evidence, with all it takes to cite it.
#[derive(Debug)]
pub struct EvidenceSentence {
    /// Index of its passage in the set.
    pub passage: usize,
    /// Its text on one line.
    pub text: String,
    /// Where it stands: one place a page it touches.
    pub places: Vec<Place>,
    /// Its vector, L2 norm 1.
    pub vector: Vec<f32>,
    /// Cosine with the question.
    pub closeness: f32,
}

/// Permitted passages for one question. Only [`super::Retriever::evidence`] makes one.
#[derive(Debug)]
pub struct EvidenceSet {
    received: EntryIndex,
    generation: Generation,
    passages: Vec<EvidencePassage>,
    sentences: Vec<EvidenceSentence>,
    withheld: u32,
}

impl EvidenceSet {
    pub(super) fn new(received: EntryIndex, generation: Generation) -> Self {
        let (passages, sentences) = (Vec::new(), Vec::new());
        Self { received, generation, passages, sentences, withheld: 0 }
    }

    /// Entry of the question that this evidence is for.
    pub fn received(&self) -> EntryIndex {
        self.received
    }

    /// Index generation that was searched.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The passages, best first.
    pub fn passages(&self) -> &[EvidencePassage] {
        &self.passages
    }

    /// Their sentences, closest to the question first.
    pub fn sentences(&self) -> &[EvidenceSentence] {
        &self.sentences
    }

    /// The passage of a sentence.
    pub fn passage_of(&self, sentence: &EvidenceSentence) -> Option<&EvidencePassage> {
        self.passages.get(sentence.passage)
    }

    /// Passages that policy kept back: of the best of all, where the asker may learn how many, and
    /// those that the second decision took away.
    pub fn withheld(&self) -> u32 {
        self.withheld
    }

    /// Whose contents they are, all together.
    pub fn scope(&self) -> KeyScope {
        let scopes = self.passages.iter().map(|found| found.scope.clone());
        scopes.fold(KeyScope::system(), KeyScope::and)
    }

    /// The passages as the answer object shows them.
    pub fn items(&self) -> Vec<EvidenceItem> {
        self.passages
            .iter()
            .map(|found| EvidenceItem {
                passage: found.passage.id,
                document: found.passage.document,
                title: found.title.clone(),
                page: found.passage.spans.first().map_or(1, |span| span.page),
                spans: found.passage.spans.clone(),
                score: found.score,
                text: found.passage.text.clone(),
            })
            .collect()
    }

    pub(super) fn withhold(&mut self, passages: u32) {
        self.withheld = self.withheld.saturating_add(passages);
    }

    pub(super) fn admit(
        &mut self,
        document: &Arc<Document>,
        passage: Passage,
        score: f32,
        text: &DocumentText,
    ) {
        let at = self.passages.len();
        for range in sentences(&passage.text) {
            let places = places(&passage, range.start, range.end, text);
            let words = slice_chars(&passage.text, range.start, range.end).unwrap_or_default();
            let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
            if !places.is_empty() && !line.is_empty() {
                let (vector, closeness) = (Vec::new(), 0.0);
                self.sentences.push(EvidenceSentence {
                    passage: at,
                    text: line,
                    places,
                    vector,
                    closeness,
                });
            }
        }
        self.passages.push(EvidencePassage {
            passage,
            title: document.card.title.clone(),
            token: document.row.token.clone(),
            scope: document.row.scope(),
            subjects: document.subjects.clone(),
            score,
        });
    }

    pub(super) fn sentences_mut(&mut self) -> &mut Vec<EvidenceSentence> {
        &mut self.sentences
    }
}

/// Maps a range of a passage's text to the pages it stands on: `passage.text` is the text of its
/// spans joined by one newline.
fn places(passage: &Passage, start: u32, end: u32, text: &DocumentText) -> Vec<Place> {
    let mut places = Vec::new();
    let mut offset = 0;
    for span in &passage.spans {
        let len = span.end - span.start;
        let (from, to) = (start.max(offset), end.min(offset + len));
        if from < to {
            let span = Span {
                page: span.page,
                start: span.start + from - offset,
                end: span.start + to - offset,
            };
            if let Some(place) = trimmed(span, text) {
                places.push(place);
            }
        }
        offset += len + 1;
    }
    places
}

/// Cuts white space off both ends, so that a quote begins and ends with its words.
fn trimmed(span: Span, text: &DocumentText) -> Option<Place> {
    let quote = text.quote(span)?;
    let before = quote.chars().take_while(|c| c.is_whitespace()).count();
    let after = quote.chars().rev().take_while(|c| c.is_whitespace()).count();
    let start = span.start.checked_add(u32::try_from(before).ok()?)?;
    let end = span.end.checked_sub(u32::try_from(after).ok()?)?;
    if start >= end {
        return None;
    }
    let span = Span { page: span.page, start, end };
    let quote = text.quote(span)?.to_owned();
    Some(Place { span, quote })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::document::{PageText, TextOrigin};
    use crate::domain::ids::{DocumentId, PassageId};

    #[test]
    fn a_sentence_across_a_page_break_has_a_place_on_each_page() {
        let page =
            |page, text: &str| PageText { page, text: text.into(), origin: TextOrigin::Text };
        let pages = vec![page(1, "Head. The fee is\n"), page(2, " ten euros. End.")];
        let document = DocumentId::of(b"x");
        let span = |page, start, end| Span { page, start, end };
        let passage = Passage {
            id: PassageId::derive(document, Generation(1), 0),
            document,
            ordinal: 0,
            spans: vec![span(1, 0, 16), span(2, 1, 16)],
            text: "Head. The fee is\nten euros. End.".into(),
            headings: vec![],
        };
        let text = DocumentText { pages, passages: vec![passage.clone()] };
        let found = places(&passage, 6, 27, &text);
        let quotes: Vec<_> = found.iter().map(|place| place.quote.as_str()).collect();
        assert_eq!(quotes, ["The fee is", "ten euros."]);
        assert_eq!(found[1].span, span(2, 1, 11));
    }
}
