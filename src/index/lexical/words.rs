//! How text becomes terms: the same for passages and for questions.

use tantivy::tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, RemoveLongFilter, Stemmer, StopWordFilter,
    TextAnalyzer, Token, TokenStream, Tokenizer,
};

/// Longer terms are noise (encoded pictures, rules of dashes), and nobody asks for them.
const TERM_BYTES_MAX: usize = 64;

/// English words, lower-cased, folded to ASCII, without stop words, stemmed (Snowball English).
pub(super) fn english() -> TextAnalyzer {
    let analyzer = TextAnalyzer::builder(Words)
        .filter(RemoveLongFilter::limit(TERM_BYTES_MAX))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter);
    match StopWordFilter::new(Language::English) {
        Some(stop_words) => {
            analyzer.filter(stop_words).filter(Stemmer::new(Language::English)).build()
        }
        None => analyzer.filter(Stemmer::new(Language::English)).build(),
    }
}

/// Splits at white space, then each chunk into runs of letters and digits. A chunk of several runs
/// (`164.312(b)`, `mg/kg`, `follow-up`) is also kept whole, so that whoever types it exactly finds
/// it before passages that merely hold its parts.
#[derive(Clone)]
struct Words;

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        WordStream { rest: text, chunk: Chunk::default(), token: Token::default() }
    }
}

struct WordStream<'a> {
    rest: &'a str,
    chunk: Chunk<'a>,
    token: Token,
}

/// What is left to emit of one chunk: its runs, then the whole.
#[derive(Default)]
struct Chunk<'a> {
    runs: &'a str,
    run_count: usize,
    whole: &'a str,
}

impl<'a> WordStream<'a> {
    fn next_term(&mut self) -> Option<&'a str> {
        loop {
            if let Some(run) = self.chunk.next_run() {
                return Some(run);
            }
            if let Some(whole) = self.chunk.take_whole() {
                return Some(whole);
            }
            let text = self.rest.trim_start_matches(is_gap);
            if text.is_empty() {
                return None;
            }
            let (chunk, rest) = text.split_once(is_gap).unwrap_or((text, ""));
            self.rest = rest;
            self.chunk = Chunk { runs: chunk, run_count: 0, whole: trim_chunk(chunk) };
        }
    }
}

impl<'a> Chunk<'a> {
    fn next_run(&mut self) -> Option<&'a str> {
        let text = self.runs.trim_start_matches(|c: char| !c.is_alphanumeric());
        if text.is_empty() {
            self.runs = "";
            return None;
        }
        let (run, rest) = text.split_once(|c| !is_word(c)).unwrap_or((text, ""));
        self.runs = rest;
        self.run_count += 1;
        Some(run.trim_end_matches(is_apostrophe))
    }

    fn take_whole(&mut self) -> Option<&'a str> {
        let whole = std::mem::take(&mut self.whole);
        (self.run_count > 1 && !whole.is_empty()).then_some(whole)
    }
}

/// Dashes between words part them as spaces do; a hyphen does not.
fn is_gap(c: char) -> bool {
    c.is_whitespace() || matches!(c, '—' | '…')
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || is_apostrophe(c)
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’')
}

/// Takes off signs around a chunk, but leaves a bracket that closes one inside: `§164.312(b).`
/// becomes `164.312(b)`.
fn trim_chunk(chunk: &str) -> &str {
    let chunk = chunk.trim_start_matches(|c: char| !c.is_alphanumeric());
    let plain = chunk.trim_end_matches(|c: char| !c.is_alphanumeric());
    let open = plain.matches(['(', '[']).count();
    let closed = plain.matches([')', ']']).count();
    let tail = chunk.get(plain.len()..).unwrap_or_default();
    match tail.chars().next() {
        Some(')' | ']') if open > closed => chunk.get(..=plain.len()).unwrap_or(plain),
        Some(_) | None => plain,
    }
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        let Some(term) = self.next_term() else { return false };
        self.token.text.clear();
        self.token.text.push_str(term);
        self.token.position = self.token.position.wrapping_add(1);
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn terms(text: &str) -> Vec<String> {
        let mut analyzer = english();
        let mut stream = analyzer.token_stream(text);
        let mut terms = Vec::new();
        while stream.advance() {
            terms.push(stream.token().text.clone());
        }
        terms
    }

    #[test]
    fn text_becomes_stems_and_whole_codes() {
        let table: [(&str, &[&str]); 12] = [
            ("The Indemnities were indemnified", &["indemn", "were", "indemnifi"]),
            ("§164.312(b)", &["164", "312", "b", "164.312(b)"]),
            ("(see § 164.312(b)).", &["see", "164", "312", "b", "164.312(b)"]),
            ("5 mg/kg,", &["5", "mg", "kg", "mg/kg"]),
            ("the patient's patients’", &["patient", "patient"]),
            ("follow-up", &["follow", "up", "follow-up"]),
            ("42 U.S.C.", &["42", "u", "s", "c", "u.s.c"]),
            ("Müller—naïve", &["muller", "naiv"]),
            ("$5,000.00", &["5", "000", "00", "5,000.00"]),
            ("... -- ((", &[]),
            ("", &[]),
            ("the and of", &[]),
        ];
        for (text, expected) in table {
            assert_eq!(terms(text), expected, "{text}");
        }
        assert_eq!(terms(&"x".repeat(65)), Vec::<String>::new(), "over-long terms are left out");
    }

    proptest! {
        #[test]
        fn any_text_becomes_terms_within_bounds(text in "\\PC{0,200}") {
            for term in terms(&text) {
                prop_assert!(!term.is_empty());
                prop_assert!(!term.contains(char::is_whitespace));
            }
        }

        #[test]
        fn a_code_is_found_by_typing_it(section in 1u32..999, part in 1u32..999, c in "[a-d]") {
            let code = format!("{section}.{part}({c})");
            for written in [code.clone(), format!("§{code};"), format!("({code})")] {
                prop_assert!(terms(&written).contains(&code), "{}", written);
            }
        }
    }
}
