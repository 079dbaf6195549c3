//! Handing out a part of the record: made into a file first, recorded second, handed out last.

use std::io::Write as _;

use super::export::{ExportFormat, Exported, RecordFormat, Site, Spool};
use super::{ExamineError, Examiner, Filter, Reader};
use crate::audit::note::NoteVerifier;
use crate::audit::{Recorded, Selection, What};
use crate::domain::payload::PayloadRef;
use crate::policy::Action;
use crate::store::KeyScope;

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
}

impl ExportRequest {
    /// Every entry in this format.
    pub fn everything(format: ExportFormat) -> Self {
        Self { format, filter: Filter::default(), purpose: None, recipient: None }
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
        let (exported, size) = match request.format {
            ExportFormat::Records(format) => self.records(format, &selection)?,
            ExportFormat::Bundle => return Err(ExamineError::Request("no bundles yet".to_owned())),
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
        Ok(self.record(reader, what, exported)?)
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
        self.vkey.trim_end().parse().map_err(bad)
    }

    fn sealed(&self, recipient: Option<&str>) -> Result<Option<PayloadRef>, ExamineError> {
        let seal = |words: &str| self.vault.seal(&KeyScope::System, words.as_bytes());
        Ok(recipient.map(seal).transpose()?)
    }
}
