//! Styles: what a paragraph or run takes from its style and the styles that one is based on.

use std::collections::HashMap;

use crate::document::office::Element;

/// Styles based on styles; Word allows eleven.
const CHAIN_MAX: usize = 16;
/// Letters of this size, in half points, cannot be read.
const TINY_HALF_POINTS: u32 = 3;

/// What a run's properties say about whether it can be seen; `None` where they say nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Looks {
    vanish: Option<bool>,
    white: Option<bool>,
    tiny: Option<bool>,
    /// A background that white letters stand out from.
    pub(super) shaded: bool,
}

impl Looks {
    /// From `rPr`.
    pub(super) fn of(properties: &Element) -> Self {
        let size = properties.value("sz").and_then(|size| size.parse::<u32>().ok());
        Self {
            vanish: properties.toggle("vanish"),
            white: properties.value("color").map(is_white),
            tiny: size.map(|size| size <= TINY_HALF_POINTS),
            shaded: is_shaded(properties) || properties.child("highlight").is_some(),
        }
    }

    /// These, and where they say nothing, those.
    pub(super) fn or(self, under: Self) -> Self {
        Self {
            vanish: self.vanish.or(under.vanish),
            white: self.white.or(under.white),
            tiny: self.tiny.or(under.tiny),
            shaded: self.shaded || under.shaded,
        }
    }

    /// Whether nobody sees text that looks so, on a page that is white unless `shaded`.
    pub(super) fn hides(self, shaded: bool) -> bool {
        let on = |looks: Option<bool>| looks == Some(true);
        on(self.vanish) || on(self.tiny) || on(self.white) && !self.shaded && !shaded
    }
}

fn is_white(colour: &str) -> bool {
    colour.eq_ignore_ascii_case("ffffff")
}

/// Whether `shd` in these properties paints a background that is not white.
pub(super) fn is_shaded(properties: &Element) -> bool {
    let Some(shading) = properties.child("shd") else { return false };
    let fill = shading.attribute("fill").unwrap_or("auto");
    let pattern = shading.attribute("val").unwrap_or("clear");
    let plain = |colour: &str| colour == "auto" || is_white(colour);
    !plain(fill) || !matches!(pattern, "clear" | "nil") || shading.attribute("themeFill").is_some()
}

/// A list that a paragraph is part of: which, and on which level.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Listed {
    pub(super) list: Option<u32>,
    pub(super) level: Option<usize>,
}

impl Listed {
    /// From `pPr`.
    pub(super) fn of(properties: &Element) -> Self {
        let Some(numbered) = properties.child("numPr") else { return Self::default() };
        let list = numbered.value("numId").and_then(|id| id.parse().ok());
        let level = numbered.value("ilvl").and_then(|level| level.parse().ok());
        Self { list, level }
    }

    pub(super) fn or(self, under: Self) -> Self {
        Self { list: self.list.or(under.list), level: self.level.or(under.level) }
    }
}

/// What a style gives, with what it is based on.
#[derive(Clone, Debug, Default)]
pub(super) struct Style {
    name: String,
    based_on: Option<String>,
    pub(super) looks: Looks,
    pub(super) listed: Listed,
    /// 0 for the outermost heading; 9 for body text.
    pub(super) outline: Option<u8>,
    pub(super) page_before: Option<bool>,
    /// A table's style that paints cells.
    pub(super) paints: bool,
}

impl Style {
    fn of(style: &Element) -> Self {
        let name = style.value("name").unwrap_or_default().to_lowercase();
        let run = style.child("rPr").map(Looks::of).unwrap_or_default();
        let own = style.child("pPr");
        let outline = own.and_then(|own| own.value("outlineLvl")?.parse().ok());
        Self {
            // "heading 1": the name stays English in every language of Word.
            outline: outline.or_else(|| {
                match name.strip_prefix("heading ")?.parse::<u8>().ok()? {
                    level @ 1..=9 => Some(level - 1),
                    _ => None,
                }
            }),
            name,
            based_on: style.value("basedOn").map(str::to_owned),
            looks: Looks { shaded: run.shaded || own.is_some_and(is_shaded), ..run },
            listed: own.map(Listed::of).unwrap_or_default(),
            page_before: own.and_then(|own| own.toggle("pageBreakBefore")),
            paints: is_shaded(style) || style.any(&is_shaded),
        }
    }

    fn or(self, under: &Self) -> Self {
        Self {
            looks: self.looks.or(under.looks),
            listed: self.listed.or(under.listed),
            outline: self.outline.or(under.outline),
            page_before: self.page_before.or(under.page_before),
            paints: self.paints || under.paints,
            ..self
        }
    }

    /// Whether it is the style of a document's title.
    pub(super) fn is_title(&self) -> bool {
        self.name == "title"
    }
}

/// All styles of a document.
#[derive(Debug, Default)]
pub(super) struct Styles {
    by_id: HashMap<String, Style>,
    /// The style of paragraphs that name none.
    default: Option<String>,
}

impl Styles {
    pub(super) fn of(part: &Element) -> Self {
        let mut styles = Self::default();
        for style in part.elements().filter(|element| *element.name == *"style") {
            let Some(id) = style.attribute("styleId") else { continue };
            let default = style.attribute("default").is_some_and(|on| matches!(on, "1" | "true"));
            if default && style.attribute("type") == Some("paragraph") {
                styles.default = Some(id.to_owned());
            }
            styles.by_id.insert(id.to_owned(), Style::of(style));
        }
        styles
    }

    /// A paragraph's style; the default one where it names none.
    pub(super) fn of_paragraph(&self, id: Option<&str>) -> Style {
        self.named(id.or(self.default.as_deref()))
    }

    /// A style with all that it is based on; an empty one where there is none.
    pub(super) fn named(&self, id: Option<&str>) -> Style {
        let mut next = id.and_then(|id| self.by_id.get(id));
        let mut whole = next.cloned().unwrap_or_default();
        for _ in 0..CHAIN_MAX {
            next = next.and_then(|style| self.by_id.get(style.based_on.as_deref()?));
            let Some(under) = next else { break };
            whole = whole.or(under);
        }
        whole
    }
}
