//! Made-up passages that resemble each other, as those of an archive do.

use super::synthetic::Numbers;

/// Directions that passages have in common: what sentence vectors are like, unlike random ones,
/// which have no neighbours.
pub(crate) struct Topics {
    centres: Vec<Vec<f32>>,
    /// From the few directions that matter to all of the vector's.
    spread: Vec<Vec<f32>>,
}

impl Topics {
    const DIRECTIONS: usize = 32;
    const TOPICS: usize = 1_000;

    /// The same seed gives the same topics.
    pub(crate) fn from_seed(seed: u64, dim: usize) -> Self {
        let mut numbers = Numbers::from_seed(seed);
        let centres = (0..Self::TOPICS).map(|_| numbers.unit_vector(Self::DIRECTIONS)).collect();
        let spread = (0..Self::DIRECTIONS).map(|_| numbers.unit_vector(dim)).collect();
        Self { centres, spread }
    }

    /// A vector of length 1 about one of the topics.
    pub(crate) fn vector(&self, numbers: &mut Numbers) -> Vec<f32> {
        let topic = usize::try_from(numbers.next()).unwrap_or(0) % Self::TOPICS;
        let centre = self.centres.get(topic).map_or(&[][..], Vec::as_slice);
        let own = numbers.unit_vector(Self::DIRECTIONS);
        let noise = numbers.unit_vector(self.spread.first().map_or(0, Vec::len));
        let mut sum: Vec<f32> = noise.into_iter().map(|x| x * 0.3).collect();
        for ((centre, own), direction) in centre.iter().zip(own).zip(&self.spread) {
            let weight = centre + own * 0.8;
            sum.iter_mut().zip(direction).for_each(|(cell, value)| *cell += weight * value);
        }
        let length = sum.iter().map(|x| x * x).sum::<f32>().sqrt();
        sum.into_iter().map(|x| x / length).collect()
    }
}
