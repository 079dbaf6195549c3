//! Addresses within the portal.

pub(super) use crate::domain::uri::with_query;

/// Longest address that signing in leads back to.
const NEXT_CHARS_MAX: usize = 2_000;

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
