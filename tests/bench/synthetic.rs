//! Made-up passages for measuring: words by Zipf's law and random unit vectors, from a seed.

/// A small generator of repeatable numbers (SplitMix64, Steele, Lea and Flood 2014).
pub(crate) struct Numbers(u64);

impl Numbers {
    /// The same seed gives the same numbers.
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, not including, 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A vector of length 1 in a direction that no other is preferred to.
    pub(crate) fn unit_vector(&mut self, dim: usize) -> Vec<f32> {
        // The sum of uniform numbers is near enough to a normal one.
        let normal = |it: &mut Self| (0..6).map(|_| it.fraction() - 0.5).sum::<f64>();
        let plain: Vec<f64> = (0..dim).map(|_| normal(self)).collect();
        let length = plain.iter().map(|x| x * x).sum::<f64>().sqrt();
        plain.into_iter().map(|x| (x / length) as f32).collect()
    }
}

/// Words whose frequencies fall with their rank.
pub(crate) struct Vocabulary {
    words: Vec<String>,
    cumulative: Vec<f64>,
}

impl Vocabulary {
    /// `count` made-up words; the word of rank `r` is as frequent as `1 / r`.
    pub(crate) fn zipf(count: usize) -> Self {
        let syllables = ["ba", "ce", "di", "fo", "gu", "la", "me", "ni", "po", "ru"];
        let syllable = |digit: u8| syllables.get(usize::from(digit - b'0')).copied();
        let word = |rank: usize| {
            let digits = format!("{:04}", rank * 7_919 % 100_003);
            digits.bytes().filter_map(syllable).collect()
        };
        let mut sum = 0.0;
        let cumulative = (1..=count).map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        });
        let cumulative = cumulative.collect();
        Self { words: (1..=count).map(word).collect(), cumulative }
    }

    /// One word.
    pub(crate) fn word(&self, numbers: &mut Numbers) -> &str {
        let total = self.cumulative.last().copied().unwrap_or(0.0);
        let at = numbers.fraction() * total;
        let rank = self.cumulative.partition_point(|sum| *sum <= at);
        self.words.get(rank).or(self.words.last()).map_or("", String::as_str)
    }

    /// Words joined by spaces.
    pub(crate) fn text(&self, numbers: &mut Numbers, words: usize) -> String {
        let words: Vec<&str> = (0..words).map(|_| self.word(numbers)).collect();
        words.join(" ")
    }
}
