//! The certificate of an ethical wall: who is kept from a matter, since when, and what the record
//! shows of them. All of it but names follows from the entries below its checkpoint, so whoever has
//! the log can make it again.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::reveal::WITHHELD;
use super::{ExamineError, Examiner, Reader};
use crate::audit::{Entry, Recorded, Related, Selection, What};
use crate::domain::access::label_value;
use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::ids::{EntryIndex, RequestId};
use crate::domain::payload::{Token, TokenKind};
use crate::domain::relationship::RelationshipKind;
use crate::identity::stand;
use crate::policy::Action;

/// DSSE payload type of a certificate.
const WALL_TYPE: &str = "application/vnd.affiant.wall+json";

/// One wall around the matter for one person, as the record has it.
#[derive(Clone, Debug, Serialize)]
pub struct Standing {
    /// The entry that set it.
    pub entry: EntryIndex,
    /// When that was.
    pub since: String,
    /// When it begins, where that is later.
    pub from: Option<String>,
    /// When it ends by itself.
    pub until: Option<String>,
    /// The entry that ended it.
    pub lifted: Option<EntryIndex>,
}

/// One person behind the wall.
#[derive(Clone, Debug, Serialize)]
pub struct Walled {
    /// The account; `None` where there is none of that token any more.
    pub person: Option<String>,
    /// What stands for the person in the log.
    pub token: Token,
    /// Whether they stand behind it now.
    pub stands: bool,
    /// The walls on record, the oldest first; none where the account alone says so, which the record
    /// does not date.
    pub walls: Vec<Standing>,
    /// When the record first knows of the account: it shows nothing before.
    pub known_since: Option<String>,
    /// Entries that this person caused.
    pub entries: u64,
    /// Questions in the matter that were denied, and what of it was asked for and withheld:
    /// documents, pages, the contents behind entries.
    pub denied: Vec<EntryIndex>,
    /// Questions in the matter that ended otherwise; what they found of it is told apart.
    pub asked: Vec<EntryIndex>,
    /// Entries by which passages, pages or answers of the matter reached this person behind the
    /// wall.
    pub touched: Vec<EntryIndex>,
    /// The same before it was set, and after it ended.
    pub outside: Vec<EntryIndex>,
}

/// A version of the policies, and since when it is in force.
#[derive(Clone, Debug, Serialize)]
pub struct InForce {
    /// Digest of the set.
    pub sha256: Digest,
    /// Since when.
    pub since: String,
    /// The entry that put it in force.
    pub entry: EntryIndex,
}

/// A certificate for one matter.
#[derive(Clone, Debug, Serialize)]
pub struct Certificate {
    /// The version of its form.
    pub v: u32,
    /// The log.
    pub origin: String,
    /// The matter.
    pub matter: String,
    /// What stands for it in the log.
    pub token: Token,
    /// How many entries it was made from; the checkpoint holds all of them.
    pub size: u64,
    /// The signed checkpoint that it rests on.
    pub checkpoint: String,
    /// The people who stand behind the wall, or did.
    pub persons: Vec<Walled>,
    /// The policies that decided.
    pub policies: Vec<InForce>,
    /// Whether nothing of the matter reached any of them behind the wall.
    pub clean: bool,
}

impl Certificate {
    /// For printing, as Markdown.
    pub fn to_markdown(&self) -> String {
        let mut text = format!("# Ethical wall: matter {}\n\n", plain(&self.matter));
        text.push_str(match self.clean {
            true => {
                "The record shows no passage, page or answer of the matter that reached any of \
                 these people while they stood behind the wall.\n\n"
            }
            false => {
                "**The record shows that some of the matter reached people behind the wall.**\n\n"
            }
        });
        for one in &self.persons {
            text.push_str(&one.to_markdown());
        }
        if self.persons.is_empty() {
            text.push_str("Nobody stands behind a wall around this matter, or ever did.\n\n");
        }
        text.push_str("## Policies in force\n\n");
        for policy in &self.policies {
            let InForce { sha256, since, entry } = policy;
            text.push_str(&format!("- {sha256} since {since} (entry {entry})\n"));
        }
        text.push_str(&format!(
            "\n## What it rests on\n\nThe first {} entries of the log {}, in which {} stands for \
             the matter. Whoever has the log checks this: walls are entries of type \
             relationship.changed, questions query.received, what was found retrieval.done, pages \
             document.viewed.\n\n```text\n{}```\n",
            self.size, self.origin, self.token, self.checkpoint
        ));
        text
    }
}

impl Walled {
    fn to_markdown(&self) -> String {
        let name = self.person.as_deref().map_or("(no account any more)".to_owned(), plain);
        let mut text = format!("## {name}\n\n- In the log: {}\n", self.token);
        for wall in &self.walls {
            let Standing { entry, since, from, until, lifted } = wall;
            text.push_str(&format!("- Behind the wall since {since} (entry {entry})"));
            let bounds = [("from", from), ("until", until)];
            for (word, time) in
                bounds.iter().filter_map(|(word, time)| Some((word, time.as_ref()?)))
            {
                text.push_str(&format!(", {word} {time}"));
            }
            text.push_str(&lifted.map_or_else(String::new, |at| format!(", lifted by entry {at}")));
            text.push('\n');
        }
        if self.walls.is_empty() {
            text.push_str(
                "- Behind the wall by the account itself, which the record does not date\n",
            );
        }
        let list = |entries: &[EntryIndex]| match entries {
            [] => "none".to_owned(),
            all => all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        text.push_str(&format!(
            "- On record since {}, with {} entries\n- Denied of the matter: {}\n\
             - Questions in the matter that ended otherwise: {}\n\
             - Reached by the matter behind the wall: {}\n- Reached by it before or after: {}\n\n",
            self.known_since.as_deref().unwrap_or("an unknown time"),
            self.entries,
            list(&self.denied),
            list(&self.asked),
            list(&self.touched),
            list(&self.outside)
        ));
        text
    }

    /// Whether they stood behind a wall on record at this time.
    fn stood_at(&self, time: Timestamp, bounds: &[(Option<Timestamp>, Option<Timestamp>)]) -> bool {
        self.walls.iter().zip(bounds).any(|(wall, (from, until))| {
            let holds = from.is_none_or(|from| from <= time) && until.is_none_or(|end| time < end);
            holds && wall.lifted.is_none()
        })
    }
}

fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}

impl Examiner {
    /// The certificate of the wall around a matter, with its signed form (DSSE).
    ///
    /// # Errors
    /// [`ExamineError`]: nothing is shown.
    pub fn wall(
        &self,
        reader: &Reader,
        matter: &str,
    ) -> Result<Recorded<(Certificate, Vec<u8>)>, ExamineError> {
        self.decide(reader, Action::ExportLog)?;
        let matter = label_value(matter)
            .map_err(|expected| ExamineError::Request(format!("the matter: {expected}")))?;
        let token = self.vault.token(TokenKind::Matter, &matter);
        // What the checkpoint holds is at least what is read here.
        let size = self.log.size();
        self.log.publish()?;
        let checkpoint = self.log.checkpoint();
        let mut count = Count::of(token.clone());
        self.each(&Selection::default(), 0, |entry| {
            let is_below = entry.index.0 < size;
            if is_below {
                count.take(&entry);
            }
            Ok(is_below)
        })?;
        let (persons, policies) = (self.behind(&matter, count.seen)?, count.policies);
        let clean = persons.iter().all(|person| person.touched.is_empty());
        let origin = self.verifier()?.name().to_owned();
        let certificate =
            Certificate { v: 2, origin, matter, token, size, checkpoint, persons, policies, clean };
        let signed = self.state_signed(reader, WALL_TYPE, &certificate)?.render();
        let what = What::AuditExported {
            format: "wall".to_owned(),
            entries: size,
            sha256: Digest::of(&signed),
            size,
            selection: Selection { matter: Some(count.matter), ..Selection::default() },
            purpose: None,
            payload: None,
        };
        Ok(self.record(reader, what, (certificate, signed))?)
    }

    /// Those who stand behind the wall or did, with their names.
    fn behind(
        &self,
        matter: &str,
        mut seen: BTreeMap<Token, Seen>,
    ) -> Result<Vec<Walled>, ExamineError> {
        let now = self.clock.now();
        for row in self.state.accounts().list()? {
            let standing = self.state.standings().get(&row.name)?;
            let who = stand(&row, standing.as_ref(), now);
            let token = self.vault.token(TokenKind::Person, row.name.as_str());
            let walled = &mut seen.entry(token.clone()).or_insert_with(|| Seen::of(token)).walled;
            walled.person = Some(row.name.to_string());
            walled.stands =
                who.attributes.get("wall").is_some_and(|matters| matters.contains(matter));
        }
        let walled = seen.into_values().map(|seen| seen.walled);
        let walled = walled.filter(|one| one.stands || !one.walls.is_empty());
        Ok(walled
            .map(|mut one| {
                // The record does not say since when: then all of it counts.
                if one.walls.is_empty() {
                    one.touched = std::mem::take(&mut one.outside);
                }
                one
            })
            .collect())
    }
}

/// What the record shows of one person.
struct Seen {
    walled: Walled,
    /// Start and end of each of the walls.
    bounds: Vec<(Option<Timestamp>, Option<Timestamp>)>,
}

impl Seen {
    const fn of(token: Token) -> Self {
        let walled = Walled {
            person: None,
            token,
            stands: false,
            walls: Vec::new(),
            known_since: None,
            entries: 0,
            denied: Vec::new(),
            asked: Vec::new(),
            touched: Vec::new(),
            outside: Vec::new(),
        };
        Self { walled, bounds: Vec::new() }
    }
}

/// Counts a log, entry by entry, for one matter.
struct Count {
    matter: Token,
    seen: BTreeMap<Token, Seen>,
    policies: Vec<InForce>,
    /// Questions in the matter that have not ended.
    open: BTreeMap<RequestId, EntryIndex>,
    /// Requests that found something of the matter, and every entry about it.
    reached: BTreeSet<RequestId>,
    about: BTreeSet<EntryIndex>,
}

impl Count {
    const fn of(matter: Token) -> Self {
        Self {
            matter,
            seen: BTreeMap::new(),
            policies: Vec::new(),
            open: BTreeMap::new(),
            reached: BTreeSet::new(),
            about: BTreeSet::new(),
        }
    }

    fn of_person(&mut self, token: Token) -> &mut Seen {
        self.seen.entry(token.clone()).or_insert_with(|| Seen::of(token))
    }

    fn take(&mut self, entry: &Entry) {
        if let Some(sha256) = entry.activates() {
            let since = entry.ts().to_string();
            self.policies.push(InForce { sha256, since, entry: entry.index });
        }
        match entry.kind() {
            "relationship.changed" => self.rebuild(entry),
            "account.created" => {
                if let Some(Ok(person)) = text(entry, "person").map(str::parse::<Token>) {
                    let walled = &mut self.of_person(person).walled;
                    walled.known_since.get_or_insert_with(|| entry.ts().to_string());
                }
            }
            _ => {}
        }
        let about = Selection { matter: Some(self.matter.clone()), ..Selection::default() };
        let is_about = about.matches(entry);
        if is_about || entry.req().is_some_and(|req| self.reached.contains(&req)) {
            self.about.insert(entry.index);
        }
        let Ok(actor) = entry.actor_id().parse::<Token>() else { return };
        let (at, req) = (entry.index, entry.req());
        self.of_person(actor.clone()).walled.entries += 1;
        match entry.kind() {
            "query.received" if is_about => {
                self.open.extend(req.map(|req| (req, at)));
                self.of_person(actor).walled.asked.push(at);
            }
            "query.denied" => {
                if let Some(received) = req.and_then(|req| self.open.remove(&req)) {
                    let walled = &mut self.of_person(actor).walled;
                    walled.asked.retain(|asked| *asked != received);
                    walled.denied.push(received);
                }
            }
            "retrieval.done" | "replay.retrieved" | "document.viewed" if is_about => {
                self.reached.extend(req);
                self.reach(actor, entry);
            }
            "document.denied" if is_about => self.of_person(actor).walled.denied.push(at),
            "audit.revealed"
                if text(entry, "state") == Some(WITHHELD) && self.points_into(entry) =>
            {
                self.of_person(actor).walled.denied.push(at);
            }
            // What was found once is shown again.
            "answer.reread" | "audit.revealed" if self.points_into(entry) => {
                self.reach(actor, entry);
            }
            _ => {}
        }
    }

    fn points_into(&self, entry: &Entry) -> bool {
        let field = if entry.kind() == "answer.reread" { "entry" } else { "index" };
        let index = entry.details().get(field).and_then(Value::as_u64);
        index.is_some_and(|index| self.about.contains(&EntryIndex(index)))
    }

    fn reach(&mut self, actor: Token, entry: &Entry) {
        let Seen { walled, bounds } = self.of_person(actor);
        match walled.stood_at(entry.ts(), bounds) {
            true => walled.touched.push(entry.index),
            false => walled.outside.push(entry.index),
        }
    }

    /// Walls around the matter that this entry sets and lifts.
    fn rebuild(&mut self, entry: &Entry) {
        for added in self.walls_in(entry, "added") {
            let told = |time: Option<Timestamp>| time.map(|time| time.to_string());
            let Seen { walled, bounds } = self.of_person(added.person);
            walled.walls.push(Standing {
                entry: entry.index,
                since: entry.ts().to_string(),
                from: told(added.from),
                until: told(added.until),
                lifted: None,
            });
            bounds.push((added.from, added.until));
        }
        for removed in self.walls_in(entry, "removed") {
            let Seen { walled, bounds } = self.of_person(removed.person);
            let gone = (removed.from, removed.until);
            let mut same = walled.walls.iter_mut().zip(bounds).filter(|(_, own)| **own == gone);
            if let Some((wall, _)) = same.find(|(wall, _)| wall.lifted.is_none()) {
                wall.lifted = Some(entry.index);
            }
        }
    }

    fn walls_in(&self, entry: &Entry, list: &str) -> Vec<Related> {
        let list = entry.details().get(list).cloned().unwrap_or_default();
        let mut related: Vec<Related> = serde_json::from_value(list).unwrap_or_default();
        related.retain(|one| one.kind == RelationshipKind::Wall && one.object == self.matter);
        related
    }
}

fn text<'a>(entry: &'a Entry, field: &str) -> Option<&'a str> {
    entry.details().get(field).and_then(Value::as_str)
}
