use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use crate::domain::ids::RequestId;
use crate::domain::principal::UserName;
use crate::ingest::BatchReport;

/// Jobs that are remembered: finished ones go first, and few run at once.
const JOBS_MAX: usize = 1_000;

/// An upload on its way.
#[derive(Clone, Debug, Serialize)]
pub struct Job {
    /// Its id.
    pub id: RequestId,
    /// Who sent it.
    #[serde(skip)]
    pub owner: UserName,
    /// How far it is.
    #[serde(flatten)]
    pub state: JobState,
}

/// How far a job is.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum JobState {
    /// Files done and files in all.
    Running {
        /// Done.
        done: u32,
        /// In all.
        total: u32,
    },
    /// What became of it.
    Done {
        /// The report.
        report: BatchReport,
    },
    /// It stopped; what was indexed before stays.
    Failed {
        /// Safe words.
        reason: String,
    },
}

/// The jobs of this server, newest last.
#[derive(Default)]
pub struct Jobs {
    jobs: Mutex<VecDeque<Job>>,
}

impl Jobs {
    /// Adds a job that begins to run.
    pub fn begin(&self, id: RequestId, owner: UserName, total: u32) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |job: &Job| !matches!(job.state, JobState::Running { .. });
        if jobs.len() >= JOBS_MAX
            && let Some(oldest) = jobs.iter().position(is_over)
        {
            jobs.remove(oldest);
        }
        jobs.push_back(Job { id, owner, state: JobState::Running { done: 0, total } });
    }

    /// Says how far a job is.
    pub fn set(&self, id: RequestId, state: JobState) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(job) = jobs.iter_mut().find(|job| job.id == id) {
            job.state = state;
        }
    }

    /// A job of this person, by its id as it stands in an address.
    pub fn find(&self, id: &str, owner: &UserName) -> Option<Job> {
        let id: RequestId = id.parse().ok()?;
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.iter().find(|job| job.id == id && job.owner == *owner).cloned()
    }
}
