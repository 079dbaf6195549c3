//! Statements about the record that outlive it: signed with the key that signs bundles.

use serde::Serialize;
use serde_json::json;

use super::{ExamineError, Examiner, Reader};
use crate::audit::{Envelope, Recorded, What};
use crate::policy::Action;
use crate::store::PolicyRow;

/// DSSE payload type of a version of the policies.
const POLICY_TYPE: &str = "application/vnd.affiant.policy+json";

impl Examiner {
    /// The signed statement of a version of the policies: its number, its files, and the entry that
    /// put it in force.
    ///
    /// # Errors
    /// [`ExamineError`]: nothing is shown.
    pub fn policy_version(
        &self,
        reader: &Reader,
        (number, row): (u32, &PolicyRow),
    ) -> Result<Recorded<Vec<u8>>, ExamineError> {
        self.decide(reader, Action::ReadPolicies)?;
        let entry = self.log.read(row.entry)?;
        let statement = json!({
            "v": 1,
            "origin": self.verifier()?.name(),
            "version": number,
            "sha256": row.sha256,
            "set": row.set,
            "files": row.files,
            "activated": row.activated.to_string(),
            "entry": row.entry,
            "leaf_hash": entry.leaf_hash(),
        });
        let envelope = self.state_signed(reader, POLICY_TYPE, &statement)?;
        let what = What::AuditRead { scope: "proof".to_owned(), index: Some(row.entry) };
        Ok(self.record(reader, what, envelope.render())?)
    }

    /// Signs a statement.
    pub(super) fn state_signed<T: Serialize>(
        &self,
        reader: &Reader,
        payload_type: &str,
        statement: &T,
    ) -> Result<Envelope, ExamineError> {
        let signer = self.signer(reader)?;
        let bytes = serde_json::to_vec(statement).unwrap_or_default();
        Ok(Envelope::sign(&signer, payload_type, &bytes))
    }
}
