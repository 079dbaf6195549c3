use affiant::domain::principal::Role;
use serde_json::{Value, json};

use super::has;
use crate::support::PASSWORD;
use crate::support::process::{Cli, Finished};
use crate::support::test_app::TestApp;

fn with_password(cli: &Cli, arguments: &[&str]) -> Finished {
    let arguments = [&["--json"], arguments, &["--password-stdin"]].concat();
    cli.run_with(&arguments, &format!("{PASSWORD}\n"))
}

#[test]
fn relationships_are_tried_imported_and_listed_and_a_wall_is_lifted_by_two() {
    let home = TestApp::folder_under("law");
    let cli = Cli::on(home.path());
    let file = home.path().join("team.csv");
    let put = |text: &str| {
        affiant::durable::remove(&file).unwrap();
        affiant::durable::create_new(&file, text.as_bytes(), affiant::durable::Readers::Owner)
            .unwrap();
    };
    let path = file.to_str().unwrap();
    put("person,kind,object,from,until\noutsider,matter,,,\noutsider,case,M-1,,\n");
    let refused = cli.json(2, &["relationships", "import", path]);
    let detail = refused["error"]["detail"].as_str().unwrap();
    assert_eq!(refused["error"]["code"], "bad_lines");
    assert!(detail.contains("line 2: object") && detail.contains("line 3: kind"), "{detail}");
    put("person,kind,object,from,until\noutsider,matter,M-1,,\noutsider,matter,M-2,2100-01-01,\n");
    let dry = cli.json(0, &["relationships", "import", path, "--dry-run", "--source", "hr"]);
    has(&dry, &["source", "sha256", "dry_run", "added", "removed", "unchanged", "kept", "persons"]);
    has(&dry["persons"][0], &["person", "added", "removed", "gained", "lost"]);
    let listed =
        |cli: &Cli| cli.json(0, &["relationships", "list", "--as", "records"])["persons"].clone();
    assert_eq!(listed(&cli), json!([]));
    cli.json(4, &["relationships", "import", path, "--as", "staff"]);
    let import = ["relationships", "import", path, "--source", "hr", "--as", "records"];
    assert_eq!(cli.json(0, &import)["added"], 2);
    let holds = |at: usize| listed(&cli)[0]["relationships"][at]["holds"].clone();
    assert_eq!((holds(0), holds(1)), (Value::Bool(true), Value::Bool(false)));
    let hidden = cli.json(0, &["relationships", "list"]);
    assert_eq!(hidden["persons"][0]["relationships"][0]["object"], Value::Null, "operators set up");

    let why = ["--person", "outsider", "--matter", "M-1", "--reason", "a former client"];
    let add = [&["relationships", "wall", "add"][..], &why, &["--as", "records"]].concat();
    has(&cli.json(0, &add), &["person", "relationship"]);
    let ask = ["ask", "Who?", "--as", "outsider", "--matter", "M-1", "--mode", "verbatim"];
    let denied = cli.json(4, &ask);
    assert!(
        denied["reason"].as_str().unwrap().ends_with("an ethical wall keeps you from this matter")
    );
    let remove = [&["relationships", "wall", "remove"][..], &why, &["--as", "records"]].concat();
    cli.json(4, &remove);
    let change = with_password(&cli, &remove);
    assert_eq!(change.code, 0, "{change:?}");
    let change = change.json();
    assert_eq!((&change["kind"], &change["state"]), (&json!("wall.lift"), &json!("proposed")));
    let id = change["id"].as_str().unwrap();
    let approved = with_password(&cli, &["changes", "approve", id, "--as", "approver"]);
    assert_eq!(approved.json()["state"], "applied");
    assert_eq!(listed(&cli)[0]["relationships"].as_array().unwrap().len(), 2);
}

#[test]
fn an_emergency_takes_ones_own_password_and_somebody_elses_review() {
    let app = TestApp::under("hospital");
    app.account("medic", Role::Staff, &["function=physician".into()]);
    let home = app.let_go();
    let cli = Cli::on(home.path());
    let open = ["emergency", "open", "--patient", "P-1", "--reason", "found unconscious"];
    let open = [&open[..], &["--as", "medic"]].concat();
    assert_eq!(cli.json(4, &open)["error"]["code"], "denied", "a name alone proves nothing");
    let opened = with_password(&cli, &open);
    assert_eq!(opened.code, 0, "{opened:?}");
    let opened = opened.json();
    has(&opened, &["id", "person", "opened", "expires", "subject", "reason", "entry", "review"]);
    let long = with_password(&cli, &[&open[..], &["--minutes", "481"]].concat());
    assert_eq!(long.code, 2, "{long:?}");
    let id = opened["id"].as_str().unwrap();
    let review = ["emergency", "review", id, "--outcome", "justified", "--as"];
    let early = with_password(&cli, &[&review[..], &["records"]].concat());
    assert_eq!((early.code, &early.json()["error"]["code"]), (2, &json!("not_open")));
    assert!(cli.json(0, &["emergency", "close", id, "--as", "medic"])["ended"].is_string());
    cli.json(4, &[&review[..], &["records"]].concat());
    assert_eq!(with_password(&cli, &[&review[..], &["medic"]].concat()).code, 4);
    let reviewed = with_password(&cli, &[&review[..], &["records"]].concat());
    assert_eq!(reviewed.json()["review"]["outcome"], "justified");
    let listed = cli.json(0, &["emergency", "list", "--as", "records"]);
    let report = &listed["emergencies"][0];
    has(report, &["queries", "documents", "overdue", "open", "review_due", "reason", "subject"]);
    let hidden = cli.json(0, &["emergency", "list"]);
    assert!(hidden["emergencies"][0].get("reason").is_none(), "operators read no content");
    assert_eq!(cli.json(0, &["emergency", "list", "--overdue"])["emergencies"], json!([]));
    assert_eq!(cli.json(0, &["audit", "verify"])["ok"], true);
}
