use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::download::{DownloadError, Wheels, save};
use super::import::{ImportError, ImportOptions, digest_file};
use super::install::{ASIDE_PREFIX, Installed, Part, build, record_name};
use super::progress::Progress;
use super::wheel::WheelError;
use crate::domain::digest::Digest;
use crate::durable::{self, Lock, Readers};
use crate::inference::{Manifest, ManifestError};

/// More models than this in one folder are not listed.
const MODELS_MAX: usize = 1_000;

/// The per-user folder of runtime and models.
#[derive(Clone, Debug)]
pub struct ModelStore {
    dir: PathBuf,
}

/// How to provision.
#[derive(Clone, Debug)]
pub struct ProvisionOptions {
    /// A folder of wheels, for machines without network access; else pip fetches them.
    pub from: Option<PathBuf>,
    /// A folder that gets a copy of the wheels.
    pub save: Option<PathBuf>,
    /// The Python whose pip is asked, such as `python3`.
    pub python: String,
}

/// What is ready to be loaded.
#[derive(Clone, Debug)]
pub struct Provisioned {
    /// ONNX Runtime.
    pub runtime: RuntimeLibrary,
    /// Folder of the default encoder.
    pub encoder: PathBuf,
    /// Folder of the default generator.
    pub generator: PathBuf,
    /// What reads pictures; a home that was provisioned before it existed lacks it, and works.
    pub ocr: Option<OcrFolders>,
    /// Manifests of all these models.
    pub manifests: Vec<Manifest>,
}

/// Folders of the models that read pictures.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OcrFolders {
    /// Finds lines.
    pub detector: PathBuf,
    /// Reads them.
    pub recogniser: PathBuf,
}

/// An ONNX Runtime library.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RuntimeLibrary {
    /// The file to load.
    pub path: PathBuf,
    /// Such as `1.31.1`.
    pub version: String,
    /// Its digest.
    pub sha256: Digest,
}

/// Why runtime and models could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// A wheel could not be had.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// A model could not be converted.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// A wheel could not be unpacked.
    #[error(transparent)]
    Wheel(#[from] WheelError),
    /// Corrupt: something that is installed is not what it was. Remove it and provision again.
    #[error(transparent)]
    Damaged(#[from] ManifestError),
    /// Unavailable: the folder could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl ProvisionError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

impl ModelStore {
    /// The store in `dir`, which need not exist yet.
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Makes runtime and default models ready. Quick where they are; else fetches and builds what
    /// is missing, one process at a time.
    ///
    /// # Errors
    /// Each says what is missing and what to do. What was finished stays, so trying again goes on
    /// from there.
    pub fn provision(
        &self,
        options: &ProvisionOptions,
        progress: &dyn Progress,
    ) -> Result<Provisioned, ProvisionError> {
        if options.save.is_none()
            && let Some(ready) = self.installed()?
            && ready.ocr.is_some()
        {
            return Ok(ready);
        }
        durable::create_dir_all(&self.dir).map_err(|e| ProvisionError::io(&self.dir, e))?;
        let _lock = self.lock()?;
        let wheels_dir = self.dir.join("wheels");
        let wheels =
            Wheels { from: options.from.as_deref(), into: &wheels_dir, python: &options.python };
        let mut record = self.record();
        for part in Part::ALL {
            let wheel = if self.has(part, &record) {
                match options.save {
                    Some(_) => wheels.get(&part.wheel(), progress)?,
                    None => continue,
                }
            } else {
                let wheel = part.install(&self.dir, &wheels, &mut record, progress)?;
                self.write_record(&record)?;
                wheel
            };
            if let Some(dir) = &options.save {
                save(&part.wheel(), &wheel, dir)?;
            }
            let kept = wheels_dir.join(part.wheel().file);
            durable::remove(&kept).map_err(|e| ProvisionError::io(&kept, e))?;
        }
        self.installed()?.ok_or_else(|| {
            let lost = io::Error::other("what was just built is gone: another process removed it");
            ProvisionError::io(&self.dir, lost)
        })
    }

    /// What is ready, or `None` where something is missing that nothing works without. Reads a few
    /// small files.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn installed(&self) -> Result<Option<Provisioned>, ProvisionError> {
        let record = self.record();
        if !Part::NEEDED.iter().all(|part| self.has(*part, &record)) {
            return Ok(None);
        }
        let (Some(library), Some(encoder), Some(generator)) =
            (&record.runtime, record.encoder, record.generator)
        else {
            return Ok(None);
        };
        let runtime = RuntimeLibrary {
            path: self.runtime_dir(library.sha256).join(&library.file),
            version: library.version.clone(),
            sha256: library.sha256,
        };
        let (encoder, generator) = (self.model_dir(encoder), self.model_dir(generator));
        let mut manifests = vec![Manifest::load(&encoder)?, Manifest::load(&generator)?];
        let ocr = record.ocr.as_ref().filter(|_| self.has(Part::Ocr, &record)).map(|found| {
            let dir = |id| self.model_dir(id);
            OcrFolders { detector: dir(found.detector), recogniser: dir(found.recogniser) }
        });
        if let Some(ocr) = &ocr {
            manifests.extend([Manifest::load(&ocr.detector)?, Manifest::load(&ocr.recogniser)?]);
        }
        Ok(Some(Provisioned { runtime, encoder, generator, ocr, manifests }))
    }

    /// Reads every installed file again and compares digests.
    ///
    /// # Errors
    /// Names the first file that differs.
    pub fn verify(&self, installed: &Provisioned) -> Result<(), ProvisionError> {
        let path = &installed.runtime.path;
        if digest_file(path)? != installed.runtime.sha256 {
            return Err(ManifestError::Changed { path: path.clone() }.into());
        }
        let ocr = installed.ocr.iter().flat_map(|ocr| [&ocr.detector, &ocr.recogniser]);
        for dir in [&installed.encoder, &installed.generator].into_iter().chain(ocr) {
            Manifest::load(dir)?.verify(dir)?;
        }
        Ok(())
    }

    /// Converts a model and adds it to the store.
    ///
    /// # Errors
    /// Where the source is damaged or of a kind that is not read.
    pub fn import(
        &self,
        options: &ImportOptions,
        progress: &dyn Progress,
    ) -> Result<Manifest, ProvisionError> {
        durable::create_dir_all(&self.dir).map_err(|e| ProvisionError::io(&self.dir, e))?;
        let _lock = self.lock()?;
        build(&self.dir, options, progress)
    }

    /// Manifests of every whole model in the store, by name and id.
    pub fn list(&self) -> Vec<Manifest> {
        let entries = fs::read_dir(self.dir.join("models")).into_iter().flatten();
        let folders = entries.take(MODELS_MAX).filter_map(Result::ok).map(|entry| entry.path());
        let mut manifests: Vec<_> =
            folders.filter_map(|folder| Manifest::load(&folder).ok()).collect();
        manifests.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
        manifests
    }

    /// The folder of a model.
    pub fn model_dir(&self, id: Digest) -> PathBuf {
        self.dir.join("models").join(id.to_string())
    }

    fn runtime_dir(&self, sha256: Digest) -> PathBuf {
        self.dir.join("runtime").join(sha256.to_string())
    }

    /// Takes the lock, and clears away what a killed process left.
    fn lock(&self) -> Result<Lock, ProvisionError> {
        let path = self.dir.join("lock");
        let lock = Lock::acquire(&path).map_err(|e| ProvisionError::io(&path, e))?;
        for entry in fs::read_dir(&self.dir).into_iter().flatten().filter_map(Result::ok) {
            if entry.file_name().to_string_lossy().starts_with(ASIDE_PREFIX) {
                let path = entry.path();
                fs::remove_dir_all(&path).map_err(|e| ProvisionError::io(&path, e))?;
            }
        }
        Ok(lock)
    }

    /// Whether a part is there, by names and sizes.
    fn has(&self, part: Part, record: &Installed) -> bool {
        let model = |id: Option<Digest>| {
            let folder = id.map(|id| self.model_dir(id));
            folder.is_some_and(|folder| {
                Manifest::load(&folder).is_ok_and(|manifest| manifest.check_sizes(&folder).is_ok())
            })
        };
        match part {
            Part::Runtime => record.runtime.as_ref().is_some_and(|library| {
                let path = self.runtime_dir(library.sha256).join(&library.file);
                fs::metadata(path).is_ok_and(|found| found.len() == library.size_bytes)
            }),
            Part::Encoder => model(record.encoder),
            Part::Generator => model(record.generator),
            Part::Ocr => record.ocr.as_ref().is_some_and(|ocr| {
                let pinned = ocr.wheel == part.wheel().sha256_text();
                pinned && model(Some(ocr.detector)) && model(Some(ocr.recogniser))
            }),
        }
    }

    /// The record, or an empty one: it only ever saves work.
    fn record(&self) -> Installed {
        let bytes = fs::read(self.dir.join(record_name())).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    fn write_record(&self, record: &Installed) -> Result<(), ProvisionError> {
        let path = self.dir.join(record_name());
        let text = serde_json::to_vec_pretty(record).map_err(io::Error::from);
        text.and_then(|text| durable::replace(&path, &text, Readers::Owner))
            .map_err(|e| ProvisionError::io(&path, e))
    }
}
