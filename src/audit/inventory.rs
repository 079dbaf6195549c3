//! The entry types as a table for people.

use std::fmt::Write as _;

use super::entry_type::EntryType;
use super::event::ENTRY_TYPES;

/// A Markdown table of every entry type, its fields and when it is written.
pub fn inventory() -> String {
    let mut table = String::from(
        "| type | outcome | written | details | payload |\n| --- | --- | --- | --- | --- |\n",
    );
    for row in ENTRY_TYPES {
        let fields: Vec<String> =
            row.fields.iter().map(|(name, meaning)| format!("`{name}`: {meaning}")).collect();
        let payload = row.payload.unwrap_or("none");
        let EntryType { kind, outcome, when, .. } = row;
        let written = writeln!(
            table,
            "| `{kind}` | {outcome} | {when} | {} | {payload} |",
            fields.join("; ")
        );
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
    }
    table
}
