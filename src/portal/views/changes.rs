//! The queue of changes that need two persons.

use askama::Template;

use super::frame::{Frame, Moment};
use super::policies::{DiffLine, TrialView};

/// `GET /admin/changes`.
#[derive(Template)]
#[template(path = "changes.html")]
pub struct ChangesPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The changes, the newest first.
    pub changes: Vec<ChangeLine>,
}

/// One change.
#[derive(Clone, Debug)]
pub struct ChangeLine {
    /// Its id.
    pub id: String,
    /// What it would do.
    pub about: String,
    /// How far it is.
    pub state: String,
    /// Who proposed it.
    pub proposer: String,
    /// When.
    pub proposed: Moment,
    /// Until when it may be approved.
    pub expires: Moment,
    /// Why.
    pub reason: String,
}

impl ChangeLine {
    /// Whether it waits for a second person.
    pub fn is_open(&self) -> bool {
        self.state == "proposed"
    }
}

/// `GET /admin/changes/{id}`.
#[derive(Template)]
#[template(path = "change.html")]
pub struct ChangePage {
    /// What surrounds it.
    pub frame: Frame,
    /// The change.
    pub change: ChangeLine,
    /// What proposed policies would change for past questions.
    pub trial: Option<TrialView>,
    /// The examples beside proposed policies, each decided as written.
    pub examples: u32,
    /// What differs from the policies in force.
    pub diff: Vec<DiffLine>,
    /// Whether this person may approve it.
    pub approves: bool,
    /// Whether this person may reject or withdraw it.
    pub rejects: bool,
    /// Whether they have just shown who they are.
    pub is_confirmed: bool,
    /// Why what was tried here did not work.
    pub problem: Option<String>,
}
