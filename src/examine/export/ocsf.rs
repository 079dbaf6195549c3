//! OCSF 1.6.0: API Activity (6003) and Datastore Activity (6005), one event a line. `unmapped`
//! holds the whole entry with its index and leaf hash, so that nothing is lost.

use serde_json::{Map, Value, json};

use super::mapping::{self, Activity, Mapping};
use super::{Site, line, set, texts};
use crate::audit::Entry;

const SCHEMA: &str = "1.6.0";
const CATEGORY: u64 = 6;

pub(super) fn write(site: &Site, entry: &Entry, out: &mut Vec<u8>) {
    line(&event(site, entry), out);
}

fn event(site: &Site, entry: &Entry) -> Value {
    let mapping = mapping::of(entry.kind());
    let (class, activity) = match mapping.activity {
        Activity::Api(activity) => (6003, activity),
        Activity::Datastore(activity) => (6005, activity),
    };
    let succeeded = entry.outcome() == "ok";
    let mut event = json!({
        "activity_id": activity,
        "activity_name": if activity == 99 { mapping.name } else { activity_name(mapping) },
        "category_uid": CATEGORY,
        "class_uid": class,
        "type_uid": class * 100 + activity,
        "severity_id": severity(mapping.severity),
        "status_id": if succeeded { 1 } else { 2 },
        "status_code": entry.outcome(),
        "time": entry.ts().unix_millis(),
        "message": mapping.name,
        "metadata": {
            "version": SCHEMA,
            "product": { "name": "Affiant", "vendor_name": "Affiant", "version": site.version },
            "uid": entry.id(),
            "event_code": entry.kind(),
            "sequence": entry.index,
            "log_name": site.origin,
        },
        "actor": { "user": user(entry) },
        "src_endpoint": { "svc_name": texts(entry, "/actor/via") },
        "unmapped": {
            "leaf_index": entry.index,
            "leaf_hash": entry.leaf_hash(),
            "entry": entry.value,
        },
    });
    if let Some(fields) = event.as_object_mut() {
        fit_class(entry, mapping, fields);
        if let Some(reason) = entry.details().get("reason") {
            fields.insert("status_detail".to_owned(), reason.clone());
        }
    }
    if let (Some(req), Some(metadata)) = (entry.req(), event.pointer_mut("/metadata")) {
        set(metadata, "correlation_uid", json!(req));
    }
    event
}

/// What the class asks for besides: the operation, or the store.
fn fit_class(entry: &Entry, mapping: &Mapping, fields: &mut Map<String, Value>) {
    match mapping.activity {
        Activity::Api(_) => {
            let mut api = json!({ "operation": entry.kind() });
            if let Some(req) = entry.req() {
                set(&mut api, "request", json!({ "uid": req }));
            }
            fields.insert("api".to_owned(), api);
            let resources = resources(entry);
            if !resources.is_empty() {
                fields.insert("resources".to_owned(), Value::Array(resources));
            }
        }
        Activity::Datastore(_) => {
            let store = json!({ "name": "documents", "type_id": 99, "type": "Document index" });
            fields.insert("database".to_owned(), store);
            fields.insert("type_id".to_owned(), json!(1));
            fields.insert("type".to_owned(), json!("Database"));
        }
    }
}

fn user(entry: &Entry) -> Value {
    let is_system = entry.actor_id() == "operator";
    let mut user = json!({ "uid": entry.actor_id(), "type_id": if is_system { 3 } else { 1 } });
    if let Some(Value::String(name)) = entry.value.pointer("/actor/os_user") {
        set(&mut user, "name", json!(name));
    }
    user
}

/// What the entry is about, by token.
fn resources(entry: &Entry) -> Vec<Value> {
    let named = ["document", "person", "matter", "patient"].into_iter().filter_map(|kind| {
        let token = entry.details().get(kind)?.as_str()?;
        Some(json!({ "uid": token, "type": kind }))
    });
    named.collect()
}

/// OCSF's five grades in place of CEF's eleven.
const fn severity(cef: u8) -> u64 {
    match cef {
        0..=1 => 1,
        2..=3 => 2,
        4..=6 => 3,
        7..=8 => 4,
        _ => 5,
    }
}

const fn activity_name(mapping: &Mapping) -> &'static str {
    match mapping.activity {
        Activity::Api(1) | Activity::Datastore(6) => "Create",
        Activity::Api(2) | Activity::Datastore(1) => "Read",
        Activity::Api(3) | Activity::Datastore(2) => "Update",
        Activity::Api(4) | Activity::Datastore(7) => "Delete",
        Activity::Datastore(4) => "Query",
        Activity::Api(_) | Activity::Datastore(_) => "Other",
    }
}
