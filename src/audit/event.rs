//! The entry types, listed once: the enum, the schema that the verifier checks, and the table that
//! people read all come from the one list below.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::shape::{Fits, Shape};
use crate::domain::answer::{ModelsUsed, Setting, Wording};
use crate::domain::change::ChangeKind;
use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::ids::{EntryIndex, PassageId, RequestId};
use crate::domain::payload::{PayloadRef, Token, TokenKind};
use crate::domain::principal::{Role, Via};

use super::selection::Selection;

/// Who caused an entry.
#[derive(Clone, Debug, Serialize)]
pub struct Actor {
    /// The person's token, or [`Token::operator`].
    pub id: Token,
    /// Which door the request came through.
    pub via: Via,
    /// The account on the machine, where the command line was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_user: Option<String>,
}

/// One thing to record.
#[derive(Clone, Debug)]
pub struct Event {
    /// Who caused it.
    pub actor: Actor,
    /// The request that it belongs to.
    pub req: RequestId,
    /// Digest of the policy set in force, where a policy decided.
    pub policy: Option<Digest>,
    /// What happened.
    pub what: What,
}

/// What a query wants.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum QueryKind {
    /// An answer.
    Ask,
    /// Passages.
    Search,
}

/// One passage that retrieval returned.
#[derive(Clone, Debug, Serialize)]
pub struct RetrievedHit {
    /// Its document.
    pub document: Token,
    /// The passage.
    pub passage: PassageId,
    /// Its place, from 1.
    pub rank: u32,
    /// Its fused score; recorded as text with six decimals.
    #[serde(serialize_with = "six_decimals")]
    pub score: f32,
    /// What became of it.
    pub decision: HitDecision,
}

/// What became of a retrieved passage.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HitDecision {
    /// It is evidence.
    Used,
    /// It did not fit the budget.
    Cut,
}

/// A cited span, by keyed token.
#[derive(Clone, Debug, Serialize)]
pub struct CitedSpan {
    /// The document.
    pub document: Token,
    /// Page number from 1.
    pub page: u32,
    /// First code point of the page's text.
    pub start: u32,
    /// One past the last.
    pub end: u32,
}

/// A number that may need more than 53 bits: recorded as decimal text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Decimal(pub u64);

impl From<u64> for Decimal {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

fn six_decimals<S: Serializer>(score: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{score:.6}"))
}

/// One row of the list of entry types.
#[derive(Debug)]
pub struct EntryType {
    /// The dotted type.
    pub kind: &'static str,
    /// `ok`, `refused`, `denied` or `failed`.
    pub outcome: &'static str,
    /// When it is written.
    pub when: &'static str,
    /// Names and meanings of the fields of `details`.
    pub fields: &'static [(&'static str, &'static str)],
    /// What the payload holds, for the types that have one.
    pub payload: Option<&'static str>,
    /// The form of each of `fields`.
    pub(super) shapes: &'static [Fits],
}

macro_rules! entry_types {
    ($(
        $variant:ident = $kind:literal, $outcome:literal, $when:literal
        { $($field:ident: $type:ty = $meaning:literal),* $(,)? }
        $(+ $payload:ident = $contents:literal)?;
    )*) => {
        /// What happened: one variant for each type of entry.
        #[derive(Clone, Debug)]
        pub enum What {
            $(
                #[doc = concat!("`", $kind, "`: written ", $when, ".")]
                $variant {
                    $(#[doc = concat!("Details: ", $meaning, ".")] $field: $type,)*
                    $(#[doc = concat!("Payload: ", $contents, ".")] $payload: Option<PayloadRef>,)?
                },
            )*
        }

        /// Every type of entry.
        pub const ENTRY_TYPES: &[EntryType] = &[$(
            EntryType {
                kind: $kind,
                outcome: $outcome,
                when: $when,
                fields: &[$((stringify!($field), $meaning)),*],
                payload: first(&[$($contents)?]),
                shapes: &[$(<$type as Shape>::fits),*],
            },
        )*];

        impl What {
            /// The dotted type and the outcome.
            pub const fn kind(&self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$variant { .. } => ($kind, $outcome),)*
                }
            }

            /// The `details` object.
            pub(super) fn details(&self) -> Result<Value, serde_json::Error> {
                let mut details = Map::new();
                match self {
                    $(Self::$variant { $($field,)* .. } => {
                        $(details.insert(
                            stringify!($field).to_owned(),
                            serde_json::to_value($field)?,
                        );)*
                    })*
                }
                Ok(Value::Object(details))
            }

            /// The contents that the entry commits to.
            pub const fn payload(&self) -> Option<&PayloadRef> {
                match self {
                    $(Self::$variant { $($payload,)? .. } => first_ref(&[$($payload)?]),)*
                }
            }
        }
    };
}

const fn first(list: &[&'static str]) -> Option<&'static str> {
    match list {
        [one, ..] => Some(*one),
        [] => None,
    }
}

const fn first_ref<'a>(list: &[&'a Option<PayloadRef>]) -> Option<&'a PayloadRef> {
    match list {
        [one, ..] => one.as_ref(),
        [] => None,
    }
}

entry_types! {
    LogStarted = "log.started", "ok", "when the appliance has opened its log" {
        binary: Digest = "digest of the program",
        config: Digest = "digest of the configuration",
        policy: Digest = "digest of the policy set",
        models: BTreeMap<String, Digest> = "role to graph digest of each model",
        size: u64 = "entries in the log before this one",
    };
    LogRecovered = "log.recovered", "ok", "when a start found the traces of a crash" {
        replayed: u64 = "entries that were committed but not yet published",
        torn_bytes: u64 = "bytes of an unfinished commit that were dropped",
        interrupted: u64 = "queries that had no terminal entry and get one now",
    };
    QueryReceived = "query.received", "ok", "before anything is searched for a question" {
        kind: QueryKind = "`ask` or `search`",
        mode: String = "how the answer may be worded, or which index half is searched",
        top_k: u32 = "how many passages were asked for",
        purpose: Option<String> = "the declared purpose",
        matter: Option<Token> = "token of the declared matter",
        patient: Option<Token> = "token of the declared patient",
        rights: Token = "token of the asker's roles and attributes",
        setting: Setting = "what else the answer depends on: program, runtime, threads, models, prompt, thresholds",
    } + payload = "the question";
    RetrievalDone = "retrieval.done", "ok", "before any retrieved passage is shown or prompted" {
        generation: u64 = "index generation that was searched",
        hits: Vec<RetrievedHit> = "what retrieval returned: document, passage, rank, score, decision",
        withheld: u32 = "passages that the policy removed",
        matters: Vec<Token> = "tokens of the matters that their documents belong to",
        patients: Vec<Token> = "tokens of the patients that their documents are about",
    } + payload = "the evidence";
    AnswerReleased = "answer.released", "ok", "before the first byte of an answer is shown" {
        mode: Wording = "`verbatim` or `grounded`",
        sentences: u32 = "released sentences",
        withheld_sentences: u32 = "drafted sentences that the evidence does not carry",
        cited: Vec<CitedSpan> = "cited spans: document, page, start, end",
        models: ModelsUsed = "graph digests of encoder and generator",
        prompt_tokens: u32 = "tokens of the prompt",
        completion_tokens: u32 = "tokens generated",
        seed: Decimal = "seed of the generator, as text",
    } + payload = "the answer";
    SearchReleased = "search.released", "ok", "before the passages of a search are shown" {
        hits: u32 = "passages shown",
    };
    QueryRefused = "query.refused", "refused", "when the evidence answers nothing of the question" {
        reason: String = "code of the reason",
    } + payload = "the answer object without an answer";
    QueryDenied = "query.denied", "denied", "when the policy does not allow the query" {
        reason: String = "the policy's reason",
    };
    QueryFailed = "query.failed", "failed", "when the appliance could not finish a query" {
        reason: String = "code of the reason",
    };
    DocumentActivated = "document.activated", "ok", "when a document becomes searchable" {
        document: Token = "token of the document",
        generation: u64 = "index generation that holds it",
        passages: u32 = "its passages",
        pages: u32 = "its pages",
        size_bytes: u64 = "size of the original",
        class: u32 = "number of its access class",
    } + payload = "the catalogue row";
    DocumentQuarantined = "document.quarantined", "refused", "when a file cannot be taken in" {
        reason: String = "code of the reason",
        size_bytes: u64 = "size of the file",
    } + payload = "path and detail";
    DocumentDeleted = "document.deleted", "ok", "when a document stops being searchable" {
        document: Token = "token of the document",
        generation: u64 = "index generation that held it",
    };
    DocumentViewed = "document.viewed", "ok", "before a page of a document is shown" {
        document: Token = "token of the document",
        page: u32 = "page number from 1; 0 stands for the text of every page",
        matter: Option<Token> = "token of the matter that it belongs to",
        patient: Option<Token> = "token of the patient that it is about",
    };
    DocumentsListed = "documents.listed", "ok", "before the documents that a person may see are listed" {
        documents: u32 = "how many",
    };
    AnswerReread = "answer.reread", "ok", "before a past answer is shown again" {
        entry: EntryIndex = "the entry that released it",
    };
    ReplayStarted = "replay.started", "ok", "before a past answer is run again" {
        entry: EntryIndex = "the entry that ended the question",
    };
    ReplayRetrieved = "replay.retrieved", "ok", "before the evidence of a replay is put before the model" {
        entry: EntryIndex = "the entry that ended the question",
        generation: u64 = "index generation that was searched",
        hits: Vec<RetrievedHit> = "what retrieval returned: document, passage, rank, score, decision",
        withheld: u32 = "passages that the policy removed",
        patients: Vec<Token> = "tokens of the patients that their documents are about",
    } + payload = "the evidence";
    AnswerReplayed = "answer.replayed", "ok", "before the result of a replay is shown" {
        entry: EntryIndex = "the entry that ended the question",
        same: bool = "whether nothing differs from the record",
        differences: Vec<String> = "kinds of what differs",
        contents: bool = "whether contents are shown",
    };
    PolicyActivated = "policy.activated", "ok", "when a policy set comes into force" {
        set: String = "name of the set",
        files: BTreeMap<String, Digest> = "file name to digest",
    };
    AccountCreated = "account.created", "ok", "when an account is made" {
        person: Token = "token of the person",
        roles: BTreeSet<Role> = "the account's roles",
    };
    AccountDisabled = "account.disabled", "ok", "when an account is switched off" {
        person: Token = "token of the person",
    };
    RoleGranted = "role.granted", "ok", "before an account gets a role that two persons gave it" {
        person: Token = "token of the person",
        role: Role = "the role",
    };
    ChangeProposed = "change.proposed", "ok", "when a person proposes a change that needs a second one; `req` is the change's id" {
        kind: ChangeKind = "`erase`, `hold.release` or `role.grant`",
        subject: Token = "token of what it is about",
        expires: Timestamp = "until when it may be approved, Unix milliseconds",
    } + payload = "what is proposed, and why";
    ChangeApproved = "change.approved", "ok", "when a second person approves a change, before it takes effect" {
        kind: ChangeKind = "kind of the change",
        subject: Token = "token of what it is about",
    };
    ChangeRejected = "change.rejected", "refused", "when a person rejects a change" {
        kind: ChangeKind = "kind of the change",
        subject: Token = "token of what it is about",
    };
    ChangeExpired = "change.expired", "refused", "when it is noticed that nobody approved a change in time" {
        kind: ChangeKind = "kind of the change",
        subject: Token = "token of what it is about",
    };
    ChangeApplied = "change.applied", "ok", "when an approved change is in effect" {
        kind: ChangeKind = "kind of the change",
        subject: Token = "token of what it is about",
    };
    HoldPlaced = "hold.placed", "ok", "before a hold takes effect; `req` is the hold's id" {
        scope: TokenKind = "`document`, `matter` or `patient`",
        subject: Token = "token of what is kept",
    } + payload = "what is kept, and why";
    HoldReleased = "hold.released", "ok", "before a hold ends" {
        hold: RequestId = "the hold",
        subject: Token = "token of what was kept",
    };
    ErasureKeys = "erasure.keys", "ok", "before data keys are destroyed: what is sealed under any of them is erased" {
        subject: Token = "token of what is erased",
        keys: Vec<String> = "ids of the keys",
    };
    ErasureCompleted = "erasure.completed", "ok", "when nothing of what was erased is left in any store" {
        scope: TokenKind = "`document`, `matter` or `patient`",
        subject: Token = "token of what was erased",
        documents: u32 = "documents erased",
        keys: u32 = "keys destroyed",
        stores: BTreeMap<String, String> = "store to what was done and found there",
    } + payload = "the stated reason";
    TokenIssued = "token.issued", "ok", "when an API token is handed out" {
        person: Token = "token of the person",
        expires: Timestamp = "when it ends, Unix milliseconds",
    };
    SessionOpened = "session.opened", "ok", "when a person signs in" {
        person: Token = "token of the person",
    };
    SessionFailed = "session.failed", "failed", "when a sign-in fails" {
        person: Token = "token of the name that was given",
    };
    SessionClosed = "session.closed", "ok", "when a person signs out" {
        person: Token = "token of the person",
    };
    AuditRead = "audit.read", "ok", "before a part of the log is shown" {
        scope: String = "`list`, `entry`, `proof` or `verify`",
        index: Option<EntryIndex> = "the entry, where one was asked for",
    };
    AuditRevealed = "audit.revealed", "ok", "before the contents behind an entry are shown" {
        index: EntryIndex = "the entry",
        state: String = "`open`, `erased`, `missing` or `damaged`",
    } + payload = "the stated reason";
    AuditExported = "audit.exported", "ok", "before an export of the log is handed out" {
        format: String = "format of the export",
        entries: u64 = "entries in it",
        sha256: Digest = "digest of the file",
        size: u64 = "entries of the log that it was made from",
        selection: Selection = "what it was narrowed to: type, tokens, times",
        purpose: Option<String> = "the stated purpose",
    } + payload = "the stated recipient";
    ExportKeyCreated = "export.key_created", "ok", "when the key is made that signs the manifests of bundles" {
        vkey: String = "its verifier key",
    };
    ViewsRebuilt = "views.rebuilt", "ok", "when the catalogue was replayed and the index made anew" {
        documents: u32 = "documents put back into the index",
        passages: u32 = "their passages",
    };
    WitnessFailed = "witness.failed", "failed", "when a witness stops cosigning this log, once for each reason" {
        witness: String = "name of the witness in the policy",
        reason: String = "code of the reason",
    };
    WitnessRecovered = "witness.recovered", "ok", "when a witness cosigns again" {
        witness: String = "name of the witness in the policy",
    };
    EvaluationRun = "evaluation.run", "ok", "when a suite of questions was run" {
        suite: Digest = "digest of the suite",
        questions: u32 = "questions in it",
    };
}

/// What a type of entry means for the query that its `req` names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum QueryStep {
    /// The query begins.
    Received,
    /// Its evidence is known.
    Retrieved,
    /// It ends, with something shown that the evidence must precede.
    Released,
    /// It ends with nothing shown.
    Closed,
}

impl QueryStep {
    /// The step that an entry of this type is, if any.
    pub fn of(kind: &str) -> Option<Self> {
        match kind {
            "query.received" => Some(Self::Received),
            "retrieval.done" => Some(Self::Retrieved),
            "answer.released" | "search.released" => Some(Self::Released),
            "query.refused" | "query.denied" | "query.failed" => Some(Self::Closed),
            _ => None,
        }
    }
}
