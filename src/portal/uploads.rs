//! Taking documents in: the upload form's target, and how far an upload is.

use actix_multipart::Multipart;
use actix_web::{HttpResponse, web};

use crate::http::{
    Caller, Job, JobState, Kind, Problem, UseCases, begin_upload, enter_upload, job_of, read_upload,
};
use crate::policy::Action;

use super::pages::{allows, frame, lead_to, require, show};
use super::views::{Place, SetAside, TakenIn, UploadPage, UploadState};

/// `POST /documents`: files with labels become a job, as through the API.
pub(super) async fn upload(
    cases: web::Data<UseCases>,
    caller: Caller,
    form: Multipart,
) -> Result<HttpResponse, Problem> {
    require(&cases, &caller, Action::Ingest)?;
    let place = enter_upload(&cases)?;
    let upload = read_upload(form).await?;
    caller.check_csrf(Some(&upload.csrf))?;
    let id = begin_upload(cases.into_inner(), &caller, upload, place)?;
    Ok(lead_to(&format!("/uploads/{id}")))
}

/// `GET /uploads/{id}`: how far an upload of this person is.
pub(super) async fn show_upload(
    cases: web::Data<UseCases>,
    caller: Caller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let job = job_of(&cases, &caller, &id);
    let missing = || Problem::new(Kind::NotFound, "There is no such upload of yours.");
    let Job { state, .. } = job.ok_or_else(missing)?;
    let opens = allows(&cases, &caller, Action::ViewPage);
    show(&UploadPage {
        frame: frame(&cases, &caller, Some(Place::Documents)),
        state: view(state, opens),
    })
}

fn view(state: JobState, opens: bool) -> UploadState {
    match state {
        JobState::Running { done, total } => UploadState::Running { done, total },
        JobState::Failed { reason } => UploadState::Failed { reason },
        JobState::Done { report } => UploadState::Done {
            submitted: report.submitted,
            unchanged: report.unchanged,
            taken_in: report
                .documents
                .into_iter()
                .map(|document| TakenIn {
                    id: document.id.to_string(),
                    title: document.title,
                    pages: document.pages,
                    passages: document.passages,
                    opens,
                })
                .collect(),
            set_aside: report
                .quarantined
                .into_iter()
                .map(|file| SetAside { name: file.path, reason: file.reason, detail: file.detail })
                .collect(),
        },
    }
}
