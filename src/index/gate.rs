//! What every query of either half must let through, and nothing else.

use std::sync::Arc;

use super::hit::Hit;
use crate::domain::classes::ClassSet;
use crate::policy::Permit;

/// Classes and the generations in force, as the halves of the index filter by them.
#[derive(Clone, Copy)]
pub(super) struct Gate<'a> {
    classes: &'a Arc<ClassSet>,
    visible_below: u64,
}

impl<'a> Gate<'a> {
    /// What a permit lets through.
    pub(super) fn new(permit: &'a Permit, visible_below: u64) -> Self {
        Self { classes: permit.classes(), visible_below }
    }

    /// What is only counted: no hit that comes through this leaves the room.
    pub(super) fn for_counting(classes: &'a Arc<ClassSet>, visible_below: u64) -> Self {
        Self { classes, visible_below }
    }

    pub(super) fn classes(&self) -> &'a Arc<ClassSet> {
        self.classes
    }

    /// The first generation that is not in force yet.
    pub(super) fn visible_below(&self) -> u64 {
        self.visible_below
    }

    /// Whether nothing at all can pass: no class is permitted, or no generation is in force.
    pub(super) fn is_shut(&self) -> bool {
        self.classes().is_empty() || self.visible_below == 0
    }

    /// Decides one hit again, by the classes themselves and not by the filter made from them.
    pub(super) fn admits(&self, hit: &Hit) -> bool {
        self.classes.contains(hit.class) && hit.generation.0 < self.visible_below
    }
}
