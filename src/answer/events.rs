//! Builds log events from the steps of a question. No words of people or documents go in here:
//! those are sealed in the vault and committed to.

use std::collections::BTreeSet;

use crate::audit::{Added, CitedSpan, Event, HitDecision, QueryKind, RetrievedHit, What};
use crate::domain::answer::Answer;
use crate::domain::digest::Digest;
use crate::domain::ids::RequestId;
use crate::domain::payload::{PayloadRef, Token, TokenKind};
use crate::domain::principal::Principal;
use crate::domain::question::{Mode, Question, Scope};
use crate::generate::SEED;
use crate::retrieve::EvidenceSet;
use crate::store::{KeyScope, VaultError};
use crate::verify::{Grounded, Refusal};

use super::spine::Run;
use super::{Asker, Parts};

/// A question is its asker's, and that of the matter and patient it names, where they have keys.
pub(super) fn key_scope(parts: &Parts, asker: &Asker, question: &Question) -> KeyScope {
    let own = KeyScope::of(TokenKind::Person, &asker.actor.id);
    named(question).into_iter().fold(own, |scope, (kind, name)| match token(parts, kind, name) {
        Some(token) => scope.and(KeyScope::of(kind, &token)),
        None => scope,
    })
}

/// Gives the matter and patient that a question names keys, where they have none.
pub(super) fn give_keys(parts: &Parts, question: &Question) -> Result<(), VaultError> {
    for (kind, name) in named(question) {
        if let Some(name) = name {
            parts.vault.subject(kind, name)?;
        }
    }
    Ok(())
}

fn named(question: &Question) -> [(TokenKind, Option<&str>); 2] {
    let Scope { matter, patient, .. } = &question.scope;
    [(TokenKind::Matter, matter.as_deref()), (TokenKind::Patient, patient.as_deref())]
}

/// What stands for a name in the log; nothing for one without a key, which could not be erased.
fn token(parts: &Parts, kind: TokenKind, name: Option<&str>) -> Option<Token> {
    name.and_then(|name| parts.vault.known(kind, name))
}

/// The emergencies that a person has open, as entries are marked with them.
pub(super) fn marks(who: &Principal) -> Added<Vec<RequestId>> {
    let open: Vec<_> = who.emergencies.iter().map(|one| one.id).collect();
    Added((!open.is_empty()).then_some(open))
}

/// Stands for what a person may do, so that a replay can tell whether it changed since.
pub(super) fn rights(parts: &Parts, who: &Principal) -> Token {
    let opened: Vec<_> = who.emergencies.iter().map(|one| &one.subject).collect();
    let words = match opened.is_empty() {
        true => json(&(&who.roles, &who.attributes)),
        false => json(&(&who.roles, &who.attributes, opened)),
    };
    let words = String::from_utf8(words).unwrap_or_default();
    parts.vault.token(TokenKind::Rights, &words)
}

pub(super) fn event(run: &Run<'_>, policy: Option<Digest>, what: What) -> Event {
    Event { actor: run.asker.actor.clone(), req: run.question.id, policy, what }
}

/// JSON of a value of ours: plain structs with text keys, which always serialise.
pub(super) fn json<T: serde::Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

pub(super) fn question_payload(question: &Question) -> Vec<u8> {
    json(question)
}

pub(super) fn received(run: &Run<'_>, kind: QueryKind, payload: PayloadRef) -> Event {
    let question = run.question;
    let mode = match question.mode {
        Mode::Auto => "auto",
        Mode::Verbatim => "verbatim",
        Mode::Grounded => "grounded",
    };
    let what = What::QueryReceived {
        kind,
        mode: mode.to_owned(),
        top_k: question.top_k,
        purpose: question.scope.purpose.clone(),
        matter: token(run.parts, TokenKind::Matter, question.scope.matter.as_deref()),
        patient: token(run.parts, TokenKind::Patient, question.scope.patient.as_deref()),
        rights: rights(run.parts, &run.asker.principal),
        setting: run.parts.setting.clone(),
        emergency: marks(&run.asker.principal),
        payload: Some(payload),
    };
    event(run, Some(run.parts.policies.digest()), what)
}

/// What retrieval returned, as the log names it.
pub(super) fn hits(evidence: &EvidenceSet) -> Vec<RetrievedHit> {
    let ranked = evidence.passages().iter().zip(1u32..);
    ranked
        .map(|(found, rank)| RetrievedHit {
            document: found.token.clone(),
            passage: found.passage.id,
            rank,
            score: found.score,
            decision: HitDecision::Used,
        })
        .collect()
}

/// The spans that an answer cites, as the log names them.
pub(super) fn cited(parts: &Parts, answer: &Answer) -> Vec<CitedSpan> {
    let citations = answer.sentences.iter().flat_map(|sentence| &sentence.citations);
    citations
        .map(|citation| CitedSpan {
            document: parts.vault.token(TokenKind::Document, &citation.document.to_string()),
            page: citation.page,
            start: citation.start,
            end: citation.end,
        })
        .collect()
}

pub(super) fn retrieved(run: &Run<'_>, evidence: &EvidenceSet, payload: PayloadRef) -> Event {
    let what = What::RetrievalDone {
        generation: evidence.generation().0,
        hits: hits(evidence),
        withheld: evidence.withheld(),
        matters: distinct(evidence.passages().iter().filter_map(|p| p.subjects.matter.as_ref())),
        patients: patients(evidence),
        payload: Some(payload),
    };
    event(run, Some(run.parts.policies.digest()), what)
}

/// Whom the documents of the evidence are about.
pub(super) fn patients(evidence: &EvidenceSet) -> Vec<Token> {
    distinct(evidence.passages().iter().filter_map(|p| p.subjects.patient.as_ref()))
}

/// Each token once, in the order of tokens: the order of hits is told by the hits.
fn distinct<'a>(tokens: impl Iterator<Item = &'a Token>) -> Vec<Token> {
    tokens.collect::<BTreeSet<_>>().into_iter().cloned().collect()
}

/// How a question ended whose evidence was read.
pub(super) fn ended(
    run: &Run<'_>,
    answer: &Answer,
    verdict: &Result<Grounded, Refusal>,
    payload: PayloadRef,
) -> What {
    let payload = Some(payload);
    let grounded = match verdict {
        Ok(grounded) => grounded,
        Err(refusal) => return What::QueryRefused { reason: refusal.code().into(), payload },
    };
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    What::AnswerReleased {
        mode: grounded.wording(),
        sentences: count(grounded.kept().len()),
        withheld_sentences: count(grounded.withheld().len()),
        cited: cited(run.parts, answer),
        models: answer.models.clone(),
        prompt_tokens: answer.usage.prompt_tokens,
        completion_tokens: answer.usage.completion_tokens,
        seed: SEED.into(),
        payload,
    }
}
