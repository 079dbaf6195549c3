//! From the detector's map to rectangles around lines of text.
//!
//! The map says of each pixel how likely it is in the core of a line. Connected likely pixels are a
//! line; its rectangle is the smallest around them, at any angle, grown again by what the detector
//! was taught to leave out (Liao et al. 2020, arXiv:1911.08947, section 3.4).

use hayro_interpret::kurbo::{Point, Vec2};

/// A pixel is in a line from this on.
const LIKELY: f32 = 0.3;
/// A line as a whole is one from this mean on.
const SURE: f32 = 0.5;
/// Cores thinner than this are specks.
const CORE_PIXELS_MIN: f64 = 2.0;
/// How far a core is grown: this share of area by circumference.
const GROW: f64 = 1.6;
/// Lines of one page: bounds the work.
const REGIONS_MAX: usize = 3_000;
/// From this length by height on, a core's own angle is to be trusted.
const LONG: f64 = 5.0;
/// Angles further from the page's than this are not skew.
const SKEW_MAX: f64 = 0.05;

/// A rectangle around a line of text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Region {
    pub(super) centre: Point,
    /// Unit vector along the line, from left to right or downwards.
    pub(super) along: Vec2,
    /// Along and across.
    pub(super) size: Vec2,
}

impl Region {
    /// Whether it runs down the page rather than across.
    pub(super) fn is_upright(&self) -> bool {
        self.along.y.abs() > self.along.x.abs()
    }
}

/// The rectangles of a map, and the page's direction of writing.
pub(super) fn regions(map: &[f32], width: usize) -> (Vec<Region>, Vec2) {
    let cores: Vec<Vec<Point>> = cores(map, width);
    let mut fitted: Vec<(Region, &[Point])> =
        cores.iter().filter_map(|hull| Some((smallest(hull)?, hull.as_slice()))).collect();
    let page = direction(fitted.iter().map(|(region, _)| region));
    for (region, hull) in &mut fitted {
        let across = region.along.cross(page).abs();
        let long = region.size.x >= LONG * region.size.y;
        // Short cores lie at any angle: they are taken along the page.
        if !long && across > 1e-9 || (across > SKEW_MAX && across < 1.0 - SKEW_MAX) {
            *region = around(hull, page);
        }
    }
    let regions = fitted.into_iter().map(|(region, _)| region);
    let thick = |region: &Region| region.size.x.min(region.size.y) >= CORE_PIXELS_MIN;
    (regions.filter(thick).map(grown).collect(), page)
}

/// The hull of each connected likely part that is likely as a whole.
fn cores(map: &[f32], width: usize) -> Vec<Vec<Point>> {
    let height = map.len() / width.max(1);
    let mut seen = vec![false; map.len()];
    let mut found = Vec::new();
    let mut stack = Vec::new();
    for start in 0..map.len() {
        if seen.get(start) != Some(&false) || map.get(start).is_none_or(|p| *p < LIKELY) {
            continue;
        }
        let mut rows: Vec<(usize, usize, usize)> = Vec::new();
        let (mut sum, mut count) = (0.0, 0_u32);
        stack.push(start);
        if let Some(seen) = seen.get_mut(start) {
            *seen = true;
        }
        while let Some(at) = stack.pop() {
            let (x, y) = (at % width, at / width);
            sum += map.get(at).copied().unwrap_or_default();
            count += 1;
            rows.push((y, x, x + 1));
            let (left, right) = (x.saturating_sub(1), (x + 1).min(width - 1));
            let (top, bottom) = (y.saturating_sub(1), (y + 1).min(height - 1));
            for y in top..=bottom {
                for next in y * width + left..=y * width + right {
                    if map.get(next).is_some_and(|p| *p >= LIKELY)
                        && let Some(seen @ false) = seen.get_mut(next)
                    {
                        *seen = true;
                        stack.push(next);
                    }
                }
            }
        }
        if sum / count as f32 >= SURE {
            found.push(hull(rows));
        }
        if found.len() >= REGIONS_MAX {
            break;
        }
    }
    found
}

/// The convex hull of pixels (Andrew 1979), clockwise on the page.
fn hull(mut pixels: Vec<(usize, usize, usize)>) -> Vec<Point> {
    pixels.sort_unstable();
    let mut corners: Vec<Point> = Vec::new();
    // Of each row only the outermost pixels can be on the hull.
    for row in pixels.chunk_by(|a, b| a.0 == b.0) {
        let left = row.iter().map(|pixel| pixel.1).min().unwrap_or_default() as f64;
        let right = row.iter().map(|pixel| pixel.2).max().unwrap_or_default() as f64;
        let y = row.first().map_or(0, |pixel| pixel.0) as f64;
        for (x, y) in [(left, y), (right, y), (left, y + 1.0), (right, y + 1.0)] {
            corners.push(Point::new(x, y));
        }
    }
    corners.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    corners.dedup();
    let half = |points: &mut dyn Iterator<Item = Point>| {
        let mut chain: Vec<Point> = Vec::new();
        for point in points {
            while let [.., a, b] = chain.as_slice()
                && (*b - *a).cross(point - *b) <= 0.0
            {
                chain.pop();
            }
            chain.push(point);
        }
        chain.pop();
        chain
    };
    let mut around = half(&mut corners.iter().copied());
    around.extend(half(&mut corners.iter().rev().copied()));
    around
}

/// The smallest rectangle around a hull: one side lies on an edge (Freeman & Shapira 1975).
fn smallest(hull: &[Point]) -> Option<Region> {
    let next = hull.iter().cycle().skip(1);
    let edges = hull.iter().zip(next).map(|(a, b)| *b - *a).filter(|edge| edge.hypot() > 0.0);
    let fitted = edges.map(|edge| around(hull, rightward(edge / edge.hypot())));
    let best = fitted.min_by(|a, b| (a.size.x * a.size.y).total_cmp(&(b.size.x * b.size.y)))?;
    if best.size.x >= best.size.y {
        return Some(best);
    }
    let along = rightward(Vec2::new(-best.along.y, best.along.x));
    Some(Region { along, size: Vec2::new(best.size.y, best.size.x), ..best })
}

/// The rectangle along a direction around points.
fn around(points: &[Point], along: Vec2) -> Region {
    let down = Vec2::new(-along.y, along.x);
    let extent = |axis: Vec2| {
        let places = points.iter().map(|point| point.to_vec2().dot(axis));
        places.fold((f64::MAX, f64::MIN), |(least, most), at| (least.min(at), most.max(at)))
    };
    let ((left, right), (top, bottom)) = (extent(along), extent(down));
    let centre = along * ((left + right) / 2.0) + down * ((top + bottom) / 2.0);
    Region { centre: centre.to_point(), along, size: Vec2::new(right - left, bottom - top) }
}

/// The same line, pointing right; downwards where it is upright.
fn rightward(along: Vec2) -> Vec2 {
    let upright = along.y.abs() > along.x.abs();
    let back = if upright { along.y < 0.0 } else { along.x < 0.0 };
    if back { -along } else { along }
}

/// The direction of writing: the median angle of long lines, by length.
fn direction<'a>(regions: impl Iterator<Item = &'a Region>) -> Vec2 {
    let mut level: Vec<(f64, f64)> = Vec::new();
    let mut upright: Vec<(f64, f64)> = Vec::new();
    for region in regions.filter(|region| region.size.x >= LONG * region.size.y) {
        let angles = if region.is_upright() { &mut upright } else { &mut level };
        angles.push((region.along.atan2(), region.size.x));
    }
    let length = |angles: &[(f64, f64)]| angles.iter().map(|(_, length)| length).sum::<f64>();
    let mut angles = if length(&upright) > length(&level) { upright } else { level };
    angles.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut left = length(&angles) / 2.0;
    for (angle, length) in angles {
        left -= length;
        if left <= 0.0 {
            return Vec2::from_angle(angle);
        }
    }
    Vec2::new(1.0, 0.0)
}

fn grown(region: Region) -> Region {
    let Vec2 { x, y } = region.size;
    let by = GROW * x * y / (2.0 * (x + y));
    Region { size: Vec2::new(x + 2.0 * by, y + 2.0 * by), ..region }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A map with bars of this length and thickness at an angle around its middle.
    fn map(angle: f64, bars: &[(f64, f64, f64)]) -> Vec<f32> {
        let along = Vec2::from_angle(angle);
        let down = Vec2::new(-along.y, along.x);
        let inside = |x: usize, y: usize| {
            let from = Vec2::new(x as f64 + 0.5 - 200.0, y as f64 + 0.5 - 100.0);
            bars.iter().any(|(offset, length, thick)| {
                from.dot(along).abs() < length / 2.0
                    && (from.dot(down) - offset).abs() < thick / 2.0
            })
        };
        (0..200)
            .flat_map(|y| (0..400).map(move |x| (x, y)))
            .map(|(x, y)| if inside(x, y) { 0.9 } else { 0.0 })
            .collect()
    }

    #[test]
    fn bars_at_an_angle_are_found_with_it_and_grown() {
        for degrees in [0.0_f64, 1.0, -2.5] {
            let (found, page) = regions(&map(degrees.to_radians(), &[(0.0, 300.0, 8.0)]), 400);
            assert!((page.atan2().to_degrees() - degrees).abs() < 0.3, "{degrees}");
            let [region] = found[..] else { panic!("{found:?}") };
            assert!(region.centre.distance(Point::new(200.0, 100.0)) < 1.0, "{region:?}");
            assert!((region.size.x - 312.0).abs() < 4.0, "{region:?}");
            assert!((region.size.y - 20.5).abs() < 4.0, "{region:?}");
        }
    }

    #[test]
    fn short_ones_lie_along_the_page_and_specks_are_left_out() {
        let bars = [(-40.0, 300.0, 8.0), (0.0, 9.0, 8.0), (40.0, 1.0, 1.0)];
        let (mut found, _) = regions(&map(0.02, &bars), 400);
        found.sort_by(|a, b| a.centre.y.total_cmp(&b.centre.y));
        let [_, short] = found[..] else { panic!("{found:?}") };
        assert!((short.along.atan2() - 0.02).abs() < 0.005, "{short:?}");
    }
}
