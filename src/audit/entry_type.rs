//! One row of the list of entry types, as people and the verifier read it.

use super::shape::Fits;

/// One row of the list of entry types.
#[derive(Debug)]
pub struct EntryType {
    /// The dotted type.
    pub kind: &'static str,
    /// `ok`, `refused`, `denied` or `failed`.
    pub outcome: &'static str,
    /// When it is written.
    pub when: &'static str,
    /// Names and meanings of the fields of `details`.
    pub fields: &'static [(&'static str, &'static str)],
    /// What the payload holds, for the types that have one.
    pub payload: Option<&'static str>,
    /// The form of each of `fields`.
    pub(super) shapes: &'static [Fits],
    /// Which of `fields` may be lacking.
    pub(super) may_lack: &'static [bool],
}
