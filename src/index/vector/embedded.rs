//! Qdrant Edge: the vectors in this process, under one folder.
//!
//! A new shard is made beside its place and renamed into it, so that a crash never leaves half of
//! one. Edge writes a log ahead of its segments but does not replay it on opening: what was not
//! flushed before a crash is gone, and [`prune`](crate::index::Index::prune) drops what is left.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use qdrant_edge::{
    Condition, CreateIndex, DEFAULT_VECTOR_NAME, EdgeConfig, EdgeShard, FieldIndexOperations,
    OperationError, PointStructPersisted, UpdateOperation, VectorStructInternal,
    VectorStructPersisted,
};

use super::{Breadth, Point, VectorIndex, edge_words as words, write_ahead};
use crate::domain::access::AccessClass;
use crate::domain::ids::{DocumentId, Generation};
use crate::durable;
use crate::index::error::{VectorError, VectorStep};
use crate::index::gate::Gate;
use crate::index::hit::{Hit, Writings, rank};

/// Where Edge keeps its write-ahead log within the shard's folder.
const WRITE_AHEAD: &str = "wal";
/// Points of one operation: bounds what is copied into the write-ahead log at once.
const BATCH_POINTS: usize = 256;

/// The embedded half of the index.
pub(in crate::index) struct Embedded {
    dir: PathBuf,
    /// `None` only while the shard is closed and opened again, and after that failed.
    shard: RwLock<Option<EdgeShard>>,
    /// Held by every change: flushing and optimising must not meet another one in Edge.
    changing: Mutex<()>,
}

fn failed(step: VectorStep) -> impl Fn(OperationError) -> VectorError {
    move |source| VectorError::Embedded { step, source: Box::new(source) }
}

impl Embedded {
    /// Opens the shard in `dir`, or makes it. `exact_kib` is how much a search may compare one by
    /// one before it takes the graph; it counts when the shard is made.
    pub(in crate::index) fn open(
        dir: &Path,
        dim: usize,
        exact_kib: usize,
    ) -> Result<Self, VectorError> {
        let fresh = fresh_dir(dir);
        remove_dir(&fresh)?;
        let retired = retired_dir(dir);
        if !dir.exists() && retired.exists() {
            durable::rename(&retired, dir)?; // A crash between the two renames of a rewrite.
        }
        remove_dir(&retired)?;
        let shard = if dir.exists() {
            load(dir, dim)?
        } else {
            close(create(&fresh, words::config(dim, exact_kib))?)?;
            durable::rename(&fresh, dir)?;
            load(dir, dim)?
        };
        let shard = RwLock::new(Some(shard));
        Ok(Self { dir: dir.to_owned(), shard, changing: Mutex::new(()) })
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shard(&self) -> RwLockReadGuard<'_, Option<EdgeShard>> {
        self.shard.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` on the shard; one that could not be opened again is gone until a restart.
    fn with<T>(
        &self,
        step: VectorStep,
        work: impl FnOnce(&EdgeShard) -> Result<T, OperationError>,
    ) -> Result<T, VectorError> {
        match self.shard().as_ref() {
            Some(shard) => work(shard).map_err(failed(step)),
            None => Err(VectorError::NotDurable),
        }
    }

    fn remove_where(&self, conditions: Vec<Condition>) -> Result<(), VectorError> {
        let _one = self.changing();
        self.with(VectorStep::Remove, |shard| shard.update(words::remove(conditions)))
    }
}

impl VectorIndex for Embedded {
    fn upsert(&self, points: &[Point<'_>]) -> Result<(), VectorError> {
        let _one = self.changing();
        for batch in points.chunks(BATCH_POINTS) {
            let batch = batch.iter().map(words::to_edge).collect();
            self.with(VectorStep::Add, |shard| shard.update(words::upsert(batch)))?;
        }
        Ok(())
    }

    fn search(
        &self,
        gate: &Gate<'_>,
        breadth: Breadth,
        vector: &[f32],
        limit: usize,
    ) -> Result<Vec<Hit>, VectorError> {
        let nearest = words::nearest(gate, breadth, vector, limit);
        let found = self.with(VectorStep::Search, |shard| shard.query(nearest))?;
        let mut hits = Vec::with_capacity(found.len());
        for point in found {
            let passage = words::passage_of(&point.id)?;
            let hit = words::ids_of(point.payload.as_ref()).hit(passage, point.score);
            hits.push(hit.ok_or_else(|| words::corrupt(&point.id))?);
        }
        rank(&mut hits);
        Ok(hits)
    }

    fn remove_document(&self, document: DocumentId) -> Result<(), VectorError> {
        self.remove_where(vec![words::is_document(document)])
    }

    fn remove_generation(
        &self,
        document: DocumentId,
        generation: Generation,
    ) -> Result<(), VectorError> {
        let both = [words::is_document(document), words::is_generation(generation)];
        self.remove_where(both.into())
    }

    fn set_class(
        &self,
        document: DocumentId,
        generation: Generation,
        class: AccessClass,
    ) -> Result<(), VectorError> {
        let _one = self.changing();
        let all = vec![words::is_document(document), words::is_generation(generation)];
        self.with(VectorStep::Relabel, |shard| shard.update(words::set_class(class, all)))
    }

    fn writings(&self) -> Result<Writings, VectorError> {
        let mut found = Writings::new();
        let mut offset = None;
        loop {
            let request = words::page_of_writings(offset);
            let (page, next) = self.with(VectorStep::List, |shard| shard.scroll(request))?;
            for point in page {
                let counted = words::ids_of(point.payload.as_ref()).count(&mut found);
                counted.ok_or_else(|| words::corrupt(&point.id))?;
            }
            if next.is_none() {
                return Ok(found);
            }
            offset = next;
        }
    }

    fn flush(&self) -> Result<(), VectorError> {
        let _one = self.changing();
        match self.shard().as_ref() {
            Some(shard) => flush(shard),
            None => Err(VectorError::NotDurable),
        }
    }

    fn optimise(&self) -> Result<(), VectorError> {
        let _one = self.changing();
        self.with(VectorStep::Optimise, |shard| shard.optimize().map(drop))?;
        if write_ahead::is_long(&self.dir.join(WRITE_AHEAD))? {
            let mut place = self.shard.write().unwrap_or_else(PoisonError::into_inner);
            if let Some(shard) = place.take() {
                let dim = stored_dim(&shard);
                close(shard)?;
                *place = Some(load(&self.dir, dim)?);
            }
        }
        Ok(())
    }

    /// Copies the living points into a new shard. Deleting alone would leave vectors in segments
    /// and in the write-ahead log, and that log cannot be emptied by itself: its numbers go on.
    fn rewrite(&self) -> Result<(), VectorError> {
        let _one = self.changing();
        let fresh = fresh_dir(&self.dir);
        remove_dir(&fresh)?;
        let dim = {
            let old = self.shard();
            let Some(old) = old.as_ref() else { return Err(VectorError::NotDurable) };
            let dim = stored_dim(old);
            let config = old.config().clone();
            let new = create(&fresh, config)?;
            copy(old, &new)?;
            new.optimize().map_err(failed(VectorStep::Optimise))?;
            flush(&new)?;
            close(new)?;
            dim
        };
        let mut place = self.shard.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = place.take() {
            close(old)?;
        }
        let retired = retired_dir(&self.dir);
        durable::rename(&self.dir, &retired)?;
        durable::rename(&fresh, &self.dir)?;
        *place = Some(load(&self.dir, dim)?);
        drop(place);
        remove_dir(&retired)
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        let shard = self.shard.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(Err(error)) = shard.take().map(close) {
            tracing::error!(%error, "the vector index was not closed cleanly");
        }
    }
}

/// Flushes; this version of Edge panics where it cannot.
fn flush(shard: &EdgeShard) -> Result<(), VectorError> {
    catch_unwind(AssertUnwindSafe(|| shard.flush())).map_err(|_| VectorError::NotDurable)
}

/// Closes, which flushes.
fn close(shard: EdgeShard) -> Result<(), VectorError> {
    catch_unwind(AssertUnwindSafe(|| drop(shard))).map_err(|_| VectorError::NotDurable)
}

fn fresh_dir(dir: &Path) -> PathBuf {
    dir.with_extension("new")
}

fn retired_dir(dir: &Path) -> PathBuf {
    dir.with_extension("old")
}

fn remove_dir(dir: &Path) -> Result<(), VectorError> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(durable::at(dir, "remove", e))?,
        Ok(()) | Err(_) => Ok(()),
    }
}

fn create(dir: &Path, config: EdgeConfig) -> Result<EdgeShard, VectorError> {
    durable::create_dir_all(dir)?;
    let open = failed(VectorStep::Open);
    let shard = EdgeShard::new(dir, config).map_err(&open)?;
    for (field_name, schema) in words::payload_indexes() {
        let create = CreateIndex { field_name, field_schema: Some(schema) };
        let create = FieldIndexOperations::CreateIndex(create);
        shard.update(UpdateOperation::FieldIndexOperation(create)).map_err(&open)?;
    }
    flush(&shard)?;
    Ok(shard)
}

fn load(dir: &Path, dim: usize) -> Result<EdgeShard, VectorError> {
    write_ahead::trim(&dir.join(WRITE_AHEAD))?;
    let shard = EdgeShard::load(dir, None).map_err(failed(VectorStep::Open))?;
    let found = stored_dim(&shard);
    if found != dim {
        let place = dir.display().to_string();
        return Err(VectorError::Dimension { place, expected: dim, found });
    }
    Ok(shard)
}

fn stored_dim(shard: &EdgeShard) -> usize {
    shard.config().vectors.get(DEFAULT_VECTOR_NAME).map_or(0, |params| params.size)
}

fn copy(from: &EdgeShard, to: &EdgeShard) -> Result<(), VectorError> {
    let mut offset = None;
    loop {
        let request = words::page_of_points(offset, BATCH_POINTS);
        let (page, next) = from.scroll(request).map_err(failed(VectorStep::List))?;
        let mut batch = Vec::with_capacity(page.len());
        for point in page {
            let Some(VectorStructInternal::Single(vector)) = point.vector else {
                return Err(words::corrupt(&point.id));
            };
            let vector = VectorStructPersisted::Single(vector);
            batch.push(PointStructPersisted { id: point.id, vector, payload: point.payload });
        }
        to.update(words::upsert(batch)).map_err(failed(VectorStep::Add))?;
        if next.is_none() {
            return Ok(());
        }
        offset = next;
    }
}
