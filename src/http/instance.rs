//! The id of a request: in the traces of whatever fails in it, and in the problem that is told.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::web;
use actix_web::{HttpResponse, ResponseError as _};
use tracing::Instrument as _;

use crate::domain::ids::RequestId;

use super::{Kind, Problem, Services};

/// Gives the request an id, and the problem that it may end in too.
pub(super) async fn name_faults(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Some(services) = request.app_data::<web::Data<Services>>().cloned() else {
        return Err(Problem::new(Kind::Internal, "").into());
    };
    let id = RequestId::fresh(services.clock.now(), services.entropy.as_ref());
    let span = tracing::info_span!("request", request.id = %id);
    let response = next.call(request).instrument(span).await?.map_into_boxed_body();
    let problem = response.response().error().and_then(|error| error.as_error::<Problem>());
    let Some(named) = problem.map(|problem| named(problem, id)) else { return Ok(response) };
    Ok(response.into_response(named))
}

fn named(problem: &Problem, id: RequestId) -> HttpResponse {
    let body = problem.body_of(id).to_string();
    let mut reply = problem.error_response().set_body(BoxBody::new(body));
    reply.headers_mut().remove(header::CONTENT_LENGTH);
    reply
}
