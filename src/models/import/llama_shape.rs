use super::SIZE_MAX;
use super::gguf::{Fault, Gguf};
use super::linear::BLOCK;

/// Rows of the rotary tables; longer contexts are cut here.
const CONTEXT_MAX: usize = 32_768;

/// The largest published models have fewer.
const BLOCKS_MAX: usize = 1_024;

/// Measures of the decoder, from the file's metadata.
pub(super) struct Shape {
    pub(super) blocks: usize,
    pub(super) width: usize,
    pub(super) wide: usize,
    pub(super) heads: usize,
    pub(super) cache_heads: usize,
    pub(super) head_dim: usize,
    pub(super) vocabulary: usize,
    pub(super) context: usize,
    pub(super) epsilon: f32,
    pub(super) rope_base: f64,
}

impl Shape {
    pub(super) fn read(gguf: &Gguf<'_>) -> Result<Self, Fault> {
        let family = gguf.text("general.architecture").unwrap_or("unknown");
        if family != "llama" {
            return Err(format!("its architecture is {family}"));
        }
        if gguf.has_tensor("rope_freqs.weight") || gguf.text("llama.rope.scaling.type").is_some() {
            return Err("it scales its rotary positions".to_owned());
        }
        let number = |key: &str| {
            let key = format!("llama.{key}");
            let found = gguf.integer(&key).filter(|n| (1..=SIZE_MAX).contains(n));
            found.ok_or_else(|| format!("it has no {key} from 1 to {SIZE_MAX}"))
        };
        let (width, heads) = (number("embedding_length")?, number("attention.head_count")?);
        let shape = Self {
            blocks: number("block_count")?,
            width,
            wide: number("feed_forward_length")?,
            heads,
            cache_heads: number("attention.head_count_kv").unwrap_or(heads),
            head_dim: number("attention.key_length").unwrap_or(width / heads),
            vocabulary: gguf.texts("tokenizer.ggml.tokens").map_or(0, |tokens| tokens.len()),
            context: number("context_length")?.min(CONTEXT_MAX),
            epsilon: gguf.float("llama.attention.layer_norm_rms_epsilon").unwrap_or(1e-5) as f32,
            rope_base: gguf.float("llama.rope.freq_base").unwrap_or(10_000.0),
        };
        let rotated = number("rope.dimension_count").unwrap_or(shape.head_dim);
        if rotated != shape.head_dim {
            return Err(format!("it rotates {rotated} of {} dimensions", shape.head_dim));
        }
        if shape.blocks > BLOCKS_MAX {
            return Err(format!("it has more than {BLOCKS_MAX} blocks"));
        }
        let inner = shape.heads * shape.head_dim;
        if [shape.width, shape.wide, inner].iter().any(|size| size % BLOCK != 0) {
            return Err(format!("its widths are no multiples of {BLOCK}"));
        }
        Ok(shape)
    }
}
