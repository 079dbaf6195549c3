//! Handing out a part of the record: made into a file first, recorded second, handed out last.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::PoisonError;

use zeroize::Zeroizing;

use super::bundle::{self, BundleSource};
use super::export::{ExportFormat, Exported, RecordFormat, Site, Spool};
use super::{ExamineError, Examiner, Filter, Reader};
use crate::audit::note::{KeyError, NoteSigner, NoteVerifier};
use crate::audit::{Checkpoint, Recorded, Selection, What};
use crate::domain::payload::PayloadRef;
use crate::durable::{self, Readers};
use crate::policy::Action;
use crate::store::KeyScope;

/// Where the state keeps the export key that the log has named last.
const NAMED_KEY: &str = "export.key";

/// Where the state keeps the checkpoint of the last bundle that this person was handed.
fn handed_to(reader: &Reader) -> String {
    format!("export.checkpoint.{}", reader.actor.id)
}

fn remove_folder(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(|e| durable::at(path, "remove", e)),
    }
}

/// A checkpoint with its text.
struct Note {
    text: String,
    size: u64,
    stated: Checkpoint,
}

impl Note {
    fn open(text: &str, verifier: &NoteVerifier) -> Result<Self, ExamineError> {
        let stated = Checkpoint::open(text.as_bytes(), verifier).map_err(|error| {
            ExamineError::Request(format!("no checkpoint of this log: {error}"))
        })?;
        Ok(Self { text: text.to_owned(), size: stated.size, stated })
    }
}

/// What somebody wants handed out.
#[derive(Clone, Debug)]
pub struct ExportRequest {
    /// As what.
    pub format: ExportFormat,
    /// Which entries.
    pub filter: Filter,
    /// Why, as stated: recorded.
    pub purpose: Option<String>,
    /// For whom, as stated: recorded behind a commitment, kept in the vault.
    pub recipient: Option<String>,
    /// Of a bundle: the signed checkpoint that it is of, else the newest that is published.
    pub checkpoint: Option<String>,
    /// Of a bundle: the checkpoint that the recipient had before, else the one that this person was
    /// handed last.
    pub since: Option<String>,
}

impl ExportRequest {
    /// Every entry in this format.
    pub fn everything(format: ExportFormat) -> Self {
        let (filter, purpose, recipient) = (Filter::default(), None, None);
        Self { format, filter, purpose, recipient, checkpoint: None, since: None }
    }
}

impl Examiner {
    /// Puts the matching entries into one of the export formats.
    ///
    /// # Errors
    /// [`ExamineError`]: nothing is handed out.
    pub fn export(
        &self,
        reader: &Reader,
        request: &ExportRequest,
    ) -> Result<Recorded<Exported>, ExamineError> {
        self.decide(reader, Action::ExportLog)?;
        let selection = request.filter.select(&self.vault);
        let (exported, size, handed) = match request.format {
            ExportFormat::Records(format) => {
                let (exported, size) = self.records(format, &selection)?;
                (exported, size, None)
            }
            ExportFormat::Bundle => {
                let (exported, note) = self.bundle(reader, request, &selection)?;
                (exported, note.size, Some(note.text))
            }
        };
        let what = What::AuditExported {
            format: request.format.as_str().to_owned(),
            entries: exported.entries,
            sha256: exported.sha256,
            size,
            selection,
            purpose: request.purpose.clone(),
            payload: self.sealed(request.recipient.as_deref())?,
        };
        let exported = self.record(reader, what, exported)?;
        if let Some(note) = handed {
            self.state.meta().put(&handed_to(reader), &note)?;
        }
        Ok(exported)
    }

    fn bundle(
        &self,
        reader: &Reader,
        request: &ExportRequest,
        selection: &Selection,
    ) -> Result<(Exported, Note), ExamineError> {
        let _turn = self.bundling.lock().unwrap_or_else(PoisonError::into_inner);
        let verifier = self.verifier()?;
        let signer = self.export_signer(reader, verifier.name())?;
        let checkpoint = match &request.checkpoint {
            Some(text) => Note::open(text, &verifier)?,
            None => {
                self.log.publish()?;
                Note::open(&std::fs::read_to_string(self.log_dir.join("checkpoint"))?, &verifier)?
            }
        };
        let previous = match &request.since {
            Some(text) => Some(Note::open(text, &verifier)?),
            None => {
                let last: Option<String> = self.state.meta().get(&handed_to(reader))?;
                let last = last.and_then(|text| Note::open(&text, &verifier).ok());
                last.filter(|last| last.size <= checkpoint.size)
            }
        };
        if previous.as_ref().is_some_and(|previous| previous.size > checkpoint.size) {
            let problem = "the earlier checkpoint is of a longer log than the bundle's";
            return Err(ExamineError::Request(problem.to_owned()));
        }
        let work = self.spool.join("bundle");
        remove_folder(&work)?;
        durable::create_dir_all(&work)?;
        let source = BundleSource {
            log: &self.log_dir,
            verifier: &verifier,
            signer: &signer,
            checkpoint: (&checkpoint.text, &checkpoint.stated),
            previous: previous.as_ref().map(|note| (note.text.as_str(), &note.stated)),
            selection,
        };
        let mut spool = Spool::new(&self.spool)?;
        let built = bundle::build(&source, &work, &mut spool);
        remove_folder(&work)?;
        Ok((spool.finish(ExportFormat::Bundle, built?)?, checkpoint))
    }

    /// The key that signs bundles. It is made on first use, and the log names it before it signs.
    fn export_signer(&self, reader: &Reader, origin: &str) -> Result<NoteSigner, ExamineError> {
        let bad = |error: KeyError| {
            ExamineError::Request(format!("{}: {error}", self.export_key.display()))
        };
        let signer = match std::fs::read_to_string(&self.export_key).map(Zeroizing::new) {
            Ok(text) => NoteSigner::from_text(text.trim_end()).map_err(bad)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let name = bundle::export_key_name(origin);
                let signer = NoteSigner::generate(&name, self.entropy.as_ref()).map_err(bad)?;
                let text = signer.to_text();
                durable::create_new(&self.export_key, text.as_bytes(), Readers::Owner)?;
                signer
            }
            Err(error) => return Err(durable::at(&self.export_key, "read", error).into()),
        };
        let vkey = signer.verifier().to_string();
        let meta = self.state.meta();
        if meta.get::<String>(NAMED_KEY)?.as_ref() != Some(&vkey) {
            self.record(reader, What::ExportKeyCreated { vkey: vkey.clone() }, ())?;
            meta.put(NAMED_KEY, &vkey)?;
        }
        Ok(signer)
    }

    fn records(
        &self,
        format: RecordFormat,
        selection: &Selection,
    ) -> Result<(Exported, u64), ExamineError> {
        let site = Site::of(self.verifier()?.name());
        let mut spool = Spool::new(&self.spool)?;
        let (mut lines, mut entries) = (Vec::new(), 0_u64);
        format.write_head(&mut lines);
        let size = self.each(selection, 0, |entry| {
            format.write(&site, &entry, &mut lines);
            spool.write_all(&lines)?;
            lines.clear();
            entries += 1;
            Ok(true)
        })?;
        // The head of a file without entries.
        spool.write_all(&lines)?;
        Ok((spool.finish(ExportFormat::Records(format), entries)?, size))
    }

    /// The log's own verifier key.
    pub(super) fn verifier(&self) -> Result<NoteVerifier, ExamineError> {
        let bad = |error| ExamineError::Request(format!("the log's verifier key: {error}"));
        self.log.vkey()?.parse().map_err(bad)
    }

    fn sealed(&self, recipient: Option<&str>) -> Result<Option<PayloadRef>, ExamineError> {
        let seal = |words: &str| self.vault.seal(&KeyScope::system(), words.as_bytes());
        Ok(recipient.map(seal).transpose()?)
    }
}
