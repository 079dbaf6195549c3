//! The entry types, listed once: the enum, the schema that the verifier checks, and the table that
//! people read (`inventory`) all come from the one list below, through `entry_types!`.

use std::collections::{BTreeMap, BTreeSet};

use super::detail::{Actor, Added, CitedSpan, Decimal, QueryKind, Related, RetrievedHit};
use super::entry_type::entry_types;
use super::selection::Selection;
use crate::domain::answer::{ModelsUsed, Setting, Wording};
use crate::domain::change::ChangeKind;
use crate::domain::clock::Timestamp;
use crate::domain::digest::Digest;
use crate::domain::emergency::{EmergencyEnd, ReviewOutcome};
use crate::domain::ids::{EntryIndex, RequestId};
use crate::domain::payload::{PayloadRef, Token, TokenKind};
use crate::domain::principal::Role;

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
    LogStopped = "log.stopped", "ok", "when a server was asked to stop and does" {
        served_s: u64 = "seconds since its `log.started`",
    };
    LogHeartbeat = "log.heartbeat", "ok", "every few minutes while a server runs, so that silence has a meaning" {
        published: u64 = "entries in the published log",
        applied: Option<EntryIndex> = "the last entry that the views hold",
        generation: u64 = "index generation in force",
        free_bytes: u64 = "space left on the log's file system",
        clock: String = "the machine's clock source, as its kernel names it",
        synchronised: Option<bool> = "whether a time service keeps the clock, where the kernel tells",
        offset_us: Option<i64> = "how far the clock is still off that service's time, microseconds",
        error_us: Option<i64> = "how far it may be off at most, microseconds",
    };
    LogStorageFull = "log.storage_full", "failed", "when storage was full, on the space kept for it; nothing else is taken from here on" {
        reserve_bytes: u64 = "space that was given up for it",
    };
    LogStorageRestored = "log.storage_restored", "ok", "when there is space again and the log goes on" {
        since: Timestamp = "when storage was found full, Unix milliseconds",
        refused: u64 = "entries that were not taken meanwhile",
    };
    ClockStepped = "clock.stepped", "ok", "when the time of day jumped against the steady clock" {
        by_ms: i64 = "how far; below zero where it went back",
        now: Timestamp = "the time of day after it; times of entries never go back",
    };
    KeyRotated = "key.rotated", "ok", "when a new log key begins to sign beside the old one" {
        old_vkey: String = "the verifier key that signed so far",
        new_vkey: String = "the verifier key that signs too, from this entry's checkpoint on",
        possession: String = "signature line of the new key over both verifier keys",
    };
    LogFrozen = "log.frozen", "ok", "as the last entry of a log whose key is trusted no more" {
        vkeys: Vec<String> = "the verifier keys that signed it, the newest first",
    };
    LogContinued = "log.continued", "ok", "as the first entry of a log that goes on from a frozen one" {
        epoch: u32 = "number of this log, from 1",
        previous_origin: String = "origin of the log before it",
        previous_vkey: String = "its newest verifier key",
        previous_checkpoint: String = "its last checkpoint, with every signature",
        entries_before: u64 = "entries of all logs before: the first index of this one",
    };
    KeyRetired = "key.retired", "ok", "when the old log key stops signing" {
        vkey: String = "the verifier key that signs no more, from this entry's checkpoint on",
        successor: String = "the verifier key that signs on",
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
        emergency: Added<Vec<RequestId>> = "the emergencies that the asker had open, where any",
    } + payload = "the question";
    RetrievalDone = "retrieval.done", "ok", "before any retrieved passage is shown or prompted" {
        generation: u64 = "index generation that was searched",
        hits: Vec<RetrievedHit> = "what retrieval returned: document, passage, rank, score, decision",
        withheld: u32 = "passages that policy kept back: of the best of all within the declared scope where the asker may learn how many; for everybody those that the second decision took away",
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
        models: Added<BTreeMap<String, Digest>> = "role to graph digest of the models that read its pictures, where any did",
    } + payload = "the catalogue row";
    DocumentLabelled = "document.labelled", "ok", "when a document takes on other labels" {
        document: Token = "token of the document",
        generation: u64 = "index generation that holds it",
        class_before: u32 = "number of its access class until now",
        class: u32 = "number of its access class from now on",
    } + payload = "the catalogue row";
    DocumentQuarantined = "document.quarantined", "refused", "when a file cannot be taken in" {
        reason: String = "code of the reason",
        size_bytes: u64 = "size of the file",
    } + payload = "path and detail";
    DocumentUnchanged = "document.unchanged", "ok", "when somebody sends a file whose document is here already and kept from them: they are answered as for a new one" {
        document: Token = "token of the document",
        size_bytes: u64 = "size of the file",
    };
    DocumentDeleted = "document.deleted", "ok", "when a document stops being searchable" {
        document: Token = "token of the document",
        generation: u64 = "index generation that held it",
    };
    DocumentViewed = "document.viewed", "ok", "before a page of a document is shown" {
        document: Token = "token of the document",
        page: u32 = "page number from 1; 0 stands for the text of every page",
        query: Option<RequestId> = "the question that led to it, whose purpose it serves",
        matter: Option<Token> = "token of the matter that it belongs to",
        patient: Option<Token> = "token of the patient that it is about",
        emergency: Added<RequestId> = "the emergency that its matter or patient was open in, where one",
        purpose: Added<String> = "the declared purpose, where one",
        declared: Added<Vec<Token>> = "tokens of the matter and patient that were declared, where any",
    };
    DocumentDenied = "document.denied", "denied", "when a person asks for a document or a page that is not there for them; once for each document in an hour, of a flood one in a hundred, and the last" {
        document: Token = "token of the document that was asked for, whether there is one or not",
        matter: Option<Token> = "token of the matter that it belongs to",
        patient: Option<Token> = "token of the patient that it is about",
        untold: u64 = "how often the person did so before and it was not recorded",
    };
    DocumentsListed = "documents.listed", "ok", "before the documents that a person may see are listed" {
        documents: u32 = "how many",
        purpose: Added<String> = "the declared purpose, where one",
        declared: Added<Vec<Token>> = "tokens of the matter and patient that were declared, where any",
    };
    AnswerReread = "answer.reread", "ok", "before a past answer is shown again" {
        entry: EntryIndex = "the entry that released it",
        emergency: Added<Vec<RequestId>> = "the emergencies that the reader had open, where any",
    };
    ReplayStarted = "replay.started", "ok", "before a past answer is run again" {
        entry: EntryIndex = "the entry that ended the question",
    };
    ReplayRetrieved = "replay.retrieved", "ok", "before the evidence of a replay is put before the model" {
        entry: EntryIndex = "the entry that ended the question",
        generation: u64 = "index generation that was searched",
        hits: Vec<RetrievedHit> = "what retrieval returned: document, passage, rank, score, decision",
        withheld: u32 = "passages that policy kept back: of the best of all within the declared scope where the asker may learn how many; for everybody those that the second decision took away",
        patients: Vec<Token> = "tokens of the patients that their documents are about",
    } + payload = "the evidence";
    AnswerReplayed = "answer.replayed", "ok", "before the result of a replay is shown" {
        entry: EntryIndex = "the entry that ended the question",
        same: bool = "whether nothing differs from the record",
        differences: Vec<String> = "kinds of what differs",
        contents: bool = "whether contents are shown",
    };
    PolicyProposed = "policy.proposed", "ok", "when other policies passed every check and are proposed; `req` is the change's id" {
        sha256: Digest = "digest of the set",
        replaces: Digest = "digest of the set in force",
        version: Option<u64> = "number of the earlier version that it goes back to",
        files: BTreeMap<String, Digest> = "file name to digest",
        examples: u32 = "examples beside it, each decided as written",
        queries: u32 = "past questions that were run again under it",
        seen: u32 = "documents that those would newly show",
        hidden: u32 = "documents that those would show no more",
    } + payload = "every file of the set";
    PolicyRejected = "policy.rejected", "refused", "when policies do not come into force: they failed a check, or nobody else approved them" {
        sha256: Option<Digest> = "digest of the set, where it could be read",
        reason: String = "`faults`, `examples`, `person`, `expired`, `departed` or `outdated`: others came into force since",
        problems: u32 = "faults, or examples that are decided otherwise",
    };
    PolicyActivated = "policy.activated", "ok", "when a policy set comes into force" {
        set: String = "name of the set",
        files: BTreeMap<String, Digest> = "file name to digest",
    } + payload = "every file of the set";
    PolicySimulated = "policy.simulated", "ok", "before past questions are run again under other policies" {
        candidate: Digest = "digest of those policies",
        queries: u32 = "how many questions",
    } + payload = "every file of the set that was tried";
    PolicyExplained = "policy.explained", "ok", "before it is told why a person may see a document or not" {
        person: Token = "token of the person",
        document: Option<Token> = "token of the document, where there is one that the asker may know of",
    };
    AccountCreated = "account.created", "ok", "when an account is made" {
        person: Token = "token of the person",
        roles: BTreeSet<Role> = "the account's roles",
    } + payload = "its name, and the roles and attributes it is given";
    AccountDisabled = "account.disabled", "ok", "when an account is switched off" {
        person: Token = "token of the person",
        walls: Added<u32> = "walls and conflicts that keep the person away: another account of theirs would lack them",
        subjects: Added<u32> = "matters, patients and clients that the person had",
    };
    AccountEnabled = "account.enabled", "ok", "before a disabled account is let in again" {
        person: Token = "token of the person",
    };
    RoleGranted = "role.granted", "ok", "before an account gets a role that two persons gave it" {
        person: Token = "token of the person",
        role: Role = "the role",
    };
    ChangeProposed = "change.proposed", "ok", "when a person proposes a change that needs a second one; `req` is the change's id" {
        kind: ChangeKind = "`erase`, `hold.release`, `role.grant`, `account.enable`, `wall.lift`, `document.label` or `policy.change`",
        subject: Token = "token of what it is about",
        expires: Timestamp = "until when it may be approved, Unix milliseconds",
    } + payload = "what is proposed, and why";
    ChangeApproved = "change.approved", "ok", "when a second person approves a change, before it takes effect" {
        kind: ChangeKind = "kind of the change",
        subject: Token = "token of what it is about",
    };
    ChangeRejected = "change.rejected", "refused", "when a person rejects a change, or it can take effect no more" {
        kind: ChangeKind = "kind of the change",
        subject: Token = "token of what it is about",
        reason: Added<String> = "where nobody rejected it: `outdated`, or `departed`: whoever proposed it may do so no more",
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
        scope: TokenKind = "`document`, `matter`, `patient` or `person`",
        subject: Token = "token of what is kept",
    } + payload = "what is kept, and why";
    HoldReleased = "hold.released", "ok", "before a hold ends" {
        hold: RequestId = "the hold",
        subject: Token = "token of what was kept",
    };
    ErasureRefused = "erasure.refused", "refused", "when a hold or the retention plan keeps what somebody wants deleted, erased or labelled otherwise" {
        act: String = "`delete`, `erase` or `label`",
        scope: TokenKind = "`document`, `matter` or `patient`",
        subject: Token = "token of what is kept",
        reason: String = "`held` or `too_young`",
        hold: Option<RequestId> = "the hold",
    };
    RelationshipsImported = "relationships.imported", "ok", "before the relationships of a source take the place of those it gave before; `req` is that of the import" {
        source: String = "name of the source",
        sha256: Digest = "digest of the file",
        persons: u32 = "persons for whom something changes",
        added: u32 = "relationships that are new",
        removed: u32 = "relationships that the source no longer gives",
        unchanged: u32 = "relationships that stay as they are",
        kept: u32 = "walls that the source no longer gives and that stay until two persons lift them",
    };
    RelationshipChanged = "relationship.changed", "ok", "before relationships of persons begin and end, by hand, by an import or by two persons" {
        added: Vec<Related> = "those that are new: person, kind, object, from, until",
        removed: Vec<Related> = "those that are gone",
    } + payload = "the stated reason";
    EmergencyOpened = "emergency.opened", "ok", "before access in an emergency begins; `req` is its id" {
        person: Token = "token of the person who has it",
        scope: TokenKind = "`matter` or `patient`",
        subject: Token = "token of the matter or patient that it opens",
        expires: Timestamp = "when it ends by itself, Unix milliseconds",
        repeats: Added<u32> = "how many earlier ones of this person about the same nobody had found justified by then, where any",
    } + payload = "the stated reason";
    EmergencyClosed = "emergency.closed", "ok", "when access in an emergency has ended; `req` is its id" {
        person: Token = "token of the person who had it",
        subject: Token = "token of the matter or patient that it opened",
        how: EmergencyEnd = "`closed` by somebody or `expired`",
    };
    EmergencyReviewed = "emergency.reviewed", "ok", "when somebody else has judged an emergency; `req` is its id" {
        person: Token = "token of the person who had it",
        subject: Token = "token of the matter or patient that it opened",
        outcome: ReviewOutcome = "`justified`, `unjustified` or `follow-up`",
    } + payload = "what the reviewer says of it";
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
        scope: Added<BTreeSet<String>> = "the actions that it is limited to, where it is",
    };
    PasswordChanged = "password.changed", "ok", "before a person's own new password takes effect" {
        person: Token = "token of the person",
    };
    PasswordReset = "password.reset", "ok", "before somebody else gives a person a one-time password" {
        person: Token = "token of the person",
    };
    FactorEnrolled = "factor.enrolled", "ok", "before a person's second factor is in force" {
        person: Token = "token of the person",
    };
    FactorRemoved = "factor.removed", "ok", "before a person's second factor is taken away" {
        person: Token = "token of the person",
    };
    FactorRecovered = "factor.recovered", "ok", "when a person signs in with a recovery code, which is used up" {
        person: Token = "token of the person",
        left: u32 = "recovery codes that are left",
    };
    SessionOpened = "session.opened", "ok", "when a person signs in" {
        person: Token = "token of the person",
    };
    SessionFailed = "session.failed", "failed", "when a sign-in fails" {
        person: Token = "token of the name that was given",
    };
    SessionLocked = "session.locked", "failed", "when a name or an address has to wait after failed sign-ins" {
        person: Token = "token of the name that was given last",
        scope: String = "`name` or `address`",
        wait_s: u64 = "how long, in seconds",
    };
    SessionConfirmed = "session.confirmed", "ok", "when a signed-in person shows password and code once more, for sensitive acts" {
        person: Token = "token of the person",
    };
    SessionRevoked = "session.revoked", "ok", "before sessions or tokens of a person end that did not sign out" {
        person: Token = "token of the person",
        sessions: u32 = "how many sessions",
        tokens: u32 = "how many tokens of scripts",
    };
    SessionClosed = "session.closed", "ok", "when a person signs out" {
        person: Token = "token of the person",
    };
    SessionFederated = "session.federated", "ok", "when a person signs in whom the organisation's OpenID provider vouches for" {
        person: Token = "token of the person",
        provider: Digest = "digest of the provider's issuer identifier",
    };
    SessionRefused = "session.refused", "refused", "when a sign-on through the OpenID provider ends without a session" {
        person: Option<Token> = "token of the name that the provider gave, where it vouched for somebody",
        reason: String = "code of the reason",
    };
    RightsChanged = "rights.changed", "ok", "when groups of a person who signs on, two persons, or somebody who takes rights back change what an account may do" {
        person: Token = "token of the person",
        gained: BTreeSet<Role> = "roles that the account has from now on",
        lost: BTreeSet<Role> = "roles that it has no more",
        attributes_gained: u32 = "values of attributes that it has from now on",
        attributes_lost: u32 = "values of attributes that it has no more",
    } + payload = "the name of the account, and what it gained and lost";
    AuditRead = "audit.read", "ok", "before a part of the log is shown" {
        scope: String = "`list`, `entry`, `proof`, `tile` or `verify`",
        index: Option<EntryIndex> = "the entry, where one was asked for",
    };
    AuditRevealed = "audit.revealed", "ok", "before the contents behind an entry are shown" {
        index: EntryIndex = "the entry",
        state: String = "`open`, `erased`, `missing`, `damaged`, or `withheld` where a wall or a conflict keeps them from that person and nothing was shown",
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
    AnchorRecorded = "anchor.recorded", "ok", "when a timestamp of a checkpoint was checked and kept" {
        size: u64 = "entries of the checkpoint",
        checkpoint: Digest = "digest of the checkpoint, which the timestamp is of",
        reply: Digest = "digest of the timestamp reply",
        time: Timestamp = "when the authority saw the checkpoint, Unix milliseconds",
        signer: Digest = "digest of the signer's certificate",
        is_trusted: bool = "whether that certificate leads to an authority that was named",
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
