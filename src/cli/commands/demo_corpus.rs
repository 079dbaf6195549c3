//! The demo corpus travels inside the program: the demonstration needs no source tree.

/// Labels of each document, and the attributes of the demo's staff account.
pub(super) const LABELS: &str = include_str!("../../../fixtures/corpus-sources/labels.toml");

macro_rules! document {
    ($name:literal) => {
        ($name, include_bytes!(concat!("../../../fixtures/corpus/", $name)))
    };
}

/// File names and bytes.
pub(super) const CORPUS: &[(&str, &[u8])] = &[
    document!("anticoagulation-memo-2025-02.pdf"),
    document!("anticoagulation-protocol.pdf"),
    document!("court-order-2025-cv-0884.pdf"),
    document!("discharge-summary-p-40317.pdf"),
    document!("ethics-board-minutes-2025-06.pdf"),
    document!("formulary-extract.pdf"),
    document!("incident-response-procedure.pdf"),
    document!("information-barrier-policy.pdf"),
    document!("master-services-agreement.pdf"),
    document!("msa-amendment-1.pdf"),
    document!("privacy-bulletin-2025-03.pdf"),
    document!("privacy-manual.pdf"),
    document!("records-retention-schedule.pdf"),
];
