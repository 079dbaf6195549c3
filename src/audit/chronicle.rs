//! What entries must be among each other: well-formed, unique, in order of time, and every query
//! with one end.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::entry::{check, claims_our_format};
use super::event::QueryStep;
use super::tile::Part;
use super::verify::{EntryRules, Problems};
use crate::domain::clock::Timestamp;
use crate::domain::ids::RequestId;

/// Queries that are open at one point of the log; the appliance's own queues allow far fewer.
const OPEN_MAX: usize = 65_536;
/// A query among so many last entries may still be running.
const LIVE_TAIL: u64 = 1_024;

/// Follows the entries of a log from the first to the last.
pub(super) struct Chronicle {
    rules: EntryRules,
    last_ts: Timestamp,
    /// Ids of the entries of `last_ts`: an id contains its time, so no other can be equal.
    ids: BTreeSet<Uuid>,
    open: BTreeMap<RequestId, Open>,
    /// The last `log.started`: what was running before it has ended.
    started: u64,
}

struct Open {
    index: u64,
    retrieved: bool,
}

impl Chronicle {
    pub(super) const fn new(rules: EntryRules) -> Self {
        let last_ts = Timestamp::from_unix_millis(0);
        Self { rules, last_ts, ids: BTreeSet::new(), open: BTreeMap::new(), started: 0 }
    }

    /// The next entry, and the bundle that it lies in.
    pub(super) fn enter(
        &mut self,
        index: u64,
        entry: &[u8],
        bundle: Part,
        problems: &mut Problems,
    ) {
        if self.rules == EntryRules::Detect {
            let ours = index != 0 || claims_our_format(entry);
            self.rules = if ours { EntryRules::Affiant } else { EntryRules::Opaque };
        }
        if self.rules == EntryRules::Opaque {
            return;
        }
        let mut problem = |kind: &str, detail: &str| {
            problems.add(kind, Some(index), format!("entry {index} of {bundle} {detail}"));
        };
        let entry = match check(entry) {
            Ok(entry) => entry,
            Err(detail) => return problem("entry_schema", &detail),
        };
        if entry.ts < self.last_ts {
            problem("time_order", "is earlier than the entry before it");
        }
        if entry.ts > self.last_ts {
            self.last_ts = entry.ts;
            self.ids.clear();
        }
        if !self.ids.insert(entry.id) {
            problem("duplicate_id", "has the id of an earlier entry");
        }
        if entry.kind == "log.started" {
            self.started = index;
        }
        if let Some(step) = QueryStep::of(entry.kind)
            && let Err((kind, detail)) = self.step(index, entry.req, step)
        {
            problem(kind, detail);
        }
    }

    fn step(
        &mut self,
        index: u64,
        req: RequestId,
        step: QueryStep,
    ) -> Result<(), (&'static str, &'static str)> {
        match step {
            QueryStep::Received => {
                if self.open.len() >= OPEN_MAX {
                    return Err(("open_query", "follows too many queries without an end"));
                }
                let known = self.open.insert(req, Open { index, retrieved: false });
                known.map_or(Ok(()), |_| {
                    Err(("duplicate_query", "receives a query that is open already"))
                })
            }
            QueryStep::Retrieved => {
                let orphan = ("query_order", "retrieves for a query that is not open");
                self.open.get_mut(&req).map(|open| open.retrieved = true).ok_or(orphan)
            }
            QueryStep::Released | QueryStep::Closed => {
                let orphan = ("terminal_without_query", "ends a query that is not open");
                let open = self.open.remove(&req).ok_or(orphan)?;
                match step == QueryStep::Released && !open.retrieved {
                    true => Err(("query_order", "shows what no retrieval was recorded for")),
                    false => Ok(()),
                }
            }
        }
    }

    /// The end of the log: queries that cannot get an end any more.
    pub(super) fn finish(self, size: u64, problems: &mut Problems) {
        for Open { index, .. } in self.open.into_values() {
            if index < self.started || index + LIVE_TAIL < size {
                let detail = format!("entry {index} receives a query that has no terminal entry");
                problems.add("open_query", Some(index), detail);
            }
        }
    }
}
