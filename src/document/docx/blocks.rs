//! The blocks of a story (body, note, header): paragraphs and rows, with the runs in them.

use crate::document::office::{Element, Node};

use super::fields::{Field, asks, counts_pages};
use super::numbering::Numbering;
use super::styles::{Listed, Looks, Style, Styles, is_shaded};
use super::symbols::symbol;

/// A piece of a paragraph.
#[derive(Debug)]
pub(super) enum Piece {
    /// Text.
    Text(String),
    /// The next page begins: because the author said so, or because it did when it was last shown.
    Page { shown: bool },
}

/// What a story is made of.
#[derive(Debug)]
pub(super) enum Block {
    /// A paragraph, with its number in its text.
    Paragraph { pieces: Vec<Piece>, heading: Option<u8> },
    /// A row's cells.
    Row(Vec<Vec<Self>>),
    /// A table ends.
    TableEnd,
}

/// Which notes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NoteKind {
    Footnote,
    Endnote,
}

/// A reference to a note.
#[derive(Debug)]
pub(super) struct NoteMark {
    pub(super) kind: NoteKind,
    pub(super) id: String,
    pub(super) mark: String,
}

/// What was found on the way that is no text.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Characters that nobody sees.
    pub(super) hidden: usize,
    /// Insertions and deletions that nobody accepted yet.
    pub(super) changes: usize,
    pub(super) comments: usize,
    /// Fields that ask other programs.
    pub(super) asking: usize,
    pub(super) pictures: usize,
    /// Signs of fonts whose characters are not known.
    pub(super) unmapped: usize,
    /// Other documents within this one, not read.
    pub(super) chunks: usize,
    pub(super) notes: Vec<NoteMark>,
}

/// Walks through stories.
pub(super) struct Walk<'a> {
    pub(super) styles: &'a Styles,
    pub(super) numbering: Numbering,
    /// Pages begin where they did when the file was last shown: sections say nothing more.
    pub(super) shown_pages: bool,
    pub(super) found: Found,
    fields: Vec<Field>,
    /// What stood before a paragraph mark that is deleted.
    carried: Vec<Piece>,
    /// A header or footer: page numbers are no text there.
    running: bool,
}

/// The paragraph that runs are in.
struct Paragraph<'e> {
    pieces: Vec<Piece>,
    looks: Looks,
    /// Something behind it is not white.
    shaded: bool,
    /// Text boxes that hang on it, and whether they are painted.
    boxes: Vec<(&'e Element, bool)>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(styles: &'a Styles, numbering: Numbering, shown_pages: bool) -> Self {
        Self {
            styles,
            numbering,
            shown_pages,
            found: Found::default(),
            fields: Vec::new(),
            carried: Vec::new(),
            running: false,
        }
    }

    /// Another story begins: a note, or a running header or footer.
    pub(super) fn begin(&mut self, running: bool) {
        self.fields.clear();
        self.carried.clear();
        self.running = running;
    }

    /// One element of a story, and what is in it.
    pub(super) fn block(&mut self, element: &Element, shaded: bool, out: &mut Vec<Block>) {
        match &*element.name {
            "p" => self.paragraph(element, shaded, out),
            "tbl" => self.table(element, shaded, out),
            "ins" | "moveTo" => {
                self.found.changes += 1;
                self.blocks(element, shaded, out);
            }
            "del" | "moveFrom" => self.found.changes += 1,
            "altChunk" => self.found.chunks += 1,
            "sdt" => self.blocks_of(element.child("sdtContent"), shaded, out),
            "AlternateContent" => self.blocks_of(choice(element), shaded, out),
            "customXml" | "smartTag" => self.blocks(element, shaded, out),
            _ => {}
        }
    }

    /// All blocks in an element.
    pub(super) fn blocks(&mut self, within: &Element, shaded: bool, out: &mut Vec<Block>) {
        for element in within.elements() {
            self.block(element, shaded, out);
        }
    }

    fn blocks_of(&mut self, within: Option<&Element>, shaded: bool, out: &mut Vec<Block>) {
        if let Some(within) = within {
            self.blocks(within, shaded, out);
        }
    }

    fn table(&mut self, table: &Element, shaded: bool, out: &mut Vec<Block>) {
        let style = table.child("tblPr").and_then(|own| own.value("tblStyle"));
        let shaded = shaded
            || self.styles.named(style).paints
            || table.child("tblPr").is_some_and(is_shaded);
        self.rows(table, shaded, out);
        out.push(Block::TableEnd);
    }

    fn rows(&mut self, within: &Element, shaded: bool, out: &mut Vec<Block>) {
        for element in within.elements() {
            match &*element.name {
                "tr" => self.row(element, shaded, out),
                "ins" | "moveTo" | "customXml" => self.rows(element, shaded, out),
                "sdt" => {
                    if let Some(content) = element.child("sdtContent") {
                        self.rows(content, shaded, out);
                    }
                }
                _ => {}
            }
        }
    }

    fn row(&mut self, row: &Element, shaded: bool, out: &mut Vec<Block>) {
        let own = row.child("trPr");
        if own.is_some_and(|own| own.child("del").is_some()) {
            self.found.changes += 1;
            return;
        }
        self.found.changes += usize::from(own.is_some_and(|own| own.child("ins").is_some()));
        if own.is_some_and(|own| own.toggle("hidden") == Some(true)) {
            self.found.hidden += row.text().split_whitespace().map(str::len).sum::<usize>();
            return;
        }
        let mut cells = Vec::new();
        self.cells(row, shaded, &mut cells);
        out.push(Block::Row(cells));
    }

    fn cells(&mut self, within: &Element, shaded: bool, cells: &mut Vec<Vec<Block>>) {
        for element in within.elements() {
            match &*element.name {
                "tc" => {
                    let painted = element.child("tcPr").is_some_and(is_shaded);
                    let mut cell = Vec::new();
                    self.blocks(element, shaded || painted, &mut cell);
                    cells.push(cell);
                }
                "customXml" => self.cells(element, shaded, cells),
                "sdt" => {
                    if let Some(content) = element.child("sdtContent") {
                        self.cells(content, shaded, cells);
                    }
                }
                _ => {}
            }
        }
    }

    fn paragraph(&mut self, element: &Element, shaded: bool, out: &mut Vec<Block>) {
        let none = Element::default();
        let own = element.child("pPr").unwrap_or(&none);
        let mark = own.child("rPr").unwrap_or(&none);
        let style_id = own.value("pStyle");
        let style = self.styles.of_paragraph(style_id);
        let shaded = shaded || style.looks.shaded || is_shaded(own);
        self.found.changes += usize::from(mark.child("ins").is_some());
        let pieces = std::mem::take(&mut self.carried);
        let mut paragraph = Paragraph { pieces, looks: style.looks, shaded, boxes: Vec::new() };
        self.inline(element, &mut paragraph);
        let Paragraph { mut pieces, boxes, .. } = paragraph;
        if mark.child("del").is_some() {
            // Its text joins the next paragraph.
            self.found.changes += 1;
            self.carried = pieces;
        } else {
            let blank = !pieces.iter().any(|piece| matches!(piece, Piece::Text(_)));
            let unseen = blank && Looks::of(mark).or(style.looks).hides(shaded);
            let label = if unseen { None } else { self.label(own, style_id, &style) };
            if let Some(label) = label {
                let lead =
                    pieces.iter().take_while(|piece| matches!(piece, Piece::Page { .. })).count();
                pieces.insert(lead, Piece::Text(label));
            }
            let before = own.toggle("pageBreakBefore").or(style.page_before);
            if before == Some(true) && !self.shown_pages {
                pieces.insert(0, Piece::Page { shown: true });
            }
            out.push(Block::Paragraph { pieces, heading: heading(own, &style) });
        }
        for (inside, painted) in boxes {
            self.blocks(inside, shaded || painted, out);
        }
        // Where sections end, and nothing says where pages began when the file was last shown.
        if own.child("sectPr").is_some() && !self.shown_pages {
            out.push(Block::Paragraph { pieces: vec![Piece::Page { shown: true }], heading: None });
        }
    }

    fn label(&mut self, own: &Element, style_id: Option<&str>, style: &Style) -> Option<String> {
        let styles = self.styles;
        let of_style = |id: &str| styles.named(Some(id)).listed;
        let listed = Listed::of(own).or(style.listed);
        self.numbering.label(listed, style_id, &of_style)
    }

    /// The runs in an element.
    fn inline<'e>(&mut self, within: &'e Element, paragraph: &mut Paragraph<'e>) {
        for element in within.elements() {
            match &*element.name {
                "r" => self.run(element, paragraph),
                "hyperlink" | "smartTag" | "customXml" | "bdo" | "dir" | "rubyBase" => {
                    self.inline(element, paragraph);
                }
                "fldSimple" => {
                    let instruction = element.attribute("instr").unwrap_or_default();
                    self.found.asking += usize::from(asks(instruction));
                    if !(self.running && counts_pages(instruction)) {
                        self.inline(element, paragraph);
                    }
                }
                "sdt" => {
                    if let Some(content) = element.child("sdtContent") {
                        self.inline(content, paragraph);
                    }
                }
                "ins" | "moveTo" => {
                    self.found.changes += 1;
                    self.inline(element, paragraph);
                }
                "del" | "moveFrom" => self.found.changes += 1,
                "AlternateContent" => {
                    if let Some(choice) = choice(element) {
                        self.inline(choice, paragraph);
                    }
                }
                "oMath" | "oMathPara" => push(&mut paragraph.pieces, &element.text()),
                _ => {}
            }
        }
    }

    fn run<'e>(&mut self, run: &'e Element, paragraph: &mut Paragraph<'e>) {
        let own = run.child("rPr");
        let named = own.and_then(|own| own.value("rStyle"));
        let looks = own.map(Looks::of).unwrap_or_default();
        let looks = looks.or(self.styles.named(named).looks).or(paragraph.looks);
        let hidden = looks.hides(paragraph.shaded);
        self.run_parts(run, hidden, paragraph);
    }

    fn run_parts<'e>(&mut self, run: &'e Element, hidden: bool, paragraph: &mut Paragraph<'e>) {
        for part in run.elements() {
            match &*part.name {
                "t" => self.text(&own_text(part), hidden, paragraph),
                "tab" | "ptab" => self.text("\t", hidden, paragraph),
                "cr" => self.text("\n", hidden, paragraph),
                "br" if part.attribute("type") == Some("page") => {
                    paragraph.pieces.push(Piece::Page { shown: false });
                }
                "br" => self.text("\n", hidden, paragraph),
                "lastRenderedPageBreak" => paragraph.pieces.push(Piece::Page { shown: true }),
                "noBreakHyphen" => self.text("-", hidden, paragraph),
                "sym" => {
                    let sign = symbol(part);
                    self.found.unmapped += usize::from(sign == char::REPLACEMENT_CHARACTER);
                    self.text(sign.encode_utf8(&mut [0; 4]), hidden, paragraph);
                }
                "footnoteReference" => self.note(NoteKind::Footnote, part, hidden, paragraph),
                "endnoteReference" => self.note(NoteKind::Endnote, part, hidden, paragraph),
                "commentReference" => self.found.comments += 1,
                "fldChar" => self.field(part, hidden, paragraph),
                "instrText" => {
                    let instruction = own_text(part);
                    self.found.asking += usize::from(asks(&instruction));
                    if let Some(field) = self.fields.last_mut() {
                        field.counts_pages |= counts_pages(&instruction);
                    }
                }
                "drawing" | "pict" | "object" => {
                    self.found.pictures += 1;
                    boxes(part, is_painted(part), paragraph);
                }
                "ruby" => {
                    if let Some(text) = part.child("rubyBase") {
                        self.inline(text, paragraph);
                    }
                }
                "AlternateContent" => {
                    if let Some(choice) = choice(part) {
                        self.run_parts(choice, hidden, paragraph);
                    }
                }
                _ => {}
            }
        }
    }

    fn text(&mut self, text: &str, hidden: bool, paragraph: &mut Paragraph<'_>) {
        if self.running && self.fields.iter().any(|field| field.counts_pages) {
            return;
        }
        // The instructions of a field are not shown, whatever stands among them.
        if hidden || self.fields.iter().any(|field| !field.separated) {
            self.found.hidden += text.chars().filter(|c| !c.is_whitespace()).count();
            return;
        }
        push(&mut paragraph.pieces, text);
    }

    fn field(&mut self, part: &Element, hidden: bool, paragraph: &mut Paragraph<'_>) {
        match part.attribute("fldCharType") {
            Some("begin") => {
                // A box to tick has no result: it is drawn.
                let tick = part.child("ffData").and_then(|form| form.child("checkBox"));
                if let Some(tick) = tick {
                    let on = tick.toggle("checked").or_else(|| tick.toggle("default"));
                    self.text(if on == Some(true) { "☒" } else { "☐" }, hidden, paragraph);
                }
                self.fields.push(Field::default());
            }
            Some("separate") => {
                if let Some(field) = self.fields.last_mut() {
                    field.separated = true;
                }
            }
            _ => drop(self.fields.pop()),
        }
    }

    fn note(
        &mut self,
        kind: NoteKind,
        part: &Element,
        hidden: bool,
        paragraph: &mut Paragraph<'_>,
    ) {
        let Some(id) = part.attribute("id").filter(|_| !hidden) else { return };
        let own = part.attribute("customMarkFollows").is_some_and(|on| matches!(on, "1" | "true"));
        let before =
            self.found.notes.iter().filter(|note| note.kind == kind && !note.mark.is_empty());
        let count = u32::try_from(before.count()).unwrap_or(u32::MAX).saturating_add(1);
        let format = if kind == NoteKind::Footnote { "decimal" } else { "lowerRoman" };
        let mark = if own { String::new() } else { super::numbering::formatted(count, format) };
        if !mark.is_empty() {
            self.text(&format!("[{mark}]"), false, paragraph);
        }
        self.found.notes.push(NoteMark { kind, id: id.to_owned(), mark });
    }
}

fn push(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        Some(Piece::Text(last)) => last.push_str(text),
        _ if text.is_empty() => {}
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

/// The text directly in an element.
fn own_text(element: &Element) -> String {
    let own = element.children.iter().map(|node| match node {
        Node::Text(text) => text.as_str(),
        Node::Element(_) => "",
    });
    own.collect()
}

/// A heading's level from 1, by the paragraph's own outline level or its style's.
fn heading(own: &Element, style: &Style) -> Option<u8> {
    let direct = own.value("outlineLvl").and_then(|level| level.parse::<u8>().ok());
    let level = direct.or(style.outline).filter(|level| *level < 9).map(|level| level + 1);
    level.or(style.is_title().then_some(1))
}

/// What a program of today shows of alternatives: the first choice.
fn choice(alternatives: &Element) -> Option<&Element> {
    alternatives.child("Choice").or_else(|| alternatives.child("Fallback"))
}

/// Text boxes in a drawing; of alternatives one.
fn boxes<'e>(drawing: &'e Element, painted: bool, paragraph: &mut Paragraph<'e>) {
    for element in drawing.elements() {
        match &*element.name {
            "txbxContent" => paragraph.boxes.push((element, painted)),
            "AlternateContent" => {
                if let Some(choice) = choice(element) {
                    boxes(choice, painted, paragraph);
                }
            }
            _ => boxes(element, painted, paragraph),
        }
    }
}

/// Whether a drawing has a background of its own.
fn is_painted(drawing: &Element) -> bool {
    drawing.any(&|element| {
        matches!(&*element.name, "solidFill" | "gradFill" | "blipFill" | "pattFill" | "fillRef")
            || element.attribute("fillcolor").is_some()
    })
}
