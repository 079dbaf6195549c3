//! C2SP tlog-policy: which logs are trusted, and whose cosignatures make a checkpoint valid.
//!
//! Several `log` lines of one name are the keys that one log has had: any of them will do.
//! The format leaves the limits to us: it asks for 32 logs, witnesses and groups at least.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::checkpoint::{CHECKPOINT_BYTES_MAX, Checkpoint};
use super::cosignature::CosignatureVerifier;
use super::note::{KeyError, NoteError, NoteVerifier, SignedText};

/// Largest policy file that is read: every line at its limit stays below.
pub const POLICY_FILE_BYTES_MAX: u64 = 64 * 1024;
/// Logs, witnesses and groups, each: twice what the format asks for.
const LINES_MAX: usize = 64;

/// Why a line of a policy is not accepted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LineError {
    /// The first word is none of the format.
    #[error("{found:?} is no keyword: expected log, witness, group, quorum or a # comment")]
    Keyword {
        /// What stands there.
        found: String,
    },
    /// Too few or too many words.
    #[error("expected `{form}`")]
    Form {
        /// What the line looks like.
        form: &'static str,
    },
    /// Not a key of the right type.
    #[error("{0}")]
    Key(#[from] KeyError),
    /// One public key twice among the logs, or among the witnesses.
    #[error("the same public key stands on an earlier line")]
    DuplicateKey,
    /// The format allows any octets in names; here a report could not tell two of them apart.
    #[error("the name {name:?} is not UTF-8")]
    NotText {
        /// The name, as far as it is text.
        name: String,
    },
    /// A witness or group of this name exists, or it is `none`.
    #[error("the name {name:?} is taken")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// A name that no earlier line defines.
    #[error("no earlier line defines {name:?}")]
    UnknownName {
        /// The name.
        name: String,
    },
    /// A name that is a member already: every witness may count in one way only.
    #[error("{name:?} is a member of a group already")]
    MemberTwice {
        /// The name.
        name: String,
    },
    /// Not `all`, `any` or a number from 1 to the number of members.
    #[error("the threshold {found:?} is not all, any or a number from 1 to {members}")]
    Threshold {
        /// What stands there.
        found: String,
        /// Members of the group.
        members: usize,
    },
    /// A second `quorum` line.
    #[error("a second quorum line")]
    SecondQuorum,
    /// More lines of a kind than `LINES_MAX`.
    #[error("more than {LINES_MAX} lines of this kind")]
    TooMany,
    /// A control character, such as a carriage return.
    #[error("a control character, byte {byte:#04x}: only tabs and newlines are allowed")]
    Control {
        /// The byte.
        byte: u8,
    },
    /// The file stops in the middle of it.
    #[error("does not end in a newline: the file may be cut off")]
    CutOff,
}

/// Why a policy is not accepted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// One line.
    #[error("line {line} of the tlog-policy: {source}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        source: LineError,
    },
    /// Larger than [`POLICY_FILE_BYTES_MAX`].
    #[error("the tlog-policy has more than {POLICY_FILE_BYTES_MAX} bytes")]
    TooLarge,
    /// No `quorum` line.
    #[error("the tlog-policy has no quorum line: add `quorum none` where no witness is asked for")]
    NoQuorum,
}

/// Why a checkpoint does not even count as signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UnsignedError {
    /// The note around it.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Larger than any checkpoint.
    #[error("too large for a checkpoint")]
    TooLarge,
    /// The text is not origin, size and root.
    #[error("not a checkpoint: expected origin, size and root lines")]
    Malformed,
    /// No `log` line of this origin has a key that signed it.
    #[error("signed by none of the log keys that are trusted")]
    NoLog,
}

/// A log that the policy accepts, by one of its keys.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PolicyLog {
    /// Its key; its name is the log's origin.
    pub verifier: NoteVerifier,
    /// Where it can be reached.
    pub url: Option<String>,
}

/// A witness that the policy knows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PolicyWitness {
    /// What the policy calls it.
    pub name: String,
    /// Its key.
    pub verifier: CosignatureVerifier,
    /// Its submission prefix.
    pub url: Option<String>,
}

/// A witness or a group, by its place in its list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Member {
    Witness(usize),
    Group(usize),
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Group {
    name: String,
    threshold: usize,
    members: Vec<Member>,
}

/// A policy.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TlogPolicy {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    /// `None` is `quorum none`.
    quorum: Option<Member>,
}

/// What a policy says of one checkpoint that a log of it has signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Standing {
    /// What the checkpoint states.
    pub checkpoint: Checkpoint,
    /// The log's keys that signed it; at least one.
    pub signed_by: Vec<NoteVerifier>,
    /// Witnesses that cosigned it, by their names in the policy, with the time in Unix seconds.
    pub cosigned_by: Vec<(String, u64)>,
    /// Whether that is enough.
    pub quorum_met: bool,
}

impl TlogPolicy {
    /// The policy that accepts these keys of logs and asks for no witness.
    pub fn of_logs(keys: impl IntoIterator<Item = NoteVerifier>) -> Self {
        let logs = keys.into_iter().map(|verifier| PolicyLog { verifier, url: None });
        Self { logs: logs.collect(), ..Self::default() }
    }

    /// The same witnesses and quorum for the log with this key alone.
    #[must_use]
    pub fn for_log(&self, verifier: NoteVerifier) -> Self {
        Self { logs: vec![PolicyLog { verifier, url: None }], ..self.clone() }
    }

    /// The same with one more key, for a log that it accepts by another key already.
    pub(super) fn trusts_too(&mut self, verifier: NoteVerifier) {
        if !self.logs.iter().any(|log| log.verifier == verifier) {
            self.logs.push(PolicyLog { verifier, url: None });
        }
    }

    /// Reads a policy file.
    ///
    /// # Errors
    /// [`PolicyError`] names the first line that is wrong.
    pub fn parse(file: &[u8]) -> Result<Self, PolicyError> {
        if file.len() as u64 > POLICY_FILE_BYTES_MAX {
            return Err(PolicyError::TooLarge);
        }
        let mut reading = Reading::default();
        for (line, number) in file.split_inclusive(|byte| *byte == b'\n').zip(1..) {
            let at = |source| PolicyError::Line { line: number, source };
            let line = line.strip_suffix(b"\n").ok_or_else(|| at(LineError::CutOff))?;
            reading.line(line).map_err(at)?;
        }
        let quorum = reading.quorum.ok_or(PolicyError::NoQuorum)?;
        Ok(Self { quorum, ..reading.policy })
    }

    /// The logs, one for each of their keys.
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// The witnesses.
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// Whether a quorum of witnesses is asked for.
    pub const fn asks_for_witnesses(&self) -> bool {
        self.quorum.is_some()
    }

    /// Whether the cosignatures of the witnesses that `has` names would be enough.
    pub fn is_met_by(&self, has: impl Fn(&PolicyWitness) -> bool) -> bool {
        let present: Vec<bool> = self.witnesses.iter().map(has).collect();
        self.quorum.is_none_or(|quorum| self.counts(quorum, &present))
    }

    /// Who signed a checkpoint, and whether the quorum is met. Signatures of keys that the policy
    /// does not know are ignored; one that claims to be of a known key and does not fit refuses
    /// the whole checkpoint.
    ///
    /// # Errors
    /// [`UnsignedError`] where it is not a checkpoint that a log of the policy has signed.
    pub fn stand(&self, checkpoint: &[u8]) -> Result<Standing, UnsignedError> {
        if checkpoint.len() as u64 > CHECKPOINT_BYTES_MAX {
            return Err(UnsignedError::TooLarge);
        }
        let note = SignedText::parse(checkpoint)?;
        let stated = Checkpoint::parse(note.text).ok_or(UnsignedError::Malformed)?;
        let mut signed_by = Vec::new();
        for PolicyLog { verifier, .. } in &self.logs {
            // A key speaks for the log that it is named after, and for no other.
            if verifier.signed(&note)? && verifier.name() == stated.origin {
                signed_by.push(verifier.clone());
            }
        }
        if signed_by.is_empty() {
            return Err(UnsignedError::NoLog);
        }
        let mut cosigned_by = Vec::new();
        let mut present = Vec::new();
        for PolicyWitness { name, verifier, .. } in &self.witnesses {
            let time = verifier.cosigned(&note)?;
            present.push(time.is_some());
            cosigned_by.extend(time.map(|time| (name.clone(), time)));
        }
        let quorum_met = self.quorum.is_none_or(|quorum| self.counts(quorum, &present));
        Ok(Standing { checkpoint: stated, signed_by, cosigned_by, quorum_met })
    }

    /// Whether a member counts. Groups name earlier lines only, so this ends.
    fn counts(&self, member: Member, present: &[bool]) -> bool {
        match member {
            Member::Witness(at) => present.get(at).copied().unwrap_or(false),
            Member::Group(at) => self.groups.get(at).is_some_and(|group| {
                let members = group.members.iter();
                members.filter(|m| self.counts(**m, present)).count() >= group.threshold
            }),
        }
    }

    fn name_of(&self, member: Member) -> &str {
        let name = match member {
            Member::Witness(at) => self.witnesses.get(at).map(|witness| &witness.name),
            Member::Group(at) => self.groups.get(at).map(|group| &group.name),
        };
        name.map_or("", String::as_str)
    }
}

impl fmt::Display for TlogPolicy {
    /// The policy as a file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tail =
            |url: &Option<String>| url.as_ref().map_or_else(String::new, |u| format!(" {u}"));
        for PolicyLog { verifier, url } in &self.logs {
            writeln!(f, "log {verifier}{}", tail(url))?;
        }
        for PolicyWitness { name, verifier, url } in &self.witnesses {
            writeln!(f, "witness {name} {verifier}{}", tail(url))?;
        }
        for Group { name, threshold, members } in &self.groups {
            write!(f, "group {name} {threshold}")?;
            members.iter().try_for_each(|member| write!(f, " {}", self.name_of(*member)))?;
            writeln!(f)?;
        }
        writeln!(f, "quorum {}", self.quorum.map_or("none", |quorum| self.name_of(quorum)))
    }
}

/// A policy of which some lines are read.
#[derive(Default)]
struct Reading {
    policy: TlogPolicy,
    names: BTreeMap<String, Member>,
    members: BTreeSet<String>,
    quorum: Option<Option<Member>>,
}

impl Reading {
    fn line(&mut self, line: &[u8]) -> Result<(), LineError> {
        if let Some(&byte) = line.iter().find(|b| (**b < 0x20 && **b != b'\t') || **b == 0x7f) {
            return Err(LineError::Control { byte });
        }
        let text = String::from_utf8_lossy(line);
        let words: Vec<&str> = text.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["log", rest @ ..] => self.log(rest),
            ["witness", rest @ ..] => self.witness(rest),
            ["group", rest @ ..] => self.group(rest),
            ["quorum", rest @ ..] => self.set_quorum(rest),
            [other, ..] => Err(LineError::Keyword { found: other.chars().take(40).collect() }),
        }
    }

    fn log(&mut self, words: &[&str]) -> Result<(), LineError> {
        let (vkey, url) = match words {
            [vkey] => (vkey, None),
            [vkey, url] => (vkey, Some((*url).to_owned())),
            _ => return Err(LineError::Form { form: "log VKEY [URL]" }),
        };
        let verifier: NoteVerifier = vkey.parse()?;
        let logs = &mut self.policy.logs;
        if logs.iter().any(|log| log.verifier.key_bytes() == verifier.key_bytes()) {
            return Err(LineError::DuplicateKey);
        }
        limit(logs.len())?;
        logs.push(PolicyLog { verifier, url });
        Ok(())
    }

    fn witness(&mut self, words: &[&str]) -> Result<(), LineError> {
        let (name, vkey, url) = match words {
            [name, vkey] => (name, vkey, None),
            [name, vkey, url] => (name, vkey, Some((*url).to_owned())),
            _ => return Err(LineError::Form { form: "witness NAME VKEY [URL]" }),
        };
        let verifier: CosignatureVerifier = vkey.parse()?;
        let witnesses = &self.policy.witnesses;
        if witnesses.iter().any(|known| known.verifier.key_bytes() == verifier.key_bytes()) {
            return Err(LineError::DuplicateKey);
        }
        limit(witnesses.len())?;
        self.define(name, Member::Witness(witnesses.len()))?;
        self.policy.witnesses.push(PolicyWitness { name: (*name).to_owned(), verifier, url });
        Ok(())
    }

    fn group(&mut self, words: &[&str]) -> Result<(), LineError> {
        let [name, threshold, names @ ..] = words else {
            return Err(LineError::Form { form: "group NAME all|any|NUMBER MEMBER…" });
        };
        if names.is_empty() {
            return Err(LineError::Form { form: "group NAME all|any|NUMBER MEMBER…" });
        }
        limit(self.policy.groups.len())?;
        let mut members = Vec::new();
        for name in names {
            members.push(self.known(name)?);
            if !self.members.insert((*name).to_owned()) {
                return Err(LineError::MemberTwice { name: (*name).to_owned() });
            }
        }
        let number = |text: &str| text.parse().ok().filter(|n: &usize| n.to_string() == text);
        let wanted = match *threshold {
            "all" => Some(members.len()),
            "any" => Some(1),
            text => number(text).filter(|k| (1..=members.len()).contains(k)),
        };
        let threshold = wanted.ok_or_else(|| LineError::Threshold {
            found: threshold.chars().take(40).collect(),
            members: members.len(),
        })?;
        self.define(name, Member::Group(self.policy.groups.len()))?;
        self.policy.groups.push(Group { name: (*name).to_owned(), threshold, members });
        Ok(())
    }

    fn set_quorum(&mut self, words: &[&str]) -> Result<(), LineError> {
        let [name] = words else {
            return Err(LineError::Form { form: "quorum NAME|none" });
        };
        let quorum = if *name == "none" { None } else { Some(self.known(name)?) };
        match self.quorum.replace(quorum) {
            None => Ok(()),
            Some(_) => Err(LineError::SecondQuorum),
        }
    }

    fn known(&self, name: &str) -> Result<Member, LineError> {
        let unknown = || LineError::UnknownName { name: name.to_owned() };
        self.names.get(name).copied().ok_or_else(unknown)
    }

    fn define(&mut self, name: &str, member: Member) -> Result<(), LineError> {
        if name.contains(char::REPLACEMENT_CHARACTER) {
            return Err(LineError::NotText { name: name.to_owned() });
        }
        if name == "none" || self.names.contains_key(name) {
            return Err(LineError::DuplicateName { name: name.to_owned() });
        }
        self.names.insert(name.to_owned(), member);
        Ok(())
    }
}

const fn limit(count: usize) -> Result<(), LineError> {
    if count < LINES_MAX { Ok(()) } else { Err(LineError::TooMany) }
}
