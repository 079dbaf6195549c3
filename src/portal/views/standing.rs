//! Who works on what, and access in an emergency.

use askama::Template;

use super::frame::{Frame, Moment};

/// `GET /admin/relationships`.
#[derive(Template)]
#[template(path = "relationships.html")]
pub struct RelationshipsPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Every relationship, by person.
    pub relationships: Vec<RelationshipLine>,
}

/// One relationship.
#[derive(Clone, Debug)]
pub struct RelationshipLine {
    /// Whose.
    pub person: String,
    /// What with.
    pub kind: String,
    /// Its name.
    pub object: String,
    /// When it begins.
    pub from: Option<Moment>,
    /// When it ends.
    pub until: Option<Moment>,
    /// Whether it holds now.
    pub holds: bool,
    /// Who says so.
    pub source: String,
}

/// `GET /emergencies`.
#[derive(Template)]
#[template(path = "emergencies.html")]
pub struct EmergenciesPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Whether this person may open one.
    pub may_open: bool,
    /// Whether they have just shown who they are.
    pub is_confirmed: bool,
    /// For how long, in minutes, where nobody says.
    pub minutes: u64,
    /// At most.
    pub minutes_max: u64,
    /// The emergencies, newest first.
    pub emergencies: Vec<EmergencyLine>,
}

/// One emergency.
#[derive(Clone, Debug)]
pub struct EmergencyLine {
    /// Its id.
    pub id: String,
    /// Who opened it.
    pub person: String,
    /// What it is about.
    pub about: String,
    /// Why.
    pub reason: String,
    /// When it was opened.
    pub opened: Moment,
    /// When it ended, or will.
    pub ends: Moment,
    /// Whether it is open.
    pub is_open: bool,
    /// Whether nobody has judged it in time.
    pub is_overdue: bool,
    /// When a review is due.
    pub due: Moment,
    /// How many earlier ones of theirs about the same nobody had found justified by then.
    pub repeats: u32,
    /// How many questions and searches were begun under it.
    pub queries: usize,
    /// The documents that were read under it, by address, with what is shown of each.
    pub documents: Vec<(String, String)>,
    /// What somebody found who looked at it.
    pub review: Option<String>,
    /// Whether that ends the review.
    pub is_settled: bool,
    /// Whether this person may end it.
    pub may_close: bool,
    /// Whether this person may review it.
    pub may_review: bool,
}
