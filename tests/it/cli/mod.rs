//! The command line as a process: results, exit codes, and commands that a running server answers.

mod accounts;
mod asking;
mod audit;
mod contents;
mod credentials;
mod documents;
mod exits;
mod govern;
mod homes;
mod keys;
mod policies;
mod reports;
mod served;
mod standing;

use serde_json::Value;

/// Checks that an object has these fields.
fn has(value: &Value, fields: &[&str]) {
    for field in fields {
        assert!(value.get(field).is_some(), "{field} is missing: {value}");
    }
}
