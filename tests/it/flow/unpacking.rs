//! Files within files: each goes its own way, and is found by where it lies.

use std::io::{Cursor, Write as _};

use affiant::domain::access::Labels;
use affiant::domain::answer::Outcome;
use affiant::ingest::{BatchOptions, BatchReport, Source};
use base64::Engine as _;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::test_app::TestApp;

fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn docx(text: &str) -> Vec<u8> {
    let types = "<Types><Override PartName='/word/document.xml' ContentType='application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml'/></Types>";
    let root = "<Relationships><Relationship Id='a' Type='x/officeDocument' Target='word/document.xml'/></Relationships>";
    let main = format!("<document><body><p><r><t>{text}</t></r></p></body></document>");
    zipped(&[
        ("[Content_Types].xml", types.as_bytes()),
        ("_rels/.rels", root.as_bytes()),
        ("word/document.xml", main.as_bytes()),
    ])
}

/// A message with a file attached.
fn mail(subject: &str, name: &str, attached: &[u8]) -> Vec<u8> {
    let body = base64::engine::general_purpose::STANDARD.encode(attached);
    format!(
        "From: Ada <ada@example.com>\r\nTo: Bob <bob@example.com>\r\nSubject: {subject}\r\n\
         Message-ID: <1@example.com>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nPlease find the ferry schedule attached.\r\n\
         --b\r\nContent-Type: application/octet-stream; name=\"{name}\"\r\n\
         Content-Disposition: attachment; filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{body}\r\n--b--\r\n"
    )
    .into_bytes()
}

fn take_in(app: &TestApp, name: &str, bytes: Vec<u8>, password: Option<&str>) -> BatchReport {
    let options = BatchOptions {
        labels: Labels::internal(),
        password: password.map(str::to_owned),
        actor: app.open().operator(None),
        policy: app.open().policies.digest(),
    };
    let source = Source::Bytes { name: name.to_owned(), bytes };
    app.engine().ingestor.run(vec![source], &options, &mut |_, _| {}).unwrap()
}

fn set_aside(report: &BatchReport) -> Vec<(&str, &str)> {
    report.quarantined.iter().map(|one| (one.path.as_str(), one.reason.as_str())).collect()
}

#[test]
fn a_citation_names_the_attachment_of_a_message_in_an_archive() {
    let app = TestApp::empty();
    let schedule = docx("Eleven ferries leave the northern pier on Sunday.");
    let inner = zipped(&[("plain.txt", b"The lantern keeper has a grey cat.")]);
    let archive = zipped(&[
        ("post/ferries.eml", &mail("Ferry schedule", "schedule.docx", &schedule)),
        ("post/again.docx", &schedule),
        ("../../broken.pdf", b"%PDF-1.7 cut"),
        ("inner.zip", &inner),
        (".hidden", b"passed over"),
    ]);
    let report = take_in(&app, "case.zip", archive.clone(), None);
    assert_eq!((report.submitted, report.indexed, report.unchanged), (5, 3, 1));
    assert_eq!(set_aside(&report), [("case.zip/broken.pdf", "malformed")]);
    let paths: Vec<&str> = report.documents.iter().map(|one| one.path.as_str()).collect();
    let attached = "case.zip/post/ferries.eml/schedule.docx";
    assert_eq!(paths, ["case.zip/post/ferries.eml", attached, "case.zip/inner.zip/plain.txt"]);
    assert_eq!(report.documents[0].title, "Ferry schedule");

    let answer = app.ask("staff", "How many ferries leave the northern pier on Sunday?");
    assert_eq!(answer.outcome, Outcome::Answered, "{:?}", answer.reason);
    let citation = &answer.sentences[0].citations[0];
    assert_eq!((citation.document, citation.page), (report.documents[1].id, 1));
    assert_eq!(citation.title, "schedule");
    let document = app.open().catalogue.document(citation.document).unwrap();
    assert_eq!(document.card.path, attached);

    // The same again changes nothing; what was set aside is looked at again.
    let again = take_in(&app, "case.zip", archive, None);
    assert_eq!((again.submitted, again.indexed, again.unchanged), (5, 0, 4));
    assert_eq!(set_aside(&again), [("case.zip/broken.pdf", "malformed")]);
}

#[test]
fn an_archive_that_gives_nothing_is_set_aside_with_its_reason() {
    let app = TestApp::empty();
    let mut locked = ZipWriter::new(Cursor::new(Vec::new()));
    let options =
        SimpleFileOptions::default().with_aes_encryption(zip::AesMode::Aes256, "opensesame");
    locked.start_file("locked.txt", options).unwrap();
    locked.write_all(b"The vault opens on Tuesday.").unwrap();
    let locked = locked.finish().unwrap().into_inner();
    let mut nested = zipped(&[("deep.txt", b"Deep words.")]);
    for _ in 0..4 {
        nested = zipped(&[("n.zip", &nested)]);
    }
    let table = [
        ("a.zip", zipped(&[]), [("a.zip", "empty")]),
        ("b.zip", zipped(&[("folder/.DS_Store", b"x")]), [("b.zip", "empty")]),
        ("c.zip", locked.clone(), [("c.zip/locked.txt", "encrypted")]),
        ("d.zip", nested, [("d.zip/n.zip/n.zip/n.zip", "too_large")]),
        ("e.zip", b"PK\x03\x04 cut".to_vec(), [("e.zip", "malformed")]),
    ];
    for (name, bytes, expected) in table {
        let report = take_in(&app, name, bytes, None);
        assert_eq!((report.submitted, report.indexed), (1, 0), "{name}");
        assert_eq!(set_aside(&report), expected, "{name}");
    }
    let opened = take_in(&app, "c.zip", locked, Some("opensesame"));
    assert_eq!((opened.submitted, opened.indexed), (1, 1), "{:?}", opened.quarantined);
}
