//! CSV (RFC 4180): every cell quoted, and none that a spreadsheet takes for a formula.

use serde_json::Value;

use crate::audit::Entry;

const COLUMNS: [&str; 13] = [
    "index",
    "leaf_hash",
    "id",
    "ts",
    "type",
    "outcome",
    "actor",
    "via",
    "os_user",
    "req",
    "policy",
    "details",
    "payload",
];

pub(super) fn head(out: &mut Vec<u8>) {
    row(COLUMNS.map(str::to_owned), out);
}

pub(super) fn write(entry: &Entry, out: &mut Vec<u8>) {
    let text = |pointer: &str| match entry.value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let cells = [
        entry.index.to_string(),
        entry.leaf_hash().to_string(),
        text("/id"),
        entry.ts().to_string(),
        text("/type"),
        text("/outcome"),
        text("/actor/id"),
        text("/actor/via"),
        text("/actor/os_user"),
        text("/req"),
        text("/policy"),
        text("/details"),
        text("/payload"),
    ];
    row(cells, out);
}

fn row(cells: [String; COLUMNS.len()], out: &mut Vec<u8>) {
    out.extend_from_slice(cells.map(|cell| quoted(&cell)).join(",").as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Quotes a cell. What a spreadsheet would run as a formula gets a `'` before it, and so does what
/// begins with `'` itself: whoever drops one leading `'` has the cell as it was.
fn quoted(cell: &str) -> String {
    let guard = if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']) { "'" } else { "" };
    format!("\"{guard}{}\"", cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_survive_quotes_and_formulas() {
        let table = [
            ("plain", "\"plain\""),
            ("a,\"b\"\nc", "\"a,\"\"b\"\"\nc\""),
            ("=HYPERLINK(1)", "\"'=HYPERLINK(1)\""),
            ("'=1", "\"''=1\""),
            ("\r\n", "\"'\r\n\""),
        ];
        for (cell, expected) in table {
            assert_eq!(quoted(cell), expected);
        }
    }
}
