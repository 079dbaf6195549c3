//! Asking, and the questions asked before.

use askama::Template;

use super::answer::{AnswerView, NoAnswer, SentenceView, SourceView};
use super::frame::{Frame, Moment, Pager};
use crate::domain::answer::Outcome;
use crate::domain::limits::{LABEL_CHARS_MAX, QUESTION_CHARS_MAX};

/// `GET /ask`, and the result of `POST /ask` and of `GET /ask/{query}`.
#[derive(Template)]
#[template(path = "ask.html")]
pub struct AskPage {
    /// What surrounds it.
    pub frame: Frame,
    /// What stands in the form.
    pub form: AskForm,
    /// What the form suggests.
    pub suggestions: Suggestions,
    /// The answer, where one was asked for.
    pub answer: Option<AnswerView>,
    /// The last few questions of this person.
    pub recent: Vec<RecentQuestion>,
    /// Whether this person may open entries of the record.
    pub opens_entries: bool,
}

/// The fields of the form.
#[derive(Clone, Debug, Default)]
pub struct AskForm {
    /// The question.
    pub question: String,
    /// The matter it is asked in.
    pub matter: String,
    /// The patient it is asked about.
    pub patient: String,
    /// Why it is asked.
    pub purpose: String,
    /// Why the form was not taken.
    pub problem: Option<String>,
}

impl AskForm {
    /// Whether a scope was declared: its fields are then shown at once.
    pub fn has_scope(&self) -> bool {
        [&self.matter, &self.patient, &self.purpose].iter().any(|field| !field.is_empty())
    }
}

/// Values offered while typing.
#[derive(Clone, Debug, Default)]
pub struct Suggestions {
    /// Matters of this person.
    pub matters: Vec<String>,
    /// Patients of this person.
    pub patients: Vec<String>,
    /// Purposes that the policies know.
    pub purposes: Vec<String>,
}

impl AskPage {
    /// The longest question that is taken.
    pub fn question_chars_max(&self) -> usize {
        QUESTION_CHARS_MAX
    }

    /// The longest matter, patient or purpose that is taken.
    pub fn label_chars_max(&self) -> usize {
        LABEL_CHARS_MAX
    }

    /// An empty answer, whose markup the script fills.
    pub fn blank(&self) -> AnswerView {
        AnswerView::blank(self.opens_entries)
    }

    /// An empty sentence, for the script.
    pub fn blank_sentence(&self) -> SentenceView {
        SentenceView::blank()
    }

    /// An empty source, for the script.
    pub fn blank_source(&self) -> SourceView {
        SourceView::blank()
    }

    /// What is said for each way of not answering, for the script.
    pub fn no_answers(&self) -> [NoAnswer; 3] {
        [Outcome::Refused, Outcome::Denied, Outcome::Failed]
            .map(|outcome| NoAnswer::of(outcome, None))
    }

    /// The steps of an answer: the word that `progress` events carry, and what people read.
    pub fn phases(&self) -> [(&'static str, &'static str, &'static str); 6] {
        [
            ("permit", "Permit", "Checking what you may see."),
            ("searching", "Searching", "Searching the documents that you may see."),
            ("reading", "Reading", "Reading the passages found; they are in the record now."),
            ("drafting", "Drafting", "Drafting an answer from these passages."),
            ("checking", "Checking", "Checking each sentence against its source."),
            ("sealed", "Sealed", "Sealing it in the record."),
        ]
    }
}

/// A question asked before.
#[derive(Clone, Debug)]
pub struct RecentQuestion {
    /// Its id, for `/ask/{query}`.
    pub query: String,
    /// Its words.
    pub question: String,
    /// When it was asked.
    pub asked: Moment,
    /// How it ended.
    pub outcome: Outcome,
}

impl RecentQuestion {
    /// Whether its answer can be opened again: a denied or unfinished question has none.
    pub fn opens(&self) -> bool {
        matches!(self.outcome, Outcome::Answered | Outcome::Refused)
    }

    /// How it ended, in a word.
    pub fn outcome_word(&self) -> &'static str {
        match self.outcome {
            Outcome::Answered => "Answered",
            Outcome::Refused => "Not answered",
            Outcome::Denied => "Not permitted",
            Outcome::Failed => "Not finished",
        }
    }

    /// How it ended, for the stylesheet.
    pub fn outcome_key(&self) -> &'static str {
        match self.outcome {
            Outcome::Answered => "good",
            Outcome::Refused => "quiet",
            Outcome::Denied | Outcome::Failed => "bad",
        }
    }
}

/// `GET /questions`: every question of this person that is still held.
#[derive(Template)]
#[template(path = "questions.html")]
pub struct QuestionsPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Newest first.
    pub questions: Vec<RecentQuestion>,
    /// Ways to the rest.
    pub pager: Pager,
}
