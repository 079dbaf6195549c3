use std::path::Path;

use tokenizers::Tokenizer;

use super::error::{InferenceError, LoadError};
use super::manifest::Manifest;

/// A tokenizer that reads text as plain text: a control token written out in a text is encoded as
/// its characters. Padding and truncation that a published file may ask for are switched off.
pub(super) struct Tokens {
    tokenizer: Tokenizer,
    /// Control tokens with their ids, longest first, so that no token hides in another.
    control: Vec<(String, u32)>,
}

impl Tokens {
    pub(super) fn load(dir: &Path) -> Result<Self, LoadError> {
        let path = dir.join(Manifest::TOKENIZER);
        let failed = |e: tokenizers::Error| LoadError::Tokenizer {
            path: path.clone(),
            detail: e.to_string(),
        };
        let mut tokenizer = Tokenizer::from_file(&path).map_err(failed)?;
        tokenizer.with_truncation(None).map_err(failed)?;
        tokenizer.with_padding(None);
        tokenizer.set_encode_special_tokens(true);
        let added = tokenizer.get_added_tokens_decoder();
        let special = added.into_iter().filter(|(_, token)| token.special);
        let mut control: Vec<_> = special.map(|(id, token)| (token.content, id)).collect();
        control.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.cmp(b)));
        Ok(Self { tokenizer, control })
    }

    /// Ids of plain text, without the tokens that frame an input.
    pub(super) fn plain(&self, text: &str) -> Result<Vec<u32>, InferenceError> {
        self.encode(text, false)
    }

    /// Ids of plain text, framed as the model wants it, such as `[CLS] … [SEP]`.
    pub(super) fn framed(&self, text: &str) -> Result<Vec<u32>, InferenceError> {
        self.encode(text, true)
    }

    /// Ids of text in which control tokens count: the fixed parts of a chat template.
    pub(super) fn with_control(&self, text: &str) -> Result<Vec<u32>, InferenceError> {
        let mut ids = Vec::new();
        let mut rest = text;
        // Each turn consumes at least one token of `rest`.
        while let Some((before, id, after)) = self.first_control(rest) {
            ids.extend(self.plain(before)?);
            ids.push(id);
            rest = after;
        }
        ids.extend(self.plain(rest)?);
        Ok(ids)
    }

    /// Text of ids; control tokens are left out.
    pub(super) fn decode(&self, ids: &[u32]) -> Result<String, InferenceError> {
        self.tokenizer.decode(ids, true).map_err(|e| InferenceError::Tokenizer(e.to_string()))
    }

    fn encode(&self, text: &str, framed: bool) -> Result<Vec<u32>, InferenceError> {
        if text.is_empty() && !framed {
            return Ok(Vec::new());
        }
        self.tokenizer
            .encode_fast(text, framed)
            .map(|encoding| encoding.get_ids().to_vec())
            .map_err(|e| InferenceError::Tokenizer(e.to_string()))
    }

    fn first_control<'a>(&self, text: &'a str) -> Option<(&'a str, u32, &'a str)> {
        let found = self.control.iter().filter_map(|(token, id)| {
            text.split_once(token.as_str()).map(|(before, after)| (before, *id, after))
        });
        // `min_by_key` keeps the first of equals: the longest token at that place.
        found.min_by_key(|(before, ..)| before.len())
    }
}
