use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::audit::{AppendError, Condition, Witnessed};
use crate::govern::EmergencyAlerts;

use super::{Kind, Problem, UseCases};

/// `GET /healthz`: the process runs.
pub(super) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; charset=utf-8").body("ok\n")
}

/// `GET /readyz`: questions can be answered, which is to say recorded.
pub(super) async fn readyz(cases: web::Data<UseCases>) -> Result<HttpResponse, Problem> {
    match cases.log.condition() {
        Condition::Running => {}
        Condition::Full => return Err(AppendError::Full.into()),
        Condition::Stopped => {
            let reason = cases.log.stop_reason().unwrap_or_default();
            let detail = format!("the log has stopped: {reason}");
            return Err(Problem::new(Kind::LogUnavailable, detail));
        }
    }
    let (size, witnessed) = (cases.log.size(), cases.witnesses.standing());
    let failing = witnessed.witnesses.iter().filter_map(|(name, why)| Some((name, why.as_ref()?)));
    let alerts: Vec<String> =
        failing.map(|(name, why)| format!("the witness {name} does not cosign: {why}")).collect();
    let ready =
        json!({ "ready": true, "log_size": size, "witnessed": witnessed, "alerts": alerts });
    Ok(HttpResponse::Ok().json(ready))
}

/// `GET /metrics`: Prometheus text.
pub(super) async fn metrics(cases: web::Data<UseCases>) -> HttpResponse {
    let mut text = cases.metrics.render();
    text.push_str(
        "# HELP affiant_log_entries Entries in the log\n# TYPE affiant_log_entries gauge\n",
    );
    text.push_str(&format!("affiant_log_entries {}\n", cases.log.size()));
    text.push_str(
        "# HELP affiant_log_running 1 while the log takes entries\n# TYPE affiant_log_running gauge\n",
    );
    let is_running = cases.log.condition() == Condition::Running;
    text.push_str(&format!("affiant_log_running {}\n", u8::from(is_running)));
    let stopped = u8::from(cases.log.is_stopped());
    text.push_str(&format!(
        "# HELP affiant_log_stopped Whether the log takes no more entries\n\
         # TYPE affiant_log_stopped gauge\naffiant_log_stopped {stopped}\n"
    ));
    if let Ok(alerts) = cases.governor.emergency_alerts() {
        text.push_str(&emergency_metrics(alerts));
    }
    text.push_str(&witness_metrics(&cases.witnesses.standing()));
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(text)
}

fn emergency_metrics(alerts: EmergencyAlerts) -> String {
    let gauges = [
        ("affiant_emergencies_open", "Emergencies that are open", alerts.open),
        ("affiant_emergencies_unreviewed", "Emergencies that wait for a review", alerts.unreviewed),
        ("affiant_emergencies_overdue", "Emergencies whose review is overdue", alerts.overdue),
        ("affiant_emergencies_repeated", "Emergencies opened again unjudged", alerts.repeated),
    ];
    let gauges = gauges.map(|(name, help, count)| {
        format!("# HELP {name} {help}\n# TYPE {name} gauge\n{name} {count}\n")
    });
    gauges.concat()
}

/// Nothing where the log has no witnesses.
fn witness_metrics(witnessed: &Witnessed) -> String {
    if witnessed.witnesses.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "# HELP affiant_log_cosigned_entries Entries that a quorum of witnesses has cosigned\n\
         # TYPE affiant_log_cosigned_entries gauge\naffiant_log_cosigned_entries {}\n\
         # HELP affiant_witness_up Whether the witness cosigned when it was last asked\n\
         # TYPE affiant_witness_up gauge\n",
        witnessed.size.unwrap_or(0)
    );
    for (name, failing) in &witnessed.witnesses {
        let (name, up) = (name.replace('\\', "\\\\").replace('"', "\\\""), failing.is_none());
        text.push_str(&format!("affiant_witness_up{{witness=\"{name}\"}} {}\n", u8::from(up)));
    }
    text
}
