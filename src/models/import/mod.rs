//! Published weights to ONNX: `model.safetensors` of the BERT family and GGUF of the llama family.
//!
//! The graphs use ONNX Runtime's own operators (`com.microsoft`). Weights go to `model.onnx_data`
//! at multiples of 64 bytes, so that they can be mapped. The same source, options and importer
//! version give the same bytes.

mod bert;
mod bert_source;
mod dequantise;
mod gguf;
mod gguf_reader;
mod gguf_tokenizer;
mod graph;
mod linear;
mod llama;
mod llama_shape;
mod onnx;

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::progress::Progress;
use crate::domain::digest::{Digest, DigestWriter};
use crate::durable::{self, Readers};
use crate::inference::{CacheShape, FileStamp, Manifest, ModelRole, Quantization, SourceFile};

/// Changes whenever the same source would give another graph.
pub(super) const IMPORTER_VERSION: u32 = 1;
/// Source files are held in memory while they are converted.
const SOURCE_BYTES_MAX: u64 = 8 << 30;

/// No width, count or vocabulary of a model is larger; products of two of them cannot overflow.
const SIZE_MAX: usize = 1 << 24;

/// What to import and how.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// A folder with `model.safetensors`, `config.json` and `tokenizer.json`, or a GGUF file.
    pub source: PathBuf,
    /// For people.
    pub name: String,
    /// Licence of the weights, where the source does not say.
    pub licence: Option<String>,
    /// `None` takes what was measured best for the role: floats for encoders (8-bit blocks are a
    /// fifth faster, but lose up to 0.002 of cosine on texts of a word), 8 bits for generators.
    pub quantization: Option<Quantization>,
}

/// Why a model could not be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Unavailable: a file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Corrupt: the file is not what it claims to be. Fetch it again.
    #[error("{path} is damaged: {detail}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// Caller's fault: a model of another kind.
    #[error(
        "{path} cannot be imported: {detail}. Give a folder with a BERT-family model.safetensors \
         or a GGUF file of the llama family (F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1 or Q8_0)"
    )]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What is not supported.
        detail: String,
    },
}

/// A source that was recognised and hashed, ready to be built.
pub(super) struct Source {
    kind: Kind,
    /// The weights.
    weights: PathBuf,
    weights_sha256: Digest,
    quantization: Quantization,
    /// The name of the model folder.
    pub(super) id: Digest,
}

#[derive(Clone, Copy)]
enum Kind {
    Bert,
    Llama,
}

/// What a converter found out while it wrote graph, weights and tokenizer.
struct Built {
    dim: Option<usize>,
    tokens_max: usize,
    chat_template: Option<String>,
    end_tokens: Vec<u32>,
    vocabulary: Option<usize>,
    cache: Option<CacheShape>,
    licence: Option<String>,
}

impl Source {
    /// Recognises a source by its form and computes the id of the model it gives.
    pub(super) fn open(options: &ImportOptions) -> Result<Self, ImportError> {
        let path = &options.source;
        let (kind, weights, others) = if path.is_dir() {
            let others = bert::SIDE_FILES.iter().map(|name| path.join(name)).collect();
            (Kind::Bert, path.join("model.safetensors"), others)
        } else {
            (Kind::Llama, path.clone(), Vec::new())
        };
        let quantization = options.quantization.unwrap_or(match kind {
            Kind::Bert => Quantization::None,
            Kind::Llama => Quantization::Int8,
        });
        let weights_sha256 = digest_file(&weights)?;
        let mut digests = vec![weights_sha256];
        for other in others.iter().filter(|other: &&PathBuf| other.exists()) {
            digests.push(digest_file(other)?);
        }
        let version = IMPORTER_VERSION.to_be_bytes();
        let fixed: [&[u8]; 3] = [b"affiant model", &version, quantization.as_str().as_bytes()];
        let sources = digests.iter().map(|digest| &digest.as_bytes()[..]);
        let id = Digest::of_parts(fixed.into_iter().chain(sources));
        Ok(Self { kind, weights, weights_sha256, quantization, id })
    }

    /// Writes the model folder's files into `dir`, the manifest last.
    pub(super) fn build(
        &self,
        dir: &Path,
        options: &ImportOptions,
        progress: &dyn Progress,
    ) -> Result<Manifest, ImportError> {
        let built = match self.kind {
            Kind::Bert => bert::convert(&options.source, dir, self.quantization, progress)?,
            Kind::Llama => llama::convert(&self.weights, dir, self.quantization, progress)?,
        };
        let role = match self.kind {
            Kind::Bert => ModelRole::Encoder,
            Kind::Llama => ModelRole::Generator,
        };
        let (files, graph_sha256) =
            stamps(dir, &[Manifest::GRAPH, Manifest::WEIGHTS, Manifest::TOKENIZER])?;
        let tokenizer = files.iter().find(|stamp| stamp.name == Manifest::TOKENIZER);
        let file = self.weights.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let manifest = Manifest {
            id: self.id,
            name: options.name.clone(),
            role,
            source: SourceFile { file, sha256: self.weights_sha256 },
            tokenizer_sha256: tokenizer.map(|stamp| stamp.sha256),
            quantization: self.quantization,
            importer_version: IMPORTER_VERSION,
            graph_sha256,
            files,
            licence: built.licence.or_else(|| options.licence.clone()),
            dim: built.dim,
            tokens_max: built.tokens_max,
            chat_template: built.chat_template,
            end_tokens: built.end_tokens,
            vocabulary: built.vocabulary,
            cache: built.cache,
        };
        write_manifest(&manifest, dir)?;
        Ok(manifest)
    }
}

/// Moves a graph that is used as it was published into a model folder, the manifest last.
pub(super) fn keep_graph(
    from: &Path,
    role: ModelRole,
    dir: &Path,
) -> Result<Manifest, ImportError> {
    let source_sha256 = digest_file(from)?;
    let path = dir.join(Manifest::GRAPH);
    durable::rename(from, &path).map_err(|source| ImportError::Io { path, source })?;
    let (files, graph_sha256) = stamps(dir, &[Manifest::GRAPH])?;
    let file = from.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let manifest = Manifest {
        id: Digest::of_parts([&b"affiant model"[..], b"as published", source_sha256.as_bytes()]),
        name: file.trim_end_matches(".onnx").to_owned(),
        role,
        source: SourceFile { file, sha256: source_sha256 },
        tokenizer_sha256: None,
        quantization: Quantization::None,
        importer_version: IMPORTER_VERSION,
        graph_sha256,
        files,
        licence: Some("apache-2.0".to_owned()),
        dim: None,
        tokens_max: 0,
        chat_template: None,
        end_tokens: Vec::new(),
        vocabulary: None,
        cache: None,
    };
    write_manifest(&manifest, dir)?;
    Ok(manifest)
}

fn write_manifest(manifest: &Manifest, dir: &Path) -> Result<(), ImportError> {
    let path = dir.join(Manifest::FILE);
    let text = serde_json::to_vec_pretty(manifest).map_err(io::Error::from);
    text.and_then(|text| durable::replace(&path, &text, Readers::Owner))
        .map_err(|source| ImportError::Io { path, source })
}

/// Size and digest of each file, and the digest over graph and weights.
fn stamps(dir: &Path, names: &[&str]) -> Result<(Vec<FileStamp>, Digest), ImportError> {
    let mut stamps = Vec::new();
    let mut graph = DigestWriter::default();
    for name in names.iter().copied() {
        let mut file = DigestWriter::default();
        let size_bytes = read_file(&dir.join(name), &mut |block| {
            file.update(block);
            if name != Manifest::TOKENIZER {
                graph.update(block);
            }
        })?;
        stamps.push(FileStamp { name: name.to_owned(), size_bytes, sha256: file.finish() });
    }
    Ok((stamps, graph.finish()))
}

/// The digest of a file of any size.
pub(super) fn digest_file(path: &Path) -> Result<Digest, ImportError> {
    let mut digest = DigestWriter::default();
    read_file(path, &mut |block| digest.update(block))?;
    Ok(digest.finish())
}

fn read_file(path: &Path, each: &mut dyn FnMut(&[u8])) -> Result<u64, ImportError> {
    let failed = |source| ImportError::Io { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let mut block = vec![0; 1 << 20];
    let mut total = 0;
    loop {
        let size = file.read(&mut block).map_err(failed)?;
        match block.get(..size) {
            Some(filled) if size > 0 => each(filled),
            Some(_) | None => return Ok(total),
        }
        total += size as u64;
    }
}

fn read_whole(path: &Path) -> Result<Vec<u8>, ImportError> {
    let failed = |source| ImportError::Io { path: path.to_owned(), source };
    let size = fs::metadata(path).map_err(failed)?.len();
    if size > SOURCE_BYTES_MAX {
        let detail = format!("it has {size} bytes, at most {SOURCE_BYTES_MAX} are read");
        return Err(ImportError::Unsupported { path: path.to_owned(), detail });
    }
    fs::read(path).map_err(failed)
}
