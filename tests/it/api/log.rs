use crate::support::corpus::UNANSWERABLE;
use crate::support::test_app::TestApp;

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
            files += 1;
        }
    }
    assert!(files >= 3, "checkpoint, hashes and entries: {files}");
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
        "/log/tile/",
        "/log/",
    ] {
        let reply = client.get(path);
        assert_eq!(reply.status, 404, "{path}");
    }
}
