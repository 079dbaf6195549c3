//! Pages written block by block: for formats that have no pages of their own until they are shown.

use crate::domain::document::{PageText, TextOrigin};
use crate::domain::limits::{PAGE_CHARS_MAX, PAGES_MAX};

use super::decode;
use super::headings::by_words;
use super::reason::{Reason, Unreadable};
use super::{Heading, Warning, WarningKind};

/// Longest heading, in characters: what is longer is a paragraph that looks like one.
const HEADING_CHARS_MAX: u32 = 300;
/// Between the cells of a row.
pub(super) const CELL: &str = " | ";
/// Between rows, and between blocks.
const LINE: &str = "\n";
const BLANK: &str = "\n\n";

/// What stands between two pieces of a page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Last {
    Nothing,
    Row,
    Block,
}

/// Pages as they are written.
pub(super) struct Pages {
    done: Vec<PageText>,
    headings: Vec<Heading>,
    text: String,
    chars: u32,
    last: Last,
    /// Characters left out because nobody sees them.
    pub(super) unseen: usize,
}

impl Pages {
    pub(super) fn new() -> Self {
        let (done, headings, text) = (Vec::new(), Vec::new(), String::new());
        Self { done, headings, text, chars: 0, last: Last::Nothing, unseen: 0 }
    }

    fn number(&self) -> u32 {
        u32::try_from(self.done.len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// Whether nothing stands on this page yet.
    pub(super) fn is_blank(&self) -> bool {
        self.text.is_empty()
    }

    /// Adds a paragraph, as a heading of a level where it is one.
    pub(super) fn block(&mut self, text: &str, heading: Option<u8>) -> Result<(), Unreadable> {
        let text = self.cleaned(text);
        if text.is_empty() {
            return Ok(());
        }
        self.space(BLANK);
        let start = self.chars;
        self.push(&text);
        if let Some(level) = heading.filter(|_| self.chars - start <= HEADING_CHARS_MAX) {
            let page = self.number();
            self.headings.push(Heading { page, start, end: self.chars, level });
        }
        self.last = Last::Block;
        self.check()
    }

    /// Adds a row of a table, after the rows before it.
    pub(super) fn row(&mut self, cells: &[String]) -> Result<(), Unreadable> {
        let cells: Vec<String> = cells
            .iter()
            .map(|cell| {
                let cell = self.cleaned(cell).replace('|', "¦");
                cell.split_whitespace().collect::<Vec<_>>().join(" ")
            })
            .collect();
        if cells.iter().all(String::is_empty) {
            return Ok(());
        }
        self.space(if self.last == Last::Row { LINE } else { BLANK });
        self.push(cells.join(CELL).trim());
        self.last = Last::Row;
        self.check()
    }

    /// Ends a table: the next row begins another.
    pub(super) fn end_table(&mut self) {
        if self.last == Last::Row {
            self.last = Last::Block;
        }
    }

    /// Begins the next page.
    pub(super) fn turn(&mut self) -> Result<(), Unreadable> {
        let (page, text) = (self.number(), std::mem::take(&mut self.text));
        self.done.push(PageText { page, text, origin: TextOrigin::Text });
        (self.chars, self.last) = (0, Last::Nothing);
        if self.done.len() >= PAGES_MAX {
            let detail = format!("the file has more than {PAGES_MAX} pages: split it");
            return Err(Unreadable::new(Reason::TooLarge, detail));
        }
        Ok(())
    }

    /// Puts a block before everything else on the first page.
    pub(super) fn first(&mut self, text: &str) -> Result<(), Unreadable> {
        let text = self.cleaned(text);
        let page = self.done.first_mut().map_or(&mut self.text, |page| &mut page.text);
        if text.is_empty() {
            return Ok(());
        }
        let lead = if page.is_empty() { text } else { text + BLANK };
        page.insert_str(0, &lead);
        let chars = u32::try_from(lead.chars().count()).unwrap_or(u32::MAX);
        for heading in self.headings.iter_mut().filter(|heading| heading.page == 1) {
            heading.start = heading.start.saturating_add(chars);
            heading.end = heading.end.saturating_add(chars);
        }
        if self.done.is_empty() {
            self.chars = self.chars.saturating_add(chars);
            self.last = Last::Block;
        }
        self.check()
    }

    /// The pages, and the headings that were given together with those that words tell.
    pub(super) fn finish(mut self) -> (Vec<PageText>, Vec<Heading>) {
        if !self.is_blank() || self.done.is_empty() {
            let (page, text) = (self.number(), std::mem::take(&mut self.text));
            self.done.push(PageText { page, text, origin: TextOrigin::Text });
        }
        let mut headings = self.headings;
        for page in &self.done {
            let styled = headings.partition_point(|heading| heading.page < page.page);
            let styled: Vec<Heading> =
                headings.iter().skip(styled).take_while(|h| h.page == page.page).copied().collect();
            let mut known = styled.iter().peekable();
            let mut more = Vec::new();
            for heading in by_words(page.page, &page.text) {
                while known.next_if(|known| known.end <= heading.start).is_some() {}
                if known.peek().is_none_or(|known| known.start >= heading.end) {
                    more.push(heading);
                }
            }
            let at = headings.partition_point(|heading| heading.page <= page.page);
            headings.splice(at..at, more);
        }
        headings.sort_by_key(|heading| (heading.page, heading.start));
        (self.done, headings)
    }

    /// What was left out because nobody sees it.
    pub(super) fn unseen_warning(&self) -> Option<Warning> {
        let detail = format!("{} characters that no reader sees were left out", self.unseen);
        let warning = Warning { kind: WarningKind::HiddenText, page: None, detail };
        (self.unseen > 0).then_some(warning)
    }

    fn cleaned(&mut self, text: &str) -> String {
        let cleaned = decode::clean(text);
        self.unseen += cleaned.unseen;
        cleaned.text.trim().to_owned()
    }

    fn space(&mut self, space: &str) {
        if self.last != Last::Nothing {
            self.push(space);
        }
    }

    fn push(&mut self, text: &str) {
        self.chars = self.chars.saturating_add(text.chars().count() as u32);
        self.text.push_str(text);
    }

    fn check(&self) -> Result<(), Unreadable> {
        if self.chars as usize > PAGE_CHARS_MAX {
            let detail =
                format!("a page has more than {PAGE_CHARS_MAX} characters: split the file");
            return Err(Unreadable::new(Reason::TooLarge, detail));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::document::slice_chars;

    #[test]
    fn blocks_rows_and_headings_stand_where_they_say() {
        let mut pages = Pages::new();
        pages.block(" Ünder the law ", Some(1)).unwrap();
        pages.block("", Some(1)).unwrap();
        pages.row(&["a".to_owned(), "b |\nc".to_owned()]).unwrap();
        pages.row(&[String::new(), String::new()]).unwrap();
        pages.row(&["d".to_owned(), String::new()]).unwrap();
        pages.end_table();
        pages.row(&["e".to_owned(), "f".to_owned()]).unwrap();
        pages.turn().unwrap();
        pages.block("1.1 Renewal. It re\u{200b}news.", None).unwrap();
        pages.first("Confidential").unwrap();
        assert_eq!(pages.unseen, 1);
        let (pages, headings) = pages.finish();
        assert_eq!(pages[0].text, "Confidential\n\nÜnder the law\n\na | b ¦ c\nd |\n\ne | f");
        assert_eq!(pages[1].text, "1.1 Renewal. It renews.");
        let found: Vec<_> = headings
            .iter()
            .map(|h| {
                let text = &pages[h.page as usize - 1].text;
                (h.page, h.level, slice_chars(text, h.start, h.end).unwrap())
            })
            .collect();
        assert_eq!(found, [(1, 1, "Ünder the law"), (2, 3, "1.1 Renewal.")]);
    }

    #[test]
    fn pages_have_limits() {
        let mut pages = Pages::new();
        assert_eq!(
            pages.block(&"x".repeat(PAGE_CHARS_MAX + 1), None).unwrap_err().reason,
            Reason::TooLarge
        );
        let turned = (0..PAGES_MAX).try_for_each(|_| pages.turn());
        assert_eq!(turned.unwrap_err().reason, Reason::TooLarge);
    }
}
