//! One row of the list of entry types, as people and the verifier read it, and what the list is made
//! into.

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

/// Makes of one list: the enum `What`, its writing, and `ENTRY_TYPES` with a row for each variant.
macro_rules! entry_types {
    ($(
        $variant:ident = $kind:literal, $outcome:literal, $when:literal
        { $($field:ident: $type:ty = $meaning:literal),* $(,)? }
        $(+ $payload:ident = $contents:literal)?;
    )*) => {
        /// What happened: one variant for each type of entry.
        #[derive(Clone, Debug)]
        pub enum What {
            $(
                #[doc = concat!("`", $kind, "`: written ", $when, ".")]
                $variant {
                    $(#[doc = concat!("Details: ", $meaning, ".")] $field: $type,)*
                    $(#[doc = concat!("Payload: ", $contents, ".")] $payload: Option<PayloadRef>,)?
                },
            )*
        }

        /// Every type of entry.
        pub const ENTRY_TYPES: &[$crate::audit::EntryType] = &[$(
            $crate::audit::EntryType {
                kind: $kind,
                outcome: $outcome,
                when: $when,
                fields: &[$((stringify!($field), $meaning)),*],
                payload: $crate::audit::fields::first(&[$($contents)?]),
                shapes: &[$(<$type as $crate::audit::shape::Shape>::fits),*],
                may_lack: &[$(<$type as $crate::audit::shape::Shape>::MAY_LACK),*],
            },
        )*];

        impl What {
            /// The dotted type and the outcome.
            pub const fn kind(&self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$variant { .. } => ($kind, $outcome),)*
                }
            }

            /// The `details` object.
            pub(super) fn details(&self) -> Result<serde_json::Value, serde_json::Error> {
                let mut details = serde_json::Map::new();
                match self {
                    $(Self::$variant { $($field,)* .. } => {
                        $($crate::audit::fields::put::<$type>(&mut details, stringify!($field), $field)?;)*
                    })*
                }
                Ok(serde_json::Value::Object(details))
            }

            /// The contents that the entry commits to.
            pub const fn payload(&self) -> Option<&PayloadRef> {
                match self {
                    $(Self::$variant { $($payload,)? .. } => $crate::audit::fields::first_ref(&[$($payload)?]),)*
                }
            }
        }
    };
}

pub(super) use entry_types;
