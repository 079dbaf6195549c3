//! Addresses: values inside them, and which ones may be spoken to.

/// Longest address that is taken from others.
const URL_CHARS_MAX: usize = 2_000;

/// Percent-encodes all but the unreserved characters (RFC 3986, section 2.3). What comes out also
/// stands in a form body (`application/x-www-form-urlencoded`).
pub fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// The pairs as a query or form body.
pub fn pairs(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<_> =
        pairs.iter().map(|(k, v)| format!("{}={}", encoded(k), encoded(v))).collect();
    pairs.join("&")
}

/// `path` with a query of the pairs that have a value.
pub fn with_query(path: &str, given: &[(&str, &str)]) -> String {
    let given: Vec<_> = given.iter().copied().filter(|(_, value)| !value.is_empty()).collect();
    let mark = if given.is_empty() { "" } else { "?" };
    format!("{path}{mark}{}", pairs(&given))
}

/// Whether nobody on the way can read or change what goes to this URL: `https`, or `http` that stays
/// on this machine. It has a host, no user, no fragment.
pub fn is_private(url: &str) -> bool {
    let (secure, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return false,
    };
    let plain = |c: char| c.is_ascii_graphic() && !"\\\"<>^`{|}#".contains(c);
    if url.len() > URL_CHARS_MAX || !rest.chars().all(plain) {
        return false;
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':').or(port.is_empty().then_some(""))),
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, Some("")),
        },
    };
    let is_port = port.is_some_and(|port| port.is_empty() || port.parse::<u16>().is_ok());
    let is_host =
        !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-:".contains(c));
    let is_local = matches!(host, "localhost" | "127.0.0.1" | "::1");
    is_host && is_port && (secure || is_local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_value_stands_in_a_query() {
        assert_eq!(pairs(&[("a b", "m o&é+"), ("c", "~")]), "a%20b=m%20o%26%C3%A9%2B&c=~");
    }

    #[test]
    fn queries_hold_any_value_and_leave_out_empty_ones() {
        let pairs = [("type", ""), ("user", "m o&é"), ("before", "12")];
        assert_eq!(with_query("/audit", &pairs), "/audit?user=m%20o%26%C3%A9&before=12");
        assert_eq!(with_query("/audit", &[("user", "")]), "/audit");
    }

    #[test]
    fn only_addresses_that_nobody_can_listen_to_are_private() {
        for good in [
            "https://id.example.org",
            "https://id.example.org:8443/realms/firm?x=1",
            "http://127.0.0.1:3000/",
            "http://localhost:1",
            "http://[::1]:9/x",
            "https://[2001:db8::1]/",
        ] {
            assert!(is_private(good), "{good}");
        }
        for bad in [
            "",
            "id.example.org",
            "http://id.example.org/",
            "http://127.0.0.1.example.org/",
            "http://localhost@example.org/",
            "https://user@example.org/",
            "https://",
            "https:///path",
            "https://a:b/",
            "https://a.example/#top",
            "https://a.example/\r\nX: y",
            "ftp://a.example/",
            "javascript:alert(1)",
        ] {
            assert!(!is_private(bad), "{bad}");
        }
    }
}
