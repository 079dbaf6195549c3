use std::path::Path;

use super::bert_source::{Config, Pooling, SentenceConfig, Weights, read_json, read_optional};
use super::graph::GraphWriter;
use super::linear::Matrix;
use super::onnx::{Attribute, CONTRIB, DimSize, ElementType};
use super::{Built, ImportError, Progress, read_whole};
use crate::durable::{self, Readers};
use crate::inference::{Manifest, Quantization};

/// What the folder holds besides the weights; all but the first two may be missing.
pub(super) const SIDE_FILES: [&str; 4] =
    ["config.json", "tokenizer.json", "sentence_bert_config.json", "1_Pooling/config.json"];
/// Passages are made for this length; the position table often holds more.
const TOKENS_MAX: usize = 256;

/// Writes graph, weights and tokenizer of a BERT-family sentence encoder.
pub(super) fn convert(
    source: &Path,
    dir: &Path,
    quantization: Quantization,
    progress: &dyn Progress,
) -> Result<Built, ImportError> {
    let config: Config = read_json(&source.join("config.json"))?;
    let pooling: Pooling = read_optional(&source.join("1_Pooling/config.json"))?;
    let sentence: SentenceConfig = read_optional(&source.join("sentence_bert_config.json"))?;
    config.check(&pooling, source)?;
    let path = source.join("model.safetensors");
    let bytes = read_whole(&path)?;
    let weights = Weights::parse(&path, &bytes)?;
    progress.stage("converting the encoder", Some(config.num_hidden_layers as u64));
    write_graph(&config, &weights, dir, quantization, progress)?;
    let tokenizer = source.join(Manifest::TOKENIZER);
    let target = dir.join(Manifest::TOKENIZER);
    durable::replace(&target, &read_whole(&tokenizer)?, Readers::Owner)
        .map_err(|source| ImportError::Io { path: target, source })?;
    let longest = sentence.max_seq_length.unwrap_or(TOKENS_MAX);
    Ok(Built {
        dim: Some(config.hidden_size),
        tokens_max: longest.min(config.max_position_embeddings),
        chat_template: None,
        end_tokens: Vec::new(),
        vocabulary: None,
        cache: None,
        licence: None,
    })
}

fn write_graph(
    config: &Config,
    weights: &Weights<'_>,
    dir: &Path,
    quantization: Quantization,
    progress: &dyn Progress,
) -> Result<(), ImportError> {
    let failed = |source| ImportError::Io { path: dir.join(Manifest::WEIGHTS), source };
    let mut graph = GraphWriter::create(dir, "encoder").map_err(failed)?;
    let width = DimSize::Fixed(i64::try_from(config.hidden_size).unwrap_or(i64::MAX));
    let (one, length) = (DimSize::Fixed(1), DimSize::Named("tokens".to_owned()));
    graph.input("input_ids", ElementType::Int32, &[one.clone(), length]);
    graph.output("embedding", ElementType::Float, &[one, width]);
    let mut layer = Layer { graph, config, weights, dir, quantization };
    let mut hidden = layer.embed()?;
    for number in 0..config.num_hidden_layers {
        hidden = layer.block(&format!("encoder.layer.{number}"), &hidden)?;
        progress.advance(1);
    }
    let mut graph = layer.graph;
    graph.integers("axes", &[1]).map_err(failed)?;
    let keep = vec![Attribute::int("keepdims", 0)];
    let mean = graph.standard("ReduceMean", &[&hidden, "axes"], keep);
    let norm = vec![Attribute::int("axis", 1), Attribute::int("p", 2)];
    graph.node("", "LpNormalization", &[&mean], &["embedding"], norm);
    graph.finish().map_err(failed)
}

/// Writes the parts of the graph.
struct Layer<'a> {
    graph: GraphWriter,
    config: &'a Config,
    weights: &'a Weights<'a>,
    dir: &'a Path,
    quantization: Quantization,
}

impl Layer<'_> {
    /// Word and position embeddings, normalised. A single text has but one segment, so its
    /// embedding is added to every position here.
    fn embed(&mut self) -> Result<String, ImportError> {
        let (width, words) = (self.config.hidden_size, self.config.vocab_size);
        let word = self.weights.floats("embeddings.word_embeddings.weight", words * width)?;
        let rows = self.config.max_position_embeddings;
        let mut position =
            self.weights.floats("embeddings.position_embeddings.weight", rows * width)?;
        let segment = self.weights.floats("embeddings.token_type_embeddings.weight", 0)?;
        for row in position.chunks_mut(width) {
            row.iter_mut().zip(&segment).for_each(|(value, more)| *value += more);
        }
        self.store("words", &[words, width], &word)?;
        self.store("positions", &[rows, width], &position)?;
        let (gamma, beta) = self.norm("embeddings.LayerNorm")?;
        let inputs = ["input_ids", "", "words", "positions", "", &gamma, &beta];
        let with = vec![Attribute::float("epsilon", self.config.layer_norm_eps)];
        let outputs = ["embedded", "mask_index"];
        self.graph.node(CONTRIB, "EmbedLayerNormalization", &inputs, &outputs, with);
        Ok("embedded".to_owned())
    }

    /// One block: attention, then the feed-forward part, each added to its input and normalised.
    fn block(&mut self, name: &str, hidden: &str) -> Result<String, ImportError> {
        let (width, wide) = (self.config.hidden_size, self.config.intermediate_size);
        let mut project = |part: &str| {
            self.linear(&format!("{name}.attention.self.{part}"), hidden, width, width)
        };
        let (query, key, value) = (project("query")?, project("key")?, project("value")?);
        let heads = i64::try_from(self.config.num_attention_heads).unwrap_or(i64::MAX);
        let with = vec![Attribute::int("num_heads", heads)];
        let attention = self.graph.contrib("MultiHeadAttention", &[&query, &key, &value], with);
        let output = format!("{name}.attention.output");
        let mixed = self.linear(&format!("{output}.dense"), &attention, width, width)?;
        let middle = self.add_and_norm(&format!("{output}.LayerNorm"), &mixed, hidden)?;
        let up = self.linear(&format!("{name}.intermediate.dense"), &middle, wide, width)?;
        let bent = self.graph.contrib("Gelu", &[&up], Vec::new());
        let down = self.linear(&format!("{name}.output.dense"), &bent, width, wide)?;
        self.add_and_norm(&format!("{name}.output.LayerNorm"), &down, &middle)
    }

    fn linear(
        &mut self,
        name: &str,
        input: &str,
        rows: usize,
        columns: usize,
    ) -> Result<String, ImportError> {
        let values = self.weights.floats(&format!("{name}.weight"), rows * columns)?;
        let bias = self.weights.floats(&format!("{name}.bias"), rows)?;
        let matrix = Matrix { rows, columns, values: &values };
        self.graph
            .linear(name, input, &matrix, Some(&bias), self.quantization)
            .map_err(|source| self.failed(source))
    }

    fn add_and_norm(&mut self, name: &str, a: &str, b: &str) -> Result<String, ImportError> {
        let (gamma, beta) = self.norm(name)?;
        let with = vec![Attribute::float("epsilon", self.config.layer_norm_eps)];
        Ok(self.graph.contrib("SkipLayerNormalization", &[a, b, &gamma, &beta], with))
    }

    fn norm(&mut self, name: &str) -> Result<(String, String), ImportError> {
        let width = self.config.hidden_size;
        let names = [format!("{name}.weight"), format!("{name}.bias")];
        for name in &names {
            let values = self.weights.floats(name, width)?;
            self.store(name, &[width], &values)?;
        }
        let [gamma, beta] = names;
        Ok((gamma, beta))
    }

    fn store(&mut self, name: &str, dims: &[usize], data: &[f32]) -> Result<(), ImportError> {
        self.graph.floats(name, dims, data).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: std::io::Error) -> ImportError {
        ImportError::Io { path: self.dir.join(Manifest::WEIGHTS), source }
    }
}
