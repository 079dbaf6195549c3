#!/usr/bin/env python3
"""Holds exported records to what their formats' owners say.

    records.py FOLDER

FOLDER holds one export of one log in each format: records.jsonl, .csv, .cef, .fhir and .ocsf. FHIR
is held to HL7's resource model (fhir.resources, R4B) and to the slices of IHE BALP's profiles, OCSF
to its own schema (ocsf-json-schema, 1.6.0); CSV and CEF are read back and must give what the JSON
Lines say, whatever characters are in there. Prints a line that begins with OK, or one that begins
with FAIL and exits with 1.
"""

import base64
import csv
import datetime
import json
import os
import sys

import jsonschema
from fhir.resources.R4B.auditevent import AuditEvent
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

DCM = "http://dicom.nema.org/resources/ontology/DCM"
TERMS = "http://terminology.hl7.org/CodeSystem/"
BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
SOURCE, DESTINATION = (DCM, "110153"), (DCM, "110152")
USER, AUTHOR = (TERMS + "v3-ParticipationType", "IRCP"), (TERMS + "v3-ParticipationType", "AUT")
AUTHORIZER = (TERMS + "extra-security-role-type", "authserver")
APPLICATION = (DCM, "110150")
PERSON, OBJECT = "1", "2"


class Wrong(Exception):
    pass


def need(condition, why):
    if not condition:
        raise Wrong(why)


def one(found, what):
    need(len(found) == 1, "%d of what there is one of: %s" % (len(found), what))
    return found[0]


def agents(event, role):
    """The agents of a slice: those whose type has this code."""
    coded = lambda agent: [(c["system"], c["code"]) for c in agent["type"]["coding"]]
    return [agent for agent in event["agent"] if role in coded(agent)]


def entities(event, kind):
    """The entities of a slice: those of this type."""
    system = TERMS + "audit-entity-type"
    return [e for e in event["entity"] if (e["type"].get("system"), e["type"]["code"]) == (system, kind)]


def machine(event, role):
    agent = one(agents(event, role), "agent %s" % role[1])
    need(agent.get("who") and agent.get("network"), "an agent without who or network")
    need("media" not in agent, "an agent with media")
    return agent


def user(event, role=USER):
    found = agents(event, role)
    need(len(found) <= 1, "two users")
    for agent in found:
        need(agent["requestor"] is True and agent.get("who"), "a user who did not ask")
        need("network" not in agent and "media" not in agent, "a user with a network address")


def patient(event):
    entity = one(entities(event, PERSON), "patient entity")
    need(entity["role"]["code"] == "1", "a person who is no patient")
    need(entity["what"]["reference"].startswith("Patient/"), "a patient without a reference")


def data(event):
    entity = one(entities(event, OBJECT), "data entity")
    need(entity["role"]["code"] in ("3", "4", "20") and entity.get("what"), "data of another role")


def query(event):
    entity = one(entities(event, OBJECT), "query entity")
    need(entity["role"]["code"] == "24", "a query of another role")
    need("what" not in entity and "detail" not in entity and "lifecycle" not in entity, "a query's what")
    base64.b64decode(entity["query"], validate=True)


def codes(event, kind, subtypes, action):
    need((event["type"]["system"], event["type"]["code"]) == kind, "another type")
    need({s["code"] for s in event["subtype"]} & set(subtypes), "another subtype")
    need(event["action"] == action, "another action")


def rest(event, subtypes, action):
    codes(event, (TERMS + "audit-event-type", "rest"), subtypes, action)
    need(event["outcome"] == "0", "a profile of successes on a failure")


def is_query(event):
    rest(event, ["search", "search-type", "search-system"], "E")
    machine(event, SOURCE), machine(event, DESTINATION), user(event), query(event)


def is_read(event):
    rest(event, ["read", "vread"], "R")
    machine(event, DESTINATION), machine(event, SOURCE), user(event), data(event)


def is_create(event):
    rest(event, ["create"], "C")
    machine(event, SOURCE), machine(event, DESTINATION), user(event, AUTHOR), data(event)


def is_disclosure(event):
    codes(event, (DCM, "110106"), ["disclose"], "R")
    source = machine(event, SOURCE)
    need(source["who"] == event["source"]["observer"], "val-audit-source")
    recipient = machine(event, DESTINATION)["who"]["identifier"]
    need(recipient.get("system") == "urn:affiant:commitment", "a disclosure to nobody named")
    need(event.get("purposeOfEvent"), "a disclosure without a purpose")
    need(len(event["entity"]) >= 2, "a disclosure of nothing")


def is_decision(event):
    """AuthZconsent without a consent: the alert's own slices."""
    codes(event, (DCM, "110113"), ["AuthZ-Role", "AuthZ-Consent"], "E")
    need(event["outcome"] == "8" and event["outcomeDesc"], "a denial without its reason")
    machine(event, APPLICATION), user(event)
    authorizer = one(agents(event, AUTHORIZER), "authorizer")
    need(authorizer["who"] == event["source"]["observer"], "val-audit-source")


def with_patient(check):
    return lambda event: (check(event), patient(event))


PROFILES = {
    "Query": is_query,
    "PatientQuery": with_patient(is_query),
    "Read": is_read,
    "PatientRead": with_patient(is_read),
    "Create": is_create,
    "PatientCreate": with_patient(is_create),
    "PrivacyDisclosure.Source": with_patient(is_disclosure),
}


def leaf_of(event):
    """Index and leaf hash that an AuditEvent names."""
    details = [e["detail"] for e in event["entity"] if "detail" in e]
    found = {d["type"]: d["valueString"] for d in one(details, "entity with details")}
    return int(found["leaf_index"]), found["leaf_hash"]


def check_fhir(lines, entries):
    profiles, found, ids = set(), set(), set()
    for line in lines:
        event = json.loads(line)
        AuditEvent.model_validate(event)
        need(event["id"] not in ids, "an id twice: %s" % event["id"])
        ids.add(event["id"])
        need(sum(a["requestor"] for a in event["agent"]) <= 1, "two who asked")
        for entity in event["entity"]:
            need(not ("name" in entity and "query" in entity), "sev-1: a name and a query")
        for profile in event.get("meta", {}).get("profile", []):
            need(profile.startswith(BALP), "an unknown profile")
            PROFILES[profile[len(BALP):]](event)
            profiles.add(profile[len(BALP):])
        if event["subtype"][0]["code"] == "AuthZ-Role":
            is_decision(event)
            profiles.add("AuthZ")
        index, leaf = leaf_of(event)
        need(entries[index]["leaf_hash"] == leaf, "another leaf hash at %d" % index)
        found.add((index, frozenset(e["what"]["reference"] for e in entities(event, PERSON))))
    for index, line in entries.items():
        details = line["entry"]["details"]
        named = set(details.get("patients") or [])
        named |= {p for p in (details.get("patient"), (details.get("selection") or {}).get("patient")) if p}
        expected = {frozenset(["Patient/" + p]) for p in named} or {frozenset()}
        need({p for i, p in found if i == index} == expected, "patients of entry %d" % index)
    return profiles


def check_ocsf(lines, entries):
    schemas = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.6.0"))
    names = {6003: "api_activity", 6005: "datastore_activity"}
    validators = {}
    for uid, name in names.items():
        schema = schemas.get_class_schema(class_name=name, profiles=[])
        validators[uid] = jsonschema.validators.validator_for(schema)(schema)
    indices = []
    for line in lines:
        event = json.loads(line)
        validators[event["class_uid"]].validate(event)
        need(event["type_uid"] == event["class_uid"] * 100 + event["activity_id"], "type_uid")
        index = event["metadata"]["sequence"]
        need(event["unmapped"]["leaf_hash"] == entries[index]["leaf_hash"], "another leaf hash")
        need(event["unmapped"]["entry"] == entries[index]["entry"], "another entry")
        indices.append(index)
    need(indices == sorted(entries), "OCSF has other entries")


def same(cell, value):
    """Whether a cell gives back a value: texts as they are, the rest as JSON."""
    if value is None or isinstance(value, str):
        return cell == (value or "")
    return json.loads(cell) == value


def check_csv(path, entries):
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    need(len(rows) == len(entries), "CSV has other rows")
    for row in rows:
        cells = {k: v[1:] if v.startswith("'") else v for k, v in row.items()}
        need(all(v[:1] not in "=+-@\t\r" or not v for v in row.values()), "a formula")
        line = entries[int(cells["index"])]
        entry, actor = line["entry"], line["entry"]["actor"]
        need(cells["leaf_hash"] == line["leaf_hash"], "another leaf hash")
        when = datetime.datetime.fromisoformat(cells["ts"].replace("Z", "+00:00"))
        need(round(when.timestamp() * 1000) == entry["ts"], "another time")
        expected = {k: entry[k] for k in ("id", "type", "outcome", "req", "policy", "details", "payload")}
        expected.update(actor=actor["id"], via=actor["via"], os_user=actor.get("os_user"))
        for name, value in expected.items():
            need(same(cells[name], value), "%s of entry %s" % (name, cells["index"]))


def unescape(text):
    out, at = [], 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
            out.append({"n": "\n", "r": "\r"}.get(text[at], text[at]))
        else:
            out.append(text[at])
        at += 1
    return "".join(out)


def cef_parts(line):
    """Header fields and extension of a CEF line."""
    parts, start, at = [], 0, 0
    while len(parts) < 7:
        need(at < len(line), "a CEF header that ends early")
        if line[at] == "\\":
            at += 1
        elif line[at] == "|":
            parts.append(unescape(line[start:at]))
            start = at + 1
        at += 1
    return parts, line[start:]


def cef_extension(text):
    """Keys are words before an unescaped `=`; a value goes on to the next key."""
    equals, at = [], 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == "=":
            equals.append(at)
        at += 1
    starts = [text.rfind(" ", 0, at) + 1 for at in equals]
    ends = [start - 1 for start in starts[1:]] + [len(text)]
    return {text[s:e]: unescape(text[e + 1:end]) for s, e, end in zip(starts, equals, ends)}


def check_cef(lines, entries):
    indices = []
    for line in lines:
        header, extension = cef_parts(line)
        need(header[:3] == ["CEF:0", "Affiant", "Affiant"], "another header")
        found = cef_extension(extension)
        index = int(found["cn1"])
        indices.append(index)
        line = entries[index]
        entry, actor = line["entry"], line["entry"]["actor"]
        need(header[4] == entry["type"] and 0 <= int(header[6]) <= 10, "another type")
        expected = {
            "cs1": line["leaf_hash"], "externalId": entry["id"], "outcome": entry["outcome"],
            "suid": actor["id"], "suser": actor.get("os_user"), "sourceServiceName": actor["via"],
            "reason": entry["details"].get("reason"), "cs2": entry["details"], "cs3": entry["req"],
            "cs4": entry["policy"], "cs5": entry["payload"],
        }
        for key, value in expected.items():
            need(same(found.get(key, ""), value), "%s of entry %d" % (key, index))
        labels = {"cn1Label", "cs1Label", "cs2Label", "cs3Label", "cs4Label", "cs5Label"}
        known = set(expected) | labels | {"rt", "cn1", "deviceExternalId"}
        need(set(found) <= known, "a forged key: %s" % sorted(set(found) - known))
    need(indices == sorted(entries), "CEF has other entries")


def read_lines(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8", newline="") as file:
        text = file.read()
    need(text.endswith("\n"), "%s does not end its last line" % name)
    return text[:-1].split("\n")


def main(folder):
    lines = [json.loads(line) for line in read_lines(folder, "records.jsonl")]
    entries = {line["index"]: line for line in lines}
    check_csv(os.path.join(folder, "records.csv"), entries)
    check_cef(read_lines(folder, "records.cef"), entries)
    check_ocsf(read_lines(folder, "records.ocsf"), entries)
    profiles = check_fhir(read_lines(folder, "records.fhir"), entries)
    print("OK %d entries; %s" % (len(entries), ", ".join(sorted(profiles))))


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except Exception as error:  # whatever a validator raises is a finding
        kind = "" if isinstance(error, Wrong) else type(error).__name__ + ": "
        print("FAIL %s%s" % (kind, str(error)[:2000]))
        sys.exit(1)
