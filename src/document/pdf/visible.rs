//! Which glyphs a reader sees.
//!
//! Hidden text must not reach the index: it may be a redaction that only covers, or words planted
//! for a model to read. One kind of unseen text is wanted: the recognised layer of a scan, where
//! nearly all text of a page lies unpainted under or over its picture.

use std::collections::HashMap;

use hayro_interpret::kurbo::Vec2;

use crate::document::guard::Watch;
use crate::document::reason::Unreadable;

use super::listen::{Area, AreaKind, Drawn, Glyph, Says};

/// Smaller letters than this many points are not read by people.
const SIZE_SEEN: f64 = 1.0;
/// Colours closer than this, in each channel, are not told apart.
const CONTRAST_SEEN: f32 = 0.06;
/// A scan's picture covers at least this share of the page.
const SCAN_SHARE: f64 = 0.25;
/// In a scan's layer there are this many times as many glyphs as are seen (stamps, headers).
const LAYER_TO_SEEN: usize = 4;
/// Glyphs nearer than these shares of their size, and saying the same, are one (false bold,
/// shadows); two narrow letters side by side are further apart.
const SAME_ALONG: f64 = 0.1;
const SAME_ACROSS: f64 = 0.2;
/// Twins are looked for in cells of this size, among so many glyphs.
const CELL_POINTS: f64 = 8.0;
const CELL_GLYPHS_MAX: usize = 256;

/// Why glyphs are not seen.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Hidden {
    Clipped,
    Covered,
    OffPage,
    SameColour,
    Tiny,
    Transparent,
    Unpainted,
}

impl Hidden {
    /// For the warning.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Clipped => "clipped away",
            Self::Covered => "covered by something painted over it",
            Self::OffPage => "outside the page",
            Self::SameColour => "in the colour of its background",
            Self::Tiny => "smaller than one point",
            Self::Transparent => "transparent",
            Self::Unpainted => "in a mode that paints nothing",
        }
    }
}

/// The glyphs to read, in the order drawn.
pub(super) struct Seen {
    pub(super) glyphs: Vec<Glyph>,
    /// Whether they are the recognised layer of a scan.
    pub(super) layer: bool,
    /// How many letters and digits were left out, and why.
    pub(super) hidden: Vec<(Hidden, usize)>,
}

/// Parts what is seen from what is not.
pub(super) fn part(drawn: &mut Drawn, watch: &Watch) -> Result<Seen, Unreadable> {
    let glyphs = std::mem::take(&mut drawn.glyphs);
    let mut seen = Vec::with_capacity(glyphs.len());
    let mut rest: Vec<(Hidden, bool, Glyph)> = Vec::new();
    for (index, glyph) in glyphs.into_iter().enumerate() {
        if index % 1024 == 0 {
            watch.check()?;
        }
        match verdict(&glyph, drawn) {
            None => seen.push(glyph),
            Some(hidden) => rest.push((hidden, in_scan(hidden, &glyph, drawn), glyph)),
        }
    }
    let inked = |glyph: &Glyph| glyph.says.as_ref().is_none_or(is_inked);
    let layer_size = rest.iter().filter(|(_, layer, glyph)| *layer && inked(glyph)).count();
    let seen_size = seen.iter().filter(|glyph| inked(glyph)).count();
    let layer = layer_size > 0 && layer_size >= LAYER_TO_SEEN * seen_size;
    let mut places = Places::default();
    seen.retain(|glyph| places.is_new(glyph));
    let mut hidden: Vec<(Hidden, usize)> = Vec::new();
    for (why, in_layer, glyph) in rest {
        if layer && in_layer {
            if places.is_new(&glyph) {
                seen.push(glyph);
            }
        } else if inked(&glyph) && places.is_new(&glyph) {
            match hidden.iter_mut().find(|(other, _)| *other == why) {
                Some((_, count)) => *count += 1,
                None => hidden.push((why, 1)),
            }
        }
    }
    if layer {
        seen.sort_by_key(|glyph| glyph.order);
    }
    hidden.sort_unstable();
    Ok(Seen { glyphs: seen, layer, hidden })
}

/// Whether a glyph shows something.
fn is_inked(says: &Says) -> bool {
    says.chars().any(|c| !c.is_whitespace() && !c.is_control())
}

fn verdict(glyph: &Glyph, drawn: &Drawn) -> Option<Hidden> {
    let middle = glyph.middle();
    let [width, height] = drawn.size.map(f64::from);
    if !(0.0..=width).contains(&middle.x) || !(0.0..=height).contains(&middle.y) {
        return Some(Hidden::OffPage);
    }
    if glyph.unpainted {
        return Some(Hidden::Unpainted);
    }
    if glyph.transparent {
        return Some(Hidden::Transparent);
    }
    if glyph.size < SIZE_SEEN {
        return Some(Hidden::Tiny);
    }
    if glyph.clipped {
        return Some(Hidden::Clipped);
    }
    let here = |area: &&Area| area.rect.contains(middle);
    let opaque = |area: &Area| area.kind != AreaKind::Unknown;
    if drawn.areas.iter().filter(here).any(|area| area.order > glyph.order && opaque(area)) {
        return Some(Hidden::Covered);
    }
    let below = drawn.areas.iter().rev().filter(here).find(|area| area.order < glyph.order);
    let ground = match below.map(|area| area.kind) {
        None => Some([1.0; 3]),
        Some(AreaKind::Flat(colour)) => Some(colour),
        Some(AreaKind::Picture | AreaKind::Unknown) => None,
    };
    let same = glyph.colour.zip(ground).is_some_and(|(ink, ground)| {
        ink.iter().zip(ground).all(|(a, b)| (a - b).abs() < CONTRAST_SEEN)
    });
    same.then_some(Hidden::SameColour)
}

/// Whether unseen text may be a scan's recognised layer: it lies on or under a large picture, and
/// under nothing else.
fn in_scan(hidden: Hidden, glyph: &Glyph, drawn: &Drawn) -> bool {
    let [width, height] = drawn.size.map(f64::from);
    let middle = glyph.middle();
    let mut large = drawn
        .areas
        .iter()
        .filter(|area| area.rect.contains(middle))
        .filter(|area| area.rect.area() >= SCAN_SHARE * width * height);
    let pictured = f64::from(drawn.pictures) >= SCAN_SHARE;
    let is_picture = |area: &Area| !matches!(area.kind, AreaKind::Flat(_));
    match hidden {
        Hidden::Unpainted => pictured && large.any(is_picture),
        Hidden::Covered => pictured && large.all(is_picture),
        Hidden::Clipped
        | Hidden::OffPage
        | Hidden::SameColour
        | Hidden::Tiny
        | Hidden::Transparent => false,
    }
}

/// Remembers what stands where, to tell a glyph drawn twice.
#[derive(Default)]
struct Places(HashMap<(i64, i64), Vec<(Says, Vec2)>>);

impl Places {
    fn is_new(&mut self, glyph: &Glyph) -> bool {
        let Some(says) = glyph.says.as_ref().filter(|says| is_inked(says)) else { return true };
        let reach = Vec2::new(SAME_ALONG, SAME_ACROSS) * glyph.size;
        // Cells of a fixed size larger than any reach of text; larger letters look a little less far.
        let cell = |v: f64| (v / CELL_POINTS).floor() as i64;
        let near = |v: f64, reach: f64| {
            let reach = reach.min(CELL_POINTS / 2.0);
            cell(v - reach)..=cell(v + reach)
        };
        let twin = near(glyph.at.x, reach.x).any(|x| {
            near(glyph.at.y, reach.y).any(|y| {
                self.0.get(&(x, y)).is_some_and(|cell| {
                    cell.iter().any(|(other, at)| {
                        let apart = *at - glyph.at;
                        other == says && apart.x.abs() <= reach.x && apart.y.abs() <= reach.y
                    })
                })
            })
        });
        if !twin {
            let cell = self.0.entry((cell(glyph.at.x), cell(glyph.at.y))).or_default();
            if cell.len() < CELL_GLYPHS_MAX {
                cell.push((says.clone(), glyph.at));
            }
        }
        !twin
    }
}
