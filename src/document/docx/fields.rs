//! Fields: instructions, then the result that is shown (ISO/IEC 29500-1, 17.16).

/// A field that has begun and not ended.
#[derive(Default)]
pub(super) struct Field {
    /// What follows is its result; before that, its instructions.
    pub(super) separated: bool,
    /// Shows a page's number.
    pub(super) counts_pages: bool,
}

/// Whether a field asks another program for what it shows.
pub(super) fn asks(instruction: &str) -> bool {
    let name = instruction.split_whitespace().next().unwrap_or_default();
    ["DDE", "DDEAUTO", "INCLUDETEXT", "INCLUDEPICTURE", "DATABASE"]
        .iter()
        .any(|asking| name.eq_ignore_ascii_case(asking))
}

/// Whether a field shows a page's number.
pub(super) fn counts_pages(instruction: &str) -> bool {
    let name = instruction.split_whitespace().next().unwrap_or_default();
    ["PAGE", "NUMPAGES", "SECTIONPAGES"].iter().any(|own| name.eq_ignore_ascii_case(own))
}
