//! Handing out a part of the record: made into a file first, recorded second, handed out last.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use zeroize::Zeroizing;

use super::bundle::{self, BundleSource};
use super::export::{ExportFormat, Exported, RecordFormat, Site, Spool};
use super::{ExamineError, Examiner, Filter, Reader};
use crate::audit::note::{KeyError, NoteSigner, NoteVerifier};
use crate::audit::{Anchors, Checkpoint, CheckpointError, Recorded, Selection, TlogPolicy, What};
use crate::domain::payload::PayloadRef;
use crate::domain::question::purpose_code;
use crate::durable::{self, Readers};
use crate::policy::Action;
use crate::store::KeyScope;

/// Where the state keeps the export key that the log has named last.
const NAMED_KEY: &str = "export.key";

/// Where the state keeps the checkpoint of the last bundle of this log that this person was handed.
fn handed_to(reader: &Reader, epoch: u32) -> String {
    match epoch {
        1 => format!("export.checkpoint.{}", reader.actor.id),
        _ => format!("export.checkpoint.{epoch}.{}", reader.actor.id),
    }
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
    fn open(text: &str, verifier: &NoteVerifier) -> Result<Self, CheckpointError> {
        let stated = Checkpoint::open(text.as_bytes(), verifier)?;
        Ok(Self { text: text.to_owned(), size: stated.size, stated })
    }
}

/// One of the logs of a home: the one that is written, or one that ended before it.
struct OneLog {
    /// Its number, from 1.
    epoch: u32,
    folder: PathBuf,
    verifier: NoteVerifier,
    /// Whether it is the one that is written.
    is_current: bool,
}

impl OneLog {
    /// The newest checkpoint that the quorum of `witnesses` has cosigned, where it is not newer
    /// than `size`, with the policy that it meets; else the policy that asks for no witness.
    fn witnessed(&self, witnesses: &TlogPolicy, size: u64) -> (TlogPolicy, Option<String>) {
        let policy = witnesses.for_log(self.verifier.clone());
        let note = std::fs::read_to_string(self.folder.with_extension("cosigned")).ok();
        let met = note.filter(|note| {
            let standing = policy.stand(note.as_bytes());
            standing.is_ok_and(|found| found.quorum_met && found.checkpoint.size <= size)
        });
        match met.filter(|_| policy.asks_for_witnesses()) {
            Some(note) => (policy, Some(note)),
            None => (TlogPolicy::of_logs([self.verifier.clone()]), None),
        }
    }
}

/// What somebody wants handed out.
#[derive(Clone, Debug)]
pub struct ExportRequest {
    /// As what.
    pub format: ExportFormat,
    /// Which entries.
    pub filter: Filter,
    /// Why, as a code ([`purpose_code`]): recorded in clear.
    pub purpose: Option<String>,
    /// For whom, as stated: recorded behind a commitment, kept in the vault.
    pub recipient: Option<String>,
    /// Of a bundle: the number of the log that it is of, from 1, else the one that is written.
    pub epoch: Option<u32>,
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
        Self { format, filter, purpose, recipient, epoch: None, checkpoint: None, since: None }
    }
}

impl ExportRequest {
    /// What is handed out about one patient or person is a disclosure: the record must say why, and
    /// to whom (45 CFR 164.528(b)(2)).
    fn check(&self) -> Result<(), ExamineError> {
        let of_one = self.filter.patient.is_some() || self.filter.user.is_some();
        if of_one && (self.purpose.is_none() || self.recipient.is_none()) {
            let problem = "an export about one patient or person is a disclosure: state its \
                           purpose (`--purpose PATRQT`) and its recipient (`--recipient`), by name and \
                           address";
            return Err(ExamineError::Request(problem.to_owned()));
        }
        Ok(())
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
        request.check()?;
        let purpose = request.purpose.as_deref().map(purpose_code).transpose();
        let purpose = purpose.map_err(|error| ExamineError::Request(error.to_string()))?;
        let selection = request.filter.select(&self.vault)?;
        let (exported, size, handed) = match request.format {
            ExportFormat::Records(format) => {
                let (exported, size) = self.records(format, &selection)?;
                (exported, size, None)
            }
            ExportFormat::Bundle => {
                let (exported, note, epoch) = self.bundle(reader, request, &selection)?;
                (exported, note.size, Some((epoch, note.text)))
            }
        };
        let what = What::AuditExported {
            format: request.format.as_str().to_owned(),
            entries: exported.entries,
            sha256: exported.sha256,
            size,
            selection,
            purpose,
            payload: self.sealed(request.recipient.as_deref())?,
        };
        let exported = self.record(reader, what, exported)?;
        if let Some((epoch, note)) = handed {
            self.state.meta().put(&handed_to(reader, epoch), &note)?;
        }
        Ok(exported)
    }

    fn bundle(
        &self,
        reader: &Reader,
        request: &ExportRequest,
        selection: &Selection,
    ) -> Result<(Exported, Note, u32), ExamineError> {
        let _turn = self.bundling.lock().unwrap_or_else(PoisonError::into_inner);
        let log = self.one_log(request.epoch)?;
        let verifier = &log.verifier;
        let signer = self.export_signer(reader, &log)?;
        let checkpoint = match &request.checkpoint {
            Some(text) => self.note(text, &log)?,
            None => {
                self.log.publish()?;
                self.note(&std::fs::read_to_string(log.folder.join("checkpoint"))?, &log)?
            }
        };
        let previous = match &request.since {
            Some(text) => Some(self.note(text, &log)?),
            None => {
                let last: Option<String> = self.state.meta().get(&handed_to(reader, log.epoch))?;
                let last = last.map(|text| self.note(&text, &log)).transpose()?;
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
        let (policy, cosigned) = log.witnessed(&self.witnesses, checkpoint.size);
        let anchors = Anchors::of(&self.paths);
        let source = BundleSource {
            log: &log.folder,
            verifier,
            signer: &signer,
            checkpoint: (&checkpoint.text, &checkpoint.stated),
            policy: &policy,
            cosigned: cosigned.as_deref(),
            previous: previous.as_ref().map(|note| (note.text.as_str(), &note.stated)),
            anchors: &anchors,
            selection,
        };
        let mut spool = Spool::new(&self.spool)?;
        let built = bundle::build(&source, &work, &mut spool);
        remove_folder(&work)?;
        Ok((spool.finish(ExportFormat::Bundle, built?)?, checkpoint, log.epoch))
    }

    /// Names the key that signs bundles of this log in it, while it can still be written: called
    /// before a log ends, so that there can be bundles of it ever after.
    ///
    /// # Errors
    /// [`ExamineError`].
    pub fn name_export_key(&self, reader: &Reader) -> Result<(), ExamineError> {
        self.export_signer(reader, &self.one_log(None)?).map(drop)
    }

    /// A checkpoint of this log, also of the time before its key was replaced.
    fn note(&self, text: &str, log: &OneLog) -> Result<Note, ExamineError> {
        let refused = match Note::open(text, &log.verifier) {
            Ok(note) => return Ok(note),
            Err(error) => ExamineError::Request(format!("no checkpoint of this log: {error}")),
        };
        let rotations = Selection { kind: Some("key.rotated".to_owned()), ..Selection::default() };
        let mut found = None;
        self.each(&rotations, 0, |entry| {
            let old = entry.details().get("old_vkey").and_then(serde_json::Value::as_str);
            let old = old.and_then(|vkey| vkey.parse::<NoteVerifier>().ok());
            let same_log = old.filter(|key| key.name() == log.verifier.name());
            found = same_log.and_then(|key| Note::open(text, &key).ok());
            Ok(found.is_none())
        })?;
        found.ok_or(refused)
    }

    /// The log of this number, else the one that is written.
    fn one_log(&self, epoch: Option<u32>) -> Result<OneLog, ExamineError> {
        let current = self.log.epoch();
        let epoch = epoch.unwrap_or(current);
        let is_current = epoch == current;
        let [past, _, _] = self.paths.past(epoch);
        let folder = if is_current { self.paths.log.clone() } else { past };
        if !folder.is_dir() {
            let problem = format!("there is no log {epoch}: this home has 1 to {current}");
            return Err(ExamineError::Request(problem));
        }
        let vkey = match is_current {
            true => self.log.vkey()?,
            false => std::fs::read_to_string(folder.with_extension("vkey"))?,
        };
        Ok(OneLog { epoch, verifier: parse_vkey(&folder, &vkey)?, folder, is_current })
    }

    /// The key that signs statements about the log that is written.
    pub(super) fn signer(&self, reader: &Reader) -> Result<NoteSigner, ExamineError> {
        self.export_signer(reader, &self.one_log(None)?)
    }

    /// The key that signs bundles of a log. It is made on first use, and the log names it before it
    /// signs; each log has its own, as what ends a log may have been a thief of keys.
    fn export_signer(&self, reader: &Reader, log: &OneLog) -> Result<NoteSigner, ExamineError> {
        let path = match log.epoch {
            1 => self.keys.join("export.key"),
            epoch => self.keys.join(format!("export-{epoch}.key")),
        };
        let bad = |source: KeyError| ExamineError::Key { path: path.clone(), source };
        let signer = match std::fs::read_to_string(&path).map(Zeroizing::new) {
            Ok(text) => NoteSigner::from_text(text.trim_end()).map_err(bad)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && log.is_current => {
                let name = bundle::export_key_name(log.verifier.name());
                let signer = NoteSigner::generate(&name, self.entropy.as_ref()).map_err(bad)?;
                let text = signer.to_text();
                durable::create_new(&path, text.as_bytes(), Readers::Owner)?;
                signer
            }
            Err(error) => return Err(durable::at(&path, "read", error).into()),
        };
        if !log.is_current {
            return Ok(signer);
        }
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
        parse_vkey(&self.paths.log, &self.log.vkey()?)
    }

    fn sealed(&self, recipient: Option<&str>) -> Result<Option<PayloadRef>, ExamineError> {
        let seal = |words: &str| self.vault.seal(&KeyScope::system(), words.as_bytes());
        Ok(recipient.map(seal).transpose()?)
    }
}

/// The verifier key that lies beside a log's folder.
fn parse_vkey(log: &Path, text: &str) -> Result<NoteVerifier, ExamineError> {
    let bad = |source| ExamineError::Key { path: log.with_extension("vkey"), source };
    text.trim_end().parse().map_err(bad)
}
