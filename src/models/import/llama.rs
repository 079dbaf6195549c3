use std::io;
use std::path::Path;

use super::gguf::{Fault, Gguf};
use super::gguf_tokenizer::{end_tokens, tokenizer_json};
use super::graph::GraphWriter;
use super::linear::{BLOCK, Matrix};
use super::llama_shape::Shape;
use super::onnx::{Attribute, CONTRIB, DimSize, ElementType};
use super::{Built, ImportError, Progress, read_whole};
use crate::durable::{self, Readers};
use crate::inference::{CacheShape, Manifest, Quantization};

/// Writes graph, weights and tokenizer of a llama-family generator.
pub(super) fn convert(
    source: &Path,
    dir: &Path,
    quantization: Quantization,
    progress: &dyn Progress,
) -> Result<Built, ImportError> {
    let unsupported = |detail| ImportError::Unsupported { path: source.to_owned(), detail };
    let malformed = |detail| ImportError::Malformed { path: source.to_owned(), detail };
    let bytes = read_whole(source)?;
    let gguf = Gguf::parse(&bytes).map_err(malformed)?;
    let shape = Shape::read(&gguf).map_err(unsupported)?;
    let tokenizer = tokenizer_json(&gguf).map_err(unsupported)?;
    let template = gguf.text("tokenizer.chat_template");
    let template = template.ok_or_else(|| unsupported("it has no chat template".to_owned()))?;
    let failed = |source| ImportError::Io { path: dir.to_owned(), source };
    let target = dir.join(Manifest::TOKENIZER);
    durable::replace(&target, tokenizer.as_bytes(), Readers::Owner).map_err(failed)?;
    progress.stage("converting the generator", Some(shape.blocks as u64));
    let graph = GraphWriter::create(dir, "generator").map_err(failed)?;
    let mut decoder = Decoder { graph, gguf: &gguf, shape: &shape, quantization };
    decoder.write(progress).map_err(|stop| match stop {
        Stop::Fault(detail) => malformed(detail),
        Stop::Io(source) => failed(source),
    })?;
    decoder.graph.finish().map_err(failed)?;
    Ok(Built {
        dim: None,
        tokens_max: shape.context,
        chat_template: Some(template.to_owned()),
        end_tokens: end_tokens(&gguf).map_err(malformed)?,
        vocabulary: Some(shape.vocabulary),
        cache: Some(CacheShape {
            layers: shape.blocks,
            heads: shape.cache_heads,
            head_dim: shape.head_dim,
        }),
        licence: gguf.text("general.license").map(str::to_owned),
    })
}

/// Why the graph could not be written: the file's fault, or the disk's.
enum Stop {
    Fault(Fault),
    Io(io::Error),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<io::Error> for Stop {
    fn from(source: io::Error) -> Self {
        Self::Io(source)
    }
}

/// Writes the parts of the graph. Tensor names are those of the GGUF file.
struct Decoder<'a> {
    graph: GraphWriter,
    gguf: &'a Gguf<'a>,
    shape: &'a Shape,
    quantization: Quantization,
}

impl Decoder<'_> {
    fn write(&mut self, progress: &dyn Progress) -> Result<(), Stop> {
        self.declare();
        self.rotary_tables()?;
        let mut stream = self.embed()?;
        self.norm("blk.0.attn_norm")?;
        let with =
            vec![Attribute::float("epsilon", self.shape.epsilon), Attribute::int("axis", -1)];
        let gamma = "blk.0.attn_norm.weight";
        let mut normed =
            self.graph.standard("SimplifiedLayerNormalization", &[&stream, gamma], with);
        for number in 0..self.shape.blocks {
            let next = match number + 1 {
                last if last == self.shape.blocks => "output_norm".to_owned(),
                next => format!("blk.{next}.attn_norm"),
            };
            (normed, stream) = self.block(number, &normed, &stream, &next)?;
            progress.advance(1);
        }
        self.vocabulary(&normed)
    }

    fn declare(&mut self) {
        let fixed = |size: usize| DimSize::Fixed(i64::try_from(size).unwrap_or(i64::MAX));
        let named = |name: &str| DimSize::Named(name.to_owned());
        let shape = self.shape;
        let graph = &mut self.graph;
        graph.input("input_ids", ElementType::Int64, &[fixed(1), named("tokens")]);
        graph.input("seqlens_k", ElementType::Int32, &[fixed(1)]);
        graph.input("total_sequence_length", ElementType::Int32, &[fixed(1)]);
        graph.output("logits", ElementType::Float, &[fixed(1), fixed(1), fixed(shape.vocabulary)]);
        for layer in 0..shape.blocks {
            for part in ["key", "value"] {
                let length = named("cache_tokens");
                let dims = [fixed(1), fixed(shape.cache_heads), length, fixed(shape.head_dim)];
                let past = format!("past_key_values.{layer}.{part}");
                graph.input(&past, ElementType::Float, &dims);
                graph.output(&format!("present.{layer}.{part}"), ElementType::Float, &dims);
            }
        }
    }

    /// Cosines and sines of every position and frequency.
    ///
    /// Source: Su et al. 2021 (arXiv:2104.09864), section 3.2.2.
    fn rotary_tables(&mut self) -> Result<(), Stop> {
        let pairs = self.shape.head_dim / 2;
        let mut cosines = Vec::with_capacity(self.shape.context * pairs);
        let mut sines = Vec::with_capacity(self.shape.context * pairs);
        for position in 0..self.shape.context {
            for pair in 0..pairs {
                let power = -(pair as f64) / pairs as f64;
                let angle = position as f64 * self.shape.rope_base.powf(power);
                cosines.push(angle.cos() as f32);
                sines.push(angle.sin() as f32);
            }
        }
        let dims = [self.shape.context, pairs];
        self.graph.floats("rotary_cosines", &dims, &cosines)?;
        self.graph.floats("rotary_sines", &dims, &sines)?;
        Ok(())
    }

    /// Token embeddings. An 8-bit table stays 8-bit, and is the same bytes as the matrix of the
    /// vocabulary where the file ties them.
    fn embed(&mut self) -> Result<String, Stop> {
        let (rows, columns) = (self.shape.vocabulary, self.shape.width);
        let values = self.gguf.floats("token_embd.weight", &[rows, columns])?;
        if self.quantization == Quantization::None {
            self.graph.floats("token_embd.weight", &[rows, columns], &values)?;
            return Ok(self.graph.standard("Gather", &["token_embd.weight", "input_ids"], vec![]));
        }
        let matrix = Matrix { rows, columns, values: &values };
        let [blocks, _] = self.graph.store_blocks("token_embd", &matrix)?;
        let blocks = blocks.ok_or_else(|| "it has almost no tokens".to_owned())?;
        self.graph.view("token_embd.rows", ElementType::Uint8, &[rows, columns], blocks);
        let with = vec![
            Attribute::int("gather_axis", 0),
            Attribute::int("quantize_axis", 1),
            Attribute::int("block_size", BLOCK as i64),
            Attribute::int("bits", 8),
        ];
        let inputs = ["token_embd.rows", "input_ids", "token_embd.scales"];
        Ok(self.graph.contrib("GatherBlockQuantized", &inputs, with))
    }

    /// One block; returns its output, normalised for the next, and the residual stream.
    fn block(
        &mut self,
        number: usize,
        normed: &str,
        stream: &str,
        next_norm: &str,
    ) -> Result<(String, String), Stop> {
        let (width, wide) = (self.shape.width, self.shape.wide);
        let inner = self.shape.heads * self.shape.head_dim;
        let cached = self.shape.cache_heads * self.shape.head_dim;
        let name = |part: &str| format!("blk.{number}.{part}");
        let query = self.linear(&name("attn_q"), normed, inner, width)?;
        let key = self.linear(&name("attn_k"), normed, cached, width)?;
        let value = self.linear(&name("attn_v"), normed, cached, width)?;
        let attention = self.attention(number, [&query, &key, &value]);
        let mixed = self.linear(&name("attn_output"), &attention, width, inner)?;
        let (normed, stream) = self.add_and_norm(&name("ffn_norm"), stream, &mixed)?;
        let gate = self.linear(&name("ffn_gate"), &normed, wide, width)?;
        let up = self.linear(&name("ffn_up"), &normed, wide, width)?;
        // x · sigmoid(x)
        let silu = vec![Attribute::float("alpha", 1.0)];
        let gate = self.graph.contrib("QuickGelu", &[&gate], silu);
        let product = self.graph.standard("Mul", &[&gate, &up], Vec::new());
        let down = self.linear(&name("ffn_down"), &product, width, wide)?;
        self.add_and_norm(next_norm, &stream, &down)
    }

    /// Attention over the cache. GGUF stores queries and keys for interleaved rotation.
    fn attention(&mut self, number: usize, [query, key, value]: [&str; 3]) -> String {
        let (past, present) = (format!("past_key_values.{number}"), format!("present.{number}"));
        let inputs = [
            query,
            key,
            value,
            &format!("{past}.key"),
            &format!("{past}.value"),
            "seqlens_k",
            "total_sequence_length",
            "rotary_cosines",
            "rotary_sines",
        ];
        let count = |name: &str, n: usize| Attribute::int(name, i64::try_from(n).unwrap_or(0));
        let with = vec![
            count("num_heads", self.shape.heads),
            count("kv_num_heads", self.shape.cache_heads),
            Attribute::int("do_rotary", 1),
            Attribute::int("rotary_interleaved", 1),
        ];
        let output = format!("attention_{number}");
        let (key, value) = (format!("{present}.key"), format!("{present}.value"));
        let outputs = [output.as_str(), &key, &value];
        self.graph.node(CONTRIB, "GroupQueryAttention", &inputs, &outputs, with);
        output
    }

    /// Scores of every token after the last position only.
    fn vocabulary(&mut self, normed: &str) -> Result<(), Stop> {
        self.graph.integers("last", &[-1])?;
        self.graph.integers("end", &[i64::MAX])?;
        self.graph.integers("positions", &[1])?;
        let last = self.graph.standard("Slice", &[normed, "last", "end", "positions"], Vec::new());
        let (rows, columns) = (self.shape.vocabulary, self.shape.width);
        let tied = !self.gguf.has_tensor("output.weight");
        let scores = if tied && self.quantization == Quantization::Int8 {
            // The bytes are there already; only the measures of the matrix are used.
            let matrix = Matrix { rows, columns, values: &[] };
            self.graph.multiply_blocks("token_embd", &last, &matrix, None)
        } else {
            let tensor = if tied { "token_embd.weight" } else { "output.weight" };
            let values = self.gguf.floats(tensor, &[rows, columns])?;
            let matrix = Matrix { rows, columns, values: &values };
            self.graph.linear("output", &last, &matrix, None, self.quantization)?
        };
        self.graph.node("", "Identity", &[&scores], &["logits"], Vec::new());
        Ok(())
    }

    fn linear(
        &mut self,
        name: &str,
        input: &str,
        rows: usize,
        columns: usize,
    ) -> Result<String, Stop> {
        let values = self.gguf.floats(&format!("{name}.weight"), &[rows, columns])?;
        let matrix = Matrix { rows, columns, values: &values };
        Ok(self.graph.linear(name, input, &matrix, None, self.quantization)?)
    }

    fn norm(&mut self, name: &str) -> Result<String, Stop> {
        let (name, width) = (format!("{name}.weight"), self.shape.width);
        let values = self.gguf.floats(&name, &[width])?;
        self.graph.floats(&name, &[width], &values)?;
        Ok(name)
    }

    /// Adds to the residual stream; returns the normalised sum and the sum.
    fn add_and_norm(
        &mut self,
        norm: &str,
        stream: &str,
        more: &str,
    ) -> Result<(String, String), Stop> {
        let gamma = self.norm(norm)?;
        let (normed, sum) = (format!("{norm}.normed"), format!("{norm}.sum"));
        let with = vec![Attribute::float("epsilon", self.shape.epsilon)];
        let outputs = [normed.as_str(), "", "", &sum];
        let inputs = [stream, more, &gamma];
        self.graph.node(CONTRIB, "SkipSimplifiedLayerNormalization", &inputs, &outputs, with);
        Ok((normed, sum))
    }
}
