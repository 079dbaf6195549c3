//! What each page asks for; `tests/it/doors/` holds every page to its row.

use crate::policy::{Action, Door};

/// Whoever may decide or propose some change sees the queue.
const QUEUE: &[Action] =
    &[Action::Approve, Action::Erase, Action::ManageHolds, Action::ProposePolicies];

/// The pages.
pub const PAGES: &[Door] = &[
    Door::account("GET /"),
    Door::open("GET /sign-in"),
    Door::open("POST /sign-in"),
    Door::open("GET /sign-in/openid"),
    Door::open("GET /sign-in/openid/return"),
    Door::account("POST /sign-out"),
    Door::account("GET /account"),
    Door::account("GET /account/confirm"),
    Door::account("POST /account/confirm").with_proof(),
    Door::account("POST /account/password").with_proof(),
    Door::account("POST /account/second-factor").with_proof(),
    Door::account("POST /account/second-factor/confirm").with_proof(),
    Door::account("POST /account/second-factor/remove").with_proof(),
    Door::account("POST /account/sessions/end"),
    Door::account("POST /account/tokens").with_proof(),
    Door::right("GET /ask", &[Action::Ask]),
    Door::right("POST /ask", &[Action::Ask]),
    Door::account("GET /ask/{query}"),
    Door::account("GET /questions"),
    Door::account("GET /documents"),
    Door::right("POST /documents", &[Action::Ingest]),
    Door::right("GET /documents/{id}", &[Action::ViewPage]),
    Door::right("GET /documents/{id}/labels", &[Action::LabelDocuments]),
    Door::right("POST /documents/{id}/labels", &[Action::LabelDocuments]),
    Door::account("GET /uploads/{id}"),
    Door::right("GET /audit", &[Action::ReadLog]),
    Door::right("POST /audit/verify", &[Action::ReadLog]),
    Door::right("POST /audit/export", &[Action::ExportLog]),
    Door::right("GET /audit/{index}", &[Action::ReadLog]),
    Door::right("GET /admin/policies", &[Action::ReadPolicies]),
    Door::right("POST /admin/policies", &[Action::ProposePolicies]).with_proof(),
    Door::right("GET /admin/policies/diff", &[Action::ReadPolicies]),
    Door::right("POST /admin/policies/rollback", &[Action::ProposePolicies]).with_proof(),
    Door::right("POST /admin/policies/explain", &[Action::Explain]),
    Door::right("GET /admin/changes", QUEUE),
    Door::right("GET /admin/changes/{id}", QUEUE),
    Door::right("POST /admin/changes/{id}/approve", &[Action::Approve]).with_proof(),
    Door::right("POST /admin/changes/{id}/reject", &[Action::Approve]).or_own(),
    Door::right("GET /admin/accounts", &[Action::ManageAccounts]),
    Door::right("GET /admin/models", &[Action::ManageModels]),
    Door::right("GET /admin/system", &[Action::ReadSystem]),
    Door::right("GET /admin/relationships", &[Action::ManageRelationships]),
    Door::account("GET /emergencies"),
    Door::right("POST /emergencies", &[Action::OpenEmergency]).with_proof(),
    Door::account("POST /emergencies/{id}/close"),
    Door::right("POST /emergencies/{id}/review", &[Action::ReviewEmergencies]).with_proof(),
    Door::open("GET /assets/{name}"),
];
