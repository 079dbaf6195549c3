use serde_json::{Value, json};
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
    assert_eq!(cli.json(0, &later)["disclosures"], json!([]));
    cli.json(4, &["audit", "disclosures", "--patient", "P-40317", "--as", "staff"]);
}

#[test]
fn a_wall_is_certified_by_what_the_record_holds_and_does_not_hold() {
    let home = TestApp::folder(Holding::Corpus);
    let cli = Cli::on(home.path());
    let matter = "M-2025-0884";
    let ask = |who: &str| {
        let ask = ["ask", "What did the court order?", "--as", who, "--mode", "verbatim"];
        cli.json(0, &[&ask[..], &["--matter", matter]].concat())
    };
    let before = ask("staff");
    let inside = format!("matter={matter}");
    cli.json(0, &["user", "add", "eve", "--role", "staff", "--attr", &inside]);
    ask("eve");
    let wall = ["relationships", "wall", "add", "--person", "staff", "--matter", matter];
    cli.json(0, &[&wall[..], &["--reason", "acted for the other side"]].concat());
    let attribute = format!("wall={matter}");
    cli.json(0, &["user", "add", "walled", "--role", "staff", "--attr", &attribute]);
    let tried = ask("staff");
    let listed = cli.json(0, &["documents", "list", "--as", "records"]);
    let listed = listed["documents"].as_array().unwrap().clone();
    let inside = listed.iter().find(|one| one["labels"]["matter"] == matter).unwrap();
    let pages = ["documents", "pages", inside["id"].as_str().unwrap(), "--as", "staff"];
    assert_ne!(cli.run(&pages).code, 0);
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("wall");
    let certify = ["audit", "wall", "--matter", matter, "--out", out.to_str().unwrap()];
    let certificate = cli.json(0, &certify);
    let fields = ["matter", "token", "size", "checkpoint", "persons", "policies", "clean"];
    has(&certificate, &fields);
    assert_eq!(certificate["clean"], true, "{certificate}");
    let persons = certificate["persons"].as_array().unwrap();
    let person = |name: &str| persons.iter().find(|one| one["person"] == name).unwrap();
    let (staff, walled) = (person("staff"), person("walled"));
    assert_eq!(persons.len(), 2, "{certificate}");
    let set = staff["walls"][0]["entry"].as_u64().unwrap();
    let asked = json!([before["entries"]["received"], tried["entries"]["received"]]);
    assert_eq!((&staff["asked"], &staff["touched"]), (&asked, &json!([])));
    let denied = staff["denied"].as_array().unwrap();
    let denied = cli.json(0, &["audit", "show", &denied[denied.len() - 1].to_string()]);
    assert_eq!(denied["entry"]["type"], "document.denied", "a page that was asked for in vain");
    assert_eq!(staff["outside"], json!([before["entries"]["retrieval"]]), "told, and not hidden");
    assert_eq!(walled["stands"], true);
    assert!(walled["walls"][0]["entry"].is_u64(), "a wall given with the account is dated, too");
    let printed = std::fs::read_to_string(out.join("certificate.md")).unwrap();
    assert!(printed.contains(&format!("(entry {set})")), "{printed}");

    let key = std::fs::read_to_string(home.path().join("keys/export.key")).unwrap();
    let signer = affiant::audit::note::NoteSigner::from_text(key.trim_end()).unwrap();
    let signed = std::fs::read(out.join("certificate.dsse.json")).unwrap();
    let kind = "application/vnd.affiant.wall+json";
    let stated = affiant::audit::Envelope::open(&signed, &signer.verifier(), kind).unwrap();
    let stated: Value = serde_json::from_slice(&stated).unwrap();
    assert_eq!((&stated["persons"], &stated["clean"]), (&certificate["persons"], &json!(true)));
    a_stranger_finds(&cli, &home, &stated);

    // Whom the record does not date stood behind it always.
    let options = affiant::config::load(home.path(), std::env::vars()).unwrap();
    let app = affiant::app::App::open(options).unwrap();
    let mut eve = app.state.accounts().get(&"eve".parse().unwrap()).unwrap().unwrap();
    eve.attributes.insert("wall".to_owned(), [matter.to_owned()].into());
    app.state.accounts().put(&eve).unwrap();
    let reader = affiant::examine::Reader { actor: app.operator(None), person: None };
    let made = app.examiner.wall(&reader, matter).unwrap();
    let eve = made.0.persons.iter().find(|one| one.person.as_deref() == Some("eve")).unwrap();
    assert!(!made.0.clean && eve.walls.is_empty() && eve.touched.len() == 1);
}

/// With the published log alone: the checkpoint is the log's, and each entry says what is stated.
fn a_stranger_finds(cli: &Cli, home: &TempDir, stated: &Value) {
    let checkpoint = home.path().join("stated");
    let note = stated["checkpoint"].as_str().unwrap().as_bytes();
    affiant::durable::create_new(&checkpoint, note, affiant::durable::Readers::Owner).unwrap();
    let (log, vkey) = (home.path().join("log"), home.path().join("log.vkey"));
    let verify = ["audit", "verify", log.to_str().unwrap(), "--vkey", vkey.to_str().unwrap()];
    let since = ["--since", checkpoint.to_str().unwrap()];
    assert_eq!(cli.json(0, &[&verify[..], &since].concat())["ok"], true);
    let staff = stated["persons"].as_array().unwrap().iter().find(|one| one["person"] == "staff");
    let staff = staff.unwrap();
    let wall = cli.json(0, &["audit", "show", &staff["walls"][0]["entry"].to_string()]);
    let set = &wall["entry"]["details"]["added"][0];
    assert_eq!((&set["person"], &set["object"]), (&staff["token"], &stated["token"]));
    let found = cli.json(0, &["audit", "show", &staff["outside"][0].to_string()]);
    assert_eq!(found["entry"]["actor"]["id"], staff["token"]);
    assert!(
        found["entry"]["details"]["matters"]
            .to_string()
            .contains(stated["token"].as_str().unwrap())
    );
}
