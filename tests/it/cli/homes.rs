use tempfile::TempDir;

use super::has;
use crate::support::process::Cli;

#[test]
fn init_makes_a_home_once() {
    let folder = TempDir::new().unwrap();
    let home = folder.path().join("home");
    let cli = Cli::on(&home);
    let made = cli.json(0, &["init", "--admin", "ada", "--approver", "ben", "--policies", "law"]);
    has(&made, &["vkey", "admin", "approver", "fingerprint"]);
    assert_eq!(
        (made["admin"]["username"].as_str(), made["approver"]["username"].as_str()),
        (Some("ada"), Some("ben"))
    );
    assert_ne!(made["admin"]["password"], made["approver"]["password"]);
    let vkey = std::fs::read_to_string(home.join("log.vkey")).unwrap();
    assert_eq!(made["vkey"], vkey.trim_end());
    assert_eq!(made["log_entries"], "auditors", "a law firm's log is not the network's");
    let options = affiant::config::load(&home, std::iter::empty()).unwrap();
    assert_eq!(options.entry_readers, affiant::http::EntryReaders::Auditors);

    let again = cli.json(2, &["init"]);
    has(&again["error"], &["code", "detail", "remedy"]);
    assert_eq!(std::fs::read_to_string(home.join("log.vkey")).unwrap(), vkey);
    assert!(cli.json(0, &["audit", "verify"])["ok"].as_bool().unwrap());
}

#[test]
fn what_the_operators_own_file_says_of_the_log_stays() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("affiant.toml");
    let own = "[log]\norigin = \"firm.example/log\"\n";
    affiant::durable::create_new(&file, own.as_bytes(), affiant::durable::Readers::Owner).unwrap();
    let made = Cli::on(folder.path()).json(0, &["init", "--policies", "hospital"]);
    assert_eq!(made["log_entries"], "anyone", "and is told");
    assert_eq!(std::fs::read_to_string(file).unwrap(), own);
}

#[test]
fn init_refuses_any_trace_of_a_home() {
    for trace in ["keys", "log", "state"] {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join(trace)).unwrap();
        let refused = Cli::on(folder.path()).json(2, &["init"]);
        assert!(refused["error"]["detail"].as_str().unwrap().contains(trace), "{refused}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "{trace}");
    }
}

#[test]
fn what_init_cannot_do_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let cli = Cli::on(&folder.path().join("home"));
    cli.json(2, &["init", "--policies", "navy"]);
    cli.json(2, &["init", "--admin", "ada", "--approver", "ada"]);
    cli.json(2, &["init", "--admin", "Not A Name"]);
    assert!(!folder.path().join("home").exists());
}

#[test]
fn keys_are_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let home = folder.path().join("home");
    Cli::on(&home).json(0, &["init"]);
    for entry in walkdir::WalkDir::new(&home).into_iter().map(Result::unwrap) {
        let path = entry.path().strip_prefix(&home).unwrap();
        let secret = ["keys", "state", "vault", "tls"].iter().any(|place| path.starts_with(place));
        let mode = entry.metadata().unwrap().permissions().mode() & 0o077;
        if secret && entry.file_type().is_file() && !path.starts_with("state/db") {
            assert_eq!(mode, 0, "{}", path.display());
        }
    }
    let mode = std::fs::metadata(home.join("state")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "the folder of the state");
}
