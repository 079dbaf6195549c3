//! A Qdrant server or cluster, over gRPC.
//!
//! The client is asynchronous, this room is not: calls run on a small runtime of their own, and
//! the caller's thread waits for the reply. Callers are on blocking threads.

use std::future::Future;
use std::sync::mpsc;
use std::time::Duration;

use qdrant_client::qdrant::{
    Condition, CreateFieldIndexCollectionBuilder, DeletePointsBuilder, FieldType, Filter,
    PointStruct, SetPayloadPointsBuilder, UpsertPointsBuilder,
};
use qdrant_client::{Qdrant, QdrantError};
use tokio::runtime::Runtime;

use super::{
    Breadth, CLASS, DOCUMENT, GENERATION, Point, ServerOptions, VectorIndex, wire_words as words,
};
use crate::domain::access::AccessClass;
use crate::domain::ids::{DocumentId, Generation};
use crate::index::error::{VectorError, VectorStep};
use crate::index::gate::Gate;
use crate::index::hit::{Hit, Writings, rank};

/// Points of one request: about 3 MB of vectors of 384 numbers.
const BATCH_POINTS: usize = 1_024;

/// The server's half of the index.
pub(in crate::index) struct Server {
    client: Qdrant,
    collection: String,
    timeout: Duration,
    /// `None` only while dropped.
    runtime: Option<Runtime>,
}

impl Server {
    /// Connects, makes the collection where it is missing, and checks that its vectors fit.
    pub(in crate::index) fn open(options: &ServerOptions, dim: usize) -> Result<Self, VectorError> {
        options.check()?;
        let mut config = Qdrant::from_url(&options.url)
            .timeout(options.timeout)
            .connect_timeout(options.timeout)
            .keep_alive_while_idle()
            .skip_compatibility_check();
        config.api_key = options.api_key.as_ref().map(|key| key.to_string());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("qdrant-client")
            .enable_all()
            .build()?;
        let client = config.build().map_err(|source| VectorError::Server {
            step: VectorStep::Open,
            source: Box::new(source),
        })?;
        let server = Self {
            client,
            collection: options.collection.clone(),
            timeout: options.timeout,
            runtime: Some(runtime),
        };
        server.prepare(dim)?;
        Ok(server)
    }

    fn prepare(&self, dim: usize) -> Result<(), VectorError> {
        let name = self.collection.clone();
        let info = self.call(VectorStep::Open, |client| async move {
            if !client.collection_exists(&name).await? {
                client.create_collection(words::new_collection(&name, dim)).await?;
            }
            for (field, kind) in [
                (CLASS, FieldType::Integer),
                (GENERATION, FieldType::Integer),
                (DOCUMENT, FieldType::Keyword),
            ] {
                let index = CreateFieldIndexCollectionBuilder::new(&name, field, kind).wait(true);
                client.create_field_index(index).await?; // Does nothing where it exists.
            }
            client.collection_info(&name).await
        })?;
        let found = info.result.as_ref().and_then(words::stored_dim).unwrap_or(0);
        if found != dim as u64 {
            return Err(VectorError::Dimension {
                place: format!("the Qdrant collection {:?}", self.collection),
                expected: dim,
                found: usize::try_from(found).unwrap_or(usize::MAX),
            });
        }
        Ok(())
    }

    /// Runs one call on the runtime and waits for it, a little longer than the client itself.
    fn call<T, F>(&self, step: VectorStep, call: impl FnOnce(Qdrant) -> F) -> Result<T, VectorError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, QdrantError>> + Send + 'static,
    {
        let waited = self.timeout.saturating_mul(2);
        let timed_out = VectorError::TimedOut { step, waited };
        let Some(runtime) = &self.runtime else { return Err(timed_out) };
        let (reply, replies) = mpsc::sync_channel(1);
        let call = call(self.client.clone());
        let running = runtime.spawn(async move {
            // A caller that has stopped waiting needs no reply.
            reply.send(call.await).unwrap_or_default();
        });
        match replies.recv_timeout(waited) {
            Ok(result) => {
                result.map_err(|source| VectorError::Server { step, source: Box::new(source) })
            }
            Err(_) => {
                running.abort();
                Err(timed_out)
            }
        }
    }

    /// Leaves nothing of a test behind.
    #[cfg(test)]
    pub(in crate::index) fn delete_collection(&self) {
        let name = self.collection.clone();
        self.call(VectorStep::Remove, |client| async move { client.delete_collection(name).await })
            .unwrap();
    }

    fn remove_where(&self, conditions: Vec<Condition>) -> Result<(), VectorError> {
        let request =
            DeletePointsBuilder::new(&self.collection).points(Filter::must(conditions)).wait(true);
        self.call(VectorStep::Remove, |client| async move { client.delete_points(request).await })?;
        Ok(())
    }
}

impl VectorIndex for Server {
    fn upsert(&self, points: &[Point<'_>]) -> Result<(), VectorError> {
        for batch in points.chunks(BATCH_POINTS) {
            let batch: Vec<PointStruct> = batch.iter().map(words::to_wire).collect();
            let request = UpsertPointsBuilder::new(&self.collection, batch).wait(true);
            self.call(
                VectorStep::Add,
                |client| async move { client.upsert_points(request).await },
            )?;
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
        let request = words::nearest(&self.collection, gate, breadth, vector);
        let request = request.limit(limit as u64).build();
        let found =
            self.call(VectorStep::Search, |client| async move { client.query(request).await })?;
        let mut hits = Vec::with_capacity(found.result.len());
        for point in found.result {
            let hit = words::passage_of(point.id.as_ref())
                .and_then(|passage| words::ids_of(&point.payload).hit(passage, point.score));
            hits.push(hit.ok_or_else(|| words::corrupt(point.id.as_ref()))?);
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
        self.remove_where(vec![words::is_document(document), words::is_generation(generation)])
    }

    fn set_class(
        &self,
        document: DocumentId,
        generation: Generation,
        class: AccessClass,
    ) -> Result<(), VectorError> {
        let all = [words::is_document(document), words::is_generation(generation)];
        let request = SetPayloadPointsBuilder::new(&self.collection, words::class(class))
            .points_selector(Filter::must(all))
            .wait(true);
        self.call(VectorStep::Relabel, |client| async move { client.set_payload(request).await })?;
        Ok(())
    }

    fn writings(&self) -> Result<Writings, VectorError> {
        let mut found = Writings::new();
        let mut offset = None;
        loop {
            let request = words::page(&self.collection, offset);
            let page =
                self.call(VectorStep::List, |client| async move { client.scroll(request).await })?;
            for point in page.result {
                let counted = words::ids_of(&point.payload).count(&mut found);
                counted.ok_or_else(|| words::corrupt(point.id.as_ref()))?;
            }
            if page.next_page_offset.is_none() {
                return Ok(found);
            }
            offset = page.next_page_offset;
        }
    }

    /// Every change waits until the server has it in its own write-ahead log.
    fn flush(&self) -> Result<(), VectorError> {
        Ok(())
    }

    /// The server looks after its graph itself.
    fn optimise(&self) -> Result<(), VectorError> {
        Ok(())
    }

    /// The server takes removed points off its disk in its own time; its operator can hurry it.
    fn rewrite(&self) -> Result<(), VectorError> {
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background(); // Waiting here could block an asynchronous thread.
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_server_that_is_not_there_is_an_error_not_a_hang() {
        let options = ServerOptions {
            url: "http://127.0.0.1:9".to_owned(), // Discard: nothing listens there.
            api_key: None,
            collection: "passages".to_owned(),
            timeout: Duration::from_secs(1),
        };
        let error = Server::open(&options, 8).err().unwrap();
        assert!(matches!(error, VectorError::Server { step: VectorStep::Open, .. }), "{error:?}");
    }
}
