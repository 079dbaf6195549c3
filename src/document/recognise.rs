//! The second step of reading: what the pictures of pages say.
//!
//! [`parse`](super::parse()) tells which pages want it; whoever has their pictures
//! ([`Sandbox::rasterise`](super::Sandbox::rasterise)) gives them here. No page is dropped in silence: one whose
//! picture says nothing keeps a warning with its number.

use crate::domain::document::{PageText, TextOrigin};

use super::ocr::{Ocr, PageRead, Raster};
use super::pdf::{Composed, Composer, by_size};
use super::reason::{Reason, Unreadable};
use super::sandbox::SandboxError;
use super::{Heading, Parsed, Warning, WarningKind, headings};

/// Pages less sure than this on average are pointed out.
const SURE: f32 = 0.85;

impl Parsed {
    /// Fills in the pages that want recognition.
    ///
    /// * `picture`: the picture of a page, by its number.
    ///
    /// # Errors
    /// [`SandboxError`] where no picture can be made or a model fails: the machine's fault, not the
    /// file's. A page without a picture is none: it keeps a warning.
    pub fn recognise(
        &mut self,
        ocr: &Ocr,
        picture: &mut dyn FnMut(u32) -> Result<Raster, SandboxError>,
    ) -> Result<(), SandboxError> {
        let mut composer = Composer::default();
        let mut sizes = Vec::new();
        let mut replaced = Vec::new();
        for number in std::mem::take(&mut self.wanting) {
            let raster = match picture(number) {
                Ok(raster) => raster,
                Err(error @ (SandboxError::Unavailable(_) | SandboxError::Inference(_))) => {
                    return Err(error);
                }
                Err(SandboxError::Unreadable(why)) => {
                    self.warn(number, WarningKind::PageNeedsOcr, format!("no picture: {why}"));
                    continue;
                }
            };
            let read = ocr.read(&raster)?;
            let composed = composer.page(&read.lines, raster.points);
            if let Some(lines) = self.replace(number, &read, composed) {
                sizes.extend(lines);
                replaced.push(number);
            }
        }
        self.find_headings(&replaced, &sizes);
        self.recognised.clone_from(&replaced);
        if !replaced.is_empty() {
            self.lacking = None;
        } else if let Some(lacking) = &mut self.lacking {
            let detail = "recognition found no text in the pictures of the pages".to_owned();
            *lacking = Unreadable { reason: Reason::Empty, detail };
        }
        Ok(())
    }

    /// The file with its text, or why it has none that can be used.
    ///
    /// # Errors
    /// [`Unreadable`] where what it says is in pictures that nobody recognised.
    pub fn settled(self) -> Result<Self, Unreadable> {
        match self.lacking {
            Some(why) => Err(why),
            None => Ok(self),
        }
    }

    /// Takes what was read of a page, unless the file itself says more; gives the sizes of lines.
    fn replace(
        &mut self,
        number: u32,
        read: &PageRead,
        composed: Composed,
    ) -> Option<Vec<(u32, u32, u32, f32)>> {
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        let page: &mut PageText = self.pages.get_mut(index)?;
        let found = letters(&composed.text);
        if found == 0 && letters(&page.text) == 0 {
            let detail = "recognition found no text on the picture of the page";
            self.warnings.retain(|warning| !is_wanting(warning, number));
            self.warn(number, WarningKind::PageNeedsOcr, detail.to_owned());
            return None;
        }
        self.warnings.retain(|warning| !is_wanting(warning, number));
        if found <= letters(&page.text) {
            return None;
        }
        page.text = composed.text;
        page.origin = TextOrigin::Ocr;
        self.geometry.set(index, composed.geometry, composed.words);
        if read.sure < SURE {
            let sure = (read.sure * 100.0).round();
            let detail = format!("read by recognition, {sure} % sure: compare with the picture");
            self.warn(number, WarningKind::UnsureOcr, detail);
        }
        if read.unread > 0 {
            let detail = format!("{} parts that look like text could not be read", read.unread);
            self.warn(number, WarningKind::UnsureOcr, detail);
        }
        let line = |(start, end, size): (u32, u32, f32)| (number, start, end, size);
        Some(composed.sizes.into_iter().map(line).collect())
    }

    fn find_headings(&mut self, replaced: &[u32], sizes: &[(u32, u32, u32, f32)]) {
        let is_new = |number: &u32| replaced.binary_search(number).is_ok();
        let pages: Vec<PageText> =
            self.pages.iter().filter(|page| is_new(&page.page)).cloned().collect();
        let mut found: Vec<Heading> =
            pages.iter().flat_map(|page| headings::by_words(page.page, &page.text)).collect();
        by_size(&pages, sizes, &mut found);
        found.extend(self.headings.iter().filter(|heading| !is_new(&heading.page)));
        found.sort_by_key(|heading| (heading.page, heading.start));
        self.headings = headings::without_running(&found, &self.pages);
    }

    fn warn(&mut self, page: u32, kind: WarningKind, detail: String) {
        self.warnings.push(Warning { kind, page: Some(page), detail });
    }
}

/// Whether a warning says that a page is not read yet.
fn is_wanting(warning: &Warning, page: u32) -> bool {
    warning.page == Some(page)
        && matches!(warning.kind, WarningKind::PageNeedsOcr | WarningKind::UnmappedGlyphs)
}
