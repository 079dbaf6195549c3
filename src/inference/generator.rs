use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::cache::CachedDecoder;
use super::chat::{ChatMessage, ChatTemplate};
use super::error::{InferenceError, LoadError};
use super::manifest::{Manifest, ModelRole};
use super::runtime::Runtime;
use super::stops::Stops;
use super::tokens::Tokens;
use crate::domain::digest::Digest;
use crate::domain::limits::{COMPLETION_TOKENS_MAX, PROMPT_TOKENS_MAX};

/// Tokens that fit the key/value cache: the largest prompt, its chat template and the largest
/// completion. About 46 KB each for the default model.
const CONTEXT_TOKENS_MAX: usize = 2_304;
const _: () = assert!(PROMPT_TOKENS_MAX + COMPLETION_TOKENS_MAX <= CONTEXT_TOKENS_MAX);

/// A text generator: chat in, continuation out. Safe to share; one completion at a time.
pub struct Generator {
    decoder: Mutex<CachedDecoder>,
    tokens: Tokens,
    template: ChatTemplate,
    end_tokens: Vec<u32>,
    digest: Digest,
    template_digest: Digest,
    context_max: usize,
    _runtime: Arc<Runtime>,
}

/// How to decode.
#[derive(Clone, Copy, Debug)]
pub struct DecodeOptions<'a> {
    /// Tokens to generate at most.
    pub max_tokens: usize,
    /// Recorded with an answer for decoders that draw lots; greedy decoding has no use for it.
    pub seed: u64,
    /// The completion ends before the first of these.
    pub stop: &'a [String],
}

/// What was generated.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Completion {
    /// The text, without stop string or control tokens.
    pub text: String,
    /// Tokens of the prompt, chat template included.
    pub prompt_tokens: usize,
    /// Tokens generated.
    pub completion_tokens: usize,
    /// Why it ended.
    pub finish: Finish,
}

/// Why a completion ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Finish {
    /// The caller said so.
    Cancelled,
    /// As many tokens as asked for.
    Length,
    /// The model ended its turn, or a stop string occurred.
    Stop,
}

impl Generator {
    /// Loads a model folder.
    ///
    /// # Errors
    /// Where the folder holds no generator, or one that cannot be run.
    pub fn load(runtime: &Arc<Runtime>, dir: &Path) -> Result<Self, LoadError> {
        let manifest = Manifest::load_for(dir, ModelRole::Generator)?;
        let missing = |field| Manifest::incomplete(dir, field);
        let template = manifest.chat_template.ok_or_else(|| missing("chat_template"))?;
        let shape = manifest.cache.ok_or_else(|| missing("cache"))?;
        let vocabulary = manifest.vocabulary.ok_or_else(|| missing("vocabulary"))?;
        let graph = dir.join(Manifest::GRAPH);
        let session = runtime.session(&graph)?;
        let context_max = manifest.tokens_max.min(CONTEXT_TOKENS_MAX);
        let decoder = CachedDecoder::new(session, shape, context_max, vocabulary)
            .map_err(|source| LoadError::Graph { path: graph, source })?;
        Ok(Self {
            decoder: Mutex::new(decoder),
            tokens: Tokens::load(dir)?,
            template: ChatTemplate::parse(dir, &template)?,
            end_tokens: manifest.end_tokens,
            digest: manifest.graph_sha256,
            template_digest: Digest::of(template.as_bytes()),
            context_max,
            _runtime: Arc::clone(runtime),
        })
    }

    /// Digest of the graph and its weights.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Digest of the chat template.
    pub fn template_digest(&self) -> Digest {
        self.template_digest
    }

    /// Tokens of prompt and completion together, at most.
    pub fn context_max(&self) -> usize {
        self.context_max
    }

    /// Tokens of a plain text. A text that the tokenizer cannot read counts as longer than any
    /// limit.
    pub fn count_tokens(&self, text: &str) -> usize {
        self.tokens.plain(text).map_or(usize::MAX, |ids| ids.len())
    }

    /// Tokens of a whole chat, template included.
    ///
    /// # Errors
    /// [`InferenceError::Template`] where the template refuses these messages.
    pub fn count_chat_tokens(&self, chat: &[ChatMessage]) -> Result<usize, InferenceError> {
        self.template.encode(chat, &self.tokens).map(|(ids, _)| ids.len())
    }

    #[cfg(test)]
    pub(crate) fn chat_ids(&self, chat: &[ChatMessage]) -> Vec<u32> {
        self.template.encode(chat, &self.tokens).unwrap().0
    }

    /// Continues a chat with the likeliest tokens (greedy): the same chat and options always give
    /// the same completion on the same machine and build.
    ///
    /// * `on_text`: gets every piece of text as soon as it is certain, and an empty piece before
    ///   each part of the prompt; may end the completion.
    ///
    /// # Errors
    /// [`InferenceError::TooLong`] where prompt and `max_tokens` exceed [`Self::context_max`].
    pub fn complete(
        &self,
        chat: &[ChatMessage],
        options: &DecodeOptions<'_>,
        on_text: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Completion, InferenceError> {
        let (prompt, prefix) = self.template.encode(chat, &self.tokens)?;
        let (prompt_tokens, max_tokens) = (prompt.len(), options.max_tokens);
        if prompt_tokens == 0 || prompt_tokens.saturating_add(max_tokens) > self.context_max {
            let context_max = self.context_max;
            return Err(InferenceError::TooLong { prompt_tokens, max_tokens, context_max });
        }
        let mut decoder = self.decoder.lock().map_err(|_| InferenceError::Poisoned)?;
        let mut stops = Stops::new(options.stop);
        let mut go_on = || on_text("").is_continue();
        let mut next = decoder.read_prompt(&prompt, prefix, &mut go_on)?;
        let mut generated = Vec::new();
        let finish = loop {
            let Some(token) = next else { break Finish::Cancelled };
            if self.end_tokens.contains(&token) {
                break Finish::Stop;
            }
            if generated.len() >= max_tokens {
                break Finish::Length;
            }
            generated.push(token);
            if stops.update(self.tokens.decode(&generated)?) {
                break Finish::Stop;
            }
            let certain = stops.certain();
            if !certain.is_empty() && on_text(certain).is_break() {
                break Finish::Cancelled;
            }
            next = Some(decoder.step(token, prompt_tokens + generated.len() - 1)?);
        };
        let rest = stops.rest();
        if finish != Finish::Cancelled && !rest.is_empty() {
            // The completion is over, so there is nothing left for the callback to end.
            if on_text(rest).is_break() {
                tracing::trace!("cancelled after the end");
            }
        }
        let completion_tokens = generated.len();
        Ok(Completion { text: stops.into_text(), prompt_tokens, completion_tokens, finish })
    }
}
