//! The words that policies decide on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What policies decide; the same words as in `policies/schema.cedarschema`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Action {
    /// Ask a question.
    Ask,
    /// Search without generation.
    Search,
    /// Look at a page.
    ViewPage,
    /// Learn how many passages policy held back.
    SeeWithheld,
    /// Take documents in.
    Ingest,
    /// Change a document's labels.
    LabelDocuments,
    /// Delete documents.
    DeleteDocuments,
    /// Read the catalogue.
    ListDocuments,
    /// Place holds, and propose that they end.
    ManageHolds,
    /// Propose erasures.
    Erase,
    /// Say who works on what, treats whom, and stands behind which wall.
    ManageRelationships,
    /// Open access in an emergency.
    OpenEmergency,
    /// See all emergencies, and judge those of others.
    ReviewEmergencies,
    /// Read the log.
    ReadLog,
    /// Export the log.
    ExportLog,
    /// Reveal the contents that an entry commits to.
    Reveal,
    /// Read the policies.
    ReadPolicies,
    /// Propose other policies.
    ProposePolicies,
    /// Ask why a person may see a document or not.
    Explain,
    /// Create, change and disable accounts.
    ManageAccounts,
    /// Import and propose models.
    ManageModels,
    /// Read the state of the machine.
    ReadSystem,
    /// Be the second person for a change.
    Approve,
    /// Turn the keys that sign the log, and take its timestamps in.
    ManageKeys,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 24] = [
        Self::Ask,
        Self::Search,
        Self::ViewPage,
        Self::SeeWithheld,
        Self::Ingest,
        Self::LabelDocuments,
        Self::DeleteDocuments,
        Self::ListDocuments,
        Self::ManageHolds,
        Self::Erase,
        Self::ManageRelationships,
        Self::OpenEmergency,
        Self::ReviewEmergencies,
        Self::ReadLog,
        Self::ExportLog,
        Self::Reveal,
        Self::ReadPolicies,
        Self::ProposePolicies,
        Self::Explain,
        Self::ManageAccounts,
        Self::ManageModels,
        Self::ReadSystem,
        Self::Approve,
        Self::ManageKeys,
    ];

    /// The action as written in policies.
    pub const fn as_str(self) -> &'static str {
        self.words().0
    }

    /// Whether it opens documents, so that it is also decided for each document's labels.
    pub const fn reads_documents(self) -> bool {
        matches!(self, Self::Ask | Self::Search | Self::ViewPage)
    }

    /// The whole of what a person is told when it is denied, but for a policy's own `@reason`.
    pub(super) fn denied(self) -> String {
        format!("The policy does not let you {}", self.words().1)
    }

    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Ask => ("Ask", "ask this question"),
            Self::Search => ("Search", "search documents"),
            Self::ViewPage => ("ViewPage", "view this page"),
            Self::SeeWithheld => ("SeeWithheld", "learn what was withheld"),
            Self::Ingest => ("Ingest", "add documents"),
            Self::LabelDocuments => ("LabelDocuments", "label documents"),
            Self::DeleteDocuments => ("DeleteDocuments", "delete documents"),
            Self::ListDocuments => ("ListDocuments", "list documents"),
            Self::ManageHolds => ("ManageHolds", "manage holds"),
            Self::Erase => ("Erase", "propose an erasure"),
            Self::ManageRelationships => ("ManageRelationships", "manage relationships"),
            Self::OpenEmergency => ("OpenEmergency", "open access in an emergency"),
            Self::ReviewEmergencies => ("ReviewEmergencies", "review emergencies"),
            Self::ReadLog => ("ReadLog", "read the log"),
            Self::ExportLog => ("ExportLog", "export the log"),
            Self::Reveal => ("Reveal", "reveal contents of the log"),
            Self::ReadPolicies => ("ReadPolicies", "read the policies"),
            Self::ProposePolicies => ("ProposePolicies", "propose policies"),
            Self::Explain => ("Explain", "ask why somebody may see a document"),
            Self::ManageAccounts => ("ManageAccounts", "manage accounts"),
            Self::ManageModels => ("ManageModels", "manage models"),
            Self::ReadSystem => ("ReadSystem", "read the state of the system"),
            Self::Approve => ("Approve", "approve changes"),
            Self::ManageKeys => ("ManageKeys", "manage the keys of the log"),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
