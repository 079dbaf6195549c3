use affiant::audit::tile::{Part, PartKind};

use affiant::govern::Changer;
use affiant::http::EntryReaders;
use affiant::identity::{NewToken, token_scope};

use crate::support::corpus::UNANSWERABLE;
use crate::support::record;
use crate::support::template::Holding;
use crate::support::test_app::{TestApp, lasting_an_hour};

#[test]
fn the_published_log_is_its_files_byte_for_byte() {
    let app = TestApp::empty();
    app.ask("staff", UNANSWERABLE);
    let server = app.serve();
    app.open().log.publish().unwrap();
    let log = app.path().join("log");
    let client = server.client();
    let mut files = 0;
    for entry in walkdir::WalkDir::new(&log).into_iter().map(Result::unwrap) {
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(&log).unwrap().to_str().unwrap().to_owned();
            let reply = client.get(&format!("/log/{path}"));
            assert_eq!(reply.status, 200, "{path}");
            assert_eq!(reply.body, std::fs::read(entry.path()).unwrap(), "{path}");
            let (kind, cache) = match path.as_str() {
                "checkpoint" => ("text/plain; charset=utf-8", "no-cache"),
                _ => ("application/octet-stream", "public, max-age=31536000, immutable"),
            };
            assert_eq!(reply.header("content-type"), kind, "{path}");
            assert_eq!(reply.header("cache-control"), cache, "{path}");
            files += 1;
        }
    }
    assert!(files >= 3, "checkpoint, hashes and entries: {files}");
    // What a witness or a mirror fetches for this checkpoint is there, by the specification's names.
    let checkpoint = client.get("/log/checkpoint").text();
    let size: u64 = checkpoint.lines().nth(1).unwrap().parse().unwrap();
    for kind in [PartKind::Entries, PartKind::Tile(0)] {
        let partial = kind.partial(size).expect("fewer than 256 entries");
        let reply = client.get(&format!("/log/{partial}"));
        assert_eq!(reply.status, 200, "{partial}");
        if kind == PartKind::Tile(0) {
            assert_eq!(reply.body.len(), 32 * usize::from(partial.width));
        }
        // No other width was ever promised beyond it.
        let wider = Part { width: partial.width + 1, ..partial };
        assert_eq!(client.get(&format!("/log/{wider}")).status, 404, "{wider}");
    }
}

#[test]
fn entries_are_for_auditors_alone_where_the_operator_says_so() {
    let app = TestApp::holding(Holding::Nothing, |options| {
        options.entry_readers = EntryReaders::Auditors;
    });
    let server = app.serve();
    app.open().log.publish().unwrap();
    let log = app.path().join("log");
    let size = app.open().log.size();
    let entries = format!("/log/{}", PartKind::Entries.partial(size).unwrap());
    let hashes = format!("/log/{}", PartKind::Tile(0).partial(size).unwrap());
    for open in ["/log/checkpoint", &hashes] {
        assert_eq!(server.client().get(open).status, 200, "{open}");
    }
    let past = entries.replacen("/log/", "/log-1/", 1);
    for path in [&entries, &past] {
        server.client().get(path).problem(401, "not_signed_in");
    }
    server.signed_in("staff").get(&entries).problem(403, "policy_denied");
    assert_eq!(record::of_kind(&app.open().log, "audit.read").len(), 0);
    let reply = server.signed_in("auditor").get(&entries);
    assert_eq!((reply.status, reply.header("cache-control")), (200, "no-store"));
    assert_eq!(
        reply.body,
        std::fs::read(log.join(entries.strip_prefix("/log/").unwrap())).unwrap()
    );
    let read = record::of_kind(&app.open().log, "audit.read");
    assert_eq!((read.len(), &read[0].details()["scope"]), (1, &"tile".into()));
    let mut script = server.client();
    let operator = app.open().operator(None);
    let new = NewToken { scope: token_scope(["ReadLog"]).unwrap(), ..lasting_an_hour() };
    let issued = app.open().governor.issue_token(Changer::Operator, &operator, "auditor", new);
    script.header("Authorization", &format!("Bearer {}", issued.unwrap().0));
    assert_eq!(script.get(&entries).status, 200, "a script, with a token for this alone");
}

#[test]
fn nothing_beside_the_log_is_reached_through_it() {
    let app = TestApp::empty();
    let server = app.serve();
    let client = server.client();
    for path in [
        "/log/tile/../../keys/home.key",
        "/log/tile/..%2f..%2fkeys%2fhome.key",
        "/log/tile/%2e%2e/checkpoint",
        "/log/tile//0/000",
        "/log/tile/0/999",
        "/log/tile/0",
        "/log/tile/0/000.p",
        "/log/tile/0/000.p/0",
        "/log/tile/0/000.p/01",
        "/log/tile/00/000",
        "/log/tile/entries",
        "/log/tile/entries/000.p/../../../checkpoint",
        "/log/tile/data/000",
        "/log/tile/0/x000/000",
        "/log/checkpoint/",
        "/log/checkpoint/..",
        "/log/log.vkey",
        "/log/tile/",
        "/log/",
    ] {
        let reply = client.get(path);
        assert_eq!(reply.status, 404, "{path}");
    }
}
