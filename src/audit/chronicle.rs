//! What entries must be among each other: unique, in order of time, every query with one end,
//! every retrieved document activated before, nothing erased that is held, every policy in force.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::lineage::Lineage;
use super::note::NoteVerifier;
use super::problems::Problems;
use super::schema::{Checked, DocumentNumber, Fact, SubjectNumber};
use super::step::QueryStep;
use super::tile::Part;
use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::ids::RequestId;

/// Queries that are open at one point of the log; the appliance's own queues allow far fewer.
const OPEN_MAX: usize = 65_536;
/// A query among so many last entries may still be running.
const LIVE_TAIL: u64 = 1_024;
/// A running appliance writes a heartbeat every five minutes: two may be late.
const SILENCE_MAX_MS: u64 = 11 * 60 * 1_000;
/// A policy set is recorded, then takes effect: what was decided in between names the one before.
const POLICY_SETTLES_MS: u64 = 10_000;
/// Policy sets that are remembered; requests end long before so many changes.
const POLICIES_MAX: usize = 1_024;

/// A finding: its kind, and the end of a sentence that begins with the entry.
type Finding = (&'static str, &'static str);

/// Follows the entries of a log from the first to the last.
pub(super) struct Chronicle {
    last_ts: Timestamp,
    /// Ids of the entries of `last_ts`: an id contains its time, so no other can be equal.
    ids: BTreeSet<Uuid>,
    open: BTreeMap<RequestId, Open>,
    /// The last `log.started`: what was running before it has ended.
    started: u64,
    /// Whether a server runs, so that heartbeats are to be expected.
    running: bool,
    known: Inherited,
    /// Whether what the logs before this one left to it is known, where it goes on from any.
    is_whole: bool,
    policies: Policies,
    lineage: Lineage,
}

/// What a log leaves to the one that goes on from it.
#[derive(Debug, Default)]
pub(super) struct Inherited {
    documents: HashMap<DocumentNumber, Document>,
    /// The holds that have not ended, with what they keep.
    holds: BTreeMap<RequestId, SubjectNumber>,
}

struct Open {
    index: u64,
    retrieved: bool,
    /// The documents that became evidence.
    evidence: Vec<DocumentNumber>,
}

/// A document that was activated once.
#[derive(Debug)]
struct Document {
    /// The entry that deleted it.
    deleted: Option<u64>,
}

impl Chronicle {
    /// At the first entry; `before` is what the logs before left, where that is known.
    pub(super) fn new(before: Option<Inherited>) -> Self {
        Self {
            last_ts: Timestamp::from_unix_millis(0),
            ids: BTreeSet::new(),
            open: BTreeMap::new(),
            started: 0,
            running: false,
            is_whole: before.is_some(),
            known: before.unwrap_or_default(),
            policies: Policies::default(),
            lineage: Lineage::default(),
        }
    }

    /// The next entry, and the bundle that it lies in.
    pub(super) fn enter(
        &mut self,
        index: u64,
        entry: &Result<Checked, String>,
        bundle: Part,
        problems: &mut Problems,
    ) {
        let mut found = |kind: &str, detail: &str| {
            problems.add(kind, Some(index), format!("entry {index} of {bundle} {detail}"));
        };
        let entry = match entry {
            Ok(entry) => entry,
            Err(detail) => return found("entry_schema", detail),
        };
        if entry.ts < self.last_ts {
            found("time_order", "is earlier than the entry before it");
        }
        if let Some((kind, detail)) = self.watch(index, entry) {
            found(kind, detail);
        }
        if let Some((kind, detail)) = self.lineage.follow(index, entry) {
            found(kind, detail);
        }
        if entry.ts > self.last_ts {
            self.last_ts = entry.ts;
            self.ids.clear();
        }
        if !self.ids.insert(entry.id) {
            found("duplicate_id", "has the id of an earlier entry");
        }
        if index == 0 && self.lineage.inherits() {
            self.policies.inherit();
        }
        // What puts a policy set in force may name that one or the one before.
        let before = self.policies.allow(entry);
        if let Fact::InForce(set) = entry.fact {
            self.policies.put_in_force(set, entry.ts);
        }
        if !before && !self.policies.allow(entry) {
            found("policy_not_in_force", "names a policy set that was not in force");
        }
        for (kind, detail) in self.rest_on(index, entry).into_iter().flatten() {
            found(kind, detail);
        }
        if let Some(step) = entry.step
            && let Err((kind, detail)) = self.step(index, entry, step)
        {
            found(kind, detail);
        }
    }

    /// Signs of life: starts, stops, and how long nothing was written.
    fn watch(&mut self, index: u64, entry: &Checked) -> Option<Finding> {
        let silent_ms = entry.ts.unix_millis().saturating_sub(self.last_ts.unix_millis());
        let silent = self.running && silent_ms > SILENCE_MAX_MS;
        match entry.kind {
            // Whatever ran before has ended, however long ago.
            "log.started" => {
                self.started = index;
                self.running = true;
                None
            }
            "log.recovered" => {
                self.running = false;
                None
            }
            // Storage was full: nothing could be written, and that was said before.
            "log.storage_restored" => None,
            "log.stopped" => {
                self.running = false;
                silent.then_some(("silence", "follows a silence without heartbeats"))
            }
            "clock.stepped" => Some(("clock_stepped", "tells that the machine's clock was set")),
            _ => silent.then_some(("silence", "follows a silence without heartbeats")),
        }
    }

    /// What the entry rests on must have been before it.
    fn rest_on(&mut self, index: u64, entry: &Checked) -> [Option<Finding>; 2] {
        let open = self.open.get_mut(&entry.req);
        match &entry.fact {
            Fact::Plain | Fact::InForce(_) | Fact::Rotated { .. } | Fact::Retired { .. } => {}
            Fact::Held(subject) => {
                self.known.holds.insert(entry.req, *subject);
            }
            Fact::HoldReleased(hold) => {
                self.known.holds.remove(hold);
            }
            Fact::Erased(subjects) => {
                let is_held = self.known.holds.values().any(|held| subjects.contains(held));
                let finding = ("erased_under_hold", "erases what a hold keeps");
                return [is_held.then_some(finding), None];
            }
            Fact::Activated(document) => {
                self.known.documents.insert(*document, Document { deleted: None });
            }
            Fact::Deleted(document) => {
                if let Some(known) = self.known.documents.get_mut(document) {
                    known.deleted.get_or_insert(index);
                }
            }
            Fact::Retrieved(hits) => {
                let began = open.as_ref().map_or(index, |open| open.index);
                if let Some(open) = open {
                    let used = hits.iter().filter(|(_, used)| *used);
                    open.evidence.extend(used.map(|(document, _)| *document));
                }
                let known = |document| self.known.documents.get(document);
                // A log that goes on from another has its documents too.
                let unknown = (self.is_whole || !self.lineage.inherits())
                    && hits.iter().any(|(document, _)| known(document).is_none());
                // One that is deleted while the query runs may have been found before.
                let gone = |document: &Document| document.deleted.is_some_and(|at| at < began);
                let deleted = hits.iter().any(|(document, _)| known(document).is_some_and(gone));
                return [
                    unknown.then_some((
                        "unknown_document",
                        "returns a document that no earlier entry activated",
                    )),
                    deleted.then_some((
                        "deleted_document",
                        "returns a document that was deleted before the query",
                    )),
                ];
            }
            Fact::Cited(documents) => {
                let evidence = open.map_or(&[][..], |open| open.evidence.as_slice());
                let foreign = documents.iter().any(|document| !evidence.contains(document));
                let finding = (
                    "cited_without_evidence",
                    "cites a document that was no evidence of its query",
                );
                return [foreign.then_some(finding), None];
            }
        }
        [None, None]
    }

    fn step(&mut self, index: u64, entry: &Checked, step: QueryStep) -> Result<(), Finding> {
        match step {
            QueryStep::Received => {
                if self.open.len() >= OPEN_MAX {
                    return Err(("open_query", "follows too many queries without an end"));
                }
                let open = Open { index, retrieved: false, evidence: Vec::new() };
                self.open.insert(entry.req, open).map_or(Ok(()), |_| {
                    Err(("duplicate_query", "receives a query that is open already"))
                })
            }
            QueryStep::Retrieved => {
                let orphan = ("query_order", "retrieves for a query that is not open");
                self.open.get_mut(&entry.req).map(|open| open.retrieved = true).ok_or(orphan)
            }
            QueryStep::Released | QueryStep::Closed => {
                let orphan = ("terminal_without_query", "ends a query that is not open");
                let open = self.open.remove(&entry.req).ok_or(orphan)?;
                match step == QueryStep::Released && !open.retrieved {
                    true => Err(("query_order", "shows what no retrieval was recorded for")),
                    false => Ok(()),
                }
            }
        }
    }

    /// The end of the log, whose checkpoint these keys have signed: a query without an end is still
    /// running, or cannot get one any more.
    pub(super) fn finish(
        mut self,
        size: u64,
        signed_by: &[NoteVerifier],
        problems: &mut Problems,
    ) -> Inherited {
        if !self.lineage.signs_with(signed_by) {
            let detail =
                "the checkpoint is signed by none of the keys that its entries leave to sign";
            problems.add("key_chain", size.checked_sub(1), detail.to_owned());
        }
        for Open { index, .. } in self.open.into_values() {
            let dead = index < self.started || index + LIVE_TAIL < size;
            let (kind, still) = if dead { ("open_query", "") } else { ("running_query", " yet") };
            let detail =
                format!("entry {index} receives a query that has no terminal entry{still}");
            problems.add(kind, Some(index), detail);
        }
        // Before every entry of the next log.
        let deleted = self.known.documents.values_mut().filter_map(|known| known.deleted.as_mut());
        deleted.for_each(|at| *at = 0);
        self.known
    }
}

/// The policy sets that were in force, the newest last, each with the time that it began; `None` is
/// the one of the log before, whichever that was.
#[derive(Default)]
struct Policies(Vec<(Option<Digest>, Timestamp)>);

impl Policies {
    /// Until the log puts a set in force, that of the log before is.
    fn inherit(&mut self) {
        self.0.push((None, Timestamp::from_unix_millis(0)));
    }

    fn put_in_force(&mut self, set: Digest, from: Timestamp) {
        if self.0.last().is_some_and(|(last, _)| *last == Some(set)) {
            return;
        }
        if self.0.len() >= POLICIES_MAX {
            self.0.remove(0);
        }
        self.0.push((Some(set), from));
    }

    /// Whether the set that the entry names was in force at some time from the beginning of its
    /// request to the entry itself. A request's id tells when it began.
    fn allow(&self, entry: &Checked) -> bool {
        let Some(named) = entry.policy else { return true };
        let req = entry.req.0;
        let began = match req.get_version_num() {
            7 => u64::try_from(req.as_u128() >> 80).unwrap_or(u64::MAX),
            _ => entry.ts.unix_millis(),
        };
        let ends = self.0.iter().skip(1).map(|(_, from)| from.unix_millis());
        let ends = ends.chain([u64::MAX]);
        let lasted = |end: u64| end.saturating_add(POLICY_SETTLES_MS) >= began;
        let mut sets = self.0.iter().zip(ends);
        sets.any(|((set, _), end)| set.is_none_or(|set| set == named) && lasted(end))
    }
}
