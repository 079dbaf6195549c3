use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use serde::Deserialize;

use super::linear::BLOCK;
use super::{ImportError, SIZE_MAX, read_whole};

#[derive(Deserialize)]
pub(super) struct Config {
    pub(super) model_type: String,
    pub(super) hidden_act: String,
    pub(super) hidden_size: usize,
    pub(super) intermediate_size: usize,
    pub(super) layer_norm_eps: f32,
    pub(super) max_position_embeddings: usize,
    pub(super) num_attention_heads: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) vocab_size: usize,
}

#[derive(Default, Deserialize)]
pub(super) struct Pooling {
    #[serde(default)]
    pub(super) pooling_mode_cls_token: bool,
    #[serde(default)]
    pub(super) pooling_mode_max_tokens: bool,
}

#[derive(Default, Deserialize)]
pub(super) struct SentenceConfig {
    pub(super) max_seq_length: Option<usize>,
}

impl Config {
    /// Refuses what the converter would get wrong.
    pub(super) fn check(&self, pooling: &Pooling, source: &Path) -> Result<(), ImportError> {
        let detail = if self.model_type != "bert" {
            format!("its model_type is {}", self.model_type)
        } else if self.hidden_act != "gelu" {
            format!("its activation is {}", self.hidden_act)
        } else if pooling.pooling_mode_cls_token || pooling.pooling_mode_max_tokens {
            "it does not use mean pooling".to_owned()
        } else if self.sizes().iter().any(|size| !(1..=SIZE_MAX).contains(size)) {
            format!("its sizes are not all from 1 to {SIZE_MAX}")
        } else if [self.hidden_size, self.intermediate_size].iter().any(|n| n % BLOCK != 0) {
            format!("its widths are no multiples of {BLOCK}")
        } else {
            return Ok(());
        };
        Err(ImportError::Unsupported { path: source.join("config.json"), detail })
    }

    fn sizes(&self) -> [usize; 6] {
        [
            self.hidden_size,
            self.intermediate_size,
            self.max_position_embeddings,
            self.num_attention_heads,
            self.num_hidden_layers,
            self.vocab_size,
        ]
    }
}

/// Tensors by name, as floats.
pub(super) struct Weights<'a> {
    tensors: SafeTensors<'a>,
    path: &'a Path,
    /// Some publishers put `bert.` before every name.
    prefix: &'static str,
}

impl<'a> Weights<'a> {
    pub(super) fn parse(path: &'a Path, bytes: &'a [u8]) -> Result<Self, ImportError> {
        let tensors = SafeTensors::deserialize(bytes)
            .map_err(|e| ImportError::Malformed { path: path.to_owned(), detail: e.to_string() })?;
        let plain = tensors.names().iter().any(|name| name.starts_with("embeddings."));
        Ok(Self { tensors, path, prefix: if plain { "" } else { "bert." } })
    }

    /// A tensor as floats; `count` is checked unless it is 0.
    pub(super) fn floats(&self, name: &str, count: usize) -> Result<Vec<f32>, ImportError> {
        let malformed = |detail| ImportError::Malformed { path: self.path.to_owned(), detail };
        let full = format!("{}{name}", self.prefix);
        let tensor =
            self.tensors.tensor(&full).map_err(|e| malformed(format!("tensor {full}: {e}")))?;
        let bytes = tensor.data();
        let kind = tensor.dtype();
        let values: Vec<f32> = if kind == Dtype::F32 {
            read_array(bytes, f32::from_le_bytes)
        } else if kind == Dtype::F16 {
            read_array(bytes, |b| half::f16::from_le_bytes(b).to_f32())
        } else if kind == Dtype::BF16 {
            read_array(bytes, |b| half::bf16::from_le_bytes(b).to_f32())
        } else {
            return Err(malformed(format!("tensor {full} holds {kind:?}")));
        };
        if count != 0 && values.len() != count {
            return Err(malformed(format!("{full}: {} values, not {count}", values.len())));
        }
        Ok(values)
    }
}

fn read_array<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks::<N>().0.iter().map(|chunk| read(*chunk)).collect()
}

pub(super) fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, ImportError> {
    serde_json::from_slice(&read_whole(path)?)
        .map_err(|e| ImportError::Malformed { path: path.to_owned(), detail: e.to_string() })
}

pub(super) fn read_optional<T: for<'de> Deserialize<'de> + Default>(
    path: &Path,
) -> Result<T, ImportError> {
    if path.exists() { read_json(path) } else { Ok(T::default()) }
}
