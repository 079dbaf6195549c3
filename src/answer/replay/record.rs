//! Finding the entries of one question.

use serde_json::Value;

use crate::audit::{Entry, Log, QueryStep};
use crate::domain::ids::{EntryIndex, RequestId};
use crate::domain::payload::Token;

use super::ReplayError;

/// Entries read from the log at a time.
const ENTRIES_AT_A_TIME: u64 = 512;
/// How far apart the entries of one question may lie: minutes of the busiest log.
const ENTRIES_APART_MAX: u64 = 262_144;

/// The entries of a question that was answered, refused or denied.
#[derive(Clone, Debug)]
pub struct OnRecord {
    received: Entry,
    retrieved: Option<Entry>,
    terminal: Entry,
}

impl OnRecord {
    /// Whether this token is that of the person who asked.
    pub fn was_asked_by(&self, person: &Token) -> bool {
        self.received.actor_id() == person.as_str()
    }

    pub(super) const fn received(&self) -> &Entry {
        &self.received
    }

    /// The entry that ended the question.
    pub const fn terminal(&self) -> &Entry {
        &self.terminal
    }

    /// A field of `retrieval.done`.
    pub(super) fn retrieved(&self, field: &str) -> Option<&Value> {
        self.retrieved.as_ref()?.details().get(field)
    }

    /// The index generation that was searched.
    pub(super) fn generation(&self) -> Option<u64> {
        self.retrieved("generation").and_then(Value::as_u64)
    }
}

pub(super) fn find(log: &Log, at: EntryIndex) -> Result<OnRecord, ReplayError> {
    let named = log.read(at)?;
    let no_answer = |kind: &str| ReplayError::NotAnAnswer { entry: at, kind: kind.to_owned() };
    let step = QueryStep::of(named.kind());
    let Some(req) = named.req().filter(|_| step.is_some()) else {
        return Err(no_answer(named.kind()));
    };
    let received = if step == Some(QueryStep::Received) { named } else { behind(log, req, at)? };
    if received.details().get("kind").and_then(Value::as_str) != Some("ask") {
        return Err(no_answer("part of a search"));
    }
    let (retrieved, terminal) = ahead(log, req, received.index, at)?;
    match terminal.kind() {
        "answer.released" | "query.refused" | "query.denied" => {
            Ok(OnRecord { received, retrieved, terminal })
        }
        other => Err(no_answer(&format!("part of a question that ended as {other}"))),
    }
}

/// The entry that received the question, at or before `at`.
fn behind(log: &Log, req: RequestId, at: EntryIndex) -> Result<Entry, ReplayError> {
    let last = at.0.saturating_sub(ENTRIES_APART_MAX);
    let mut until = at.0;
    while until > last {
        let from = until.saturating_sub(ENTRIES_AT_A_TIME).max(last);
        let count = usize::try_from(until - from).unwrap_or(usize::MAX);
        let entries = log.entries(EntryIndex(from), count)?;
        let mut own = entries.into_iter().filter(|entry| entry.req() == Some(req));
        if let Some(found) = own.find(|entry| entry.kind() == "query.received") {
            return Ok(found);
        }
        until = from;
    }
    Err(ReplayError::Unfinished { entry: at })
}

/// What was retrieved and how it ended, after `received`.
fn ahead(
    log: &Log,
    req: RequestId,
    received: EntryIndex,
    at: EntryIndex,
) -> Result<(Option<Entry>, Entry), ReplayError> {
    let mut retrieved = None;
    let end = log.size().min(received.0.saturating_add(ENTRIES_APART_MAX));
    let mut from = received.0.saturating_add(1);
    while from < end {
        let count = usize::try_from((end - from).min(ENTRIES_AT_A_TIME)).unwrap_or(usize::MAX);
        let entries = log.entries(EntryIndex(from), count)?;
        from = from.saturating_add(entries.len().max(1) as u64);
        for entry in entries.into_iter().filter(|entry| entry.req() == Some(req)) {
            match QueryStep::of(entry.kind()) {
                Some(QueryStep::Retrieved) => retrieved = Some(entry),
                Some(QueryStep::Released | QueryStep::Closed) => return Ok((retrieved, entry)),
                Some(QueryStep::Received) | None => {}
            }
        }
    }
    Err(ReplayError::Unfinished { entry: at })
}
