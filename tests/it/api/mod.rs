//! The JSON API over HTTP, one file for each resource.

mod account;
mod audit;
mod documents;
mod govern;
mod log;
mod openapi;
mod policies;
mod problems;
mod queries;
mod session;
mod standing;
mod system;
