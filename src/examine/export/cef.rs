//! Common Event Format: `CEF:0|vendor|product|version|type|name|severity|key=value …`, one line an
//! entry. Long values are not cut: `cs2` holds all details, whatever a collector's limit is.

use serde_json::Value;

use super::Site;
use super::mapping;
use crate::audit::Entry;

pub(super) fn write(site: &Site, entry: &Entry, out: &mut Vec<u8>) {
    let mapping = mapping::of(entry.kind());
    let head = ["Affiant", "Affiant", site.version, entry.kind(), mapping.name];
    let head = head.map(|field| escaped(field, "\\|")).join("|");
    let text = |pointer: &str| match entry.value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let fields = [
        ("rt", entry.ts().unix_millis().to_string()),
        ("deviceExternalId", site.origin.clone()),
        ("externalId", text("/id")),
        ("outcome", text("/outcome")),
        ("suid", text("/actor/id")),
        ("suser", text("/actor/os_user")),
        ("sourceServiceName", text("/actor/via")),
        ("reason", text("/details/reason")),
        ("cn1Label", "leafIndex".to_owned()),
        ("cn1", entry.index.to_string()),
        ("cs1Label", "leafHash".to_owned()),
        ("cs1", entry.leaf_hash().to_string()),
        ("cs2Label", "details".to_owned()),
        ("cs2", text("/details")),
        ("cs3Label", "request".to_owned()),
        ("cs3", text("/req")),
        ("cs4Label", "policy".to_owned()),
        ("cs4", text("/policy")),
        ("cs5Label", "payload".to_owned()),
        ("cs5", text("/payload")),
    ];
    let fields = fields.iter().filter(|(_, value)| !value.is_empty());
    let fields: Vec<_> =
        fields.map(|(key, value)| format!("{key}={}", escaped(value, "\\="))).collect();
    let line = format!("CEF:0|{head}|{}|{}\n", mapping.severity, fields.join(" "));
    out.extend_from_slice(line.as_bytes());
}

/// A `\` before each of these, and line ends as `\n` and `\r`: an entry is one line, always.
fn escaped(text: &str, special: &str) -> String {
    let mut found = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => found.push_str("\\n"),
            '\r' => found.push_str("\\r"),
            character => {
                if special.contains(character) {
                    found.push('\\');
                }
                found.push(character);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_end_a_field_or_a_line() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a=b", "a\\=b"),
            ("a|b", "a|b"),
            ("\\n", "\\\\n"),
            ("one\ntwo\r", "one\\ntwo\\r"),
            ("x cs1=forged", "x cs1\\=forged"),
        ] {
            assert_eq!(escaped(text, "\\="), expected);
        }
        assert_eq!(escaped("a|b=c", "\\|"), "a\\|b=c");
    }
}
