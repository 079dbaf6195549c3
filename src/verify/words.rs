//! Words of a sentence, as far as verification needs to understand them.

use std::collections::BTreeSet;

use unicode_segmentation::UnicodeSegmentation as _;

/// Words that carry no content of their own.
const STOP: [&str; 74] = [
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be",
    "been", "before", "being", "but", "by", "did", "do", "does", "each", "for", "from", "had",
    "has", "have", "he", "her", "his", "how", "i", "if", "in", "into", "is", "it", "its", "of",
    "on", "one", "or", "our", "out", "over", "she", "so", "such", "than", "that", "the", "their",
    "them", "then", "there", "these", "they", "this", "those", "to", "under", "up", "was", "we",
    "were", "what", "when", "where", "which", "who", "whom", "whose", "with", "you",
];

const NEGATIONS: [&str; 12] = [
    "cannot",
    "except",
    "excluding",
    "neither",
    "never",
    "no",
    "none",
    "nor",
    "not",
    "prohibited",
    "unless",
    "without",
];

const DUTIES: [&str; 6] = ["must", "shall", "required", "mandatory", "obliged", "requires"];
const LEAVES: [&str; 5] = ["may", "can", "might", "could", "permitted"];

const NUMBER_WORDS: [(&str, &str); 27] = [
    ("zero", "0"),
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
    ("ten", "10"),
    ("eleven", "11"),
    ("twelve", "12"),
    ("thirteen", "13"),
    ("fourteen", "14"),
    ("fifteen", "15"),
    ("sixteen", "16"),
    ("eighteen", "18"),
    ("twenty", "20"),
    ("thirty", "30"),
    ("forty", "40"),
    ("fifty", "50"),
    ("sixty", "60"),
    ("seventy", "70"),
    ("eighty", "80"),
    ("ninety", "90"),
    ("hundred", "100"),
    ("thousand", "1000"),
];

/// Units of dose, time, money and size, stemmed: one changed is a different fact.
const UNITS: [&str; 26] = [
    "mg", "mcg", "µg", "g", "kg", "ml", "l", "iu", "unit", "mmol", "dos", "tablet", "second",
    "minut", "hour", "day", "week", "month", "year", "dollar", "euro", "pound", "percent", "page",
    "cop", "busines",
];

/// Words behind a number among which its unit is looked for.
const UNIT_REACH: usize = 3;

/// A number and what stands behind it.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Number {
    /// Digits without separators.
    pub(super) value: String,
    /// The next words, stemmed.
    after: Vec<String>,
}

impl Number {
    /// Whether `source` states the same number with the same unit.
    pub(super) fn agrees_with(&self, source: &Self) -> bool {
        self.value == source.value
            && match self.after.first() {
                Some(unit) if UNITS.contains(&unit.as_str()) => source.after.contains(unit),
                Some(_) | None => true,
            }
    }
}

/// What a sentence says, in parts that can be compared.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Words {
    /// Content words, stemmed, in order.
    pub(super) content: Vec<String>,
    /// Content words and numbers, in order.
    pub(super) sequence: Vec<String>,
    /// Numbers, normalised.
    pub(super) numbers: Vec<Number>,
    /// Capitalised words that do not begin the sentence.
    pub(super) names: BTreeSet<String>,
    /// Whether something is denied.
    pub(super) negated: bool,
    /// Whether a duty is stated.
    pub(super) duty: bool,
    /// Whether a permission is stated.
    pub(super) leave: bool,
    /// Words of any kind.
    pub(super) count: usize,
}

impl Words {
    pub(super) fn of(text: &str) -> Self {
        let plain: Vec<&str> = text.unicode_words().collect();
        let mut words = Self { count: plain.len(), ..Self::default() };
        let mut in_compound = false;
        for (at, word) in plain.iter().enumerate() {
            if std::mem::take(&mut in_compound) {
                continue;
            }
            let lower = word.to_lowercase();
            if let Some(number) = number(&lower) {
                let next = plain.get(at + 1).and_then(|next| ones(&next.to_lowercase()));
                let (value, taken) = match (tens(&number), next) {
                    (true, Some(ones)) if !is_digits(&lower) => {
                        (number.replace('0', &ones.to_string()), 2)
                    }
                    _ => (number, 1),
                };
                in_compound = taken == 2;
                let after = plain.iter().skip(at + taken).take(UNIT_REACH);
                let after = after.map(|next| stem(&next.to_lowercase())).collect();
                words.sequence.push(value.clone());
                words.numbers.push(Number { value, after });
                continue;
            }
            words.negated |= NEGATIONS.contains(&lower.as_str()) || lower.ends_with("n't");
            words.duty |= DUTIES.contains(&lower.as_str());
            words.leave |= LEAVES.contains(&lower.as_str());
            if at > 0 && word.starts_with(char::is_uppercase) && !STOP.contains(&lower.as_str()) {
                words.names.insert(stem(&lower));
            }
            let modal = DUTIES.contains(&lower.as_str()) || LEAVES.contains(&lower.as_str());
            if !STOP.contains(&lower.as_str()) && !NEGATIONS.contains(&lower.as_str()) && !modal {
                words.sequence.push(stem(&lower));
                words.content.push(stem(&lower));
            }
        }
        words
    }

    pub(super) fn has(&self, word: &str) -> bool {
        self.content.iter().any(|own| own == word)
    }

    pub(super) fn has_number(&self, number: &str) -> bool {
        self.numbers.iter().any(|own| own.value == number)
    }
}

fn is_digits(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
}

/// Whether a number is 20, 30, … 90: the first half of "forty-five".
fn tens(number: &str) -> bool {
    number.len() == 2 && number.ends_with('0') && number != "10"
}

/// The second half of "forty-five".
fn ones(word: &str) -> Option<u8> {
    const ONES: [&str; 9] =
        ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    (1..).zip(ONES).find(|(_, name)| *name == word).map(|(value, _)| value)
}

/// Digits without separators, or a number word as digits.
fn number(word: &str) -> Option<String> {
    if is_digits(word) {
        let trimmed: String = word.chars().filter(|c| *c != ',' && *c != '\'').collect();
        return Some(trimmed);
    }
    NUMBER_WORDS.iter().find(|(name, _)| *name == word).map(|(_, digits)| (*digits).to_owned())
}

/// Cuts common English endings; crude, but the same on both sides of every comparison.
fn stem(word: &str) -> String {
    let word = word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word);
    for ending in
        ["ations", "ation", "ments", "ment", "ings", "ing", "ies", "ied", "ed", "es", "s", "e", "y"]
    {
        if let Some(stem) = word.strip_suffix(ending)
            && stem.chars().count() >= 3
        {
            return stem.to_owned();
        }
    }
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_units_and_lose_their_separators() {
        let words = Words::of("Pay $1,250,000 within forty-five days, or 7.5 mg.");
        let values: Vec<_> = words.numbers.iter().map(|number| number.value.as_str()).collect();
        assert_eq!(values, ["1250000", "45", "7.5"]);
        let claim = |text| Words::of(text).numbers.remove(0);
        assert!(claim("45 days").agrees_with(&words.numbers[1]));
        assert!(!claim("45 weeks").agrees_with(&words.numbers[1]));
        assert!(!claim("7.5 mcg").agrees_with(&words.numbers[2]));
    }

    #[test]
    fn word_forms_meet() {
        for (a, b) in [("payments", "payment"), ("copies", "copy"), ("notified", "notify")] {
            assert_eq!(stem(a), stem(b), "{a} {b}");
        }
    }
}
