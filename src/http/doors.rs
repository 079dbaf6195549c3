//! What each route asks for; `tests/it/doors.rs` holds every route to its row.

use crate::policy::{Action, Door};

/// Whoever may decide or propose some change sees the queue.
const QUEUE: &[Action] =
    &[Action::Approve, Action::Erase, Action::ManageHolds, Action::ProposePolicies];

/// The routes under `/api/v1`; the published log and the probes beside it are open to everybody, but
/// for the log's entries where `log.entries` says `auditors`.
pub const ROUTES: &[Door] = &[
    Door::open("GET /openapi.json"),
    Door::open("POST /session"),
    Door::account("DELETE /session"),
    Door::account("POST /session/confirm").with_proof(),
    Door::account("GET /account"),
    Door::account("POST /account/password").with_proof(),
    Door::account("POST /account/second-factor").with_proof(),
    Door::account("DELETE /account/second-factor").with_proof(),
    Door::account("POST /account/second-factor/confirm").with_proof(),
    Door::account("POST /account/tokens").with_proof(),
    Door::account("DELETE /account/sessions"),
    Door::account("DELETE /account/sessions/{id}"),
    Door::right("POST /queries", &[Action::Ask]),
    Door::account("GET /queries/{id}").part_of(Action::Ask),
    Door::right("POST /search", &[Action::Search]),
    Door::account("GET /documents").part_of(Action::ListDocuments),
    Door::right("POST /documents", &[Action::Ingest]),
    Door::right("GET /documents/{id}", &[Action::ViewPage]),
    Door::right("GET /documents/{id}/pages/{n}.png", &[Action::ViewPage]),
    Door::right("DELETE /documents/{id}", &[Action::DeleteDocuments]),
    Door::right("PATCH /documents/{id}", &[Action::LabelDocuments]),
    Door::account("GET /jobs/{id}").part_of(Action::Ingest),
    Door::right("GET /audit/entries", &[Action::ReadLog]),
    Door::right("GET /audit/entries/{index}", &[Action::ReadLog]),
    Door::right("POST /audit/entries/{index}/reveal", &[Action::Reveal]).with_proof(),
    Door::right("GET /audit/export", &[Action::ExportLog]),
    Door::right("GET /audit/proof/{index}", &[Action::ReadLog]),
    Door::right("GET /changes", QUEUE),
    Door::right("GET /changes/{id}", QUEUE),
    Door::right("POST /changes/{id}/approve", &[Action::Approve]).with_proof(),
    Door::right("POST /changes/{id}/reject", &[Action::Approve]),
    Door::right("POST /erasures", &[Action::Erase]).with_proof(),
    Door::right("GET /holds", &[Action::ManageHolds]),
    Door::right("POST /holds", &[Action::ManageHolds]),
    Door::right("POST /holds/{id}/release", &[Action::ManageHolds]).with_proof(),
    Door::right("GET /relationships", &[Action::ManageRelationships]),
    Door::right("POST /relationships", &[Action::ManageRelationships]),
    Door::right("POST /walls", &[Action::ManageRelationships]),
    Door::right("POST /walls/lift", &[Action::ManageRelationships]).with_proof(),
    Door::account("GET /emergencies"),
    Door::right("POST /emergencies", &[Action::OpenEmergency]).with_proof(),
    Door::account("POST /emergencies/{id}/close"),
    Door::right("POST /emergencies/{id}/review", &[Action::ReviewEmergencies]).with_proof(),
    Door::right("GET /policies", &[Action::ReadPolicies]),
    Door::right("POST /policies", &[Action::ProposePolicies]),
    Door::right("POST /policies/rollback", &[Action::ProposePolicies]),
    Door::right("POST /policies/simulate", &[Action::ProposePolicies]),
    Door::right("POST /policies/explain", &[Action::Explain]),
    Door::right("GET /policies/diff", &[Action::ReadPolicies]),
    Door::right("GET /policies/versions", &[Action::ReadPolicies]),
    Door::right("GET /policies/versions/{version}", &[Action::ReadPolicies]),
];
