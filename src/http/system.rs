use actix_web::{HttpResponse, web};
use serde_json::json;

use super::{Kind, Problem, UseCases};

/// `GET /healthz`: the process runs.
pub(super) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

/// `GET /readyz`: questions can be answered, which is to say recorded.
pub(super) async fn readyz(cases: web::Data<UseCases>) -> Result<HttpResponse, Problem> {
    if cases.log.is_stopped() {
        return Err(Problem::new(Kind::LogUnavailable, "the log has stopped; restart to recover"));
    }
    Ok(HttpResponse::Ok().json(json!({ "ready": true, "log_size": cases.log.size() })))
}

/// `GET /metrics`: Prometheus text.
pub(super) async fn metrics(cases: web::Data<UseCases>) -> HttpResponse {
    let mut text = cases.metrics.render();
    text.push_str(
        "# HELP affiant_log_entries Entries in the log\n# TYPE affiant_log_entries gauge\n",
    );
    text.push_str(&format!("affiant_log_entries {}\n", cases.log.size()));
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(text)
}
