//! Rows, views and counters.

use super::*;

#[test]
fn rows_come_back_as_they_were_put() {
    let (folder, vault) = home();
    let state = State::open(&folder.path().join("db"), &vault).unwrap();
    assert_eq!(state.accounts().get(&"ada".parse().unwrap()).unwrap(), None);
    for name in ["zoe", "ada"] {
        state.accounts().put(&account(name)).unwrap();
    }
    state.accounts().put(&AccountRow { disabled: true, ..account("zoe") }).unwrap();
    drop(state);
    let state = State::open(&folder.path().join("db"), &vault).unwrap();
    let rows = state.accounts().list().unwrap();
    let names: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.disabled)).collect();
    assert_eq!(names, [("ada", false), ("zoe", true)]);
    state.accounts().delete(&"ada".parse().unwrap()).unwrap();
    assert_eq!(state.accounts().list().unwrap().len(), 1);
}

#[test]
fn a_row_is_replaced_only_where_it_is_still_the_same() {
    let (folder, vault) = home();
    let state = State::open(&folder.path().join("db"), &vault).unwrap();
    let (old, new) = (account("ada"), AccountRow { disabled: true, ..account("ada") });
    assert!(!state.accounts().replace(&old, &new).unwrap(), "nothing to replace");
    assert!(state.accounts().put_new(&old).unwrap());
    assert!(!state.accounts().put_new(&new).unwrap());
    assert!(state.accounts().replace(&old, &new).unwrap());
    assert!(!state.accounts().replace_soon(&old, &old).unwrap());
    assert_eq!(state.accounts().list().unwrap(), [new]);
}

#[test]
fn whatever_decisions_are_made_from_counts_as_a_change_however_it_is_written() {
    let (folder, vault) = home();
    let state = State::open(&folder.path().join("db"), &vault).unwrap();
    let ada = || StandingRow::empty("ada".parse().unwrap());
    let (old, new) = (account("ada"), AccountRow { disabled: true, ..account("ada") });
    type Write<'a> = &'a dyn Fn() -> bool;
    let table: [(&str, Write<'_>); 6] = [
        ("an account", &|| state.accounts().put_new(&old).unwrap()),
        ("an account in place of itself", &|| state.accounts().replace(&old, &new).unwrap()),
        ("relationships", &|| state.standings().put(&ada()).is_ok()),
        ("relationships of many", &|| state.standings().put_all(&[ada()]).is_ok()),
        ("no more relationships", &|| state.standings().delete(&ada().person).is_ok()),
        ("no more account", &|| state.accounts().delete(&old.name).is_ok()),
    ];
    for (what, write) in table {
        let before = state.version();
        assert!(write(), "{what}");
        assert_ne!(state.version(), before, "{what}");
    }
}

#[test]
fn a_row_of_another_version_is_refused() {
    let (folder, vault) = home();
    let path = folder.path().join("db");
    let state = State::open(&path, &vault).unwrap();
    state.accounts().put(&account("ada")).unwrap();
    drop(state);
    let state = State::open(&path, &vault).unwrap();
    let found = state.table::<Newer>().list().unwrap_err();
    assert!(matches!(found, StateError::Version { found: 1, expected: 2, .. }), "{found}");
}

/// A row as a later version of the program may write it.
#[derive(Debug, serde::Deserialize, serde::Serialize)]
struct Newer {
    name: crate::domain::principal::UserName,
}

impl Row for Newer {
    const TREE: &'static str = AccountRow::TREE;
    const VERSION: u32 = 2;
    const DURABLE: bool = true;
    type Key = crate::domain::principal::UserName;
    fn key(&self) -> Self::Key {
        self.name.clone()
    }
}

#[test]
fn a_row_opens_only_unchanged_and_in_its_place() {
    let (folder, vault) = home();
    let path = folder.path().join("db");
    let state = State::open(&path, &vault).unwrap();
    state.accounts().put(&account("ada")).unwrap();
    state.accounts().put(&account("zoe")).unwrap();
    drop(state);
    let db = sled::open(&path).unwrap();
    let tree = db.open_tree("accounts").unwrap();
    let row = tree.get("ada").unwrap().unwrap();
    let mut changed = row.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    for wrong in [row.to_vec(), changed, row[..20].to_vec(), row[..3].to_vec()] {
        tree.insert("zoe", wrong).unwrap();
        tree.flush().unwrap();
        let state = state_over(&db, &vault);
        assert!(state.get(&"ada".parse().unwrap()).is_ok());
        let found = state.get(&"zoe".parse().unwrap()).unwrap_err();
        assert!(matches!(found, StateError::Sealed { .. }), "{found}");
    }
}

fn state_over(db: &sled::Db, vault: &Vault) -> Table<AccountRow> {
    Table::open(db, &cipher::RowCipher::open(vault).unwrap()).unwrap()
}

#[test]
fn renewing_seals_every_row_under_another_key_also_after_a_crash() {
    let (home, vault) = home();
    let path = home.path().join("db");
    let keys = || -> Vec<_> {
        let keys = files(&home.path().join("keys")).into_iter();
        keys.filter(|key| key.to_string_lossy().contains("/state-")).collect()
    };
    let state = State::open(&path, &vault).unwrap();
    for name in ["ada", "zoe", "bo"] {
        state.accounts().put(&account(name)).unwrap();
    }
    let labels = Labels::parse(["matter=a"]).unwrap();
    state.classes().class_of(&labels).unwrap();
    let before = keys();
    state.renew().unwrap();
    assert_eq!(keys().len(), 1);
    assert_ne!(keys(), before);
    let rows = state.accounts().list().unwrap();
    drop(state);
    // A crash after the fresh key was made, and before a row was sealed under it.
    let number = keys()[0].to_string_lossy().chars().rfind(char::is_ascii_digit);
    let next = number.unwrap().to_digit(10).unwrap() + 1;
    vault.keys().create_state_key(next).unwrap();
    let vault = Vault::open(home.path(), entropy()).unwrap();
    let state = State::open(&path, &vault).unwrap();
    assert_eq!(keys().len(), 1, "opening finishes it");
    assert_eq!(state.accounts().list().unwrap(), rows);
    assert_eq!(state.classes().all().unwrap(), [(AccessClass(0), labels)].into_iter().collect());
}

#[test]
fn rows_are_written_while_others_are_renewed() {
    let (home, vault) = home();
    let state = State::open(&home.path().join("db"), &vault).unwrap();
    state.accounts().put(&account("ada")).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..5).for_each(|_| state.renew().unwrap()));
        for n in 0..40 {
            let old = state.accounts().get(&"ada".parse().unwrap()).unwrap().unwrap();
            let created = Timestamp::from_unix_millis(n);
            let new = AccountRow { created, ..old.clone() };
            assert!(state.accounts().replace(&old, &new).unwrap());
            state.accounts().put(&account(&format!("b{n}"))).unwrap();
        }
    });
    let ada = state.accounts().get(&"ada".parse().unwrap()).unwrap().unwrap();
    assert_eq!(ada.created, Timestamp::from_unix_millis(39));
    assert_eq!(state.accounts().list().unwrap().len(), 41);
}

#[test]
fn a_class_whose_labels_are_erased_keeps_its_number() {
    let (home, vault) = home();
    let path = home.path().join("db");
    let state = State::open(&path, &vault).unwrap();
    let [a, b] = ["matter=a", "matter=b"].map(|label| Labels::parse([label]).unwrap());
    assert_eq!(state.classes().class_of(&a).unwrap(), AccessClass(0));
    assert_eq!(state.classes().class_of(&b).unwrap(), AccessClass(1));
    state.classes().forget(|labels| *labels == b).unwrap();
    drop(state);
    let state = State::open(&path, &vault).unwrap();
    assert_eq!(state.classes().all().unwrap(), [(AccessClass(0), a)].into_iter().collect());
    assert_eq!(state.classes().class_of(&b).unwrap(), AccessClass(2));
}

#[test]
fn a_second_opening_of_the_state_is_told() {
    let (folder, vault) = home();
    let _state = State::open(&folder.path().join("db"), &vault).unwrap();
    let second = State::open(&folder.path().join("db"), &vault).unwrap_err();
    assert!(second.to_string().contains("another process"), "{second}");
}

#[test]
fn classes_are_dense_and_survive() {
    let (home, vault) = home();
    let path = home.path().join("state/db");
    let state = State::open(&path, &vault).unwrap();
    let labels = |matter: &str| {
        Labels::parse(["classification=internal", &format!("matter={matter}")]).unwrap()
    };
    let class = |state: &State, matter: &str| state.classes().class_of(&labels(matter)).unwrap();
    assert_eq!(class(&state, "a"), AccessClass(0));
    assert_eq!(class(&state, "b"), AccessClass(1));
    assert_eq!(class(&state, "a"), AccessClass(0));
    drop(state);
    let state = State::open(&path, &vault).unwrap();
    assert_eq!(class(&state, "b"), AccessClass(1));
    assert_eq!(class(&state, "c"), AccessClass(2));
    let all = state.classes().all().unwrap();
    let expected = (0..).map(AccessClass).zip(["a", "b", "c"].map(labels)).collect();
    assert_eq!(all, expected);
}

#[test]
fn a_generation_is_never_given_out_twice() {
    let (folder, vault) = home();
    let path = folder.path().join("db");
    let mut last = Generation(0);
    for _ in 0..3 {
        let state = State::open(&path, &vault).unwrap();
        for _ in 0..3 {
            let next = state.meta().next_generation().unwrap();
            assert!(next > last);
            last = next;
        }
    }
    let state = State::open(&path, &vault).unwrap();
    state.meta().skip_generations(Generation(40)).unwrap();
    state.meta().skip_generations(Generation(3)).unwrap();
    assert_eq!(state.meta().next_generation().unwrap(), Generation(41));
}

#[test]
fn views_of_the_log_keep_what_they_are_told() {
    let (folder, vault) = home();
    let state = State::open(&folder.path().join("db"), &vault).unwrap();
    assert_eq!(state.meta().applied_through().unwrap(), None);
    state.meta().set_applied_through(EntryIndex(7)).unwrap();
    assert_eq!(state.meta().applied_through().unwrap(), Some(EntryIndex(7)));
    state.meta().put("seen", &["a", "b"]).unwrap();
    assert_eq!(state.meta().get::<Vec<String>>("seen").unwrap().unwrap(), ["a", "b"]);
    assert!(state.meta().get::<u32>("seen").is_err());
    let at = |ms| RequestId::fresh(Timestamp::from_unix_millis(ms), &SystemEntropy);
    let [a, b] = [at(1), at(2)];
    for query in [b, a, a] {
        state.open_queries().insert(query).unwrap();
    }
    assert_eq!(state.open_queries().list().unwrap(), [a, b]);
    state.open_queries().remove(a).unwrap();
    assert_eq!(state.open_queries().list().unwrap(), [b]);
}
