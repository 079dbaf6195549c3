//! A question answered as server-sent events: `progress`; `evidence` once `retrieval.done` is
//! durable; `sentence` only after the terminal entry is; then exactly one of `released`, `refused`,
//! `problem`.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use serde::Serialize;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{Sender, channel};

use crate::answer::{Progress, Step};
use crate::domain::answer::{EvidenceItem, Outcome};
use crate::domain::ids::EntryIndex;
use crate::domain::question::Question;

use super::queries::problem;
use super::{Caller, Problem, UseCases};

/// Events waiting for a slow reader; the spine waits with them.
const EVENTS_WAITING_MAX: usize = 64;

/// Starts answering on the blocking pool and streams what happens.
pub(super) fn respond(
    cases: Arc<UseCases>,
    caller: Caller,
    question: Question,
    place: OwnedSemaphorePermit,
) -> HttpResponse {
    let (sender, receiver) = channel::<Bytes>(EVENTS_WAITING_MAX);
    // The task outlives this handler; when the reader goes away the channel closes and the spine
    // ends at its next step, with its terminal entry.
    drop(actix_web::rt::task::spawn_blocking(move || {
        let _place = place;
        answer(&cases, &caller, &question, &sender);
    }));
    let events = futures_util::stream::unfold(receiver, |mut receiver| async move {
        let event = receiver.recv().await?;
        Some((Ok::<Bytes, Infallible>(event), receiver))
    });
    HttpResponse::Ok()
        .insert_header(("Content-Type", "text/event-stream"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(events)
}

/// The evidence as the answer object will hold it, scores to the last digit.
#[derive(Serialize)]
struct Found {
    evidence: Vec<EvidenceItem>,
    entry: EntryIndex,
}

fn answer(cases: &UseCases, caller: &Caller, question: &Question, sender: &Sender<Bytes>) {
    let mut last = None;
    let mut listen = |progress: Progress<'_>| match progress {
        // Drafting is reported at every token; the reader is told once, and watched always.
        Progress::Step(step) if last == Some(step) => {
            if sender.is_closed() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }
        Progress::Step(step) => {
            last = Some(step);
            send(sender, "progress", &json!({"phase": name(step), "query": question.id}))
        }
        Progress::Evidence(evidence) => {
            let entry = evidence.receipt().index();
            send(sender, "evidence", &Found { evidence: evidence.items(), entry })
        }
    };
    let released = match cases.answerer.ask(&caller.asker(), question, &mut listen) {
        Ok(released) => released,
        Err(error) => return end(sender, "problem", &Problem::from(error).body_of(question.id)),
    };
    for sentence in &released.sentences {
        if send(sender, "sentence", sentence).is_break() {
            return;
        }
    }
    match released.outcome {
        Outcome::Answered => end(sender, "released", &*released),
        Outcome::Refused => end(sender, "refused", &*released),
        Outcome::Denied | Outcome::Failed => {
            end(sender, "problem", &problem(&released).body_of(question.id));
        }
    }
}

const fn name(step: Step) -> &'static str {
    match step {
        Step::Permit => "permit",
        Step::Searching => "searching",
        Step::Reading => "reading",
        Step::Drafting => "drafting",
        Step::Checking => "checking",
        Step::Sealing => "sealed",
    }
}

/// The last event: whether anyone still listens makes no difference any more.
fn end<T: Serialize>(sender: &Sender<Bytes>, event: &str, data: &T) {
    if send(sender, event, data).is_break() {
        tracing::debug!("the reader went away before the end");
    }
}

fn send<T: Serialize>(sender: &Sender<Bytes>, event: &str, data: &T) -> ControlFlow<()> {
    let data = serde_json::to_string(data).unwrap_or_default();
    let frame = Bytes::from(format!("event: {event}\ndata: {data}\n\n"));
    match sender.blocking_send(frame) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}
