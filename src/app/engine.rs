//! Models and indexes, and the use cases that need them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use crate::answer::{self, Answerer};
use crate::config::{IndexConfig, Options};
use crate::document::Ocr;
use crate::domain::answer::{ModelsUsed, Setting};
use crate::domain::digest::Digest;
use crate::generate::Drafter;
use crate::index::{Index, IndexOptions, ServerOptions, VectorChoice};
use crate::inference::{Detector, Encoder, Generator, Recogniser, Runtime};
use crate::ingest::{self, Ingestor};
use crate::models::{ModelStore, Progress, ProvisionOptions, Provisioned};
use crate::retrieve::Retriever;
use crate::verify::Verifier;

use super::App;

/// How long one call to a Qdrant server may take before the question fails.
const SERVER_TIMEOUT: Duration = Duration::from_secs(10);

/// The default models, loaded. A clone shares them.
#[derive(Clone)]
pub struct Models {
    /// ONNX Runtime, on which both run.
    pub runtime: Arc<Runtime>,
    /// The sentence encoder.
    pub encoder: Arc<Encoder>,
    /// The generator.
    pub generator: Arc<Generator>,
    /// What reads pictures, where it was provisioned.
    pub ocr: Option<Ocr>,
}

/// What needs models or indexes.
pub struct Engine {
    /// The models.
    pub models: Models,
    /// The indexes.
    pub index: Arc<Index>,
    /// Answers questions.
    pub answerer: Arc<Answerer>,
    /// Takes documents in.
    pub ingestor: Arc<Ingestor>,
}

/// The runtime and models of these options, provisioned where they are missing.
///
/// # Errors
/// What provisioning says.
pub fn models_of(options: &Options, progress: &dyn Progress) -> anyhow::Result<Provisioned> {
    let store = ModelStore::at(&options.models.cache);
    if let Some(installed) = store.installed()? {
        return Ok(installed);
    }
    let python = options.models.python.clone();
    let wanted = ProvisionOptions { from: None, save: None, python };
    store.provision(&wanted, progress).context("the models cannot be provisioned")
}

/// The runtime of a provisioned installation.
///
/// # Errors
/// What the library says.
pub fn load_runtime(options: &Options, found: &Provisioned) -> anyhow::Result<Arc<Runtime>> {
    Runtime::load(&found.runtime.path, options.models.threads)
        .context("ONNX Runtime cannot be loaded; run `affiant provision`")
}

/// What reads pictures, where it was provisioned; needs no home.
///
/// # Errors
/// What the runtime or a model says.
pub fn ocr_of(options: &Options) -> anyhow::Result<Option<Ocr>> {
    let found = ModelStore::at(&options.models.cache).installed()?;
    found.map_or(Ok(None), |found| load_ocr(&load_runtime(options, &found)?, &found))
}

fn load_ocr(runtime: &Arc<Runtime>, found: &Provisioned) -> anyhow::Result<Option<Ocr>> {
    let Some(folders) = &found.ocr else { return Ok(None) };
    let detector = Detector::load(runtime, &folders.detector)?;
    Ok(Some(Ocr::new(detector, Recogniser::load(runtime, &folders.recogniser)?)))
}

impl Models {
    /// Loads the default models.
    ///
    /// # Errors
    /// What a model says.
    pub fn load(options: &Options, found: &Provisioned) -> anyhow::Result<Self> {
        let runtime = load_runtime(options, found)?;
        Ok(Self {
            encoder: Arc::new(Encoder::load(&runtime, &found.encoder)?),
            generator: Arc::new(Generator::load(&runtime, &found.generator)?),
            ocr: load_ocr(&runtime, found)?,
            runtime,
        })
    }

    /// Graph digest by role.
    pub fn digests(&self) -> BTreeMap<String, Digest> {
        let ocr = self.ocr.iter().flat_map(Ocr::models);
        let needed = [("encoder", self.encoder.digest()), ("generator", self.generator.digest())];
        needed.into_iter().chain(ocr).map(|(role, digest)| (role.to_owned(), digest)).collect()
    }
}

impl Engine {
    pub(super) fn assemble(app: &App, models: Models) -> anyhow::Result<Self> {
        let index = Arc::new(open_index(app, models.encoder.dim())?);
        let ingestor = Arc::new(Ingestor::new(ingest::Parts {
            vault: app.vault.clone(),
            state: app.state.clone(),
            log: app.log.clone(),
            catalogue: Arc::clone(&app.catalogue),
            index: Arc::clone(&index),
            sandbox: app.reader.sandbox.clone(),
            encoder: Arc::clone(&models.encoder),
            ocr: models.ocr.clone(),
            clock: Arc::clone(&app.clock),
            entropy: Arc::clone(&app.entropy),
            metrics: Arc::clone(&app.metrics),
        }));
        let answerer = Arc::new(answerer(app, &models, &index));
        Ok(Self { models, index, answerer, ingestor })
    }

    /// Brings the index in line with the log; nothing is found before.
    pub(super) fn recover(&self) -> anyhow::Result<()> {
        let dropped = self.ingestor.recover()?;
        if dropped > 0 {
            tracing::info!(writings = dropped, "dropped what was never activated");
        }
        Ok(())
    }
}

fn setting(models: &Models, drafter: &Drafter) -> Setting {
    let thresholds = [crate::retrieve::settings(), crate::verify::settings()].concat();
    Setting {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        runtime: models.runtime.version().to_owned(),
        threads: u32::try_from(models.runtime.threads()).unwrap_or(u32::MAX),
        models: ModelsUsed {
            encoder: Some(models.encoder.digest()),
            generator: Some(models.generator.digest()),
        },
        prompt: Some(drafter.prompt_digest()),
        thresholds: Some(Digest::of(thresholds.as_bytes())),
    }
}

fn answerer(app: &App, models: &Models, index: &Arc<Index>) -> Answerer {
    let drafter = Drafter::new(Arc::clone(&models.generator));
    Answerer::new(answer::Parts {
        accounts: app.governor.accounts.clone(),
        policies: app.policies.clone(),
        log: app.log.clone(),
        vault: app.vault.clone(),
        state: app.state.clone(),
        catalogue: Arc::clone(&app.catalogue),
        retriever: Retriever::new(
            Arc::clone(index),
            Arc::clone(&models.encoder),
            Arc::clone(&app.catalogue),
            app.policies.clone(),
        ),
        verifier: Verifier::new(Arc::clone(&models.encoder)),
        setting: setting(models, &drafter),
        drafter,
        clock: Arc::clone(&app.clock),
        entropy: Arc::clone(&app.entropy),
        metrics: Arc::clone(&app.metrics),
    })
}

fn open_index(app: &App, dim: usize) -> anyhow::Result<Index> {
    let vector = match &app.options.index {
        IndexConfig::Embedded => VectorChoice::Embedded,
        IndexConfig::Server { url, api_key_file, collection } => {
            let api_key = match api_key_file {
                Some(path) => Some(
                    std::fs::read_to_string(path)
                        .with_context(|| format!("the API key file {}", path.display()))?
                        .trim()
                        .to_owned()
                        .into(),
                ),
                None => None,
            };
            VectorChoice::Server(ServerOptions {
                url: url.clone(),
                api_key,
                collection: collection.clone(),
                timeout: SERVER_TIMEOUT,
            })
        }
    };
    let options = IndexOptions { dir: app.home.index(), dim, vector };
    Index::open(&options).context("the index cannot be opened")
}
