use std::path::Path;
use std::sync::{Arc, Mutex};

use ort::session::Session;
use ort::value::Tensor;

use super::error::{InferenceError, LoadError};
use super::manifest::{Manifest, ModelRole};
use super::runtime::Runtime;
use super::tokens::Tokens;
use crate::domain::digest::Digest;

/// Text beyond this many bytes is cut before it is split into tokens: far more than
/// [`Encoder::tokens_max`] tokens of any prose.
const TEXT_BYTES_MAX: usize = 64 * 1024;

/// A sentence encoder: text in, unit vector out. Safe to share; one run at a time.
pub struct Encoder {
    session: Mutex<Session>,
    tokens: Tokens,
    digest: Digest,
    dim: usize,
    tokens_max: usize,
    _runtime: Arc<Runtime>,
}

impl Encoder {
    /// Loads a model folder.
    ///
    /// # Errors
    /// Where the folder holds no encoder, or one that cannot be run.
    pub fn load(runtime: &Arc<Runtime>, dir: &Path) -> Result<Self, LoadError> {
        let manifest = Manifest::load_for(dir, ModelRole::Encoder)?;
        let dim = manifest.dim.ok_or_else(|| Manifest::incomplete(dir, "dim"))?;
        Ok(Self {
            session: Mutex::new(runtime.session(&dir.join(Manifest::GRAPH))?),
            tokens: Tokens::load(dir)?,
            digest: manifest.graph_sha256,
            dim,
            tokens_max: manifest.tokens_max.max(2),
            _runtime: Arc::clone(runtime),
        })
    }

    /// Digest of the graph and its weights.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Length of every vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Longest input in tokens, framing included; longer texts lose their end.
    pub fn tokens_max(&self) -> usize {
        self.tokens_max
    }

    /// Tokens of a text, framing included, however long it is. A text that the tokenizer cannot
    /// read counts as longer than any limit.
    pub fn count_tokens(&self, text: &str) -> usize {
        self.tokens.framed(text).map_or(usize::MAX, |ids| ids.len())
    }

    /// Embeds texts, each on its own, so that a vector never depends on its neighbours.
    ///
    /// * Texts of more than [`Self::tokens_max`] tokens are cut there; check with
    ///   [`Self::count_tokens`] where that matters.
    /// * Returns one vector of [`Self::dim`] floats for each text, of L2 norm 1 (± 1e-5).
    ///
    /// # Errors
    /// [`InferenceError::Runtime`] where ONNX Runtime fails.
    ///
    /// Source: mean pooling, Reimers & Gurevych 2019 (arXiv:1908.10084), section 3.
    pub fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, InferenceError> {
        texts.iter().map(|text| self.embed_one(text)).collect()
    }

    fn embed_one(&self, text: &str) -> Result<Vec<f32>, InferenceError> {
        let head = text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or(text);
        let mut ids = self.tokens.framed(head)?;
        // The last token frames the input: it stays when the end is cut.
        if let (true, Some(last)) = (ids.len() > self.tokens_max, ids.last().copied()) {
            ids.truncate(self.tokens_max - 1);
            ids.push(last);
        }
        let ids: Vec<i32> = ids.into_iter().filter_map(|id| i32::try_from(id).ok()).collect();
        let input = Tensor::from_array(([1, ids.len()], ids))?;
        // The lock is taken for one text at a time: a question waits for one passage at most.
        let mut session = self.session.lock().map_err(|_| InferenceError::Poisoned)?;
        let outputs = session.run(ort::inputs!["input_ids" => input])?;
        let output = outputs.values().next();
        let unexpected = |found: String| InferenceError::Unexpected {
            found,
            expected: format!("one vector of {} floats", self.dim),
        };
        let vector = output.ok_or_else(|| unexpected("nothing".into()))?;
        let (shape, values) = vector.try_extract_tensor::<f32>()?;
        if values.len() != self.dim || !values.iter().all(|value| value.is_finite()) {
            return Err(unexpected(format!("floats of shape {shape}, or not finite")));
        }
        Ok(values.to_vec())
    }
}
