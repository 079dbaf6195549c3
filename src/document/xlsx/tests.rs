//! XLSX files made here, and what of them is text.

use crate::document::office::samples::Sample;
use crate::document::{Kind, ParseOptions, Parsed, Reason, Unreadable, parse};
use crate::domain::document::slice_chars;

fn read(bytes: &[u8]) -> Result<Parsed, Unreadable> {
    parse(bytes, "doses.xlsx", &ParseOptions { password: None, deadline: None })
}

const STRINGS: &str =
    "<sst><si><t>Drug</t></si><si><r><t>Do</t></r><r><t>se</t></r><rPh><t>no</t></rPh></si></sst>";
const STYLES: &str = "<styleSheet><numFmts><numFmt numFmtId='164' formatCode='0.0\" mg\"'/></numFmts>
    <cellXfs><xf numFmtId='0'/><xf numFmtId='14'/><xf numFmtId='9'/><xf numFmtId='164'/></cellXfs></styleSheet>";

/// A workbook of these sheets: name, state, what is in them.
fn workbook(sheets: &[(&str, &str, &str)]) -> Vec<u8> {
    let mut sample = Sample::default().with("sharedStrings", "sharedStrings.xml", STRINGS).with(
        "styles",
        "styles.xml",
        STYLES,
    );
    let mut listed = String::new();
    for (index, (name, state, inside)) in sheets.iter().enumerate() {
        let part = format!("sheet{index}.xml");
        listed +=
            &format!("<sheet name='{name}' sheetId='{index}' state='{state}' r:id='{part}'/>");
        sample = sample.with("worksheet", &part, &format!("<worksheet>{inside}</worksheet>"));
    }
    let main = format!("<workbook xmlns:r='r'><sheets>{listed}</sheets></workbook>");
    sample.file("spreadsheetml.sheet.main+xml", &main)
}

fn sheet(rows: &str) -> String {
    format!("<sheetData>{rows}</sheetData>")
}

const TABLE: &str = "<row r='1'><c r='A1' t='inlineStr'><is><t>Doses in use</t></is></c></row>
    <row r='3'><c r='A3' t='s'><v>0</v></c><c r='C3' t='s'><v>1</v></c><c r='D3' t='str'><v>Since</v></c></row>
    <row r='4'><c r='A4' t='str'><f>X1</f><v>Heparin | i.v.</v></c><c r='C4' s='3'><v>5</v></c><c r='D4' s='1'><v>45000</v></c></row>
    <row r='5'><c t='str'><v>Warfarin</v></c><c/><c s='2'><v>0.25</v></c><c t='b'><v>1</v></c></row>
    <row r='6'><c r='C6' t='e'><v>#N/A</v></c><c r='D6'><v>1234567</v></c></row>";

#[test]
fn each_sheet_is_a_page_and_each_row_a_row() {
    let parsed = read(&workbook(&[
        ("Ward 4", "visible", &sheet(TABLE)),
        ("Notes", "visible", &sheet("<row><c t='str'><v>One note.</v></c></row>")),
    ]))
    .unwrap();
    let texts: Vec<&str> = parsed.pages.iter().map(|page| page.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "Ward 4\n\nDoses in use\n\nDrug | Dose | Since\nHeparin ¦ i.v. | 5.0 mg | 2023-03-15\n\
             Warfarin | 25% | TRUE\n| #N/A | 1234567",
            "Notes\n\nOne note.",
        ]
    );
    assert_eq!((parsed.kind, parsed.title.as_str()), (Kind::Xlsx, "doses"));
    let names: Vec<_> = parsed
        .headings
        .iter()
        .filter(|heading| heading.level == 1)
        .map(|h| slice_chars(texts[h.page as usize - 1], h.start, h.end).unwrap())
        .collect();
    assert_eq!(names, ["Ward 4", "Notes"]);
    assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
}

#[test]
fn hidden_sheets_rows_and_columns_are_left_out_and_told() {
    let cells = "<c r='A1' t='str'><v>seen</v></c><c r='B1' t='str'><v>secret</v></c>";
    let seen = sheet("<row><c t='str'><v>seen</v></c></row>");
    let table = [
        vec![("A", "visible", seen.clone()), ("B", "hidden", sheet(TABLE))],
        vec![("A", "visible", seen), ("B", "veryHidden", sheet(TABLE))],
        vec![(
            "A",
            "visible",
            format!(
                "<cols><col min='2' max='9' hidden='1'/></cols>{}",
                sheet(&format!("<row>{cells}</row>"))
            ),
        )],
        vec![(
            "A",
            "visible",
            sheet(&format!("<row><c t='str'><v>seen</v></c></row><row hidden='1'>{cells}</row>")),
        )],
        vec![(
            "A",
            "visible",
            format!(
                "<sheetFormatPr zeroHeight='1'/>{}",
                sheet(&format!(
                    "<row hidden='0'><c t='str'><v>seen</v></c></row><row>{cells}</row>"
                ))
            ),
        )],
    ];
    for sheets in table {
        let sheets: Vec<_> =
            sheets.iter().map(|(name, state, text)| (*name, *state, text.as_str())).collect();
        let parsed = read(&workbook(&sheets)).unwrap();
        let text: String = parsed.pages.iter().map(|page| page.text.as_str()).collect();
        assert_eq!(text, "A\n\nseen", "{sheets:?}");
        assert_eq!(parsed.warnings.len(), 1, "{sheets:?}");
        assert!(parsed.warnings[0].detail.contains("left out"));
    }
}

#[test]
fn a_workbook_that_cannot_be_read_has_its_reason() {
    let far = sheet("<row><c r='XFD1048576' t='str'><v>far</v></c></row>");
    assert_eq!(read(&workbook(&[("A", "visible", &far)])).unwrap().pages[0].text, "A\n\nfar");
    // Rows that each fill another column make a square of empty cells.
    let letters = |n: u32| {
        let letter = |n: u32| char::from(b'A' + n as u8);
        format!("{}{}{}", letter(n / 676 % 26), letter(n / 26 % 26), letter(n % 26))
    };
    let wide: String = (0..9_000)
        .map(|n| format!("<row><c r='{}1'><v>1</v></c><c r='XFC1'><v>1</v></c></row>", letters(n)))
        .collect();
    let hidden = [("A", "hidden", TABLE)];
    let table = [
        ("empty", workbook(&[("A", "visible", &sheet(""))]), Reason::Empty),
        ("no sheets", workbook(&[]), Reason::Empty),
        ("hidden", workbook(&hidden), Reason::HiddenText),
        ("wide", workbook(&[("A", "visible", &sheet(&wide))]), Reason::TooLarge),
        ("cut", workbook(&[("A", "visible", "<sheetData><row>")]), Reason::Malformed),
    ];
    for (what, bytes, reason) in table {
        let refused = read(&bytes).map(|parsed| parsed.pages).unwrap_err();
        assert_eq!(refused.reason, reason, "{what}: {refused}");
    }
}
