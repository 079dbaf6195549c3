//! Meaning: nearest neighbours over Qdrant, in this process or on a server.
//!
//! Points carry ids only (document, ordinal, generation, class), never text.

mod admitted;
mod edge_words;
mod embedded;
mod options;
mod server;
mod wire_words;
mod write_ahead;

pub(super) use self::embedded::Embedded;
pub use self::options::ServerOptions;
pub(super) use self::server::Server;
use super::error::VectorError;
use super::gate::Gate;
use super::hit::{Hit, Writing, Writings};
use crate::domain::access::AccessClass;
use crate::domain::ids::{DocumentId, Generation, PassageId};

/// Names of a point's ids.
const CLASS: &str = "class";
const DOCUMENT: &str = "document";
const GENERATION: &str = "generation";
const ORDINAL: &str = "ordinal";

/// Points that a search through the graph keeps in mind where all are permitted: recall above 0.95
/// for the best 100 on sentence vectors.
const SEARCH_BREADTH: f64 = 192.0;
/// Where less than this share is permitted, the search also looks behind forbidden neighbours: too
/// few links lead on otherwise. Source: ACORN-1, Patel et al. 2024, arXiv:2403.04871.
const SECOND_HOPS_BELOW: f64 = 0.4;
/// Links of a graph node, and breadth while building: Qdrant's own defaults.
const GRAPH_LINKS: usize = 16;
const BUILD_BREADTH: usize = 100;
/// Up to this size (in KiB of vectors; 26,000 of 384 numbers) what a filter lets through is
/// searched exactly: it costs a few milliseconds and loses nothing.
pub(super) const EXACT_KIB: usize = 40_000;
/// Points of one page when everything is listed.
const PAGE_POINTS: usize = 4_096;

/// How widely the graph is searched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Breadth {
    points: usize,
    second_hops: bool,
}

impl Breadth {
    /// For a filter that lets this share of the points through. Only permitted points are walked:
    /// with half of them half the links are left, and as much more must be kept in mind to find the
    /// same. As few are compared as without the filter.
    pub(super) fn for_share(share: f64) -> Self {
        let second_hops = share < SECOND_HOPS_BELOW;
        let share = if second_hops { 1.0 } else { share.min(1.0) };
        Self { points: (SEARCH_BREADTH / share).ceil() as usize, second_hops }
    }
}

/// One passage's vector and ids.
pub(super) struct Point<'a> {
    pub(super) passage: PassageId,
    pub(super) document: DocumentId,
    pub(super) ordinal: u32,
    pub(super) generation: Generation,
    pub(super) class: AccessClass,
    pub(super) vector: &'a [f32],
}

/// Nearest neighbours among permitted points.
///
/// Changes may be seen by searches at once, and are durable after [`VectorIndex::flush`].
pub(super) trait VectorIndex: Send + Sync {
    /// Adds points, replacing those of the same passage.
    fn upsert(&self, points: &[Point<'_>]) -> Result<(), VectorError>;
    /// The `limit` points nearest to `vector` by cosine, among those that the gate lets through.
    fn search(
        &self,
        gate: &Gate<'_>,
        breadth: Breadth,
        vector: &[f32],
        limit: usize,
    ) -> Result<Vec<Hit>, VectorError>;
    /// Removes every point of a document.
    fn remove_document(&self, document: DocumentId) -> Result<(), VectorError>;
    /// Removes one writing of a document.
    fn remove_generation(
        &self,
        document: DocumentId,
        generation: Generation,
    ) -> Result<(), VectorError>;
    /// Puts the points of one writing of a document into another class.
    fn set_class(
        &self,
        document: DocumentId,
        generation: Generation,
        class: AccessClass,
    ) -> Result<(), VectorError>;
    /// Every writing that has at least one point.
    fn writings(&self) -> Result<Writings, VectorError>;
    /// Returns once every change so far is durable.
    fn flush(&self) -> Result<(), VectorError>;
    /// Builds or mends the graph. May take minutes; searches go on meanwhile.
    fn optimise(&self) -> Result<(), VectorError>;
    /// Takes removed points off the disk for good.
    fn rewrite(&self) -> Result<(), VectorError>;
}

/// The one condition that both kinds filter a generation by: `generation < bound`, as Qdrant
/// compares it. Generations are counted one by one, so they never leave the exact range of `f64`.
fn below(bound: u64) -> f64 {
    bound as f64
}

/// Ids of a point as text and numbers, read back from its payload.
struct PointIds<'a> {
    document: Option<&'a str>,
    ordinal: Option<u64>,
    generation: Option<u64>,
    class: Option<u64>,
}

impl PointIds<'_> {
    fn writing(&self) -> Option<(DocumentId, Generation)> {
        Some((self.document?.parse().ok()?, Generation(self.generation?)))
    }

    fn class(&self) -> Option<AccessClass> {
        Some(AccessClass(u32::try_from(self.class?).ok()?))
    }

    /// Counts the point into a list of writings; `None` where it lacks an id.
    fn count(&self, writings: &mut Writings) -> Option<()> {
        Writing::count(writings, self.writing()?, self.class()?, 1);
        Some(())
    }

    fn hit(&self, passage: PassageId, score: f32) -> Option<Hit> {
        let (document, generation) = self.writing()?;
        Some(Hit {
            passage,
            document,
            ordinal: u32::try_from(self.ordinal?).ok()?,
            generation,
            class: self.class()?,
            score,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewer_links_are_left_the_wider_the_search() {
        let table = [(1.0, 192, false), (0.5, 384, false), (0.4, 480, false), (0.1, 192, true)];
        for (share, points, second_hops) in table {
            assert_eq!(Breadth::for_share(share), Breadth { points, second_hops }, "{share}");
        }
    }
}
