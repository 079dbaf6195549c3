use affiant::domain::principal::Role;
use serde_json::json;

use crate::support::test_app::TestApp;

#[test]
fn relationships_come_in_as_csv_and_every_bad_line_is_told() {
    let app = TestApp::under("law");
    let server = app.serve();
    let officer = server.signed_in("records");
    let path = "/api/v1/relationships?source=hr";
    let bad =
        officer.send("POST", path, "text/csv", "person,kind,object\noutsider,team,M-1\n".into());
    let bad = bad.problem(400, "bad_request");
    assert_eq!(bad["lines"][0]["line"], 2, "{bad}");
    let text = "person,kind,object\noutsider,matter,M-1\n";
    server
        .signed_in("staff")
        .send("POST", path, "text/csv", text.into())
        .problem(403, "policy_denied");
    let dry = officer.send("POST", &format!("{path}&dry_run=true"), "text/csv", text.into()).json();
    assert_eq!((&dry["dry_run"], &dry["added"]), (&json!(true), &json!(1)));
    assert_eq!(officer.get("/api/v1/relationships").json()["persons"], json!([]));
    assert_eq!(officer.send("POST", path, "text/csv", text.into()).json()["added"], 1);
    let listed = officer.get("/api/v1/relationships").json();
    assert_eq!(listed["persons"][0]["relationships"][0]["object"], "M-1");
    assert!(officer.get("/admin/relationships").text().contains("M-1"));

    let wall = json!({ "person": "outsider", "matter": "M-1", "reason": "a former client" });
    assert_eq!(officer.post("/api/v1/walls", &wall).status, 201);
    let scoped = json!({ "question": "Who?", "matter": "M-1" });
    let member = server.signed_in("outsider");
    member.post("/api/v1/queries", &scoped).problem(403, "policy_denied");
    assert_eq!(officer.post("/api/v1/walls/lift", &wall).status, 202);
    member.post("/api/v1/queries", &scoped).problem(403, "policy_denied");
}

#[test]
fn an_emergency_is_opened_told_to_others_and_reviewed() {
    let app = TestApp::under("hospital");
    app.account("medic", Role::Staff, &["function=physician".into()]);
    let server = app.serve();
    let (clinician, officer) = (server.signed_in("medic"), server.signed_in("records"));
    let open = json!({ "patient": "P-1", "reason": "found unconscious" });
    server.signed_in("auditor").post("/api/v1/emergencies", &open).problem(403, "policy_denied");
    let opened = clinician.post("/api/v1/emergencies", &open);
    assert_eq!(opened.status, 201, "{}", opened.text());
    let id = opened.json()["id"].as_str().unwrap().to_owned();
    clinician.post("/api/v1/emergencies", &open).problem(409, "conflict");

    let banner = |who: &str, page: &str| server.signed_in(who).get(page).text();
    assert!(banner("medic", "/ask").contains("access in an emergency to patient P-1"));
    assert!(banner("records", "/documents").contains("1 emergency is open"));
    assert!(banner("admin", "/admin/system").contains("1 emergency is open"));
    assert!(!banner("staff", "/ask").contains("data-alert"));
    assert!(server.client().get("/metrics").text().contains("affiant_emergencies_open 1\n"));

    let path = format!("/api/v1/emergencies/{id}");
    let review = json!({ "outcome": "justified", "note": "the chart shows why" });
    officer.post(&format!("{path}/review"), &review).problem(409, "conflict");
    server.signed_in("staff").post(&format!("{path}/close"), &json!({})).problem(404, "not_found");
    assert_eq!(clinician.post(&format!("{path}/close"), &json!({})).status, 200);
    clinician.post(&format!("{path}/review"), &review).problem(403, "policy_denied");
    assert!(banner("records", "/emergencies").contains("found unconscious"));
    assert_eq!(officer.post(&format!("{path}/review"), &review).json()["review"]["by"], "records");
    let listed = officer.get("/api/v1/emergencies").json();
    assert_eq!(listed["emergencies"][0]["id"], id.as_str());
    assert_eq!(
        server.signed_in("staff").get("/api/v1/emergencies").json(),
        json!({ "emergencies": [] })
    );
}
