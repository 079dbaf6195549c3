//! FHIR R4 AuditEvent, one a line, shaped by IHE BALP (Basic Audit Log Patterns).
//!
//! One event an entry; where the entry names patients, one for each. Persons, documents and
//! patients are keyed tokens: who may map them back does so in the appliance. A profile is claimed
//! only where the event is a success and has all that the profile asks for.
//!
//! Disclosures carry the four elements of 45 CFR 164.528(b)(2): the date (`recorded`), who received
//! it (`agent` of type Destination Role ID), what it was (`entity` of the data), why
//! (`purposeOfEvent`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::mapping::{self, Code, Mapping, RESTFUL, Shape};
use super::{Site, line, set, texts};
use crate::audit::Entry;

const BALP: &str = "https://profiles.ihe.net/ITI/BALP";
const TERMS: &str = "http://terminology.hl7.org/CodeSystem";
const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
/// The codes of HL7's v3-ActReason that people declare; other words stay words.
const REASONS: [&str; 12] = [
    "TREAT",
    "HPAYMT",
    "HOPERAT",
    "HRESCH",
    "PATRQT",
    "PUBHLTH",
    "ETREAT",
    "HLEGAL",
    "HSYSADMIN",
    "HCOMPL",
    "HACCRED",
    "HMARKT",
];

pub(super) fn write(site: &Site, entry: &Entry, out: &mut Vec<u8>) {
    let patients = patients(entry);
    if patients.is_empty() {
        line(&event(site, entry, None, "affiant"), out);
    }
    for (number, patient) in patients.iter().enumerate() {
        line(&event(site, entry, Some(patient), &format!("affiant-p{number}")), out);
    }
}

/// Every patient that the entry names, each once.
fn patients(entry: &Entry) -> Vec<String> {
    let details = entry.details();
    let listed = details.get("patients").and_then(Value::as_array).into_iter().flatten();
    let named = [details.get("patient"), details.pointer("/selection/patient")];
    let mut found: Vec<String> =
        listed.chain(named.into_iter().flatten()).filter_map(Value::as_str).map(owned).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// FHIR's `string` takes no control character but these three.
fn plain(text: &str) -> String {
    let odd = |c: char| c.is_control() && !['\t', '\r', '\n'].contains(&c);
    text.trim().replace(odd, "\u{fffd}")
}

fn owned(text: &str) -> String {
    text.to_owned()
}

fn event(site: &Site, entry: &Entry, patient: Option<&str>, prefix: &str) -> Value {
    let mapping = mapping::of(entry.kind());
    let parts = Parts { site, entry, mapping, patient };
    let (kind, subtype, action) = parts.kind();
    let mut event = json!({
        "resourceType": "AuditEvent",
        "id": format!("{prefix}-{}", entry.index),
        "type": coding(kind),
        "subtype": [coding(subtype)],
        "action": action,
        "recorded": entry.ts().to_string(),
        "outcome": outcome(entry),
        "outcomeDesc": mapping.name,
        "agent": parts.agents(),
        "source": {
            "site": site.origin,
            "observer": parts.appliance(),
            "type": [{ "system": format!("{TERMS}/security-source-type"), "code": "4",
                "display": "Application Server" }],
        },
        "entity": parts.entities(),
    });
    if let Some(profile) = parts.profile() {
        set(&mut event, "meta", json!({ "profile": [profile] }));
    }
    let reason = plain(&texts(entry, "/details/reason"));
    if !reason.is_empty() {
        set(&mut event, "outcomeDesc", json!(format!("{}: {reason}", mapping.name)));
    }
    let purpose = plain(&texts(entry, "/details/purpose"));
    if !purpose.is_empty() {
        set(&mut event, "purposeOfEvent", json!([purpose_of(&purpose)]));
    }
    event
}

fn coding(code: Code) -> Value {
    json!({ "system": code.system, "code": code.code, "display": code.display })
}

fn concept(system: &str, code: &str, display: &str) -> Value {
    json!({ "coding": [{ "system": system, "code": code, "display": display }] })
}

fn purpose_of(purpose: &str) -> Value {
    match REASONS.contains(&purpose) {
        true => json!({ "coding": [{ "system": format!("{TERMS}/v3-ActReason"), "code": purpose }],
            "text": purpose }),
        false => json!({ "text": purpose }),
    }
}

fn outcome(entry: &Entry) -> &'static str {
    match entry.outcome() {
        "ok" => "0",
        "refused" => "4",
        _ => "8",
    }
}

/// What one event is made of.
struct Parts<'a> {
    site: &'a Site,
    entry: &'a Entry,
    mapping: &'static Mapping,
    patient: Option<&'a str>,
}

impl Parts<'_> {
    fn kind(&self) -> (Code, Code, &'static str) {
        const INTERACTION: &str = "http://hl7.org/fhir/restful-interaction";
        let rest = |code| Code { system: INTERACTION, code, display: code };
        let export = Code { system: DCM, code: "110106", display: "Export" };
        let alert = Code { system: DCM, code: "110113", display: "Security Alert" };
        let disclose = Code {
            system: "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle",
            code: "disclose",
            display: "Disclose Record Lifecycle Event",
        };
        let decision = Code {
            system: "https://profiles.ihe.net/ITI/BALP/CodeSystem/AuthZsubType",
            code: "AuthZ-Role",
            display: "Authorization Decision using only Roles",
        };
        match self.mapping.shape {
            Shape::Query => (RESTFUL, rest("search"), "E"),
            Shape::Read => (RESTFUL, rest("read"), "R"),
            Shape::Create => (RESTFUL, rest("create"), "C"),
            Shape::Disclosure => (export, disclose, "R"),
            Shape::Decision => (alert, decision, "E"),
            Shape::Other { kind, subtype, action } => (kind, subtype, action),
        }
    }

    /// The profile that the event follows.
    fn profile(&self) -> Option<String> {
        let of_patient = self.patient.is_some();
        let name = match self.mapping.shape {
            Shape::Query if of_patient => "PatientQuery",
            Shape::Query => "Query",
            Shape::Read if of_patient => "PatientRead",
            Shape::Read => "Read",
            Shape::Create if of_patient => "PatientCreate",
            Shape::Create => "Create",
            // The profile asks for why and for whom.
            Shape::Disclosure if of_patient && self.is_stated() => "PrivacyDisclosure.Source",
            Shape::Disclosure | Shape::Decision | Shape::Other { .. } => return None,
        };
        let succeeded = self.entry.outcome() == "ok";
        succeeded.then(|| format!("{BALP}/StructureDefinition/IHE.BasicAudit.{name}"))
    }

    /// Whether the entry of an export says why and commits to whom.
    fn is_stated(&self) -> bool {
        self.entry.payload().is_some() && !plain(&texts(self.entry, "/details/purpose")).is_empty()
    }

    /// The appliance itself, as source of the event and as agent.
    fn appliance(&self) -> Value {
        json!({ "identifier": { "value": self.site.origin }, "display": self.site.origin })
    }

    fn agents(&self) -> Vec<Value> {
        let source = concept(DCM, "110153", "Source Role ID");
        let destination = concept(DCM, "110152", "Destination Role ID");
        let application = concept(DCM, "110150", "Application");
        let authorizer = concept(
            &format!("{TERMS}/extra-security-role-type"),
            "authserver",
            "authorization server",
        );
        let mut agents = match self.mapping.shape {
            // Queries and new resources flow from the client, what is read flows to it.
            Shape::Query | Shape::Create => vec![self.client(&source), self.server(&destination)],
            Shape::Read => vec![self.client(&destination), self.server(&source)],
            Shape::Disclosure => vec![self.server(&source), self.recipient(&destination)],
            Shape::Decision => vec![self.client(&application), self.server(&authorizer)],
            Shape::Other { .. } => vec![self.client(&application)],
        };
        agents.extend(self.user());
        agents
    }

    /// The door that the request came through. No address is on record.
    fn client(&self, kind: &Value) -> Value {
        let door = texts(self.entry, "/actor/via");
        json!({ "type": kind, "requestor": false, "who": { "identifier": { "value": door } },
            "network": { "address": format!("urn:affiant:door:{door}"), "type": "5" } })
    }

    fn server(&self, kind: &Value) -> Value {
        let address = format!("urn:affiant:log:{}", self.site.origin);
        json!({ "type": kind, "requestor": false, "who": self.appliance(),
            "network": { "address": address, "type": "5" } })
    }

    /// Whoever the export was made for: sealed where they were named, else the one who made it.
    fn recipient(&self, kind: &Value) -> Value {
        let who = match self.entry.payload() {
            Some(sealed) => json!({
                "identifier": { "system": "urn:affiant:commitment", "value": sealed.commit },
                "display": "named in the appliance's vault, behind this commitment",
            }),
            None => self.person(),
        };
        let door = texts(self.entry, "/actor/via");
        json!({ "type": kind, "requestor": false, "who": who,
            "network": { "address": format!("urn:affiant:door:{door}"), "type": "5" } })
    }

    fn person(&self) -> Value {
        json!({ "identifier": { "system": "urn:affiant:person", "value": self.entry.actor_id() } })
    }

    /// The person; none where the appliance acted by itself.
    fn user(&self) -> Option<Value> {
        if texts(self.entry, "/actor/via") == "system" {
            return None;
        }
        let participation = format!("{TERMS}/v3-ParticipationType");
        let kind = match self.mapping.shape {
            Shape::Create => concept(&participation, "AUT", "Author"),
            Shape::Query | Shape::Read | Shape::Disclosure | Shape::Decision => {
                concept(&participation, "IRCP", "information recipient")
            }
            Shape::Other { .. } => concept(&participation, "IRCP", "information recipient"),
        };
        let mut user = json!({ "type": kind, "requestor": true, "who": self.person() });
        if let Some(policy) = self.entry.policy() {
            set(&mut user, "policy", json!([format!("urn:affiant:policy:sha256:{policy}")]));
        }
        let purpose = plain(&texts(self.entry, "/details/purpose"));
        if !purpose.is_empty() {
            set(&mut user, "purposeOfUse", json!([purpose_of(&purpose)]));
        }
        Some(user)
    }

    fn entities(&self) -> Vec<Value> {
        let mut entities: Vec<Value> = Vec::new();
        entities.extend(self.patient.map(|patient| {
            json!({ "type": entity_type("1", "Person"), "role": role("1", "Patient"),
                "what": { "reference": format!("Patient/{patient}"), "type": "Patient" } })
        }));
        entities.extend(match self.mapping.shape {
            Shape::Query => Some(self.query()),
            Shape::Read | Shape::Create | Shape::Disclosure => Some(self.contents()),
            Shape::Decision | Shape::Other { .. } => None,
        });
        entities.extend(self.entry.req().map(|req| {
            let system = format!("{BALP}/CodeSystem/BasicAuditEntityType");
            json!({ "type": { "system": system, "code": "XrequestId" },
                "what": { "identifier": { "value": req } } })
        }));
        entities.extend(self.documents());
        entities.push(self.leaf());
        entities
    }

    /// What was asked. Its words lie sealed in the vault: here stands what the log holds of them.
    fn query(&self) -> Value {
        let known = json!({ "type": self.entry.kind(), "req": self.entry.req(),
            "payload": self.entry.payload() });
        json!({ "type": entity_type("2", "System Object"), "role": role("24", "Query"),
            "query": STANDARD.encode(known.to_string()),
            "description": "the words are sealed in the appliance's vault" })
    }

    /// What was read, made or handed out.
    fn contents(&self) -> Value {
        let details = self.entry.details();
        let text = |name: &str| details.get(name).and_then(Value::as_str).map(owned);
        let (system, value) = if let Some(token) = text("document") {
            ("urn:affiant:document", token)
        } else if let Some(sha256) = text("sha256") {
            ("urn:affiant:sha256", sha256)
        } else if let Some(payload) = self.entry.payload() {
            ("urn:affiant:commitment", payload.commit.to_string())
        } else {
            ("urn:affiant:entry", self.entry.id().to_owned())
        };
        let description = match (self.mapping.shape, details.get("entries"), text("format")) {
            (Shape::Disclosure, Some(entries), Some(format)) => {
                format!("{entries} entries of the audit record, as {format}")
            }
            _ => self.mapping.name.to_owned(),
        };
        json!({ "type": entity_type("2", "System Object"), "role": role("3", "Report"),
            "what": { "identifier": { "system": system, "value": value } },
            "description": description })
    }

    /// The documents of the hits and citations; of a type that BALP keeps for nothing else.
    fn documents(&self) -> Vec<Value> {
        let details = self.entry.details();
        let lists = ["hits", "cited"].into_iter().filter_map(|name| details.get(name)?.as_array());
        let mut tokens: Vec<&str> =
            lists.flatten().filter_map(|item| item.get("document")?.as_str()).collect();
        tokens.sort_unstable();
        tokens.dedup();
        let entity = |token: &str| {
            json!({ "type": entity_type("4", "Other"), "role": role("3", "Report"),
                "what": { "identifier": { "system": "urn:affiant:document", "value": token } } })
        };
        tokens.into_iter().map(entity).collect()
    }

    /// Where the entry stands in the log.
    fn leaf(&self) -> Value {
        let (index, leaf) = (self.entry.index.to_string(), self.entry.leaf_hash().to_string());
        let system = format!("urn:affiant:log:{}", self.site.origin);
        json!({ "type": entity_type("4", "Other"), "role": role("13", "Security Resource"),
            "what": { "identifier": { "system": system, "value": index } },
            "name": self.entry.kind(),
            "detail": [
                { "type": "leaf_index", "valueString": index },
                { "type": "leaf_hash", "valueString": leaf },
                { "type": "entry_id", "valueString": self.entry.id() },
            ] })
    }
}

fn entity_type(code: &str, display: &str) -> Value {
    json!({ "system": format!("{TERMS}/audit-entity-type"), "code": code, "display": display })
}

fn role(code: &str, display: &str) -> Value {
    json!({ "system": format!("{TERMS}/object-role"), "code": code, "display": display })
}
