use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::test_app::TestApp;

/// `METHOD path` of every route below `/api/v1`, as the source configures them.
fn configured() -> BTreeSet<String> {
    let source = include_str!("../../../src/http/mod.rs");
    let (_, scope) = source.split_once("web::scope(\"/api/v1\")").expect("the scope");
    let (scope, _) = scope.split_once(".default_service").expect("its end");
    let routes = scope.split(".route(").skip(1).map(|route| {
        let (path, rest) = route.split_once('"').unwrap().1.split_once('"').unwrap();
        let (_, method) = rest.split_once("web::").unwrap();
        let (method, _) = method.split_once("()").unwrap();
        format!("{method} {path}")
    });
    routes.collect()
}

#[test]
fn the_description_lists_every_route_and_no_other() {
    let app = TestApp::empty();
    let server = app.serve();
    let reply = server.client().get("/api/v1/openapi.json");
    assert_eq!(reply.header("content-type"), "application/json");
    let described = reply.json();
    assert!(described["openapi"].as_str().unwrap().starts_with("3."));
    let mut listed = BTreeSet::new();
    for (path, operations) in described["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            listed.insert(format!("{method} {path}"));
            assert!(operation["summary"].is_string(), "{method} {path}");
            assert!(operation["responses"].is_object(), "{method} {path}");
        }
    }
    let mut expected = configured();
    assert!(expected.remove("get /openapi.json"));
    assert!(expected.len() > 10);
    assert_eq!(listed, expected);
}

#[test]
fn every_reference_of_the_description_leads_somewhere() {
    let described: Value =
        serde_json::from_str(include_str!("../../../src/http/openapi.json")).unwrap();
    let mut references = 0;
    let mut rest = vec![&described];
    while let Some(value) = rest.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    let pointer = reference.strip_prefix('#').expect("a local reference");
                    assert!(described.pointer(pointer).is_some(), "{reference}");
                    references += 1;
                }
                rest.extend(fields.values());
            }
            Value::Array(items) => rest.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    assert!(references > 0);
}
