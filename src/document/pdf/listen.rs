//! Listens to a page being drawn: which glyphs where, and what is painted over or under them.
//!
//! Coordinates are points from the top left of the displayed page, as in pictures of it.

use hayro_interpret::font::{Glyph as Shape, GlyphRun};
use hayro_interpret::hayro_cmap::{BfString, WritingMode};
use hayro_interpret::hayro_syntax::page::Page;
use hayro_interpret::kurbo::{Affine, BezPath, Point, Rect, Shape as _, Vec2};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps,
    InterpreterCache, InterpreterSettings, Paint, SoftMask, TransformExt, interpret_page,
};

use crate::document::guard::Watch;
use crate::document::reason::{Reason, Unreadable};
use crate::domain::limits::PAGE_CHARS_MAX;

/// Painted areas that are remembered of one page; later ones neither hide nor underlie anything.
const AREAS_MAX: usize = 4_000;
/// An area narrower than this hides no letter: rules and borders.
const AREA_POINTS_MIN: f64 = 2.0;
/// Less opacity than this is not seen.
const OPACITY_SEEN: f32 = 0.06;
/// More opacity than this lets nothing through.
const OPACITY_FULL: f32 = 0.95;

/// What a page draws.
pub(super) struct Drawn {
    /// Width and height of the displayed page.
    pub(super) size: [f32; 2],
    pub(super) glyphs: Vec<Glyph>,
    pub(super) areas: Vec<Area>,
    /// The share of the page that pictures cover, counted double where they overlap.
    pub(super) pictures: f32,
    /// How many shapes are filled: text drawn as outlines has many.
    pub(super) shapes: u32,
}

/// The character or characters of a glyph.
#[derive(Clone, Eq, Hash, PartialEq)]
pub(super) enum Says {
    /// One, as nearly always.
    Char(char),
    /// A ligature's.
    Text(Box<str>),
}

impl Says {
    /// Its characters.
    pub(super) fn chars(&self) -> impl Iterator<Item = char> + '_ {
        let (one, text) = match self {
            Self::Char(c) => (Some(*c), ""),
            Self::Text(text) => (None, &**text),
        };
        one.into_iter().chain(text.chars())
    }
}

impl From<BfString> for Says {
    fn from(says: BfString) -> Self {
        match says {
            BfString::Char(c) => Self::Char(c),
            BfString::String(text) => Self::Text(text.into()),
        }
    }
}

/// One glyph.
pub(super) struct Glyph {
    /// What it says; `None` where its font does not tell.
    pub(super) says: Option<Says>,
    /// Where it begins, on the baseline.
    pub(super) at: Vec2,
    /// Unit vector of writing.
    pub(super) along: Vec2,
    /// How far it goes along.
    pub(super) advance: f64,
    /// Height of its em.
    pub(super) size: f64,
    /// When it is drawn, among glyphs and areas.
    pub(super) order: u32,
    /// Its colour; `None` for patterns.
    pub(super) colour: Option<[f32; 3]>,
    /// Drawn in a mode that paints nothing.
    pub(super) unpainted: bool,
    /// Drawn with next to no opacity.
    pub(super) transparent: bool,
    /// Outside the clip in force.
    pub(super) clipped: bool,
}

impl Glyph {
    /// The middle of the part that most letters ink.
    pub(super) fn middle(&self) -> Point {
        let up = Vec2::new(self.along.y, -self.along.x);
        (self.at + self.along * (self.advance / 2.0) + up * (self.size * 0.3)).to_point()
    }
}

/// A painted rectangle that is large enough to hide letters or to be their background.
pub(super) struct Area {
    pub(super) rect: Rect,
    pub(super) order: u32,
    pub(super) kind: AreaKind,
}

/// What an area is painted with.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum AreaKind {
    /// An opaque rectangle of one colour.
    Flat([f32; 3]),
    /// An opaque picture.
    Picture,
    /// Something else: a shape of another form, a pattern, half transparent.
    Unknown,
}

/// Draws a page to a listener.
pub(super) fn listen<'a>(
    page: &Page<'a>,
    cache: &InterpreterCache<'a>,
    settings: &InterpreterSettings,
    watch: &Watch,
) -> Drawn {
    let (width, height) = page.render_dimensions();
    let frame = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let transform = page.initial_transform(true).to_kurbo();
    let mut context = Context::new(transform, frame, cache, page.xref(), settings.clone());
    let mut listener = Listener {
        drawn: Drawn {
            size: [width, height],
            glyphs: Vec::new(),
            areas: Vec::new(),
            pictures: 0.0,
            shapes: 0,
        },
        frame,
        order: 0,
        clips: Vec::new(),
        groups: Vec::new(),
        watch,
    };
    interpret_page(page, &mut context, &mut listener);
    listener.drawn
}

struct Listener<'w> {
    drawn: Drawn,
    frame: Rect,
    order: u32,
    /// Bounds of the clips in force, each within the one before, and whether it is that rectangle.
    clips: Vec<(Rect, bool)>,
    /// Opacity of the groups in force, and whether they only compose plainly.
    groups: Vec<(f32, bool)>,
    watch: &'w Watch,
}

impl Listener<'_> {
    fn tick(&mut self, count: usize) -> u32 {
        self.watch.step(count as u64);
        self.order = self.order.saturating_add(1);
        self.order
    }

    fn clip(&self) -> (Rect, bool) {
        self.clips.last().copied().unwrap_or((self.frame, true))
    }

    fn push_clip(&mut self, rect: Rect, exact: bool) {
        self.tick(1);
        let (outer, outer_exact) = self.clip();
        self.clips.push((outer.intersect(rect), exact && outer_exact));
    }

    fn group(&self) -> (f32, bool) {
        self.groups.last().copied().unwrap_or((1.0, true))
    }

    /// Remembers an area, as far as the clip lets it show.
    fn area(&mut self, rect: Rect, exact: bool, kind: AreaKind) {
        let order = self.tick(1);
        let (clip, clip_exact) = self.clip();
        let rect = rect.intersect(clip);
        if rect.width() < AREA_POINTS_MIN
            || rect.height() < AREA_POINTS_MIN
            || self.drawn.areas.len() >= AREAS_MAX
        {
            return;
        }
        let kind = if exact && clip_exact { kind } else { AreaKind::Unknown };
        self.drawn.areas.push(Area { rect, order, kind });
    }

    fn fill(&mut self, rect: Rect, exact: bool, props: &DrawProps<'_>) {
        self.drawn.shapes = self.drawn.shapes.saturating_add(1);
        let (opacity, plain) = self.group();
        let plain = plain && props.soft_mask.is_none() && props.blend_mode == BlendMode::Normal;
        let kind = match colour(&props.paint) {
            Some([.., alpha]) if alpha * opacity < OPACITY_SEEN => return,
            Some([r, g, b, alpha]) if plain && alpha * opacity > OPACITY_FULL => {
                AreaKind::Flat([r, g, b])
            }
            _ => AreaKind::Unknown,
        };
        let exact = exact && upright(props.transform);
        self.area(props.transform.transform_rect_bbox(rect), exact, kind);
    }
}

impl<'a> Device<'a> for Listener<'_> {
    fn draw_path(&mut self, path: &BezPath, props: DrawProps<'a>, mode: &DrawMode) {
        self.tick(1 + path.elements().len() / 64);
        if matches!(mode, DrawMode::Fill(_) | DrawMode::FillAndStroke(..)) {
            self.fill(path.bounding_box(), false, &props);
        }
    }

    fn draw_rect(&mut self, rect: &Rect, props: DrawProps<'a>, mode: &DrawMode) {
        if matches!(mode, DrawMode::Fill(_) | DrawMode::FillAndStroke(..)) {
            self.fill(*rect, true, &props);
        } else {
            self.tick(1);
        }
    }

    fn push_clip_path(&mut self, clip: &ClipPath) {
        // Form bounds come as paths; most are rectangles.
        let bounds = clip.path.bounding_box();
        let full = bounds.area();
        let exact = (clip.path.area().abs() - full).abs() <= full * 0.001;
        self.push_clip(bounds, exact);
    }

    fn push_clip_rect(&mut self, rect: &Rect) {
        self.push_clip(*rect, true);
    }

    fn push_transparency_group(
        &mut self,
        opacity: f32,
        mask: Option<SoftMask<'a>>,
        blend: BlendMode,
    ) {
        self.tick(1);
        let (outer, plain) = self.group();
        self.groups.push((outer * opacity, plain && mask.is_none() && blend == BlendMode::Normal));
    }

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, mode: &DrawMode) {
        let glyphs = run.glyphs();
        let order = self.tick(1 + glyphs.len());
        if self.drawn.glyphs.len() + glyphs.len() > PAGE_CHARS_MAX {
            let detail = format!("one page has more than {PAGE_CHARS_MAX} characters");
            self.watch.stop(Unreadable::new(Reason::TooLarge, detail));
        }
        let colour = colour(&props.paint);
        let opacity = colour.map_or(1.0, |[.., alpha]| alpha) * self.group().0;
        let vertical = run.writing_mode() == WritingMode::Vertical;
        let (clip, _) = self.clip();
        let stretch = run_stretch(run, props.transform);
        for glyph in glyphs {
            let placed = props.transform * glyph.transform();
            let Some(mut glyph) = place(glyph, placed, vertical, stretch) else { continue };
            glyph.order = order;
            glyph.colour = colour.map(|[r, g, b, _]| [r, g, b]);
            glyph.unpainted = matches!(mode, DrawMode::Invisible);
            glyph.transparent = opacity < OPACITY_SEEN;
            glyph.clipped = !clip.inflate(1.0, 1.0).contains(glyph.middle());
            self.drawn.glyphs.push(glyph);
        }
    }

    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        let size = Rect::new(0.0, 0.0, f64::from(image.width()), f64::from(image.height()));
        let rect = props.transform.transform_rect_bbox(size).intersect(self.clip().0);
        if self.frame.area() > 0.0 {
            self.drawn.pictures += (rect.area() / self.frame.area()) as f32;
        }
        let (opacity, plain) = self.group();
        let opaque = match &image {
            Image::Raster(raster) => {
                let dict = raster.stream().dict().clone();
                !dict.contains_key(b"SMask") && !dict.contains_key(b"Mask")
            }
            Image::Stencil(_) => false,
        };
        let plain = plain
            && opaque
            && opacity > OPACITY_FULL
            && props.soft_mask.is_none()
            && props.blend_mode == BlendMode::Normal;
        let kind = if plain { AreaKind::Picture } else { AreaKind::Unknown };
        self.area(rect, upright(props.transform), kind);
    }

    fn pop_clip(&mut self) {
        self.clips.pop();
    }

    fn pop_transparency_group(&mut self) {
        self.groups.pop();
    }
}

/// Red, green, blue and opacity of a plain colour.
fn colour(paint: &Paint<'_>) -> Option<[f32; 4]> {
    match paint {
        Paint::Color(colour) => Some(colour.to_rgba().components()),
        Paint::Pattern(_) => None,
    }
}

/// Whether rectangles stay rectangles.
fn upright(transform: Affine) -> bool {
    let [a, b, c, d, ..] = transform.as_coeffs();
    let small = 1e-6 * (a.abs() + b.abs() + c.abs() + d.abs());
    (b.abs() <= small && c.abs() <= small) || (a.abs() <= small && d.abs() <= small)
}

/// How much wider than high the run's text space is (horizontal scaling).
///
/// The engine stretches glyphs of substitute fonts to the widths that the document states, glyph by
/// glyph; such stretching is not part of text space. Where glyphs differ, no scaling is assumed.
fn run_stretch(run: &GlyphRun<'_, '_>, transform: Affine) -> f64 {
    let ratios = run.glyphs().iter().map(|glyph| {
        let [a, b, c, d, ..] = (transform * glyph.transform()).as_coeffs();
        Vec2::new(a, b).hypot() / Vec2::new(c, d).hypot()
    });
    let (least, most) = ratios.fold((f64::MAX, 0.0_f64), |(l, m), r| (l.min(r), m.max(r)));
    if most.is_finite() && most - least <= 0.01 * most { most } else { 1.0 }
}

/// A glyph's place on the page; `None` where its transform is degenerate.
fn place(shape: &Shape<'_>, placed: Affine, vertical: bool, stretch: f64) -> Option<Glyph> {
    let [a, b, c, d, e, f] = placed.as_coeffs();
    let (right, up) = (Vec2::new(a, b), Vec2::new(c, d));
    let size = up.hypot() * 1000.0;
    let width = match shape {
        Shape::Outline(glyph) => glyph.advance_width(),
        Shape::Type3(glyph) => glyph.advance_width(),
    };
    let width = f64::from(width.unwrap_or(500.0)).clamp(0.0, 4_000.0);
    let unit = if vertical { -up } else { right };
    let good = unit.hypot().is_finite() && unit.hypot() > 0.0 && size.is_finite() && size > 0.0;
    if !good || !e.is_finite() || !f.is_finite() {
        return None;
    }
    let along = unit / unit.hypot();
    // Vertical writing: the origin is at the lower left of the em; the line runs through its middle.
    let at = Vec2::new(e, f);
    let (at, advance) = if vertical {
        (at + up * 880.0 + right * (width / 2.0), size)
    } else {
        (at, width / 1000.0 * size * stretch)
    };
    let space = shape.char_code() == 32;
    let says = shape.as_unicode().map(Says::from).or_else(|| space.then_some(Says::Char(' ')));
    Some(Glyph {
        says,
        at,
        along,
        advance,
        size,
        order: 0,
        colour: None,
        unpainted: false,
        transparent: false,
        clipped: false,
    })
}
