//! What every query of either half must let through, and nothing else.

use std::sync::Arc;

use super::hit::Hit;
use crate::domain::classes::ClassSet;
use crate::policy::Permit;

/// A permit and the generations in force, as the halves of the index filter by them.
#[derive(Clone, Copy)]
pub(super) struct Gate<'a> {
    permit: &'a Permit,
    visible_below: u64,
}

impl<'a> Gate<'a> {
    pub(super) fn new(permit: &'a Permit, visible_below: u64) -> Self {
        Self { permit, visible_below }
    }

    pub(super) fn classes(&self) -> &'a Arc<ClassSet> {
        self.permit.classes()
    }

    /// The first generation that is not in force yet.
    pub(super) fn visible_below(&self) -> u64 {
        self.visible_below
    }

    /// Whether nothing at all can pass: no class is permitted, or no generation is in force.
    pub(super) fn is_shut(&self) -> bool {
        self.classes().is_empty() || self.visible_below == 0
    }

    /// Decides one hit again, by the permit itself and not by the filter made from it.
    pub(super) fn admits(&self, hit: &Hit) -> bool {
        self.permit.allows(hit.class) && hit.generation.0 < self.visible_below
    }
}
