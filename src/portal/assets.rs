//! The stylesheet, scripts and mark of the pages, compiled into the program.
//!
//! Each is addressed as `/assets/NAME?v=DIGEST`, so that it may be cached for good: another
//! content has another address.

use std::sync::LazyLock;

use crate::domain::digest::Digest;

/// The `Content-Security-Policy` that every page carries. Nothing inline, nothing from elsewhere.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
     style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
     frame-ancestors 'none'; base-uri 'none'";

/// The `Cache-Control` of assets, whose address names their content.
pub const ASSET_CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// One file that pages load.
pub struct Asset {
    /// Its name under `/assets/`.
    pub name: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
    href: LazyLock<String>,
}

macro_rules! asset {
    ($identifier:ident, $name:literal, $content_type:literal) => {
        #[doc = concat!("`/assets/", $name, "`")]
        pub static $identifier: Asset = Asset {
            name: $name,
            content_type: $content_type,
            bytes: include_bytes!(concat!("../../templates/assets/", $name)),
            href: LazyLock::new(|| address($name, $identifier.bytes)),
        };
    };
}

asset!(STYLESHEET, "app.css", "text/css; charset=utf-8");
asset!(ASK_SCRIPT, "ask.js", "text/javascript; charset=utf-8");
asset!(PAGE_SCRIPT, "page.js", "text/javascript; charset=utf-8");
asset!(MARK, "mark.svg", "image/svg+xml");

impl Asset {
    /// Where pages load it from, with the digest of its content.
    pub fn href(&self) -> &str {
        &self.href
    }
}

/// Every asset.
pub fn all() -> [&'static Asset; 4] {
    [&STYLESHEET, &ASK_SCRIPT, &PAGE_SCRIPT, &MARK]
}

/// The asset with this name under `/assets/`.
pub fn find(name: &str) -> Option<&'static Asset> {
    all().into_iter().find(|asset| asset.name == name)
}

fn address(name: &str, bytes: &[u8]) -> String {
    format!("/assets/{name}?v={}", Digest::of(bytes).short())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part of a text between two marks, for every occurrence.
    fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
        text.split(open).skip(1).filter_map(|rest| rest.split(close).next()).collect()
    }

    #[test]
    fn every_file_in_the_assets_folder_is_served_and_under_a_name_of_its_content() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/assets");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let mut served: Vec<_> = all().iter().map(|asset| asset.name.to_owned()).collect();
        served.sort();
        assert_eq!(names, served);
        for asset in all() {
            let digest = Digest::of(asset.bytes).short();
            assert_eq!(asset.href(), format!("/assets/{}?v={digest}", asset.name));
            assert!(std::ptr::eq(find(asset.name).unwrap(), asset));
        }
        assert!(find("../mod.rs").is_none());
    }

    #[test]
    fn no_asset_asks_anything_of_another_host() {
        for asset in all() {
            let text = std::str::from_utf8(asset.bytes).unwrap();
            let hosts: Vec<_> = between(text, "://", "/").into_iter().collect();
            assert!(hosts.iter().all(|host| *host == "www.w3.org"), "{}: {hosts:?}", asset.name);
            assert!(!text.contains("@import"), "{}", asset.name);
        }
    }

    #[test]
    fn scripts_build_pages_from_text_alone() {
        for asset in [&ASK_SCRIPT, &PAGE_SCRIPT] {
            let text = std::str::from_utf8(asset.bytes).unwrap();
            for risky in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                ".style",
            ] {
                assert!(!text.contains(risky), "{} uses {risky}", asset.name);
            }
        }
    }

    #[test]
    fn every_colour_of_the_stylesheet_is_a_token() {
        let text = std::str::from_utf8(STYLESHEET.bytes).unwrap();
        for line in text.lines().filter(|line| line.contains(": #")) {
            assert!(line.trim_start().starts_with("--"), "a bare colour: {line}");
        }
    }
}
