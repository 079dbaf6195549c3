//! Homes that are made once for each build of the program and copied for each test.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use affiant::domain::digest::Digest;
use affiant::durable::Lock;

use super::corpus::{Corpus, WALLED, fixture};
use super::test_app::TestApp;

/// What a new home holds besides its accounts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Holding {
    /// No document.
    Nothing,
    /// The demonstration corpus, but for the walled document.
    Corpus,
}

/// Copies the template into an empty folder.
pub(crate) fn copy(holding: Holding, to: &Path) {
    static EMPTY: OnceLock<PathBuf> = OnceLock::new();
    static CORPUS: OnceLock<PathBuf> = OnceLock::new();
    let template = match holding {
        Holding::Nothing => EMPTY.get_or_init(|| made("empty", |_| {})),
        Holding::Corpus => CORPUS.get_or_init(|| made("corpus", fill)),
    };
    copy_folder(template, to);
}

/// Templates of other builds are of no use any more, so there is one folder and it is replaced.
fn made(name: &str, fill: impl FnOnce(&TestApp)) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("affiant-homes");
    fs::create_dir_all(&folder).unwrap();
    let _turn = Lock::acquire(&folder.join("lock")).unwrap();
    let program = env!("CARGO_PKG_NAME");
    let stem = format!("{program}-{name}-");
    let template = folder.join(format!("{stem}{}", build()));
    if template.exists() {
        return template;
    }
    for old in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap()) {
        let age = old.metadata().unwrap().modified().unwrap().elapsed().unwrap_or_default();
        let stale = age.as_secs() > 24 * 3_600;
        if stale && old.file_name().to_string_lossy().starts_with(&stem) {
            fs::remove_dir_all(old.path()).unwrap();
        }
    }
    let app = TestApp::fresh();
    fill(&app);
    let unfinished = folder.join(format!("{stem}unfinished"));
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).unwrap();
    }
    app.close_into(|home| copy_folder(home, &unfinished));
    fs::rename(&unfinished, &template).unwrap();
    template
}

fn fill(app: &TestApp) {
    let corpus = Corpus::load();
    for document in corpus.documents.iter().filter(|document| document.file != WALLED) {
        let path = fixture("corpus").join(&document.file);
        let labels: Vec<&str> = document.labels.iter().map(String::as_str).collect();
        assert_eq!(app.ingest(&[path], &labels).indexed, 1, "{}", document.file);
    }
}

/// Stands for this build and these fixtures.
fn build() -> String {
    let program = fs::metadata("/proc/self/exe").unwrap();
    let changed = program.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
    let fixtures = fs::read(fixture("MANIFEST.toml")).unwrap();
    let words = format!("{} {} {}", program.len(), changed.as_nanos(), Digest::of(&fixtures));
    Digest::of(words.as_bytes()).short()
}

/// Copies with permissions, leaving holes where there is nothing but zeros.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        let mode = entry.metadata().unwrap().permissions().mode();
        if entry.file_type().is_dir() {
            fs::create_dir_all(&target).unwrap();
        } else if entry.file_type().is_file() {
            copy_file(entry.path(), &target);
        } else {
            continue;
        }
        fs::set_permissions(&target, fs::Permissions::from_mode(mode)).unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "a copy need not outlive a loss of power")]
fn copy_file(from: &Path, to: &Path) {
    const BLOCK: u64 = 1 << 16;
    let (mut from, mut to) = (File::open(from).unwrap(), File::create(to).unwrap());
    let mut at = 0;
    loop {
        let mut block = Vec::new();
        (&mut from).take(BLOCK).read_to_end(&mut block).unwrap();
        if block.is_empty() {
            break;
        }
        if block.iter().any(|byte| *byte != 0) {
            to.seek(SeekFrom::Start(at)).unwrap();
            to.write_all(&block).unwrap();
        }
        at += block.len() as u64;
    }
    to.set_len(at).unwrap();
}
