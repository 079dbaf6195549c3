//! One batch, document by document: parse, keep, index, activate.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::audit::{Event, What};
use crate::catalogue::Document;
use crate::document::{Members, Parsed, Reason, SandboxError, Unreadable, passages};
use crate::domain::access::AccessClass;
use crate::domain::document::{DocumentCard, DocumentText, Passage};
use crate::domain::ids::{DocumentId, EntryIndex, Generation, RequestId};
use crate::domain::payload::TokenKind;
use crate::store::{DocumentRow, KeyScope, VaultError};
use crate::telemetry::Counter;

use super::expand::{Allowance, File};
use super::relabel::owners;
use super::sources::{Read, Source};
use super::{
    BatchOptions, BatchReport, IngestError, Ingested, Knows, Listener, Parts, Quarantined,
};

/// Passages that share one flush: a flush costs about as much as embedding a few passages.
pub(super) const PASSAGES_PER_FLUSH: usize = 512;
/// Documents that share one flush, so that small files become visible soon.
const DOCUMENTS_PER_FLUSH: usize = 64;
/// Passages embedded in one call; bounds memory.
const PASSAGES_PER_EMBEDDING: usize = 64;

/// One run over a list of files.
pub(super) struct Batch<'a> {
    parts: &'a Parts,
    options: &'a BatchOptions,
    knows: &'a Knows<'a>,
    req: RequestId,
    class: AccessClass,
    report: BatchReport,
    group: Option<Group>,
    /// What was told as new although it was here.
    told: HashSet<DocumentId>,
    began: Duration,
}

/// Documents that are in the indexes and wait for their common flush.
struct Group {
    generation: Generation,
    passages: usize,
    documents: Vec<Pending>,
    ids: HashSet<DocumentId>,
}

struct Pending {
    row: DocumentRow,
    size_bytes: u64,
    ingested: Ingested,
}

impl<'a> Batch<'a> {
    pub(super) fn new(
        parts: &'a Parts,
        options: &'a BatchOptions,
        knows: &'a Knows<'a>,
        req: RequestId,
    ) -> Result<Self, IngestError> {
        let class = parts.catalogue.class_of(&options.labels)?;
        let began = parts.clock.steady();
        let (report, group, told) = (BatchReport::default(), None, HashSet::new());
        Ok(Self { parts, options, knows, req, class, report, group, told, began })
    }

    pub(super) fn run(
        mut self,
        sources: Vec<Source>,
        listen: &mut Listener<'_>,
    ) -> Result<BatchReport, IngestError> {
        let total = u32::try_from(sources.len()).unwrap_or(u32::MAX);
        for (source, done) in sources.into_iter().zip(1..) {
            self.take(source)?;
            listen(done, total);
        }
        self.activate()?;
        let took = self.parts.clock.steady().saturating_sub(self.began);
        self.report.duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        Ok(self.report)
    }

    fn take(&mut self, source: Source) -> Result<(), IngestError> {
        let (path, name) = (source.path(), source.name());
        let unreadable = |reason, detail: String| Unreadable { reason, detail };
        let bytes = match source.read() {
            Read::Bytes(bytes) => bytes,
            Read::TooLarge { bytes } => {
                let detail = format!("the file has {bytes} bytes; split it");
                self.submitted();
                return self.quarantine(None, path, bytes, &unreadable(Reason::TooLarge, detail));
            }
            Read::Failed(error) => {
                let reason = unreadable(Reason::Malformed, error.to_string());
                self.submitted();
                return self.quarantine(None, path, 0, &reason);
            }
        };
        self.file(File { path, name, bytes, depth: 0 }, &mut Allowance::default())
    }

    /// Whether a document was taken in in this batch and waits for its flush.
    pub(super) fn is_pending(&self, id: DocumentId) -> bool {
        self.group.as_ref().is_some_and(|group| group.ids.contains(&id))
    }

    /// An active document of these bytes.
    pub(super) fn known(&self, id: DocumentId) -> Option<Arc<Document>> {
        self.parts.catalogue.document(id)
    }

    /// Whether whoever brings the batch may know that it is here; or was told of it as of a new one.
    pub(super) fn may_know(&self, here: &Document) -> bool {
        (self.knows)(here) || self.told.contains(&here.row.document)
    }

    pub(super) fn submitted(&mut self) {
        self.report.submitted += 1;
    }

    pub(super) fn unchanged(&mut self) {
        self.report.submitted += 1;
        self.report.unchanged += 1;
    }

    pub(super) fn parse(&self, bytes: &[u8], name: &str) -> Result<Parsed, SandboxError> {
        self.parts.sandbox.parse(bytes, name, self.options.password.as_deref())
    }

    /// Some of the files within a file.
    pub(super) fn unpack(
        &self,
        bytes: &[u8],
        name: &str,
        from: u32,
    ) -> Result<Option<Members>, SandboxError> {
        self.parts.sandbox.unpack(bytes, name, self.options.password.as_deref(), from)
    }

    /// A document that is here, and that whoever sends its file may not know of: told as a new one,
    /// in words of the file that was sent, and left as it is.
    pub(super) fn tell_as_new(
        &mut self,
        here: &Document,
        size_bytes: u64,
        path: String,
        title: String,
    ) -> Result<(), IngestError> {
        let row = &here.row;
        let what = What::DocumentUnchanged { document: row.token.clone(), size_bytes };
        self.parts.log.append(self.event(what))?;
        let (id, pages, passages) = (row.document, row.pages, row.passages);
        self.told.insert(id);
        self.report.indexed += 1;
        self.report.pages += pages;
        self.report.documents.push(Ingested { id, path, title, pages, passages, was_here: true });
        Ok(())
    }

    /// Writes everything but the record: vault, then indexes under this group's generation.
    pub(super) fn index(
        &mut self,
        id: DocumentId,
        bytes: &[u8],
        path: String,
        name: &str,
        parsed: Parsed,
    ) -> Result<(), IngestError> {
        let generation = self.generation()?;
        let encoder = &self.parts.encoder;
        let count = |text: &str| encoder.count_tokens(text);
        let found = passages(&parsed, id, generation, encoder.tokens_max(), &count);
        if found.is_empty() {
            let detail = "the file holds no text that could be searched".to_owned();
            let reason = Unreadable { reason: Reason::Empty, detail };
            return self.quarantine(Some(id), path, bytes.len() as u64, &reason);
        }
        let row = self.keep(id, generation, bytes, &path, name, &parsed, &found)?;
        add(self.parts, generation, self.class, &parsed.title, &found)?;
        let (title, pages, passages) = (parsed.title, row.pages, row.passages);
        let ingested = Ingested { id, path, title, pages, passages, was_here: false };
        let full = self.group.as_mut().is_some_and(|group| {
            group.passages += found.len();
            group.ids.insert(id);
            group.documents.push(Pending { row, size_bytes: bytes.len() as u64, ingested });
            group.passages >= PASSAGES_PER_FLUSH || group.documents.len() >= DOCUMENTS_PER_FLUSH
        });
        if full { self.activate() } else { Ok(()) }
    }

    fn owners(&self, own: KeyScope) -> Result<KeyScope, VaultError> {
        owners(&self.parts.vault, own, &self.options.labels)
    }

    /// Seals original, text, geometry and card, and describes them in a row.
    #[expect(clippy::too_many_arguments, reason = "the parts of one document, named")]
    fn keep(
        &self,
        id: DocumentId,
        generation: Generation,
        bytes: &[u8],
        path: &str,
        name: &str,
        parsed: &Parsed,
        found: &[Passage],
    ) -> Result<DocumentRow, IngestError> {
        let vault = &self.parts.vault;
        let token = vault.subject(TokenKind::Document, &id.to_string())?;
        let scope = self.owners(KeyScope::of(TokenKind::Document, &token))?;
        let text = DocumentText { pages: parsed.pages.clone(), passages: found.to_vec() };
        let card = DocumentCard {
            title: parsed.title.clone(),
            name: name.to_owned(),
            path: path.to_owned(),
            kind: parsed.kind.as_str().to_owned(),
            labels: self.options.labels.clone(),
            warnings: parsed.warnings.iter().map(ToString::to_string).collect(),
            password: self.options.password.clone(),
        };
        let geometry = if parsed.geometry.is_empty() {
            None
        } else {
            Some(vault.seal(&scope, &encoded(&parsed.geometry))?)
        };
        Ok(DocumentRow {
            document: id,
            token,
            generation,
            class: self.class,
            card: vault.seal(&scope, &serde_json::to_vec(&card).unwrap_or_default())?,
            original: vault.seal_file(&scope, bytes)?,
            text: vault.seal(&scope, &encoded(&text))?,
            geometry,
            deleted: None,
            pages: u32::try_from(parsed.pages.len()).unwrap_or(u32::MAX),
            passages: u32::try_from(found.len()).unwrap_or(u32::MAX),
            entry: EntryIndex(0),
        })
    }

    fn generation(&mut self) -> Result<Generation, IngestError> {
        if let Some(group) = &self.group {
            return Ok(group.generation);
        }
        let generation = self.parts.state.meta().next_generation()?;
        let (documents, ids) = (Vec::new(), HashSet::new());
        self.group = Some(Group { generation, passages: 0, documents, ids });
        Ok(generation)
    }

    /// Flushes the group, records each document, and makes the group visible.
    fn activate(&mut self) -> Result<(), IngestError> {
        let Some(group) = self.group.take() else { return Ok(()) };
        self.parts.index.flush()?;
        for pending in group.documents {
            let scope = pending.row.scope();
            let row = serde_json::to_vec(&pending.row).unwrap_or_default();
            let what = What::DocumentActivated {
                document: pending.row.token.clone(),
                generation: group.generation.0,
                passages: pending.row.passages,
                pages: pending.row.pages,
                size_bytes: pending.size_bytes,
                class: self.class.0,
                payload: Some(self.parts.vault.seal(&scope, &row)?),
            };
            self.parts.log.append(self.event(what))?;
            self.parts.metrics.count(Counter::DocumentsActivated);
            self.report.indexed += 1;
            self.report.pages += pending.row.pages;
            self.report.documents.push(pending.ingested);
        }
        self.parts.catalogue.catch_up()?;
        self.parts.index.set_visible(self.parts.catalogue.visible_through());
        Ok(())
    }

    /// Where the file could be read, its path and detail are kept as the document's own.
    pub(super) fn quarantine(
        &mut self,
        id: Option<DocumentId>,
        path: String,
        size_bytes: u64,
        why: &Unreadable,
    ) -> Result<(), IngestError> {
        let reason = why.reason.as_str().to_owned();
        let quarantined = Quarantined { path, reason: reason.clone(), detail: why.detail.clone() };
        let contents = serde_json::to_vec(&quarantined).unwrap_or_default();
        let own = match id {
            Some(id) => {
                let token = self.parts.vault.subject(TokenKind::Document, &id.to_string())?;
                KeyScope::of(TokenKind::Document, &token)
            }
            None => KeyScope::system(),
        };
        let payload = self.parts.vault.seal(&self.owners(own)?, &contents)?;
        let what = What::DocumentQuarantined { reason, size_bytes, payload: Some(payload) };
        self.parts.log.append(self.event(what))?;
        self.parts.metrics.count(Counter::DocumentsQuarantined);
        self.report.quarantined.push(quarantined);
        Ok(())
    }

    fn event(&self, what: What) -> Event {
        let policy = Some(self.options.policy);
        Event { actor: self.options.actor.clone(), req: self.req, policy, what }
    }
}

/// Embeds the passages of a document and puts them into both indexes, not yet flushed.
pub(super) fn add(
    parts: &Parts,
    generation: Generation,
    class: AccessClass,
    title: &str,
    passages: &[Passage],
) -> Result<(), IngestError> {
    for part in passages.chunks(PASSAGES_PER_EMBEDDING) {
        let texts: Vec<String> = part.iter().map(|passage| embedded(title, passage)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let vectors = parts.encoder.embed(&texts)?;
        let rows: Vec<(&Passage, &[f32])> =
            part.iter().zip(vectors.iter().map(Vec::as_slice)).collect();
        parts.index.add(generation, class, &rows)?;
    }
    Ok(())
}

/// What the encoder reads of a passage: its place in the document, then its text.
fn embedded(title: &str, passage: &Passage) -> String {
    let mut text = String::from(title);
    for heading in &passage.headings {
        text.push_str(" > ");
        text.push_str(heading);
    }
    text.push('\n');
    text.push_str(&passage.text);
    text
}

/// Postcard of our own structs, which always encode.
fn encoded<T: serde::Serialize>(value: &T) -> Vec<u8> {
    postcard::to_stdvec(value).unwrap_or_default()
}
