//! `affiant ask` and `affiant search`.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use serde_json::json;

use crate::answer::{Progress, Searched, Step};
use crate::cli::args::{AskArgs, AskMode, SearchArgs, SearchMode};
use crate::cli::context::Context;
use crate::cli::reply::{Failure, Reply, exit};
use crate::domain::answer::{Answer, Outcome};
use crate::domain::limits::{TOP_K_DEFAULT, TOP_K_MAX};
use crate::domain::question::{Mode, Question, QuestionText};
use crate::retrieve::Candidates;

impl From<AskMode> for Mode {
    fn from(mode: AskMode) -> Self {
        match mode {
            AskMode::Auto => Self::Auto,
            AskMode::Verbatim => Self::Verbatim,
            AskMode::Grounded => Self::Grounded,
        }
    }
}

pub(super) fn ask(context: &mut Context<'_>, args: AskArgs) -> Result<Reply, Failure> {
    let asker = context.asker(&args.as_user)?;
    let engine = context.engine()?;
    let question = Question {
        id: engine.answerer.request(),
        text: QuestionText::try_from(args.question)?,
        mode: args.mode.into(),
        scope: args.scope.declared()?,
        top_k: top_k(args.top_k.unwrap_or(TOP_K_DEFAULT))?,
    };
    let progress = context.progress;
    let mut last = None;
    let released = engine.answerer.ask(&asker, &question, &mut |now| {
        if let Progress::Step(step) = now
            && last != Some(step)
        {
            last = Some(step);
            progress.stage(word(step), None);
        }
        ControlFlow::Continue(())
    })?;
    let code = match released.outcome {
        Outcome::Answered | Outcome::Refused => exit::DONE,
        Outcome::Denied => exit::DENIED,
        Outcome::Failed => exit::UNAVAILABLE,
    };
    let value = serde_json::to_value(&*released).unwrap_or_default();
    Ok(Reply::done(value, render(&released)).with_exit(code))
}

const fn word(step: Step) -> &'static str {
    match step {
        Step::Permit => "deciding what you may see",
        Step::Searching => "searching",
        Step::Reading => "reading",
        Step::Drafting => "drafting",
        Step::Checking => "checking",
        Step::Sealing => "sealing",
    }
}

/// The answer for people: sentences, numbered sources, the entries that record it.
fn render(answer: &Answer) -> String {
    let mut out = String::new();
    let mut sources = String::new();
    let mut number = 0;
    for sentence in &answer.sentences {
        let mut marks = String::new();
        for citation in &sentence.citations {
            number += 1;
            marks.push_str(&format!(" [{number}]"));
            let quote: Vec<&str> = citation.quote.split_whitespace().collect();
            sources.push_str(&format!(
                "[{number}] {}, page {}: “{}”\n",
                citation.title,
                citation.page,
                quote.join(" ")
            ));
        }
        out.push_str(&format!("{}{marks}\n", sentence.text));
    }
    if let Some(reason) = &answer.reason {
        out.push_str(reason);
        out.push('\n');
    }
    if !sources.is_empty() {
        out.push_str(&format!("\n{sources}"));
    }
    let index = |at: Option<crate::domain::ids::EntryIndex>| {
        at.map_or_else(|| "–".to_owned(), |at| at.to_string())
    };
    let written = writeln!(
        out,
        "\nRecorded: received {}, retrieval {}, terminal {} ({} ms)",
        index(answer.entries.received),
        index(answer.entries.retrieval),
        index(answer.entries.terminal),
        answer.timings_ms.total
    );
    written.unwrap_or_default();
    out
}

pub(super) fn search(context: &mut Context<'_>, args: SearchArgs) -> Result<Reply, Failure> {
    let asker = context.asker(&args.as_user)?;
    let engine = context.engine()?;
    let question = Question {
        id: engine.answerer.request(),
        text: QuestionText::try_from(args.query)?,
        mode: Mode::Verbatim,
        scope: args.scope.declared()?,
        top_k: top_k(args.top_k)?,
    };
    let candidates = match args.mode {
        SearchMode::Hybrid => Candidates::Hybrid,
        SearchMode::Lexical => Candidates::Lexical,
        SearchMode::Vector => Candidates::Vector,
    };
    match engine.answerer.search(&asker, &question, candidates)? {
        Searched::Ended(answer) if answer.outcome == Outcome::Denied => {
            Err(Failure::denied(answer.reason.clone().unwrap_or_default()))
        }
        Searched::Ended(answer) => {
            let value = serde_json::to_value(&*answer).unwrap_or_default();
            Ok(Reply::done(value, render(&answer)).with_exit(exit::UNAVAILABLE))
        }
        Searched::Found(found) => {
            let mut text = String::new();
            for hit in &found.hits {
                let words: Vec<&str> = hit.text.split_whitespace().collect();
                let line: String = words.join(" ").chars().take(240).collect();
                text.push_str(&format!(
                    "{:>2}. {:.4}  {}, page {}\n    {line}\n",
                    hit.rank, hit.score, hit.title, hit.page
                ));
            }
            if text.is_empty() {
                text.push_str("Nothing you may see matches.\n");
            }
            let value = json!({
                "hits": found.hits, "withheld": found.withheld, "entry": found.entry,
            });
            Ok(Reply::done(value, text))
        }
    }
}

fn top_k(wanted: u32) -> Result<u32, Failure> {
    if (1..=TOP_K_MAX).contains(&wanted) {
        Ok(wanted)
    } else {
        Err(Failure::usage(format!("--top-k is {wanted}: give 1 to {TOP_K_MAX}")))
    }
}
