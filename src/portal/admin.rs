//! What administrators look after: accounts, models, the machine.

use actix_web::{HttpResponse, web};

use crate::domain::clock::Timestamp;
use crate::http::problem::blocking;
use crate::http::{Caller, Kind, KnownModel, Problem, UseCases};
use crate::inference::ModelRole;
use crate::policy::Action;
use crate::store::AccountRow;

use super::pages::{frame, require, show};
use super::views::{
    AccountLine, AccountsPage, CheckLine, ModelLine, ModelsPage, Moment, Place, SystemPage,
};

/// `GET /admin/accounts`.
pub(super) async fn list_accounts(
    cases: web::Data<UseCases>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    require(&cases, &caller, Action::ManageAccounts)?;
    let page = blocking(move || {
        let rows = cases.governor.accounts.list();
        let rows = rows.map_err(|error| Problem::hidden(Kind::Internal, &error))?;
        Ok(AccountsPage {
            frame: frame(&cases, &caller, Some(Place::Accounts)),
            accounts: rows.iter().map(|row| account(row, cases.clock.now())).collect(),
        })
    })
    .await?;
    show(&page)
}

/// `GET /admin/models`.
pub(super) async fn list_models(
    cases: web::Data<UseCases>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    require(&cases, &caller, Action::ManageModels)?;
    show(&ModelsPage {
        frame: frame(&cases, &caller, Some(Place::Models)),
        models: cases.about.models.iter().map(model).collect(),
    })
}

/// `GET /admin/system`.
pub(super) async fn show_system(
    cases: web::Data<UseCases>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    require(&cases, &caller, Action::ReadSystem)?;
    let page = blocking(move || {
        let documents = cases.reader.catalogue.documents();
        let passages = documents.iter().map(|document| u64::from(document.row.passages)).sum();
        let used = cases.about.models.iter().filter(|known| known.is_used);
        Ok(SystemPage {
            frame: frame(&cases, &caller, Some(Place::System)),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            runtime: cases.about.runtime.clone(),
            log_size: cases.log.size(),
            documents: u64::try_from(documents.len()).unwrap_or(u64::MAX),
            passages,
            checks: checks(&cases),
            models: used.map(model).collect(),
        })
    })
    .await?;
    show(&page)
}

fn account(row: &AccountRow, now: Timestamp) -> AccountLine {
    let who = row.principal(now);
    let attributes = who
        .attributes
        .iter()
        .flat_map(|(key, values)| values.iter().map(move |value| (key.clone(), value.clone())));
    AccountLine {
        name: row.name.to_string(),
        roles: who.roles.iter().map(|role| role.as_str().replace('-', " ")).collect(),
        attributes: attributes.collect(),
        is_active: !row.disabled,
        created: Moment(row.created),
    }
}

fn model(known: &KnownModel) -> ModelLine {
    let manifest = &known.manifest;
    let role = match manifest.role {
        ModelRole::Encoder => "encoder",
        ModelRole::Generator => "generator",
        ModelRole::OcrDetector => "finds text in pictures",
        ModelRole::OcrRecogniser => "reads text in pictures",
    };
    ModelLine {
        id: manifest.name.clone(),
        role: role.to_owned(),
        sha256: manifest.graph_sha256.to_string(),
        source: manifest.source.file.clone(),
        quantization: manifest.quantization.as_str().to_owned(),
        is_active: known.is_used,
    }
}

/// What can be told without disturbing anybody's question.
fn checks(cases: &UseCases) -> Vec<CheckLine> {
    vec![
        log_check(cases),
        view_check(cases),
        models_check(cases),
        policy_check(cases),
        emergency_check(cases),
    ]
}

fn log_check(cases: &UseCases) -> CheckLine {
    let ok = !cases.log.is_stopped();
    let detail = if ok {
        format!("{} entries; it takes more", cases.log.size())
    } else {
        "it has stopped, so nothing is answered".to_owned()
    };
    check("Record", ok, detail, "Restart the appliance: it recovers the record.")
}

fn view_check(cases: &UseCases) -> CheckLine {
    let catalogue = &cases.reader.catalogue;
    let advice = "Restart the appliance: it brings the catalogue up to date.";
    match catalogue.catch_up().and_then(|()| catalogue.applied_through()) {
        Ok(None) => check("Catalogue", true, "empty, like the record".to_owned(), advice),
        Ok(Some(entry)) => {
            check("Catalogue", true, format!("follows the record to entry {entry}"), advice)
        }
        Err(error) => check("Catalogue", false, error.to_string(), advice),
    }
}

fn models_check(cases: &UseCases) -> CheckLine {
    let used = cases.about.models.iter().filter(|known| known.is_used);
    let fault = used.clone().find_map(|known| known.manifest.check_sizes(&known.folder).err());
    let detail = match &fault {
        None => format!("{} in use, every file in place", used.count()),
        Some(fault) => fault.to_string(),
    };
    check("Models", fault.is_none(), detail, "Run `affiant provision` on the machine.")
}

fn policy_check(cases: &UseCases) -> CheckLine {
    let examples = cases.policies.examples();
    let failed = examples.iter().filter(|example| !example.ok).count();
    let detail = match failed {
        0 => format!("all {} examples are decided as written", examples.len()),
        failed => format!("{failed} of {} examples are decided otherwise", examples.len()),
    };
    check("Policies", failed == 0, detail, "See the examples under Policies.")
}

fn emergency_check(cases: &UseCases) -> CheckLine {
    let advice = "See them under Emergencies; those who review them are told too.";
    match cases.governor.emergency_alerts() {
        Ok(alerts) => {
            let ok = alerts.open == 0 && alerts.overdue == 0;
            let detail = alerts.sentence().unwrap_or_else(|| "none is open".to_owned());
            check("Emergencies", ok, detail, advice)
        }
        Err(error) => check("Emergencies", false, error.to_string(), advice),
    }
}

fn check(name: &str, ok: bool, detail: String, advice: &str) -> CheckLine {
    let advice = (!ok).then(|| advice.to_owned());
    CheckLine { name: name.to_owned(), ok, detail, advice }
}
