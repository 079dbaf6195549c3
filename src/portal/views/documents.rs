//! The catalogue.

use askama::Template;

use super::frame::{Frame, Moment, Pager};

/// `GET /documents`.
#[derive(Template)]
#[template(path = "documents.html")]
pub struct DocumentsPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Words that titles must hold, as typed.
    pub filter: String,
    /// The documents this person may see.
    pub documents: Vec<DocumentLine>,
    /// Ways to the rest.
    pub pager: Pager,
}

/// One document of the list.
#[derive(Clone, Debug)]
pub struct DocumentLine {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// How many pages.
    pub pages: u32,
    /// Its labels.
    pub labels: Vec<(String, String)>,
    /// Its state, e.g. `Searchable`.
    pub state: String,
    /// When it was taken in.
    pub added: Moment,
}
