//! Contents, their keys and their tokens.

use super::*;

#[test]
fn what_is_sealed_comes_back_also_after_reopening() {
    let (home, vault) = home();
    let scope = person(&vault);
    let small: Vec<_> =
        (0..50u8).map(|n| (vault.seal(&scope, &vec![n; n.into()]).unwrap(), n)).collect();
    let original = vault.seal_file(&scope, b"an original").unwrap();
    let large = vault.seal(&KeyScope::system(), &vec![7; 5 * 1024 * 1024]).unwrap();
    drop(vault);
    let vault = Vault::open(home.path(), entropy()).unwrap();
    for (reference, n) in &small {
        assert_eq!(*vault.open_payload(reference).unwrap(), vec![*n; (*n).into()]);
    }
    assert_eq!(vault.open_payload(&original).unwrap().as_slice(), b"an original");
    assert_eq!(vault.open_payload(&large).unwrap().len(), 5 * 1024 * 1024);
    let names = files(&home.path().join("vault"));
    assert_eq!(names.len(), 3, "one segment and two files: {names:?}");
    for file in files(home.path()) {
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o077, 0, "{file:?}");
    }
}

#[test]
fn a_state_that_was_cut_off_in_a_snapshot_opens_again() {
    let (folder, vault) = home();
    let dir = folder.path().join("db");
    State::open(&dir, &vault).unwrap().meta().put("word", &"kept").unwrap();
    let unfinished = dir.join("snap.00000000000070BF.generating");
    fs::File::create_new(&unfinished).unwrap();
    let state = State::open(&dir, &vault).unwrap();
    assert_eq!(state.meta().get::<String>("word").unwrap().as_deref(), Some("kept"));
    assert!(!unfinished.exists());
}

#[test]
fn equal_contents_are_sealed_differently_each_time() {
    let (_home, vault) = home();
    let [a, b] = [0, 1].map(|_| vault.seal(&KeyScope::system(), b"yes").unwrap());
    assert_ne!((a.blob_sha256, a.commit), (b.blob_sha256, b.commit));
}

#[test]
fn what_belongs_to_several_is_erased_with_any_one_of_them() {
    let (home, vault) = home();
    let names =
        [(TokenKind::Patient, "P-1"), (TokenKind::Matter, "M-1"), (TokenKind::Document, "d")];
    for erased in 0..names.len() {
        let scopes =
            names.map(|(kind, name)| KeyScope::of(kind, &vault.subject(kind, name).unwrap()));
        let all = scopes.iter().cloned().fold(person(&vault), KeyScope::and);
        let joined = vault.seal(&all, b"about them all").unwrap();
        let single = scopes.clone().map(|scope| vault.seal(&scope, b"about one").unwrap());
        assert_eq!(KeyScope::of_payload(&joined), all);
        assert_eq!(vault.open_payload(&joined).unwrap().as_slice(), b"about them all");
        let key = single[erased].key.clone();
        let (kind, name) = names[erased];
        let token = vault.token(kind, name);
        vault.destroy_key(&key).unwrap();
        vault.destroy_key(&key).unwrap();
        assert!(vault.seal(&scopes[erased], b"by one who knew the token").is_err());
        assert!(vault.seal(&all, b"by one who knew the token").is_err());
        for vault in [vault.clone(), Vault::open(home.path(), entropy()).unwrap()] {
            assert!(matches!(vault.open_payload(&joined), Err(RevealError::Erased)));
            for (at, one) in single.iter().enumerate() {
                let opened = vault.open_payload(one);
                assert_eq!(matches!(opened, Err(RevealError::Erased)), at == erased);
            }
            assert_ne!(vault.token(kind, name), token, "what the token stood for is lost");
        }
        assert_ne!(vault.subject(kind, name).unwrap(), token, "and never found again");
    }
}

#[test]
fn a_name_keeps_its_token_until_its_key_is_destroyed() {
    let (home_path, vault) = home();
    let (_other_home, other) = home();
    let kinds = [TokenKind::Document, TokenKind::Matter, TokenKind::Patient];
    let tokens = kinds.map(|kind| vault.subject(kind, "x").unwrap());
    assert_eq!(tokens.iter().collect::<BTreeSet<_>>().len(), kinds.len());
    let reopened = Vault::open(home_path.path(), entropy()).unwrap();
    for vault in [vault, reopened] {
        assert_eq!(kinds.map(|kind| vault.subject(kind, "x").unwrap()), tokens);
        assert_eq!(kinds.map(|kind| vault.token(kind, "x")), tokens);
    }
    assert_ne!(kinds.map(|kind| other.subject(kind, "x").unwrap()), tokens);
    assert!(files(&home_path.path().join("keys")).len() > kinds.len());
}

#[test]
fn a_crash_within_an_erasure_leaves_the_contents_erased() {
    let (home, vault) = home();
    let reference = vault.seal(&person(&vault), b"x").unwrap();
    let keys = home.path().join("keys");
    let key_file = keys.join(format!("{}.key", reference.key));
    let mark = keys.join(format!("{}.erased", reference.key));
    crate::durable::create_new(&mark, b"", crate::durable::Readers::Owner).unwrap();
    assert!(key_file.exists());
    let left = keys.join(".tmp-left");
    crate::durable::create_new(&left, b"a key, half written", crate::durable::Readers::Owner)
        .unwrap();
    let vault = Vault::open(home.path(), entropy()).unwrap();
    assert!(matches!(vault.open_payload(&reference), Err(RevealError::Erased)));
    assert!(!key_file.exists() && !left.exists(), "opening finishes the erasure");
}

#[test]
fn a_lost_key_file_reads_as_erased() {
    let (home, vault) = home();
    let reference = vault.seal(&person(&vault), b"x").unwrap();
    drop(vault);
    fs::remove_file(home.path().join("keys").join(format!("{}.key", reference.key))).unwrap();
    let vault = Vault::open(home.path(), entropy()).unwrap();
    assert!(matches!(vault.open_payload(&reference), Err(RevealError::Erased)));
}

#[test]
fn only_data_keys_can_be_destroyed_or_named() {
    let (home, vault) = home();
    for id in [
        "home",
        "token",
        "log",
        "state-1",
        "system",
        "../vault/x",
        "person-../../x",
        "",
        "person-é",
    ] {
        assert!(vault.destroy_key(id).is_err(), "{id}");
    }
    let mut reference = vault.seal(&person(&vault), b"x").unwrap();
    for id in ["../keys/home", "", "+", "person-1+../keys/home", &["system"; 400].join("+")] {
        reference.key = id.to_owned();
        assert!(matches!(vault.open_payload(&reference), Err(RevealError::Corrupt { .. })), "{id}");
    }
    assert!(home.path().join("keys/home.key").exists());
}

#[test]
fn a_changed_reference_or_byte_is_always_found() {
    let (home, vault) = home();
    let scope = person(&vault);
    let [reference, other] =
        [b"the first", b"no second"].map(|contents| vault.seal(&scope, contents).unwrap());
    let swapped = [
        PayloadRef { commit: other.commit, ..reference.clone() },
        PayloadRef { len: reference.len + 1, ..reference.clone() },
        PayloadRef { key: "system".to_owned(), ..reference.clone() },
        PayloadRef { blob_sha256: other.blob_sha256, ..reference.clone() },
    ];
    vault.seal(&KeyScope::system(), b"so that its key is there").unwrap();
    for wrong in swapped {
        assert!(matches!(vault.open_payload(&wrong), Err(RevealError::Corrupt { .. })));
    }
    let missing = PayloadRef { blob_sha256: Digest::of(b"?"), ..reference.clone() };
    assert!(matches!(vault.open_payload(&missing), Err(RevealError::Missing { .. })));
    drop(vault);
    let path = segment(home.path(), 1);
    let first = 24 + usize::try_from(reference.len).unwrap();
    for at in 0..first {
        damage(&path, |bytes| bytes[at] ^= 0x10);
        let vault = Vault::open(home.path(), entropy()).unwrap();
        assert!(vault.open_payload(&reference).is_err(), "byte {at}");
        assert_eq!(vault.open_payload(&other).unwrap().as_slice(), b"no second", "byte {at}");
        damage(&path, |bytes| bytes[at] ^= 0x10);
    }
    let vault = Vault::open(home.path(), entropy()).unwrap();
    assert_eq!(vault.open_payload(&reference).unwrap().as_slice(), b"the first");
}

#[test]
fn a_torn_tail_is_stepped_over_and_nothing_before_it_is_lost() {
    let (home, vault) = home();
    let scope = person(&vault);
    let whole = vault.seal(&scope, b"whole").unwrap();
    let torn = vault.seal(&scope, b"torn by a crash").unwrap();
    drop(vault);
    let path = segment(home.path(), 1);
    let record = 24 + usize::try_from(torn.len).unwrap();
    let full = fs::read(&path).unwrap();
    for cut in 1..record {
        damage(&path, |bytes| bytes.truncate(full.len() - cut));
        let vault = Vault::open(home.path(), entropy()).unwrap();
        assert_eq!(vault.open_payload(&whole).unwrap().as_slice(), b"whole");
        assert!(matches!(vault.open_payload(&torn), Err(RevealError::Missing { .. })));
        damage(&path, |bytes| *bytes = full.clone());
    }
    damage(&path, |bytes| bytes.truncate(full.len() - 3));
    let vault = Vault::open(home.path(), entropy()).unwrap();
    let after = vault.seal(&scope, b"after the crash").unwrap();
    assert!(segment(home.path(), 2).exists(), "writing goes on in a fresh segment");
    drop(vault);
    let vault = Vault::open(home.path(), entropy()).unwrap();
    assert_eq!(vault.open_payload(&after).unwrap().as_slice(), b"after the crash");
    let again = vault.seal(&scope, b"and on").unwrap();
    assert!(!segment(home.path(), 3).exists());
    assert_eq!(vault.open_payload(&again).unwrap().as_slice(), b"and on");
}

#[test]
fn two_openings_of_one_home_do_not_write_over_each_other() {
    let (home, one) = home();
    let two = Vault::open(home.path(), entropy()).unwrap();
    let scope = person(&one);
    let mut sealed = Vec::new();
    for n in 0..10u8 {
        sealed.push((one.seal(&scope, &[n, 1]).unwrap(), [n, 1]));
        sealed.push((two.seal(&scope, &[n, 2]).unwrap(), [n, 2]));
    }
    for vault in [one, two, Vault::open(home.path(), entropy()).unwrap()] {
        for (reference, contents) in &sealed {
            assert_eq!(vault.open_payload(reference).unwrap().as_slice(), contents);
        }
    }
}

#[test]
fn threads_seal_side_by_side() {
    let (home, vault) = home();
    std::thread::scope(|scope| {
        for n in 0..4u8 {
            let vault = &vault;
            scope.spawn(move || {
                for at in 0..20u8 {
                    let reference = vault.seal(&person(vault), &[n, at]).unwrap();
                    assert_eq!(vault.open_payload(&reference).unwrap().as_slice(), [n, at]);
                }
            });
        }
    });
    let keys = files(&home.path().join("keys"));
    assert_eq!(keys.len(), 4, "home, token, state and one data key: {keys:?}");
}

#[test]
fn a_foreign_home_key_is_told_clearly() {
    let (home, vault) = home();
    drop(vault);
    let error = Vault::create(home.path(), &SystemEntropy).unwrap_err();
    assert!(matches!(error, VaultError::Key(KeyError::Io(_))), "nothing is overwritten: {error}");
    damage(&home.path().join("keys/home.key"), |key| key[0] ^= 1);
    let error = Vault::open(home.path(), entropy()).unwrap_err();
    assert!(error.to_string().contains("keys/home.key"), "{error}");
    damage(&home.path().join("keys/home.key"), |key| key.truncate(5));
    assert!(Vault::open(home.path(), entropy()).is_err());
}

#[test]
fn tokens_are_steady_in_a_home_and_tell_kinds_and_homes_apart() {
    let (home_path, vault) = home();
    let (_other_home, other) = home();
    let token = vault.token(TokenKind::Matter, "M-1");
    let reopened = Vault::open(home_path.path(), entropy()).unwrap();
    assert_eq!(reopened.token(TokenKind::Matter, "M-1"), token);
    assert_eq!(token.as_str().len(), 32);
    let all: BTreeSet<_> = [
        token,
        vault.token(TokenKind::Patient, "M-1"),
        vault.token(TokenKind::Matter, "M-2"),
        vault.token(TokenKind::Matter, ""),
        other.token(TokenKind::Matter, "M-1"),
    ]
    .into();
    assert_eq!(all.len(), 5);
}

#[test]
fn no_clear_text_lies_in_the_home() {
    let (home, vault) = home();
    let state = State::open(&home.path().join("state/db"), &vault).unwrap();
    let word = "Quillfeather";
    let labels = Labels::parse([format!("patient={word}").as_str()]).unwrap();
    state.classes().class_of(&labels).unwrap();
    let attributes = [("matter".to_owned(), [word.to_owned()].into())].into();
    state.accounts().put(&AccountRow { attributes, ..account("ada") }).unwrap();
    let scope = KeyScope::of(TokenKind::Person, &vault.token(TokenKind::Person, word));
    vault.seal(&scope, word.as_bytes()).unwrap();
    vault.seal_file(&scope, word.as_bytes()).unwrap();
    state.flush().unwrap();
    drop((state, vault));
    let all = files(home.path());
    assert!(all.len() > 6);
    for file in all {
        let bytes = fs::read(&file).unwrap();
        let found = bytes.windows(word.len()).any(|found| found == word.as_bytes());
        assert!(!found && !file.to_string_lossy().contains(word), "{file:?}");
    }
}

#[test]
fn keys_and_hashes_are_never_printed() {
    let (_home, vault) = home();
    assert_eq!(format!("{vault:?}"), "Vault([redacted])");
    let printed = format!("{:?}", account("ada"));
    assert!(!printed.contains("argon2"), "{printed}");
}
