//! The catalogue, and documents on their way into it.

use askama::Template;

use super::super::address;
use super::frame::{Frame, Moment, Pager};

/// `GET /documents`.
#[derive(Template)]
#[template(path = "documents.html")]
pub struct DocumentsPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Words that titles must hold, as typed.
    pub filter: String,
    /// What may be declared: key, name, and the value that was.
    pub declared: Vec<(&'static str, &'static str, String)>,
    /// What was declared, which the documents are opened with too.
    pub carried: Vec<(&'static str, String)>,
    /// The documents this person may see.
    pub documents: Vec<DocumentLine>,
    /// Ways to the rest.
    pub pager: Pager,
    /// Whether this person may add documents.
    pub takes_uploads: bool,
    /// Whether this person may change labels.
    pub takes_labels: bool,
    /// The entry that recorded this listing.
    pub read_entry: Option<u64>,
    /// Whether this person may open entries of the record.
    pub opens_entries: bool,
}

impl DocumentsPage {
    /// The address of a document's first page.
    pub fn address(&self, id: &str) -> String {
        let carried = self.carried.iter().map(|(name, value)| (*name, value.as_str()));
        let pairs: Vec<_> = [("page", "1")].into_iter().chain(carried).collect();
        address::with_query(&format!("/documents/{id}"), &pairs)
    }
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
    /// When it was taken in; `None` where the record cannot be read.
    pub added: Option<Moment>,
    /// Whether this person may open its pages.
    pub opens: bool,
}

/// `GET /documents/{id}/labels`.
#[derive(Template)]
#[template(path = "labels.html")]
pub struct LabelsPage {
    /// What surrounds it.
    pub frame: Frame,
    /// The document's id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The access class of the labels that are shown.
    pub class: u32,
    /// Labels that are texts.
    pub fields: Vec<LabelField>,
    /// Labels that are set or not.
    pub ticks: Vec<LabelField>,
}

/// One label of the form.
#[derive(Clone, Debug)]
pub struct LabelField {
    /// Its key.
    pub key: &'static str,
    /// What it is called.
    pub name: &'static str,
    /// Its value, empty where it is not set.
    pub value: String,
}

/// `GET /uploads/{id}`: loads itself again while it runs.
#[derive(Template)]
#[template(path = "upload.html")]
pub struct UploadPage {
    /// What surrounds it.
    pub frame: Frame,
    /// How far it is.
    pub state: UploadState,
}

/// How far an upload is.
#[derive(Clone, Debug)]
pub enum UploadState {
    /// Some files are done.
    Running {
        /// Files done.
        done: u32,
        /// Files in all.
        total: u32,
    },
    /// Every file was taken in, known already, or set aside.
    Done {
        /// Files sent.
        submitted: u32,
        /// Files whose bytes were there already.
        unchanged: u32,
        /// Documents that are now searchable.
        taken_in: Vec<TakenIn>,
        /// Files that could not be taken in.
        set_aside: Vec<SetAside>,
    },
    /// It stopped; what was taken in before stays.
    Failed {
        /// Why, in safe words.
        reason: String,
    },
}

/// A document that an upload made searchable.
#[derive(Clone, Debug)]
pub struct TakenIn {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// How many pages.
    pub pages: u32,
    /// How many passages.
    pub passages: u32,
    /// Whether this person may open pages.
    pub opens: bool,
}

/// A file that an upload set aside.
#[derive(Clone, Debug)]
pub struct SetAside {
    /// Its name.
    pub name: String,
    /// The code of the reason.
    pub reason: String,
    /// What exactly, and what to do.
    pub detail: String,
}
