//! Asking, past answers, and the questions asked before.

use std::ops::ControlFlow;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::Deserialize;

use crate::answer::{Asked, Progress};
use crate::domain::answer::{Answer, Outcome};
use crate::domain::ids::{EntryIndex, RequestId};
use crate::domain::limits::TOP_K_DEFAULT;
use crate::domain::principal::Principal;
use crate::domain::question::{Mode, Question, QuestionText, Scope};
use crate::http::problem::blocking;
use crate::http::{Caller, Kind, Problem, UseCases, enter};
use crate::policy::Action;

use super::address;
use super::pages::{allows, frame, require, show, show_as};
use super::views::{
    AnswerView, AskForm, AskPage, Moment, Pager, Place, QuestionsPage, RecentQuestion, Suggestions,
};

/// Questions shown under the form.
const RECENT: usize = 4;
/// Last entries of the log in which they are looked for.
const RECENT_ENTRIES: u64 = 2_048;
/// Questions of one page of the list.
const LISTED: usize = 25;
/// Entries of the log that one page of the list reads.
const LISTED_ENTRIES: u64 = 16_384;
/// Said in place of words whose key was destroyed.
const ERASED: &str = "The words of this question were erased.";

/// The form as it is sent.
#[derive(Deserialize)]
pub(super) struct Sent {
    question: String,
    #[serde(default)]
    matter: String,
    #[serde(default)]
    patient: String,
    #[serde(default)]
    purpose: String,
    #[serde(default)]
    csrf: String,
}

#[derive(Deserialize)]
pub(super) struct Before {
    before: Option<u64>,
}

impl Sent {
    fn question(&self, id: RequestId) -> Result<Question, String> {
        let text = QuestionText::try_from(self.question.clone()).map_err(|e| e.to_string())?;
        let [purpose, matter, patient] =
            [&self.purpose, &self.matter, &self.patient].map(|text| Some(text.clone()));
        let scope = Scope { purpose, matter, patient }.declared().map_err(|e| e.to_string())?;
        Ok(Question { id, text, mode: Mode::Auto, scope, top_k: TOP_K_DEFAULT })
    }

    fn form(self, problem: Option<String>) -> AskForm {
        let Self { question, matter, patient, purpose, csrf: _ } = self;
        AskForm { question, matter, patient, purpose, problem }
    }
}

/// `GET /ask`.
pub(super) async fn show_ask(
    cases: web::Data<UseCases>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let page = blocking(move || {
        require(&cases, &caller, Action::Ask)?;
        let recent = recent(&cases, &caller)?;
        Ok(AskPage { recent, ..page(&cases, &caller, AskForm::default()) })
    })
    .await?;
    show(&page)
}

/// `POST /ask`: for browsers without scripts; with them the same goes through the API.
pub(super) async fn ask(
    cases: web::Data<UseCases>,
    caller: Caller,
    sent: web::Form<Sent>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf(Some(&sent.csrf))?;
    let sent = sent.into_inner();
    let question = match sent.question(cases.answerer.request()) {
        Ok(question) => question,
        Err(problem) => {
            let page = page(&cases, &caller, sent.form(Some(problem)));
            return show_as(StatusCode::BAD_REQUEST, &page);
        }
    };
    let place = enter(&cases)?;
    let (page, outcome) = blocking(move || {
        let _place = place;
        let mut listen = |_: Progress<'_>| ControlFlow::Continue(());
        let released = cases.answerer.ask(&caller.asker(), &question, &mut listen)?;
        let form = sent.form(None);
        let page = answered(&cases, &caller, form, &released, question.text.as_str());
        Ok((page, released.outcome))
    })
    .await?;
    let status = match outcome {
        Outcome::Answered | Outcome::Refused => StatusCode::OK,
        Outcome::Denied => StatusCode::FORBIDDEN,
        Outcome::Failed => StatusCode::SERVICE_UNAVAILABLE,
    };
    show_as(status, &page)
}

/// `GET /ask/{query}`: a past answer, for the person who asked.
pub(super) async fn show_answer(
    cases: web::Data<UseCases>,
    caller: Caller,
    query: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let page = blocking(move || {
        let missing = |_| Problem::new(Kind::NotFound, "There is no such question of yours.");
        let query: RequestId = query.parse().map_err(missing)?;
        let asker = caller.asker();
        let released = cases.answerer.past(&asker, query)?;
        let question = cases.answerer.question(&asker, &released)?;
        let words = question.as_ref().map_or(ERASED, |question| question.text.as_str()).to_owned();
        let scope = question.map(|question| question.scope).unwrap_or_default();
        let form = AskForm {
            matter: scope.matter.unwrap_or_default(),
            patient: scope.patient.unwrap_or_default(),
            purpose: scope.purpose.unwrap_or_default(),
            ..AskForm::default()
        };
        Ok(answered(&cases, &caller, form, &released, &words))
    })
    .await?;
    show(&page)
}

/// `GET /questions?before=INDEX`: this person's questions, as far back as they like.
pub(super) async fn list_questions(
    cases: web::Data<UseCases>,
    caller: Caller,
    query: web::Query<Before>,
) -> Result<HttpResponse, Problem> {
    let page = blocking(move || {
        let before = query.before.map(EntryIndex);
        let answerer = &cases.answerer;
        let found = answerer.history(&caller.asker(), before, LISTED_ENTRIES, LISTED)?;
        let older = found
            .before
            .map(|at| address::with_query("/questions", &[("before", &at.to_string())]));
        let pager =
            Pager { newer: before.map(|_| "/questions".to_owned()), older, range: String::new() };
        let questions = found.asked.into_iter().map(line).collect();
        Ok(QuestionsPage { frame: frame(&cases, &caller, Some(Place::Ask)), questions, pager })
    })
    .await?;
    show(&page)
}

fn page(cases: &UseCases, caller: &Caller, form: AskForm) -> AskPage {
    AskPage {
        frame: frame(cases, caller, Some(Place::Ask)),
        form,
        suggestions: suggestions(&caller.principal),
        answer: None,
        recent: Vec::new(),
        opens_entries: allows(cases, caller, Action::ReadLog),
    }
}

fn answered(
    cases: &UseCases,
    caller: &Caller,
    form: AskForm,
    answer: &Answer,
    words: &str,
) -> AskPage {
    let page = page(cases, caller, AskForm { question: String::new(), ..form });
    AskPage { answer: Some(AnswerView::new(answer, words, page.opens_entries)), ..page }
}

fn recent(cases: &UseCases, caller: &Caller) -> Result<Vec<RecentQuestion>, Problem> {
    let found = cases.answerer.history(&caller.asker(), None, RECENT_ENTRIES, RECENT)?;
    Ok(found.asked.into_iter().map(line).collect())
}

fn line(asked: Asked) -> RecentQuestion {
    RecentQuestion {
        query: asked.query.to_string(),
        question: asked.words.unwrap_or_else(|| ERASED.to_owned()),
        asked: Moment(asked.at),
        outcome: asked.outcome,
    }
}

/// The person's own matters and patients, and the purposes that the built-in policies know
/// (45 CFR 164.506: treatment, payment, health care operations).
fn suggestions(person: &Principal) -> Suggestions {
    let own = |key: &str| {
        person
            .attributes
            .get(key)
            .map(|values| values.iter().cloned().collect())
            .unwrap_or_default()
    };
    Suggestions {
        matters: own("matter"),
        patients: own("patient"),
        purposes: ["treatment", "payment", "operations"].map(str::to_owned).to_vec(),
    }
}
