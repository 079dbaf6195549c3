//! What can go wrong with the index. None of it names a passage's text or a question.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::ids::DocumentId;

/// Why the index could not be opened, written or tidied.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Caller: a vector of another length than the index was opened for. Do not retry.
    #[error(
        "the vector has {found} numbers, this index takes {expected}: use the encoder that it was built with, or rebuild it"
    )]
    Dimension {
        /// What the index takes.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// Fatal: the index folder could not be made.
    #[error("the index folder could not be prepared")]
    Folder(#[from] io::Error),
    /// The words' half.
    #[error(transparent)]
    Lexical(#[from] LexicalError),
    /// Corrupt: one half lost passages that the other has. Rebuild the index.
    #[error(
        "document {document} has {words} passages in the word index and {vectors} in the vector \
         index: run `affiant rebuild`"
    )]
    Uneven {
        /// The first such document.
        document: DocumentId,
        /// Passages in the words' half.
        words: u64,
        /// Points in the vectors' half.
        vectors: u64,
    },
    /// The vectors' half.
    #[error(transparent)]
    Vector(#[from] VectorError),
}

/// Why a search failed. Finding nothing is not an error.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// Caller: a vector of another length than the index was opened for. Do not retry.
    #[error(
        "the question's vector has {found} numbers, this index takes {expected}: use the encoder that it was built with"
    )]
    Dimension {
        /// What the index takes.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// The words' half.
    #[error(transparent)]
    Lexical(#[from] LexicalError),
    /// The vectors' half.
    #[error(transparent)]
    Vector(#[from] VectorError),
}

/// What the words' half was doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LexicalStep {
    /// Taking passages.
    Add,
    /// Making changes durable.
    Flush,
    /// Opening or creating its files.
    Open,
    /// Merging segments.
    Optimise,
    /// Removing passages.
    Remove,
    /// Searching.
    Search,
}

/// A fault of the words' half (tantivy).
#[derive(Debug, thiserror::Error)]
pub enum LexicalError {
    /// Corrupt: an entry lacks its ids. Rebuild the index.
    #[error("the word index has a damaged entry: run `affiant rebuild`")]
    Corrupt,
    /// Fatal where it writes: what is on disk may lack the last changes; stop and open again.
    #[error("the word index could not {step}")]
    Failed {
        /// What it was doing.
        step: LexicalStep,
        /// Tantivy's own error.
        #[source]
        source: Box<tantivy::TantivyError>,
    },
    /// Operator: the files are of another version of this program. The index is derived state.
    #[error("{} holds a word index of another version: delete that folder and run `affiant rebuild`", dir.display())]
    Outdated {
        /// Where it is.
        dir: PathBuf,
    },
}

/// A fault of the vectors' half (Qdrant).
#[derive(Debug, thiserror::Error)]
pub enum VectorError {
    /// Corrupt: a point without the ids that every point has. Rebuild the index.
    #[error("the vector index has a damaged point {point}: run `affiant rebuild`")]
    Corrupt {
        /// The point's id in Qdrant.
        point: String,
    },
    /// Operator: the files or the collection were made for another encoder.
    #[error(
        "{place} holds vectors of {found} numbers, the encoder makes {expected}: delete it and run `affiant rebuild`"
    )]
    Dimension {
        /// The folder or the collection.
        place: String,
        /// What the encoder makes.
        expected: usize,
        /// What is stored.
        found: usize,
    },
    /// Fatal where it writes: stop and open again.
    #[error("the embedded vector index could not {step}")]
    Embedded {
        /// What it was doing.
        step: VectorStep,
        /// Qdrant Edge's own error.
        #[source]
        source: Box<qdrant_edge::OperationError>,
    },
    /// Fatal: the folder of the embedded index could not be read or written.
    #[error("the files of the vector index could not be prepared")]
    Files(#[from] io::Error),
    /// Fatal: what is on disk is unknown; stop, open again and prune.
    #[error("the vector index could not be made durable: check the disk, then start again")]
    NotDurable,
    /// Operator: the address of the server cannot be used as it is.
    #[error("the address of the Qdrant server cannot be used: {detail}")]
    Options {
        /// What is wrong, and what would do.
        detail: &'static str,
    },
    /// Unavailable: the server refused or could not be reached.
    #[error("the Qdrant server could not {step}")]
    Server {
        /// What it was asked for.
        step: VectorStep,
        /// The client's own error.
        #[source]
        source: Box<qdrant_client::QdrantError>,
    },
    /// Unavailable: no reply in time.
    #[error("the Qdrant server did not {step} within {waited:?}")]
    TimedOut {
        /// What it was asked for.
        step: VectorStep,
        /// How long it had.
        waited: Duration,
    },
}

/// What the vectors' half was doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum VectorStep {
    /// Taking points.
    Add,
    /// Listing what it holds.
    List,
    /// Opening or creating its files or collection.
    Open,
    /// Building its graph.
    Optimise,
    /// Putting points into another class.
    Relabel,
    /// Removing points.
    Remove,
    /// Searching.
    Search,
}

impl std::fmt::Display for LexicalStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Add => "take passages",
            Self::Flush => "make its changes durable",
            Self::Open => "be opened",
            Self::Optimise => "merge its segments",
            Self::Remove => "remove passages",
            Self::Search => "be searched",
        })
    }
}

impl std::fmt::Display for VectorStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Add => "take points",
            Self::List => "list its points",
            Self::Open => "be opened",
            Self::Optimise => "build its graph",
            Self::Relabel => "put points into another class",
            Self::Remove => "remove points",
            Self::Search => "search",
        })
    }
}
