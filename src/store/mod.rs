//! Where is the state? The vault with its keys, and typed rows in sled.
//!
//! ```text
//! HOME/keys/home.key          32 random bytes: wraps every other key here
//! HOME/keys/token.key         wrapped: makes the tokens that stand for names in the log
//! HOME/keys/<key id>.key      wrapped: one data key for each document, person, or person with matter and patient
//! HOME/keys/<key id>.erased   that key was destroyed; its id is never used again
//! HOME/vault/contents-NNNNNN.seg    small contents, many to a file, appended with one fdatasync each
//! HOME/vault/originals/aa/<sha256>  large contents, a file each
//! HOME/state/db               sled: accounts, sessions, views of the log
//! ```
//!
//! [`Vault::seal`] returns a [`PayloadRef`](crate::domain::payload::PayloadRef) once the contents
//! are on disk; the reference names the ciphertext (SHA-256), the data key, and a salted commitment
//! to the contents, so that one ciphertext cannot later be opened in two ways. Destroying a data key
//! erases all that was sealed under it, and the log that holds the references stays whole.
//!
//! Sealed contents are `nonce24 || XChaCha20-Poly1305(salt32 || contents) || tag16`, with the id of the
//! data key as associated data; the commitment is HMAC-SHA256 with the salt as key.
//!
//! Trust: the keys are trusted; the vault's files are not, every opening checks them. sled is trusted
//! for accounts, which it names in clear with their attributes; everything else in it can be made
//! again from the log and the vault, and holds no word of a document, question or label.
//!
//! Does not do: backup, retention. A destroyed key may live on in a backup of `keys/`; the wrapped
//! bytes of its file may live on in free blocks of the disk.

mod classes;
mod envelope;
mod keys;
mod rows;
mod segments;
mod state;
mod table;
mod vault;

pub use classes::Classes;
pub use keys::{KeyError, KeyScope};
pub use rows::{AccountRow, AnswerRow, DocumentRow, SessionKind, SessionRow};
pub use segments::SegmentError;
pub use state::{Meta, OpenQueries, State};
pub use table::{Row, StateError, Table};
pub use vault::{RevealError, Vault, VaultError};

#[cfg(test)]
mod tests;
