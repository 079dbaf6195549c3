//! Which documents and open questions does the log say there are, and what do the documents say?
//!
//! A view: every fact in it follows from log entries, applied in order by [`Catalogue::catch_up`],
//! which start-up and normal running both call. Texts come from the vault and are cached.
//!
//! Trust: the log says what is there; the vault's commitments say that a text is the one that was
//! taken in. Does not do: deciding who may see a document (`policy`), searching (`index`).

mod apply;
mod cache;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::audit::{Log, ReadError};
use crate::domain::access::{AccessClass, Labels};
use crate::domain::classes::ClassList;
use crate::domain::document::{DocumentCard, DocumentText};
use crate::domain::ids::{DocumentId, EntryIndex, Generation, RequestId};
use crate::domain::payload::{PayloadRef, Token, TokenKind};
use crate::store::{DocumentRow, RevealError, State, StateError, Vault};

use cache::Cache;

/// A document that the log says is active.
#[derive(Clone, Debug)]
pub struct Document {
    /// Where its parts lie.
    pub row: DocumentRow,
    /// What is known about it.
    pub card: DocumentCard,
    /// Its matter and its patient, as the log names them.
    pub subjects: Subjects,
}

/// The matter and the patient of a document, as keyed tokens.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Subjects {
    /// The matter that it belongs to.
    pub matter: Option<Token>,
    /// The patient that it is about.
    pub patient: Option<Token>,
}

impl Subjects {
    fn of(labels: &Labels, vault: &Vault) -> Self {
        let token = |kind, name: &Option<String>| name.as_deref().map(|n| vault.token(kind, n));
        Self {
            matter: token(TokenKind::Matter, &labels.matter),
            patient: token(TokenKind::Patient, &labels.patient),
        }
    }
}

/// Why the view could not be brought up to date or read.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// A log entry could not be read: stop and verify the log.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// A log entry does not have the form its type asks for: stop and verify the log.
    #[error("entry {entry} names no request")]
    Entry {
        /// The entry.
        entry: EntryIndex,
    },
    /// The state database failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// Contents in the vault could not be opened.
    #[error("contents of document {document} could not be read: {source}")]
    Contents {
        /// Short id of the document.
        document: String,
        /// Why.
        source: RevealError,
    },
    /// Stored contents do not have the expected form.
    #[error("contents of document {document} are not in a known form")]
    Form {
        /// Short id of the document.
        document: String,
        /// What the decoder said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The view and the texts behind it. Cheap to share behind an `Arc`.
pub struct Catalogue {
    state: State,
    vault: Vault,
    log: Log,
    documents: RwLock<BTreeMap<DocumentId, Arc<Document>>>,
    classes: RwLock<ClassList>,
    texts: Cache<DocumentText>,
    geometries: Cache<Vec<u8>>,
    applying: Mutex<()>,
}

impl Catalogue {
    /// Opens the view and brings it up to date with the log.
    ///
    /// # Errors
    /// [`CatalogueError`] where the log, the state or the vault cannot be read.
    pub fn open(state: State, vault: Vault, log: Log) -> Result<Self, CatalogueError> {
        let catalogue = Self {
            state,
            vault,
            log,
            documents: RwLock::default(),
            classes: RwLock::default(),
            texts: Cache::new(cache::TEXT_BYTES_MAX),
            geometries: Cache::new(cache::GEOMETRY_BYTES_MAX),
            applying: Mutex::default(),
        };
        for row in catalogue.state.documents().list()? {
            if row.deleted.is_none() {
                catalogue.show(row)?;
            }
        }
        catalogue.reload_classes()?;
        catalogue.catch_up()?;
        Ok(catalogue)
    }

    /// Applies every entry that is in the log and not yet in the view.
    ///
    /// # Errors
    /// [`CatalogueError`]: the view stays as far as it came.
    pub fn catch_up(&self) -> Result<(), CatalogueError> {
        let _turn = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        apply::catch_up(self)
    }

    /// The active document with this id.
    pub fn document(&self, id: DocumentId) -> Option<Arc<Document>> {
        self.documents.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Every active document, by id.
    pub fn documents(&self) -> Vec<Arc<Document>> {
        self.documents.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Every document whose contents are kept, deleted ones too, with its labels; by token.
    ///
    /// # Errors
    /// [`CatalogueError`] where a row or a card cannot be read.
    pub fn kept(&self) -> Result<Vec<Document>, CatalogueError> {
        let rows = self.state.documents().list()?;
        let kept = rows.into_iter().map(|row| match self.document(row.document) {
            Some(shown) if shown.row == row => Ok(Some((*shown).clone())),
            Some(_) | None => self.read(row),
        });
        kept.filter_map(Result::transpose).collect()
    }

    /// One of those that [`Self::kept`] tells of.
    ///
    /// # Errors
    /// [`CatalogueError`] where its row or card cannot be read.
    pub fn kept_document(&self, id: DocumentId) -> Result<Option<Document>, CatalogueError> {
        if let Some(shown) = self.document(id) {
            return Ok(Some((*shown).clone()));
        }
        let token = self.vault.token(TokenKind::Document, &id.to_string());
        let row = self.state.documents().get(&token)?;
        row.map_or(Ok(None), |row| self.read(row))
    }

    /// Forgets a document for good, after its keys are gone: its row, its texts in memory.
    ///
    /// # Errors
    /// [`CatalogueError::State`]; safe to repeat.
    pub fn forget(&self, token: &Token) -> Result<(), CatalogueError> {
        if let Some(row) = self.state.documents().get(token)? {
            self.hide(row.document);
        }
        Ok(self.state.documents().delete(token)?)
    }

    /// Forgets the labels of access classes; see [`crate::store::Classes::forget`].
    ///
    /// # Errors
    /// [`CatalogueError::State`]; safe to repeat.
    pub fn forget_labels(&self, is_erased: impl Fn(&Labels) -> bool) -> Result<(), CatalogueError> {
        self.state.classes().forget(is_erased)?;
        self.reload_classes()
    }

    /// Every access class with its labels.
    pub fn classes(&self) -> ClassList {
        self.classes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The class of these labels; a new class is durable before this returns.
    ///
    /// # Errors
    /// [`CatalogueError::State`] where it could not be stored.
    pub fn class_of(&self, labels: &Labels) -> Result<AccessClass, CatalogueError> {
        let class = self.state.classes().class_of(labels)?;
        self.reload_classes()?;
        Ok(class)
    }

    /// The highest generation whose activation is in the log.
    pub fn visible_through(&self) -> Generation {
        let documents = self.documents.read().unwrap_or_else(PoisonError::into_inner);
        documents.values().map(|document| document.row.generation).max().unwrap_or_default()
    }

    /// The access class of a document, where this generation of it is active.
    pub fn active_class(
        &self,
        document: DocumentId,
        generation: Generation,
    ) -> Option<AccessClass> {
        let found = self.document(document).filter(|found| found.row.generation == generation);
        found.map(|found| found.row.class)
    }

    /// The pages and passages of an active document.
    ///
    /// # Errors
    /// [`CatalogueError::Contents`] where its key is gone or its bytes are damaged.
    pub fn text(&self, document: &Document) -> Result<Arc<DocumentText>, CatalogueError> {
        let id = document.row.document;
        self.texts.get_or(id, || {
            let bytes = self.contents(document, &document.row.text)?;
            let text = postcard::from_bytes(&bytes).map_err(|e| form(id, e))?;
            Ok((text, bytes.len()))
        })
    }

    /// The stored geometry of an active document, as `document::Geometry` wrote it; `None` for
    /// documents without page pictures.
    ///
    /// # Errors
    /// [`CatalogueError::Contents`] where its key is gone or its bytes are damaged.
    pub fn geometry(&self, document: &Document) -> Result<Option<Arc<Vec<u8>>>, CatalogueError> {
        let Some(payload) = &document.row.geometry else { return Ok(None) };
        let bytes =
            self.geometries.get_or(document.row.document, || -> Result<_, CatalogueError> {
                let bytes = self.contents(document, payload)?;
                let len = bytes.len();
                Ok((bytes.to_vec(), len))
            })?;
        Ok(Some(bytes))
    }

    /// The original bytes of an active document.
    ///
    /// # Errors
    /// [`CatalogueError::Contents`] where its key is gone or its bytes are damaged.
    pub fn original(&self, document: &Document) -> Result<Vec<u8>, CatalogueError> {
        Ok(self.contents(document, &document.row.original)?.to_vec())
    }

    /// Contents of an active document as they were sealed, to be sealed anew.
    ///
    /// # Errors
    /// [`CatalogueError::Contents`] where its key is gone or its bytes are damaged.
    pub fn contents_of(
        &self,
        document: &Document,
        payload: &PayloadRef,
    ) -> Result<Vec<u8>, CatalogueError> {
        Ok(self.contents(document, payload)?.to_vec())
    }

    /// Questions that were received and have no terminal entry: after a crash, those to close.
    ///
    /// # Errors
    /// [`CatalogueError::State`].
    pub fn open_questions(&self) -> Result<Vec<RequestId>, CatalogueError> {
        Ok(self.state.open_queries().list()?)
    }

    /// Whether the log says that a server began and not how it ended: it runs, or it was cut off.
    ///
    /// # Errors
    /// [`CatalogueError::State`].
    pub fn is_serving(&self) -> Result<bool, CatalogueError> {
        Ok(self.state.meta().serving()?)
    }

    /// Entry up to which the view is current.
    ///
    /// # Errors
    /// [`CatalogueError::State`].
    pub fn applied_through(&self) -> Result<Option<EntryIndex>, CatalogueError> {
        Ok(self.state.meta().applied_through()?)
    }

    fn contents(
        &self,
        document: &Document,
        payload: &PayloadRef,
    ) -> Result<impl std::ops::Deref<Target = Vec<u8>> + use<>, CatalogueError> {
        self.vault.open_payload(payload).map_err(|source| CatalogueError::Contents {
            document: document.row.document.0.short(),
            source,
        })
    }

    /// Makes a row visible: reads its card and puts both into the map.
    fn show(&self, row: DocumentRow) -> Result<(), CatalogueError> {
        if let Some(document) = self.read(row)? {
            let mut documents = self.documents.write().unwrap_or_else(PoisonError::into_inner);
            documents.insert(document.row.document, Arc::new(document));
        }
        Ok(())
    }

    /// A row with its card; `None` where it was erased: what was erased stays out of sight.
    fn read(&self, row: DocumentRow) -> Result<Option<Document>, CatalogueError> {
        let id = row.document;
        let bytes = match self.vault.open_payload(&row.card) {
            Ok(bytes) => bytes,
            Err(RevealError::Erased) => return Ok(None),
            Err(source) => {
                return Err(CatalogueError::Contents { document: id.0.short(), source });
            }
        };
        let card: DocumentCard = serde_json::from_slice(&bytes).map_err(|e| form(id, e))?;
        let subjects = Subjects::of(&card.labels, &self.vault);
        Ok(Some(Document { row, card, subjects }))
    }

    fn hide(&self, id: DocumentId) {
        self.documents.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.texts.forget(id);
        self.geometries.forget(id);
    }

    fn reload_classes(&self) -> Result<(), CatalogueError> {
        let classes = self.state.classes().all()?;
        *self.classes.write().unwrap_or_else(PoisonError::into_inner) = classes;
        Ok(())
    }
}

fn form(id: DocumentId, source: impl std::error::Error + Send + Sync + 'static) -> CatalogueError {
    CatalogueError::Form { document: id.0.short(), source: Box::new(source) }
}
