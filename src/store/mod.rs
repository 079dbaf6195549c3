//! Where is the state? The vault with its keys, and typed rows in sled.
//!
//! ```text
//! HOME/keys/home.key          32 random bytes: wraps every other key here
//! HOME/keys/token.key         wrapped: makes the tokens of persons, and the marks of names
//! HOME/keys/state-<n>.key     wrapped: seals the rows in sled
//! HOME/keys/<key id>.key      wrapped: one data key for each person
//! HOME/keys/<key id>.<mark>.key     the same for each document, matter and patient
//! HOME/keys/<key id>.erased   that key was destroyed; its id is never used again
//! HOME/vault/contents-NNNNNN.seg    small contents, many to a file, appended with one fdatasync each
//! HOME/vault/originals/aa/<sha256>  large contents, a file each
//! HOME/state/db               sled: accounts, sessions, views of the log
//! ```
//!
//! [`Vault::seal`] returns a [`PayloadRef`](crate::domain::payload::PayloadRef) once the contents
//! are on disk; the reference names the ciphertext (SHA-256), the data keys, and a salted commitment
//! to the contents, so that one ciphertext cannot later be opened in two ways. Contents that belong
//! to several (an answer to its asker, its matter, and each document it quotes) are sealed under a
//! key that is made from all of theirs: destroying any one of them erases what was sealed under it,
//! and the log that holds the references stays whole.
//!
//! Sealed contents are `nonce24 || XChaCha20-Poly1305(salt32 || contents) || tag16`, with the ids of
//! the data keys as associated data; the commitment is HMAC-SHA256 with the salt as key.
//!
//! Rows in sled are sealed under a key of their own. sled keeps what rows held before until it
//! rewrites a segment, in its own time: [`State::renew`] seals every row anew under a fresh key and
//! destroys the old one.
//!
//! Trust: the keys are trusted; the vault's files are not, every opening checks them. sled is trusted
//! for accounts and for the queue of changes; everything else in it can be made again from the log
//! and the vault. Clear in it are the names of accounts, ids and tokens: they are keys of rows.
//!
//! Does not do: backup, retention. A destroyed key may live on in a backup of `keys/`; the wrapped
//! bytes of its file may live on in free blocks of the disk.

mod accounts;
mod cipher;
mod classes;
mod duties;
mod envelope;
mod keys;
mod names;
mod rows;
mod scope;
mod segments;
mod standing;
mod state;
mod table;
mod vault;

pub use accounts::{
    AccountRow, Dated, Failed, FailuresRow, Federated, PasswordBy, SecondFactor, SessionKind,
    SessionRow,
};
pub use classes::Classes;
pub use duties::{ChangeRow, ChangeState, HoldRow};
pub use envelope::Opened;
pub use keys::KeyError;
pub use rows::{AnswerRow, DocumentRow, PolicyRow};
pub use scope::KeyScope;
pub use segments::SegmentError;
pub use standing::{
    EmergencyRow, Ended, ImportRow, OpenEmergency, Review, StandingRow, TurnoverRow,
};
pub use state::{Meta, OpenQueries, State};
pub use table::{Row, StateError, Table};
pub use vault::{RevealError, Vault, VaultError};

#[cfg(test)]
mod tests;
