//! Writing the fields of an entry, as the list of types asks for it.

use serde_json::{Map, Value};

use super::shape::Shape;
use crate::domain::payload::PayloadRef;

/// Writes a field, unless it may be lacking and says nothing.
pub(super) fn put<T: Shape + serde::Serialize>(
    details: &mut Map<String, Value>,
    name: &str,
    field: &T,
) -> Result<(), serde_json::Error> {
    let value = serde_json::to_value(field)?;
    if !(T::MAY_LACK && value.is_null()) {
        details.insert(name.to_owned(), value);
    }
    Ok(())
}

pub(super) const fn first(list: &[&'static str]) -> Option<&'static str> {
    match list {
        [one, ..] => Some(*one),
        [] => None,
    }
}

pub(super) const fn first_ref<'a>(list: &[&'a Option<PayloadRef>]) -> Option<&'a PayloadRef> {
    match list {
        [one, ..] => one.as_ref(),
        [] => None,
    }
}
