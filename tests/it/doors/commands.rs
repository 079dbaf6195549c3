//! Every command: as somebody of each role, as nobody in particular, and as whoever it belongs to.

use std::path::Path;

use affiant::domain::principal::Role;
use affiant::durable::{Readers, create_new};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{NOBODY, Names, SOMEBODY_FOR_EACH, house, people, plain, welcome};
use crate::support::PASSWORD;
use crate::support::process::{Cli, Finished, Serving};

/// What a command is given besides `--as`; `None` where no person's rights count.
fn arguments(command: &str, names: &Names, files: &Path) -> Option<Vec<String>> {
    let file = |name: &str| files.join(name).to_str().unwrap().to_owned();
    let none = "00000000-0000-7000-8000-000000000000";
    let text = match command {
        "user add" => "mia --role staff".to_owned(),
        "user token" => "outsider --ttl 1h".to_owned(),
        "user tokens" | "user sign-out" => "outsider".to_owned(),
        "user revoke-token" => "outsider 0000000000000000".to_owned(),
        "user password" | "user totp" => "outsider --reset".to_owned(),
        "user grant" => "outsider --role approver --reason a-test".to_owned(),
        "user list"
        | "documents list"
        | "audit list"
        | "audit key list"
        | "changes list"
        | "hold list"
        | "retention"
        | "audit key rotate"
        | "audit key retire"
        | "audit key compromised" => String::new(),
        "user revoke" => "outsider --attr team=none".to_owned(),
        "user disable" => "outsider2".to_owned(),
        "user enable" => "outsider2 --reason a-test".to_owned(),
        "documents show" | "documents pages" => names.document.clone(),
        "documents delete" => "0".repeat(64),
        "documents label" => format!("{} department=quay", "0".repeat(64)),
        "search" => "fax".to_owned(),
        "ask" => "fax? --mode verbatim".to_owned(),
        "audit show" | "audit replay" => "0".to_owned(),
        "audit show --reveal" => "0 --reveal --reason a-test".to_owned(),
        "audit proof" => format!("0 --out {}", file("proof")),
        "audit export" => format!("--format csv --out {}", file("export")),
        "audit timestamp" => format!("--request {}", file("request")),
        "evaluate" => file("suite.jsonl"),
        "audit wall" => "--matter M-none".to_owned(),
        "audit disclosures" => "--patient P-none".to_owned(),
        "policy propose" | "policy simulate" => {
            let set = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/general");
            let option = if command == "policy simulate" { "--candidate " } else { "" };
            format!("{option}{}", set.display())
        }
        "policy rollback" | "policy diff" => "1".to_owned(),
        "policy versions" => String::new(),
        "policy show" => {
            let out = tempfile::tempdir_in(files).unwrap().keep();
            format!("1 --out {}", out.to_str().unwrap())
        }
        "changes show" => names.change.clone(),
        "changes approve" => none.to_owned(),
        "changes reject" => names.change.clone(),
        "relationships import" => file("team.csv"),
        "relationships list" | "emergency list" => String::new(),
        "relationships wall add" | "relationships wall remove" => {
            "--person outsider --matter M-none --reason a-test".to_owned()
        }
        "emergency open" => "--matter M-none --reason a-test".to_owned(),
        "emergency close" => none.to_owned(),
        "emergency review" => format!("{none} --outcome justified"),
        "hold add" => "--matter M-none --reason a-test".to_owned(),
        "erase" => "--matter M-other --reason a-test".to_owned(),
        "hold release" => format!("{none} --reason a-test"),
        _ => return None,
    };
    Some(text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

/// The rows of the commands, a server on the home that they are run on, and the files that they name.
struct Runs {
    cli: Cli,
    server: Serving,
    files: TempDir,
    rows: Vec<Value>,
    document: String,
    waiting: Vec<String>,
    _home: TempDir,
}

impl Runs {
    fn under(set: &str, changes: usize) -> Self {
        let (app, waiting) = house(set, changes);
        app.account_of("outsider2", [Role::Staff].into());
        let document = plain(&app);
        let home = app.let_go();
        let cli = Cli::on(home.path());
        let files = tempfile::tempdir().unwrap();
        let suite = json!({ "id": "1", "question": "fax?", "answers": [], "answerable": false,
            "relevant": [] });
        let suite = suite.to_string();
        let contents =
            [("suite.jsonl", suite.as_str()), ("team.csv", "person,kind,object\n"), ("new", NEW)];
        for (name, text) in contents {
            create_new(&files.path().join(name), text.as_bytes(), Readers::Owner).unwrap();
        }
        let matrix = cli.json(0, &["policy", "matrix"]);
        let rows = matrix["commands"].as_array().unwrap().clone();
        let server = cli.serve();
        Self { cli, server, files, rows, document, waiting, _home: home }
    }

    fn names(&self, change: &str) -> Names {
        Names { document: self.document.clone(), change: change.to_owned() }
    }

    fn run(&self, command: &str, arguments: &[String], more: &[&str], typed: &str) -> Finished {
        let mut words = vec!["--json"];
        words.extend(command.split(' ').filter(|word| !word.starts_with("--")));
        words.extend(arguments.iter().map(String::as_str));
        words.extend(more);
        self.cli.run_with(&words, typed)
    }
}

#[test]
fn a_role_runs_its_commands_and_no_other() {
    let runs = Runs::under("general", people().len());
    let mut wrong = Vec::new();
    for ((name, role), change) in people().into_iter().zip(&runs.waiting) {
        let names = runs.names(change);
        for row in &runs.rows {
            let command = row["door"].as_str().unwrap();
            let Some(arguments) = arguments(command, &names, runs.files.path()) else {
                assert!(row["actions"].as_array().unwrap().is_empty(), "{command} is never taken");
                continue;
            };
            let proof: &[&str] = if row["proof"] == true { &["--password-stdin"] } else { &[] };
            let more = [&["--as", name.as_str()], proof].concat();
            let ended = runs.run(command, &arguments, &more, &format!("{PASSWORD}\n"));
            let error =
                if ended.code == 0 { Value::Null } else { ended.json()["error"]["code"].clone() };
            let denied = match command {
                "documents show" | "documents pages" => error == "not_found",
                _ => ended.code == 4,
            };
            let opens = match role {
                Some(role) => row["roles"].as_array().unwrap().contains(&json!(role)),
                None => row["no_role"] == true,
            };
            if denied == opens || ended.code == 5 {
                wrong.push(format!("{name}: {command}: {ended:?}"));
            }
        }
    }
    runs.server.stop();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The next password of whoever changes theirs.
const NEW: &str = "the second one they chose";

/// What somebody adds to a command to run it on what is their own, and what they type; `None` for
/// what belongs to nobody.
fn own_arguments(runs: &Runs, command: &str, name: &str, change: &str) -> Option<(String, String)> {
    let shown = || format!("{PASSWORD}\n");
    let told = |words: String| (words, String::new());
    Some(match command {
        "user token" | "user totp" => (format!("{name} --password-stdin"), shown()),
        "user password" => {
            let file = runs.files.path().join("new");
            let more = format!("--password-stdin --new-password-file {}", file.to_str().unwrap());
            (format!("{name} {more}"), shown())
        }
        "user tokens" | "user sign-out" | "user disable" => told(format!("{name} --as {name}")),
        "user revoke" => told(format!("{name} --attr team=none --as {name}")),
        "user revoke-token" => {
            runs.cli.json(0, &["user", "token", name]);
            let tokens = runs.cli.json(0, &["user", "tokens", name]);
            let id = tokens["tokens"][0]["id"].as_str().unwrap();
            told(format!("{name} {id} --as {name}"))
        }
        // It is whose who proposed it: none of those who knock.
        "changes reject" => told(format!("{change} --as admin")),
        _ => return None,
    })
}

#[test]
fn what_is_ones_own_takes_no_right_where_its_row_says_so() {
    let people = ["one.staff", NOBODY];
    let runs = Runs::under("general", people.len());
    let mut rows: Vec<&Value> = runs.rows.iter().collect();
    // Nothing else is shown once the password is another.
    rows.sort_by_key(|row| row["door"] == "user password");
    let mut wrong = Vec::new();
    for row in rows {
        let command = row["door"].as_str().unwrap();
        for (name, change) in people.iter().zip(&runs.waiting) {
            let Some((words, typed)) = own_arguments(&runs, command, name, change) else {
                assert_eq!(row["own"], false, "what is one's own of {command}?");
                continue;
            };
            let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
            let ended = runs.run(command, &words, &[], &typed);
            if (ended.code == 0) != (row["own"] == true) {
                wrong.push(format!("{name}: {command}: {ended:?}"));
            }
        }
    }
    runs.server.stop();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_command_asks_who_one_is_and_takes_the_operator_as_its_row_says() {
    let runs = Runs::under(SOMEBODY_FOR_EACH, 1);
    let names = runs.names(&runs.waiting[0]);
    let mut wrong = Vec::new();
    for row in &runs.rows {
        let command = row["door"].as_str().unwrap();
        let arguments = || arguments(command, &names, runs.files.path());
        let Some(some) = arguments() else { continue };
        let role = row["roles"].as_array().unwrap().first();
        let role = role.map(|role| role.as_str().unwrap().parse().unwrap());
        if let Some(name) = welcome(role, row["needs"] == "a right") {
            let ended = runs.run(command, &some, &["--as", &name], "");
            let asks = format!("{ended:?}").contains("does not prove who acts");
            if asks != (row["proof"] == true) {
                wrong.push(format!("proof of {command}: {ended:?}"));
            }
        }
        // The reason belongs to what a person proposes.
        let named_nobody = match command {
            "user enable" => vec!["outsider2".to_owned()],
            _ => arguments().unwrap(),
        };
        let ended = runs.run(command, &named_nobody, &[], "");
        let takes = ended.code != 4 && !format!("{ended:?}").contains("--as");
        if takes != (row["operator"] == true) || ended.code == 5 {
            wrong.push(format!("operator: {command}: {ended:?}"));
        }
    }
    runs.server.stop();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
