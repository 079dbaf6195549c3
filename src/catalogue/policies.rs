//! Versions of the policies: each that was ever in force, as the log says, with its files.

use super::{Catalogue, CatalogueError};
use crate::policy::PolicySource;
use crate::store::PolicyRow;

impl Catalogue {
    /// Every version, the oldest first: version 1 is the first of these. The last is in force.
    ///
    /// # Errors
    /// [`CatalogueError::State`].
    pub fn policy_versions(&self) -> Result<Vec<PolicyRow>, CatalogueError> {
        Ok(self.state.policies().list()?)
    }

    /// Every file of a version.
    ///
    /// # Errors
    /// [`CatalogueError::Policies`] where its bytes are missing or damaged.
    pub fn policy_source(&self, version: &PolicyRow) -> Result<PolicySource, CatalogueError> {
        let lost = |source: Box<dyn std::error::Error + Send + Sync>| CatalogueError::Policies {
            entry: version.entry,
            source,
        };
        let bytes = self.vault.open_payload(&version.contents).map_err(|e| lost(e.into()))?;
        serde_json::from_slice(&bytes).map_err(|e| lost(e.into()))
    }
}
