//! Documents, pages and past answers, each recorded before it is shown.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::audit::{Added, Event, Log, Recorded, What};
use crate::catalogue::{Catalogue, CatalogueError, Document, Subjects};
use crate::document::render_page;
use crate::domain::answer::Answer;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::document::Rect;
use crate::domain::ids::{DocumentId, RequestId};
use crate::domain::principal::{Emergency, Subject};
use crate::domain::question::Scope;
use crate::policy::{Action, Permit, Policies};
use crate::store::{AnswerRow, State, Vault};

use super::{Asker, Parts, ReadError, Released, cite, events, history};

/// Width of page pictures in pixels: sharp on a wide screen, 300 to 500 kB.
const PICTURE_WIDTH: u32 = 1_240;

/// One page of a document, for the viewer.
#[derive(Clone, Debug)]
pub struct PageView {
    /// The document.
    pub document: Arc<Document>,
    /// Page number from 1.
    pub page: u32,
    /// The page's text, as spans count it.
    pub text: String,
    /// Width and height in points; `None` for documents without pictures.
    pub size: Option<[f32; 2]>,
    /// Boxes of the asked-for range.
    pub boxes: Vec<Rect>,
}

/// A document, and the question that led to it: what was declared with the question (purpose,
/// matter, patient) holds for what is opened from its answer.
#[derive(Clone, Copy, Debug)]
pub struct Sought {
    /// The document.
    pub document: DocumentId,
    /// The question, of the same person.
    pub query: Option<RequestId>,
}

impl From<DocumentId> for Sought {
    fn from(document: DocumentId) -> Self {
        Self { document, query: None }
    }
}

/// Shows documents page by page, to those who may see them, each view on record first.
pub struct Reader {
    /// Decides.
    pub policies: Policies,
    /// Records.
    pub log: Log,
    /// Holds the questions.
    pub vault: Vault,
    /// Knows the answers.
    pub state: State,
    /// Knows the documents.
    pub catalogue: Arc<Catalogue>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Reader {
    /// The documents that this person may see, by title; all of them where the policy lets this
    /// person read the catalogue.
    ///
    /// # Errors
    /// [`ReadError`] where the listing cannot be recorded.
    pub fn documents(&self, asker: &Asker) -> Result<Recorded<Vec<Arc<Document>>>, ReadError> {
        let mut documents = self.catalogue.documents();
        if self.policies.may(&asker.principal, Action::ListDocuments).is_err() {
            let opens = self.opens(asker);
            documents.retain(|document| opens(document));
        }
        documents
            .sort_by(|a, b| (&a.card.title, a.row.document).cmp(&(&b.card.title, b.row.document)));
        let listed = u32::try_from(documents.len()).unwrap_or(u32::MAX);
        Ok(self.record(asker, What::DocumentsListed { documents: listed }, documents)?)
    }

    /// Tells which documents this person may open, not merely see listed.
    pub fn opens(&self, asker: &Asker) -> impl Fn(&Document) -> bool {
        let permit = self.permit(asker, &Scope::default()).ok();
        let decided = permit.map(|permit| (self.policies.again(&permit), permit));
        move |document| {
            decided.as_ref().is_some_and(|(again, permit)| {
                permit.allows(document.row.class) && again.permits(&document.card.labels)
            })
        }
    }

    /// One page with its text and the boxes of `range`.
    ///
    /// # Errors
    /// [`ReadError::NotFound`] where there is none, or none for this person.
    pub fn page(
        &self,
        asker: &Asker,
        sought: impl Into<Sought>,
        page: u32,
        range: Option<(u32, u32)>,
    ) -> Result<Recorded<PageView>, ReadError> {
        let (document, query) = self.document(asker, sought.into())?;
        let text = self.catalogue.text(&document)?;
        let text = text.page(page).ok_or(ReadError::NotFound)?.text.clone();
        let geometry = cite::geometry(&self.catalogue, document.row.document)?;
        let size = geometry.as_ref().and_then(|geometry| geometry.page_size(page));
        let boxes = match (&geometry, range) {
            (Some(geometry), Some((start, end))) => geometry.boxes(page, start, end),
            (Some(_) | None, _) => Vec::new(),
        };
        let what = viewed(asker, &document, page, query);
        Ok(self.record(asker, what, PageView { document, page, text, size, boxes })?)
    }

    /// The picture of one page, as PNG.
    ///
    /// # Errors
    /// [`ReadError::NotFound`] where there is none, or none for this person.
    pub fn picture(
        &self,
        asker: &Asker,
        sought: impl Into<Sought>,
        page: u32,
    ) -> Result<Recorded<Vec<u8>>, ReadError> {
        let (document, query) = self.document(asker, sought.into())?;
        if document.card.kind != "pdf" || page == 0 || page > document.row.pages {
            return Err(ReadError::NotFound);
        }
        let original = self.catalogue.original(&document)?;
        let picture =
            render_page(&original, document.card.password.as_deref(), page, PICTURE_WIDTH)?;
        Ok(self.record(asker, viewed(asker, &document, page, query), picture)?)
    }

    /// The text of every page.
    ///
    /// # Errors
    /// [`ReadError::NotFound`] where there is none, or none for this person.
    pub fn pages(
        &self,
        asker: &Asker,
        sought: impl Into<Sought>,
    ) -> Result<Recorded<Arc<crate::domain::document::DocumentText>>, ReadError> {
        let (document, query) = self.document(asker, sought.into())?;
        let text = self.catalogue.text(&document)?;
        Ok(self.record(asker, viewed(asker, &document, 0, query), text)?)
    }

    /// An active document that this person may see, and the question that led to it where that
    /// has ended: until then, what was declared with it counts for nothing.
    fn document(
        &self,
        asker: &Asker,
        sought: Sought,
    ) -> Result<(Arc<Document>, Option<RequestId>), ReadError> {
        let document = self.catalogue.document(sought.document).ok_or(ReadError::NotFound)?;
        let row = sought.query.map(|query| self.state.answers().get(&query)).transpose()?.flatten();
        let scope = match &row {
            Some(row) => self.declared(asker, row)?,
            None => Scope::default(),
        };
        let permit = self.permit(asker, &scope)?;
        if self.sees(&permit, &document) {
            Ok((document, row.map(|row| row.query)))
        } else {
            Err(ReadError::NotFound)
        }
    }

    /// What this person declared with a question that has an answer.
    fn declared(&self, asker: &Asker, row: &AnswerRow) -> Result<Scope, ReadError> {
        let answer = open_answer(&self.log, &self.vault, asker, row)?;
        let question = history::question(&self.log, &self.vault, asker, &answer)?;
        Ok(question.map(|question| question.scope).unwrap_or_default())
    }

    fn permit(&self, asker: &Asker, scope: &Scope) -> Result<Permit, ReadError> {
        let classes = self.catalogue.classes();
        self.policies
            .permit(&asker.principal, Action::ViewPage, scope, &classes)
            .map_err(|_| ReadError::NotFound)
    }

    fn sees(&self, permit: &Permit, document: &Document) -> bool {
        permit.allows(document.row.class)
            && self.policies.decide_again(permit, &document.card.labels)
    }

    fn record<T>(
        &self,
        asker: &Asker,
        what: What,
        value: T,
    ) -> Result<Recorded<T>, crate::audit::AppendError> {
        let req = RequestId::fresh(self.clock.now(), self.entropy.as_ref());
        let policy = Some(self.policies.digest());
        self.log.record(Event { actor: asker.actor.clone(), req, policy, what }, value)
    }
}

fn viewed(asker: &Asker, document: &Document, page: u32, query: Option<RequestId>) -> What {
    let Subjects { matter, patient } = document.subjects.clone();
    let labels = &document.card.labels;
    let opens = |one: &&Emergency| match &one.subject {
        Subject::Matter(name) => labels.matter.as_ref() == Some(name),
        Subject::Patient(name) => labels.patient.as_ref() == Some(name),
    };
    let emergency = Added(asker.principal.emergencies.iter().find(opens).map(|one| one.id));
    let document = document.row.token.clone();
    What::DocumentViewed { document, page, query, matter, patient, emergency }
}

/// A past answer, for its asker alone, and only while they may see all that it was made from;
/// reading it is itself recorded.
pub(super) fn past(parts: &Parts, asker: &Asker, query: RequestId) -> Result<Released, ReadError> {
    let row = parts.state.answers().get(&query)?.ok_or(ReadError::NotFound)?;
    let answer = open_answer(&parts.log, &parts.vault, asker, &row)?;
    if !may_reread(parts, asker, &answer)? {
        return Err(ReadError::NotFound);
    }
    let req = RequestId::fresh(parts.clock.now(), parts.entropy.as_ref());
    let emergency = events::marks(&asker.principal);
    let what = What::AnswerReread { entry: row.entry, emergency };
    let event =
        Event { actor: asker.actor.clone(), req, policy: Some(parts.policies.digest()), what };
    Ok(parts.log.record(event, answer)?)
}

/// Decides again about every document that stands in an answer, also one that was deleted since.
fn may_reread(parts: &Parts, asker: &Asker, answer: &Answer) -> Result<bool, ReadError> {
    let cited = answer.sentences.iter().flat_map(|sentence| &sentence.citations);
    let found = answer.evidence.iter().map(|item| item.document);
    let documents: BTreeSet<_> = found.chain(cited.map(|cited| cited.document)).collect();
    if documents.is_empty() {
        return Ok(true);
    }
    let question = history::question(&parts.log, &parts.vault, asker, answer)?;
    let scope = question.map(|question| question.scope).unwrap_or_default();
    let again = parts.policies.afresh(&asker.principal, Action::Ask, &scope);
    let Ok(again) = again else { return Ok(false) };
    for document in documents {
        let kept = parts.catalogue.kept_document(document)?;
        if !kept.is_some_and(|kept| again.permits(&kept.card.labels)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Opens the answer that a row tells of; [`ReadError::NotFound`] for anyone but its asker.
fn open_answer(
    log: &Log,
    vault: &Vault,
    asker: &Asker,
    row: &AnswerRow,
) -> Result<Answer, ReadError> {
    let record = log.read(row.entry).map_err(CatalogueError::from)?;
    if record.actor_id() != asker.actor.id.as_str() {
        return Err(ReadError::NotFound);
    }
    let bytes = vault.open_payload(&row.answer)?;
    let mut answer: Answer = serde_json::from_slice(&bytes).map_err(|_| ReadError::NotFound)?;
    answer.entries.terminal = Some(row.entry);
    Ok(answer)
}
