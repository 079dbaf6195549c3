//! What the record shows of a matter and of everybody: counted entry by entry.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::reveal::WITHHELD;
use super::{InForce, Standing};
use crate::audit::{Entry, Related, Selection};
use crate::domain::clock::Timestamp;
use crate::domain::ids::{EntryIndex, RequestId};
use crate::domain::payload::{Token, TokenKind};
use crate::domain::relationship::RelationshipKind;
use crate::store::KeyScope;

/// What the record ties to a matter: found in a first reading of it.
pub(super) struct Ties {
    matter: Token,
    /// The key of what belongs to the matter.
    key: KeyScope,
    /// What stands for the client of a class, as conflicts name it.
    clients: BTreeMap<u32, Token>,
    /// Documents that ever carried the matter, with every client that they ever carried.
    documents: BTreeMap<Token, BTreeSet<Token>>,
    others: BTreeMap<Token, BTreeSet<Token>>,
    /// The acts that set the walls which stand, with the matters that the record names for them.
    acts: BTreeMap<RequestId, BTreeSet<Token>>,
    /// What was erased, and by which entry.
    erased: BTreeMap<Token, EntryIndex>,
}

impl Ties {
    pub(super) fn of(
        matter: Token,
        clients: BTreeMap<u32, Token>,
        acts: BTreeSet<RequestId>,
    ) -> Self {
        Self {
            key: KeyScope::of(TokenKind::Matter, &matter),
            matter,
            clients,
            documents: BTreeMap::new(),
            others: BTreeMap::new(),
            acts: acts.into_iter().map(|act| (act, BTreeSet::new())).collect(),
            erased: BTreeMap::new(),
        }
    }

    pub(super) fn take(&mut self, entry: &Entry) {
        match entry.kind() {
            "document.activated" | "document.labelled" => {
                let Some(document) = token(entry, "document") else { return };
                let client = self.client_of(entry).cloned();
                let mut clients = self.others.remove(&document).unwrap_or_default();
                clients.extend(client);
                if self.owns(entry) || self.documents.contains_key(&document) {
                    self.documents.entry(document).or_default().extend(clients);
                } else if !clients.is_empty() {
                    self.others.insert(document, clients);
                }
            }
            "relationship.changed" => {
                let Some(req) = entry.req() else { return };
                if let Some(named) = self.acts.get_mut(&req) {
                    let walls = related(entry, "added").into_iter();
                    let walls = walls.filter(|one| one.kind == RelationshipKind::Wall);
                    named.extend(walls.map(|one| one.object));
                }
            }
            "erasure.keys" | "erasure.completed" => {
                self.erased.extend(token(entry, "subject").map(|subject| (subject, entry.index)));
            }
            _ => {}
        }
    }

    /// Whether the matter was erased after a wall around it was set that stands yet; and by which
    /// entry.
    pub(super) fn erased(&self) -> Option<Option<EntryIndex>> {
        let mut acts = self.acts.values().filter(|named| !named.is_empty());
        let named = acts.find(|named| !named.contains(&self.matter))?;
        Some(named.iter().find_map(|token| self.erased.get(token).copied()))
    }

    /// Whether what the entry commits to belongs to the matter.
    fn owns(&self, entry: &Entry) -> bool {
        entry.payload().is_some_and(|payload| {
            let scope = KeyScope::of_payload(&payload);
            self.key.keys().all(|key| scope.keys().any(|own| own == key))
        })
    }

    /// The client of the class that a document takes on.
    fn client_of(&self, entry: &Entry) -> Option<&Token> {
        let class = entry.details().get("class").and_then(Value::as_u64)?;
        self.clients.get(&u32::try_from(class).ok()?)
    }
}

/// What an entry shows of the matter.
#[derive(Clone, Default)]
struct Tie {
    /// Whether it is of documents alone that did not carry the matter then.
    is_other_time: bool,
    /// The clients of its documents that conflicts may be with, and whether they carried them then.
    clients: BTreeMap<Token, bool>,
}

/// What the record shows of one person.
pub(super) struct Seen {
    pub(super) token: Token,
    pub(super) known_since: Option<String>,
    pub(super) entries: u64,
    pub(super) denied: Vec<EntryIndex>,
    pub(super) untold: u64,
    pub(super) asked: Vec<EntryIndex>,
    pub(super) wall: Behind,
    pub(super) conflict: Behind,
}

/// What keeps one person away, and what reached them.
#[derive(Default)]
pub(super) struct Behind {
    pub(super) walls: Vec<Standing>,
    /// What each of them is about, and when it begins and ends.
    bounds: Vec<Bound>,
    pub(super) touched: Vec<EntryIndex>,
    pub(super) other_times: Vec<EntryIndex>,
    pub(super) outside: Vec<EntryIndex>,
}

#[derive(Eq, PartialEq)]
struct Bound {
    object: Token,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Seen {
    pub(super) fn of(token: Token) -> Self {
        Self {
            token,
            known_since: None,
            entries: 0,
            denied: Vec::new(),
            untold: 0,
            asked: Vec::new(),
            wall: Behind::default(),
            conflict: Behind::default(),
        }
    }
}

impl Behind {
    fn set(&mut self, entry: &Entry, added: Related) {
        let told = |time: Option<Timestamp>| time.map(|time| time.to_string());
        self.walls.push(Standing {
            entry: entry.index,
            since: entry.ts().to_string(),
            from: told(added.from),
            until: told(added.until),
            lifted: None,
        });
        let Related { object, from, until, .. } = added;
        self.bounds.push(Bound { object, from, until });
    }

    fn lift(&mut self, entry: &Entry, removed: Related) {
        let Related { object, from, until, .. } = removed;
        let gone = Bound { object, from, until };
        let mut same = self.walls.iter_mut().zip(&self.bounds).filter(|(_, own)| **own == gone);
        if let Some((wall, _)) = same.find(|(wall, _)| wall.lifted.is_none()) {
            wall.lifted = Some(entry.index);
        }
    }

    /// What of these keeps them away at this time.
    fn standing_at(&self, time: Timestamp) -> impl Iterator<Item = &Token> {
        let walls = self.walls.iter().zip(&self.bounds);
        let walls = walls.filter(move |(wall, Bound { from, until, .. })| {
            let holds = from.is_none_or(|from| from <= time) && until.is_none_or(|end| time < end);
            holds && wall.lifted.is_none()
        });
        walls.map(|(_, bound)| &bound.object)
    }

    /// Notes an entry by which something reached them; `as_then` says whether it was what keeps them
    /// away at the time, `None` where nothing did.
    fn reach(&mut self, at: EntryIndex, as_then: Option<bool>) {
        match as_then {
            Some(true) => self.touched.push(at),
            Some(false) => self.other_times.push(at),
            None => self.outside.push(at),
        }
    }
}

/// Counts a log, entry by entry, for one matter.
pub(super) struct Count {
    ties: Ties,
    /// The clients that documents of the matter carry or carried.
    pub(super) clients: BTreeSet<Token>,
    pub(super) seen: BTreeMap<Token, Seen>,
    pub(super) policies: Vec<InForce>,
    /// The client that each document of the matter carries.
    carried: BTreeMap<Token, Token>,
    /// Questions in the matter that have not ended.
    open: BTreeMap<RequestId, EntryIndex>,
    /// Requests that found something of the matter, and every entry about it.
    reached: BTreeMap<RequestId, Tie>,
    about: BTreeMap<EntryIndex, Tie>,
}

impl Count {
    pub(super) fn of(ties: Ties) -> Self {
        Self {
            clients: ties.documents.values().flatten().cloned().collect(),
            ties,
            seen: BTreeMap::new(),
            policies: Vec::new(),
            carried: BTreeMap::new(),
            open: BTreeMap::new(),
            reached: BTreeMap::new(),
            about: BTreeMap::new(),
        }
    }

    fn of_person(&mut self, token: Token) -> &mut Seen {
        self.seen.entry(token.clone()).or_insert_with(|| Seen::of(token))
    }

    pub(super) fn take(&mut self, entry: &Entry) {
        self.follow(entry);
        let named = self.tie(entry);
        let is_named = named.as_ref().is_some_and(|tie| !tie.is_other_time);
        let found = entry.req().and_then(|req| self.reached.get(&req)).cloned();
        self.about.extend(named.clone().or(found).map(|tie| (entry.index, tie)));
        let Ok(actor) = entry.actor_id().parse::<Token>() else { return };
        let (at, req) = (entry.index, entry.req());
        let seen = self.of_person(actor.clone());
        seen.entries += 1;
        match (entry.kind(), named) {
            ("query.received", _) if is_named => {
                seen.asked.push(at);
                self.open.extend(req.map(|req| (req, at)));
            }
            ("query.denied", _) => {
                if let Some(received) = req.and_then(|req| self.open.remove(&req)) {
                    let seen = self.of_person(actor);
                    seen.asked.retain(|asked| *asked != received);
                    seen.denied.push(received);
                }
            }
            ("retrieval.done" | "replay.retrieved" | "document.viewed", Some(tie)) => {
                self.reached.extend(req.map(|req| (req, tie.clone())));
                self.reach(actor, entry, &tie);
            }
            ("document.denied", named) => {
                let untold = entry.details().get("untold").and_then(Value::as_u64);
                seen.untold = seen.untold.saturating_add(untold.unwrap_or_default());
                seen.denied.extend(named.map(|_| at));
            }
            // What was found once is shown again.
            ("answer.reread" | "audit.revealed", _) => {
                let Some(tie) = self.pointed_at(entry) else { return };
                match text(entry, "state") == Some(WITHHELD) {
                    true => self.of_person(actor).denied.push(at),
                    false => self.reach(actor, entry, &tie),
                }
            }
            _ => {}
        }
    }

    /// What changes for those who are kept away, for documents and for policies.
    fn follow(&mut self, entry: &Entry) {
        if let Some(sha256) = entry.activates() {
            let since = entry.ts().to_string();
            self.policies.push(InForce { sha256, since, entry: entry.index });
        }
        match entry.kind() {
            "relationship.changed" => self.rebuild(entry),
            "document.activated" | "document.labelled" => {
                if let Some(document) = token(entry, "document")
                    && self.ties.documents.contains_key(&document)
                {
                    match self.ties.client_of(entry).cloned() {
                        Some(client) => self.carried.insert(document, client),
                        None => self.carried.remove(&document),
                    };
                }
            }
            "account.created" => {
                if let Some(person) = token(entry, "person") {
                    let seen = self.of_person(person);
                    seen.known_since.get_or_insert_with(|| entry.ts().to_string());
                }
            }
            _ => {}
        }
    }

    /// What an entry itself shows of the matter; `None` where nothing.
    fn tie(&self, entry: &Entry) -> Option<Tie> {
        let matter = Selection { matter: Some(self.ties.matter.clone()), ..Selection::default() };
        // Evidence is its question's matter's, too, whatever it is of; a document's row is its own.
        let is_row = matches!(entry.kind(), "document.activated" | "document.labelled");
        let is_named = matter.matches(entry) || (is_row && self.ties.owns(entry));
        let (mut is_tied, mut clients) = (false, BTreeMap::new());
        let hits = entry.details().get("hits").and_then(Value::as_array).into_iter().flatten();
        let hits = hits.filter_map(|hit| hit.get("document")?.as_str()?.parse().ok());
        for document in hits.chain(token(entry, "document")) {
            let Some(ever) = self.ties.documents.get(&document) else { continue };
            is_tied = true;
            for client in ever {
                let now = self.carried.get(&document) == Some(client);
                *clients.entry(client.clone()).or_insert(false) |= now;
            }
        }
        (is_named || is_tied).then_some(Tie { is_other_time: !is_named, clients })
    }

    /// What the entry shows that this one is about.
    fn pointed_at(&self, entry: &Entry) -> Option<Tie> {
        let field = if entry.kind() == "answer.reread" { "entry" } else { "index" };
        let index = entry.details().get(field).and_then(Value::as_u64)?;
        self.about.get(&EntryIndex(index)).cloned()
    }

    fn reach(&mut self, actor: Token, entry: &Entry, tie: &Tie) {
        let (at, time) = (entry.index, entry.ts());
        let Seen { wall, conflict, .. } = self.of_person(actor);
        let stood = wall.standing_at(time).next().is_some();
        wall.reach(at, stood.then_some(!tie.is_other_time));
        if tie.clients.is_empty() {
            return;
        }
        let carried = conflict.standing_at(time).filter_map(|client| tie.clients.get(client));
        let carried = carried.copied().max();
        conflict.reach(at, carried.map(|then| then && !tie.is_other_time));
    }

    /// Walls around the matter, and conflicts with clients of it, that this entry sets and lifts.
    fn rebuild(&mut self, entry: &Entry) {
        for list in ["added", "removed"] {
            let change = if list == "added" { Behind::set } else { Behind::lift };
            for one in related(entry, list) {
                let is_wall = one.kind == RelationshipKind::Wall && one.object == self.ties.matter;
                let is_conflict =
                    one.kind == RelationshipKind::Conflict && self.clients.contains(&one.object);
                if is_wall {
                    change(&mut self.of_person(one.person.clone()).wall, entry, one);
                } else if is_conflict {
                    change(&mut self.of_person(one.person.clone()).conflict, entry, one);
                }
            }
        }
    }
}

fn related(entry: &Entry, list: &str) -> Vec<Related> {
    let list = entry.details().get(list).cloned().unwrap_or_default();
    serde_json::from_value(list).unwrap_or_default()
}

fn token(entry: &Entry, field: &str) -> Option<Token> {
    text(entry, field)?.parse().ok()
}

fn text<'a>(entry: &'a Entry, field: &str) -> Option<&'a str> {
    entry.details().get(field).and_then(Value::as_str)
}
