//! The certificate of an ethical wall: who is kept from a matter, and what the record shows of them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ExamineError, Examiner, Reader};
use crate::audit::{Entry, Recorded, Selection, What};
use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::ids::EntryIndex;
use crate::domain::payload::{Token, TokenKind};
use crate::policy::Action;

/// DSSE payload type of a certificate.
const WALL_TYPE: &str = "application/vnd.affiant.wall+json";

/// One person behind the wall.
#[derive(Clone, Debug, Serialize)]
pub struct Walled {
    /// The account.
    pub person: String,
    /// When the record first knows of the account: it shows nothing before.
    pub known_since: Option<String>,
    /// Entries that this person caused.
    pub entries: u64,
    /// Questions in the matter that were denied.
    pub denied: Vec<EntryIndex>,
    /// Entries that touched the matter all the same: questions in it, passages or pages of it.
    pub touched: Vec<EntryIndex>,
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
    /// The signed checkpoint that it was made from.
    pub checkpoint: String,
    /// The people whose accounts stand behind the wall now.
    pub persons: Vec<Walled>,
    /// The policies that decided.
    pub policies: Vec<InForce>,
    /// Whether nothing of the matter reached any of them.
    pub clean: bool,
}

impl Certificate {
    /// For printing, as Markdown.
    pub fn to_markdown(&self) -> String {
        let mut text = format!(
            "# Ethical wall: matter {}\n\nLog: {}\n\n",
            self.matter.replace(char::is_control, " "),
            self.origin
        );
        text.push_str(match self.clean {
            true => {
                "The record shows no question in the matter, no passage and no page of it for \
                     any of these people, but for questions that were denied.\n\n"
            }
            false => "**The record shows entries that touch the matter; see below.**\n\n",
        });
        text.push_str(
            "| Person | On record since | Entries | Denied | Touching |\n| - | - | - | - | - |\n",
        );
        for one in &self.persons {
            let list = |entries: &[EntryIndex]| {
                let all: Vec<String> = entries.iter().map(ToString::to_string).collect();
                if all.is_empty() { "none".to_owned() } else { all.join(", ") }
            };
            text.push_str(&format!(
                "| {} | {} | {} | {} | {} |\n",
                one.person,
                one.known_since.as_deref().unwrap_or("–"),
                one.entries,
                list(&one.denied),
                list(&one.touched)
            ));
        }
        text.push_str("\nPolicies in force:\n\n");
        for policy in &self.policies {
            text.push_str(&format!(
                "- {} since {} (entry {})\n",
                policy.sha256, policy.since, policy.entry
            ));
        }
        text.push_str(&format!(
            "\nMade from this checkpoint:\n\n```text\n{}```\n",
            self.checkpoint
        ));
        text
    }
}

impl Examiner {
    /// The certificate of the wall around a matter, with its signed form (DSSE). `persons` are the
    /// accounts behind it now.
    ///
    /// # Errors
    /// [`ExamineError`]: nothing is shown.
    pub fn wall(
        &self,
        reader: &Reader,
        matter: &str,
        persons: &[String],
    ) -> Result<Recorded<(Certificate, Vec<u8>)>, ExamineError> {
        self.decide(reader, Action::ExportLog)?;
        self.log.publish()?;
        let checkpoint = self.log.checkpoint();
        let token = self.vault.token(TokenKind::Matter, matter);
        let in_matter = Selection { matter: Some(token.clone()), ..Selection::default() };
        let mut found: BTreeMap<Token, Walled> = BTreeMap::new();
        for person in persons {
            let walled = Walled {
                person: person.clone(),
                known_since: None,
                entries: 0,
                denied: Vec::new(),
                touched: Vec::new(),
            };
            found.insert(self.vault.token(TokenKind::Person, person), walled);
        }
        let mut asked: BTreeMap<String, EntryIndex> = BTreeMap::new();
        let mut policies = Vec::new();
        let size = self.each(&Selection::default(), 0, |entry| {
            if let Some(sha256) = entry.activates() {
                let since = entry.ts().to_string();
                policies.push(InForce { sha256, since, entry: entry.index });
            }
            follow(&entry, &in_matter, &mut found, &mut asked);
            Ok(true)
        })?;
        let persons: Vec<Walled> = found.into_values().collect();
        let clean = persons.iter().all(|person| person.touched.is_empty());
        let origin = self.verifier()?.name().to_owned();
        let matter = matter.to_owned();
        let certificate =
            Certificate { v: 1, origin, matter, token, checkpoint, persons, policies, clean };
        let signed = self.state_signed(reader, WALL_TYPE, &certificate)?.render();
        let what = What::AuditExported {
            format: "wall".to_owned(),
            entries: size,
            sha256: Digest::of(&signed),
            size,
            selection: in_matter,
            purpose: None,
            payload: None,
        };
        Ok(self.record(reader, what, (certificate, signed))?)
    }
}

/// Counts one entry.
fn follow(
    entry: &Entry,
    in_matter: &Selection,
    found: &mut BTreeMap<Token, Walled>,
    asked: &mut BTreeMap<String, EntryIndex>,
) {
    if entry.kind() == "account.created" {
        let person = entry.details().get("person").and_then(serde_json::Value::as_str);
        let person = person.and_then(|token| token.parse::<Token>().ok());
        if let Some(walled) = person.and_then(|person| found.get_mut(&person)) {
            walled.known_since.get_or_insert_with(|| time(entry.ts()));
        }
    }
    let Ok(actor) = entry.actor_id().parse::<Token>() else { return };
    let Some(walled) = found.get_mut(&actor) else { return };
    walled.entries += 1;
    let request = entry.req().map(|req| req.to_string()).unwrap_or_default();
    match entry.kind() {
        // Touches the matter unless it ends denied.
        "query.received" if in_matter.matches(entry) => {
            asked.insert(request, entry.index);
            walled.touched.push(entry.index);
        }
        "query.denied" => {
            if let Some(received) = asked.remove(&request) {
                walled.touched.retain(|index| *index != received);
                walled.denied.push(received);
            }
        }
        "retrieval.done" | "document.viewed" | "replay.retrieved" if in_matter.matches(entry) => {
            walled.touched.push(entry.index);
        }
        _ => {}
    }
}

fn time(time: Timestamp) -> String {
    time.to_string()
}
