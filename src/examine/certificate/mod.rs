//! The certificate of an ethical wall: who is kept from a matter, since when, and what the record
//! shows of them. All of it but names follows from the entries below its checkpoint, so whoever has
//! the log can make it again.
//!
//! It follows every document that was ever tied to the matter, whatever its labels were when somebody
//! saw it: a document that leaves a matter for an hour is still that document. People with a conflict
//! of interest are told of for the documents that carry, or carried, the client in question.

mod count;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use self::count::{Behind, Count, Seen, Ties};
use super::{ExamineError, Examiner, Reader};
use crate::audit::{Recorded, Selection, What};
use crate::domain::access::label_value;
use crate::domain::digest::Digest;
use crate::domain::ids::{EntryIndex, RequestId};
use crate::domain::payload::{Token, TokenKind};
use crate::domain::principal::Attributes;
use crate::domain::relationship::RelationshipKind;
use crate::identity::stand;
use crate::policy::Action;

/// DSSE payload type of a certificate.
const WALL_TYPE: &str = "application/vnd.affiant.wall+json";

/// One wall around the matter for one person, or one conflict with a client of it, as the record has
/// it.
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

/// One person behind the wall, or in conflict.
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
    /// How many more documents this person asked for in vain, of this matter or of others, that have
    /// no entry of their own; the entries of those that have one say how many came before.
    pub untold: u64,
    /// Questions in the matter that ended otherwise; what they found of it is told apart.
    pub asked: Vec<EntryIndex>,
    /// Entries by which passages, pages or answers of the matter reached this person behind the
    /// wall.
    pub touched: Vec<EntryIndex>,
    /// The same of documents that did not carry the matter then, but did at another time.
    pub other_times: Vec<EntryIndex>,
    /// All of that before it was set, and after it ended.
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
    /// The people who have, or had, a conflict with a client whose documents the matter holds; told
    /// of for these documents.
    pub conflicts: Vec<Walled>,
    /// The policies that decided.
    pub policies: Vec<InForce>,
    /// Whether nothing of the matter, and no document that carried it at another time, reached any of
    /// them behind the wall or in conflict.
    pub clean: bool,
}

impl Certificate {
    /// For printing, as Markdown.
    pub fn to_markdown(&self) -> String {
        let mut text = format!("# Ethical wall: matter {}\n\n", plain(&self.matter));
        text.push_str(match self.clean {
            true => {
                "The record shows no passage, page or answer of the matter, nor of a document that \
                 carried it at another time, that reached any of these people while they stood \
                 behind the wall or in conflict.\n\n"
            }
            false => {
                "**The record shows that some of the matter, or of documents that carried it at \
                 another time, reached people who were kept away from it.**\n\n"
            }
        });
        for one in &self.persons {
            text.push_str(&one.to_markdown("Behind the wall", "behind the wall"));
        }
        if self.persons.is_empty() {
            text.push_str("Nobody stands behind a wall around this matter, or ever did.\n\n");
        }
        if self.conflicts.is_empty() {
            text.push_str("Nobody has, or had, a conflict with a client of this matter.\n\n");
        }
        for one in &self.conflicts {
            text.push_str(&one.to_markdown("In conflict with a client of it", "in conflict"));
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
             document.viewed; a document belongs to \
             the matter where the key of its document.activated or document.labelled names it.\n\n```text\n{}```\n",
            self.size, self.origin, self.token, self.checkpoint
        ));
        text
    }
}

impl Walled {
    fn to_markdown(&self, kept: &str, so: &str) -> String {
        let name = self.person.as_deref().map_or("(no account any more)".to_owned(), plain);
        let mut text = format!("## {name}\n\n- In the log: {}\n", self.token);
        for wall in &self.walls {
            let Standing { entry, since, from, until, lifted } = wall;
            text.push_str(&format!("- {kept} since {since} (entry {entry})"));
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
            text.push_str(&format!(
                "- {kept} by the account itself, which the record does not date\n"
            ));
        }
        let list = |entries: &[EntryIndex]| match entries {
            [] => "none".to_owned(),
            all => all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        };
        text.push_str(&format!(
            "- On record since {}, with {} entries\n- Denied of the matter: {}\n\
             - Documents asked for in vain, of this matter or others, without an entry of their \
             own: {}\n\
             - Questions in the matter that ended otherwise: {}\n\
             - Reached by the matter {so}: {}\n\
             - Reached {so} by documents that carried the matter at another time: {}\n\
             - Reached by any of it before or after: {}\n\n",
            self.known_since.as_deref().unwrap_or("an unknown time"),
            self.entries,
            list(&self.denied),
            self.untold,
            list(&self.asked),
            list(&self.touched),
            list(&self.other_times),
            list(&self.outside)
        ));
        text
    }

    fn is_reached(&self) -> bool {
        !self.touched.is_empty() || !self.other_times.is_empty()
    }
}

fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}

impl Examiner {
    /// The certificate of the wall around a matter, with its signed form (DSSE).
    ///
    /// # Errors
    /// [`ExamineError`]: nothing is shown. [`ExamineError::Request`] for a matter that the appliance
    /// knows nothing of, or of which it was made to forget all: from nothing nothing is certified.
    pub fn wall(
        &self,
        reader: &Reader,
        matter: &str,
    ) -> Result<Recorded<(Certificate, Vec<u8>)>, ExamineError> {
        self.decide(reader, Action::ExportLog)?;
        let matter = label_value(matter)
            .map_err(|expected| ExamineError::Request(format!("the matter: {expected}")))?;
        // What the checkpoint holds is at least what is read here.
        let size = self.log.size();
        self.log.publish()?;
        let checkpoint = self.log.checkpoint();
        let (token, ties) = self.ties(&matter, size)?;
        let mut count = Count::of(ties);
        self.each(&Selection::default(), 0, |entry| {
            let is_below = entry.index.0 < size;
            if is_below {
                count.take(&entry);
            }
            Ok(is_below)
        })?;
        let policies = std::mem::take(&mut count.policies);
        let (persons, conflicts) = self.kept_away(&matter, count)?;
        let clean = !persons.iter().chain(&conflicts).any(Walled::is_reached);
        let certificate = Certificate {
            v: 3,
            origin: self.verifier()?.name().to_owned(),
            matter,
            token: token.clone(),
            size,
            checkpoint,
            persons,
            conflicts,
            policies,
            clean,
        };
        let signed = self.state_signed(reader, WALL_TYPE, &certificate)?.render();
        let what = What::AuditExported {
            format: "wall".to_owned(),
            entries: size,
            sha256: Digest::of(&signed),
            size,
            selection: Selection { matter: Some(token), ..Selection::default() },
            purpose: None,
            payload: None,
        };
        Ok(self.record(reader, what, (certificate, signed))?)
    }

    /// What stands for the matter, and what the record ties to it. A wall that stands names it as it
    /// was called when it was set: where that is another token, the matter was erased since.
    fn ties(&self, matter: &str, size: u64) -> Result<(Token, Ties), ExamineError> {
        let token = self.vault.known(TokenKind::Matter, matter);
        let mut acts = BTreeSet::<RequestId>::new();
        for row in self.state.standings().list()? {
            let walls = row.held.iter().filter(|held| {
                let one = &held.relationship;
                one.kind == RelationshipKind::Wall && one.object == matter
            });
            acts.extend(walls.map(|held| held.act));
        }
        // A client is no subject of its own: a conflict names it by a MAC.
        let mut clients = BTreeMap::new();
        for (class, labels) in self.catalogue.classes().iter() {
            let Some(client) = &labels.client else { continue };
            let name = format!("{} {client}", RelationshipKind::Conflict);
            clients.insert(class.0, self.vault.token(TokenKind::Rights, &name));
        }
        let shown = token.clone().unwrap_or_else(|| self.vault.token(TokenKind::Matter, matter));
        let mut ties = Ties::of(shown.clone(), clients, acts);
        self.each(&Selection::default(), 0, |entry| {
            let is_below = entry.index.0 < size;
            if is_below {
                ties.take(&entry);
            }
            Ok(is_below)
        })?;
        if let Some(erased) = ties.erased() {
            return Err(ExamineError::Request(format!(
                "the matter of this name was erased{}, and with it what would be certified: a \
                 certificate is made before. For what came under this name since, have the walls \
                 around it lifted and set anew",
                erased.map_or_else(String::new, |at| format!(" with entry {at}"))
            )));
        }
        match token {
            Some(token) => Ok((token, ties)),
            None => Err(ExamineError::Request(
                "the appliance knows no matter of this name: nothing was ever kept of it, or it \
                 was erased"
                    .to_owned(),
            )),
        }
    }

    /// Those who stand behind the wall or did, and those in conflict, with their names.
    fn kept_away(
        &self,
        matter: &str,
        count: Count,
    ) -> Result<(Vec<Walled>, Vec<Walled>), ExamineError> {
        let now = self.clock.now();
        let Count { clients, mut seen, .. } = count;
        let (mut persons, mut conflicts) = (Vec::new(), Vec::new());
        let mut take = |name: Option<String>, attributes: &Attributes, of: Seen| {
            let values =
                |kind: RelationshipKind| attributes.get(kind.as_str()).into_iter().flatten();
            let stands = values(RelationshipKind::Wall).any(|name| name == matter);
            persons.extend(of.walled(name.as_ref(), stands, &of.wall));
            let in_conflict = values(RelationshipKind::Conflict).any(|client| {
                let name = format!("{} {client}", RelationshipKind::Conflict);
                clients.contains(&self.vault.token(TokenKind::Rights, &name))
            });
            conflicts.extend(of.walled(name.as_ref(), in_conflict, &of.conflict));
        };
        for row in self.state.accounts().list()? {
            let standing = self.state.standings().get(&row.name)?;
            let who = stand(&row, standing.as_ref(), now);
            let token = self.vault.token(TokenKind::Person, row.name.as_str());
            let of = seen.remove(&token).unwrap_or_else(|| Seen::of(token));
            take(Some(row.name.to_string()), &who.attributes, of);
        }
        for of in seen.into_values() {
            take(None, &Attributes::new(), of);
        }
        Ok((persons, conflicts))
    }
}

impl Seen {
    /// What is certified of this person, for walls or for conflicts; `None` where there are none.
    fn walled(&self, name: Option<&String>, stands: bool, behind: &Behind) -> Option<Walled> {
        if !stands && behind.walls.is_empty() {
            return None;
        }
        let mut one = Walled {
            person: name.cloned(),
            token: self.token.clone(),
            stands,
            walls: behind.walls.clone(),
            known_since: self.known_since.clone(),
            entries: self.entries,
            denied: self.denied.clone(),
            untold: self.untold,
            asked: self.asked.clone(),
            touched: behind.touched.clone(),
            other_times: behind.other_times.clone(),
            outside: behind.outside.clone(),
        };
        // The record does not say since when: then all of it counts.
        if one.walls.is_empty() {
            one.touched = std::mem::take(&mut one.outside);
        }
        Some(one)
    }
}
