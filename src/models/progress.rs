/// Hears what a long step does.
pub trait Progress: Sync {
    /// A new stage begins; `total` counts what [`Progress::advance`] will report, where known.
    fn stage(&self, text: &str, total: Option<u64>);
    /// So much more of the stage is done.
    fn advance(&self, n: u64);
}
