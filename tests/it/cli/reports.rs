use tempfile::TempDir;

use super::has;
use crate::support::process::Cli;
use crate::support::template::Holding;
use crate::support::test_app::TestApp;

#[test]
fn a_patient_is_told_what_of_their_record_was_handed_out() {
    let home = TestApp::folder(Holding::Corpus);
    let cli = Cli::on(home.path());
    let folder = TempDir::new().unwrap();
    let out = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let question = "What was the patient discharged on?";
    let ask = ["ask", question, "--as", "staff", "--mode", "verbatim", "--patient", "P-40317"];
    cli.json(0, &ask);
    let export = |file: &str, patient: &str| {
        let out = out(file);
        let wanted = ["audit", "export", "--format", "jsonl", "--patient", patient];
        let why = ["--recipient", "Dr. Ames | Leeds", "--purpose", "PATRQT", "--out", &out];
        cli.json(0, &[&wanted[..], &why].concat())
    };
    export("a.jsonl", "P-40317");
    export("b.jsonl", "P-99999");
    let printed = out("accounting.md");
    let accounting =
        cli.json(0, &["audit", "disclosures", "--patient", "P-40317", "--out", &printed]);
    has(&accounting, &["patient", "size", "disclosures", "recorded_as"]);
    let disclosures = accounting["disclosures"].as_array().unwrap();
    assert_eq!(disclosures.len(), 1, "{accounting}");
    assert_eq!(disclosures[0]["recipient"], "Dr. Ames | Leeds");
    assert_eq!(disclosures[0]["purpose"], "PATRQT");
    let printed = std::fs::read_to_string(printed).unwrap();
    assert!(printed.contains("| Dr. Ames \\| Leeds |"), "{printed}");
    let again = cli.json(0, &["audit", "disclosures", "--patient", "P-40317"]);
    assert_eq!(again["disclosures"].as_array().unwrap().len(), 1, "telling is no disclosure");
    let later = ["audit", "disclosures", "--patient", "P-40317", "--since", "2999-01-01"];
    assert_eq!(cli.json(0, &later)["disclosures"], serde_json::json!([]));
    cli.json(4, &["audit", "disclosures", "--patient", "P-40317", "--as", "staff"]);
}

#[test]
fn a_wall_is_certified_by_what_the_record_does_not_hold() {
    let home = TestApp::folder(Holding::Corpus);
    let cli = Cli::on(home.path());
    let matter = "M-2025-0884";
    let wall = format!("wall={matter}");
    cli.json(0, &["user", "add", "walled", "--role", "staff", "--attr", &wall]);
    cli.json(0, &["ask", "What did the court order?", "--as", "walled", "--mode", "verbatim"]);
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("wall");
    let certify = ["audit", "wall", "--matter", matter, "--out", out.to_str().unwrap()];
    let certificate = cli.json(0, &certify);
    has(&certificate, &["matter", "token", "checkpoint", "persons", "policies", "clean"]);
    assert_eq!(certificate["clean"], true);
    let person = &certificate["persons"][0];
    assert_eq!((&person["person"], &person["touched"]), (&"walled".into(), &serde_json::json!([])));
    assert!(person["entries"].as_u64().unwrap() >= 3, "{person}");
    assert_eq!(certificate["policies"].as_array().unwrap().len(), 1);
    let key = std::fs::read_to_string(home.path().join("keys/export.key")).unwrap();
    let signer = affiant::audit::note::NoteSigner::from_text(key.trim_end()).unwrap();
    let signed = std::fs::read(out.join("certificate.dsse.json")).unwrap();
    let kind = "application/vnd.affiant.wall+json";
    let stated = affiant::audit::Envelope::open(&signed, &signer.verifier(), kind).unwrap();
    let stated: serde_json::Value = serde_json::from_slice(&stated).unwrap();
    assert_eq!((&stated["persons"], &stated["clean"]), (&certificate["persons"], &true.into()));
    // Somebody who saw the matter before the wall was set is told of, not passed over.
    let question = ["ask", "What did the court order?", "--as", "staff", "--mode", "verbatim"];
    cli.json(0, &[&question[..], &["--matter", matter]].concat());
    let app =
        affiant::app::App::open(affiant::config::load(home.path(), std::env::vars()).unwrap())
            .unwrap();
    let reader = affiant::examine::Reader { actor: app.operator(None), person: None };
    let made = app.examiner.wall(&reader, matter, &["staff".to_owned()]).unwrap();
    assert!(!made.0.clean && !made.0.persons[0].touched.is_empty());
}
