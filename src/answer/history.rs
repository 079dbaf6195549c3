//! The questions that a person asked, from the log and the vault: their own words, no content.

use std::collections::HashMap;

use crate::audit::{Entry, Log};
use crate::catalogue::CatalogueError;
use crate::domain::answer::{Answer, Outcome};
use crate::domain::clock::Timestamp;
use crate::domain::ids::{EntryIndex, RequestId};
use crate::domain::question::Question;
use crate::store::{RevealError, Vault};

use super::{Answerer, Asker, Parts, ReadError};

/// Entries read from the log at a time.
const ENTRIES_AT_A_TIME: u64 = 512;
/// How far past its question the end of a question may lie to be found.
const ENTRIES_AHEAD: u64 = 512;

/// A question asked before.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its id.
    pub query: RequestId,
    /// Its words; `None` where they were erased.
    pub words: Option<String>,
    /// When it was asked.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
}

/// A part of the questions of one person.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Newest first.
    pub asked: Vec<Asked>,
    /// Where the part before this one ends; `None` where the log was read to its beginning.
    pub before: Option<EntryIndex>,
}

impl Answerer {
    /// The questions of this person that ended, newest first: at most `limit`, and no more than
    /// the `entries` last entries of the log (those before `before`, where it is given) are read.
    ///
    /// # Errors
    /// [`ReadError`] where the log or the vault cannot be read.
    pub fn history(
        &self,
        asker: &Asker,
        before: Option<EntryIndex>,
        entries: u64,
        limit: usize,
    ) -> Result<History, ReadError> {
        let size = self.parts.log.size();
        let end = before.map_or(size, |before| before.0.min(size));
        let last = end.saturating_sub(entries);
        let mut ends = HashMap::new();
        for entry in read(&self.parts, end, end.saturating_add(ENTRIES_AHEAD).min(size))? {
            note_end(&mut ends, &entry);
        }
        let mut history = History::default();
        let mut until = end;
        while until > last {
            let from = until.saturating_sub(ENTRIES_AT_A_TIME).max(last);
            for entry in read(&self.parts, from, until)?.into_iter().rev() {
                if history.asked.len() == limit {
                    history.before = Some(EntryIndex(entry.index.0.saturating_add(1)));
                    return Ok(history);
                }
                note_end(&mut ends, &entry);
                history.asked.extend(asked(&self.parts, asker, &entry, &ends)?);
            }
            until = from;
        }
        history.before = (last > 0).then_some(EntryIndex(last));
        Ok(history)
    }

    /// The words and circumstances of a question that `asker` asked; `None` where they were erased.
    ///
    /// # Errors
    /// [`ReadError::NotFound`] for another person's question.
    pub fn question(&self, asker: &Asker, answer: &Answer) -> Result<Option<Question>, ReadError> {
        question(&self.parts.log, &self.parts.vault, asker, answer)
    }
}

/// As [`Answerer::question`].
pub(super) fn question(
    log: &Log,
    vault: &Vault,
    asker: &Asker,
    answer: &Answer,
) -> Result<Option<Question>, ReadError> {
    let at = answer.entries.received.ok_or(ReadError::NotFound)?;
    let entry = log.read(at).map_err(CatalogueError::from)?;
    if entry.actor_id() != asker.actor.id.as_str() || entry.req() != Some(answer.query) {
        return Err(ReadError::NotFound);
    }
    words(vault, &entry)
}

fn read(parts: &Parts, from: u64, until: u64) -> Result<Vec<Entry>, ReadError> {
    let count = usize::try_from(until.saturating_sub(from)).unwrap_or(usize::MAX);
    Ok(parts.log.entries(EntryIndex(from), count).map_err(CatalogueError::from)?)
}

fn note_end(ends: &mut HashMap<RequestId, Outcome>, entry: &Entry) {
    let outcome = match entry.kind() {
        "answer.released" => Outcome::Answered,
        "query.refused" => Outcome::Refused,
        "query.denied" => Outcome::Denied,
        "query.failed" => Outcome::Failed,
        _ => return,
    };
    ends.extend(entry.req().map(|query| (query, outcome)));
}

/// The question that an entry receives, where `asker` asked it and it has ended.
fn asked(
    parts: &Parts,
    asker: &Asker,
    entry: &Entry,
    ends: &HashMap<RequestId, Outcome>,
) -> Result<Option<Asked>, ReadError> {
    let is_theirs = entry.kind() == "query.received"
        && entry.actor_id() == asker.actor.id.as_str()
        && entry.details().get("kind").and_then(|kind| kind.as_str()) == Some("ask");
    let Some(query) = entry.req().filter(|_| is_theirs) else { return Ok(None) };
    let Some(outcome) = ends.get(&query) else { return Ok(None) };
    let words = words(&parts.vault, entry)?.map(|question| question.text.as_str().to_owned());
    Ok(Some(Asked { query, words, at: entry.ts(), outcome: *outcome }))
}

fn words(vault: &Vault, entry: &Entry) -> Result<Option<Question>, ReadError> {
    let Some(payload) = entry.payload() else { return Ok(None) };
    match vault.open_payload(&payload) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(RevealError::Erased) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
