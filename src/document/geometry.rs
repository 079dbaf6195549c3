//! Where each character stands on the displayed page, kept small.

use serde::{Deserialize, Serialize};

use crate::domain::document::Rect;

/// Positions are kept in steps of 1/32 point: finer than any screen, and 2,048 points long.
const STEPS_PER_POINT: f32 = 32.0;

/// Positions of all characters of a document: per line an origin and direction, per character two
/// 16-bit edges along it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Geometry {
    pages: Vec<PageGeometry>,
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
        Self { pages }
    }

    /// Whether no page has positions: every file but a PDF.
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
