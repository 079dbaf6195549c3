//! The record against today: first what an answer depends on, then what came of it.

use serde_json::{Value, json};

use crate::answer::{Parts, events};
use crate::catalogue::Document;
use crate::domain::answer::{Answer, Outcome};
use crate::domain::payload::Token;
use crate::domain::principal::Principal;
use crate::generate::SEED;
use crate::retrieve::EvidenceSet;

use super::difference::{Differences, Kind};
use super::{OnRecord, Rerun};

/// Policy, rights, program, models, thresholds: what may make an answer another one.
pub(super) fn standing(
    parts: &Parts,
    past: &OnRecord,
    account: Option<&Principal>,
    found: &mut Differences,
) {
    let policy = past.terminal().policy();
    found.compare(Kind::Policy, Some(&json!(policy)), &json!(parts.policies.digest()));
    let details = past.received().details();
    if let (Some(recorded), Some(account)) = (details.get("rights"), account) {
        found.compare(Kind::Rights, Some(recorded), &json!(events::rights(parts, account)));
    }
    let Some(recorded) = details.get("setting") else { return found.add(Kind::Setting) };
    let now = json!(parts.setting);
    for (kind, pointer) in [
        (Kind::Encoder, "/models/encoder"),
        (Kind::Generator, "/models/generator"),
        (Kind::Prompt, "/prompt"),
        (Kind::Thresholds, "/thresholds"),
        (Kind::Program, "/program"),
        (Kind::Runtime, "/runtime"),
        (Kind::Threads, "/threads"),
    ] {
        let now = now.pointer(pointer).unwrap_or(&Value::Null);
        found.compare(kind, recorded.pointer(pointer), now);
    }
}

/// Evidence, verdict, text. Tells whether the text is the same, where the recorded one can be had.
pub(super) fn results(
    parts: &Parts,
    past: &OnRecord,
    rerun: &Rerun,
    found: &mut Differences,
) -> Option<bool> {
    let outcome = match rerun.answer.outcome {
        Outcome::Answered => "answer.released",
        Outcome::Refused => "query.refused",
        Outcome::Denied => "query.denied",
        Outcome::Failed => "query.failed",
    };
    found.compare(Kind::Outcome, Some(&json!(past.terminal().kind())), &json!(outcome));
    if let Some(evidence) = &rerun.evidence {
        retrieval(parts, past, evidence, found);
    }
    verdict(parts, past, rerun, found);
    contents(parts, past, &rerun.answer, found)
}

fn retrieval(parts: &Parts, past: &OnRecord, evidence: &EvidenceSet, found: &mut Differences) {
    let hits = past.retrieved("hits");
    let same = found.compare(Kind::Hits, hits, &json!(events::hits(evidence)));
    found.compare(Kind::Withheld, past.retrieved("withheld"), &json!(evidence.withheld()));
    if same {
        return;
    }
    let gone = gone(parts, past);
    if !gone.is_empty() {
        found.compare(Kind::Documents, Some(&json!(gone)), &Value::Null);
    }
    let reached = parts.retriever.generation().0;
    if past.generation().is_some_and(|recorded| recorded > reached) {
        found.compare(Kind::Generation, past.retrieved("generation"), &json!(reached));
    }
}

/// Tokens of documents of the recorded evidence that are no longer there as they were.
fn gone(parts: &Parts, past: &OnRecord) -> Vec<String> {
    let through = past.generation().unwrap_or(u64::MAX);
    let is_there = |document: &Document| document.row.generation.0 <= through;
    let documents = parts.catalogue.documents();
    let there: Vec<&Token> =
        documents.iter().filter(|d| is_there(d)).map(|d| &d.row.token).collect();
    let hits = past.retrieved("hits").and_then(Value::as_array);
    let recorded = hits.into_iter().flatten().filter_map(|hit| hit.get("document")?.as_str());
    let mut gone: Vec<String> = recorded
        .filter(|token| !there.iter().any(|there| there.as_str() == *token))
        .map(str::to_owned)
        .collect();
    gone.sort_unstable();
    gone.dedup();
    gone
}

/// What the terminal entry says.
fn verdict(parts: &Parts, past: &OnRecord, rerun: &Rerun, found: &mut Differences) {
    let details = past.terminal().details();
    let answer = &rerun.answer;
    match &rerun.verdict {
        None => {
            if past.terminal().kind() == "query.denied" {
                found.compare(Kind::Reason, details.get("reason"), &json!(answer.reason));
            }
        }
        Some(Err(refusal)) => {
            if past.terminal().kind() == "query.refused" {
                found.compare(Kind::Reason, details.get("reason"), &json!(refusal.code()));
            }
        }
        Some(Ok(grounded)) => {
            if past.terminal().kind() != "answer.released" {
                return;
            }
            let usage = answer.usage;
            for (kind, field, now) in [
                (Kind::Wording, "mode", json!(grounded.wording())),
                (Kind::WithheldSentences, "withheld_sentences", json!(grounded.withheld().len())),
                (Kind::Citations, "cited", json!(events::cited(parts, answer))),
                (Kind::PromptTokens, "prompt_tokens", json!(usage.prompt_tokens)),
                (Kind::CompletionTokens, "completion_tokens", json!(usage.completion_tokens)),
                (Kind::Seed, "seed", json!(SEED.to_string())),
            ] {
                found.compare(kind, details.get(field), &now);
            }
        }
    }
}

/// The words themselves, against what the terminal entry commits to.
fn contents(
    parts: &Parts,
    past: &OnRecord,
    answer: &Answer,
    found: &mut Differences,
) -> Option<bool> {
    let payload = past.terminal().payload()?;
    let opened = parts.vault.open_payload(&payload).ok();
    let recorded: Option<Answer> = opened.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let Some(recorded) = recorded else {
        found.add(Kind::AnswerErased);
        return None;
    };
    let same =
        found.compare(Kind::AnswerText, Some(&json!(recorded.answer)), &json!(answer.answer));
    let sentences = |answer: &Answer| -> Value {
        let one =
            |s: &crate::domain::answer::Sentence| json!({"text": s.text, "verdict": s.verdict});
        answer.sentences.iter().map(one).collect()
    };
    found.compare(Kind::Sentences, Some(&sentences(&recorded)), &sentences(answer));
    let evidence = |answer: &Answer| -> Value {
        answer.evidence.iter().map(|item| json!({"title": item.title, "text": item.text})).collect()
    };
    found.compare(Kind::Evidence, Some(&evidence(&recorded)), &evidence(answer));
    Some(same)
}
