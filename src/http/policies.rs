use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use crate::policy::Action;

use super::{Caller, Kind, Problem, UseCases};

/// `GET /api/v1/policies`: the policy files in force.
pub(super) async fn list_policies(
    cases: web::Data<UseCases>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    cases
        .policies
        .may(&caller.principal, Action::ReadPolicies)
        .map_err(|denial| Problem::new(Kind::PolicyDenied, denial.reason))?;
    let files: Vec<Value> = cases
        .policies
        .files()
        .iter()
        .map(|file| json!({ "name": file.name, "sha256": file.digest, "text": file.text }))
        .collect();
    Ok(HttpResponse::Ok().json(json!({ "sha256": cases.policies.digest(), "files": files })))
}
