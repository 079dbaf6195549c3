//! Data keys: one small file each, wrapped by the home key; deleting one erases its contents.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::envelope::SecretKey;
use super::names::Names;
use super::scope::{AND, KeyScope, SYSTEM};
use crate::domain::clock::Entropy;
use crate::domain::limits::{KEYS_CACHED_MAX, PAYLOAD_KEYS_MAX};
use crate::domain::payload::{Token, TokenKind};
use crate::durable::{self, Readers};

const HOME_KEY: &str = "home.key";
const TOKEN_KEY: &str = "token.key";
const TOKEN_KEY_NAME: &str = "token";
/// Keys of the rows in sled are numbered from 1; while rows are sealed anew there are two.
const STATE_KEY: &str = "state-";

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
    known: Mutex<Known>,
}

struct Known {
    names: Names,
    keys: HashMap<String, Arc<SecretKey>>,
}

impl Keys {
    pub(super) fn create(dir: &Path, entropy: &dyn Entropy) -> Result<(), KeyError> {
        durable::create_dir_all(dir)?;
        let (home, token) = (SecretKey::fresh(entropy), SecretKey::fresh(entropy));
        let wrapped = wrap(&home, TOKEN_KEY_NAME, &token, entropy)?;
        durable::create_new(&dir.join(HOME_KEY), home.as_bytes(), Readers::Owner)?;
        durable::create_new(&dir.join(TOKEN_KEY), &wrapped, Readers::Owner)?;
        create_state_key(dir, &home, 1, entropy)?;
        Ok(())
    }

    pub(super) fn open(dir: &Path, entropy: Arc<dyn Entropy>) -> Result<Self, KeyError> {
        Self::with(dir, entropy, Names::load)
    }

    /// The same, where another process may have the home open: nothing is put in order.
    pub(super) fn look(dir: &Path, entropy: Arc<dyn Entropy>) -> Result<Self, KeyError> {
        Self::with(dir, entropy, |dir| Ok(Names::read(dir)?.0))
    }

    fn with(
        dir: &Path,
        entropy: Arc<dyn Entropy>,
        names: impl FnOnce(&Path) -> io::Result<Names>,
    ) -> Result<Self, KeyError> {
        let path = dir.join(HOME_KEY);
        let bytes = zeroize::Zeroizing::new(read(&path)?);
        let home = SecretKey::from_slice(&bytes).ok_or(KeyError::WrongHomeKey { path })?;
        // The token key is also the check value: only the right home key opens it.
        let token = unwrap(&home, &dir.join(TOKEN_KEY), TOKEN_KEY_NAME)?;
        let known = Known { names: names(dir)?, keys: HashMap::new() };
        Ok(Self { dir: dir.to_owned(), home, token, entropy, known: Mutex::new(known) })
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token of a name: that of its key where it has one, else a MAC of the name.
    pub(super) fn token(&self, kind: TokenKind, name: &str) -> Token {
        let mark = self.mark(kind, name);
        self.known().names.token(kind, &mark).unwrap_or(mark)
    }

    /// The token of a name that has a key.
    pub(super) fn known_token(&self, kind: TokenKind, name: &str) -> Option<Token> {
        self.known().names.token(kind, &self.mark(kind, name))
    }

    /// The token of a name that gets a key with a random token where it has none.
    pub(super) fn subject(&self, kind: TokenKind, name: &str) -> Result<Token, KeyError> {
        let mark = self.mark(kind, name);
        let mut known = self.known();
        if let Some(token) = known.names.token(kind, &mark) {
            return Ok(token);
        }
        let mut random = [0; 16];
        self.entropy.fill(&mut random);
        let token = Token::from_mac(random);
        let id = format!("{}-{token}", kind.as_str());
        known.names.learn(&id, mark.as_str());
        if let Err(error) = self.create_key(&known.names, &id) {
            known.names.forget(&id);
            return Err(error);
        }
        Ok(token)
    }

    fn mark(&self, kind: TokenKind, name: &str) -> Token {
        let mac = self.token.mac(&[kind.as_str().as_bytes(), &[0], name.as_bytes()]);
        let (first, _) = mac.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
        Token::from_mac(*first)
    }

    /// The key that contents of this scope are sealed under, with the id for their reference.
    pub(super) fn for_scope(&self, scope: &KeyScope) -> Result<(String, Arc<SecretKey>), KeyError> {
        let id = scope.id();
        let key = self.joined(&id, |known, one| self.read_or_create(known, one))?;
        Ok((id, key))
    }

    /// The key with this id, as found in a reference. The id is outside input.
    pub(super) fn by_id(&self, id: &str) -> Result<Arc<SecretKey>, KeyError> {
        self.joined(id, |known, one| self.read_key(&known.names, one))
    }

    /// The key of an id that may join several: none of them can be left out of it.
    fn joined(
        &self,
        id: &str,
        mut find: impl FnMut(&mut Known, &str) -> Result<SecretKey, KeyError>,
    ) -> Result<Arc<SecretKey>, KeyError> {
        if id.split(AND).count() > PAYLOAD_KEYS_MAX {
            return Err(bad_id(id));
        }
        id.split(AND).try_for_each(check_id)?;
        let mut known = self.known();
        let mut keys = Vec::new();
        for one in id.split(AND) {
            keys.push(match known.keys.get(one) {
                Some(key) => Arc::clone(key),
                None => {
                    let key = find(&mut known, one)?;
                    known.keep(one, key)
                }
            });
        }
        match keys.as_slice() {
            [one] => Ok(Arc::clone(one)),
            several => Ok(Arc::new(SecretKey::joined(id, several.iter().map(Arc::as_ref)))),
        }
    }

    /// Destroys a key for good. The mark is on disk before the key goes, so that a crash between
    /// leaves it destroyed, and the id is never given to another key.
    pub(super) fn destroy(&self, id: &str) -> Result<(), KeyError> {
        check_id(id)?;
        if id == SYSTEM {
            return Err(bad_id(id));
        }
        let mut known = self.known();
        known.keys.remove(id);
        match durable::create_new(&known.names.erased(id), b"", Readers::Owner) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e.into()),
            Err(_) | Ok(()) => {}
        }
        durable::remove(&known.names.path(id))?;
        known.names.forget(id);
        Ok(())
    }

    fn read_or_create(&self, known: &Known, id: &str) -> Result<SecretKey, KeyError> {
        match self.read_key(&known.names, id) {
            Err(KeyError::Destroyed { .. }) if !known.names.erased(id).exists() => {
                self.create_key(&known.names, id)
            }
            found => found,
        }
    }

    fn read_key(&self, names: &Names, id: &str) -> Result<SecretKey, KeyError> {
        let path = names.path(id);
        if names.erased(id).exists() || !path.exists() {
            return Err(KeyError::Destroyed { id: id.to_owned() });
        }
        unwrap(&self.home, &path, id)
    }

    fn create_key(&self, names: &Names, id: &str) -> Result<SecretKey, KeyError> {
        let key = SecretKey::fresh(&*self.entropy);
        let wrapped = wrap(&self.home, id, &key, &*self.entropy)?;
        match durable::create_new(&names.path(id), &wrapped, Readers::Owner) {
            Ok(()) => Ok(key),
            // Another process of this home was first: its key is the key.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => self.read_key(names, id),
            Err(e) => Err(e.into()),
        }
    }

    /// The keys of the rows in sled, by number.
    pub(super) fn state_keys(&self) -> Result<BTreeMap<u32, SecretKey>, KeyError> {
        let list = |e| durable::at(&self.dir, "list", e);
        let mut keys = BTreeMap::new();
        for entry in fs::read_dir(&self.dir).map_err(list)? {
            let name = entry.map_err(list)?.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(".key"));
            let number = name.and_then(|name| name.strip_prefix(STATE_KEY)?.parse().ok());
            if let Some(number) = number {
                let path = state_key_path(&self.dir, number);
                keys.insert(number, unwrap(&self.home, &path, &state_key_name(number))?);
            }
        }
        Ok(keys)
    }

    pub(super) fn create_state_key(&self, number: u32) -> Result<SecretKey, KeyError> {
        create_state_key(&self.dir, &self.home, number, &*self.entropy)
    }

    pub(super) fn destroy_state_key(&self, number: u32) -> Result<(), KeyError> {
        Ok(durable::remove(&state_key_path(&self.dir, number))?)
    }
}

impl Known {
    fn keep(&mut self, id: &str, key: SecretKey) -> Arc<SecretKey> {
        if self.keys.len() >= KEYS_CACHED_MAX {
            self.keys.clear();
        }
        let key = Arc::new(key);
        self.keys.insert(id.to_owned(), Arc::clone(&key));
        key
    }
}

fn create_state_key(
    dir: &Path,
    home: &SecretKey,
    number: u32,
    entropy: &dyn Entropy,
) -> Result<SecretKey, KeyError> {
    let key = SecretKey::fresh(entropy);
    let wrapped = wrap(home, &state_key_name(number), &key, entropy)?;
    durable::create_new(&state_key_path(dir, number), &wrapped, Readers::Owner)?;
    Ok(key)
}

fn state_key_name(number: u32) -> String {
    format!("{STATE_KEY}{number}")
}

fn state_key_path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{STATE_KEY}{number}.key"))
}

/// Ids become file names, so nothing but our own alphabet and kinds.
fn check_id(id: &str) -> Result<(), KeyError> {
    let kind = id.split('-').next().unwrap_or_default();
    let good = matches!(kind, "document" | "matter" | "patient" | "person" | "system")
        && id.len() <= 64
        && id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if good { Ok(()) } else { Err(bad_id(id)) }
}

fn bad_id(id: &str) -> KeyError {
    KeyError::BadId { id: id.chars().take(64).collect() }
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
    let key = home.open(name, read(path)?).map_err(|_| wrong())?.contents;
    SecretKey::from_slice(&key).ok_or_else(wrong)
}
