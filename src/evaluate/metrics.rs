//! The field's measures. Floats are rounded to four places where they are printed.

use std::collections::BTreeMap;

use serde::Serialize;

/// How well retrieval ranks, over the questions that have relevant passages.
#[derive(Clone, Debug, Serialize)]
pub struct RetrievalMetrics {
    /// Questions counted.
    pub questions: u32,
    /// Share of questions with a relevant passage among the first k.
    #[serde(rename = "recall@1")]
    pub recall_at_1: f64,
    /// The same for 5.
    #[serde(rename = "recall@5")]
    pub recall_at_5: f64,
    /// The same for 10.
    #[serde(rename = "recall@10")]
    pub recall_at_10: f64,
    /// Mean reciprocal rank of the first relevant passage.
    pub mrr: f64,
    /// Normalised discounted cumulative gain.
    #[serde(rename = "ndcg@10")]
    pub ndcg_at_10: f64,
}

/// How good the answers are.
#[derive(Clone, Debug, Serialize)]
pub struct AnswerMetrics {
    /// Mean token F1 against the best gold answer over answerable questions; refusing scores 0.
    pub f1: f64,
    /// Share of answerable questions whose answer contains a gold answer.
    pub contains_gold: f64,
    /// Share of released sentences that the evidence supports.
    pub supported: f64,
    /// Share of unanswerable questions that were refused.
    pub abstention: f64,
    /// Share of answerable questions that were refused.
    pub false_refusal: f64,
}

/// Milliseconds a question.
#[derive(Clone, Debug, Serialize)]
pub struct Latency {
    /// Median.
    pub p50: u64,
    /// 95th percentile.
    pub p95: u64,
}

/// One answer, as it is counted.
pub(super) struct Answered<'a> {
    pub(super) answerable: bool,
    pub(super) answered: bool,
    pub(super) text: &'a str,
    pub(super) gold: &'a [String],
    pub(super) sentences: usize,
    pub(super) supported: usize,
}

#[derive(Default)]
pub(super) struct Tally {
    reciprocal: Vec<f64>,
    ndcg: Vec<f64>,
    first: Vec<Option<usize>>,
    f1: Vec<f64>,
    contains: Vec<bool>,
    refused: Vec<bool>,
    abstained: Vec<bool>,
    sentences: usize,
    supported: usize,
    took_ms: Vec<u64>,
}

impl Tally {
    /// `ranked[i]`: whether the passage at rank i + 1 is relevant. Questions without gold passages
    /// say nothing about retrieval.
    pub(super) fn rank(&mut self, golds: usize, ranked: &[bool]) {
        if golds == 0 {
            return;
        }
        let first = ranked.iter().position(|relevant| *relevant);
        self.reciprocal.push(first.map_or(0.0, |at| 1.0 / float(at + 1)));
        let gain = |at: usize| 1.0 / float(at + 2).log2();
        let found = ranked.iter().take(10).enumerate().filter(|(_, relevant)| **relevant);
        let dcg: f64 = found.map(|(at, _)| gain(at)).sum();
        let hits = ranked.iter().filter(|relevant| **relevant).count();
        let ideal: f64 = (0..golds.max(hits).min(10)).map(gain).sum();
        self.ndcg.push(dcg / ideal);
        self.first.push(first);
    }

    pub(super) fn time(&mut self, took_ms: u64) {
        self.took_ms.push(took_ms);
    }

    pub(super) fn answer(&mut self, answer: &Answered<'_>) {
        self.sentences += answer.sentences;
        self.supported += answer.supported;
        if !answer.answerable {
            self.abstained.push(!answer.answered);
            return;
        }
        self.refused.push(!answer.answered);
        let best = answer.gold.iter().map(|gold| f1(answer.text, gold)).fold(0.0, f64::max);
        self.f1.push(best);
        let text = tokens(answer.text).join(" ");
        let holds = |gold: &String| {
            let gold = tokens(gold).join(" ");
            !gold.is_empty() && format!(" {text} ").contains(&format!(" {gold} "))
        };
        self.contains.push(answer.gold.iter().any(holds));
    }

    pub(super) fn retrieval(&self) -> RetrievalMetrics {
        let within =
            |k: usize| share(self.first.iter().map(|first| first.is_some_and(|at| at < k)));
        RetrievalMetrics {
            questions: u32::try_from(self.first.len()).unwrap_or(u32::MAX),
            recall_at_1: within(1),
            recall_at_5: within(5),
            recall_at_10: within(10),
            mrr: mean(&self.reciprocal),
            ndcg_at_10: mean(&self.ndcg),
        }
    }

    pub(super) fn answers(&self) -> AnswerMetrics {
        AnswerMetrics {
            f1: mean(&self.f1),
            contains_gold: share(self.contains.iter().copied()),
            supported: if self.sentences == 0 {
                1.0
            } else {
                round(float(self.supported) / float(self.sentences))
            },
            abstention: share(self.abstained.iter().copied()),
            false_refusal: share(self.refused.iter().copied()),
        }
    }

    pub(super) fn latency(&self) -> Latency {
        let mut sorted = self.took_ms.clone();
        sorted.sort_unstable();
        let at = |percent: usize| {
            let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
            sorted.get(index).copied().unwrap_or_default()
        };
        Latency { p50: at(50), p95: at(95) }
    }
}

/// Token F1 as SQuAD counts it: lower case, no punctuation, no articles.
fn f1(answer: &str, gold: &str) -> f64 {
    let (answer, gold) = (tokens(answer), tokens(gold));
    if answer.is_empty() || gold.is_empty() {
        return if answer.is_empty() && gold.is_empty() { 1.0 } else { 0.0 };
    }
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    for token in &gold {
        *left.entry(token).or_default() += 1;
    }
    let mut common = 0;
    for token in &answer {
        if let Some(count) = left.get_mut(token.as_str())
            && *count > 0
        {
            *count -= 1;
            common += 1;
        }
    }
    if common == 0 {
        return 0.0;
    }
    let (precision, recall) =
        (float(common) / float(answer.len()), float(common) / float(gold.len()));
    2.0 * precision * recall / (precision + recall)
}

fn tokens(text: &str) -> Vec<String> {
    let text: String = text
        .chars()
        .filter(|c| c.is_alphanumeric() || c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect();
    let words = text.split_whitespace().filter(|word| !["a", "an", "the"].contains(word));
    words.map(str::to_owned).collect()
}

fn share(values: impl Iterator<Item = bool>) -> f64 {
    let values: Vec<f64> = values.map(|value| if value { 1.0 } else { 0.0 }).collect();
    mean(&values)
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { round(values.iter().sum::<f64>() / float(values.len())) }
}

fn round(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f1_counts_shared_tokens() {
        let table = [
            ("the 45 days", "45 days", 1.0),
            ("Payment is due in 45 days.", "45 days", 0.5),
            ("thirty", "45 days", 0.0),
            ("", "", 1.0),
        ];
        for (answer, gold, expected) in table {
            assert!((f1(answer, gold) - expected).abs() < 1e-9, "{answer} {}", f1(answer, gold));
        }
    }

    #[test]
    fn ranks_are_measured() {
        let mut tally = Tally::default();
        tally.rank(1, &[false, true, false]);
        tally.rank(2, &[true, true]);
        tally.rank(0, &[false]);
        let found = tally.retrieval();
        assert_eq!(found.questions, 2);
        assert!((found.recall_at_1 - 0.5).abs() < 1e-9);
        assert!((found.recall_at_5 - 1.0).abs() < 1e-9);
        assert!((found.mrr - 0.75).abs() < 1e-9);
        assert!((found.ndcg_at_10 - 0.8155).abs() < 1e-3, "{}", found.ndcg_at_10);
    }

    #[test]
    fn percentiles_take_the_value_at_or_above() {
        let mut tally = Tally::default();
        (1..=100).for_each(|ms| tally.time(ms));
        let latency = tally.latency();
        assert_eq!((latency.p50, latency.p95), (50, 95));
    }
}
