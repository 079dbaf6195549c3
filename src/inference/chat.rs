//! From a chat to tokens, by the model's own template.

use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Value, context};

use super::error::{InferenceError, LoadError};
use super::tokens::Tokens;

/// Who speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// The appliance's instructions.
    System,
    /// The prompt.
    User,
    /// An earlier completion.
    Assistant,
}

impl Role {
    /// The name that chat templates know.
    fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One message of a chat.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChatMessage {
    /// Who speaks.
    pub role: Role,
    /// Plain text: control tokens written out in it stay text.
    pub text: String,
}

/// A model's own chat template, as found in its source file.
pub(super) struct ChatTemplate {
    environment: Environment<'static>,
}

/// Message texts are put in after rendering, at these marks, so that neither the template language
/// nor the tokenizer can take any of their characters for its own. Private-use characters.
const MARK_OPEN: char = '\u{F8A0}';
const MARK_CLOSE: char = '\u{F8A1}';
const NAME: &str = "chat";
/// Steps of the template language; the usual templates take a few hundred.
const FUEL: u64 = 100_000;

impl ChatTemplate {
    pub(super) fn parse(dir: &Path, source: &str) -> Result<Self, LoadError> {
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        // Chat templates are written for these two settings.
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        syntax
            .map(|syntax| environment.set_syntax(syntax))
            .and_then(|()| environment.add_template_owned(NAME, source.to_owned()))
            .map_err(|source| LoadError::Template { dir: dir.to_owned(), source })?;
        Ok(Self { environment })
    }

    /// Token ids of a chat, ready for the assistant's turn, and how many of them come before the
    /// second message: a prefix that stays the same from request to request.
    pub(super) fn encode(
        &self,
        chat: &[ChatMessage],
        tokens: &Tokens,
    ) -> Result<(Vec<u32>, usize), InferenceError> {
        let turns = chat.iter().enumerate().map(|(at, message)| {
            let content = format!("{MARK_OPEN}{at}{MARK_CLOSE}");
            context! { role => message.role.as_str(), content }
        });
        let messages: Vec<Value> = turns.collect();
        let rendered = self
            .environment
            .get_template(NAME)
            .and_then(|t| t.render(context! { messages, add_generation_prompt => true }))
            .map_err(InferenceError::Template)?;
        let mut ids = Vec::new();
        let mut prefix = 0;
        let mut parts = rendered.split(MARK_OPEN);
        ids.extend(tokens.with_control(parts.next().unwrap_or_default())?);
        for (turn, part) in parts.enumerate() {
            let (at, fixed) = part.split_once(MARK_CLOSE).unwrap_or(("", part));
            if turn == 1 {
                prefix = ids.len();
            }
            if let Some(message) = at.parse().ok().and_then(|at: usize| chat.get(at)) {
                ids.extend(tokens.plain(&message.text)?);
            }
            ids.extend(tokens.with_control(fixed)?);
        }
        Ok((ids, prefix))
    }
}
