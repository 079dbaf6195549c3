use std::collections::BTreeMap;

use super::*;
use crate::domain::document::Span;
use crate::domain::ids::PassageId;
use crate::index::tests::permit;

fn passage(ordinal: u32, text: &str, heading: &str) -> Passage {
    let document = DocumentId::of(b"document");
    Passage {
        id: PassageId::derive(document, Generation(1), ordinal),
        document,
        ordinal,
        spans: vec![Span { page: 1, start: 0, end: 1 }],
        text: text.to_owned(),
        headings: if heading.is_empty() { Vec::new() } else { vec![heading.to_owned()] },
    }
}

/// An index of `(text, heading)` pairs, whose ordinals are their places in the list.
fn indexed(texts: &[(&str, &str)]) -> (tempfile::TempDir, Lexical) {
    let dir = tempfile::tempdir().unwrap();
    let lexical = Lexical::open(dir.path()).unwrap();
    let passages: Vec<_> =
        (0..).zip(texts).map(|(at, (text, heading))| passage(at, text, heading)).collect();
    lexical.add(Generation(1), AccessClass(0), passages.iter()).unwrap();
    lexical.flush().unwrap();
    (dir, lexical)
}

fn ranked(lexical: &Lexical, query: &str) -> Vec<(u32, f32)> {
    let permit = permit([0]);
    let hits = lexical.search(&Gate::new(&permit, 2), query, 50).unwrap();
    hits.into_iter().map(|hit| (hit.ordinal, hit.score)).collect()
}

fn order(lexical: &Lexical, query: &str) -> Vec<u32> {
    ranked(lexical, query).into_iter().map(|(ordinal, _)| ordinal).collect()
}

/// Source: Robertson and Zaragoza 2009, equation 3.15, with Lucene's `ln(1 + …)` idf.
#[test]
fn scores_are_textbook_bm25() {
    let texts = ["lease lease tenant", "tenant roof rain snow hail", "lease", "roof"];
    let pairs: Vec<_> = texts.iter().map(|text| (*text, "")).collect();
    let (_dir, lexical) = indexed(&pairs);
    let tokens: Vec<Vec<&str>> = texts.iter().map(|text| text.split(' ').collect()).collect();
    let count = tokens.len() as f32;
    let mean = tokens.iter().map(Vec::len).sum::<usize>() as f32 / count;
    let (k1, b) = (1.2, 0.75);
    let term = |word: &str, text: &[&str]| {
        let holding = tokens.iter().filter(|text| text.contains(&word)).count() as f32;
        let idf = (1.0 + (count - holding + 0.5) / (holding + 0.5)).ln();
        let times = text.iter().filter(|it| **it == word).count() as f32;
        idf * times * (k1 + 1.0) / (times + k1 * (1.0 - b + b * text.len() as f32 / mean))
    };
    let expected: BTreeMap<u32, f32> = (0..)
        .zip(&tokens)
        .map(|(at, text)| (at, term("lease", text) + term("tenant", text)))
        .filter(|(_, score)| *score > 0.0)
        .collect();
    let found: BTreeMap<u32, f32> = ranked(&lexical, "lease tenant").into_iter().collect();
    assert_eq!(found.len(), expected.len());
    for (ordinal, score) in found {
        assert!((score - expected[&ordinal]).abs() < 1e-4, "{ordinal}: {score} {expected:?}");
    }
}

#[test]
fn what_is_not_permitted_changes_no_score() {
    let seen = [("lease lease tenant", ""), ("tenant roof rain", "Roofs"), ("lease", "Terms")];
    let (_dir, alone) = indexed(&seen);
    let (_dir, beside) = indexed(&seen);
    let hidden: Vec<_> =
        (10..40).map(|at| passage(at, "lease of a hidden roof with many words", "Roofs")).collect();
    beside.add(Generation(1), AccessClass(1), hidden.iter()).unwrap();
    beside.flush().unwrap();
    for query in ["lease tenant", "roofs", "hidden lease", "many words"] {
        assert_eq!(ranked(&alone, query), ranked(&beside, query), "{query}");
    }
}

/// The best of thousands, which are pruned, are the first of all of them, which are not: also where
/// what is permitted is much shorter than what is not, and bounds lie too low; and where it is little,
/// which is looked up.
#[test]
fn pruning_loses_nothing_and_equal_scores_go_by_id() {
    let dir = tempfile::tempdir().unwrap();
    let lexical = Lexical::open(dir.path()).unwrap();
    const WORDS: [&str; 6] = ["lease", "tenant", "roof", "ward", "bond", "writ"];
    let texts = (0..4_000u32).map(|at| {
        let mixed = at.wrapping_mul(0x9E37_79B9) >> 8;
        let class = if mixed % 50 == 1 { 2 } else { u32::from(mixed % 3 == 0) };
        let words = if class == 1 { 60 } else { 1 + mixed % 9 };
        let word = |n: u32| WORDS[((mixed >> (n % 12)) % 6) as usize];
        (at, class, (0..words).map(word).collect::<Vec<_>>().join(" "))
    });
    for (at, class, text) in texts {
        let class = AccessClass(class);
        let heading = if at % 5 == 0 { "Roof" } else { "" };
        lexical.add(Generation(1), class, [&passage(at, &text, heading)].into_iter()).unwrap();
        if at % 1_500 == 0 {
            lexical.flush().unwrap();
        }
    }
    lexical.flush().unwrap();
    for open in [vec![0], vec![1], vec![2], vec![0, 1, 2]] {
        let permit = permit(open.iter().copied());
        for query in ["lease", "lease tenant", "roof ward bond", &WORDS.join(" ")] {
            let best = |limit| lexical.search(&Gate::new(&permit, 2), query, limit).unwrap();
            let all = best(5_000);
            assert!(all.len() > 20, "{open:?} {query}: {}", all.len());
            for limit in [1, 10, 100] {
                assert_eq!(best(limit), all[..limit.min(all.len())], "{open:?} {query}");
            }
        }
    }
}

#[test]
fn better_matches_come_first() {
    let (_dir, lexical) = indexed(&[
        ("The covered entity shall implement audit controls under §164.312(b).", ""),
        ("Section 164 and section 312 are listed in appendix b.", ""),
        ("Give vancomycin 15 mg/kg every twelve hours.", "Dosage"),
        ("Each tablet has 15 mg; the kg is the unit of mass.", ""),
        ("The tenant indemnifies the landlord.", "Indemnification"),
        ("The landlord may enter the premises.", ""),
        ("Follow-up after discharge", ""),
    ]);
    let table: [(&str, &[u32]); 8] = [
        ("§ 164.312(b)", &[0, 1]),
        ("15 mg/kg", &[2, 3]),
        ("indemnification", &[4]),
        ("indemnified landlords", &[4, 5]),
        ("dosages", &[2]),
        ("followup", &[]),
        ("FOLLOW-UP", &[6]),
        ("text:(landlord AND -tenant) \"premises\"~3 *", &[4, 5]),
    ];
    for (query, expected) in table {
        assert_eq!(order(&lexical, query), expected, "{query}");
    }
}

#[test]
fn a_long_question_keeps_its_rarest_words() {
    let filler: Vec<String> = (0..200).map(|at| format!("w{at}")).collect();
    let filler = filler.join(" ");
    let (_dir, lexical) = indexed(&[(&filler, ""), (&filler, ""), ("quokka", ""), (&filler, "")]);
    assert!(order(&lexical, &format!("{filler} quokka")).contains(&2));
}

#[test]
fn many_flushes_do_not_pile_up_segments() {
    let dir = tempfile::tempdir().unwrap();
    let lexical = Lexical::open(dir.path()).unwrap();
    for ordinal in 0..40 {
        let one = passage(ordinal, "lease", "");
        lexical.add(Generation(1), AccessClass(0), [&one].into_iter()).unwrap();
        lexical.flush().unwrap();
        assert!(lexical.reader.searcher().segment_readers().len() < 20);
    }
    assert_eq!(order(&lexical, "lease").len(), 40);
    lexical.rewrite().unwrap();
    assert_eq!(lexical.reader.searcher().segment_readers().len(), 1);
    assert_eq!(order(&lexical, "lease").len(), 40);
}

#[test]
fn an_index_of_another_schema_is_refused_with_its_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let mut other = tantivy::schema::Schema::builder();
    other.add_u64_field("n", tantivy::schema::FAST);
    tantivy::Index::create_in_dir(dir.path(), other.build()).unwrap();
    let error = Lexical::open(dir.path()).err().unwrap();
    assert!(matches!(error, LexicalError::Outdated { .. }), "{error:?}");
    assert!(error.to_string().contains("affiant rebuild"));
}

#[test]
fn a_second_writer_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _first = Lexical::open(dir.path()).unwrap();
    assert!(Lexical::open(dir.path()).is_err());
}
