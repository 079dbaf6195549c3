//! What are the things? Ids, documents, passages, questions, answers, principals, clock, limits.
//!
//! No IO, no vendor types. Every other room speaks in these words.

pub mod access;
pub mod answer;
pub mod change;
pub mod classes;
pub mod clock;
pub mod digest;
pub mod document;
pub mod emergency;
pub mod ids;
pub mod limits;
pub mod payload;
pub mod principal;
pub mod question;
pub mod reason;
pub mod relationship;
pub mod secret;
pub mod uri;
