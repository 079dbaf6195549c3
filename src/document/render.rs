//! Page pictures, drawn by the engine that also gives the positions.

use std::sync::Arc;

use hayro::hayro_interpret::InterpreterSettings;
use hayro::vello_cpu::Pixmap;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, render};
use serde::{Deserialize, Serialize};

use crate::domain::limits::PICTURE_PIXELS_MAX;

use super::guard::{self, Watch};
use super::ocr::{RASTER_PIXELS_MAX, Raster};
use super::pdf;
use super::reason::{Reason, Unreadable};
use super::sandbox::SandboxError;

/// What scans are made with, and what recognition was measured at.
const RASTER_DPI: f32 = 200.0;

/// Why a page has no picture.
#[derive(Debug, thiserror::Error, Deserialize, Serialize)]
pub enum RenderError {
    /// Caller: ask for a page that exists.
    #[error("page {page} does not exist: the document has {pages}")]
    NoSuchPage {
        /// The page asked for.
        page: u32,
        /// How many there are.
        pages: u32,
    },
    /// The file, not the caller: it cannot be opened or drawn.
    #[error("the page cannot be drawn: {0}")]
    Unreadable(#[from] Unreadable),
    /// The machine: no process could be started to draw it.
    #[error("{0}")]
    #[serde(skip)]
    Unavailable(SandboxError),
}

impl From<SandboxError> for RenderError {
    fn from(error: SandboxError) -> Self {
        match error {
            SandboxError::Unreadable(unreadable) => Self::Unreadable(unreadable),
            SandboxError::Unavailable(_) | SandboxError::Inference(_) => Self::Unavailable(error),
        }
    }
}

/// Draws one page of a PDF as a PNG picture on white.
///
/// * `page`: number from 1.
/// * `width_pixels`: kept within 1 and [`PICTURE_PIXELS_MAX`]; smaller where the height would
///   exceed it. The picture has the proportions of the displayed page.
///
/// # Errors
/// [`RenderError::NoSuchPage`], or [`RenderError::Unreadable`] with the reason, as for
/// [`parse`](super::parse()); a picture takes no longer than a parse may.
pub fn render_page(
    bytes: &[u8],
    password: Option<&str>,
    page: u32,
    width_pixels: u32,
) -> Result<Vec<u8>, RenderError> {
    let most = PICTURE_PIXELS_MAX as f32;
    let wanted = width_pixels.clamp(1, PICTURE_PIXELS_MAX) as f32;
    let scale = move |[width, height]: [f32; 2]| (wanted / width).min(most / height);
    draw(bytes, password, page, scale, |picture, _| {
        picture.into_png().map_err(|_| {
            Unreadable::new(Reason::Malformed, "the picture of the page could not be written")
        })
    })
}

/// The picture of a page for recognition: 200 pixels an inch, fewer on large pages.
///
/// # Errors
/// [`Unreadable`], as for [`parse`](super::parse()).
pub fn rasterise(bytes: &[u8], password: Option<&str>, page: u32) -> Result<Raster, Unreadable> {
    let scale = |[width, height]: [f32; 2]| {
        (RASTER_DPI / 72.0).min((RASTER_PIXELS_MAX as f32 - 1.0) / width.max(height))
    };
    let raster = draw(bytes, password, page, scale, |picture, points| {
        let (width, height) = (picture.width().into(), picture.height().into());
        let pixels = picture.data_as_u8_slice().chunks_exact(4);
        let grey = pixels.map(|pixel| match pixel {
            [red, green, blue, ..] => grey([*red, *green, *blue]),
            _ => u8::MAX,
        });
        Ok(Raster::new(width, height, grey.collect(), points))
    });
    raster.map_err(|error| match error {
        RenderError::Unreadable(why) => why,
        other @ (RenderError::NoSuchPage { .. } | RenderError::Unavailable(_)) => {
            Unreadable::new(Reason::Malformed, other.to_string())
        }
    })
}

/// Luma of a colour (ITU-R BT.601).
fn grey([red, green, blue]: [u8; 3]) -> u8 {
    let sum = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    u8::try_from(sum / 1000).unwrap_or(u8::MAX)
}

/// Draws a page on white.
///
/// * `scale`: pixels of a point, by the page's width and height in points.
fn draw<T: Send + 'static>(
    bytes: &[u8],
    password: Option<&str>,
    page: u32,
    scale: impl FnOnce([f32; 2]) -> f32 + Send + 'static,
    finish: impl FnOnce(Pixmap, [f32; 2]) -> Result<T, Unreadable> + Send + 'static,
) -> Result<T, RenderError> {
    let (owned, password) = (Arc::new(bytes.to_vec()), password.map(str::to_owned));
    let watch = Watch::start(None);
    let inside = watch.clone();
    let drawn = guard::run(&watch, move || {
        pdf::check_expansion(&owned, pdf::Pictures::Unpack, &inside)?;
        let pdf = pdf::open(&owned, password.as_deref())?;
        let pages = pdf.pages().len();
        let index = usize::try_from(page).ok().and_then(|number| number.checked_sub(1));
        let Some(page) = index.and_then(|index| pdf.pages().get(index)) else {
            return Ok(Err(u32::try_from(pages).unwrap_or(u32::MAX)));
        };
        let (width, height) = page.render_dimensions();
        let scale = scale([width, height]);
        // The engine cuts off fractions: half a pixel more keeps the width asked for.
        let pixels = |points: f32| (points * scale).round().max(1.0) + 0.5;
        let settings = PixmapSettings {
            x_scale: pixels(width) / width,
            y_scale: pixels(height) / height,
            bg_color: WHITE,
        };
        let picture = render(
            page,
            &RenderCache::new(),
            &InterpreterSettings::default(),
            &RenderSettings::default(),
            &settings,
        );
        finish(picture, [width, height]).map(Ok)
    })?;
    drawn.map_err(|pages| RenderError::NoSuchPage { page, pages })
}

#[cfg(test)]
mod tests {
    use super::super::pdf::samples::Sample;
    use super::*;

    /// Width and height from a PNG's header.
    fn size(png: &[u8]) -> (u32, u32) {
        assert!(png.starts_with(b"\x89PNG"));
        let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        (number(16), number(20))
    }

    #[test]
    fn a_picture_has_the_width_asked_for_and_the_pages_proportions() {
        let plain = Sample::new().page("BT /F1 12 Tf 72 700 Td (hello) Tj ET").bytes();
        assert_eq!(size(&render_page(&plain, None, 1, 612).unwrap()), (612, 792));
        assert_eq!(size(&render_page(&plain, None, 1, 306).unwrap()), (306, 396));
        assert_eq!(size(&render_page(&plain, None, 1, 1_000_000).unwrap()).1, PICTURE_PIXELS_MAX);
        let turned = Sample::new().rotate(90).page("").bytes();
        assert_eq!(size(&render_page(&turned, None, 1, 396).unwrap()), (396, 306));
    }

    #[test]
    fn a_page_that_does_not_exist_is_named() {
        let plain = Sample::new().page("").bytes();
        for page in [0, 2, u32::MAX] {
            let refused = render_page(&plain, None, page, 100);
            assert!(matches!(refused, Err(RenderError::NoSuchPage { pages: 1, .. })), "{page}");
        }
        let broken = render_page(b"%PDF-1.4", None, 1, 100);
        assert!(matches!(broken, Err(RenderError::Unreadable(_))));
    }
}
