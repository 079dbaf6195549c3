//! How good are retrieval and answers on this organisation's own questions? Suites and metrics.
//!
//! Questions run through the spine like anyone's: under the person's permit and on record.

mod metrics;
mod suite;

use std::ops::ControlFlow;

use serde::Serialize;

use crate::answer::{AnswerError, Answerer, Asker, Searched};
use crate::catalogue::Catalogue;
use crate::domain::answer::{Outcome, Verdict};
use crate::domain::ids::DocumentId;
use crate::domain::question::{Mode, Question, Scope};
use crate::retrieve::Candidates;

pub use metrics::{AnswerMetrics, Latency, RetrievalMetrics};
pub use suite::{Case, Relevant, Suite, SuiteError};

use metrics::Tally;

/// Passages retrieved for each question.
const TOP_K: u32 = 10;

/// What a run over a suite came to.
#[derive(Clone, Debug, Serialize)]
pub struct Evaluation {
    /// Questions asked.
    pub questions: u32,
    /// Questions whose documents are not among those ingested.
    pub without_document: u32,
    /// Of the questions with relevant passages.
    pub retrieval: RetrievalMetrics,
    /// Of the answers; `None` where only retrieval ran.
    pub answers: Option<AnswerMetrics>,
    /// Per question.
    pub latency_ms: Latency,
}

/// Why a suite could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The log or the vault cannot write.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The person may not ask.
    #[error("{reason}")]
    Denied {
        /// As the policy says it.
        reason: String,
    },
}

/// Runs suites.
pub struct Evaluator<'a> {
    /// Answers.
    pub answerer: &'a Answerer,
    /// Knows documents by name.
    pub catalogue: &'a Catalogue,
    /// In whose name.
    pub asker: &'a Asker,
    /// Skip drafting and answering.
    pub retrieval_only: bool,
    /// How answers may be worded.
    pub mode: Mode,
}

impl Evaluator<'_> {
    /// Asks every question of the suite. `progress` is told questions done.
    ///
    /// # Errors
    /// [`EvaluateError`] where the run cannot go on.
    pub fn run(
        &self,
        suite: &Suite,
        progress: &mut dyn FnMut(u32),
    ) -> Result<Evaluation, EvaluateError> {
        let names = self.documents_by_name();
        let mut tally = Tally::default();
        let mut without_document = 0;
        for (done, case) in (1u32..).zip(&suite.cases) {
            let relevant = case.resolve(&names);
            if relevant.is_empty() && !case.relevant.is_empty() {
                without_document += 1;
            }
            if self.retrieval_only {
                self.search(case, &relevant, &mut tally)?;
            } else {
                self.ask(case, &relevant, &mut tally)?;
            }
            progress(done);
        }
        Ok(Evaluation {
            questions: u32::try_from(suite.cases.len()).unwrap_or(u32::MAX),
            without_document,
            retrieval: tally.retrieval(),
            answers: (!self.retrieval_only).then(|| tally.answers()),
            latency_ms: tally.latency(),
        })
    }

    fn ask(
        &self,
        case: &Case,
        relevant: &[suite::Gold],
        tally: &mut Tally,
    ) -> Result<(), EvaluateError> {
        let question = self.question(case);
        let released =
            self.answerer.ask(self.asker, &question, &mut |_| ControlFlow::Continue(()))?;
        if released.outcome == Outcome::Denied {
            let reason = released.reason.clone().unwrap_or_default();
            return Err(EvaluateError::Denied { reason });
        }
        let passages = released.evidence.iter().map(|item| (item.document, item.text.as_str()));
        tally.rank(relevant.len(), &ranked(relevant, passages));
        tally.time(released.timings_ms.total);
        let carried = released.sentences.iter().filter(|s| s.verdict == Verdict::Supported).count();
        tally.answer(&metrics::Answered {
            answerable: case.answerable,
            answered: released.outcome == Outcome::Answered,
            text: &released.answer,
            gold: &case.answers,
            sentences: released.sentences.len(),
            supported: carried,
        });
        Ok(())
    }

    fn search(
        &self,
        case: &Case,
        relevant: &[suite::Gold],
        tally: &mut Tally,
    ) -> Result<(), EvaluateError> {
        let question = self.question(case);
        let (found, took) =
            match self.answerer.search_timed(self.asker, &question, Candidates::Hybrid)? {
                (Searched::Found(found), took) => (found, took),
                (Searched::Ended(released), _) => {
                    let reason = released.reason.clone().unwrap_or_default();
                    return Err(EvaluateError::Denied { reason });
                }
            };
        let passages = found.hits.iter().map(|hit| (hit.document, hit.text.as_str()));
        tally.rank(relevant.len(), &ranked(relevant, passages));
        tally.time(took);
        Ok(())
    }

    fn question(&self, case: &Case) -> Question {
        Question {
            id: self.answerer.request(),
            text: case.question.clone(),
            mode: self.mode,
            scope: Scope::default(),
            top_k: TOP_K,
        }
    }

    fn documents_by_name(&self) -> Vec<(String, DocumentId)> {
        let documents = self.catalogue.documents();
        documents.iter().map(|found| (found.card.name.clone(), found.row.document)).collect()
    }
}

/// Which passages, in rank order, hold gold text.
fn ranked<'a>(
    relevant: &[suite::Gold],
    passages: impl Iterator<Item = (DocumentId, &'a str)>,
) -> Vec<bool> {
    let is_gold = |(document, text)| relevant.iter().any(|gold| gold.is_in(document, text));
    passages.map(is_gold).collect()
}
