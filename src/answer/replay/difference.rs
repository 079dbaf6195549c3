//! What may differ between the record and today, in words, each with its remedy.

use serde::Serialize;
use serde_json::Value;

use crate::answer::Fault;
use crate::domain::ids::EntryIndex;

/// One thing that differs.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// A code: `policy`, `hits`, `answer`, …
    pub kind: &'static str,
    /// A sentence that holds no contents.
    pub detail: String,
    /// What to do about it, or what it means.
    pub remedy: &'static str,
    /// What was recorded; `null` where there is nothing, or it may not be shown.
    pub recorded: Value,
    /// What is now.
    pub now: Value,
}

/// What a replay came to.
#[derive(Clone, Debug, Serialize)]
pub struct Replay {
    /// The entry that ended the question.
    pub entry: EntryIndex,
    /// Whether nothing differs.
    pub same: bool,
    /// Whether the answer's text is the recorded one; `null` where one of the two cannot be had.
    pub same_text: Option<bool>,
    /// What differs.
    pub differences: Vec<Difference>,
}

/// What may differ.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    AccountGone,
    AnswerErased,
    AnswerText,
    Citations,
    CompletionTokens,
    Documents,
    Encoder,
    Evidence,
    Generation,
    Generator,
    Hits,
    Outcome,
    Policy,
    Program,
    Prompt,
    PromptTokens,
    QuestionErased,
    QuestionMissing,
    Reason,
    Rights,
    Run,
    Runtime,
    Seed,
    Sentences,
    Setting,
    Threads,
    Thresholds,
    Withheld,
    WithheldSentences,
    Wording,
}

const MODEL: &str = "run it where the recorded model is installed and in use";
const FOLLOWS: &str = "see the other differences for the cause; with none, suspect the machine";

impl Kind {
    /// Code, sentence, remedy.
    #[expect(clippy::too_many_lines, reason = "a table")]
    const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::AccountGone => (
                "account",
                "no account has the asker's token",
                "make the account again under its old name to run this with its rights",
            ),
            Self::AnswerErased => (
                "contents",
                "the recorded answer cannot be opened: it was erased, or the vault does not hold it",
                "an erasure is final; else restore the vault from a backup",
            ),
            Self::AnswerText => ("answer", "the text of the answer differs", FOLLOWS),
            Self::Citations => ("citations", "other spans are cited", FOLLOWS),
            Self::CompletionTokens => {
                ("completion_tokens", "the model wrote another number of tokens", FOLLOWS)
            }
            Self::Documents => (
                "documents",
                "documents of the recorded evidence were deleted, erased or taken in anew since",
                "take the same files in again to compare what they say; scores may still differ",
            ),
            Self::Encoder => ("encoder", "another encoder is in use", MODEL),
            Self::Evidence => ("evidence", "the text of the evidence differs", FOLLOWS),
            Self::Generation => (
                "generation",
                "the index no longer reaches the recorded generation",
                "documents were deleted since, or the home was put back: compare with a backup",
            ),
            Self::Generator => ("generator", "another generator is in use", MODEL),
            Self::Hits => ("hits", "retrieval returns other passages, ranks or scores", FOLLOWS),
            Self::Outcome => ("outcome", "the question ends in another way", FOLLOWS),
            Self::Policy => (
                "policy",
                "another policy set is in force",
                "compare the two sets; run it in a home with the recorded one",
            ),
            Self::Program => (
                "program",
                "another version of the program runs",
                "run it with the recorded version",
            ),
            Self::Prompt => (
                "prompt",
                "instructions, bounds or chat template of the prompt changed",
                "run it with the recorded version of the program and model",
            ),
            Self::PromptTokens => ("prompt_tokens", "the prompt has another length", FOLLOWS),
            Self::QuestionErased => (
                "question",
                "the question was erased: it cannot be asked again",
                "an erasure is final; the entry still proves that a question was asked",
            ),
            Self::QuestionMissing => (
                "question",
                "the question cannot be opened: the vault does not hold what the entry commits to",
                "restore the vault from a backup",
            ),
            Self::Reason => ("reason", "another reason is given", FOLLOWS),
            Self::Rights => (
                "rights",
                "roles or attributes of the asker's account changed",
                "give the account its old roles and attributes to run this as it was asked",
            ),
            Self::Run => {
                ("run", "it could not be run to its end", "mend what is named, then run it again")
            }
            Self::Runtime => {
                ("runtime", "another ONNX Runtime computes", "run it with the recorded version")
            }
            Self::Seed => ("seed", "another seed is used", FOLLOWS),
            Self::Sentences => ("sentences", "other sentences are released", FOLLOWS),
            Self::Setting => (
                "setting",
                "the record does not say what the answer depended on: an older version wrote it",
                "nothing can be added to the record",
            ),
            Self::Threads => (
                "threads",
                "another number of threads computes",
                "set models.threads to the recorded number",
            ),
            Self::Thresholds => (
                "thresholds",
                "thresholds or weights of retrieval or verification changed",
                "run it with the recorded version of the program",
            ),
            Self::Withheld => {
                ("withheld", "the policy removes another number of passages", FOLLOWS)
            }
            Self::WithheldSentences => {
                ("withheld_sentences", "another number of drafted sentences is withheld", FOLLOWS)
            }
            Self::Wording => ("wording", "one is quoted, the other written", FOLLOWS),
        }
    }

    /// Whether what it shows are words of people or documents.
    const fn shows_contents(self) -> bool {
        matches!(self, Self::AnswerText | Self::Sentences | Self::Evidence)
    }

    /// Whether it only explains another difference, and is nothing by itself.
    const fn explains(self) -> bool {
        matches!(self, Self::Generation | Self::Program | Self::Runtime | Self::Threads)
    }
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Differences(Vec<(Kind, Difference)>);

impl Differences {
    /// Something that is gone, with nothing to compare.
    pub(super) fn add(&mut self, kind: Kind) {
        self.push(kind, Value::Null, Value::Null);
    }

    /// Compares one thing.
    pub(super) fn compare(&mut self, kind: Kind, recorded: Option<&Value>, now: &Value) -> bool {
        let recorded = recorded.unwrap_or(&Value::Null);
        if recorded != now {
            self.push(kind, recorded.clone(), now.clone());
        }
        recorded == now
    }

    /// The run failed; faults name documents by short ids and hold no contents.
    pub(super) fn add_failure(&mut self, fault: &Fault) {
        let (kind, detail, remedy) = Kind::Run.words();
        let detail = format!("{detail}: {fault}");
        let (recorded, now) = (Value::Null, Value::Null);
        self.0.push((Kind::Run, Difference { kind, detail, remedy, recorded, now }));
    }

    fn push(&mut self, which: Kind, recorded: Value, now: Value) {
        let (kind, detail, remedy) = which.words();
        let detail = detail.to_owned();
        self.0.push((which, Difference { kind, detail, remedy, recorded, now }));
    }

    /// The result; contents stay in it only for those who may see them.
    pub(super) fn into_replay(
        mut self,
        entry: EntryIndex,
        same_text: Option<bool>,
        contents: bool,
    ) -> Replay {
        if self.0.iter().all(|(kind, _)| kind.explains()) {
            self.0.clear();
        }
        let shown = self.0.into_iter().map(|(kind, difference)| {
            if contents || !kind.shows_contents() {
                difference
            } else {
                Difference { recorded: Value::Null, now: Value::Null, ..difference }
            }
        });
        let differences: Vec<Difference> = shown.collect();
        Replay { entry, same: differences.is_empty(), same_text, differences }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn contents_are_shown_to_those_who_may_see_them_alone() {
        for contents in [false, true] {
            let mut found = Differences::default();
            found.compare(Kind::AnswerText, Some(&json!("45 days")), &json!("30 days"));
            found.compare(Kind::PromptTokens, Some(&json!(1)), &json!(2));
            let replay = found.into_replay(EntryIndex(3), Some(false), contents);
            let text = serde_json::to_string(&replay).unwrap();
            assert_eq!(text.contains("45 days"), contents);
            assert_eq!(replay.differences[1].recorded, json!(1));
            assert!(!replay.same);
        }
    }

    #[test]
    fn what_only_explains_is_no_difference_by_itself() {
        let explained = |also: bool| {
            let mut found = Differences::default();
            found.compare(Kind::Threads, Some(&json!(2)), &json!(4));
            if also {
                found.compare(Kind::Hits, Some(&json!([])), &json!([1]));
            }
            found.into_replay(EntryIndex(3), Some(true), false)
        };
        assert!(explained(false).same);
        let kinds: Vec<_> = explained(true).differences.iter().map(|d| d.kind).collect();
        assert_eq!(kinds, ["threads", "hits"]);
    }
}
