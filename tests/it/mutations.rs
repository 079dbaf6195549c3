//! The fuzzer's targets on seeded changes of good inputs: the same functions, in every run.

#[path = "../fuzz/targets.rs"]
mod targets;

use affiant::audit::note::NoteSigner;
use affiant::audit::tile::push_entry;
use affiant::audit::{Actor, Added, Checkpoint, Event, Log, LogPaths, What};
use affiant::document::{ParseOptions, Unreadable, parse, unpack};
use affiant::domain::clock::{Clock as _, SystemClock, SystemEntropy};
use affiant::domain::digest::Digest;
use affiant::domain::ids::{EntryIndex, RequestId};
use affiant::domain::payload::{PayloadRef, Token};
use affiant::domain::principal::Via;
use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};
use tempfile::TempDir;

use crate::support::wanted;

/// Runs a target on its good inputs and on changes of them: bytes flipped, set, left out, put in,
/// doubled, and pieces of one input in another. The seed is fixed; `AFFIANT_MUTATIONS` says how many.
fn mutate(target: fn(&[u8]), good: &[Vec<u8>]) {
    mutate_for(wanted("AFFIANT_MUTATIONS", 20_000), target, good);
}

fn mutate_for(rounds: usize, target: fn(&[u8]), good: &[Vec<u8>]) {
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut below = |count: usize| (rng.next_u64() % count.max(1) as u64) as usize;
    good.iter().for_each(|input| target(input));
    for round in 0..rounds {
        let mut input = good[round % good.len()].clone();
        for _ in 0..=below(4) {
            let at = below(input.len());
            let until = (at + below(32)).min(input.len());
            let byte = [below(256) as u8, b'\n', b'"', b'+', b' ', 0xff][below(6)];
            match below(7) {
                0 if at < input.len() => input[at] ^= 1 << below(8),
                1 if at < input.len() => input[at] = byte,
                2 => drop(input.drain(at..until)),
                3 => input.insert(at, byte),
                4 => {
                    let piece = input[at..until].to_vec();
                    drop(input.splice(at..at, piece));
                }
                5 => input.truncate(at),
                _ => {
                    let other = &good[below(good.len())];
                    let from = below(other.len());
                    let piece = &other[from..(from + below(64)).min(other.len())];
                    drop(input.splice(at..until, piece.iter().copied()));
                }
            }
        }
        target(&input);
    }
}

/// A checkpoint and a proof as they are, by a key that the targets do not know.
fn checkpoint() -> String {
    let signer = NoteSigner::generate("example.com/foo", &SystemEntropy).unwrap();
    Checkpoint { origin: "example.com/foo".to_owned(), size: 20_852_163, root: [7; 32] }
        .sign(&signer)
}

/// A note of the example's key, with the example's signature.
fn example() -> String {
    let signature = "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=";
    format!("{}\n— example.com/foo {signature}\n", targets::SIGNED)
}

#[test]
fn no_change_of_a_note_or_key_is_accepted_or_panics() {
    let good = [example(), targets::VKEY.to_owned(), checkpoint()].map(String::into_bytes);
    mutate(targets::note, &good);
}

#[test]
fn no_change_of_a_checkpoint_is_accepted_or_panics() {
    mutate(targets::checkpoint, &[checkpoint(), example()].map(String::into_bytes));
}

#[test]
fn every_tile_path_has_one_spelling() {
    let good =
        ["tile/0/000", "tile/1/x001/x234/067.p/17", "tile/entries/x999/999", "tile/7/000.p/255"];
    mutate(targets::tile_path, &good.map(|path| path.as_bytes().to_vec()));
}

#[test]
fn every_entry_bundle_has_one_spelling() {
    let good = [0, 1, 3, 256].map(|count: usize| {
        let mut bundle = Vec::new();
        (0..count).for_each(|n| push_entry(&mut bundle, &vec![b'e'; n * 7]));
        bundle
    });
    mutate(targets::bundle, &good);
}

#[test]
fn no_change_of_a_proof_is_accepted_or_panics() {
    let hash = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n";
    let head = "c2sp.org/tlog-proof@v1\n";
    let good = [
        format!("{head}index 7\n{}\n{}", hash.repeat(24), checkpoint()),
        format!("{head}extra AAAA\nindex 0\n\n{}", checkpoint()),
    ];
    mutate(targets::proof, &good.map(String::into_bytes));
}

#[test]
fn every_entry_has_one_spelling() {
    let folder = TempDir::new().unwrap();
    let paths = LogPaths::of(folder.path());
    Log::create(&paths, "mutations.test/log", &SystemEntropy).unwrap();
    let clock = std::sync::Arc::new(SystemClock::start());
    let (log, _) = Log::open(&paths, clock, std::sync::Arc::new(SystemEntropy)).unwrap();
    let (document, digest) = (Token::from_mac([7; 16]), Digest::of(b""));
    for what in [
        What::DocumentViewed {
            document: document.clone(),
            page: 1,
            query: None,
            matter: None,
            patient: None,
            emergency: Added(None),
            purpose: Added(None),
            declared: Added(None),
        },
        What::AuditRead { scope: "§ \"7\"\n".to_owned(), index: Some(EntryIndex(1)) },
        What::RetrievalDone {
            generation: 1,
            hits: Vec::new(),
            withheld: 0,
            matters: Vec::new(),
            patients: Vec::new(),
            payload: Some(PayloadRef {
                blob_sha256: digest,
                len: 1,
                key: "k".into(),
                commit: digest,
            }),
        },
    ] {
        let req = RequestId::fresh(SystemClock::start().now(), &SystemEntropy);
        let actor = Actor { id: document.clone(), via: Via::Http, os_user: None };
        log.append(Event { actor, req, policy: Some(digest), what }).unwrap();
    }
    let entries = log.entries(EntryIndex(0), 10).unwrap();
    let good: Vec<Vec<u8>> = entries.into_iter().map(|entry| entry.bytes).collect();
    assert_eq!(good.len(), 3);
    mutate(targets::entry, &good);
}

/// Reads a document as it comes from outside. The reader catches panics: their words are its own.
fn read_document(bytes: &[u8], name: &str) {
    let options = ParseOptions { password: None, deadline: None };
    let broke = |why: &Unreadable| why.detail.contains("its reader cannot handle");
    let parsed = parse(bytes, name, &options);
    assert!(
        !parsed.is_err_and(|why| broke(&why)),
        "{name}: {:?}",
        bytes.escape_ascii().to_string()
    );
    let members = unpack(bytes, name, 0, &options);
    assert!(
        !members.is_err_and(|why| broke(&why)),
        "{name}: {:?}",
        bytes.escape_ascii().to_string()
    );
}

/// A package whose main part is of this type and holds `part`.
fn package(kind: &str, part: &[u8]) -> Vec<u8> {
    let types = format!(
        "<Types><Override PartName='/m.xml' ContentType='application/vnd.openxmlformats-officedocument.{kind}.main+xml'/></Types>"
    );
    let root =
        "<Relationships><Relationship Type='x/officeDocument' Target='m.xml'/></Relationships>";
    // Every part that the reader looks for is the same one.
    let kinds = ["styles", "numbering", "footnotes", "settings", "sharedStrings", "worksheet"];
    let relations: String = kinds
        .iter()
        .map(|kind| format!("<Relationship Id='{kind}' Type='x/{kind}' Target='m.xml'/>"))
        .collect();
    let relations = format!("<Relationships>{relations}</Relationships>");
    let members: [(&str, &[u8]); 4] = [
        ("[Content_Types].xml", types.as_bytes()),
        ("_rels/.rels", root.as_bytes()),
        ("_rels/m.xml.rels", relations.as_bytes()),
        ("m.xml", part),
    ];
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let stored = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored);
        writer.start_file(name, stored).unwrap();
        std::io::Write::write_all(&mut writer, bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

const WORD: &str = "<w><styles><style styleId='a'><name val='heading 1'/><basedOn val='a'/><pPr><numPr><numId val='1'/>\
    </numPr></pPr></style></styles><abstractNum abstractNumId='0'><lvl ilvl='0'><start val='1'/><numFmt val='upperRoman'/>\
    <lvlText val='%1.%2'/></lvl></abstractNum><num numId='1'><abstractNumId val='0'/></num><footnote id='1'><p><r><t>n</t></r></p>\
    </footnote></w>";
const BODY: &str = "<document><body><p><pPr><pStyle val='a'/></pPr><r><fldChar fldCharType='begin'/></r><r><t>a</t><tab/>\
    <footnoteReference id='1'/></r><ins><r><t>b</t></r></ins></p><tbl><tr><tc><p><r><t>c</t></r></p></tc><tc><p/></tc></tr></tbl>\
    <p><r><br type='page'/><lastRenderedPageBreak/><sym char='F0B7' font='Symbol'/></r></p><sectPr/></body></document>";
const SHEET: &str = "<workbook><sheets><sheet name='a' id='worksheet'/></sheets><si><t>s</t></si><numFmts><numFmt numFmtId='200' \
    formatCode='[$x-1]#,##0.00;yyyy\\m'/></numFmts><cellXfs><xf numFmtId='200'/></cellXfs><cols><col min='2' max='3' hidden='1'/></cols>\
    <sheetData><row r='1'><c r='A1' t='s'><v>0</v></c><c r='B1' s='0'><v>45000.5</v></c></row></sheetData></workbook>";

#[test]
fn no_change_of_an_office_document_takes_its_reader_down() {
    let good = [WORD, BODY, SHEET].map(|part| part.as_bytes().to_vec());
    let rounds = wanted("AFFIANT_MUTATIONS", 1_000);
    mutate_for(
        rounds,
        |part| read_document(&package("wordprocessingml.document", part), "a.docx"),
        &good,
    );
    mutate_for(
        rounds,
        |part| read_document(&package("spreadsheetml.sheet", part), "a.xlsx"),
        &good,
    );
}

#[test]
fn no_change_of_an_archive_or_message_takes_its_reader_down() {
    let message = "From: a@b.c\r\nSubject: =?utf-8?q?=C3=BC?=\r\nMessage-ID: <1>\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html; charset=utf-16\r\n\r\n<p>a\r\n\
        --x\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nRnJvbTogYQ0KDQpi\r\n--x--\r\n";
    let good = [
        package("wordprocessingml.document", BODY.as_bytes()),
        package("spreadsheetml.sheet", SHEET.as_bytes()),
        message.as_bytes().to_vec(),
    ];
    mutate_for(wanted("AFFIANT_MUTATIONS", 1_500), |bytes| read_document(bytes, "a.eml"), &good);
}
