//! Reads our own source and holds it to its rules: layers, vendors, names, sizes, dead files.
//!
//! Each test lists every breach at once, as `file:line: what`. The scanner that the rules stand on
//! is itself checked, on snippets that break them.

#![expect(
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test: offsets come from searches in the same text, and a panic is a finding"
)]

#[path = "tidy/scan.rs"]
mod scan;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use affiant::domain::digest::Digest;

use self::scan::{code_only, imports, is_word, mentions};

/// The rooms and their levels: the same table as in `src/ARCHITECTURE.md`.
const LEVELS: &[(u32, &[&str])] = &[
    (0, &["domain"]),
    (1, &["durable", "telemetry"]),
    (2, &["audit", "inference", "policy", "store"]),
    (3, &["catalogue", "document", "identity", "index", "models"]),
    (4, &["ingest", "retrieve"]),
    (5, &["generate"]),
    (6, &["verify"]),
    (7, &["answer"]),
    (8, &["evaluate", "examine", "govern"]),
    (9, &["http"]),
    (10, &["portal"]),
    (11, &["config"]),
    (12, &["app"]),
    (13, &["cli"]),
];

/// One vendor, one room: each crate with the rooms that may name it.
const VENDORS: &[(&str, &[&str])] = &[
    ("actix_multipart", &["http", "portal"]),
    ("actix_web", &["app", "cli", "http", "portal"]),
    ("anyhow", &["app", "cli", "main"]),
    ("argon2", &["identity"]),
    ("askama", &["portal"]),
    ("base64", &["audit", "examine", "identity", "portal"]),
    ("cedar_policy", &["policy"]),
    ("chacha20poly1305", &["store"]),
    ("clap", &["cli"]),
    ("csv", &["document", "examine", "govern"]),
    ("ed25519_dalek", &["audit"]),
    ("futures_util", &["http", "portal"]),
    ("getrandom", &["domain"]),
    ("half", &["models"]),
    ("hayro", &["document"]),
    ("hayro_interpret", &["document"]),
    ("hmac", &["identity", "store"]),
    ("indicatif", &["cli"]),
    ("jiff", &["domain"]),
    ("landlock", &["document"]),
    ("libc", &["app", "document"]),
    ("lopdf", &["document"]),
    ("mail_parser", &["document"]),
    ("minijinja", &["inference"]),
    ("ort", &["inference"]),
    ("postcard", &["answer", "catalogue", "document", "ingest"]),
    ("prost", &["models"]),
    ("pulldown_cmark", &["document"]),
    ("qdrant_client", &["index"]),
    ("qdrant_edge", &["index"]),
    ("qrcode", &["portal"]),
    ("quick_xml", &["document"]),
    ("rcgen", &["app"]),
    ("ring", &["identity"]),
    ("rustix", &["app", "document", "durable"]),
    ("rustls", &["app"]),
    ("rustls_native_certs", &["app"]),
    ("rustls_pki_types", &["audit"]),
    ("safetensors", &["models"]),
    ("scraper", &["document"]),
    ("seccompiler", &["document"]),
    ("similar", &["policy"]),
    ("sha1", &["identity"]),
    ("sled", &["store"]),
    ("subtle", &["identity"]),
    ("tantivy", &["index"]),
    ("tokenizers", &["inference"]),
    ("tokio", &["app", "http", "index", "portal"]),
    ("toml", &["cli", "config", "policy"]),
    ("tracing_subscriber", &["telemetry"]),
    ("unicode_normalization", &["document", "identity"]),
    ("unicode_segmentation", &["verify"]),
    ("ureq", &["app"]),
    ("walkdir", &["ingest"]),
    ("webpki", &["audit"]),
    ("zip", &["document", "models"]),
    ("zstd", &["examine"]),
    ("zxcvbn", &["identity"]),
];

/// Crates that any room may name.
const EVERYWHERE: &[&str] =
    &["serde", "serde_json", "sha2", "tempfile", "thiserror", "tracing", "uuid", "zeroize"];

/// Words that say nothing, as names of modules and types.
const BANNED_NAMES: &[&str] =
    &["util", "helper", "common", "manager", "service", "handler", "data", "info", "base", "misc"];

/// A file that is longer has more than one reason to change.
const CODE_LINES_MAX: usize = 450;
/// Tests are lists of cases, which may be longer.
const TEST_LINES_MAX: usize = 650;

/// What stands at the top; everything else there is a hidden settings file, or ignored by git.
const TOP_LEVEL: &[&str] = &[
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "fixtures",
    "migrations",
    "policies",
    "src",
    "templates",
    "tests",
];
const IGNORED: &[&str] = &["target", "affiant-home"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// One file, by its path from the root.
struct SourceFile {
    path: String,
    text: String,
}

impl SourceFile {
    /// The room it is in: `main` and `lib` for the two files above the rooms.
    fn room(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        inside.split(['/', '.']).next().unwrap_or_default()
    }

    /// How many modules lie between it and the crate's root: `src/room/mod.rs` is at 1.
    fn depth(&self) -> usize {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        let parts = inside.split('/').filter(|part| *part != "mod.rs").count();
        if matches!(inside, "lib.rs" | "main.rs") { 0 } else { parts }
    }

    fn is_test(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.ends_with("/tests.rs")
            || self.path.contains("/tests/")
            || self.path.ends_with("/samples.rs")
    }
}

/// Every file below `folder`, as paths from the root, in order; not what git ignores.
fn paths(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(root().join(folder)).sort_by_file_name() {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(root()).unwrap();
            found.push(path.to_str().unwrap().to_owned());
        }
    }
    found
}

fn read(path: &str) -> SourceFile {
    let text = fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    SourceFile { path: path.to_owned(), text }
}

fn rust_files(folder: &str) -> Vec<SourceFile> {
    paths(folder).iter().filter(|path| path.ends_with(".rs")).map(|path| read(path)).collect()
}

fn assert_none(breaches: &[String], rule: &str) {
    assert!(breaches.is_empty(), "{rule}\n{}\n", breaches.join("\n"));
}

// ----- the scanner, checked on snippets -----

fn level(room: &str) -> Option<u32> {
    LEVELS.iter().find(|(_, rooms)| rooms.contains(&room)).map(|(level, _)| *level)
}

/// Breaches of the layers in one file.
fn layer_breaches(file: &SourceFile) -> Vec<String> {
    let Some(own) = level(file.room()) else { return Vec::new() };
    let code = code_only(&file.text);
    let outside = imports(&code, file.depth()).into_iter().filter(|(_, to)| to != file.room());
    outside
        .filter_map(|(line, to)| {
            let theirs = level(&to)?;
            let (path, from) = (&file.path, file.room());
            (theirs >= own)
                .then(|| format!("{path}:{line}: {from} ({own}) imports {to} ({theirs})"))
        })
        .collect()
}

#[test]
fn the_scanner_sees_what_it_should_and_nothing_else() {
    // (file, code, rooms that it may not import)
    let table: &[(&str, &str, &[&str])] = &[
        ("src/audit/log.rs", "use crate::domain::ids::EntryIndex;", &[]),
        ("src/audit/log.rs", "use crate::answer::Answerer;", &["answer"]),
        ("src/audit/log.rs", "use crate::store::Vault;", &["store"]),
        ("src/audit/log.rs", "use crate::audit::Log;", &[]),
        ("src/audit/log.rs", "pub use crate::{domain::x, http::{a, b}, app};", &["http", "app"]),
        ("src/audit/log.rs", "use crate::{\n    cli,\n};", &["cli"]),
        ("src/audit/log.rs", "fn f() { crate::portal::views::x() }", &["portal"]),
        ("src/audit/log.rs", "// use crate::answer::Answerer;\n/// [`crate::cli`]", &[]),
        ("src/audit/log.rs", "/* crate::cli /* nested */ crate::cli */", &[]),
        ("src/audit/log.rs", "let s = \"crate::cli \\\" crate::cli\"; crate::http::x()", &["http"]),
        (
            "src/audit/log.rs",
            "let s = r#\"crate::cli \" \"#; let c = '\"'; crate::app::x()",
            &["app"],
        ),
        ("src/audit/log.rs", "fn f<'a>(x: &'a str) -> crate::app::X<'a>", &["app"]),
        ("src/audit/log.rs", "use super::super::answer::Answerer;", &["answer"]),
        ("src/audit/log.rs", "use super::answer;", &[]),
        ("src/audit/mod.rs", "use super::{domain, http::Problem};", &["http"]),
        ("src/audit/a/b.rs", "use super::super::index::Index;", &[]),
        ("src/audit/a/b.rs", "use super::super::super::index::Index;", &["index"]),
        ("src/cli/mod.rs", "use crate::app::App; use crate::domain::ids;", &[]),
        ("src/main.rs", "affiant::cli::run()", &[]),
    ];
    for (path, text, expected) in table {
        let file = SourceFile { path: (*path).to_owned(), text: (*text).to_owned() };
        let found = layer_breaches(&file);
        let expected: Vec<_> = expected.iter().map(|room| format!("imports {room} (")).collect();
        let same = found.len() == expected.len()
            && found.iter().zip(&expected).all(|(found, room)| found.contains(room));
        assert!(same, "{text}\nfound {found:?}, expected {expected:?}");
    }
    // (code, whether it names the crate `ort`)
    let table = [
        ("use ort::session::Session;", true),
        ("use ort;", true),
        ("use ::ort::x;", true),
        ("fn f() { ort::init() }", true),
        ("extern crate ort;", true),
        ("use crate::ort::x;", false),
        ("use super::ort;", false),
        ("let ort = 1; sort::x(); port::y(); a.ort();", false),
        ("// ort::init()", false),
    ];
    for (text, expected) in table {
        assert_eq!(!mentions(&code_only(text), "ort").is_empty(), expected, "{text}");
    }
}

// ----- layers and vendors -----

#[test]
fn rooms_import_only_from_lower_levels() {
    let files = rust_files("src");
    let seen: usize =
        files.iter().map(|file| imports(&code_only(&file.text), file.depth()).len()).sum();
    assert!(seen > 200, "the scanner sees the imports: {seen}");
    let breaches: Vec<_> = files.iter().flat_map(layer_breaches).collect();
    assert_none(&breaches, "a room imports only from lower levels (src/ARCHITECTURE.md)");
}

/// The rows of the table of rooms: level, module, question.
fn architecture_rows() -> Vec<(u32, String, String)> {
    let page = read("src/ARCHITECTURE.md").text;
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let level = cells.next()?.parse().ok()?;
        let module = cells.next()?.split('`').nth(1)?.to_owned();
        Some((level, module, cells.next()?.to_owned()))
    });
    rows.collect()
}

#[test]
fn the_architecture_page_lists_the_rooms_there_are() {
    let told: BTreeMap<String, u32> =
        architecture_rows().into_iter().map(|(level, module, _)| (module, level)).collect();
    let here: BTreeMap<String, u32> = LEVELS
        .iter()
        .flat_map(|(level, rooms)| rooms.iter().map(|room| ((*room).to_owned(), *level)))
        .collect();
    assert_eq!(told, here, "src/ARCHITECTURE.md and LEVELS");
    let lib = code_only(&read("src/lib.rs").text);
    let built: BTreeSet<_> = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .map(str::to_owned)
        .collect();
    assert_eq!(built, here.keys().cloned().collect(), "src/lib.rs and LEVELS");
}

#[test]
fn every_room_opens_with_the_question_it_answers() {
    let mut breaches = Vec::new();
    for (_, room, told) in architecture_rows() {
        let path = format!("src/{room}/mod.rs");
        let text = read(&path).text;
        let doc: Vec<_> = text.lines().map_while(|line| line.strip_prefix("//!")).collect();
        let doc = doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        let question = told.split_inclusive(['?', '.']).next().unwrap_or(&told);
        if !doc.starts_with(question) {
            breaches.push(format!("{path}:1: does not open with {question:?}"));
        }
    }
    assert_none(&breaches, "the first words of a room are those of src/ARCHITECTURE.md");
}

#[test]
fn each_vendor_is_named_in_its_own_rooms_only() {
    let files = rust_files("src");
    let mut breaches = Vec::new();
    for (vendor, rooms) in VENDORS {
        let mut used = BTreeSet::new();
        for file in files.iter().filter(|file| !file.is_test()) {
            let code = code_only(&file.text);
            // A unit test may use what it tests with; the rule is about what is shipped.
            let shipped = code.find("#[cfg(test)]\nmod ").map_or(code.as_str(), |at| &code[..at]);
            for line in mentions(shipped, vendor) {
                used.insert(file.room().to_owned());
                if !rooms.contains(&file.room()) {
                    breaches.push(format!("{}:{line}: {vendor} belongs in {rooms:?}", file.path));
                }
            }
        }
        if used.is_empty() {
            breaches.push(format!("Cargo.toml: {vendor} is listed, but no room uses it"));
        }
    }
    assert_none(&breaches, "one vendor, one room (src/ARCHITECTURE.md)");
}

#[test]
fn every_dependency_has_its_room() {
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml").text).unwrap();
    let mut named: BTreeSet<String> = VENDORS.iter().map(|(name, _)| (*name).to_owned()).collect();
    named.extend(EVERYWHERE.iter().map(|name| (*name).to_owned()));
    let dependencies = manifest["dependencies"].as_table().unwrap();
    let there: BTreeSet<String> = dependencies.keys().map(|name| name.replace('-', "_")).collect();
    assert_eq!(there, named, "Cargo.toml's dependencies, and VENDORS with EVERYWHERE");
}

// ----- names, words, sizes -----

#[test]
fn names_say_what_a_thing_is() {
    let mut breaches = Vec::new();
    for file in rust_files("src").iter().chain(&rust_files("tests")) {
        for part in file.path.trim_end_matches(".rs").split('/') {
            if BANNED_NAMES.contains(&part.trim_end_matches('s')) {
                breaches.push(format!("{}:1: {part} names nothing", file.path));
            }
        }
        for (number, line) in code_only(&file.text).lines().enumerate() {
            let words: Vec<_> = line.split(|c| !is_word(c)).filter(|w| !w.is_empty()).collect();
            for pair in words.windows(2) {
                let (keyword, name) = (pair[0], pair[1]);
                let kind = ["struct", "enum", "trait", "type", "mod"].contains(&keyword);
                if kind && BANNED_NAMES.contains(&name.to_lowercase().as_str()) {
                    breaches.push(format!("{}:{}: {name} names nothing", file.path, number + 1));
                }
                // `get_or…` is the standard library's own word for a cache's look-up.
                let getter = name.starts_with("get_") && !name.starts_with("get_or");
                if keyword == "fn" && getter && !file.is_test() {
                    breaches.push(format!("{}:{}: {name}: no `get_`", file.path, number + 1));
                }
            }
        }
    }
    assert_none(&breaches, "banned names");
}

/// Lines of a text with a word that is not allowed there, unless `excused`.
fn lines_with(file: &SourceFile, word: &str, excused: impl Fn(&str) -> bool) -> Vec<String> {
    let lines = file.text.lines().enumerate();
    let bad = lines.filter(|(_, line)| line.contains(word) && !excused(line));
    bad.map(|(number, _)| format!("{}:{}: {word}", file.path, number + 1)).collect()
}

#[test]
fn nothing_is_left_lying_about() {
    // Written apart, so that this file does not hold them.
    let notes = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let calls = [
        concat!("dbg", "!("),
        concat!("#[ig", "nore"),
        concat!("sle", "ep("),
        concat!("should_", "panic"),
    ];
    let mut breaches = Vec::new();
    for folder in ["src", "tests", "templates", "policies", "migrations", ".ci"] {
        for path in paths(folder).iter().filter(|path| !path.ends_with(".snap")) {
            let Ok(text) = fs::read_to_string(root().join(path)) else { continue };
            let file = SourceFile { path: path.clone(), text };
            for note in notes {
                let owned = format!("{note}(#");
                breaches.extend(lines_with(&file, note, |line| line.contains(&owned)));
            }
            for call in calls.iter().filter(|_| path.ends_with(".rs")) {
                breaches.extend(lines_with(&file, call, |_| false));
            }
        }
    }
    assert_none(&breaches, "notes carry an issue number; no left-over calls, no test set aside");
}

#[test]
fn only_config_reads_the_environment() {
    let mut breaches = Vec::new();
    for file in rust_files("src").iter().filter(|file| !file.is_test() && file.room() != "config") {
        let code = SourceFile { path: file.path.clone(), text: code_only(&file.text) };
        // `main` hands all of it to `cli`, which hands it to `config`.
        let excused = |line: &str| file.path == "src/main.rs" && line.contains("env::vars()");
        breaches.extend(lines_with(&code, "env::var", excused));
    }
    assert_none(&breaches, "settings come from config, as checked options");
}

#[test]
fn files_have_one_reason_to_change() {
    let mut breaches = Vec::new();
    for file in rust_files("src") {
        let lines = file.text.lines().count();
        let limit = if file.is_test() { TEST_LINES_MAX } else { CODE_LINES_MAX };
        if lines > limit {
            breaches.push(format!("{}:1: {lines} lines, at most {limit}", file.path));
        }
    }
    assert_none(&breaches, "split it by what would make it change");
}

// ----- files -----

#[test]
fn every_entry_type_of_the_inventory_is_written_by_something() {
    let list = code_only(&read("src/audit/event.rs").text);
    let (_, list) = list.split_once("entry_types! {\n").unwrap();
    // A variant begins a line: `    LogStarted = `. Strings are blanks here.
    let variants: BTreeSet<&str> = list
        .lines()
        .take_while(|line| *line != "}")
        .filter_map(|line| line.strip_prefix("    ")?.split_once(" = "))
        .map(|(variant, _)| variant)
        .filter(|variant| variant.starts_with(|c: char| c.is_ascii_uppercase()))
        .collect();
    assert_eq!(variants.len(), affiant::audit::ENTRY_TYPES.len(), "{variants:?}");
    let mut written = BTreeSet::new();
    for file in rust_files("src").iter().filter(|file| !file.is_test()) {
        let code = code_only(&file.text);
        let shipped = code.find("#[cfg(test)]\nmod ").map_or(code.as_str(), |at| &code[..at]);
        let made = shipped.split("What::").skip(1);
        written.extend(made.filter_map(|rest| {
            let name = rest.split(|c| !is_word(c)).next()?;
            variants.get(name).copied()
        }));
    }
    let missing: Vec<_> = variants
        .difference(&written)
        .map(|variant| format!("src/audit/event.rs: nothing writes {variant}"))
        .collect();
    assert_none(&missing, "the inventory lists what is written (`affiant audit inventory`)");
}

#[test]
fn every_source_file_is_part_of_the_program() {
    let files = rust_files("src");
    let mut declared = BTreeSet::from(["src/lib.rs".to_owned(), "src/main.rs".to_owned()]);
    for file in &files {
        let stem = file.path.trim_end_matches(".rs");
        let folder = match file.path.rsplit_once('/') {
            Some((folder, "mod.rs" | "lib.rs" | "main.rs")) => folder,
            _ => stem,
        };
        let code = code_only(&file.text);
        for line in code.lines().filter(|line| line.trim_end().ends_with(';')) {
            let words: Vec<_> = line.split(|c| !is_word(c)).filter(|w| !w.is_empty()).collect();
            if let [.., "mod", name] = words[..] {
                declared.insert(format!("{folder}/{name}.rs"));
                declared.insert(format!("{folder}/{name}/mod.rs"));
            }
        }
    }
    let dead: Vec<_> = files
        .iter()
        .filter(|file| !declared.contains(&file.path))
        .map(|file| format!("{}:1: no `mod` declares it", file.path))
        .collect();
    assert_none(&dead, "dead files");
}

#[test]
fn every_template_is_used_and_none_trusts_its_values() {
    let mut users = rust_files("src/portal");
    users.retain(|file| !file.is_test());
    users.extend(paths("templates").iter().filter(|p| p.ends_with(".html")).map(|p| read(p)));
    let mut breaches = Vec::new();
    for path in paths("templates") {
        let name = path.trim_start_matches("templates/").trim_start_matches("assets/");
        let quoted = format!("\"{name}\"");
        if !users.iter().any(|file| file.path != path && file.text.contains(&quoted)) {
            breaches.push(format!("{path}:1: nothing uses it"));
        }
    }
    let views = "src/portal/views";
    for file in users.iter().filter(|file| !file.path.starts_with(views)) {
        for word in [concat!("|sa", "fe"), concat!("| sa", "fe")] {
            breaches.extend(lines_with(file, word, |_| false));
        }
    }
    assert_none(&breaches, "templates are used, and escape what they show");
}

#[test]
fn every_fixture_is_what_the_manifest_says() {
    let manifest: toml::Table = toml::from_str(&read("fixtures/MANIFEST.toml").text).unwrap();
    let mut listed = BTreeMap::new();
    for row in manifest["file"].as_array().unwrap() {
        let text = |key: &str| row[key].as_str().unwrap().to_owned();
        assert!(["origin", "licence", "purpose"].iter().all(|key| !text(key).is_empty()));
        let twice = listed.insert(format!("fixtures/{}", text("path")), text("sha256"));
        assert!(twice.is_none(), "{} is listed twice", text("path"));
    }
    let mut breaches = Vec::new();
    for path in paths("fixtures").into_iter().filter(|path| path != "fixtures/MANIFEST.toml") {
        let found = Digest::of(&fs::read(root().join(&path)).unwrap()).to_string();
        match listed.remove(&path) {
            Some(sha256) if sha256 == found => {}
            Some(_) => breaches.push(format!("{path}: has SHA-256 {found}")),
            None => breaches.push(format!("{path}: is not listed")),
        }
    }
    breaches.extend(listed.into_keys().map(|path| format!("{path}: does not exist")));
    assert_none(&breaches, "fixtures/MANIFEST.toml");
}

#[test]
fn every_snapshot_has_its_test() {
    let mut breaches = Vec::new();
    for path in paths("tests").iter().chain(&paths("src")) {
        if path.ends_with(".snap.new") {
            breaches.push(format!("{path}: was never reviewed"));
        }
        if !path.ends_with(".snap") {
            continue;
        }
        let snap = read(path).text;
        let source = snap.lines().find_map(|line| line.strip_prefix("source: "));
        let source = source.map(|path| path.trim_matches('"').to_owned()).unwrap_or_default();
        let stem = path.rsplit('/').next().unwrap().trim_end_matches(".snap");
        let name = stem.rsplit("__").next().unwrap();
        let name = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-');
        let text = fs::read_to_string(root().join(&source)).unwrap_or_default();
        if !text.contains(name) {
            breaches.push(format!("{path}: {source} has no {name}"));
        }
    }
    assert_none(&breaches, "orphaned snapshots");
}

#[test]
fn no_file_names_the_host_of_a_package_registry() {
    // Written apart, so that this file does not hold them.
    let hosts = [
        ["py", "pi.org"],
        ["pythonho", "sted.org"],
        ["crat", "es.io"],
        ["npm", "js.org"],
        ["npm", "js.com"],
        ["hugging", "face.co"],
        ["ghc", "r.io"],
        ["dock", "er.io"],
        ["proxy.go", "lang.org"],
        ["rubyge", "ms.org"],
    ]
    .map(|parts| parts.concat());
    let mut breaches = Vec::new();
    for path in tracked().iter().filter(|path| !path.ends_with("Cargo.lock")) {
        let bytes = fs::read(root().join(path)).unwrap();
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        for host in hosts.iter().filter(|host| text.contains(*host)) {
            breaches.push(format!("{path}: {host}"));
        }
    }
    assert_none(&breaches, "registries are the business of cargo's and pip's own settings");
}

/// Everything in the tree but what git keeps for itself or ignores.
fn tracked() -> Vec<String> {
    let top = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name());
    let top = top.map(|name| name.into_string().unwrap());
    let kept = top.filter(|name| name != ".git" && !IGNORED.contains(&name.as_str()));
    kept.flat_map(|name| paths(&name)).collect()
}

#[test]
fn the_top_of_the_tree_is_short() {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.starts_with('.') && !IGNORED.contains(&name.as_str()) {
            found.insert(name);
        }
    }
    let known: BTreeSet<_> = TOP_LEVEL.iter().map(|name| (*name).to_owned()).collect();
    let strange: Vec<_> = found.difference(&known).cloned().collect();
    assert_none(&strange, "src/ARCHITECTURE.md says what stands at the top");
}
