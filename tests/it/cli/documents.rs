use super::has;
use crate::support::corpus::fixture;
use crate::support::process::Cli;
use crate::support::template::Holding;
use crate::support::test_app::TestApp;

#[test]
fn a_folder_is_taken_in_and_accounted_for() {
    let home = TestApp::folder(Holding::Nothing);
    let cli = Cli::on(home.path());
    let folder = home
        .path()
        .parent()
        .unwrap()
        .join(format!("{}-papers", home.path().file_name().unwrap().to_string_lossy()));
    let papers = TempFolder::new(folder);
    papers.put("harbour.txt", b"Nineteen lanterns hang in the harbour office.");
    papers.put("deep/again.md", b"# Rules\n\nThe harbour office opens at seven.\n");
    papers.put("bad.pdf", b"%PDF-1.7 and no more");
    let path = papers.path.to_str().unwrap();
    let report = cli.json(3, &["ingest", path, "--label", "classification=public"]);
    has(&report, &["submitted", "indexed", "unchanged", "quarantined", "documents", "duration_ms"]);
    let count = |name: &str| report[name].as_u64().unwrap();
    assert_eq!((count("submitted"), count("indexed"), count("unchanged")), (3, 2, 0));
    assert_eq!(report["quarantined"].as_array().unwrap().len(), 1);
    has(&report["quarantined"][0], &["path", "reason", "detail"]);
    has(&report["documents"][0], &["id", "path", "title", "pages", "passages"]);
    let again = cli.json(3, &["ingest", path]);
    assert_eq!((again["unchanged"].as_u64(), again["indexed"].as_u64()), (Some(2), Some(0)));

    let mine = cli.json(0, &["documents", "list", "--as", "staff"]);
    assert_eq!(mine["documents"][0]["labels"]["classification"], "public");
    let bare = cli.json(0, &["documents", "list"]);
    assert_eq!(bare["documents"].as_array().unwrap().len(), 2);
    assert!(!bare.to_string().contains("harbour"), "operators do not read content: {bare}");
    let id = mine["documents"][0]["id"].as_str().unwrap();
    let pages = cli.json(0, &["documents", "pages", id, "--as", "staff"]);
    has(&pages["pages"][0], &["page", "text"]);
    has(&cli.json(0, &["documents", "show", id, "--as", "staff"]), &["title", "labels"]);
    cli.json(2, &["documents", "pages", id, "--as", "auditor"]);
    cli.json(2, &["ingest", "/no/such/place"]);
}

#[test]
fn one_file_is_parsed_without_a_home() {
    let cli = Cli::on(std::path::Path::new("/no/such/home"));
    let plain = fixture("hostile/plain.pdf");
    let parsed = cli.json(0, &["documents", "parse", plain.to_str().unwrap()]);
    has(&parsed, &["pages", "warnings"]);
    assert_eq!(parsed["pages"][0]["origin"], "text");
    assert!(parsed["pages"][0]["text"].as_str().unwrap().contains("Visiting hours"));
    let locked = fixture("hostile/encrypted.pdf");
    let locked = locked.to_str().unwrap();
    assert_eq!(cli.json(3, &["documents", "parse", locked])["reason"], "encrypted");
    cli.json(0, &["documents", "parse", locked, "--password", "opensesame"]);
    cli.json(2, &["documents", "parse", "/no/such/file"]);
}

/// A folder that goes away with the test.
struct TempFolder {
    path: std::path::PathBuf,
}

impl TempFolder {
    fn new(path: std::path::PathBuf) -> Self {
        std::fs::create_dir(&path).unwrap();
        Self { path }
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own file")]
    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.path.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.path).unwrap();
    }
}

#[test]
fn other_labels_are_in_effect_at_once_where_they_shut_and_else_once_two_agree() {
    let app = TestApp::corpus();
    app.own("records");
    let home = app.let_go();
    let cli = Cli::on(home.path());
    let listed = cli.json(0, &["documents", "list", "--as", "outsider"]);
    let id = listed["documents"][0]["id"].as_str().unwrap().to_owned();
    let label = |pair: &str, who: &str, code| {
        cli.json(code, &["documents", "label", &id, pair, "--as", who])
    };
    assert_eq!(label("matter=M-9", "outsider", 4)["error"]["code"], "denied");
    label("colour=red", "records", 2);
    let done = label("matter=M-9", "records", 0);
    has(&done, &["document", "labels", "entry"]);
    assert_eq!(done["labels"]["matter"], "M-9");
    cli.json(2, &["documents", "show", &id, "--as", "outsider"]);
    let refused = label("matter=", "records", 4);
    assert!(refused["error"]["detail"].as_str().unwrap().contains("--reason"), "{refused}");
    let open = ["documents", "label", &id, "matter=", "--as", "records"];
    let open = [&open[..], &["--reason", "filed in the wrong matter"]].concat();
    assert_eq!(cli.json(4, &open)["error"]["code"], "denied", "a name alone proves nothing");
    let proposed = cli.proven(0, &open);
    assert_eq!(proposed["kind"], "document.label");
    cli.json(2, &["documents", "show", &id, "--as", "outsider"]);
    let change = proposed["id"].as_str().unwrap();
    let seen = cli.json(0, &["changes", "show", change, "--as", "approver"]);
    assert_eq!(seen["proposal"]["from"]["matter"], "M-9", "{seen}");
    cli.proven(0, &["changes", "approve", change, "--as", "approver"]);
    let shown = cli.json(0, &["documents", "show", &id, "--as", "outsider"]);
    assert_eq!(shown["labels"].get("matter"), None);
}
