//! DOCX: the text of the document as Word shows it.
//!
//! Numbers are computed ([`numbering`]), styles resolved ([`styles`]), stories walked ([`blocks`]).
//! Insertions are text and deletions are not; fields show their results; notes stand at the end;
//! headers and footers once. Pages begin where the author put a break, and where they did when the
//! file was last shown, so that a page's number is near the one that readers see.

use std::collections::HashMap;

use super::guard::Watch;
use super::office::{Acting, Element, Package, Relation, Xml, title};
use super::pages::Pages;
use super::reason::{Reason, Unreadable};
use super::{Kind, Parsed, Warning, WarningKind};

use blocks::{Block, NoteKind, Piece, Walk};
use numbering::Numbering;
use styles::Styles;

mod blocks;
mod fields;
mod numbering;
mod styles;
mod symbols;
#[cfg(test)]
mod tests;

/// A cell with more paragraphs than this and [`LAYOUT_CHARS`] lays a page out: it is no cell of data.
const LAYOUT_PARAGRAPHS: usize = 3;
const LAYOUT_CHARS: usize = 600;

/// Reads a DOCX.
pub(super) fn parse(bytes: &[u8], watch: &Watch) -> Result<Parsed, Unreadable> {
    let mut package = Package::open(bytes, watch)?;
    let main = package.main_part()?;
    let relations = package.relations(&main)?;
    let mut acting = Acting::of(&mut package, &main)?;
    let whole = |package: &mut Package<'_>, kind: &str| -> Result<Element, Unreadable> {
        let part = relations.iter().find(|to| to.kind == kind && !to.external);
        let part = part.map(|part| package.element(&part.target)).transpose()?;
        Ok(part.flatten().unwrap_or_default())
    };
    let styles = Styles::of(&whole(&mut package, "styles")?);
    let numbering = Numbering::of(&whole(&mut package, "numbering")?);
    let settings = whole(&mut package, "settings")?;
    let notes = [whole(&mut package, "footnotes")?, whole(&mut package, "endnotes")?];
    let text = package.part(&main)?.ok_or_else(|| {
        Unreadable::new(Reason::Malformed, "the document's text is missing: get a good copy")
    })?;

    let shown_pages = text.contains("lastRenderedPageBreak");
    let mut walk = Walk::new(&styles, numbering, shown_pages);
    let mut pages = Pages::new();
    let sections = body(&text, &mut walk, &mut pages, watch)?;
    add_notes(&mut walk, &notes, &mut pages)?;
    let shown = running_parts(&sections, &relations, settings.toggle("evenAndOddHeaders"));
    add_running(&mut package, &shown, &mut walk, &mut pages)?;

    acting.fields = walk.found.asking;
    let unseen = walk.found.hidden + pages.unseen;
    let mut warnings: Vec<Warning> = acting.warning().into_iter().collect();
    warnings.extend(told(&walk, unseen));
    let (pages, headings) = pages.finish();
    if pages.iter().all(|page| page.text.trim().is_empty()) {
        return Err(without_text(&walk, unseen));
    }
    let title = title(&mut package)?.or_else(|| {
        let first = headings
            .iter()
            .min_by_key(|heading| (heading.level > 1, heading.page, heading.start))?;
        let page = pages.get(usize::try_from(first.page).ok()?.checked_sub(1)?)?;
        crate::domain::document::slice_chars(&page.text, first.start, first.end).map(str::to_owned)
    });
    Ok(Parsed::of_text(Kind::Docx, title.unwrap_or_default(), pages, headings, warnings))
}

/// Walks the body block by block and gives the sections' own properties.
fn body(
    text: &str,
    walk: &mut Walk<'_>,
    pages: &mut Pages,
    watch: &Watch,
) -> Result<Vec<Element>, Unreadable> {
    let mut sections = Vec::new();
    let mut xml = Xml::new(text, watch);
    // A page that is painted shows white letters.
    let mut painted = false;
    while let Some(element) = xml.open()? {
        if matches!(&*element.name, "document" | "body") {
            continue;
        }
        let mut element = xml.rest(element)?;
        if *element.name == *"background" {
            painted = element
                .attribute("color")
                .is_some_and(|colour| !colour.eq_ignore_ascii_case("ffffff"));
            continue;
        }
        let mut blocks = Vec::new();
        walk.block(&element, painted, &mut blocks);
        for block in blocks {
            write(pages, block)?;
        }
        if *element.name == *"sectPr" {
            sections.push(element);
        } else if let Some(section) = take_section(&mut element) {
            sections.push(section);
        }
    }
    Ok(sections)
}

/// The section that ends with a paragraph.
fn take_section(paragraph: &mut Element) -> Option<Element> {
    let child = |element: &mut Element, name: &str| {
        let nodes = std::mem::take(&mut element.children);
        nodes.into_iter().find_map(|node| match node {
            super::office::Node::Element(element) if *element.name == *name => Some(element),
            super::office::Node::Element(_) | super::office::Node::Text(_) => None,
        })
    };
    let mut own = child(paragraph, "pPr")?;
    child(&mut own, "sectPr")
}

fn write(pages: &mut Pages, block: Block) -> Result<(), Unreadable> {
    match block {
        Block::Paragraph { pieces, heading } => {
            let mut heading = heading;
            let mut text = String::new();
            for piece in pieces {
                match piece {
                    Piece::Text(more) => text.push_str(&more),
                    Piece::Page { shown } => {
                        if !text.trim().is_empty() {
                            pages.block(&text, heading.take())?;
                        }
                        text.clear();
                        if !shown || !pages.is_blank() {
                            pages.turn()?;
                        }
                    }
                }
            }
            pages.block(&text, heading)
        }
        Block::Row(mut cells) => {
            let lays_out = |cell: &Vec<Block>| {
                let texts = cell.iter().map(text_of).filter(|text| !text.is_empty());
                let (count, chars) = texts.fold((0, 0), |(n, c), text| (n + 1, c + text.len()));
                count > LAYOUT_PARAGRAPHS && chars > LAYOUT_CHARS
            };
            if cells.len() == 1 || cells.iter().any(lays_out) {
                return cells.drain(..).flatten().try_for_each(|block| write(pages, block));
            }
            if cells.iter().flatten().any(breaks_page) && !pages.is_blank() {
                pages.turn()?;
            }
            let texts: Vec<String> = cells.iter().map(|cell| joined(cell, " ")).collect();
            pages.row(&texts)
        }
        Block::TableEnd => {
            pages.end_table();
            Ok(())
        }
    }
}

fn joined(blocks: &[Block], between: &str) -> String {
    let texts: Vec<String> = blocks.iter().map(text_of).filter(|text| !text.is_empty()).collect();
    texts.join(between)
}

/// A block's text on one line.
fn text_of(block: &Block) -> String {
    match block {
        Block::Paragraph { pieces, .. } => {
            let texts = pieces.iter().map(|piece| match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Page { .. } => " ",
            });
            texts.collect::<String>().trim().to_owned()
        }
        Block::Row(cells) => {
            let cells: Vec<String> = cells.iter().map(|cell| joined(cell, " ")).collect();
            cells.join(", ")
        }
        Block::TableEnd => String::new(),
    }
}

fn breaks_page(block: &Block) -> bool {
    match block {
        Block::Paragraph { pieces, .. } => {
            pieces.iter().any(|piece| matches!(piece, Piece::Page { .. }))
        }
        Block::Row(cells) => cells.iter().flatten().any(breaks_page),
        Block::TableEnd => false,
    }
}

/// Notes, in the order of their marks: foot, then end.
fn add_notes(
    walk: &mut Walk<'_>,
    parts: &[Element; 2],
    pages: &mut Pages,
) -> Result<(), Unreadable> {
    let marks = std::mem::take(&mut walk.found.notes);
    for (kind, part) in [NoteKind::Footnote, NoteKind::Endnote].into_iter().zip(parts) {
        let mut by_id: HashMap<&str, &Element> =
            part.elements().filter_map(|note| Some((note.attribute("id")?, note))).collect();
        for mark in marks.iter().filter(|mark| mark.kind == kind) {
            // A note that is referred to twice stands once.
            let Some(note) = by_id.remove(mark.id.as_str()) else { continue };
            walk.begin(false);
            let mut blocks = Vec::new();
            walk.blocks(note, false, &mut blocks);
            let lead =
                if mark.mark.is_empty() { String::new() } else { format!("[{}] ", mark.mark) };
            let text = joined(&blocks, "\n");
            pages.block(&format!("{lead}{}", text.trim()), None)?;
        }
    }
    Ok(())
}

/// The parts of headers, then of footers, that the sections show.
fn running_parts(
    sections: &[Element],
    relations: &[Relation],
    even_and_odd: Option<bool>,
) -> [Vec<String>; 2] {
    ["headerReference", "footerReference"].map(|name| {
        let mut parts: Vec<String> = Vec::new();
        for section in sections {
            for reference in section.elements().filter(|element| *element.name == *name) {
                let shown = match reference.attribute("type") {
                    Some("first") => section.toggle("titlePg") == Some(true),
                    Some("even") => even_and_odd == Some(true),
                    _ => true,
                };
                let id = reference.attribute("id").filter(|_| shown);
                let part = relations.iter().find(|to| Some(to.id.as_str()) == id && !to.external);
                let new = part.filter(|part| !parts.contains(&part.target));
                parts.extend(new.map(|part| part.target.clone()));
            }
        }
        parts
    })
}

/// Each text of a header before the first page's own, each of a footer after the last's.
fn add_running(
    package: &mut Package<'_>,
    [headers, footers]: &[Vec<String>; 2],
    walk: &mut Walk<'_>,
    pages: &mut Pages,
) -> Result<(), Unreadable> {
    let mut texts = |parts: &[String]| -> Result<Vec<String>, Unreadable> {
        let mut texts: Vec<String> = Vec::new();
        for part in parts {
            let part = package.element(part)?.unwrap_or_default();
            walk.begin(true);
            let mut blocks = Vec::new();
            walk.blocks(&part, false, &mut blocks);
            let text = joined(&blocks, "\n");
            // "Page 3 of 7" without its numbers says nothing.
            let says = text.split(|c: char| !c.is_alphanumeric()).filter(|word| {
                !word.is_empty() && !["page", "of"].contains(&word.to_lowercase().as_str())
            });
            if says.count() > 0 && !texts.contains(&text) {
                texts.push(text);
            }
        }
        Ok(texts)
    };
    let (headers, footers) = (texts(headers)?, texts(footers)?);
    for text in footers {
        pages.block(&text, None)?;
    }
    pages.first(&headers.join("\n"))
}

/// Warnings of what was found on the way.
fn told(walk: &Walk<'_>, unseen: usize) -> Vec<Warning> {
    let found = &walk.found;
    let list = [
        (
            unseen,
            WarningKind::HiddenText,
            format!("{unseen} characters that no reader sees were left out"),
        ),
        (
            found.changes,
            WarningKind::TrackedChanges,
            format!(
                "the file holds {} tracked changes: insertions are in the text, deletions are not",
                found.changes
            ),
        ),
        (
            found.comments,
            WarningKind::Comments,
            format!("{} comments were left out", found.comments),
        ),
        (
            found.chunks,
            WarningKind::Damaged,
            format!("{} other documents in it were left out: save it in Word anew", found.chunks),
        ),
        (
            found.unmapped,
            WarningKind::UnmappedGlyphs,
            format!("{} glyphs have no known character", found.unmapped),
        ),
    ];
    let there = list.into_iter().filter(|(count, _, _)| *count > 0);
    there.map(|(_, kind, detail)| Warning { kind, page: None, detail }).collect()
}

fn without_text(walk: &Walk<'_>, unseen: usize) -> Unreadable {
    if unseen > 0 {
        return Unreadable::new(
            Reason::HiddenText,
            "all of the file's text is hidden from readers",
        );
    }
    if walk.found.pictures > 0 {
        let detail = "the document holds pictures without text: recognise them";
        return Unreadable::new(Reason::NeedsOcr, detail);
    }
    Unreadable::new(Reason::Empty, "the document holds no text")
}
