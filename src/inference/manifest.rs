//! What a model folder says of itself, and whether its files agree.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::LoadError;
use crate::domain::digest::{Digest, DigestWriter};

/// What a model is for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelRole {
    /// Text to vector.
    Encoder,
    /// Chat to text.
    Generator,
    /// Picture of a page to where its lines of text are.
    #[serde(rename = "ocr-detector")]
    OcrDetector,
    /// Picture of a line to its characters.
    #[serde(rename = "ocr-recogniser")]
    OcrRecogniser,
}

impl ModelRole {
    /// For messages: with its article.
    pub(super) fn described(self) -> &'static str {
        match self {
            Self::Encoder => "an encoder",
            Self::Generator => "a generator",
            Self::OcrDetector => "a detector of text",
            Self::OcrRecogniser => "a recogniser of text",
        }
    }
}

/// How the weights of matrices are stored.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantization {
    /// 8 bits in blocks of 32 with one scale each.
    Int8,
    /// 32-bit floats.
    None,
}

impl Quantization {
    /// The name in manifests and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::None => "none",
        }
    }
}

/// A file that a model was made from.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SourceFile {
    /// Its name, without folders.
    pub file: String,
    /// Its digest.
    pub sha256: Digest,
}

/// A file of the model folder, for a quick check that it is whole.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FileStamp {
    /// Its name in the folder.
    pub name: String,
    /// Its size.
    pub size_bytes: u64,
    /// Its digest.
    pub sha256: Digest,
}

/// What a model folder holds, where it came from, and its digests.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Manifest {
    /// The folder's name: the digest of sources, options and importer version.
    pub id: Digest,
    /// For people: such as `all-MiniLM-L6-v2`.
    pub name: String,
    /// What the model is for.
    pub role: ModelRole,
    /// The weights it was made from.
    pub source: SourceFile,
    /// Digest of `tokenizer.json`; models of pictures have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer_sha256: Option<Digest>,
    /// How matrices are stored.
    pub quantization: Quantization,
    /// Version of the importer that made it.
    pub importer_version: u32,
    /// Digest over `model.onnx` followed by `model.onnx_data`.
    pub graph_sha256: Digest,
    /// Every other file of the folder.
    pub files: Vec<FileStamp>,
    /// Licence of the weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Encoder: length of a vector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dim: Option<usize>,
    /// Longest input in tokens: what an encoder reads, what a generator's context holds; 0 for
    /// models of pictures.
    pub tokens_max: usize,
    /// Generator: Jinja template of a chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_template: Option<String>,
    /// Generator: tokens that end a completion.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub end_tokens: Vec<u32>,
    /// Generator: number of tokens it knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<usize>,
    /// Generator: shape of the key/value cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheShape>,
}

/// The key/value cache of a generator.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct CacheShape {
    /// Blocks of the decoder.
    pub layers: usize,
    /// Key/value heads of a block.
    pub heads: usize,
    /// Length of one head.
    pub head_dim: usize,
}

/// Why a manifest cannot be used, or does not describe its folder.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Corrupt: a file is not the one the manifest names.
    #[error("{path} is not the file its manifest describes: remove the folder and import again")]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Corrupt: a field that this role needs is missing.
    #[error("{path} has no {field}: remove the folder and import again")]
    Incomplete {
        /// The manifest.
        path: PathBuf,
        /// The missing field.
        field: &'static str,
    },
    /// Unavailable: a file is missing or cannot be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Corrupt: the manifest is not the JSON it should be.
    #[error("{path} is not a model manifest: {source}")]
    Malformed {
        /// The manifest.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

impl Manifest {
    /// Name of the manifest in a model folder.
    pub const FILE: &'static str = "manifest.json";
    /// Name of the graph in a model folder.
    pub const GRAPH: &'static str = "model.onnx";
    /// Name of the weights in a model folder.
    pub const WEIGHTS: &'static str = "model.onnx_data";
    /// Name of the tokenizer in a model folder.
    pub const TOKENIZER: &'static str = "tokenizer.json";

    /// Reads the manifest of a folder.
    ///
    /// # Errors
    /// Where it is missing or not a manifest.
    pub fn load(dir: &Path) -> Result<Self, ManifestError> {
        let path = dir.join(Self::FILE);
        match fs::read(&path) {
            Err(source) => Err(ManifestError::Io { path, source }),
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|source| ManifestError::Malformed { path, source }),
        }
    }

    /// Checks that every file is there with its size. Quick: reads no file.
    ///
    /// # Errors
    /// Names the first file that is missing or has another size.
    pub fn check_sizes(&self, dir: &Path) -> Result<(), ManifestError> {
        for stamp in &self.files {
            let path = dir.join(&stamp.name);
            match fs::metadata(&path) {
                Err(source) => return Err(ManifestError::Io { path, source }),
                Ok(found) if found.len() != stamp.size_bytes => {
                    return Err(ManifestError::Changed { path });
                }
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// Reads every file again and compares its digest.
    ///
    /// # Errors
    /// Names the first file that is missing or differs.
    pub fn verify(&self, dir: &Path) -> Result<(), ManifestError> {
        let mut graph = DigestWriter::default();
        for stamp in &self.files {
            let path = dir.join(&stamp.name);
            let in_graph = stamp.name == Self::GRAPH || stamp.name == Self::WEIGHTS;
            let mut file = DigestWriter::default();
            read_blocks(&path, &mut |block| {
                file.update(block);
                if in_graph {
                    graph.update(block);
                }
            })
            .map_err(|source| ManifestError::Io { path: path.clone(), source })?;
            if file.finish() != stamp.sha256 {
                return Err(ManifestError::Changed { path });
            }
        }
        if graph.finish() == self.graph_sha256 {
            return Ok(());
        }
        Err(ManifestError::Changed { path: dir.join(Self::GRAPH) })
    }

    /// The manifest of a folder that must hold a model for `role`.
    pub(super) fn load_for(dir: &Path, role: ModelRole) -> Result<Self, LoadError> {
        let manifest = Self::load(dir)?;
        if manifest.role == role {
            return Ok(manifest);
        }
        let (found, wanted) = (manifest.role.described(), role.described());
        Err(LoadError::WrongRole { dir: dir.to_owned(), found, wanted })
    }

    pub(super) fn incomplete(dir: &Path, field: &'static str) -> ManifestError {
        ManifestError::Incomplete { path: dir.join(Self::FILE), field }
    }
}

fn read_blocks(path: &Path, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let mut file = fs::File::open(path)?;
    let mut block = vec![0; 1 << 20];
    loop {
        let size = file.read(&mut block)?;
        match block.get(..size) {
            Some(filled) if size > 0 => each(filled),
            Some(_) | None => return Ok(()),
        }
    }
}
