//! `affiant evaluate`.

use serde_json::json;

use crate::audit::{Event, What};
use crate::cli::args::EvaluateArgs;
use crate::cli::context::Context;
use crate::cli::reply::{Failure, Reply};
use crate::evaluate::{Evaluation, Evaluator, Suite};

pub(super) fn evaluate(context: &mut Context<'_>, args: &EvaluateArgs) -> Result<Reply, Failure> {
    let path = context.path(&args.suite);
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    let suite = Suite::parse(&text)?;
    let name = match (&args.as_user, suite.cases.first().and_then(|c| c.asked_by.clone())) {
        (Some(name), _) => name.clone(),
        (None, Some(name)) => name,
        (None, None) => return Err(Failure::usage("the suite names nobody: give --as USER")),
    };
    let asker = context.asker(&name)?;
    let engine = context.engine()?;
    let progress = context.progress;
    progress.stage("asking", Some(suite.cases.len() as u64));
    let app = context.app()?;
    let evaluator = Evaluator {
        answerer: &engine.answerer,
        catalogue: &app.catalogue,
        asker: &asker,
        retrieval_only: args.retrieval_only,
        mode: args.mode.into(),
    };
    let evaluation = evaluator.run(&suite, &mut |_| progress.advance(1))?;
    let what = What::EvaluationRun { suite: suite.digest, questions: evaluation.questions };
    let req = engine.answerer.request();
    app.log.append(Event {
        actor: asker.actor.clone(),
        req,
        policy: Some(app.policies.digest()),
        what,
    })?;
    let text = render(&evaluation);
    let value = json!({
        "suite": suite.digest,
        "questions": evaluation.questions,
        "without_document": evaluation.without_document,
        "retrieval": evaluation.retrieval,
        "answers": evaluation.answers,
        "latency_ms": evaluation.latency_ms,
    });
    Ok(Reply::done(value, text))
}

fn render(found: &Evaluation) -> String {
    let r = &found.retrieval;
    let mut text = format!(
        "questions {} ({} without their document)\n\
         retrieval  recall@1 {:.3}  @5 {:.3}  @10 {:.3}  mrr {:.3}  ndcg@10 {:.3}  ({} questions)\n",
        found.questions,
        found.without_document,
        r.recall_at_1,
        r.recall_at_5,
        r.recall_at_10,
        r.mrr,
        r.ndcg_at_10,
        r.questions,
    );
    if let Some(a) = &found.answers {
        text.push_str(&format!(
            "answers    f1 {:.3}  contains gold {:.3}  supported {:.3}  abstention {:.3}  false refusal {:.3}\n",
            a.f1, a.contains_gold, a.supported, a.abstention, a.false_refusal,
        ));
    }
    let latency = &found.latency_ms;
    text.push_str(&format!("latency    p50 {} ms  p95 {} ms\n", latency.p50, latency.p95));
    text
}
