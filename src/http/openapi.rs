use actix_web::HttpResponse;

const OPENAPI: &str = include_str!("openapi.json");

/// `GET /api/v1/openapi.json`: this API, described.
pub(super) async fn show_openapi() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(OPENAPI)
}
