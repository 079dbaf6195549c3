//! The id of a request: in the traces of whatever fails in it, and in the problem that is told.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::web;
use actix_web::{HttpResponse, ResponseError as _};
use tracing::{Instrument as _, Span};

use crate::domain::ids::RequestId;

use super::{Kind, Problem, UseCases};

/// A reply, and what belongs to the request that it answers.
pub(crate) struct Answered {
    /// The reply.
    pub(crate) response: ServiceResponse<BoxBody>,
    /// The id of the request.
    pub(crate) id: RequestId,
    /// The span that its traces stand in.
    pub(crate) span: Span,
    /// What it reached.
    pub(crate) cases: web::Data<UseCases>,
}

/// Answers the request under an id of its own.
pub(crate) async fn answer(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<Answered, actix_web::Error> {
    let Some(cases) = request.app_data::<web::Data<UseCases>>().cloned() else {
        return Err(Problem::new(Kind::Internal, "").into());
    };
    let id = RequestId::fresh(cases.clock.now(), cases.entropy.as_ref());
    let span = tracing::info_span!("request", request.id = %id);
    let response = next.call(request).instrument(span.clone()).await?.map_into_boxed_body();
    Ok(Answered { response, id, span, cases })
}

/// Names the request in the problem that it may end in.
pub(super) async fn name_faults(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Answered { response, id, .. } = answer(request, next).await?;
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
