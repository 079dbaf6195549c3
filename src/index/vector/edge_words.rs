//! Our words in Qdrant Edge's: configuration, points, filters, requests.

use std::num::NonZeroUsize;

use qdrant_edge::external::ordered_float::OrderedFloat;
use qdrant_edge::external::serde_json::{Map, Value, json};
use qdrant_edge::{
    AcornSearchParams, Condition, DEFAULT_VECTOR_NAME, Distance, EdgeConfig, EdgeConfigBuilder,
    EdgeOptimizersConfig, EdgeVectorParams, FieldCondition, Filter, HnswIndexConfig,
    IntegerIndexParams, JsonPath, KeywordIndexParams, Match, NamedQuery, Payload,
    PayloadFieldSchema, PayloadOps, PayloadSchemaParams, PointId, PointInsertOperations,
    PointOperations, PointStructPersisted, QueryEnum, QueryRequest, Range, ScoringQuery,
    ScrollRequest, SearchParams, SetPayloadOp, UpdateOperation, VectorStructPersisted, WalOptions,
    WithPayloadInterface, WithVector,
};

use super::admitted::Admitted;
use super::{
    BUILD_BREADTH, Breadth, CLASS, DOCUMENT, GENERATION, GRAPH_LINKS, ORDINAL, PAGE_POINTS, Point,
    PointIds, below,
};
use crate::domain::access::AccessClass;
use crate::domain::ids::{DocumentId, Generation, PassageId};
use crate::index::error::VectorError;
use crate::index::gate::Gate;

/// One file of the write-ahead log; a batch of points is far smaller.
const WAL_FILE_BYTES: usize = 8 * 1024 * 1024;

pub(super) fn config(dim: usize, exact_kib: usize) -> EdgeConfig {
    let vectors = EdgeVectorParams {
        size: dim,
        distance: Distance::Cosine,
        on_disk: Some(false),
        multivector_config: None,
        datatype: None,
        quantization_config: None,
        hnsw_config: None,
    };
    EdgeConfigBuilder::new()
        .vector(DEFAULT_VECTOR_NAME, vectors)
        .on_disk_payload(true)
        .hnsw_config(HnswIndexConfig {
            m: GRAPH_LINKS,
            ef_construct: BUILD_BREADTH,
            full_scan_threshold: exact_kib,
            max_indexing_threads: 0,
            on_disk: Some(false),
            payload_m: None,
            inline_storage: None,
        })
        .optimizers(EdgeOptimizersConfig {
            default_segment_number: Some(1), // One graph answers faster than two.
            indexing_threshold: Some(exact_kib),
            ..EdgeOptimizersConfig::default()
        })
        .wal_options(WalOptions {
            segment_capacity: WAL_FILE_BYTES,
            segment_queue_len: 0,
            retain_closed: NonZeroUsize::MIN,
        })
        .build()
}

/// What filters ask for. Only the class gets links of its own in the graph: it is the one that
/// cuts deep.
pub(super) fn payload_indexes() -> [(JsonPath, PayloadFieldSchema); 3] {
    let integer = |hnsw| {
        PayloadSchemaParams::Integer(IntegerIndexParams {
            lookup: Some(true),
            range: Some(true),
            enable_hnsw: Some(hnsw),
            ..IntegerIndexParams::default()
        })
    };
    let keyword = PayloadSchemaParams::Keyword(KeywordIndexParams {
        enable_hnsw: Some(false),
        ..KeywordIndexParams::default()
    });
    [(CLASS, integer(true)), (GENERATION, integer(false)), (DOCUMENT, keyword)]
        .map(|(field, params)| (path(field), PayloadFieldSchema::FieldParams(params)))
}

pub(super) fn remove(conditions: Vec<Condition>) -> UpdateOperation {
    let removal = PointOperations::DeletePointsByFilter(all_of(conditions));
    UpdateOperation::PointOperation(removal)
}

pub(super) fn set_class(class: AccessClass, conditions: Vec<Condition>) -> UpdateOperation {
    let mut payload = Map::new();
    payload.insert(CLASS.to_owned(), json!(class.0));
    let (payload, filter) = (Payload(payload), Some(all_of(conditions)));
    let change = SetPayloadOp { payload, points: None, filter, key: None };
    UpdateOperation::PayloadOperation(PayloadOps::SetPayload(change))
}

pub(super) fn upsert(points: Vec<PointStructPersisted>) -> UpdateOperation {
    let points = PointInsertOperations::PointsList(points);
    UpdateOperation::PointOperation(PointOperations::UpsertPoints(points))
}

pub(super) fn to_edge(point: &Point<'_>) -> PointStructPersisted {
    let mut payload = Map::new();
    payload.insert(DOCUMENT.to_owned(), Value::String(point.document.to_string()));
    payload.insert(ORDINAL.to_owned(), json!(point.ordinal));
    payload.insert(GENERATION.to_owned(), json!(point.generation.0));
    payload.insert(CLASS.to_owned(), json!(point.class.0));
    PointStructPersisted {
        id: PointId::Uuid(point.passage.0),
        vector: VectorStructPersisted::Single(point.vector.to_vec()),
        payload: Some(Payload(payload)),
    }
}

/// The nearest permitted points, with their ids.
pub(super) fn nearest(
    gate: &Gate<'_>,
    breadth: Breadth,
    vector: &[f32],
    limit: usize,
) -> QueryRequest {
    // Told whether, Qdrant need not estimate the share a second time.
    let second_hops = AcornSearchParams { enable: true, max_selectivity: Some(OrderedFloat(1.0)) };
    let nearest = QueryEnum::Nearest(NamedQuery::default_dense(vector.to_vec()));
    QueryRequest {
        prefetches: Vec::new(),
        query: Some(ScoringQuery::Vector(nearest)),
        filter: Some(permitted(gate)),
        score_threshold: None,
        limit,
        offset: 0,
        params: Some(SearchParams {
            hnsw_ef: Some(breadth.points),
            acorn: breadth.second_hops.then_some(second_hops),
            ..SearchParams::default()
        }),
        with_vector: WithVector::Bool(false),
        with_payload: WithPayloadInterface::Bool(true),
    }
}

/// One page of all points, with what names their writing.
pub(super) fn page_of_writings(offset: Option<PointId>) -> ScrollRequest {
    ScrollRequest {
        offset,
        limit: Some(PAGE_POINTS),
        with_payload: Some(WithPayloadInterface::Fields(
            [DOCUMENT, GENERATION, CLASS].map(path).into(),
        )),
        ..ScrollRequest::default()
    }
}

/// One page of all points, whole.
pub(super) fn page_of_points(offset: Option<PointId>, limit: usize) -> ScrollRequest {
    ScrollRequest {
        offset,
        limit: Some(limit),
        with_payload: Some(WithPayloadInterface::Bool(true)),
        with_vector: WithVector::Bool(true),
        ..ScrollRequest::default()
    }
}

/// The path of a field at the top of a payload.
fn path(field: &str) -> JsonPath {
    JsonPath { first_key: field.to_owned(), rest: Vec::new() }
}

fn all_of(conditions: Vec<Condition>) -> Filter {
    Filter { should: None, min_should: None, must: Some(conditions), must_not: None }
}

fn permitted(gate: &Gate<'_>) -> Filter {
    let in_force = range(GENERATION, None, None, Some(below(gate.visible_below())));
    let class = |list: Vec<i64>| {
        let these = Match::from(list);
        Condition::Field(FieldCondition::new_match(path(CLASS), these))
    };
    match Admitted::of(gate.classes()) {
        Admitted::Only(these) => all_of(vec![class(these), in_force]),
        Admitted::UpTo(last, but) => {
            Filter { must_not: Some(vec![class(but)]), ..all_of(vec![up_to(0, last), in_force]) }
        }
        Admitted::Runs(runs) => {
            let runs = runs.into_iter().map(|(first, last)| up_to(first, last)).collect();
            Filter { should: Some(runs), ..all_of(vec![in_force]) }
        }
    }
}

fn up_to(first: u32, last: u32) -> Condition {
    range(CLASS, Some(f64::from(first)), Some(f64::from(last)), None)
}

fn range(field: &str, gte: Option<f64>, lte: Option<f64>, lt: Option<f64>) -> Condition {
    let [gte, lte, lt] = [gte, lte, lt].map(|bound| bound.map(OrderedFloat));
    Condition::Field(FieldCondition::new_range(path(field), Range { lt, gt: None, gte, lte }))
}

pub(super) fn is_document(document: DocumentId) -> Condition {
    let matches = Match::from(document.to_string());
    Condition::Field(FieldCondition::new_match(path(DOCUMENT), matches))
}

pub(super) fn is_generation(generation: Generation) -> Condition {
    let matches = Match::from(i64::try_from(generation.0).unwrap_or(i64::MAX));
    Condition::Field(FieldCondition::new_match(path(GENERATION), matches))
}

pub(super) fn ids_of(payload: Option<&Payload>) -> PointIds<'_> {
    let value = |name| payload.and_then(|payload| payload.0.get(name));
    PointIds {
        document: value(DOCUMENT).and_then(Value::as_str),
        ordinal: value(ORDINAL).and_then(Value::as_u64),
        generation: value(GENERATION).and_then(Value::as_u64),
        class: value(CLASS).and_then(Value::as_u64),
    }
}

pub(super) fn passage_of(id: &PointId) -> Result<PassageId, VectorError> {
    match id {
        PointId::Uuid(uuid) => Ok(PassageId(*uuid)),
        PointId::NumId(_) => Err(corrupt(id)),
    }
}

pub(super) fn corrupt(id: &PointId) -> VectorError {
    VectorError::Corrupt { point: id.to_string() }
}
