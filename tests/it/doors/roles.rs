//! What each role comes through.

use affiant::http::ROUTES;
use affiant::policy::Door;
use affiant::portal::PAGES;

use super::{Names, house, is_denied, knock, people, plain};

#[test]
fn whoever_proposed_a_change_withdraws_it_without_the_right_to_approve() {
    let (app, waiting) = house("general", 2);
    let server = app.serve();
    let own = [ROUTES, PAGES].map(|doors| doors.iter().filter(|door| door.own).collect::<Vec<_>>());
    let [routes, pages] = own.map(|doors| doors.into_iter().next().unwrap());
    for ((door, prefix), change) in [(routes, "/api/v1"), (pages, "")].into_iter().zip(waiting) {
        let names = Names { document: "0".repeat(64), change };
        let reply = knock(&server.signed_in("admin"), door, &names, prefix);
        assert!(!is_denied(door, &reply) && reply.status < 400, "{}: {}", door.name, reply.text());
    }
}

/// Doors after which the caller is signed in no more.
fn signs_out(door: &Door) -> bool {
    matches!(door.name, "DELETE /session" | "POST /sign-out" | "POST /session")
}

fn take_every_door(set: &str) {
    let (app, waiting) = house(set, people().len());
    app.engine();
    let document = plain(&app);
    let server = app.serve();
    let mut wrong = Vec::new();
    let expected = [app.open().policies.opens(ROUTES), app.open().policies.opens(PAGES)];
    for ((name, role), change) in people().into_iter().zip(waiting) {
        let names = Names { document: document.clone(), change };
        for (doors, (expected, prefix)) in
            [ROUTES, PAGES].into_iter().zip(expected.iter().zip(["/api/v1", ""]))
        {
            let mut client = server.signed_in(&name);
            for (door, expected) in doors.iter().zip(expected) {
                let reply = knock(&client, door, &names, prefix);
                let opens = role.map_or(expected.no_role, |role| expected.roles.contains(&role));
                // Which documents a role may see, the policies of documents decide.
                let is_document = door.name.starts_with("GET /documents/{id}");
                let denied = is_denied(door, &reply);
                // Whoever may ask why is told, of a document that there is.
                let explains = door.name.ends_with("/policies/explain") && opens;
                let is_told = !explains || reply.status == 200;
                let is_as_told =
                    is_told && denied != opens || is_document && opens && set != "general";
                if !is_as_told || reply.status >= 500 || reply.status == 401 {
                    wrong.push(format!("{name}: {}: {} {}", door.name, reply.status, reply.text()));
                }
                if signs_out(door) {
                    client = server.signed_in(&name);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{set}\n{}", wrong.join("\n"));
}

#[test]
fn a_role_comes_through_its_doors_and_no_other_under_general() {
    take_every_door("general");
}

#[test]
fn a_role_comes_through_its_doors_and_no_other_under_law() {
    take_every_door("law");
}

#[test]
fn a_role_comes_through_its_doors_and_no_other_under_hospital() {
    take_every_door("hospital");
}
