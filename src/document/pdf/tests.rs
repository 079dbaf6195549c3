//! The whole way from bytes to text, positions and reasons, on small generated files.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::samples::Sample;
use crate::document::{ParseOptions, Parsed, Reason, Unreadable, WarningKind, parse};
use crate::domain::clock::{Clock, SystemClock};
use crate::domain::document::TextOrigin;

fn read_with(bytes: &[u8], password: Option<&str>) -> Result<Parsed, Unreadable> {
    parse(bytes, "sample.pdf", &ParseOptions { password, deadline: None })?.settled()
}

fn read(bytes: &[u8]) -> Result<Parsed, Unreadable> {
    read_with(bytes, None)
}

/// Text in 10 point Courier: each character is 6 points wide.
fn show(x: i32, y: i32, text: &str) -> String {
    format!("BT /F1 10 Tf {x} {y} Td ({text}) Tj ET\n")
}

fn text(content: &str) -> String {
    read(&Sample::new().page(content).bytes()).unwrap().pages.remove(0).text
}

#[test]
fn words_lines_and_paragraphs_come_from_positions() {
    let table = [
        (show(72, 700, "Hello world"), "Hello world"),
        (show(72, 700, "Hello") + &show(72 + 36, 700, "world"), "Hello world"),
        (show(72, 700, "Hel") + &show(72 + 18, 700, "lo"), "Hello"),
        (show(72, 700, "One") + &show(72, 688, "Two"), "One\nTwo"),
        ("BT /F1 10 Tf 72 700 Td [(A)-700(B)10(C)] TJ ET".to_owned(), "A BC"),
        (show(72, 700, "x") + "BT /F1 6 Tf 78 704 Td (2) Tj ET", "x2"),
        (show(72, 700, "bold") + &show(72, 700, "bold"), "bold"),
        ("BT /F1 10 Tf 30 Tz 72 700 Td (Butter) Tj ET".to_owned(), "Butter"),
        ("BT /F1 10 Tf 2 Tr 72 700 Td (outlined) Tj ET".to_owned(), "outlined"),
        (
            show(72, 700, "a") + &show(72, 688, "b") + &show(72, 676, "c") + &show(72, 640, "d"),
            "a\nb\nc\n\nd",
        ),
        (show(72, 700, "the exam-") + &show(72, 688, "ple and example"), "the example and example"),
        (show(72, 700, "a third-") + &show(72, 688, "party"), "a third-party"),
        (show(72, 700, "hy\\255") + &show(72, 688, "phen"), "hyphen"),
        ("BT /F1 10 Tf 0 1 -1 0 72 100 Tm (upward) Tj ET".to_owned(), "upward"),
    ];
    for (content, expected) in table {
        assert_eq!(text(&content), expected, "{content}");
    }
}

#[test]
fn boxes_lie_where_the_text_was_placed() {
    // "word" begins 6 characters after x = 100: 136 to 160 points, baseline 700.
    let content = show(100, 700, "Hello word");
    let table: [(Sample, [f32; 2], [f32; 4]); 6] = [
        (Sample::new(), [612.0, 792.0], [136.0, 84.2, 160.0, 94.2]),
        (Sample::new().rotate(90), [792.0, 612.0], [697.8, 136.0, 707.8, 160.0]),
        (Sample::new().rotate(180), [612.0, 792.0], [452.0, 697.8, 476.0, 707.8]),
        (Sample::new().rotate(270), [792.0, 612.0], [84.2, 452.0, 94.2, 476.0]),
        (Sample::new().crop([50, 100, 350, 750]), [300.0, 650.0], [86.0, 42.2, 110.0, 52.2]),
        (
            Sample::new().crop([50, 100, 350, 750]).rotate(90),
            [650.0, 300.0],
            [597.8, 86.0, 607.8, 110.0],
        ),
    ];
    for (sample, size, expected) in table {
        let parsed = read(&sample.page(&content).bytes()).unwrap();
        assert_eq!(parsed.pages[0].text, "Hello word");
        assert_eq!(parsed.geometry.page_size(1), Some(size));
        let boxes = parsed.geometry.boxes(1, 6, 10);
        assert_eq!(boxes.len(), 1, "{boxes:?}");
        for (found, expected) in boxes[0].iter().zip(expected) {
            assert!((found - expected).abs() < 0.2, "{boxes:?} {expected:?}");
        }
    }
}

#[test]
fn a_quote_over_two_lines_has_two_boxes() {
    let content = show(72, 700, "one two") + &show(72, 688, "three");
    let parsed = read(&Sample::new().page(&content).bytes()).unwrap();
    assert_eq!(parsed.geometry.boxes(1, 4, 13).len(), 2);
    assert_eq!(parsed.geometry.boxes(1, 0, 3).len(), 1);
    assert!(parsed.geometry.boxes(2, 0, 3).is_empty());
}

#[test]
fn text_that_no_reader_sees_is_left_out_and_reported() {
    let seen = show(72, 700, "seen");
    let planted = show(72, 600, "PLANTED");
    let black = "0 g 60 590 200 30 re f\n";
    let table: [(&str, String, &str); 12] = [
        ("white on paper", format!("{seen}1 g {planted}"), "seen"),
        ("nearly white", format!("{seen}0.97 g {planted}"), "seen"),
        ("light grey is seen", format!("{seen}0.8 g {planted}"), "seen\nPLANTED"),
        ("unpainted", format!("{seen}BT 3 Tr /F1 10 Tf 72 600 Td (PLANTED) Tj ET"), "seen"),
        ("tiny", format!("{seen}BT /F1 0.5 Tf 72 600 Td (PLANTED) Tj ET"), "seen"),
        ("off the page", format!("{seen}{}", show(-300, 600, "PLANTED")), "seen"),
        ("transparent", format!("{seen}/Clear gs {planted}"), "seen"),
        ("clipped away", format!("{seen}10 10 5 5 re W n {planted}"), "seen"),
        ("redacted", format!("{seen}{planted}{black}"), "seen"),
        ("black on black", format!("{seen}{black}0 g {planted}"), "seen"),
        ("white on black", format!("{seen}{black}1 g {planted}"), "seen\nPLANTED"),
        (
            "black on light",
            format!("{seen}0.9 g 60 590 200 30 re f 0 g {planted}"),
            "seen\nPLANTED",
        ),
    ];
    for (what, content, expected) in table {
        let parsed = read(&Sample::new().page(&content).bytes()).unwrap();
        assert_eq!(parsed.pages[0].text, expected, "{what}");
        let warned = parsed.warnings.iter().any(|w| w.kind == WarningKind::HiddenText);
        assert_eq!(warned, expected == "seen", "{what}: {:?}", parsed.warnings);
        let leaked = parsed.warnings.iter().any(|warning| warning.detail.contains("PLANTED"));
        assert!(!leaked, "{what}");
    }
    let only = read(&Sample::new().page(&format!("1 g {planted}")).bytes());
    assert_eq!(only.unwrap_err().reason, Reason::HiddenText);
}

#[test]
fn the_layer_of_a_scan_is_read_and_marked() {
    let scan = "q 612 0 0 792 0 0 cm /Im Do Q\n";
    let layer = "BT 3 Tr /F1 10 Tf 72 600 Td (recognised words of a page) Tj ET\n";
    let parsed = read(&Sample::new().page(&format!("{scan}{layer}")).bytes()).unwrap();
    assert_eq!(parsed.pages[0].text, "recognised words of a page");
    assert_eq!(parsed.pages[0].origin, TextOrigin::Ocr);
    assert_eq!(parsed.warnings[0].kind, WarningKind::ForeignOcr);
    // Beside seen text the same layer is planted text.
    let seen = show(72, 700, "The notice period is thirty days of the contract.");
    let parsed = read(&Sample::new().page(&format!("{scan}{seen}{layer}")).bytes()).unwrap();
    assert!(!parsed.pages[0].text.contains("recognised"));
    assert_eq!(parsed.pages[0].origin, TextOrigin::Text);
}

#[test]
fn pages_without_text_have_their_reasons() {
    let scan = "q 612 0 0 792 0 0 cm /Im Do Q";
    let shapes = "0 0 m 5 9 l 9 0 l h f ".repeat(200);
    let table: [(&str, Reason); 3] =
        [("", Reason::Empty), (scan, Reason::NeedsOcr), (&shapes, Reason::NeedsOcr)];
    for (content, reason) in table {
        let refused = read(&Sample::new().page(content).bytes()).unwrap_err();
        assert_eq!(refused.reason, reason, "{content:.40}");
    }
    let mixed = Sample::new().page(&show(72, 700, "text")).page(scan).page("").bytes();
    let parsed = read(&mixed).unwrap();
    assert_eq!(parsed.pages.len(), 3);
    assert_eq!(parsed.warnings.len(), 1);
    assert_eq!(parsed.warnings[0].page, Some(2));
}

#[test]
fn encrypted_files_open_with_either_password_only() {
    let secret = || Sample::new().title("Sealed").page(&show(72, 700, "secret"));
    let locked = secret().encrypted("user", "owner");
    for (password, expected) in
        [(None, None), (Some("wrong"), None), (Some("user"), Some(())), (Some("owner"), Some(()))]
    {
        let result = read_with(&locked, password);
        match expected {
            None => assert_eq!(result.unwrap_err().reason, Reason::Encrypted, "{password:?}"),
            Some(()) => {
                let parsed = result.unwrap();
                assert_eq!((parsed.pages[0].text.as_str(), &*parsed.title), ("secret", "Sealed"));
            }
        }
    }
    let open = secret().encrypted("", "owner");
    assert_eq!(read(&open).unwrap().pages[0].text, "secret");
}

#[test]
fn damaged_files_are_refused_or_repaired() {
    let whole = Sample::new().page(&show(72, 700, "whole")).bytes();
    for cut in [0, 9, 20, whole.len() / 3] {
        let cut = [b"%PDF-1.7\n", &whole[..cut]].concat();
        assert_eq!(read(&cut).unwrap_err().reason, Reason::Malformed, "{} bytes", cut.len());
    }
    let repaired = read(&whole[..whole.len() - 60]).unwrap();
    assert_eq!(repaired.pages[0].text, "whole");
    assert_eq!(repaired.warnings[0].kind, WarningKind::Damaged);
}

/// A file whose pages all share one object.
fn many_pages(count: usize) -> Vec<u8> {
    let mut file = "%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n".to_owned();
    write!(file, "2 0 obj<</Type/Pages/Count {count}/Kids[").unwrap();
    for number in 0..count {
        write!(file, "{} 0 R ", number + 3).unwrap();
    }
    file.push_str("]>>endobj\n");
    for number in 0..count {
        writeln!(file, "{} 0 obj<</Type/Page/Parent 2 0 R>>endobj", number + 3).unwrap();
    }
    file.push_str("trailer<</Root 1 0 R>>\n%%EOF\n");
    file.into_bytes()
}

#[test]
fn pages_are_counted_before_they_are_read() {
    assert_eq!(read(&many_pages(10_000)).unwrap_err().reason, Reason::TooLarge);
    assert_eq!(read(&many_pages(1_000)).unwrap_err().reason, Reason::Empty);
    let same = String::from_utf8(many_pages(1)).unwrap().replace("3 0 R ", &"3 0 R ".repeat(6_000));
    assert_eq!(read(same.as_bytes()).unwrap_err().reason, Reason::TooLarge);
}

/// Forms that each draw the next one twice: 2^40 drawings in 4 kilobytes.
fn doubling_forms() -> Vec<u8> {
    let mut file = "%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n\
        2 0 obj<</Type/Pages/Count 1/Kids[3 0 R]>>endobj\n\
        3 0 obj<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</XObject<</X 10 0 R>>>>>>endobj\n\
        4 0 obj<</Length 6>>stream\n/X Do\n\nendstream endobj\n"
        .to_owned();
    for number in 10..50 {
        let next = number + 1;
        writeln!(
            file,
            "{number} 0 obj<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Length 12\
             /Resources<</XObject<</X {next} 0 R>>>>>>stream\n/X Do /X Do\n\nendstream endobj"
        )
        .unwrap();
    }
    file.push_str(
        "50 0 obj<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Length 0>>stream\n\n\
        endstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
    );
    file.into_bytes()
}

#[test]
fn drawing_without_end_is_stopped_by_the_deadline() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let deadline = Some((clock, Duration::from_millis(200)));
    let options = ParseOptions { password: None, deadline };
    let refused = parse(&doubling_forms(), "x.pdf", &options).unwrap_err();
    assert_eq!(refused.reason, Reason::TooSlow);
}

#[test]
fn a_stream_that_unfolds_without_bound_is_refused_before_it_does() {
    use lopdf::{Dictionary, Stream};
    let mut inner = Stream::new(Dictionary::new(), vec![b' '; 130 * 1024 * 1024]);
    inner.compress().unwrap();
    let packed = inner.content;
    assert!(packed.len() < 200_000);
    let head = format!(
        "%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n\
         2 0 obj<</Type/Pages/Count 1/Kids[3 0 R]>>endobj\n\
         3 0 obj<</Type/Page/Parent 2 0 R/Contents 4 0 R>>endobj\n\
         4 0 obj<</Filter/FlateDecode/Length {}>>stream\n",
        packed.len()
    );
    let tail = b"\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n";
    let file = [head.as_bytes(), &packed, tail].concat();
    assert_eq!(read(&file).unwrap_err().reason, Reason::TooLarge);
}

#[test]
fn headings_are_told_by_their_size_and_the_title_by_the_file() {
    let body = |y| show(72, y, "body text of the page in lines that go on and on");
    let content = "BT /F1 18 Tf 72 720 Td (Discharge summary) Tj ET\n".to_owned()
        + &body(690)
        + &body(678)
        + &body(666);
    let parsed = read(&Sample::new().title("Report").page(&content).bytes()).unwrap();
    assert_eq!(parsed.title, "Report");
    let found: Vec<_> = parsed.headings.iter().map(|h| (h.level, h.start, h.end)).collect();
    assert_eq!(found, [(1, 0, 17)]);
    assert_eq!(read(&Sample::new().page(&content).bytes()).unwrap().title, "sample");
}
