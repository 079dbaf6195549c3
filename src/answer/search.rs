//! The spine without generation: permitted passages, on record.

use crate::audit::{QueryKind, Receipt, Recorded, What};
use crate::domain::document::Span;
use crate::domain::ids::{DocumentId, EntryIndex, PassageId};
use crate::domain::question::Question;
use crate::policy::{Action, Permit};
use crate::retrieve::{Candidates, EvidenceSet};
use serde::Serialize;

use super::spine::Run;
use super::{AnswerError, Answerer, Asker, Fault, Progress, Released, events};

/// One permitted passage.
#[derive(Clone, Debug, Serialize)]
pub struct SearchHit {
    /// From 1.
    pub rank: u32,
    /// Fused score, higher is better.
    pub score: f32,
    /// Its id.
    pub passage: PassageId,
    /// Its document.
    pub document: DocumentId,
    /// The document's title.
    pub title: String,
    /// Page of its first part.
    pub page: u32,
    /// First code point of its first part.
    pub start: u32,
    /// One past the last code point of its first part.
    pub end: u32,
    /// All its parts.
    pub spans: Vec<Span>,
    /// Its text.
    pub text: String,
}

/// What a search found.
#[derive(Clone, Debug, Serialize)]
pub struct SearchResult {
    /// The hits, best first.
    pub hits: Vec<SearchHit>,
    /// Taken away by the second decision, see [`Withheld`](crate::domain::answer::Withheld); `null`
    /// unless policy lets this person know.
    pub withheld: Option<u32>,
    /// The entry that records it.
    pub entry: Option<EntryIndex>,
}

/// A search ends in hits, or like a question that was denied or failed.
#[expect(clippy::large_enum_variant, reason = "one at a time, and shown at once")]
pub enum Searched {
    /// The hits, recorded.
    Found(Recorded<SearchResult>),
    /// Denied or failed.
    Ended(Released),
}

impl Answerer {
    /// [`Self::search`], with the milliseconds it took.
    ///
    /// # Errors
    /// As [`Self::search`].
    pub fn search_timed(
        &self,
        asker: &Asker,
        question: &Question,
        candidates: Candidates,
    ) -> Result<(Searched, u64), AnswerError> {
        let began = self.parts.clock.steady();
        let searched = self.search(asker, question, candidates)?;
        let took = self.parts.clock.steady().saturating_sub(began);
        Ok((searched, u64::try_from(took.as_millis()).unwrap_or(u64::MAX)))
    }

    /// Finds permitted passages without generating anything.
    ///
    /// # Errors
    /// [`AnswerError`] where the log or the vault cannot write: then nothing was shown.
    pub fn search(
        &self,
        asker: &Asker,
        question: &Question,
        candidates: Candidates,
    ) -> Result<Searched, AnswerError> {
        let mut run = Run::start(&self.parts, asker, question);
        let mut quiet = |_: Progress<'_>| std::ops::ControlFlow::Continue(());
        let permit = run.permit(Action::Search, &mut quiet);
        let received = run.receive(&self.live, QueryKind::Search, permit.is_ok())?;
        let searched = match permit {
            Err(denial) => Searched::Ended(run.deny(&denial)?),
            Ok(permit) => match found(&mut run, &permit, candidates, &received) {
                Ok(evidence) => {
                    let withheld = permit.shows_withheld().then(|| evidence.withheld());
                    Searched::Found(finish(&mut run, &evidence, withheld)?)
                }
                Err(Fault::Answer(error)) => return Err(error),
                Err(Fault::Withdrawn) => Searched::Ended(run.withdraw()?),
                Err(fault) => Searched::Ended(run.fail(&fault)?),
            },
        };
        if let Err(error) = self.parts.catalogue.catch_up() {
            tracing::warn!(%error, "the view lags behind the log");
        }
        Ok(searched)
    }
}

/// What may still be shown once it is on record.
fn found(
    run: &mut Run<'_>,
    permit: &Permit,
    candidates: Candidates,
    received: &Receipt,
) -> Result<Recorded<EvidenceSet>, Fault> {
    let evidence = run.retrieve(permit, candidates, received)?;
    run.watch(permit, &evidence).check()?;
    Ok(evidence)
}

fn finish(
    run: &mut Run<'_>,
    evidence: &Recorded<EvidenceSet>,
    withheld: Option<u32>,
) -> Result<Recorded<SearchResult>, AnswerError> {
    let hits: Vec<SearchHit> = evidence
        .items()
        .into_iter()
        .zip(1u32..)
        .map(|(item, rank)| {
            let first = item.spans.first().copied();
            SearchHit {
                rank,
                score: item.score,
                passage: item.passage,
                document: item.document,
                title: item.title,
                page: item.page,
                start: first.map_or(0, |span| span.start),
                end: first.map_or(0, |span| span.end),
                spans: item.spans,
                text: item.text,
            }
        })
        .collect();
    let what = What::SearchReleased { hits: u32::try_from(hits.len()).unwrap_or(u32::MAX) };
    let event = events::event(run, Some(run.parts.policies.digest()), what);
    let recorded = run.parts.log.record_with(event, |receipt| SearchResult {
        hits,
        withheld,
        entry: Some(receipt.index()),
    })?;
    run.end();
    Ok(recorded)
}
