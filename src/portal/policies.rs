//! The policies in force, earlier versions, trying and proposing others, and why a decision fell.

use std::collections::BTreeMap;

use actix_multipart::Multipart;
use actix_web::{HttpResponse, web};
use futures_util::TryStreamExt as _;
use serde::Deserialize;

use crate::answer::{Effect, Sight};
use crate::domain::limits::{POLICY_FILES_MAX, POLICY_SET_BYTES_MAX, SIMULATED_DEFAULT};
use crate::domain::payload::Token;
use crate::domain::question::Scope;
use crate::domain::trial::{Shift, Trial};
use crate::govern::{Changer, Offer, Sighting};
use crate::http::problem::blocking;
use crate::http::{Caller, Kind, Problem, UseCases, document_id, propose_policies};
use crate::policy::{Action, Policies};

use super::pages::{allows, frame, lead_to, require, show};
use super::views::{
    DecisionView, DiffLine, DiffPage, EffectLine, ExampleLine, ExplainedPage, Moment, Place,
    PoliciesPage, PolicyFileView, TrialPage, TrialView, VersionLine,
};

/// Bytes of a form field that is not a file.
const FIELD_BYTES_MAX: usize = 4_096;
/// Lines of one page at most.
const EFFECTS_MAX: usize = 500;

/// `GET /admin/policies`.
pub(super) async fn show_policies(
    cases: web::Data<UseCases>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    require(&cases, &caller, Action::ReadPolicies)?;
    let page = blocking(move || {
        let policies = cases.policies.snapshot();
        let files = policies.files();
        let files = files.iter().map(|file| PolicyFileView {
            name: file.name.clone(),
            digest: file.digest.to_string(),
            text: file.text.clone(),
        });
        let examples = policies.examples().into_iter().map(|example| ExampleLine {
            file: example.file,
            name: example.name,
            ok: example.ok,
            detail: example.detail,
        });
        let rows = cases.governor.versions(Changer::Person(&caller.principal))?;
        let versions = rows.iter().enumerate().rev().map(|(at, row)| VersionLine {
            number: at + 1,
            digest: row.sha256.to_string(),
            set: row.set.clone(),
            activated: Moment(row.activated),
            in_force: at + 1 == rows.len(),
        });
        Ok(PoliciesPage {
            frame: frame(&cases, &caller, Some(Place::Policies)),
            set: policies.set_name().to_owned(),
            digest: policies.digest().to_string(),
            files: files.collect(),
            examples: examples.collect(),
            versions: versions.collect(),
            proposes: allows(&cases, &caller, Action::ProposePolicies),
            is_confirmed: cases.governor.accounts.confirmed(&caller.token).is_ok(),
            explains: allows(&cases, &caller, Action::Explain),
        })
    })
    .await?;
    show(&page)
}

/// Which two versions.
#[derive(Deserialize)]
pub(super) struct Comparison {
    from: Option<String>,
    to: Option<String>,
}

/// `GET /admin/policies/diff`.
pub(super) async fn show_diff(
    cases: web::Data<UseCases>,
    caller: Caller,
    which: web::Query<Comparison>,
) -> Result<HttpResponse, Problem> {
    let Comparison { from, to } = which.into_inner();
    let page = blocking(move || {
        let changer = Changer::Person(&caller.principal);
        let side = |named: &Option<String>| match named {
            Some(named) => cases.governor.policy_files(changer, named),
            None => cases.governor.policies_in_force(changer),
        };
        let (first, second) = (side(&from)?, side(&to)?);
        let name = |named: Option<String>| {
            named.map_or_else(|| "what is in force".to_owned(), |name| format!("version {name}"))
        };
        Ok(DiffPage {
            frame: frame(&cases, &caller, Some(Place::Policies)),
            names: [name(from), name(to)],
            diff: DiffLine::of(&first.diff(&second)),
        })
    })
    .await?;
    show(&page)
}

/// A policy set from a form.
#[derive(Default)]
struct Sent {
    files: BTreeMap<String, String>,
    csrf: String,
    reason: String,
    proposes: bool,
}

/// `POST /admin/policies`: tries the files on past questions, or proposes them.
pub(super) async fn try_or_propose(
    cases: web::Data<UseCases>,
    caller: Caller,
    form: Multipart,
) -> Result<HttpResponse, Problem> {
    require(&cases, &caller, Action::ProposePolicies)?;
    let sent = read(form).await?;
    caller.check_csrf(Some(&sent.csrf))?;
    let candidate = Policies::from_files(sent.files);
    if sent.proposes {
        let offer = Offer { candidate, version: None };
        let row = propose_policies(cases, caller, sent.reason, move |_| Ok(offer)).await?;
        return Ok(lead_to(&format!("/admin/changes/{}", row.id)));
    }
    let page = blocking(move || {
        let (changer, actor) = (Changer::Person(&caller.principal), &caller.actor);
        let answerer = &cases.answerer;
        let simulation =
            cases.governor.simulate(changer, actor, candidate, answerer, SIMULATED_DEFAULT)?;
        let names = Some(&simulation.matters).filter(|_| simulation.names_documents);
        let effects = simulation.simulated.effects();
        let lines = effects.iter().take(EFFECTS_MAX).map(|effect| EffectLine {
            entry: effect.entry.0,
            person: effect.person.to_string(),
            document: match simulation.names_documents {
                true => effect.document.to_string(),
                false => effect.token.to_string(),
            },
            becomes: becomes(effect),
        });
        Ok(TrialPage {
            frame: frame(&cases, &caller, Some(Place::Policies)),
            digest: simulation.simulated.candidate().to_string(),
            trial: trial_view(simulation.simulated.trial(), names),
            effects: lines.collect(),
            more: effects.len().saturating_sub(EFFECTS_MAX),
        })
    })
    .await?;
    show(&page)
}

/// Which version again, and why.
#[derive(Deserialize)]
pub(super) struct Back {
    csrf: String,
    version: String,
    reason: String,
}

/// `POST /admin/policies/rollback`.
pub(super) async fn roll_back(
    cases: web::Data<UseCases>,
    caller: Caller,
    form: web::Form<Back>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf(Some(&form.csrf))?;
    let Back { version, reason, .. } = form.into_inner();
    let offer = move |cases: &UseCases| Ok(cases.governor.version_again(version.trim())?);
    let row = propose_policies(cases, caller, reason, offer).await?;
    Ok(lead_to(&format!("/admin/changes/{}", row.id)))
}

/// Whose view of which document.
#[derive(Deserialize)]
pub(super) struct Why {
    csrf: String,
    person: String,
    document: String,
    purpose: String,
    matter: String,
    patient: String,
}

/// `POST /admin/policies/explain`.
pub(super) async fn explain(
    cases: web::Data<UseCases>,
    caller: Caller,
    form: web::Form<Why>,
) -> Result<HttpResponse, Problem> {
    caller.check_csrf(Some(&form.csrf))?;
    let form = form.into_inner();
    let [purpose, matter, patient] = [form.purpose, form.matter, form.patient].map(Some);
    let scope = Scope { purpose, matter, patient }.declared();
    let sighting = Sighting {
        person: form.person.trim().to_owned(),
        document: document_id(form.document.trim())?,
        action: Action::Ask,
        scope: scope.map_err(|e| Problem::new(Kind::BadRequest, e.to_string()))?,
    };
    let page = blocking(move || {
        let changer = Changer::Person(&caller.principal);
        let explained = cases.governor.explain(changer, &caller.actor, &sighting)?;
        let decisions = explained.explanation.decisions.iter().map(|decision| DecisionView {
            about: decision.about,
            allowed: decision.allowed,
            note: decision.note.map(str::to_owned),
            policies: decision
                .policies
                .iter()
                .map(|policy| {
                    let reason = policy.reason.clone().unwrap_or_default();
                    [policy.id.clone(), policy.file.clone(), policy.effect.to_owned(), reason]
                })
                .collect(),
        });
        let compared = explained.compared.iter();
        let attributes = compared.flat_map(|compared| &compared.attributes);
        let attributes = attributes
            .flat_map(|(key, values)| values.iter().map(move |value| (key.clone(), value.clone())));
        let labels = explained.compared.as_ref().map(|compared| {
            let pairs = compared.labels.pairs().into_iter();
            pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        });
        Ok(ExplainedPage {
            frame: frame(&cases, &caller, Some(Place::Policies)),
            person: explained.person.to_string(),
            document: sighting.document.to_string(),
            allowed: explained.explanation.allowed,
            decisions: decisions.collect(),
            attributes: attributes.collect(),
            labels,
            entry: explained.receipt().index().0,
        })
    })
    .await?;
    show(&page)
}

/// What a candidate does with a document of a question's results.
const fn becomes(effect: &Effect) -> &'static str {
    match (effect.before, effect.after) {
        (Sight::Hidden, _) => "Opened: it could not be seen",
        (_, Sight::Hidden) => "Closed: it may not be seen any more",
        (_, Sight::Shown) => "Shown: it ranks higher",
        (_, Sight::Permitted) => "Not shown: it ranks lower",
    }
}

/// The numbers of a simulation; matters by their names where those are given.
pub(super) fn trial_view(trial: &Trial, names: Option<&BTreeMap<Token, String>>) -> TrialView {
    let line = |name: String, shift: &Shift| (name, shift.seen, shift.hidden);
    let persons = trial.persons.iter().map(|(name, shift)| line(name.to_string(), shift));
    let matters = trial.matters.iter().map(|(token, shift)| {
        let name = names.and_then(|names| names.get(token));
        line(name.map_or_else(|| format!("matter {token}"), |name| format!("matter {name}")), shift)
    });
    TrialView {
        queries: trial.queries,
        changed: trial.changed,
        seen: trial.seen,
        hidden: trial.hidden,
        opened: trial.opened,
        closed: trial.closed,
        skipped: trial.erased.saturating_add(trial.orphaned),
        shifts: persons.chain(matters).collect(),
    }
}

async fn read(mut form: Multipart) -> Result<Sent, Problem> {
    let bad = |detail: String| Problem::new(Kind::BadRequest, detail);
    let mut sent = Sent::default();
    let mut left = usize::try_from(POLICY_SET_BYTES_MAX).unwrap_or(usize::MAX);
    while let Some(mut field) = form.try_next().await.map_err(|e| bad(e.to_string()))? {
        let name = field.name().unwrap_or_default().to_owned();
        let file = field
            .content_disposition()
            .and_then(|disposition| disposition.get_filename())
            .map(str::to_owned);
        let limit = if name == "file" { left } else { FIELD_BYTES_MAX };
        let mut bytes = Vec::new();
        while let Some(part) = field.try_next().await.map_err(|e| bad(e.to_string()))? {
            if bytes.len() + part.len() > limit {
                return Err(bad(format!("the field {name:?} is larger than {limit} bytes")));
            }
            bytes.extend_from_slice(&part);
        }
        left -= if name == "file" { bytes.len() } else { 0 };
        let text = String::from_utf8(bytes)
            .map_err(|_| bad(format!("the field {name:?} is no UTF-8 text")))?;
        match name.as_str() {
            "file" if sent.files.len() > POLICY_FILES_MAX => {
                return Err(bad(format!("more than {POLICY_FILES_MAX} files: join some")));
            }
            "file" => {
                sent.files.insert(file.unwrap_or_default(), text);
            }
            "csrf" => sent.csrf = text,
            "reason" => sent.reason = text,
            "act" => sent.proposes = text == "propose",
            _ => return Err(bad(format!("the field {name:?} is unknown"))),
        }
    }
    Ok(sent)
}
