//! A GGUF vocabulary as the `tokenizer.json` of the tokenizer library.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::gguf::{Fault, Gguf};

/// `tokenizer.ggml.token_type` of control tokens.
const CONTROL: i64 = 3;

/// Control tokens that end a turn or a text, under the names that publishers use.
const END_TOKENS: [&str; 5] =
    ["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "</s>"];

/// Byte-level BPE from `tokens` and `merges`.
pub(super) fn tokenizer_json(gguf: &Gguf<'_>) -> Result<String, Fault> {
    let model = gguf.text("tokenizer.ggml.model").unwrap_or("none");
    if model != "gpt2" {
        return Err(format!("its tokenizer is {model}: only byte-level BPE (gpt2) is read"));
    }
    let tokens = gguf.texts("tokenizer.ggml.tokens").ok_or("it has no tokens")?;
    let merges = gguf.texts("tokenizer.ggml.merges").ok_or("it has no merges")?;
    let vocabulary: BTreeMap<&str, usize> = tokens.iter().copied().zip(0..).collect();
    let pairs: Option<Vec<_>> = merges.iter().map(|pair| pair.split_once(' ')).collect();
    let added: Vec<Value> = control_tokens(gguf)?
        .into_iter()
        .map(|(id, content)| {
            json!({
                "id": id, "content": content, "special": true, "single_word": false,
                "lstrip": false, "rstrip": false, "normalized": false,
            })
        })
        .collect();
    let tokenizer = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": null,
        "pre_tokenizer": pre_tokenizer(gguf)?,
        "post_processor": null,
        "decoder": { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
                     "use_regex": true },
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "ignore_merges": false, "vocab": vocabulary,
            "merges": pairs.ok_or("a merge is not a pair")?,
        },
    });
    Ok(tokenizer.to_string())
}

/// Ids of the control tokens that end a completion.
pub(super) fn end_tokens(gguf: &Gguf<'_>) -> Result<Vec<u32>, Fault> {
    let control = control_tokens(gguf)?;
    let named = control.iter().filter(|(_, name)| END_TOKENS.contains(name)).map(|(id, _)| *id);
    let told = ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"];
    let told = told.into_iter().filter_map(|key| gguf.integer(key));
    let mut ids: Vec<u32> = named.chain(told).filter_map(|id| u32::try_from(id).ok()).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

fn control_tokens<'a>(gguf: &'a Gguf<'_>) -> Result<Vec<(usize, &'a str)>, Fault> {
    let tokens = gguf.texts("tokenizer.ggml.tokens").ok_or("it has no tokens")?;
    let kinds = gguf.integers("tokenizer.ggml.token_type").ok_or("it has no token types")?;
    let pairs = tokens.into_iter().zip(kinds).enumerate();
    Ok(pairs.filter(|(_, (_, kind))| *kind == CONTROL).map(|(id, (text, _))| (id, text)).collect())
}

/// How text is cut before pairs are merged.
///
/// Source: `llm_tokenizer_bpe` in llama.cpp's `llama-vocab.cpp`.
fn pre_tokenizer(gguf: &Gguf<'_>) -> Result<Value, Fault> {
    let byte_level = json!({
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true,
    });
    match gguf.text("tokenizer.ggml.pre").unwrap_or("default") {
        "smollm" => Ok(json!({
            "type": "Sequence",
            "pretokenizers": [{ "type": "Digits", "individual_digits": true }, byte_level],
        })),
        "gpt-2" | "default" => Ok(byte_level),
        other => Err(format!("its text splitting is {other}: only smollm and gpt-2 are read")),
    }
}
