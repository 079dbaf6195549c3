//! What was read under an emergency, as the log says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use super::super::{GovernError, Governor};
use super::alerts::repeats_of;
use crate::audit::Entry;
use crate::domain::clock::Timestamp;
use crate::domain::ids::{DocumentId, EntryIndex, RequestId};
use crate::domain::payload::Token;
use crate::store::EmergencyRow;

/// Entries read from the log at a time.
const ENTRIES_AT_A_TIME: usize = 1_024;
/// A question that began in an emergency may end this long after it.
const AFTERMATH: Duration = Duration::from_secs(10 * 60);

/// An emergency, with what was read under it.
#[derive(Clone, Debug)]
pub struct EmergencyReport {
    /// The emergency.
    pub row: EmergencyRow,
    /// Whether it is still open.
    pub is_open: bool,
    /// Whether nobody has judged it in time.
    pub is_overdue: bool,
    /// When a review is due.
    pub review_due: Timestamp,
    /// How many earlier ones of theirs about the same nobody had found justified by then.
    pub repeats: u32,
    /// The questions and searches that were begun under it.
    pub queries: Vec<RequestId>,
    /// What of its matter or patient was read under it.
    pub documents: Vec<SeenDocument>,
}

/// A document that was read in an emergency.
#[derive(Clone, Debug, Serialize)]
pub struct SeenDocument {
    /// What stands for it in the log.
    pub token: Token,
    /// The document, where it is still kept.
    pub document: Option<DocumentId>,
    /// The pages that were opened; 0 stands for all of them.
    pub pages: BTreeSet<u32>,
    /// The entries that say so.
    pub entries: Vec<EntryIndex>,
}

impl Governor {
    pub(super) fn report(
        &self,
        row: EmergencyRow,
        all: &[EmergencyRow],
    ) -> Result<EmergencyReport, GovernError> {
        let now = self.clock.now();
        let is_open = row.ended.is_none() && now < row.expires;
        let review_due = self.review_due(&row);
        let mut seen = Seen::default();
        self.each_entry_of(&row, |entry| seen.take(row.id, entry))?;
        for (reread, at) in std::mem::take(&mut seen.reread) {
            seen.take_cited(&self.log.read(reread)?, at);
        }
        let known: BTreeMap<Token, _> = self
            .catalogue
            .documents()
            .into_iter()
            .map(|document| (document.row.token.clone(), document))
            .collect();
        let is_about = |token: &Token| match known.get(token) {
            Some(document) => {
                let subjects = &document.subjects;
                [&subjects.matter, &subjects.patient]
                    .into_iter()
                    .any(|one| one.as_ref() == Some(&row.token))
            }
            // Deleted since: told rather than left out.
            None => true,
        };
        let documents = seen.documents.into_iter().filter(|(token, _)| is_about(token));
        let documents = documents
            .map(|(token, (pages, entries))| {
                let document = known.get(&token).map(|found| found.row.document);
                SeenDocument { token, document, pages, entries }
            })
            .collect();
        Ok(EmergencyReport {
            is_open,
            is_overdue: !is_open && !row.is_settled() && review_due <= now,
            review_due,
            repeats: repeats_of(&row, all),
            queries: seen.queries.into_iter().collect(),
            documents,
            row,
        })
    }

    /// Every entry from the opening until what was begun under it has ended.
    fn each_entry_of(
        &self,
        row: &EmergencyRow,
        mut take: impl FnMut(&Entry),
    ) -> Result<(), GovernError> {
        let end = row.ended.as_ref().map_or(row.expires, |ended| ended.at).after(AFTERMATH);
        let mut from = row.entry;
        loop {
            let entries = self.log.entries(from, ENTRIES_AT_A_TIME)?;
            let Some(last) = entries.last() else { return Ok(()) };
            from = EntryIndex(last.index.0.saturating_add(1));
            entries.iter().take_while(|entry| entry.ts() <= end).for_each(&mut take);
            if last.ts() > end {
                return Ok(());
            }
        }
    }
}

/// What the log says was read under an emergency.
#[derive(Default)]
struct Seen {
    queries: BTreeSet<RequestId>,
    documents: BTreeMap<Token, (BTreeSet<u32>, Vec<EntryIndex>)>,
    /// Ends of questions whose answers were shown again, and the entries that say so.
    reread: Vec<(EntryIndex, EntryIndex)>,
}

impl Seen {
    fn take(&mut self, id: RequestId, entry: &Entry) {
        let details = entry.details();
        let token = |value: &Value| value.as_str()?.parse::<Token>().ok();
        match entry.kind() {
            "query.received" => {
                self.queries.extend(entry.req().filter(|_| is_marked(details, id)));
            }
            "answer.reread" if is_marked(details, id) => {
                let shown = details.get("entry").and_then(Value::as_u64);
                self.reread.extend(shown.map(|shown| (EntryIndex(shown), entry.index)));
            }
            "retrieval.done" if entry.req().is_some_and(|req| self.queries.contains(&req)) => {
                let hits = details.get("hits").and_then(Value::as_array);
                let found =
                    hits.into_iter().flatten().filter_map(|hit| token(hit.get("document")?));
                let found: BTreeSet<Token> = found.collect();
                for document in found {
                    self.documents.entry(document).or_default().1.push(entry.index);
                }
            }
            "document.viewed" if details.get("emergency") == Some(&json!(id)) => {
                let Some(document) = details.get("document").and_then(token) else { return };
                let page = details.get("page").and_then(Value::as_u64);
                let (pages, entries) = self.documents.entry(document).or_default();
                pages.extend(page.and_then(|page| u32::try_from(page).ok()));
                entries.push(entry.index);
            }
            _ => {}
        }
    }

    /// What an answer cites that was shown again, `at` this entry.
    fn take_cited(&mut self, end: &Entry, at: EntryIndex) {
        let cited = end.details().get("cited").and_then(Value::as_array);
        let document = |span: &Value| span.get("document")?.as_str()?.parse::<Token>().ok();
        let cited: BTreeSet<_> = cited.into_iter().flatten().filter_map(document).collect();
        for document in cited {
            self.documents.entry(document).or_default().1.push(at);
        }
    }
}

/// Whether an entry is marked with this emergency.
fn is_marked(details: &Value, id: RequestId) -> bool {
    let marks = details.get("emergency").and_then(Value::as_array);
    marks.is_some_and(|marks| marks.iter().any(|mark| *mark == json!(id)))
}
