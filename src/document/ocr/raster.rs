//! A page as grey pixels: scaling, turning, and cutting out lines at an angle.

use hayro_interpret::kurbo::{Point, Vec2};
use serde::{Deserialize, Serialize};

/// The longer side at most: that of a ledger sheet at 200 pixels an inch, or of a page that counts
/// pixels as points.
pub(in crate::document) const RASTER_PIXELS_MAX: u32 = 3_400;

/// The picture of a page for recognition: one byte for each pixel, white is 255.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Raster {
    pub(in crate::document) width: usize,
    pub(in crate::document) height: usize,
    pub(in crate::document) grey: Vec<u8>,
    /// Width and height of the displayed page in points.
    pub(in crate::document) points: [f32; 2],
}

impl Raster {
    /// A picture of `width` times `height` bytes, row by row; what lacks is white.
    pub fn new(width: usize, height: usize, mut grey: Vec<u8>, points: [f32; 2]) -> Self {
        grey.resize(width * height, 255);
        Self { width, height, grey, points }
    }

    /// Whether it has the pixels that it says, and no more than pages are drawn with.
    pub(in crate::document) fn is_whole(&self) -> bool {
        let most = RASTER_PIXELS_MAX as usize;
        let sides = [self.width, self.height].into_iter().all(|side| (1..=most).contains(&side));
        let points = self.points.iter().all(|side| side.is_finite() && *side > 0.0);
        sides && points && self.grey.len() == self.width * self.height
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Width and height of the displayed page in points.
    pub fn points(&self) -> [f32; 2] {
        self.points
    }

    /// Its pixels, row by row.
    pub fn grey(&self) -> &[u8] {
        &self.grey
    }

    /// Points of the page for each pixel, across and down.
    pub(super) fn scale(&self) -> Vec2 {
        let [width, height] = self.points.map(f64::from);
        Vec2::new(width / self.width.max(1) as f64, height / self.height.max(1) as f64)
    }

    fn row(&self, y: usize) -> &[u8] {
        self.grey.get(y * self.width..(y + 1) * self.width).unwrap_or_default()
    }

    /// A copy in another size, each pixel the mean of those it covers.
    pub(in crate::document) fn resized(&self, width: usize, height: usize) -> Vec<u8> {
        let spread = |from: usize, to: usize| -> Vec<(usize, usize)> {
            let place = |at: usize| at * from / to.max(1);
            (0..to).map(|at| (place(at), place(at + 1).max(place(at) + 1).min(from))).collect()
        };
        let columns = spread(self.width, width);
        let mut sums = vec![0_u32; width];
        let mut resized = Vec::with_capacity(width * height);
        for (top, bottom) in spread(self.height, height) {
            sums.fill(0);
            for y in top..bottom {
                let row = self.row(y);
                for (sum, (left, right)) in sums.iter_mut().zip(&columns) {
                    let part = row.get(*left..*right).unwrap_or_default();
                    *sum += part.iter().map(|byte| u32::from(*byte)).sum::<u32>();
                }
            }
            let rows = (bottom - top) as u32;
            resized.extend(sums.iter().zip(&columns).map(|(sum, (left, right))| {
                let count = (rows * (right - left) as u32).max(1);
                u8::try_from((sum + count / 2) / count).unwrap_or(u8::MAX)
            }));
        }
        resized
    }

    /// The picture turned clockwise by quarter turns.
    #[cfg(test)]
    pub(in crate::document) fn turned(&self, quarters: u8) -> Self {
        let (w, h) = (self.width, self.height);
        let [wide, high] = self.points;
        let pixel = |x: usize, y: usize| self.grey.get(y * w + x).copied().unwrap_or(255);
        let turn = |width: usize, height: usize, from: &dyn Fn(usize, usize) -> u8, points| {
            let rows = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
            Self::new(width, height, rows.map(|(x, y)| from(x, y)).collect(), points)
        };
        match quarters % 4 {
            1 => turn(h, w, &|x, y| pixel(y, h - 1 - x), [high, wide]),
            2 => turn(w, h, &|x, y| pixel(w - 1 - x, h - 1 - y), [wide, high]),
            3 => turn(h, w, &|x, y| pixel(w - 1 - y, x), [high, wide]),
            _ => self.clone(),
        }
    }

    /// Cuts out a strip of `width` times `height` pixels that starts at `corner`, `right` and `down`
    /// being what one of its pixels measures on the picture.
    pub(super) fn strip(
        &self,
        corner: Point,
        [right, down]: [Vec2; 2],
        width: usize,
        height: usize,
    ) -> Vec<u8> {
        // Where a pixel of the strip covers several, a few of them are averaged.
        let most = right.hypot().max(down.hypot());
        let parts = (most / 1.25).ceil().clamp(1.0, 4.0) as u32;
        let step = 1.0 / f64::from(parts);
        let mut strip = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                let mut sum = 0.0;
                for part in 0..parts * parts {
                    let (i, j) = (f64::from(part % parts), f64::from(part / parts));
                    let across = right * (x as f64 + (i + 0.5) * step);
                    let below = down * (y as f64 + (j + 0.5) * step);
                    sum += self.at(corner + across + below);
                }
                strip.push((sum / f32::from(parts as u8 * parts as u8)).round() as u8);
            }
        }
        strip
    }

    /// The grey at a point, between the four pixels around it; white outside.
    fn at(&self, point: Point) -> f32 {
        let (x, y) = (point.x as f32 - 0.5, point.y as f32 - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let pixel = |x: f32, y: f32| -> f32 {
            let inside = x >= 0.0 && y >= 0.0 && x < self.width as f32 && y < self.height as f32;
            let byte = self.grey.get(y as usize * self.width + x as usize).filter(|_| inside);
            f32::from(byte.copied().unwrap_or(255))
        };
        let (u, v) = (x - left, y - top);
        let upper = pixel(left, top) * (1.0 - u) + pixel(left + 1.0, top) * u;
        let lower = pixel(left, top + 1.0) * (1.0 - u) + pixel(left + 1.0, top + 1.0) * u;
        upper * (1.0 - v) + lower * v
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Raster {
        Raster::new(3, 2, vec![0, 1, 2, 10, 11, 12], [30.0, 20.0])
    }

    #[test]
    fn turning_is_clockwise() {
        let table: [(u8, usize, &[u8]); 5] = [
            (0, 3, &[0, 1, 2, 10, 11, 12]),
            (1, 2, &[10, 0, 11, 1, 12, 2]),
            (2, 3, &[12, 11, 10, 2, 1, 0]),
            (3, 2, &[2, 12, 1, 11, 0, 10]),
            (4, 3, &[0, 1, 2, 10, 11, 12]),
        ];
        for (quarters, width, grey) in table {
            let turned = sample().turned(quarters);
            assert_eq!((turned.width, &*turned.grey), (width, grey), "{quarters}");
        }
    }

    #[test]
    fn a_smaller_copy_has_the_means_and_a_larger_one_repeats() {
        assert_eq!(sample().resized(1, 1), [6]);
        assert_eq!(sample().resized(3, 1), [5, 6, 7]);
        assert_eq!(sample().resized(6, 2), [0, 0, 1, 1, 2, 2, 10, 10, 11, 11, 12, 12]);
    }

    #[test]
    fn a_strip_follows_its_direction_and_is_white_outside() {
        let (right, down) = (Vec2::new(0.0, 1.0), Vec2::new(-1.0, 0.0));
        let strip = sample().strip(Point::new(3.0, 0.0), [right, down], 2, 4);
        assert_eq!(strip, [2, 12, 1, 11, 0, 10, 255, 255]);
    }
}
