//! XLSX: each sheet a page, its rows as rows, values as their formats show them.
//!
//! Formulas give the values that were computed when the file was saved. Hidden sheets, rows and
//! columns are left out. We read the parts ourselves: the readers that there are tell neither hidden
//! rows nor formats other than dates, and hold a sheet as a full rectangle, which one cell far out
//! makes very large.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::guard::Watch;
use super::office::{Acting, Element, Package, Xml, title};
use super::pages::Pages;
use super::reason::{Reason, Unreadable};
use super::{Kind, Parsed, Warning, WarningKind};

mod formats;
#[cfg(test)]
mod tests;

/// Filled cells of one workbook: what is more is a database.
const CELLS_MAX: usize = 1_000_000;
/// Columns of a sheet (ISO/IEC 29500-1, 18.3.1.4).
const COLUMNS_MAX: u32 = 16_384;

/// Reads an XLSX.
pub(super) fn parse(bytes: &[u8], watch: &Watch) -> Result<Parsed, Unreadable> {
    let mut package = Package::open(bytes, watch)?;
    let main = package.main_part()?;
    let relations = package.relations(&main)?;
    let acting = Acting::of(&mut package, &main)?;
    let of_kind = |kind: &str| relations.iter().find(|to| to.kind == kind && !to.external);
    let strings = match of_kind("sharedStrings") {
        Some(part) => shared_strings(&package.part(&part.target)?.unwrap_or_default(), watch)?,
        None => Vec::new(),
    };
    let styles = match of_kind("styles") {
        Some(part) => package.element(&part.target)?.unwrap_or_default(),
        None => Element::default(),
    };
    let workbook = package.element(&main)?.unwrap_or_default();
    let since_1904 = workbook
        .child("workbookPr")
        .and_then(|own| own.attribute("date1904"))
        .is_some_and(|on| matches!(on, "1" | "true"));
    let mut book =
        Book { strings, formats: cell_formats(&styles), since_1904, cells: 0, hidden: 0 };
    let mut pages = Pages::new();
    let mut hidden_sheets = 0;
    let sheets = workbook.child("sheets").into_iter().flat_map(Element::elements);
    for (index, sheet) in sheets.enumerate() {
        let id = sheet.attribute("id");
        let part = relations.iter().find(|to| Some(to.id.as_str()) == id && to.kind == "worksheet");
        let Some(part) = part.filter(|part| !part.external) else { continue };
        if sheet.attribute("state").is_some_and(|state| state != "visible") {
            hidden_sheets += 1;
            continue;
        }
        let text = package.part(&part.target)?.unwrap_or_default();
        let rows = book.rows(&text, watch)?;
        if index > 0 && !pages.is_blank() {
            pages.turn()?;
        }
        write(&mut pages, sheet.attribute("name").unwrap_or_default(), &rows)?;
    }
    let mut warnings: Vec<Warning> = acting.warning().into_iter().collect();
    let unseen = book.hidden + pages.unseen;
    let told = [
        (hidden_sheets, format!("{hidden_sheets} hidden sheets were left out")),
        (unseen, format!("{unseen} cells or characters that no reader sees were left out")),
    ];
    let told = told.into_iter().filter(|(count, _)| *count > 0);
    warnings.extend(told.map(|(_, detail)| Warning {
        kind: WarningKind::HiddenText,
        page: None,
        detail,
    }));
    if book.cells == 0 {
        return Err(if unseen + hidden_sheets > 0 {
            Unreadable::new(
                Reason::HiddenText,
                "all of the workbook's cells are hidden from readers",
            )
        } else {
            Unreadable::new(Reason::Empty, "the workbook's sheets are empty")
        });
    }
    let title = title(&mut package)?.unwrap_or_default();
    let (pages, headings) = pages.finish();
    Ok(Parsed::of_text(Kind::Xlsx, title, pages, headings, warnings))
}

/// A sheet's visible rows: filled cells by column.
type Rows = Vec<BTreeMap<u32, String>>;

/// What all sheets share, and what was counted.
struct Book {
    strings: Vec<String>,
    /// The code of each cell format.
    formats: Vec<Option<String>>,
    since_1904: bool,
    /// Filled cells that are shown.
    cells: usize,
    /// Filled cells that are not.
    hidden: usize,
}

impl Book {
    fn rows(&mut self, part: &str, watch: &Watch) -> Result<Rows, Unreadable> {
        let mut hidden_columns: Vec<(u32, u32)> = Vec::new();
        let mut rows_hidden_by_default = false;
        let mut rows = Rows::new();
        let mut xml = Xml::new(part, watch);
        while let Some(element) = xml.open()? {
            match &*element.name {
                "worksheet" | "sheetData" => {}
                "sheetFormatPr" => rows_hidden_by_default = is_on(&element, "zeroHeight"),
                "cols" => {
                    let columns = xml.rest(element)?;
                    hidden_columns.extend(
                        columns.elements().filter(|own| is_on(own, "hidden")).filter_map(range),
                    );
                }
                "row" => {
                    let row = xml.rest(element)?;
                    let own = row.attribute("hidden").is_some();
                    let hidden = if own { is_on(&row, "hidden") } else { rows_hidden_by_default };
                    let cells = self.cells(&row, hidden, &hidden_columns)?;
                    if !cells.is_empty() {
                        rows.push(cells);
                    }
                }
                _ => drop(xml.rest(element)?),
            }
        }
        Ok(rows)
    }

    fn cells(
        &mut self,
        row: &Element,
        hidden: bool,
        hidden_columns: &[(u32, u32)],
    ) -> Result<BTreeMap<u32, String>, Unreadable> {
        let mut cells = BTreeMap::new();
        let mut next = 1;
        for cell in row.elements().filter(|cell| *cell.name == *"c") {
            let column = cell.attribute("r").and_then(column).unwrap_or(next);
            next = column.saturating_add(1);
            let text = self.text(cell);
            if text.trim().is_empty() {
                continue;
            }
            if hidden || hidden_columns.iter().any(|(min, max)| (*min..=*max).contains(&column)) {
                self.hidden += 1;
                continue;
            }
            self.cells += 1;
            if self.cells > CELLS_MAX {
                let detail = format!("the workbook has more than {CELLS_MAX} cells: split it");
                return Err(Unreadable::new(Reason::TooLarge, detail));
            }
            cells.insert(column, text);
        }
        Ok(cells)
    }

    /// A cell's value as it is shown.
    fn text(&self, cell: &Element) -> String {
        let value = || cell.child("v").map(Element::text).unwrap_or_default();
        match cell.attribute("t").unwrap_or("n") {
            "s" => {
                let index = value().trim().parse::<usize>().ok();
                index.and_then(|index| self.strings.get(index)).cloned().unwrap_or_default()
            }
            "inlineStr" => cell.child("is").map(string).unwrap_or_default(),
            "b" => if value().trim() == "1" { "TRUE" } else { "FALSE" }.to_owned(),
            "n" => {
                let value = value();
                let style = cell.attribute("s").and_then(|style| style.parse::<usize>().ok());
                let code = style.and_then(|style| self.formats.get(style)?.as_deref());
                let number = value.trim().parse::<f64>().ok().filter(|number| number.is_finite());
                number.map_or(value, |number| formats::shown(number, code, self.since_1904))
            }
            // Results of formulas that are text, errors, dates in words.
            _ => value(),
        }
    }
}

/// Writes a sheet: its name, then its rows without the columns that are empty throughout.
fn write(pages: &mut Pages, name: &str, rows: &Rows) -> Result<(), Unreadable> {
    pages.block(name, Some(1))?;
    let used: BTreeSet<u32> = rows.iter().flat_map(BTreeMap::keys).copied().collect();
    let first = used.first().copied();
    for row in rows {
        match row.first_key_value() {
            // A cell alone at the left titles what follows.
            Some((column, text)) if row.len() == 1 && Some(*column) == first => {
                pages.block(text, None)?;
            }
            _ => {
                let cell = |column: &u32| row.get(column).cloned().unwrap_or_default();
                pages.row(&used.iter().map(cell).collect::<Vec<_>>())?;
            }
        }
    }
    pages.end_table();
    Ok(())
}

fn shared_strings(part: &str, watch: &Watch) -> Result<Vec<String>, Unreadable> {
    let mut strings = Vec::new();
    let mut xml = Xml::new(part, watch);
    while let Some(element) = xml.open()? {
        if *element.name == *"si" {
            strings.push(string(&xml.rest(element)?));
        }
    }
    Ok(strings)
}

/// A string's text: of its runs too, not how it is pronounced.
fn string(item: &Element) -> String {
    let mut text = String::new();
    for part in item.elements() {
        match &*part.name {
            "t" => text.push_str(&part.text()),
            "r" => text.push_str(&part.child("t").map(Element::text).unwrap_or_default()),
            _ => {}
        }
    }
    text
}

/// The code of the number format of each cell format.
fn cell_formats(styles: &Element) -> Vec<Option<String>> {
    let own: HashMap<u32, &str> = styles
        .child("numFmts")
        .into_iter()
        .flat_map(Element::elements)
        .filter_map(|one| {
            Some((one.attribute("numFmtId")?.parse().ok()?, one.attribute("formatCode")?))
        })
        .collect();
    let formats = styles.child("cellXfs").into_iter().flat_map(Element::elements);
    formats
        .map(|format| {
            let id: u32 = format.attribute("numFmtId")?.parse().ok()?;
            own.get(&id).copied().or_else(|| formats::built_in(id)).map(str::to_owned)
        })
        .collect()
}

fn is_on(element: &Element, name: &str) -> bool {
    element.attribute(name).is_some_and(|on| matches!(on, "1" | "true"))
}

fn range(columns: &Element) -> Option<(u32, u32)> {
    let number = |name: &str| columns.attribute(name)?.parse().ok();
    Some((number("min")?, number("max")?))
}

/// The column of a cell's address: 28 for `AB7`.
fn column(address: &str) -> Option<u32> {
    let letters = address.chars().take_while(char::is_ascii_alphabetic).take(4);
    let number = letters.fold(0_u32, |number, c| {
        number.saturating_mul(26).saturating_add(u32::from(c.to_ascii_uppercase()) - 64)
    });
    (1..=COLUMNS_MAX).contains(&number).then_some(number)
}
