//! What can go wrong with a model: loading it, running it.

use std::path::PathBuf;

use super::manifest::ManifestError;

/// Why a runtime or a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Operator's fault: the folder holds a model of another kind.
    #[error("{dir} holds {found}, {wanted} is needed: name another model folder")]
    WrongRole {
        /// The folder.
        dir: PathBuf,
        /// What it holds.
        found: &'static str,
        /// What was asked for.
        wanted: &'static str,
    },
    /// Corrupt: the manifest is missing, unreadable or lacks a field. Import the model again.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Corrupt: the tokenizer cannot be used. Import the model again.
    #[error("{path} is not a usable tokenizer: {detail}")]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What the tokenizer library says.
        detail: String,
    },
    /// Corrupt: the chat template cannot be used. Import the model again.
    #[error("the chat template in {dir} cannot be used")]
    Template {
        /// The model folder.
        dir: PathBuf,
        /// Where and why.
        source: minijinja::Error,
    },
    /// Corrupt or foreign: the graph cannot be run. Import the model again.
    #[error("{path} cannot be run: {source}")]
    Graph {
        /// The graph.
        path: PathBuf,
        /// What ONNX Runtime says.
        source: ort::Error,
    },
    /// Operator's fault: ONNX Runtime could not be opened. Run `affiant provision`.
    #[error("ONNX Runtime cannot be opened from {path}: {detail}")]
    Library {
        /// The library file.
        path: PathBuf,
        /// What the loader says.
        detail: String,
    },
    /// Caller's fault: a process can only ever open one ONNX Runtime library.
    #[error("ONNX Runtime is already open from {open}, it cannot be opened again from {path}")]
    OtherLibrary {
        /// The library in use.
        open: PathBuf,
        /// The one asked for.
        path: PathBuf,
    },
}

/// Why a run gave no result.
#[derive(Debug, thiserror::Error)]
pub enum InferenceError {
    /// Caller's fault: prompt and completion do not fit the context. Give less evidence.
    #[error(
        "the prompt is {prompt_tokens} tokens and up to {max_tokens} are asked for, \
         the model holds {context_max}"
    )]
    TooLong {
        /// Tokens of the prompt.
        prompt_tokens: usize,
        /// Tokens asked for.
        max_tokens: usize,
        /// Tokens that fit.
        context_max: usize,
    },
    /// Corrupt: the chat template refused these messages.
    #[error("the chat template cannot render these messages")]
    Template(#[source] minijinja::Error),
    /// Corrupt: the tokenizer refused the text.
    #[error("the tokenizer failed: {0}")]
    Tokenizer(String),
    /// Unavailable: ONNX Runtime failed, most likely for want of memory.
    #[error("ONNX Runtime failed: {0}")]
    Runtime(#[from] ort::Error),
    /// Corrupt: the graph returned something that is not what its manifest promises.
    #[error("the model returned {found}, expected {expected}")]
    Unexpected {
        /// What came.
        found: String,
        /// What should have come.
        expected: String,
    },
    /// Fatal: an earlier run ended in a panic; restart.
    #[error("the model is in an unknown state after an earlier failure: restart the appliance")]
    Poisoned,
}
