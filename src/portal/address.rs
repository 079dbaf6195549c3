//! Addresses within the portal.

use crate::domain::uri::encoded;

/// Longest address that signing in leads back to.
const NEXT_CHARS_MAX: usize = 2_000;

/// `path` with a query of the pairs that have a value.
pub(super) fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut address = path.to_owned();
    let mut mark = '?';
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        address.push(mark);
        address.push_str(name);
        address.push('=');
        address.push_str(&encoded(value));
        mark = '&';
    }
    address
}

/// `text` where it is an address of this site; it may then stand in a `Location`.
pub(super) fn local(text: &str) -> Option<&str> {
    let mut chars = text.chars();
    let is_path = chars.next() == Some('/') && chars.next() != Some('/');
    let is_plain = text.chars().all(|c| c.is_ascii_graphic() && c != '\\');
    (is_path && is_plain && text.len() <= NEXT_CHARS_MAX).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_hold_any_value_and_leave_out_empty_ones() {
        let pairs = [("type", ""), ("user", "m o&é"), ("before", "12")];
        assert_eq!(with_query("/audit", &pairs), "/audit?user=m%20o%26%C3%A9&before=12");
        assert_eq!(with_query("/audit", &[("user", "")]), "/audit");
    }

    #[test]
    fn signing_in_leads_to_this_site_alone() {
        for good in ["/", "/ask", "/documents/ab?page=3&span=1-2"] {
            assert_eq!(local(good), Some(good));
        }
        let long = format!("/{}", "a".repeat(NEXT_CHARS_MAX));
        for bad in [
            "",
            "ask",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\r\nb",
            "/é",
            &long,
        ] {
            assert_eq!(local(bad), None, "{bad}");
        }
    }
}
