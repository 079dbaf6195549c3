//! DOCX files made here, and what of them is text.

use crate::document::office::samples::{Sample, zipped};
use crate::document::{Kind, ParseOptions, Parsed, Reason, Unreadable, WarningKind, parse};
use crate::domain::document::slice_chars;

fn read(bytes: &[u8]) -> Result<Parsed, Unreadable> {
    parse(bytes, "sample.docx", &ParseOptions { password: None, deadline: None })
}

/// The text of all pages, `¶` between them.
fn text(body: &str) -> String {
    text_of(&read(&Sample::default().docx(body)).unwrap())
}

fn text_of(parsed: &Parsed) -> String {
    parsed.pages.iter().map(|page| page.text.as_str()).collect::<Vec<_>>().join("¶")
}

fn p(inside: &str) -> String {
    format!("<w:p>{inside}</w:p>")
}

fn r(text: &str) -> String {
    format!("<w:r><w:t xml:space='preserve'>{text}</w:t></w:r>")
}

#[test]
fn the_text_is_what_word_shows() {
    let field = |instruction: &str, result: &str| {
        format!(
            "<w:r><w:fldChar w:fldCharType='begin'/></w:r><w:r><w:instrText>{instruction}</w:instrText></w:r>\
             <w:r><w:fldChar w:fldCharType='separate'/></w:r>{}<w:r><w:fldChar w:fldCharType='end'/></w:r>",
            r(result)
        )
    };
    let tick = "<w:r><w:fldChar w:fldCharType='begin'><w:ffData><w:checkBox><w:checked/></w:checkBox>\
                </w:ffData></w:fldChar></w:r><w:r><w:fldChar w:fldCharType='end'/></w:r>";
    let table = [
        (
            p(&(r("The fee &amp; the ") + &r("term."))) + &p(&r("Next.")),
            "The fee & the term.\n\nNext.",
        ),
        (
            p(
                "<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t><w:noBreakHyphen/><w:t>d</w:t></w:r>",
            ),
            "a\tb\nc-d",
        ),
        (p(&format!("<w:hyperlink r:id='x'>{}</w:hyperlink>", r("link"))), "link"),
        (p(&format!("{} of {}", r("Clause "), field("REF _x \\h", "4.2"))), "Clause 4.2"),
        (
            p(&format!("<w:fldSimple w:instr='DATE'>{}</w:fldSimple>", r("1 May 2026"))),
            "1 May 2026",
        ),
        (p(&(tick.to_owned() + &r(" consents"))), "☒ consents"),
        (p("<w:r><w:sym w:font='Wingdings' w:char='F0A8'/></w:r>"), "☐"),
    ];
    for (body, expected) in table {
        assert_eq!(text(&body), expected, "{body}");
    }
}

#[test]
fn tables_are_rows_and_boxes_stand_after_their_paragraph() {
    let cell = |inside: &str| format!("<w:tc>{inside}</w:tc>");
    let row = |cells: &[&str]| {
        let cells: String = cells.iter().map(|text| cell(&p(&r(text)))).collect();
        format!("<w:tr>{cells}</w:tr>")
    };
    let table = [
        (
            format!("<w:sdt><w:sdtPr/><w:sdtContent>{}</w:sdtContent></w:sdt>", p(&r("control"))),
            "control",
        ),
        (p("<m:oMath><m:r><m:t>x=1</m:t></m:r></m:oMath>"), "x=1"),
        (
            format!(
                "{}<w:tbl>{}{}</w:tbl>{}",
                p(&r("Doses")),
                row(&["Drug", "Dose"]),
                row(&["Heparin", "80"]),
                p(&r("End"))
            ),
            "Doses\n\nDrug | Dose\nHeparin | 80\n\nEnd",
        ),
        // One cell to a row is a frame, not a table.
        (format!("<w:tbl>{}</w:tbl>", row(&["Framed words"])), "Framed words"),
        (
            format!(
                "<w:tbl><w:tr>{}{}</w:tr></w:tbl>",
                cell(&(p(&r("one")) + &p(&r("two")))),
                cell(&format!("<w:tbl>{}</w:tbl>{}", row(&["in", "ner"]), p(&r("x"))))
            ),
            "one two | in, ner x",
        ),
        // A text box, drawn and in the words of older programs: once.
        (
            p(&format!(
                "{}<w:r><mc:AlternateContent><mc:Choice Requires='wps'><w:drawing><w:txbxContent>{}</w:txbxContent></w:drawing></mc:Choice>\
                 <mc:Fallback><w:pict><w:txbxContent>{}</w:txbxContent></w:pict></mc:Fallback></mc:AlternateContent></w:r>",
                r("outside"),
                p(&r("boxed")),
                p(&r("boxed"))
            )),
            "outside\n\nboxed",
        ),
    ];
    for (body, expected) in table {
        assert_eq!(text(&body), expected, "{body}");
    }
}

#[test]
fn pages_begin_where_the_author_or_the_last_showing_put_them() {
    let hard = "<w:r><w:br w:type='page'/></w:r>";
    let shown = |text: &str| format!("<w:r><w:lastRenderedPageBreak/><w:t>{text}</w:t></w:r>");
    let before = "<w:pPr><w:pageBreakBefore/></w:pPr>";
    let section = "<w:pPr><w:sectPr/></w:pPr>";
    let table = [
        (p(&(r("a") + hard)) + &p(&r("b")), "a¶b"),
        // Both say so: it is one break.
        (p(&(r("a") + hard)) + &p(&shown("b")), "a¶b"),
        (p(&(r("half a ") + &shown("sentence"))), "half a¶sentence"),
        (p(&r("a")) + &p(&(before.to_owned() + &r("b"))), "a¶b"),
        (p(&(section.to_owned() + &r("a"))) + &p(&r("b")), "a¶b"),
        (p(&(section.to_owned() + &r("a"))) + &p(&r("b")) + &p(&shown("c")), "a\n\nb¶c"),
        (p(&(r("a") + hard + hard)) + &p(&r("c")), "a¶¶c"),
    ];
    for (body, expected) in table {
        assert_eq!(text(&body), expected, "{body}");
    }
}

#[test]
fn what_nobody_sees_is_left_out_and_told() {
    let run = |properties: &str| format!("<w:r><w:rPr>{properties}</w:rPr><w:t>secret</w:t></w:r>");
    let white = "<w:color w:val='FFFFFF'/>";
    let styles = "<w:styles><w:style w:type='paragraph' w:default='1' w:styleId='N'/>\
        <w:style w:type='character' w:styleId='Ghost'><w:rPr><w:vanish/></w:rPr></w:style>\
        <w:style w:type='table' w:styleId='Dark'><w:tblStylePr><w:tcPr><w:shd w:fill='000080'/></w:tcPr></w:tblStylePr></w:style></w:styles>";
    let in_table = |style: &str| {
        format!(
            "<w:tbl><w:tblPr><w:tblStyle w:val='{style}'/></w:tblPr><w:tr><w:tc>{}</w:tc><w:tc>{}</w:tc></w:tr></w:tbl>",
            p(&run(white)),
            p(&r("seen"))
        )
    };
    let field = format!(
        "<w:r><w:fldChar w:fldCharType='begin'/></w:r>{}<w:r><w:fldChar w:fldCharType='end'/></w:r>",
        r("secret")
    );
    // (body, whether the word is hidden)
    let table = [
        (p(&run("<w:vanish/>")), true),
        (p(&run("<w:vanish w:val='0'/>")), false),
        (p(&run("<w:rStyle w:val='Ghost'/>")), true),
        (p(&run("<w:rStyle w:val='Ghost'/><w:vanish w:val='false'/>")), false),
        (p(&run(white)), true),
        (p(&run(&format!("{white}<w:highlight w:val='black'/>"))), false),
        (p(&format!("<w:pPr><w:shd w:fill='333333'/></w:pPr>{}", run(white))), false),
        (p(&run("<w:sz w:val='2'/>")), true),
        (p(&run("<w:sz w:val='12'/>")), false),
        (in_table("Plain"), true),
        (in_table("Dark"), false),
        (p(&field), true),
    ];
    for (body, hidden) in table {
        let body = body + &p(&r("Words."));
        let parsed =
            read(&Sample::default().with("styles", "styles.xml", styles).docx(&body)).unwrap();
        assert_eq!(text_of(&parsed).contains("secret"), !hidden, "{body}");
        let told = parsed.warnings.iter().any(|warning| warning.kind == WarningKind::HiddenText);
        assert_eq!(told, hidden, "{body}");
    }
}

#[test]
fn changes_comments_and_what_could_act_are_told() {
    let body = p(&format!(
        "{}<w:ins>{}</w:ins><w:del><w:r><w:delText>five</w:delText></w:r></w:del><w:r><w:commentReference w:id='1'/></w:r>",
        r("Pay "),
        r("seven")
    )) + &p("<w:pPr><w:rPr><w:del/></w:rPr></w:pPr><w:r><w:t>joined </w:t></w:r>")
        + &p(&r("together"))
        + &p("<w:moveFrom><w:r><w:t>gone</w:t></w:r></w:moveFrom>")
        + &p("<w:r><w:instrText> DDEAUTO c:\\\\x.exe </w:instrText></w:r>");
    let bytes = Sample::default()
        .outside("attachedTemplate", "https://example.com/evil.dotm")
        .outside("hyperlink", "https://example.com/")
        .beside("word/vbaProject.bin", b"macros")
        .beside("word/embeddings/oleObject1.bin", b"object")
        .docx(&body);
    let parsed = read(&bytes).unwrap();
    assert_eq!(text_of(&parsed), "Pay seven\n\njoined together");
    let told: Vec<String> = parsed.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "the file holds 1 set of macros, 1 embedded object, 1 link fetched on opening, \
             1 field that asks another program: never run or opened",
            "the file holds 4 tracked changes: insertions are in the text, deletions are not",
            "1 comments were left out",
        ]
    );
}

const STYLES: &str = "<w:styles>
    <w:style w:type='paragraph' w:styleId='Titel'><w:name w:val='Title'/></w:style>
    <w:style w:type='paragraph' w:styleId='berschrift1'><w:name w:val='heading 1'/>
        <w:pPr><w:numPr><w:numId w:val='1'/></w:numPr></w:pPr></w:style>
    <w:style w:type='paragraph' w:styleId='Sub'><w:name w:val='Sub'/><w:basedOn w:val='berschrift1'/>
        <w:pPr><w:numPr><w:ilvl w:val='1'/></w:numPr><w:outlineLvl w:val='1'/></w:pPr></w:style></w:styles>";
const NUMBERING: &str = "<w:numbering><w:abstractNum w:abstractNumId='0'>
    <w:lvl w:ilvl='0'><w:start w:val='1'/><w:numFmt w:val='decimal'/><w:pStyle w:val='berschrift1'/><w:lvlText w:val='%1.'/></w:lvl>
    <w:lvl w:ilvl='1'><w:start w:val='1'/><w:numFmt w:val='decimal'/><w:lvlText w:val='%1.%2'/></w:lvl>
    <w:lvl w:ilvl='2'><w:start w:val='1'/><w:numFmt w:val='lowerLetter'/><w:lvlText w:val='(%3)'/></w:lvl>
    </w:abstractNum><w:num w:numId='1'><w:abstractNumId w:val='0'/></w:num></w:numbering>";

#[test]
fn headings_and_clauses_stand_as_word_numbers_them() {
    let styled = |style: &str, text: &str| {
        p(&format!("<w:pPr><w:pStyle w:val='{style}'/></w:pPr>{}", r(text)))
    };
    let item = |text: &str| {
        let own = "<w:pPr><w:numPr><w:ilvl w:val='2'/><w:numId w:val='1'/></w:numPr></w:pPr>";
        p(&(own.to_owned() + &r(text)))
    };
    let body = styled("Titel", "Supply agreement")
        + &styled("berschrift1", "Term")
        + &styled("Sub", "Renewal")
        + &item("by notice;")
        + &item("by payment.")
        + &styled("Sub", "End")
        + &item("by notice.")
        + &styled("berschrift1", "Fees");
    let sample = || {
        Sample::default().with("styles", "styles.xml", STYLES).with(
            "numbering",
            "numbering.xml",
            NUMBERING,
        )
    };
    let parsed = read(&sample().docx(&body)).unwrap();
    assert_eq!(
        text_of(&parsed),
        "Supply agreement\n\n1. Term\n\n1.1 Renewal\n\n(a) by notice;\n\n(b) by payment.\n\n1.2 End\n\n\
         (a) by notice.\n\n2. Fees"
    );
    let headings: Vec<_> = parsed
        .headings
        .iter()
        .map(|h| (h.level, slice_chars(&parsed.pages[0].text, h.start, h.end).unwrap()))
        .collect();
    assert_eq!(
        headings,
        [
            (1, "Supply agreement"),
            (1, "1. Term"),
            (2, "1.1 Renewal"),
            (2, "1.2 End"),
            (1, "2. Fees")
        ]
    );
    assert_eq!((parsed.kind, parsed.title.as_str()), (Kind::Docx, "Supply agreement"));
    let core = b"<cp:coreProperties><dc:title>Supply of lanterns</dc:title></cp:coreProperties>";
    let titled = sample().beside("docProps/core.xml", core).docx(&body);
    assert_eq!(read(&titled).unwrap().title, "Supply of lanterns");
    assert_eq!(read(&Sample::default().docx(&p(&r("just words here")))).unwrap().title, "sample");
}

#[test]
fn notes_stand_at_the_end_and_headers_once() {
    let footnotes = format!(
        "<w:footnotes><w:footnote w:id='-1' w:type='separator'>{}</w:footnote>\
         <w:footnote w:id='7'>{}</w:footnote><w:footnote w:id='9'>{}</w:footnote></w:footnotes>",
        p(""),
        p(&("<w:r><w:footnoteRef/></w:r>".to_owned() + &r(" Second note."))),
        p(&r(" First note."))
    );
    let endnotes =
        format!("<w:endnotes><w:endnote w:id='1'>{}</w:endnote></w:endnotes>", p(&r("Last note.")));
    let header = format!("<w:hdr>{}</w:hdr>", p(&r("Privileged")));
    let page_number = "<w:r><w:fldChar w:fldCharType='begin'/></w:r><w:r><w:instrText>PAGE</w:instrText></w:r>\
        <w:r><w:fldChar w:fldCharType='separate'/></w:r><w:r><w:t>3</w:t></w:r><w:r><w:fldChar w:fldCharType='end'/></w:r>";
    let footer = |inside: &str| format!("<w:ftr>{}</w:ftr>", p(inside));
    let mark = |kind: &str, id: &str| format!("<w:r><w:{kind}Reference w:id='{id}'/></w:r>");
    let section = |more: &str| {
        format!(
            "<w:sectPr><w:headerReference w:type='default' r:id='h.xml'/><w:headerReference w:type='first' r:id='first.xml'/>\
             <w:footerReference w:type='default' r:id='f.xml'/><w:footerReference w:type='even' r:id='even.xml'/>{more}</w:sectPr>"
        )
    };
    let body = p(&(r("One.") + &mark("footnote", "9")))
        + &p(&(r("Two") + &mark("endnote", "1") + &r(" and three.") + &mark("footnote", "7")));
    let sample = |more: &str| {
        let bytes = Sample::default()
            .with("footnotes", "footnotes.xml", &footnotes)
            .with("endnotes", "endnotes.xml", &endnotes)
            .with("header", "h.xml", &header)
            .with("header", "first.xml", &format!("<w:hdr>{}</w:hdr>", p(&r("Draft"))))
            .with("footer", "f.xml", &footer(&(r("Page ") + page_number)))
            .with("footer", "even.xml", &footer(&r("even pages")))
            .docx(&(body.clone() + &section(more)));
        text_of(&read(&bytes).unwrap())
    };
    let rest =
        "One.[1]\n\nTwo[i] and three.[2]\n\n[1] First note.\n\n[2] Second note.\n\n[i] Last note.";
    assert_eq!(sample(""), format!("Privileged\n\n{rest}"));
    assert_eq!(sample("<w:titlePg/>"), format!("Privileged\nDraft\n\n{rest}"));
}

#[test]
fn a_file_that_cannot_be_read_has_its_reason() {
    let good = Sample::default().docx(&p(&r("Words.")));
    let laughs =
        "<!DOCTYPE a [<!ENTITY b 'ha'>]><w:document><w:body><w:p>&b;</w:p></w:body></w:document>";
    let word = "wordprocessingml.document.main+xml";
    let bomb = format!("<w:document><w:body>{}</w:body></w:document>", " ".repeat(40 << 20));
    let slides = "presentationml.presentation.main+xml";
    let vanished = p("<w:r><w:rPr><w:vanish/></w:rPr><w:t>secret</w:t></w:r>");
    let deep = "<w:sdt><w:sdtContent>".repeat(200);
    let compound = |stream: &str| {
        let wide = stream.encode_utf16().flat_map(u16::to_le_bytes);
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".iter().copied().chain(wide).collect::<Vec<u8>>()
    };
    let table: [(&str, Vec<u8>, Reason); 14] = [
        ("no text", Sample::default().docx(&p("")), Reason::Empty),
        ("pictures", Sample::default().docx(&p("<w:r><w:drawing/></w:r>")), Reason::NeedsOcr),
        ("hidden", Sample::default().docx(&vanished), Reason::HiddenText),
        ("truncated", good[..good.len() / 2].to_vec(), Reason::Malformed),
        ("entities", Sample::default().file(word, laughs), Reason::Malformed),
        ("no XML", Sample::default().file(word, "words"), Reason::Empty),
        ("cut", Sample::default().file(word, "<w:document><w:body>"), Reason::Malformed),
        ("deep", Sample::default().docx(&deep), Reason::Malformed),
        ("bomb", Sample::default().file(word, &bomb), Reason::TooLarge),
        ("slides", Sample::default().file(slides, "<p/>"), Reason::NotSupported),
        ("no main part", zipped(&[("[Content_Types].xml", b"<Types/>")]), Reason::Malformed),
        (
            "open document",
            zipped(&[("mimetype", b"x"), ("content.xml", b"x")]),
            Reason::NotSupported,
        ),
        ("encrypted", compound("EncryptedPackage"), Reason::Encrypted),
        ("Outlook", compound("__substg1.0_0037001F"), Reason::NotSupported),
    ];
    for (what, bytes, reason) in table {
        let refused = read(&bytes).map(|parsed| text_of(&parsed)).unwrap_err();
        assert_eq!(refused.reason, reason, "{what}: {refused}");
    }
}
