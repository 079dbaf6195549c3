//! Documents, pages and past answers, each recorded before it is shown.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::audit::{Actor, Added, AppendError, Event, Log, Recorded, What};
use crate::catalogue::{Catalogue, CatalogueError, Document, Subjects};
use crate::document::Sandbox;
use crate::domain::access::Labels;
use crate::domain::answer::Answer;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::document::Rect;
use crate::domain::ids::{DocumentId, RequestId};
use crate::domain::payload::{Token, TokenKind};
use crate::domain::principal::{Emergency, Subject};
use crate::domain::question::Scope;
use crate::policy::{Action, Permit, Policies};
use crate::store::{AnswerRow, State, Vault};

use super::denials::Untold;
use super::{Asker, Denials, Parts, ReadError, Released, cite, events, history};

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
    /// How sure recognition is of the least sure word in it; `None` where none was recognised.
    pub confidence: Option<f32>,
}

/// A document, and how somebody came to it: with a declaration of its own, or from the answer to a
/// question, whose purpose, matter and patient hold for what is opened from it.
#[derive(Clone, Debug)]
pub struct Sought {
    /// The document.
    pub document: DocumentId,
    /// The question, of the same person.
    pub query: Option<RequestId>,
    /// What is declared now; where that is nothing, what was declared with the question counts.
    pub scope: Scope,
}

/// A document that this person may see, and what they declared to see it.
struct Found {
    document: Arc<Document>,
    query: Option<RequestId>,
    scope: Scope,
}

impl From<DocumentId> for Sought {
    fn from(document: DocumentId) -> Self {
        Self { document, query: None, scope: Scope::default() }
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
    /// Draws pages.
    pub sandbox: Sandbox,
    /// What was denied lately.
    pub denials: Denials,
}

impl Reader {
    /// The documents that this person may see, by title; where the policy lets this person read
    /// the catalogue, all but those that a wall or a conflict keeps from them.
    ///
    /// # Errors
    /// [`ReadError`] where the listing cannot be recorded.
    pub fn documents(&self, asker: &Asker) -> Result<Recorded<Vec<Arc<Document>>>, ReadError> {
        self.documents_for(asker, &Scope::default())
    }

    /// [`Self::documents`], with what the person declares: some documents open for a purpose alone.
    ///
    /// # Errors
    /// As [`Self::documents`].
    pub fn documents_for(
        &self,
        asker: &Asker,
        scope: &Scope,
    ) -> Result<Recorded<Vec<Arc<Document>>>, ReadError> {
        let mut documents = self.catalogue.documents();
        let shows = self.shows(asker, scope);
        documents.retain(|document| shows(document));
        documents
            .sort_by(|a, b| (&a.card.title, a.row.document).cmp(&(&b.card.title, b.row.document)));
        let listed = u32::try_from(documents.len()).unwrap_or(u32::MAX);
        let what = What::DocumentsListed {
            documents: listed,
            purpose: Added(scope.purpose.clone()),
            declared: self.declared(scope),
        };
        Ok(self.record(asker, what, documents)?)
    }

    /// Tells which documents this person may see listed.
    pub fn shows(&self, asker: &Asker, scope: &Scope) -> impl Fn(&Document) -> bool + use<> {
        let lists = self.policies.may(&asker.principal, Action::ListDocuments).is_ok();
        let screen = self.policies.screen(&asker.principal);
        let opens = self.opens(asker, scope);
        // Whoever keeps the catalogue does not keep what a wall keeps from them.
        move |document| match lists {
            true => !screen.keeps_away(&document.card.labels),
            false => opens(document),
        }
    }

    /// Tells which documents this person may open, not merely see listed.
    pub fn opens(&self, asker: &Asker, scope: &Scope) -> impl Fn(&Document) -> bool + use<> {
        let permit = self.permit(asker, scope).ok();
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
        let found = self.document(asker, sought.into())?;
        let document = Arc::clone(&found.document);
        let text = self.catalogue.text(&document)?;
        let text = text.page(page).ok_or(ReadError::NotFound)?.text.clone();
        let geometry = cite::geometry(&self.catalogue, document.row.document)?;
        let size = geometry.as_ref().and_then(|geometry| geometry.page_size(page));
        let (boxes, confidence) = match (&geometry, range) {
            (Some(geometry), Some((start, end))) => {
                (geometry.boxes(page, start, end), geometry.confidence(page, start, end))
            }
            (Some(_) | None, _) => (Vec::new(), None),
        };
        let what = self.viewed(asker, found, page);
        Ok(self.record(asker, what, PageView { document, page, text, size, boxes, confidence })?)
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
        let found = self.document(asker, sought.into())?;
        let document = &found.document;
        if document.card.kind != "pdf" || page == 0 || page > document.row.pages {
            return Err(ReadError::NotFound);
        }
        let original = self.catalogue.original(document)?;
        let password = document.card.password.as_deref();
        let picture = self.sandbox.render_page(&original, password, page, PICTURE_WIDTH)?;
        Ok(self.record(asker, self.viewed(asker, found, page), picture)?)
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
        let found = self.document(asker, sought.into())?;
        let text = self.catalogue.text(&found.document)?;
        Ok(self.record(asker, self.viewed(asker, found, 0), text)?)
    }

    /// An active document that this person may see. That there is none, or none for them, is on
    /// record and takes as long.
    fn document(&self, asker: &Asker, sought: Sought) -> Result<Found, ReadError> {
        let asked = sought.document;
        let sought = self.seek(asker, sought);
        if matches!(sought, Err(ReadError::NotFound)) {
            self.note_denied(asker, asked)?;
        }
        sought
    }

    fn seek(&self, asker: &Asker, sought: Sought) -> Result<Found, ReadError> {
        let row = sought.query.map(|query| self.state.answers().get(&query)).transpose()?.flatten();
        // Until a question has ended, what was declared with it counts for nothing.
        let earlier = row.as_ref().map(|row| self.declared_with(asker, row)).transpose()?;
        let is_silent = sought.scope == Scope::default();
        let scope = earlier.filter(|_| is_silent).unwrap_or(sought.scope);
        let permit = self.permit(asker, &scope)?;
        let found = self.catalogue.document(sought.document);
        // Decided first, also where there is none: then about labels that are nobody's, and as many as
        // those of most that are forbidden, as each of them takes its time.
        let nobodys = Labels { matter: Some("nobody's".to_owned()), ..Labels::internal() };
        let labels = found.as_ref().map_or(&nobodys, |document| &document.card.labels);
        let permits = self.policies.decide_again(&permit, labels);
        let document = found
            .filter(|document| permit.allows(document.row.class) && permits)
            .ok_or(ReadError::NotFound)?;
        Ok(Found { document, query: row.map(|row| row.query), scope })
    }

    /// What this person declared with a question that has an answer.
    fn declared_with(&self, asker: &Asker, row: &AnswerRow) -> Result<Scope, ReadError> {
        let answer = open_answer(&self.log, &self.vault, asker, row)?;
        let question = history::question(&self.log, &self.vault, asker, &answer)?;
        Ok(question.map(|question| question.scope).unwrap_or_default())
    }

    /// Records that somebody asked for what is not there for them, as often as is of use.
    fn note_denied(&self, asker: &Asker, asked: DocumentId) -> Result<(), ReadError> {
        match self.denials.note(&asker.actor, asked, self.clock.now()) {
            Some(untold) => self.tell_denied(&asker.actor, asked, untold),
            None => Ok(()),
        }
    }

    /// Records the denied views that have no entry of their own and that no other one counts yet: of
    /// people whose hour is over, or, as a program ends, of all.
    ///
    /// # Errors
    /// [`ReadError`] where the log does not take it.
    pub fn tell_untold(&self, of_all: bool) -> Result<(), ReadError> {
        let untold = self.denials.take_untold(self.clock.now(), of_all);
        let tell = |one: &Untold| self.tell_denied(&one.actor, one.asked, one.before);
        untold.iter().try_for_each(tell)
    }

    fn tell_denied(&self, actor: &Actor, asked: DocumentId, untold: u64) -> Result<(), ReadError> {
        let found = self.catalogue.document(asked);
        let Subjects { matter, patient } =
            found.map(|document| document.subjects.clone()).unwrap_or_default();
        let document = self.vault.token(TokenKind::Document, &asked.to_string());
        let what = What::DocumentDenied { document, matter, patient, untold };
        Ok(self.record_by(actor, what, ()).map(drop)?)
    }

    fn permit(&self, asker: &Asker, scope: &Scope) -> Result<Permit, ReadError> {
        let classes = self.catalogue.classes();
        self.policies
            .permit(&asker.principal, Action::ViewPage, scope, &classes)
            .map_err(|_| ReadError::NotFound)
    }

    fn viewed(&self, asker: &Asker, found: Found, page: u32) -> What {
        let Found { document, query, scope } = found;
        let Subjects { matter, patient } = document.subjects.clone();
        let labels = &document.card.labels;
        let opens = |one: &&Emergency| match &one.subject {
            Subject::Matter(name) => labels.matter.as_ref() == Some(name),
            Subject::Patient(name) => labels.patient.as_ref() == Some(name),
        };
        let emergency = Added(asker.principal.emergencies.iter().find(opens).map(|one| one.id));
        What::DocumentViewed {
            document: document.row.token.clone(),
            page,
            query,
            matter,
            patient,
            emergency,
            declared: self.declared(&scope),
            purpose: Added(scope.purpose),
        }
    }

    /// The matter and patient that were declared, as the log names them.
    fn declared(&self, scope: &Scope) -> Added<Vec<Token>> {
        let named = [(TokenKind::Matter, &scope.matter), (TokenKind::Patient, &scope.patient)];
        let tokens: Vec<_> = named
            .into_iter()
            .filter_map(|(kind, name)| Some(self.vault.token(kind, name.as_deref()?)))
            .collect();
        Added((!tokens.is_empty()).then_some(tokens))
    }

    fn record<T>(&self, asker: &Asker, what: What, value: T) -> Result<Recorded<T>, AppendError> {
        self.record_by(&asker.actor, what, value)
    }

    fn record_by<T>(
        &self,
        actor: &Actor,
        what: What,
        value: T,
    ) -> Result<Recorded<T>, AppendError> {
        let req = RequestId::fresh(self.clock.now(), self.entropy.as_ref());
        let policy = Some(self.policies.digest());
        self.log.record(Event { actor: actor.clone(), req, policy, what }, value)
    }
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
