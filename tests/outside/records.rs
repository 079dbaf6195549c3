//! Exported records before the owners of their formats: `records.py` beside this file.

use std::path::Path;
use std::process::Command;

use affiant::audit::{ENTRY_TYPES, Entry};
use affiant::domain::ids::EntryIndex;
use affiant::durable::{self, Readers};
use affiant::examine::{RecordFormat, Site};
use libtest_mimic::Failed;
use serde_json::{Value, json};
use tempfile::TempDir;

/// What somebody may have typed who wants to forge a line, a field, a key or a formula.
const HOSTILE: [&str; 12] = [
    "plain",
    "=HYPERLINK(\"http://x.example\",\"y\")",
    "'=1+1",
    "@SUM(A1)\t-2",
    "a|b\\|c\\",
    "x cs1=forged suid=root cn1=7",
    "one\nCEF:0|Evil|Evil|1|x|y|10|cn1=0",
    "\r\n,\"quoted\"\",",
    "\u{0}\u{1b}[31m\u{85}\u{2028}\u{feff}",
    "{\"index\":0,\"entry\":{}}",
    "</script><!--  -->",
    "\u{1d54f}\u{202e}reversed  ",
];

/// A Python with the validators: `.ci/run` makes one.
#[expect(clippy::disallowed_methods, reason = "tests are told by the environment what to use")]
fn python() -> String {
    std::env::var("AFFIANT_OUTSIDE_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

/// What it takes and this machine lacks.
pub(crate) fn missing() -> Option<String> {
    let imports = "import fhir.resources, jsonschema, ocsf_json_schema";
    let found = Command::new(python()).args(["-c", imports]).output();
    let there = found.is_ok_and(|output| output.status.success());
    (!there).then(|| {
        "no Python with fhir.resources, jsonschema and ocsf-json-schema: \
         name one in AFFIANT_OUTSIDE_PYTHON"
            .to_owned()
    })
}

/// Every type of entry with every hostile text in every field that holds a text.
pub(crate) fn hold() -> Result<(), Failed> {
    let folder = TempDir::new()?;
    let entries: Vec<Entry> = ENTRY_TYPES
        .iter()
        .flat_map(|row| HOSTILE.iter().map(move |text| (row, *text)))
        .zip(0..)
        .map(|((row, text), index)| {
            let value = entry(index, row.kind, row.outcome, row.fields, text);
            let bytes = serde_json::to_vec(&value).unwrap();
            Entry { index: EntryIndex(index), value, bytes }
        })
        .collect();
    let site = Site::of("hospital.example/log");
    for format in RecordFormat::ALL {
        let mut out = Vec::new();
        format.write_head(&mut out);
        entries.iter().for_each(|entry| format.write(&site, entry, &mut out));
        let path = folder.path().join(format!("records.{}", format.as_str()));
        durable::create_new(&path, &out, Readers::Owner)?;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/outside/records.py");
    let output = Command::new(python()).arg("-B").arg(script).arg(folder.path()).output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let all = [
        "AuthZ",
        "Create",
        "PatientQuery",
        "PatientRead",
        "PrivacyDisclosure.Source",
        "Query",
        "Read",
    ];
    match said.starts_with("OK ") && all.iter().all(|profile| said.contains(profile)) {
        true => Ok(()),
        false => Err(format!("{said}{}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

fn entry(index: u64, kind: &str, outcome: &str, fields: &[(&str, &str)], text: &str) -> Value {
    let details: serde_json::Map<String, Value> =
        fields.iter().map(|(name, _)| ((*name).to_owned(), detail(name, index, text))).collect();
    let ts = 1_767_225_600_000 + index;
    let via = ["cli", "http", "portal", "system"][usize::try_from(index % 4).unwrap()];
    let payload =
        json!({"blob_sha256": "0".repeat(64), "len": 7, "key": text, "commit": "1".repeat(64)});
    json!({
        "v": 1, "id": format!("019b76da-a800-7000-8000-{index:012x}"), "ts": ts, "type": kind,
        "outcome": outcome, "actor": { "id": token(index), "via": via, "os_user": text },
        "req": format!("019b76da-a800-7000-9000-{index:012x}"),
        "policy": (!index.is_multiple_of(3)).then(|| "a".repeat(64)), "details": details,
        "payload": if index.is_multiple_of(2) { payload } else { Value::Null },
    })
}

fn token(number: u64) -> String {
    format!("{number:032x}")
}

/// A value as this field may hold it.
fn detail(name: &str, index: u64, text: &str) -> Value {
    match name {
        "document" | "person" => json!(token(index)),
        "matter" | "patient" => json!(index.is_multiple_of(2).then(|| token(index + 1))),
        "patients" | "matters" => json!((0..index % 3).map(token).collect::<Vec<_>>()),
        "hits" if !index.is_multiple_of(5) => {
            json!([{ "document": token(1), "passage": text, "rank": 1 }])
        }
        "cited" => json!([{ "document": token(1), "page": 1 }, { "document": token(1) }]),
        "selection" => {
            json!({ "type": text, "patient": index.is_multiple_of(2).then(|| token(9)) })
        }
        "entries" | "size" | "pages" => json!(index),
        _ => json!(text),
    }
}
