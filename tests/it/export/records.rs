use std::collections::BTreeMap;

use affiant::domain::payload::TokenKind;
use affiant::domain::principal::Role;
use affiant::examine::{ExportFormat, ExportRequest, Filter, RecordFormat};
use serde_json::Value;

use super::{export, operator, text};
use crate::support::record;
use crate::support::test_app::TestApp;

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Two patients' notes, taken in with their labels, and somebody who may see both.
fn ward() -> TestApp {
    let app = TestApp::empty();
    let attributes = ["patient=P-17".to_owned(), "patient=P-18".to_owned()];
    app.account("nurse", Role::Staff, &attributes);
    for (patient, dose) in [("P-17", "five"), ("P-18", "seven")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(format!("{patient}.txt"));
        let words = format!("The patient was given {dose} milligrams of warfarin at noon.");
        affiant::durable::create_new(&path, words.as_bytes(), affiant::durable::Readers::Owner)
            .unwrap();
        let label = format!("patient={patient}");
        let taken = app.ingest(&[path], &["classification=internal", &label]);
        assert_eq!(taken.indexed, 1);
    }
    app
}

#[test]
fn a_query_that_finds_two_patients_is_two_audit_events() {
    let app = ward();
    app.search("nurse", "milligrams of warfarin");
    let token = |name: &str| app.open().vault.token(TokenKind::Patient, name).to_string();
    let mut expected = vec![token("P-17"), token("P-18")];
    expected.sort_unstable();
    let entry = record::of_kind(&app.open().log, "retrieval.done").remove(0);
    assert_eq!(entry.details()["patients"], serde_json::json!(expected));
    let index = entry.index.to_string();
    let found: Vec<Value> = lines(&text(&app, RecordFormat::Fhir))
        .into_iter()
        .filter(|event| event["id"].as_str().unwrap().ends_with(&format!("-{index}")))
        .collect();
    let patients: Vec<String> = found
        .iter()
        .map(|event| {
            let profile = event["meta"]["profile"][0].as_str().unwrap();
            assert!(profile.ends_with("IHE.BasicAudit.PatientQuery"), "{profile}");
            event["entity"][0]["what"]["reference"].as_str().unwrap().replace("Patient/", "")
        })
        .collect();
    assert_eq!(patients, expected);
    let all = text(&app, RecordFormat::Fhir);
    assert!(!all.contains("P-17") && !all.contains("warfarin"), "tokens, no names, no words");
}

#[test]
fn records_are_narrowed_by_patient_person_document_type_and_period() {
    let app = ward();
    app.search("nurse", "milligrams of warfarin");
    app.search("staff", "milligrams of warfarin");
    let kinds = |filter: Filter| {
        let everything = ExportRequest::everything(ExportFormat::Records(RecordFormat::Jsonl));
        let of_one = filter.patient.is_some() || filter.user.is_some();
        let bare = ExportRequest { filter, ..everything };
        let stated = ExportRequest {
            purpose: Some("PATRQT".to_owned()),
            recipient: Some("the patient".to_owned()),
            ..bare.clone()
        };
        let exports = |request| app.open().examiner.export(&operator(&app), request).is_ok();
        // Of one patient or person it is a disclosure, which says why and to whom.
        let only_why = ExportRequest { recipient: None, ..stated.clone() };
        assert!(!of_one || !exports(&bare) && !exports(&only_why));
        let mut exported = export(&app, if of_one { &stated } else { &bare });
        let mut text = String::new();
        std::io::Read::read_to_string(&mut exported.file, &mut text).unwrap();
        assert_eq!(lines(&text).len() as u64, exported.entries);
        let kinds = lines(&text).into_iter().map(|line| line["entry"]["type"].clone());
        kinds.map(|kind| kind.as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let some = |text: &str| Some(text.to_owned());
    let patient = |name: &str| kinds(Filter { patient: some(name), ..Filter::default() });
    assert_eq!(patient("P-17"), ["retrieval.done"]);
    // The export that asked for this patient is itself about them.
    assert_eq!(patient("P-17"), ["retrieval.done", "audit.exported"]);
    assert_eq!(patient("nobody"), [""; 0]);
    let nurse = Filter { user: some("nurse"), kind: some("query"), ..Filter::default() };
    assert_eq!(kinds(nurse), ["query.received"]);
    let document = app.open().catalogue.documents()[0].row.document.to_string();
    let found = kinds(Filter { document: Some(document), ..Filter::default() });
    assert_eq!(found, ["document.activated", "retrieval.done"]);
    let past = Filter { until: Some("2020-01-01".parse().unwrap()), ..Filter::default() };
    assert_eq!(kinds(past), [""; 0]);
}

#[test]
fn every_line_of_every_format_names_its_entry_and_leaf_hash() {
    let app = TestApp::empty();
    let entries: BTreeMap<u64, String> = record::entries(&app.open().log)
        .iter()
        .map(|entry| (entry.index.0, entry.leaf_hash().to_string()))
        .collect();
    for format in RecordFormat::ALL {
        let text = text(&app, format);
        let skip = usize::from(format == RecordFormat::Csv);
        let found: Vec<&str> = text.lines().skip(skip).collect();
        // Each export adds an entry; these are as they were.
        for (index, leaf) in &entries {
            let line = found[usize::try_from(*index).unwrap()];
            assert!(line.contains(leaf.as_str()), "{} of {index}", format.as_str());
            assert!(line.contains(&index.to_string()));
        }
    }
}

#[test]
fn an_export_for_a_patient_is_a_disclosure_with_its_four_elements() {
    let app = TestApp::empty();
    let filter = Filter { patient: Some("P-17".to_owned()), ..Filter::default() };
    let request = ExportRequest {
        filter,
        purpose: Some("PATRQT".to_owned()),
        recipient: Some("Dr. Jane Roe, 5 High Street".to_owned()),
        ..ExportRequest::everything(ExportFormat::Records(RecordFormat::Csv))
    };
    export(&app, &request);
    let events = lines(&text(&app, RecordFormat::Fhir));
    let event = events.iter().find(|event| event["type"]["code"] == "110106").unwrap();
    assert_eq!(event["subtype"][0]["code"], "disclose");
    let entry = record::of_kind(&app.open().log, "audit.exported").remove(0);
    // Date, recipient, description, purpose: 45 CFR 164.528(b)(2).
    assert_eq!(event["recorded"], entry.ts().to_string());
    let agents = event["agent"].as_array().unwrap();
    let recipient = agents.iter().find(|a| a["type"]["coding"][0]["code"] == "110152").unwrap();
    let commit = entry.payload().unwrap().commit.to_string();
    assert_eq!(recipient["who"]["identifier"]["value"], commit);
    let entities = event["entity"].as_array().unwrap();
    let handed = entities.iter().find(|entity| entity["type"]["code"] == "2").unwrap();
    assert_eq!(handed["description"], "0 entries of the audit record, as csv");
    assert_eq!(event["purposeOfEvent"][0]["coding"][0]["code"], "PATRQT");
    let patient = app.open().vault.token(TokenKind::Patient, "P-17");
    assert_eq!(entities[0]["what"]["reference"], format!("Patient/{patient}"));
    let sealed = app.open().vault.open_payload(&entry.payload().unwrap()).unwrap();
    assert_eq!(sealed.as_slice(), b"Dr. Jane Roe, 5 High Street");
    assert!(!String::from_utf8_lossy(&entry.bytes).contains("Roe"));
}
