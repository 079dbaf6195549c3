//! Examples beside the policies: what was meant, checked against what is decided.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::load::PolicyProblem;
use super::{Action, Denial, Policies};
use crate::domain::access::{AccessClass, Labels};
use crate::domain::classes::ClassList;
use crate::domain::clock::Timestamp;
use crate::domain::ids::RequestId;
use crate::domain::principal::{Attributes, Emergency, Principal, Role, Subject, UserName};
use crate::domain::question::Scope;

/// How one example came out.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ExampleResult {
    /// The file it stands in.
    pub file: String,
    /// Its name; empty where the whole file or directory could not be used.
    pub name: String,
    /// Whether the decision was the expected one.
    pub ok: bool,
    /// What was decided instead, or why it could not be.
    pub detail: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExampleFile {
    #[serde(default)]
    example: Vec<Example>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    name: String,
    person: ExamplePerson,
    action: Action,
    #[serde(default)]
    scope: ExampleScope,
    /// When it is decided.
    #[serde(default, deserialize_with = "time")]
    at: Option<Timestamp>,
    /// Absent: is the action allowed at all?
    document: Option<Labels>,
    expect: Expected,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExamplePerson {
    roles: std::collections::BTreeSet<Role>,
    #[serde(default)]
    attributes: Attributes,
    /// What emergencies opened.
    #[serde(default)]
    emergency: ExampleEmergency,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ExampleEmergency {
    matter: Vec<String>,
    patient: Vec<String>,
}

impl ExampleEmergency {
    fn opened(self) -> Vec<Emergency> {
        let matters = self.matter.into_iter().map(Subject::Matter);
        let subjects = matters.chain(self.patient.into_iter().map(Subject::Patient));
        let id = RequestId(uuid::Uuid::nil());
        subjects.map(|subject| Emergency { id, subject }).collect()
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ExampleScope {
    purpose: Option<String>,
    matter: Option<String>,
    patient: Option<String>,
}

fn time<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    String::deserialize(from)?.parse().map(Some).map_err(serde::de::Error::custom)
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Permit,
    Deny,
}

impl Policies {
    /// Runs every example of a directory against the policies of that directory.
    ///
    /// Where the policies cannot be loaded, each problem is one failed result.
    pub fn run_examples(dir: &Path) -> Vec<ExampleResult> {
        match Self::load(dir) {
            Ok(policies) => policies.examples(),
            Err(problems) => problems.into_iter().map(ExampleResult::unusable).collect(),
        }
    }

    /// Runs every example that lies beside these policies.
    pub fn examples(&self) -> Vec<ExampleResult> {
        let (now, mut results) = (self.snapshot(), Vec::new());
        for (file, text) in now.source().examples() {
            match toml::from_str::<ExampleFile>(text) {
                Ok(parsed) => {
                    results.extend(parsed.example.into_iter().map(|e| now.run(file, e)));
                }
                Err(e) => results.push(ExampleResult::unusable(PolicyProblem::new(file, e))),
            }
        }
        results
    }

    fn run(&self, file: &str, example: Example) -> ExampleResult {
        let expected = example.expect;
        let name = example.name.clone();
        let (decided, why) = match self.decide_example(example) {
            Ok(true) => (Expected::Permit, String::new()),
            Ok(false) => (Expected::Deny, String::new()),
            Err(denial) => (Expected::Deny, format!(" ({denial})")),
        };
        let ok = decided == expected;
        let word = |decision| match decision {
            Expected::Permit => "permit",
            Expected::Deny => "deny",
        };
        let detail = if ok {
            String::new()
        } else {
            format!("expected {}, the policies {}{why}", word(expected), word(decided))
        };
        ExampleResult { file: file.to_owned(), name, ok, detail }
    }

    fn decide_example(&self, example: Example) -> Result<bool, Denial> {
        let Example { person, action, scope, document, at, .. } = example;
        let name = "example".parse::<UserName>().map_err(|_| self.denial(action, None))?;
        let who = Principal {
            emergencies: person.emergency.opened(),
            as_of: at.unwrap_or(Timestamp::from_unix_millis(0)),
            ..Principal::new(name, person.roles, person.attributes)
        };
        let scope = Scope { purpose: scope.purpose, matter: scope.matter, patient: scope.patient };
        match document {
            None if action.reads_documents() => {
                self.permit(&who, action, &scope, &ClassList::default()).map(|_| true)
            }
            None => self.may_in(&who, action, &scope).map(|_| true),
            Some(labels) => {
                let class = AccessClass(0);
                let permit =
                    self.permit(&who, action, &scope, &ClassList::from_iter([(class, labels)]))?;
                Ok(permit.allows(class))
            }
        }
    }
}

impl ExampleResult {
    fn unusable(problem: PolicyProblem) -> Self {
        Self { file: problem.file, name: String::new(), ok: false, detail: problem.detail }
    }
}
