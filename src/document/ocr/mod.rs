//! What does the picture of a page say, and where?
//!
//! A detector says where lines of text are ([`mod@regions`]); each is cut out, level and of one height
//! ([`raster`]), read by a recogniser, and taken apart into characters with places ([`mod@decode`],
//! [`ink`]). Rows in reading order ([`order`]) become a page's text by the same rules as the lines
//! of a born-digital one.
//!
//! What a line says depends on its own pixels alone: it is read by itself, never padded to the
//! width of others.

use std::sync::Arc;

use hayro_interpret::kurbo::{Point, Vec2};

use crate::domain::digest::Digest;
use crate::inference::{Detector, InferenceError, Recogniser};

use super::pdf::{Line, Placed};

mod decode;
mod ink;
mod order;
mod raster;
mod regions;

pub(super) use raster::RASTER_PIXELS_MAX;
pub use raster::Raster;

use decode::{ReadLine, decode};
use ink::Ink;
use order::Extent;
use regions::{Region, regions};

/// The longer side of the picture that the detector sees first, in pixels …
const DETECTED_PIXELS: f64 = 1_280.0;
/// … and at most: letters of five points are ten pixels high there.
const DETECTED_PIXELS_MAX: f64 = 2_304.0;
/// Where lines are less high than this on it, they are looked at again …
const HEIGHT_MIN: f64 = 16.0;
/// … this high: then their rectangles fit.
const HEIGHT_WANTED: f64 = 20.0;
/// A letter alone.
const WIDTH_MIN: usize = 32;
/// Widest strip, some 250 letters: what is longer is squeezed.
const WIDTH_MAX: usize = 4_096;
/// Lines less sure than this on average are no text: pictures, stains.
const SURE_MIN: f32 = 0.5;
/// Less sure than this on average, a page may be upside down.
const UPRIGHT_SURE: f32 = 0.85;
/// Lines read to tell which way up a page is.
const SAMPLE: usize = 8;
/// Sizes this close to the page's usual one are it.
const USUAL: f64 = 0.14;

/// The models that read pictures, and how they are used.
#[derive(Clone)]
pub struct Ocr {
    detector: Arc<Detector>,
    recogniser: Arc<Recogniser>,
}

/// A page as it was read.
pub(super) struct PageRead {
    /// Its rows in the order they are read.
    pub(super) lines: Vec<Line>,
    /// How sure its letters are on average, from 0 to 1.
    pub(super) sure: f32,
    /// Lines that were found and could not be read.
    pub(super) unread: usize,
}

/// A line of text where it stands on the picture.
struct Found {
    region: Region,
    strip: Strip,
    read: ReadLine,
}

/// A line cut out.
struct Strip {
    grey: Vec<u8>,
    width: usize,
    /// Where it begins on the picture, above.
    corner: Point,
    /// What one of its pixels measures there.
    right: Vec2,
    down: Vec2,
}

impl Ocr {
    /// Reads with these models.
    pub fn new(detector: Detector, recogniser: Recogniser) -> Self {
        Self { detector: Arc::new(detector), recogniser: Arc::new(recogniser) }
    }

    /// The models by role.
    pub fn models(&self) -> [(&'static str, Digest); 2] {
        [("ocr-detector", self.detector.digest()), ("ocr-recogniser", self.recogniser.digest())]
    }

    /// Reads a page.
    pub(super) fn read(&self, raster: &Raster) -> Result<PageRead, InferenceError> {
        let (regions, along) = self.detect(raster)?;
        let total = regions.len();
        let (upright, level): (Vec<_>, Vec<_>) = regions.into_iter().partition(Region::is_upright);
        let mut found = Vec::new();
        for group in [level, upright] {
            found.extend(self.read_way_up(raster, group)?);
        }
        found.retain(|line| line.read.sure() >= SURE_MIN && !line.read.letters.is_empty());
        let letters = |line: &Found| line.read.letters.len() as f32;
        let count: f32 = found.iter().map(letters).sum();
        let sure: f32 = found.iter().map(|line| line.read.sure() * letters(line)).sum();
        let unread = total - found.len();
        let lines = rows(&found, along, raster.scale());
        Ok(PageRead { lines, sure: sure / count.max(1.0), unread })
    }

    /// Where lines are, in pixels of the picture, and the direction of most. Small print is looked
    /// at again, larger.
    fn detect(&self, raster: &Raster) -> Result<(Vec<Region>, Vec2), InferenceError> {
        let (width, height) = raster.size();
        let longer = width.max(height).max(1) as f64;
        let share = (DETECTED_PIXELS / longer).min(1.0);
        let found = self.detect_at(raster, share)?;
        let high = share * median_height(&found.0);
        let larger = (share * HEIGHT_WANTED / high).min(DETECTED_PIXELS_MAX / longer).min(1.0);
        if found.0.is_empty() || high >= HEIGHT_MIN || larger < 1.1 * share {
            return Ok(found);
        }
        self.detect_at(raster, larger)
    }

    /// The same, on a picture of this share of its size.
    fn detect_at(
        &self,
        raster: &Raster,
        share: f64,
    ) -> Result<(Vec<Region>, Vec2), InferenceError> {
        let (width, height) = raster.size();
        let step = Detector::MULTIPLE;
        let fit =
            |pixels: usize| ((pixels as f64 * share / step as f64).round() as usize).max(1) * step;
        let (wide, high) = (fit(width), fit(height));
        let map = self.detector.map(&raster.resized(wide, high), wide)?;
        let (mut found, mut along) = regions(&map, wide);
        let scale = Vec2::new(width as f64 / wide as f64, height as f64 / high as f64);
        let stretch = |v: Vec2| Vec2::new(v.x * scale.x, v.y * scale.y);
        for region in &mut found {
            let (right, down) = (stretch(region.along), stretch(turned(region.along)));
            region.centre = stretch(region.centre.to_vec2()).to_point();
            region.size = Vec2::new(region.size.x * right.hypot(), region.size.y * down.hypot());
            region.along = right / right.hypot();
        }
        along = stretch(along);
        Ok((found, along / along.hypot()))
    }

    /// Reads lines of one direction, or of its opposite where they are the surer that way.
    fn read_way_up(
        &self,
        raster: &Raster,
        regions: Vec<Region>,
    ) -> Result<Vec<Found>, InferenceError> {
        let found = self.read_lines(raster, regions)?;
        let sure = |lines: &[Found]| {
            let sum: f32 = lines.iter().map(|line| line.read.sure()).sum();
            sum / lines.len().max(1) as f32
        };
        if found.is_empty() || sure(&found) >= UPRIGHT_SURE {
            return Ok(found);
        }
        let over = |line: &Found| Region { along: -line.region.along, ..line.region };
        let mut longest: Vec<&Found> = found.iter().collect();
        longest.sort_by(|a, b| b.region.size.x.total_cmp(&a.region.size.x));
        longest.truncate(SAMPLE);
        let before = longest.iter().map(|line| line.read.sure()).sum::<f32>();
        let sample = self.read_lines(raster, longest.into_iter().map(over).collect())?;
        if sure(&sample) * sample.len() as f32 <= before {
            return Ok(found);
        }
        self.read_lines(raster, found.iter().map(over).collect())
    }

    /// Reads lines one by one: several at once take no less time, and each as wide as it is.
    fn read_lines(
        &self,
        raster: &Raster,
        regions: Vec<Region>,
    ) -> Result<Vec<Found>, InferenceError> {
        let mut found = Vec::with_capacity(regions.len());
        for region in regions {
            let strip = Strip::of(raster, &region);
            let steps = self.recogniser.read(&strip.grey, strip.width)?;
            let steps = steps.first().map(Vec::as_slice).unwrap_or_default();
            let stretch = strip.down.hypot() / strip.right.hypot();
            let read = decode(steps, &Ink::of(&strip.grey, strip.width), stretch);
            found.push(Found { region, strip, read });
        }
        Ok(found)
    }
}

impl Strip {
    /// Cuts out a line, level and as high as the recogniser takes.
    fn of(raster: &Raster, region: &Region) -> Self {
        let wide = region.size.x / region.size.y.max(1.0) * Recogniser::HEIGHT as f64;
        let steps = (wide / Recogniser::STEP as f64).round().max(1.0) as usize;
        let width = (steps * Recogniser::STEP).clamp(WIDTH_MIN, WIDTH_MAX);
        let right = region.along * (region.size.x / width as f64);
        let down = turned(region.along) * (region.size.y / Recogniser::HEIGHT as f64);
        let to_corner = region.along * region.size.x + turned(region.along) * region.size.y;
        let corner = region.centre - to_corner / 2.0;
        let grey = raster.strip(corner, [right, down], width, Recogniser::HEIGHT);
        Self { grey, width, corner, right, down }
    }
}

/// The median over lines, in pixels of the picture.
fn median_height(lines: &[Region]) -> f64 {
    let mut heights: Vec<f64> = lines.iter().map(|line| line.size.y).collect();
    heights.sort_by(f64::total_cmp);
    heights.get(heights.len() / 2).copied().unwrap_or_default()
}

/// A quarter turn clockwise on the page.
fn turned(v: Vec2) -> Vec2 {
    Vec2::new(-v.y, v.x)
}

/// A line in points of the page.
struct Laid {
    along: Vec2,
    /// Along and across `along`.
    extent: Extent,
    across: f64,
    size: f64,
    chars: Vec<Placed>,
}

/// The page's rows in reading order, in points: those of the page's own direction, then others.
fn rows(found: &[Found], along: Vec2, scale: Vec2) -> Vec<Line> {
    let mut groups: Vec<(Vec2, Vec<Laid>)> = Vec::new();
    let usual = usual_size(found);
    for line in found {
        // Lines of nearly one direction share it, so that their places can be compared.
        let own = line.region.along;
        let shared = [along, -along, turned(along), -turned(along)];
        let axis = shared.into_iter().find(|axis| axis.dot(own) > 0.99).unwrap_or(own);
        let laid = laid(line, axis, scale, usual);
        match groups.iter_mut().find(|group| group.0.dot(axis) > 0.99) {
            Some((_, lines)) => lines.push(laid),
            None => groups.push((axis, vec![laid])),
        }
    }
    groups.sort_by_key(|(_, lines)| std::cmp::Reverse(lines.len()));
    let ordered = groups.into_iter().flat_map(|(_, lines)| {
        let extents: Vec<Extent> = lines.iter().map(|line| line.extent).collect();
        let rows = order::rows(&extents);
        rows.into_iter().filter_map(|row| joined(&row, &lines)).collect::<Vec<_>>()
    });
    ordered.collect()
}

/// The size of most letters, in pixels of the picture.
fn usual_size(found: &[Found]) -> f64 {
    let size = |line: &Found| line.read.size * line.strip.down.hypot();
    let mut sizes: Vec<(f64, usize)> =
        found.iter().map(|line| (size(line), line.read.letters.len())).collect();
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut left = sizes.iter().map(|(_, count)| count).sum::<usize>() / 2;
    for (size, count) in sizes {
        if count >= left {
            return size;
        }
        left -= count;
    }
    0.0
}

/// A line along `axis`, in points.
fn laid(line: &Found, axis: Vec2, scale: Vec2, usual: f64) -> Laid {
    let points = |v: Vec2| Vec2::new(v.x * scale.x, v.y * scale.y);
    let per_pixel = points(axis).hypot();
    let along = points(axis) / per_pixel;
    let Strip { corner, right, down, width, .. } = &line.strip;
    let (wide, high) = (right.hypot(), down.hypot());
    let left = points(corner.to_vec2()).dot(along);
    let place = |at: f64| left + at * wide * per_pixel;
    // The baseline in the middle of the line: there a small difference in angle moves it least.
    let middle = *corner + *right * (*width as f64 / 2.0) + *down * line.read.baseline;
    let across = points(middle.to_vec2()).dot(turned(along));
    let own = line.read.size * high;
    let size = if (own / usual - 1.0).abs() <= USUAL { usual } else { own } * per_pixel;
    let chars: Vec<Placed> = line
        .read
        .letters
        .iter()
        .map(|letter| Placed {
            c: letter.c,
            left: place(letter.left),
            right: place(letter.right),
            sure: Some((letter.sure * 255.0).round() as u8),
        })
        .collect();
    let extent = Extent {
        left: chars.first().map_or(left, |first| first.left),
        right: chars.last().map_or(left, |last| last.right),
        top: across - size * 0.72,
        bottom: across + size * 0.2,
    };
    Laid { along, extent, across, size, chars }
}

/// One row of the page as one line.
fn joined(row: &[usize], lines: &[Laid]) -> Option<Line> {
    let parts: Vec<&Laid> = row.iter().filter_map(|at| lines.get(*at)).collect();
    let along = parts.first()?.along;
    let longest = parts.iter().max_by_key(|part| part.chars.len())?;
    let (across, size) = (longest.across, longest.size);
    let mut chars: Vec<Placed> = Vec::new();
    for part in parts {
        if let (Some(last), Some(next)) = (chars.last(), part.chars.first()) {
            let (left, right) = (last.right, next.left.max(last.right));
            chars.push(Placed { c: ' ', left, right, sure: None });
        }
        chars.extend(&part.chars);
    }
    Some(Line::of(along, across, size, chars))
}
