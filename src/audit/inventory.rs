//! The entry types as people read them.

use std::fmt::Write as _;

use super::event::{ENTRY_TYPES, EntryType};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inventory_has_a_row_for_each_type() {
        let table = inventory();
        assert_eq!(table.lines().count(), ENTRY_TYPES.len() + 2);
        assert!(table.lines().all(|line| line.matches(" | ").count() == 4));
        let row = table.lines().find(|line| line.contains("`search.released`")).unwrap();
        let expected = "| `search.released` | ok | before the passages of a search are shown | \
                        `hits`: passages shown | none |";
        assert_eq!(row, expected);
    }
}
