//! Tables in a page's text: one row to a line, ` | ` between its cells.
//!
//! A row is a sentence of its own, so that a citation quotes it whole; a passage that goes on with a
//! table carries the table's first row as context, not in its text.

use std::ops::Range;

use crate::domain::document::{PageText, Span};

use super::pages::CELL;

/// Longest cell of a row of titles, in characters.
const TITLE_CHARS_MAX: usize = 60;
/// As much of a row of titles as is kept as context.
const HEADER_CHARS_MAX: usize = 240;

/// Whether a line is a row of a table.
pub(super) fn is_row(line: &str) -> bool {
    let line = line.trim();
    line.contains(CELL) || line.len() > 1 && (line.ends_with(" |") || line.starts_with("| "))
}

/// The lines of a text that are rows, as code points.
pub(super) fn rows(text: &str) -> Vec<Range<usize>> {
    let mut start = 0;
    let mut found = Vec::new();
    for line in text.split('\n') {
        let chars = line.chars().count();
        if is_row(line) {
            found.push(start..start + chars);
        }
        start += chars + 1;
    }
    found
}

/// The tables of a document whose first row titles the others.
pub(super) struct Tables(Vec<Table>);

/// The part of a table that is on one page.
struct Table {
    page: u32,
    rows: Range<usize>,
    cells: usize,
    /// The first row, where it holds titles.
    header: Option<String>,
    /// Whether that row is on an earlier page.
    goes_on: bool,
}

impl Tables {
    pub(super) fn of(pages: &[PageText]) -> Self {
        let mut tables: Vec<Table> = Vec::new();
        for page in pages {
            let lines: Vec<&str> = page.text.split('\n').collect();
            let mut start = 0;
            let mut open: Option<Table> = None;
            for line in &lines {
                let end = start + line.chars().count();
                if is_row(line) {
                    let table = open.get_or_insert_with(|| {
                        let table = Table {
                            page: page.page,
                            rows: start..end,
                            cells: cells(line).count(),
                            header: titles(line),
                            goes_on: false,
                        };
                        goes_on(table, tables.last(), pages)
                    });
                    table.rows.end = end;
                } else {
                    tables.extend(open.take());
                }
                start = end + 1;
            }
            tables.extend(open);
        }
        Self(tables)
    }

    /// The row of titles above a place in a table.
    pub(super) fn header(&self, place: &Span) -> Option<&str> {
        let at = place.start as usize;
        let before =
            self.0.partition_point(|table| (table.page, table.rows.start) <= (place.page, at));
        let table = self.0.get(before.checked_sub(1)?)?;
        let inside = table.page == place.page && at < table.rows.end;
        let below = table.goes_on || at > table.rows.start;
        table.header.as_deref().filter(|_| inside && below)
    }
}

/// A table that begins a page goes on with the one that ends the page before, where their rows have
/// as many cells.
fn goes_on(table: Table, last: Option<&Table>, pages: &[PageText]) -> Table {
    let chars = |page: u32| {
        let index = usize::try_from(page).ok()?.checked_sub(1)?;
        pages.get(index).map(|page| page.text.trim_end().chars().count())
    };
    let before = last.filter(|last| {
        table.rows.start == 0
            && last.page + 1 == table.page
            && last.cells == table.cells
            && chars(last.page).is_some_and(|chars| last.rows.end >= chars)
    });
    match before {
        Some(Table { header: Some(header), .. }) if table.header.as_ref() != Some(header) => {
            Table { header: Some(header.clone()), goes_on: true, ..table }
        }
        _ => table,
    }
}

fn cells(row: &str) -> impl Iterator<Item = &str> {
    row.trim().trim_matches('|').split('|').map(str::trim)
}

/// A row that titles the columns: at least two short cells of words, none of them a sentence.
fn titles(row: &str) -> Option<String> {
    let cells: Vec<&str> = cells(row).collect();
    let title = |cell: &&&str| cell.chars().any(char::is_alphabetic);
    let plain = |cell: &&str| {
        cell.chars().count() <= TITLE_CHARS_MAX
            && !cell.ends_with('.')
            && cell.chars().filter(char::is_ascii_digit).count() * 2 <= cell.chars().count()
    };
    let good = cells.iter().filter(title).count() >= 2 && cells.iter().all(plain);
    good.then(|| cells.join(CELL).chars().take(HEADER_CHARS_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::document::TextOrigin;

    fn page(page: u32, text: &str) -> PageText {
        PageText { page, text: text.to_owned(), origin: TextOrigin::Text }
    }

    #[test]
    fn a_row_has_cells() {
        for line in ["a | b", "| a |", " a |", "| a"] {
            assert!(is_row(line), "{line}");
        }
        for line in ["a|b", "a || b", "|", "", "a |b"] {
            assert!(!is_row(line), "{line}");
        }
        assert_eq!(rows("é\na | b\nc |\nd"), [2..7, 8..11]);
    }

    #[test]
    fn the_row_of_titles_is_context_for_the_rows_below_it_also_on_the_next_page() {
        let tables = Tables::of(&[
            page(1, "Doses.\n\nDrug | Dose\nHeparin | 80\nWarfarin | 5"),
            page(2, "Aspirin | 100\n\nAfter.\n\n1 | 2\n3 | 4"),
        ]);
        let header = |page, start| tables.header(&Span { page, start, end: start + 1 });
        let found = [(1, 0), (1, 8), (1, 20), (1, 33), (2, 0), (2, 15), (2, 23), (2, 29)]
            .map(|(page, start)| header(page, start));
        let dose = Some("Drug | Dose");
        assert_eq!(found, [None, None, dose, dose, dose, None, None, None]);
    }
}
