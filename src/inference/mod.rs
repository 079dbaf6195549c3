//! What does this pinned model compute? ONNX Runtime sessions, encoder, generator, tokenizers.
//!
//! [`Runtime::load`] opens ONNX Runtime once per process. [`Encoder`] turns texts into vectors,
//! [`Generator`] continues a chat, [`Detector`] and [`Recogniser`] read pictures. Each reads one
//! model folder:
//!
//! | file | holds |
//! | --- | --- |
//! | `manifest.json` | [`Manifest`]: what the model is, where it came from, and its digests |
//! | `model.onnx`, `model.onnx_data` | the graph, and its weights as raw bytes that are mapped, not read |
//! | `tokenizer.json` | the tokenizer |
//!
//! Same input, same output: decoding is greedy, tensor shapes depend on the request alone, and
//! nothing of an earlier request can change a later one. Every run is bounded: texts are cut at
//! [`Encoder::tokens_max`], prompt and completion together never exceed
//! [`Generator::context_max`].
//!
//! Trust: model folders are trusted as far as their digests are; who pins them checks them with
//! [`Manifest::verify`]. Prompt text is data: no text of a message can become a control token.
//! Nothing here logs what goes in or comes out, and ONNX Runtime's own telemetry is off.
//! Does not do: fetching or converting models (`models`), prompts (`generate`).

mod cache;
mod chat;
mod encoder;
mod error;
mod generator;
mod manifest;
mod picture;
mod runtime;
mod stops;
mod tokens;

pub use chat::{ChatMessage, Role};
pub use encoder::Encoder;
pub use error::{InferenceError, LoadError};
pub use generator::{Completion, DecodeOptions, Finish, Generator};
pub use manifest::{
    CacheShape, FileStamp, Manifest, ManifestError, ModelRole, Quantization, SourceFile,
};
pub use picture::{Detector, Guess, Recogniser, Step};
pub use runtime::Runtime;
