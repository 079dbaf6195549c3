//! Our words in the Qdrant server's: collection, points, filters.

use std::collections::HashMap;

use qdrant_client::Payload;
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::value::Kind;
use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    AcornSearchParams, CollectionInfo, Condition, CreateCollectionBuilder, Distance, Filter,
    HnswConfigDiffBuilder, PointId, PointStruct, QueryPointsBuilder, Range, ScrollPoints,
    ScrollPointsBuilder, SearchParamsBuilder, Value, VectorParamsBuilder,
};
use uuid::Uuid;

use super::admitted::Admitted;
use super::{
    BUILD_BREADTH, Breadth, CLASS, DOCUMENT, EXACT_KIB, GENERATION, GRAPH_LINKS, ORDINAL,
    PAGE_POINTS, Point, PointIds, below,
};
use crate::domain::access::AccessClass;
use crate::domain::ids::{DocumentId, Generation, PassageId};
use crate::index::error::VectorError;
use crate::index::gate::Gate;

pub(super) fn new_collection(name: &str, dim: usize) -> CreateCollectionBuilder {
    let graph = HnswConfigDiffBuilder::default()
        .m(GRAPH_LINKS as u64)
        .ef_construct(BUILD_BREADTH as u64)
        .full_scan_threshold(EXACT_KIB as u64);
    CreateCollectionBuilder::new(name)
        .vectors_config(VectorParamsBuilder::new(dim as u64, Distance::Cosine))
        .hnsw_config(graph)
}

pub(super) fn stored_dim(info: &CollectionInfo) -> Option<u64> {
    let vectors = info.config.as_ref()?.params.as_ref()?.vectors_config.as_ref()?;
    match vectors.config.as_ref()? {
        Config::Params(params) => Some(params.size),
        Config::ParamsMap(_) => None,
    }
}

fn permitted(gate: &Gate<'_>) -> Filter {
    let visible = Range { lt: Some(below(gate.visible_below())), ..Range::default() };
    let in_force = Condition::range(GENERATION, visible);
    match Admitted::of(gate.classes()) {
        Admitted::Only(these) => Filter::must([Condition::matches(CLASS, these), in_force]),
        Admitted::UpTo(last, but) => Filter {
            must_not: vec![Condition::matches(CLASS, but)],
            ..Filter::must([up_to(0, last), in_force])
        },
        Admitted::Runs(runs) => Filter {
            should: runs.into_iter().map(|(first, last)| up_to(first, last)).collect(),
            ..Filter::must([in_force])
        },
    }
}

fn up_to(first: u32, last: u32) -> Condition {
    let range =
        Range { gte: Some(f64::from(first)), lte: Some(f64::from(last)), ..Range::default() };
    Condition::range(CLASS, range)
}

/// The nearest permitted points, with their ids; as many as the caller limits it to.
pub(super) fn nearest(
    collection: &str,
    gate: &Gate<'_>,
    breadth: Breadth,
    vector: &[f32],
) -> QueryPointsBuilder {
    let params = SearchParamsBuilder::default().hnsw_ef(breadth.points as u64);
    let second_hops = AcornSearchParams { enable: Some(true), max_selectivity: Some(1.0) };
    let params = if breadth.second_hops { params.acorn(second_hops) } else { params };
    QueryPointsBuilder::new(collection)
        .query(vector.to_vec())
        .filter(permitted(gate))
        .params(params)
        .with_payload(true)
}

/// One page of all points, with their ids.
pub(super) fn page(collection: &str, offset: Option<PointId>) -> ScrollPoints {
    let page = ScrollPointsBuilder::new(collection)
        .limit(u32::try_from(PAGE_POINTS).unwrap_or(u32::MAX))
        .with_payload(true);
    match offset {
        Some(offset) => page.offset(offset).build(),
        None => page.build(),
    }
}

pub(super) fn is_document(document: DocumentId) -> Condition {
    Condition::matches(DOCUMENT, document.to_string())
}

pub(super) fn is_generation(generation: Generation) -> Condition {
    Condition::matches(GENERATION, i64::try_from(generation.0).unwrap_or(i64::MAX))
}

pub(super) fn class(class: AccessClass) -> Payload {
    let mut payload = Payload::with_capacity(1);
    payload.insert(CLASS, i64::from(class.0));
    payload
}

pub(super) fn to_wire(point: &Point<'_>) -> PointStruct {
    let mut payload = Payload::with_capacity(4);
    payload.insert(DOCUMENT, point.document.to_string());
    payload.insert(ORDINAL, i64::from(point.ordinal));
    payload.insert(GENERATION, i64::try_from(point.generation.0).unwrap_or(i64::MAX));
    payload.insert(CLASS, i64::from(point.class.0));
    PointStruct::new(point.passage.to_string(), point.vector.to_vec(), payload)
}

pub(super) fn ids_of(payload: &HashMap<String, Value>) -> PointIds<'_> {
    let kind = |name| payload.get(name).and_then(|value| value.kind.as_ref());
    let number = |name| match kind(name) {
        Some(Kind::IntegerValue(number)) => u64::try_from(*number).ok(),
        Some(_) | None => None,
    };
    let document = match kind(DOCUMENT) {
        Some(Kind::StringValue(text)) => Some(text.as_str()),
        Some(_) | None => None,
    };
    PointIds {
        document,
        ordinal: number(ORDINAL),
        generation: number(GENERATION),
        class: number(CLASS),
    }
}

pub(super) fn passage_of(id: Option<&PointId>) -> Option<PassageId> {
    match id?.point_id_options.as_ref()? {
        PointIdOptions::Uuid(text) => Uuid::parse_str(text).ok().map(PassageId),
        PointIdOptions::Num(_) => None,
    }
}

pub(super) fn corrupt(id: Option<&PointId>) -> VectorError {
    let point = match id.and_then(|id| id.point_id_options.as_ref()) {
        Some(PointIdOptions::Uuid(text)) => text.clone(),
        Some(PointIdOptions::Num(number)) => number.to_string(),
        None => "without an id".to_owned(),
    };
    VectorError::Corrupt { point }
}
