//! Timestamps of the log, carried by hand: asked for, and taken in on record.

use std::path::Path;

use crate::audit::{Actor, Anchored, Anchors, Event, LogPaths, Requested, SignerTrust, What};
use crate::domain::ids::{EntryIndex, RequestId};

use super::App;

impl App {
    /// Writes a timestamp request of the published checkpoint to `out`.
    ///
    /// # Errors
    /// What the log says, or where the file cannot be written.
    pub fn request_timestamp(&self, out: &Path) -> anyhow::Result<Requested> {
        self.log.publish()?;
        let checkpoint = self.log.published_checkpoint();
        Ok(self.anchors().request(&checkpoint, out, self.entropy.as_ref())?)
    }

    /// Checks a timestamp reply, keeps it, and records that it is there.
    ///
    /// # Errors
    /// [`crate::audit::AnchorError`]; what the log says.
    pub fn take_timestamp(
        &self,
        actor: Actor,
        reply: &Path,
        authorities: Option<&Path>,
    ) -> anyhow::Result<(Anchored, EntryIndex)> {
        let kept = self.anchors().keep(reply, authorities)?;
        let req = RequestId::fresh(self.clock.now(), self.entropy.as_ref());
        let what = What::AnchorRecorded {
            size: kept.size,
            checkpoint: kept.imprint,
            reply: kept.sha256,
            time: kept.time,
            signer: kept.signer,
            is_trusted: kept.trust == SignerTrust::Chain,
        };
        let policy = Some(self.policies.digest());
        let receipt = self.log.append(Event { actor, req, policy, what })?;
        Ok((kept, receipt.index()))
    }

    fn anchors(&self) -> Anchors {
        Anchors::of(&LogPaths::of(self.home.path()))
    }
}
