//! The law of citations: what is quoted stands on the page, at the place that is named.

use affiant::domain::answer::Outcome;

use crate::support::corpus::suite;
use crate::support::test_app::TestApp;
use crate::support::wanted;

#[test]
fn every_released_sentence_stands_word_for_word_on_its_page() {
    let app = TestApp::corpus();
    let asker = app.asker("staff");
    let (mut answered, mut quotes) = (0, 0);
    let cases = suite().into_iter().filter(|case| case.answerable);
    for case in cases.take(wanted("QUESTIONS", 16)) {
        let answer = app.ask("staff", &case.question);
        answered += usize::from(answer.outcome == Outcome::Answered);
        for sentence in &answer.sentences {
            for citation in &sentence.citations {
                let pages = app.open().reader.pages(&asker, citation.document).unwrap();
                let text = &pages.page(citation.page).unwrap().text;
                let (start, end) = (citation.start as usize, citation.end as usize);
                assert!(start < end && end <= text.chars().count(), "{}", case.id);
                let slice: String = text.chars().skip(start).take(end - start).collect();
                assert_eq!(citation.quote, slice, "{}", case.id);
                assert!(same_words(&citation.quote, &sentence.text), "{}", case.id);
                assert!(!citation.boxes.is_empty(), "{}", case.id);
                let carried = answer.evidence.iter().any(|item| {
                    item.document == citation.document
                        && item.spans.iter().any(|span| span.page == citation.page)
                });
                assert!(carried, "{}: cited, but not in the evidence", case.id);
                quotes += 1;
            }
        }
    }
    assert!(answered > 0 && quotes >= answered, "{answered} answered, {quotes} quotes");
}

/// A page breaks lines where a sentence has spaces.
fn same_words(quote: &str, sentence: &str) -> bool {
    quote.split_whitespace().eq(sentence.split_whitespace())
}
