//! Where each character stands on the displayed page, kept small.

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::document::Rect;

/// Positions are kept in steps of 1/32 point: finer than any screen, and 2,048 points long.
const STEPS_PER_POINT: f32 = 32.0;

/// Positions of all characters of a document: per line an origin and direction, per character two
/// 16-bit edges along it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Geometry {
    pages: Vec<PageGeometry>,
    /// Page, start and end of each recognised word, and how sure it is, from 0 to 255; in order.
    words: Vec<(u32, u32, u32, u8)>,
}

/// What was stored before words were recognised ends after the pages.
impl<'de> Deserialize<'de> for Geometry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;
        impl<'de> Visitor<'de> for Parts {
            type Value = Geometry;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("pages, then words")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Geometry, A::Error> {
                let pages = parts.next_element()?.unwrap_or_default();
                let words = parts.next_element().ok().flatten().unwrap_or_default();
                Ok(Geometry { pages, words })
            }
        }
        deserializer.deserialize_tuple(2, Parts)
    }
}

/// One page's lines, ordered by their first code point.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct PageGeometry {
    /// Width and height of the displayed page in points: CropBox, after /Rotate.
    pub(super) size: [f32; 2],
    pub(super) lines: Vec<LineGeometry>,
}

/// A run of characters along one direction.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct LineGeometry {
    start: u32,
    /// Where the line begins, on its baseline.
    origin: [f32; 2],
    /// Unit vector along the line; across it is a quarter turn clockwise on the page.
    along: [f32; 2],
    /// How far the line reaches above and below its baseline.
    above: f32,
    below: f32,
    /// Left and right edge of each character, from `origin`.
    edges: Vec<(u16, u16)>,
}

impl LineGeometry {
    /// * `edges`: left and right edge of each character, in points along the line.
    pub(super) fn new(
        start: u32,
        origin: [f32; 2],
        along: [f32; 2],
        [above, below]: [f32; 2],
        edges: impl Iterator<Item = (f32, f32)>,
    ) -> Self {
        // The cast saturates: what is out of range ends at the edge of the range.
        let step = |points: f32| (points * STEPS_PER_POINT).round() as u16;
        let edges = edges.map(|(left, right)| (step(left), step(right))).collect();
        Self { start, origin, along, above, below, edges }
    }

    /// The rectangle of code points `start..end` of the page, as far as they are in this line.
    fn part(&self, start: u32, end: u32) -> Option<Rect> {
        let from = start.saturating_sub(self.start) as usize;
        let to = (end.checked_sub(self.start)? as usize).min(self.edges.len());
        let edges = self.edges.get(from..to)?;
        let left = f32::from(edges.iter().map(|edge| edge.0).min()?) / STEPS_PER_POINT;
        let right = f32::from(edges.iter().map(|edge| edge.1).max()?) / STEPS_PER_POINT;
        let ([x, y], [dx, dy]) = (self.origin, self.along);
        let corners = [(left, -self.above), (right, -self.above), (left, self.below)]
            .into_iter()
            .chain([(right, self.below)])
            .map(|(u, v)| [x + u * dx - v * dy, y + u * dy + v * dx]);
        corners.fold(None, |all: Option<Rect>, [x, y]| {
            let [x0, y0, x1, y1] = all.unwrap_or([x, y, x, y]);
            Some([x0.min(x), y0.min(y), x1.max(x), y1.max(y)])
        })
    }
}

impl Geometry {
    pub(super) fn of(pages: Vec<PageGeometry>) -> Self {
        Self { pages, words: Vec::new() }
    }

    /// Puts what was recognised of a page, by its index, in the place of what was known of it.
    pub(super) fn set(&mut self, index: usize, page: PageGeometry, words: Vec<(u32, u32, u8)>) {
        let Ok(number) = u32::try_from(index + 1) else { return };
        if let Some(place) = self.pages.get_mut(index) {
            *place = page;
        }
        let at = self.words.partition_point(|word| word.0 < number);
        let end = self.words.partition_point(|word| word.0 <= number);
        let words = words.into_iter().map(|(start, end, sure)| (number, start, end, sure));
        self.words.splice(at..end, words);
    }

    /// Whether any word was recognised.
    pub(super) fn has_words(&self) -> bool {
        !self.words.is_empty()
    }

    /// How sure the least sure recognised word among the code points `start..end` of a page is, from
    /// 0 to 1; `None` where none of them was recognised.
    pub fn confidence(&self, page: u32, start: u32, end: u32) -> Option<f32> {
        let from = self.words.partition_point(|word| (word.0, word.2) <= (page, start));
        let cited = self.words.iter().skip(from).take_while(|word| (word.0, word.1) < (page, end));
        // Whole hundredths: finer is not known.
        cited.map(|word| word.3).min().map(|sure| (f32::from(sure) / 2.55).round() / 100.0)
    }

    /// Whether no page has positions: every file but PDF and pictures.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Rectangles that cover the code points `start..end` of a page: one per line, in reading
    /// order, in points from the top left of the displayed page. Empty where nothing is known.
    pub fn boxes(&self, page: u32, start: u32, end: u32) -> Vec<Rect> {
        let Some(page) = self.page(page) else { return Vec::new() };
        let [width, height] = page.size;
        let first = page.lines.partition_point(|line| line.start <= start).saturating_sub(1);
        page.lines
            .iter()
            .skip(first)
            .take_while(|line| line.start < end)
            .filter_map(|line| line.part(start, end))
            .map(|[x0, y0, x1, y1]| [x0.max(0.0), y0.max(0.0), x1.min(width), y1.min(height)])
            .filter(|[x0, y0, x1, y1]| x0 < x1 && y0 < y1)
            .collect()
    }

    /// Width and height of a displayed page in points.
    pub fn page_size(&self, page: u32) -> Option<[f32; 2]> {
        self.page(page).map(|page| page.size)
    }

    fn page(&self, number: u32) -> Option<&PageGeometry> {
        self.pages.get(usize::try_from(number.checked_sub(1)?).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(along: [f32; 2]) -> Geometry {
        let edges = || [(0.0, 5.0), (5.0, 10.0), (10.0, 20.0)].into_iter();
        let lines = vec![
            LineGeometry::new(0, [100.0, 50.0], along, [8.0, 2.0], edges()),
            LineGeometry::new(4, [100.0, 62.0], along, [8.0, 2.0], edges()),
        ];
        Geometry::of(vec![PageGeometry { size: [200.0, 100.0], lines }])
    }

    #[test]
    fn a_range_gives_one_rectangle_per_line() {
        let across = sample([1.0, 0.0]);
        let table: [(u32, u32, &[Rect]); 6] = [
            (0, 1, &[[100.0, 42.0, 105.0, 52.0]]),
            (1, 3, &[[105.0, 42.0, 120.0, 52.0]]),
            (2, 5, &[[110.0, 42.0, 120.0, 52.0], [100.0, 54.0, 105.0, 64.0]]),
            (3, 4, &[]),
            (5, 99, &[[105.0, 54.0, 120.0, 64.0]]),
            (1, 1, &[]),
        ];
        for (start, end, expected) in table {
            assert_eq!(across.boxes(1, start, end), expected, "{start}..{end}");
        }
        assert!(across.boxes(0, 0, 9).is_empty() && across.boxes(2, 0, 9).is_empty());
    }

    #[test]
    fn the_least_sure_word_tells_how_sure_a_quote_is() {
        let mut geometry = sample([1.0, 0.0]);
        let page = geometry.pages[0].clone();
        geometry.set(0, page.clone(), vec![(0, 2, 255), (3, 7, 51)]);
        geometry.set(0, page, vec![(0, 2, 255), (3, 7, 102)]);
        let table: [(u32, u32, u32, Option<f32>); 6] = [
            (1, 0, 2, Some(1.0)),
            (1, 0, 3, Some(1.0)),
            (1, 0, 4, Some(0.4)),
            (1, 6, 9, Some(0.4)),
            (1, 7, 9, None),
            (2, 0, 9, None),
        ];
        for (page, start, end, sure) in table {
            assert_eq!(geometry.confidence(page, start, end), sure, "{page} {start}..{end}");
        }
    }

    #[test]
    fn what_was_stored_before_words_were_is_still_read() {
        let mut geometry = sample([1.0, 0.0]);
        let before = postcard::to_stdvec(&geometry.pages).unwrap();
        assert_eq!(postcard::from_bytes::<Geometry>(&before).unwrap(), geometry);
        geometry.words.push((1, 0, 2, 9));
        let after = postcard::to_stdvec(&geometry).unwrap();
        assert_eq!(postcard::from_bytes::<Geometry>(&after).unwrap(), geometry);
    }

    #[test]
    fn lines_may_run_in_any_direction() {
        let table: [([f32; 2], Rect); 3] = [
            ([0.0, 1.0], [98.0, 55.0, 108.0, 60.0]),
            ([-1.0, 0.0], [90.0, 48.0, 95.0, 58.0]),
            ([0.0, -1.0], [92.0, 40.0, 102.0, 45.0]),
        ];
        for (along, expected) in table {
            assert_eq!(sample(along).boxes(1, 1, 2), [expected], "{along:?}");
        }
    }
}
