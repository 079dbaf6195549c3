//! What an entry is in the life of a question.

/// What a type of entry means for the query that its `req` names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum QueryStep {
    /// The query begins.
    Received,
    /// Its evidence is known.
    Retrieved,
    /// It ends, with something shown that the evidence must precede.
    Released,
    /// It ends with nothing shown.
    Closed,
}

impl QueryStep {
    /// The step that an entry of this type is, if any.
    pub fn of(kind: &str) -> Option<Self> {
        match kind {
            "query.received" => Some(Self::Received),
            "retrieval.done" => Some(Self::Retrieved),
            "answer.released" | "search.released" => Some(Self::Released),
            "query.refused" | "query.denied" | "query.failed" => Some(Self::Closed),
            _ => None,
        }
    }
}
