//! A two-head, one-block encoder made up on the spot: the importer and the store, in milliseconds.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;

use super::{REAL, Silent, cosine};
use crate::durable::{self, Readers};
use crate::inference::{Encoder, Manifest, ModelRole, Quantization};
use crate::models::{ImportOptions, ModelStore};

const WIDTH: usize = 32;
const WIDE: usize = 64;
const WORDS: usize = 6;
const POSITIONS: usize = 16;

/// Numbers without a pattern, the same every time, within ± 0.5.
fn numbers(count: usize, seed: usize) -> Vec<u8> {
    let values = (0..count).map(|i| ((i * 7_919 + seed * 104_729) % 1_000) as f32 / 1_000.0 - 0.5);
    values.flat_map(f32::to_le_bytes).collect()
}

fn write(path: &Path, bytes: &[u8]) {
    durable::create_dir_all(path.parent().unwrap()).unwrap();
    durable::replace(path, bytes, Readers::Owner).unwrap();
}

/// Writes a source folder in the published form.
fn source(dir: &Path, pooling: &serde_json::Value) {
    let mut shapes: Vec<(String, Vec<usize>)> = vec![
        ("embeddings.word_embeddings.weight".into(), vec![WORDS, WIDTH]),
        ("embeddings.position_embeddings.weight".into(), vec![POSITIONS, WIDTH]),
        ("embeddings.token_type_embeddings.weight".into(), vec![2, WIDTH]),
    ];
    let mut linear = |name: &str, rows: usize, columns: usize| {
        shapes.push((format!("{name}.weight"), vec![rows, columns]));
        shapes.push((format!("{name}.bias"), vec![rows]));
    };
    for part in ["query", "key", "value"] {
        linear(&format!("encoder.layer.0.attention.self.{part}"), WIDTH, WIDTH);
    }
    linear("encoder.layer.0.attention.output.dense", WIDTH, WIDTH);
    linear("encoder.layer.0.intermediate.dense", WIDE, WIDTH);
    linear("encoder.layer.0.output.dense", WIDTH, WIDE);
    let norms = ["embeddings", "encoder.layer.0.attention.output", "encoder.layer.0.output"];
    for norm in norms {
        for part in ["weight", "bias"] {
            shapes.push((format!("{norm}.LayerNorm.{part}"), vec![WIDTH]));
        }
    }
    let data: Vec<_> = shapes
        .iter()
        .enumerate()
        .map(|(seed, (_, shape))| numbers(shape.iter().product(), seed))
        .collect();
    let views: BTreeMap<&str, TensorView<'_>> = shapes
        .iter()
        .zip(&data)
        .map(|((name, shape), bytes)| {
            (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
        })
        .collect();
    write(&dir.join("model.safetensors"), &safetensors::serialize(views, None).unwrap());
    let config = json!({
        "model_type": "bert", "hidden_act": "gelu", "hidden_size": WIDTH,
        "intermediate_size": WIDE, "layer_norm_eps": 1e-12, "num_attention_heads": 2,
        "max_position_embeddings": POSITIONS, "num_hidden_layers": 1, "vocab_size": WORDS,
    });
    write(&dir.join("config.json"), config.to_string().as_bytes());
    write(&dir.join("1_Pooling/config.json"), pooling.to_string().as_bytes());
    let words = json!({ "a": 0, "b": 1, "c": 2, "d": 3, "e": 4, "[UNK]": 5 });
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": null, "pre_tokenizer": { "type": "Whitespace" }, "post_processor": null,
        "decoder": null,
        "model": { "type": "WordLevel", "vocab": words, "unk_token": "[UNK]" },
    });
    write(&dir.join("tokenizer.json"), tokenizer.to_string().as_bytes());
}

fn options(source: PathBuf, quantization: Option<Quantization>) -> ImportOptions {
    ImportOptions { source, name: "tiny".to_owned(), licence: None, quantization }
}

struct Tiny {
    _folder: tempfile::TempDir,
    source: PathBuf,
    store: ModelStore,
    dir: PathBuf,
}

fn tiny() -> Tiny {
    let folder = tempfile::tempdir().unwrap();
    let (made, dir) = (folder.path().join("source"), folder.path().join("store"));
    source(&made, &json!({ "pooling_mode_mean_tokens": true }));
    Tiny { _folder: folder, source: made, store: ModelStore::at(&dir), dir }
}

#[test]
fn two_imports_at_once_give_one_folder_and_leave_nothing_else() {
    let tiny = tiny();
    let import = || tiny.store.import(&options(tiny.source.clone(), None), &Silent).unwrap();
    let (one, two) = std::thread::scope(|scope| {
        let threads = [scope.spawn(import), scope.spawn(import)];
        let [one, two] = threads.map(|thread| thread.join().unwrap());
        (one, two)
    });
    assert_eq!(one, two);
    assert_eq!((one.role, one.dim), (ModelRole::Encoder, Some(WIDTH)));
    assert_eq!(one.tokens_max, POSITIONS, "the position table is the limit");
    assert_eq!(tiny.store.list(), [one]);
    let left = fs::read_dir(&tiny.dir).unwrap().map(|entry| entry.unwrap().file_name());
    let mut left: Vec<_> = left.map(|name| name.into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["lock", "models"]);
}

#[test]
fn eight_bits_and_floats_are_two_models_that_nearly_agree() {
    let tiny = tiny();
    let embed = |quantization| {
        let options = options(tiny.source.clone(), Some(quantization));
        let manifest = tiny.store.import(&options, &Silent).unwrap();
        let dir = tiny.store.model_dir(manifest.id);
        manifest.verify(&dir).unwrap();
        let encoder = Encoder::load(&REAL.runtime, &dir).unwrap();
        assert_eq!(encoder.digest(), manifest.graph_sha256);
        (manifest.id, encoder.embed(&["a b c", "c b a", "d"]).unwrap())
    };
    let (floats_id, floats) = embed(Quantization::None);
    let (bytes_id, bytes) = embed(Quantization::Int8);
    assert_ne!(floats_id, bytes_id);
    for (float, byte) in floats.iter().zip(&bytes) {
        assert!(cosine(float, byte) > 0.99, "{}", cosine(float, byte));
    }
    assert!(cosine(&floats[0], &floats[1]) < 0.999_99, "word order matters");
}

#[test]
fn a_damaged_model_is_noticed_and_built_again() {
    let tiny = tiny();
    let options = options(tiny.source.clone(), None);
    let manifest = tiny.store.import(&options, &Silent).unwrap();
    let dir = tiny.store.model_dir(manifest.id);
    let weights = dir.join(Manifest::WEIGHTS);
    let whole = fs::read(&weights).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    write(&weights, &flipped);
    assert!(manifest.check_sizes(&dir).is_ok(), "the quick check sees sizes only");
    let found = manifest.verify(&dir).unwrap_err();
    assert!(found.to_string().contains("model.onnx_data"), "{found}");
    write(&weights, &whole[1..]);
    assert!(manifest.check_sizes(&dir).is_err());
    assert_eq!(tiny.store.import(&options, &Silent).unwrap(), manifest);
    assert_eq!(fs::read(&weights).unwrap(), whole);
}

#[test]
fn an_encoder_that_pools_otherwise_is_refused() {
    let tiny = tiny();
    source(&tiny.source, &json!({ "pooling_mode_cls_token": true }));
    let refused = tiny.store.import(&options(tiny.source.clone(), None), &Silent).unwrap_err();
    assert!(refused.to_string().contains("mean pooling"), "{refused}");
    assert!(tiny.store.list().is_empty());
}
