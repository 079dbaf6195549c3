//! Data keys: one small file each, wrapped by the home key; deleting one erases its contents.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::envelope::SecretKey;
use crate::domain::clock::Entropy;
use crate::domain::limits::{KEY_GENERATIONS_MAX, KEYS_CACHED_MAX};
use crate::domain::payload::{Token, TokenKind};
use crate::durable::{self, Readers};

const HOME_KEY: &str = "home.key";
const TOKEN_KEY: &str = "token.key";
const TOKEN_KEY_NAME: &str = "token";

/// What a data key belongs to: all that is sealed under it is erased together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KeyScope {
    /// One document: its original, text and card.
    Document(Token),
    /// One person.
    Person(Token),
    /// What one person asked in one matter and about one patient.
    Query {
        /// Who asked.
        person: Token,
        /// In which matter.
        matter: Option<Token>,
        /// About which patient.
        patient: Option<Token>,
    },
    /// The appliance's own contents: never erased.
    System,
}

impl KeyScope {
    /// The stem of the key's id. Holds the tokens, so that the keys of a patient can be found.
    fn stem(&self) -> String {
        match self {
            Self::Document(document) => format!("document-{document}"),
            Self::Person(person) => format!("person-{person}"),
            Self::Query { person, matter, patient } => {
                let part = |mark: &str, token: &Option<Token>| {
                    token.as_ref().map(|token| format!("-{mark}-{token}")).unwrap_or_default()
                };
                format!("query-{person}{}{}", part("m", matter), part("p", patient))
            }
            Self::System => "system".to_owned(),
        }
    }
}

/// A key that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Caller's fault, or a reference that was tampered with.
    #[error("{id:?} is not the id of a data key")]
    BadId {
        /// What was given.
        id: String,
    },
    /// The key was destroyed: what it sealed is gone for good.
    #[error("the key {id} was destroyed")]
    Destroyed {
        /// Its id.
        id: String,
    },
    /// Corrupt: the home key does not open what it should have wrapped.
    #[error(
        "{path} was not made with this home's keys/home.key: restore both from the same backup"
    )]
    WrongHomeKey {
        /// The file that does not open.
        path: PathBuf,
    },
    /// Unavailable: the disk.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The keys of one home.
pub(super) struct Keys {
    dir: PathBuf,
    home: SecretKey,
    token: SecretKey,
    entropy: Arc<dyn Entropy>,
    cached: Mutex<Cached>,
}

#[derive(Default)]
struct Cached {
    keys: HashMap<String, Arc<SecretKey>>,
    /// The id in use for each stem.
    current: HashMap<String, String>,
}

impl Keys {
    pub(super) fn create(dir: &Path, entropy: &dyn Entropy) -> Result<(), KeyError> {
        durable::create_dir_all(dir)?;
        let (home, token) = (SecretKey::fresh(entropy), SecretKey::fresh(entropy));
        let wrapped = wrap(&home, TOKEN_KEY_NAME, &token, entropy)?;
        durable::create_new(&dir.join(HOME_KEY), home.as_bytes(), Readers::Owner)?;
        durable::create_new(&dir.join(TOKEN_KEY), &wrapped, Readers::Owner)?;
        Ok(())
    }

    pub(super) fn open(dir: &Path, entropy: Arc<dyn Entropy>) -> Result<Self, KeyError> {
        let path = dir.join(HOME_KEY);
        let bytes = zeroize::Zeroizing::new(read(&path)?);
        let home = SecretKey::from_slice(&bytes).ok_or(KeyError::WrongHomeKey { path })?;
        // The token key is also the check value: only the right home key opens it.
        let token = unwrap(&home, &dir.join(TOKEN_KEY), TOKEN_KEY_NAME)?;
        let keys = Self { dir: dir.to_owned(), home, token, entropy, cached: Mutex::default() };
        keys.finish_erasures()?;
        Ok(keys)
    }

    pub(super) fn token(&self, kind: TokenKind, name: &str) -> Token {
        let mac = self.token.mac(&[kind.as_str().as_bytes(), &[0], name.as_bytes()]);
        let (first, _) = mac.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
        Token::from_mac(*first)
    }

    /// The key in use for a scope, made on first use. After an erasure the scope gets a new key
    /// under a new id.
    pub(super) fn for_scope(&self, scope: &KeyScope) -> Result<(String, Arc<SecretKey>), KeyError> {
        let stem = scope.stem();
        check_id(&stem)?;
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = cached.current.get(&stem).cloned()
            && let Some(key) = cached.keys.get(&id)
        {
            return Ok((id, Arc::clone(key)));
        }
        let id = self.unused_or_current(&stem)?;
        let key = match self.read_key(&id) {
            Ok(key) => key,
            Err(KeyError::Destroyed { .. }) => self.create_key(&id)?,
            Err(e) => return Err(e),
        };
        let key = cached.keep(&id, key);
        cached.current.insert(stem, id.clone());
        Ok((id, key))
    }

    /// The key with this id, as found in a reference. The id is outside input.
    pub(super) fn by_id(&self, id: &str) -> Result<Arc<SecretKey>, KeyError> {
        check_id(id)?;
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = cached.keys.get(id) {
            return Ok(Arc::clone(key));
        }
        let key = self.read_key(id)?;
        Ok(cached.keep(id, key))
    }

    /// Destroys a key for good. The mark is on disk before the key goes, so that a crash between
    /// leaves it destroyed, and the id is never given to another key.
    pub(super) fn destroy(&self, id: &str) -> Result<(), KeyError> {
        check_id(id)?;
        if id == KeyScope::System.stem() {
            return Err(KeyError::BadId { id: id.to_owned() });
        }
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        cached.keys.remove(id);
        cached.current.retain(|_, current| current != id);
        match durable::create_new(&self.mark(id), b"", Readers::Owner) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e.into()),
            Err(_) | Ok(()) => {}
        }
        Ok(durable::remove(&self.path(id))?)
    }

    /// Ids of the living data keys whose contents belong to this document, person, matter or patient.
    pub(super) fn of_token(&self, token: &Token) -> Result<Vec<String>, KeyError> {
        let mut ids = self.names_ending(".key")?;
        ids.retain(|id| {
            check_id(id).is_ok()
                && id.split('-').any(|part| part == token.as_str())
                && !self.mark(id).exists()
        });
        ids.sort_unstable();
        Ok(ids)
    }

    fn unused_or_current(&self, stem: &str) -> Result<String, KeyError> {
        std::iter::once(stem.to_owned())
            .chain((2..=KEY_GENERATIONS_MAX).map(|at| format!("{stem}-g{at}")))
            .find(|id| !self.mark(id).exists())
            .ok_or_else(|| KeyError::Destroyed { id: stem.to_owned() })
    }

    fn read_key(&self, id: &str) -> Result<SecretKey, KeyError> {
        let path = self.path(id);
        if self.mark(id).exists() || !path.exists() {
            return Err(KeyError::Destroyed { id: id.to_owned() });
        }
        unwrap(&self.home, &path, id)
    }

    fn create_key(&self, id: &str) -> Result<SecretKey, KeyError> {
        let key = SecretKey::fresh(&*self.entropy);
        let wrapped = wrap(&self.home, id, &key, &*self.entropy)?;
        match durable::create_new(&self.path(id), &wrapped, Readers::Owner) {
            Ok(()) => Ok(key),
            // Another process of this home was first: its key is the key.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => self.read_key(id),
            Err(e) => Err(e.into()),
        }
    }

    /// Removes keys that a crash left beside their mark.
    fn finish_erasures(&self) -> Result<(), KeyError> {
        for id in self.names_ending(".erased")? {
            durable::remove(&self.path(&id))?;
        }
        Ok(())
    }

    fn names_ending(&self, end: &str) -> Result<Vec<String>, KeyError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(|e| durable::at(&self.dir, "list", e))? {
            let name = entry.map_err(|e| durable::at(&self.dir, "list", e))?.file_name();
            names.extend(name.to_str().and_then(|name| name.strip_suffix(end)).map(str::to_owned));
        }
        Ok(names)
    }

    fn path(&self, id: &str) -> PathBuf {
        self.dir.join(format!("{id}.key"))
    }

    fn mark(&self, id: &str) -> PathBuf {
        self.dir.join(format!("{id}.erased"))
    }
}

impl Cached {
    fn keep(&mut self, id: &str, key: SecretKey) -> Arc<SecretKey> {
        if self.keys.len() >= KEYS_CACHED_MAX {
            self.keys.clear();
            self.current.clear();
        }
        let key = Arc::new(key);
        self.keys.insert(id.to_owned(), Arc::clone(&key));
        key
    }
}

/// Ids become file names, so nothing but our own alphabet and kinds.
fn check_id(id: &str) -> Result<(), KeyError> {
    let kind = id.split('-').next().unwrap_or_default();
    let good = matches!(kind, "document" | "person" | "query" | "system")
        && id.len() <= 160
        && id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if good { Ok(()) } else { Err(KeyError::BadId { id: id.chars().take(160).collect() }) }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    fs::read(path).map_err(|e| durable::at(path, "read", e))
}

fn wrap(
    home: &SecretKey,
    name: &str,
    key: &SecretKey,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, KeyError> {
    let sealed = home.seal(name, key.as_bytes(), entropy);
    sealed.map(|sealed| sealed.blob).ok_or_else(|| KeyError::BadId { id: name.to_owned() })
}

fn unwrap(home: &SecretKey, path: &Path, name: &str) -> Result<SecretKey, KeyError> {
    let wrong = || KeyError::WrongHomeKey { path: path.to_owned() };
    let (key, _) = home.open(name, read(path)?).map_err(|_| wrong())?;
    SecretKey::from_slice(&key).ok_or_else(wrong)
}
