//! What administrators look after: policies, accounts, models, the machine.

use actix_web::{HttpResponse, web};

use crate::domain::ids::EntryIndex;
use crate::http::problem::blocking;
use crate::http::{Caller, Kind, KnownModel, Problem, Services};
use crate::inference::ModelRole;
use crate::policy::Action;
use crate::store::AccountRow;

use super::pages::{frame, require, show};
use super::views::{
    AccountLine, AccountsPage, CheckLine, ExampleLine, ModelLine, ModelsPage, Moment, Place,
    PoliciesPage, PolicyFileView, SystemPage,
};

/// `GET /admin/policies`.
pub(super) async fn show_policies(
    services: web::Data<Services>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    require(&services, &caller, Action::ReadPolicies)?;
    let files = services.policies.files().iter().map(|file| PolicyFileView {
        name: file.name.clone(),
        digest: file.digest.to_string(),
        text: file.text.clone(),
    });
    let examples = services.about.examples.iter().map(|example| ExampleLine {
        file: example.file.clone(),
        name: example.name.clone(),
        ok: example.ok,
        detail: example.detail.clone(),
    });
    show(&PoliciesPage {
        frame: frame(&services, &caller, Some(Place::Policies)),
        set: services.about.policy_set.clone(),
        digest: services.policies.digest().to_string(),
        files: files.collect(),
        examples: examples.collect(),
    })
}

/// `GET /admin/accounts`.
pub(super) async fn list_accounts(
    services: web::Data<Services>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    require(&services, &caller, Action::ManageAccounts)?;
    let page = blocking(move || {
        let rows = services.governor.accounts.list();
        let rows = rows.map_err(|error| Problem::hidden(Kind::Internal, &error))?;
        Ok(AccountsPage {
            frame: frame(&services, &caller, Some(Place::Accounts)),
            accounts: rows.iter().map(account).collect(),
        })
    })
    .await?;
    show(&page)
}

/// `GET /admin/models`.
pub(super) async fn list_models(
    services: web::Data<Services>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    require(&services, &caller, Action::ManageModels)?;
    show(&ModelsPage {
        frame: frame(&services, &caller, Some(Place::Models)),
        models: services.about.models.iter().map(model).collect(),
    })
}

/// `GET /admin/system`.
pub(super) async fn show_system(
    services: web::Data<Services>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    require(&services, &caller, Action::ReadSystem)?;
    let page = blocking(move || {
        let documents = services.reader.catalogue.documents();
        let passages = documents.iter().map(|document| u64::from(document.row.passages)).sum();
        let used = services.about.models.iter().filter(|known| known.is_used);
        Ok(SystemPage {
            frame: frame(&services, &caller, Some(Place::System)),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            runtime: services.about.runtime.clone(),
            log_size: services.log.size(),
            documents: u64::try_from(documents.len()).unwrap_or(u64::MAX),
            passages,
            checks: checks(&services),
            models: used.map(model).collect(),
        })
    })
    .await?;
    show(&page)
}

fn account(row: &AccountRow) -> AccountLine {
    let attributes = row
        .attributes
        .iter()
        .flat_map(|(key, values)| values.iter().map(move |value| (key.clone(), value.clone())));
    AccountLine {
        name: row.name.to_string(),
        roles: row.roles.iter().map(|role| role.as_str().replace('-', " ")).collect(),
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
fn checks(services: &Services) -> Vec<CheckLine> {
    vec![log_check(services), view_check(services), models_check(services), policy_check(services)]
}

fn log_check(services: &Services) -> CheckLine {
    let ok = !services.log.is_stopped();
    let detail = if ok {
        format!("{} entries; it takes more", services.log.size())
    } else {
        "it has stopped, so nothing is answered".to_owned()
    };
    check("Record", ok, detail, "Restart the appliance: it recovers the record.")
}

fn view_check(services: &Services) -> CheckLine {
    let size = services.log.size();
    let advice = "Restart the appliance: it brings the catalogue up to date.";
    match services.reader.catalogue.applied_through() {
        Ok(applied) => {
            let applied = applied.map_or(0, |EntryIndex(index)| index.saturating_add(1));
            let detail = format!("current to entry {applied} of {size}");
            check("Catalogue", true, detail, advice)
        }
        Err(error) => check("Catalogue", false, error.to_string(), advice),
    }
}

fn models_check(services: &Services) -> CheckLine {
    let used = services.about.models.iter().filter(|known| known.is_used);
    let fault = used.clone().find_map(|known| known.manifest.check_sizes(&known.folder).err());
    let detail = match &fault {
        None => format!("{} in use, every file in place", used.count()),
        Some(fault) => fault.to_string(),
    };
    check("Models", fault.is_none(), detail, "Run `affiant provision` on the machine.")
}

fn policy_check(services: &Services) -> CheckLine {
    let examples = &services.about.examples;
    let failed = examples.iter().filter(|example| !example.ok).count();
    let detail = match failed {
        0 => format!("all {} examples are decided as written", examples.len()),
        failed => format!("{failed} of {} examples are decided otherwise", examples.len()),
    };
    check("Policies", failed == 0, detail, "See the examples under Policies.")
}

fn check(name: &str, ok: bool, detail: String, advice: &str) -> CheckLine {
    let advice = (!ok).then(|| advice.to_owned());
    CheckLine { name: name.to_owned(), ok, detail, advice }
}
