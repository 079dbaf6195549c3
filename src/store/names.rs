//! Which key belongs to which name: nothing but the names of the key files, so that destroying a
//! key also loses what its token stood for.
//!
//! `<kind>-<token>.<mark>.key` is the key of a named document, matter or patient: the token is
//! random, the mark is a MAC of the name. `<kind>-<token>.key` has no name to find it by.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::domain::payload::{Token, TokenKind};
use crate::durable;

const KEY: &str = ".key";
const ERASED: &str = ".erased";

/// The data keys of a home, by id and by mark.
#[derive(Default)]
pub(super) struct Names {
    dir: PathBuf,
    /// Id to mark, for keys that have one.
    marks: HashMap<String, String>,
    /// Kind and mark to id.
    ids: HashMap<String, String>,
}

impl Names {
    /// Reads the folder; finishes destructions that a crash cut off, and removes what half-written
    /// files it left: they may hold a key.
    pub(super) fn load(dir: &Path) -> io::Result<Self> {
        let (names, left) = Self::read(dir)?;
        left.iter().try_for_each(|path| durable::remove(path))?;
        Ok(names)
    }

    /// Reads the folder, and says which files should not be there any more.
    pub(super) fn read(dir: &Path) -> io::Result<(Self, Vec<PathBuf>)> {
        let mut names = Self { dir: dir.to_owned(), ..Self::default() };
        let mut left = Vec::new();
        let list = |e| durable::at(dir, "list", e);
        let (mut keys, mut erased) = (Vec::new(), HashSet::new());
        for entry in fs::read_dir(dir).map_err(list)? {
            let entry = entry.map_err(list)?.file_name();
            let Some(name) = entry.to_str() else { continue };
            if name.starts_with(".tmp-") {
                left.push(dir.join(name));
            } else if let Some(id) = name.strip_suffix(ERASED) {
                erased.insert(id.to_owned());
            } else if let Some(key) = name.strip_suffix(KEY) {
                keys.push(key.to_owned());
            }
        }
        for key in keys {
            let (id, mark) = key.split_once('.').map_or((&*key, None), |(id, m)| (id, Some(m)));
            if erased.contains(id) {
                left.push(dir.join(format!("{key}{KEY}")));
            } else if let Some(mark) = mark {
                names.learn(id, mark);
            }
        }
        Ok((names, left))
    }

    /// The token that stands for a name.
    pub(super) fn token(&self, kind: TokenKind, mark: &Token) -> Option<Token> {
        let id = self.ids.get(&marked(kind.as_str(), mark.as_str()))?;
        id.split_once('-')?.1.parse().ok()
    }

    /// Notes whose key this is.
    pub(super) fn learn(&mut self, id: &str, mark: &str) {
        let kind = id.split('-').next().unwrap_or_default();
        self.ids.insert(marked(kind, mark), id.to_owned());
        self.marks.insert(id.to_owned(), mark.to_owned());
    }

    pub(super) fn forget(&mut self, id: &str) {
        if let Some(mark) = self.marks.remove(id) {
            let kind = id.split('-').next().unwrap_or_default();
            self.ids.remove(&marked(kind, &mark));
        }
    }

    /// The file of a key.
    pub(super) fn path(&self, id: &str) -> PathBuf {
        match self.marks.get(id) {
            Some(mark) => self.dir.join(format!("{id}.{mark}{KEY}")),
            None => self.dir.join(format!("{id}{KEY}")),
        }
    }

    /// Says that a key was destroyed, and that its id is never used again.
    pub(super) fn erased(&self, id: &str) -> PathBuf {
        self.dir.join(format!("{id}{ERASED}"))
    }
}

fn marked(kind: &str, mark: &str) -> String {
    format!("{kind}-{mark}")
}
