//! What each entry type is in the words of others: one row a type, used by FHIR, OCSF and CEF.

/// A code of a published code system.
#[derive(Clone, Copy, Debug)]
pub(super) struct Code {
    pub(super) system: &'static str,
    pub(super) code: &'static str,
    pub(super) display: &'static str,
}

/// How an entry looks as a FHIR AuditEvent. The first five follow IHE BALP.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// `Query`, or `PatientQuery` for each patient found.
    Query,
    /// `Read` or `PatientRead`.
    Read,
    /// `Create` or `PatientCreate`.
    Create,
    /// `PrivacyDisclosure.Source` where it is about a patient.
    Disclosure,
    /// An authorisation decision, as a security alert.
    Decision,
    /// Another kind of event.
    Other {
        kind: Code,
        subtype: Code,
        /// `C`, `R`, `U`, `D` or `E`.
        action: &'static str,
    },
}

/// How an entry looks as an OCSF event: the class's activity.
#[derive(Clone, Copy, Debug)]
pub(super) enum Activity {
    /// API Activity (6003).
    Api(u64),
    /// Datastore Activity (6005).
    Datastore(u64),
}

/// One entry type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mapping {
    /// The dotted type.
    pub(super) kind: &'static str,
    /// What it says to people.
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) activity: Activity,
    /// CEF's, 0 to 10; OCSF's follows from it.
    pub(super) severity: u8,
}

const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const REST: &str = "http://hl7.org/fhir/restful-interaction";

const fn dcm(code: &'static str, display: &'static str) -> Code {
    Code { system: DCM, code, display }
}

const fn rest(code: &'static str) -> Code {
    Code { system: REST, code, display: code }
}

pub(super) const RESTFUL: Code = Code {
    system: "http://terminology.hl7.org/CodeSystem/audit-event-type",
    code: "rest",
    display: "RESTful Operation",
};
const APPLICATION: Code = dcm("110100", "Application Activity");
const STARTED: Code = dcm("110120", "Application Start");
const STOPPED: Code = dcm("110121", "Application Stop");
const DESTROYED: Code = Code {
    system: "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle",
    code: "destroy",
    display: "Destroy/Delete Record Lifecycle Event",
};
const LOG_USED: Code = dcm("110101", "Audit Log Used");
const ALERT: Code = dcm("110113", "Security Alert");
const CONFIGURED: Code = dcm("110129", "Security Configuration");
const ACCOUNT: Code = dcm("110137", "User Security Attributes Changed");
const EMERGENCY: Code = dcm("110127", "Emergency Override Started");
const OVER: Code = dcm("110138", "Emergency Override Stopped");
const SIGN_IN: Code = dcm("110114", "User Authentication");
const LOGIN: Code = dcm("110122", "Login");
const LOGOUT: Code = dcm("110123", "Logout");

const fn other(kind: Code, subtype: Code, action: &'static str) -> Shape {
    Shape::Other { kind, subtype, action }
}

/// A step of the appliance's own work.
const STEP: Shape = other(RESTFUL, rest("operation"), "E");
/// A change of what the appliance obeys.
const CHANGE: Shape = other(ALERT, CONFIGURED, "U");

/// The end of a record's life (ISO 21089).
const DESTROY: Shape = other(RESTFUL, DESTROYED, "D");

const CREATE: Activity = Activity::Api(1);
const READ: Activity = Activity::Api(2);
const UPDATE: Activity = Activity::Api(3);
const DELETE: Activity = Activity::Api(4);
const EXECUTE: Activity = Activity::Api(99);
const STORE_READ: Activity = Activity::Datastore(1);
const STORE_QUERY: Activity = Activity::Datastore(4);
const STORE_CREATE: Activity = Activity::Datastore(6);
const STORE_DELETE: Activity = Activity::Datastore(7);

/// One row for each type of entry: kind, name, FHIR shape, OCSF activity, CEF severity.
const MAPPINGS: &[Mapping] = &[
    row("log.started", "Appliance started", other(APPLICATION, STARTED, "E"), EXECUTE, 1),
    row("log.recovered", "Record recovered", other(APPLICATION, STARTED, "E"), EXECUTE, 3),
    row("log.stopped", "Appliance stopped", other(APPLICATION, STOPPED, "E"), EXECUTE, 2),
    row("log.heartbeat", "Appliance alive", other(APPLICATION, STARTED, "E"), EXECUTE, 0),
    row("log.storage_full", "Storage full", other(APPLICATION, STOPPED, "E"), EXECUTE, 8),
    row("log.storage_restored", "Storage restored", other(APPLICATION, STARTED, "E"), EXECUTE, 3),
    row("clock.stepped", "Clock stepped", CHANGE, UPDATE, 5),
    row("witness.failed", "Witness failed", CHANGE, EXECUTE, 8),
    row("witness.recovered", "Witness recovered", CHANGE, EXECUTE, 3),
    row("query.received", "Question received", STEP, EXECUTE, 1),
    row("retrieval.done", "Passages retrieved", Shape::Query, STORE_QUERY, 1),
    row("answer.released", "Answer released", Shape::Read, READ, 1),
    row("search.released", "Search results released", Shape::Read, READ, 1),
    row("query.refused", "Question not answered", STEP, EXECUTE, 2),
    row("query.denied", "Question not permitted", Shape::Decision, EXECUTE, 6),
    row("query.failed", "Question not finished", STEP, EXECUTE, 4),
    row("document.activated", "Document made searchable", Shape::Create, STORE_CREATE, 1),
    row("document.labelled", "Document labelled", CHANGE, UPDATE, 3),
    row("document.unchanged", "File here already", other(RESTFUL, rest("create"), "C"), CREATE, 4),
    row("document.quarantined", "File set aside", other(RESTFUL, rest("create"), "C"), CREATE, 3),
    row(
        "document.deleted",
        "Document deleted",
        other(RESTFUL, rest("delete"), "D"),
        STORE_DELETE,
        3,
    ),
    row("document.viewed", "Page viewed", Shape::Read, STORE_READ, 1),
    row("document.denied", "Document not permitted", Shape::Decision, STORE_READ, 6),
    row("documents.listed", "Documents listed", Shape::Query, STORE_QUERY, 1),
    row("answer.reread", "Answer read again", Shape::Read, READ, 1),
    row("replay.started", "Replay of an answer started", STEP, EXECUTE, 1),
    row("replay.retrieved", "Passages retrieved for a replay", Shape::Query, STORE_QUERY, 1),
    row("answer.replayed", "Answer replayed", STEP, EXECUTE, 1),
    row("policy.proposed", "Policy proposed", CHANGE, CREATE, 4),
    row("policy.rejected", "Policy rejected", CHANGE, UPDATE, 4),
    row("policy.activated", "Policy in force", CHANGE, UPDATE, 5),
    row("policy.simulated", "Policy tried on past questions", STEP, EXECUTE, 3),
    row("policy.explained", "Decision explained", STEP, READ, 2),
    row("change.proposed", "Change proposed", CHANGE, CREATE, 4),
    row("change.approved", "Change approved", CHANGE, UPDATE, 5),
    row("change.rejected", "Change rejected", CHANGE, UPDATE, 4),
    row("change.expired", "Change expired", CHANGE, UPDATE, 3),
    row("change.applied", "Change in effect", CHANGE, UPDATE, 5),
    row("role.granted", "Role granted", other(ALERT, ACCOUNT, "U"), UPDATE, 6),
    row("hold.placed", "Hold placed", CHANGE, CREATE, 4),
    row("hold.released", "Hold released", CHANGE, DELETE, 5),
    row("erasure.refused", "Deletion refused", CHANGE, UPDATE, 5),
    row("relationships.imported", "Relationships imported", CHANGE, UPDATE, 4),
    row("relationship.changed", "Relationships changed", other(ALERT, ACCOUNT, "U"), UPDATE, 4),
    row("emergency.opened", "Emergency access opened", other(ALERT, EMERGENCY, "E"), CREATE, 8),
    row("emergency.closed", "Emergency access ended", other(ALERT, OVER, "E"), DELETE, 4),
    row("emergency.reviewed", "Emergency access reviewed", CHANGE, UPDATE, 4),
    row("erasure.keys", "Keys destroyed", DESTROY, STORE_DELETE, 6),
    row("erasure.completed", "Erasure completed", DESTROY, STORE_DELETE, 6),
    row("account.created", "Account made", other(ALERT, ACCOUNT, "C"), CREATE, 3),
    row("account.disabled", "Account disabled", other(ALERT, ACCOUNT, "U"), UPDATE, 3),
    row("account.enabled", "Account enabled", other(ALERT, ACCOUNT, "U"), UPDATE, 5),
    row("token.issued", "Access token issued", other(ALERT, ACCOUNT, "C"), CREATE, 3),
    row("password.changed", "Password changed", other(ALERT, ACCOUNT, "U"), UPDATE, 3),
    row("password.reset", "Password reset by somebody else", other(ALERT, ACCOUNT, "U"), UPDATE, 6),
    row("factor.enrolled", "Second factor enrolled", other(ALERT, ACCOUNT, "U"), UPDATE, 3),
    row("factor.removed", "Second factor removed", other(ALERT, ACCOUNT, "U"), UPDATE, 6),
    row(
        "factor.recovered",
        "Signed in with a recovery code",
        other(SIGN_IN, LOGIN, "E"),
        CREATE,
        5,
    ),
    row("session.opened", "Signed in", other(SIGN_IN, LOGIN, "E"), CREATE, 1),
    row("session.failed", "Sign-in failed", other(SIGN_IN, LOGIN, "E"), CREATE, 5),
    row("session.locked", "Sign-in locked for a while", other(SIGN_IN, LOGIN, "E"), CREATE, 7),
    row("session.confirmed", "Identity confirmed", other(SIGN_IN, LOGIN, "E"), UPDATE, 2),
    row("session.revoked", "Sessions revoked", other(SIGN_IN, LOGOUT, "E"), DELETE, 3),
    row("session.closed", "Signed out", other(SIGN_IN, LOGOUT, "E"), DELETE, 1),
    row("session.federated", "Signed in by the provider", other(SIGN_IN, LOGIN, "E"), CREATE, 1),
    row("session.refused", "Sign-on refused", other(SIGN_IN, LOGIN, "E"), CREATE, 5),
    row("rights.changed", "Rights changed", other(ALERT, ACCOUNT, "U"), UPDATE, 4),
    row("audit.read", "Record read", other(LOG_USED, LOG_USED, "R"), READ, 1),
    row("audit.revealed", "Contents revealed", other(LOG_USED, LOG_USED, "R"), READ, 5),
    row("audit.exported", "Record exported", Shape::Disclosure, READ, 5),
    row("export.key_created", "Export key made", other(ALERT, CONFIGURED, "C"), CREATE, 3),
    row("key.rotated", "Log key rotated", other(ALERT, CONFIGURED, "C"), CREATE, 4),
    row("key.retired", "Log key retired", other(ALERT, CONFIGURED, "U"), UPDATE, 4),
    row("log.frozen", "Log frozen: its key leaked", other(ALERT, CONFIGURED, "U"), UPDATE, 9),
    row("log.continued", "Log continued under a new key", other(ALERT, CONFIGURED, "C"), CREATE, 6),
    row("anchor.recorded", "Timestamp kept", other(ALERT, CONFIGURED, "C"), CREATE, 2),
    row(
        "views.rebuilt",
        "Catalogue and index rebuilt",
        other(APPLICATION, STARTED, "E"),
        UPDATE,
        3,
    ),
    row("evaluation.run", "Evaluation run", STEP, EXECUTE, 1),
];

/// For a type of another version of this program: it is exported, as what it certainly is.
const UNKNOWN: Mapping = row("unknown", "Entry of an unknown type", STEP, EXECUTE, 3);

const fn row(
    kind: &'static str,
    name: &'static str,
    shape: Shape,
    activity: Activity,
    severity: u8,
) -> Mapping {
    Mapping { kind, name, shape, activity, severity }
}

/// The row of a type.
pub(super) fn of(kind: &str) -> &'static Mapping {
    MAPPINGS.iter().find(|mapping| mapping.kind == kind).unwrap_or(&UNKNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::ENTRY_TYPES;

    #[test]
    fn every_entry_type_is_mapped_once() {
        let count = |kind| MAPPINGS.iter().filter(|mapping| mapping.kind == kind).count();
        for kind in ENTRY_TYPES.iter().map(|row| row.kind) {
            assert_eq!(count(kind), 1, "{kind}: add its row to MAPPINGS in this file");
        }
        assert!(MAPPINGS.iter().all(|mapping| mapping.severity <= 10 && !mapping.name.is_empty()));
    }
}
