//! One struct for each page, and the parts that pages share.
//!
//! Use cases fill the structs, [`askama::Template::render`] makes the page. What needs deciding is
//! decided here, in Rust; templates only lay out.

mod account;
mod admin;
mod answer;
mod ask;
mod audit;
mod changes;
mod documents;
mod entrance;
mod entry;
mod frame;
mod policies;
mod standing;
mod viewer;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

pub use account::{
    AccountPage, ConfirmPage, QrPicture, SecondFactorPage, SessionLine, ShownOncePage,
};
pub use admin::{AccountLine, AccountsPage, CheckLine, ModelLine, ModelsPage, SystemPage};
pub use answer::{AnswerView, CitationView, NoAnswer, SentenceView, SourceView, percent};
pub use ask::{AskForm, AskPage, QuestionsPage, RecentQuestion, Suggestions};
pub use audit::{AuditFilter, AuditPage, EntryLine, ProblemLine, VerifyPage};
pub use changes::{ChangeLine, ChangePage, ChangesPage};
pub use documents::{
    DocumentLine, DocumentsPage, LabelField, LabelsPage, SetAside, TakenIn, UploadPage, UploadState,
};
pub use entrance::{ProblemPage, SignInPage, SignOnLink, SignedInPage};
pub use entry::{EntryPage, EntryRow, type_words};
pub use frame::{Frame, Moment, Pager, Person, Place};
pub use policies::{
    DecisionView, DiffLine, DiffPage, EffectLine, ExampleLine, ExplainedPage, PoliciesPage,
    PolicyFileView, TrialPage, TrialView, VersionLine,
};
pub use standing::{EmergenciesPage, EmergencyLine, RelationshipLine, RelationshipsPage};
pub use viewer::{Highlight, PageBody, Run, ViewerPage, runs};
