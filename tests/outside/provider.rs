//! Signing on through a real OpenID provider, led by hand from door to door.

use std::collections::BTreeMap;

use affiant::audit::Entry;
use affiant::domain::change::Proposal;
use affiant::domain::principal::{Entitlements, Role, Via};
use affiant::identity::Credential;
use affiant::store::SessionRow;
use libtest_mimic::Failed;
use serde_json::json;

use crate::real_provider::{BASE, Provider};
use crate::support::PASSWORD;
use crate::support::client::{Client, Reply};
use crate::support::record::{entries, of_kind};
use crate::support::server::Server;
use crate::support::test_app::TestApp;

type Test = fn() -> Result<(), Failed>;

/// Every test, with its name.
pub(crate) const ALL: [(&str, Test); 7] = [
    ("a_provider_signs_people_on_with_every_algorithm", signs_on),
    ("rights_follow_the_groups_of_a_provider", follows_groups),
    ("tokens_of_a_provider_gone_wrong_are_refused", refuses_wrong_tokens),
    ("a_code_opens_one_session_for_one_browser", refuses_replays),
    ("keys_that_a_provider_withdrew_open_nothing", refuses_withdrawn_keys),
    ("without_the_provider_passwords_still_work", goes_on_alone),
    ("whom_a_provider_vouches_for_approves_after_signing_in_anew", approves),
];

/// A browser: it keeps cookies, each with who set it.
#[derive(Default)]
struct Browser(BTreeMap<(String, String), String>);

impl Browser {
    fn get(&mut self, base: &str, path: &str) -> Reply {
        self.send(base, "GET", path, "")
    }

    fn send(&mut self, base: &str, method: &str, path: &str, fields: &str) -> Reply {
        let mut client = Client::new(base);
        let own = self.0.iter().filter(|((site, _), _)| site == base);
        let cookies: Vec<_> = own.map(|((_, name), value)| format!("{name}={value}")).collect();
        client.header("Cookie", &cookies.join("; "));
        let kind = if fields.is_empty() { "" } else { "application/x-www-form-urlencoded" };
        let reply = client.send(method, path, kind, fields.as_bytes().to_vec());
        for cookie in reply.headers.get_all("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.0.insert((base.to_owned(), name.to_owned()), value.to_owned());
        }
        reply
    }

    /// From our door through the provider's: the address that it sends the browser back to, below
    /// our own.
    fn fetch_code(&mut self, server: &Server<'_>, provider: &Provider) -> String {
        self.fetch_code_from(server, provider, "/sign-in/openid?next=%2Fquestions")
    }

    fn fetch_code_from(&mut self, server: &Server<'_>, provider: &Provider, door: &str) -> String {
        let sent = self.get(&server.url, door);
        assert_eq!(sent.status, 303, "{}", sent.text());
        let mut place = sent.header("location").to_owned();
        for _ in 0..5 {
            if let Some(back) = place.strip_prefix(BASE) {
                return back.to_owned();
            }
            let path = place.strip_prefix(&provider.issuer).unwrap_or(&place).to_owned();
            let reply = self.get(&provider.issuer, &path);
            place = reply.header("location").to_owned();
            assert_eq!(reply.status, 303, "{path}: {}", reply.text());
        }
        panic!("the provider leads nowhere: {place}");
    }

    fn sign_on(&mut self, server: &Server<'_>, provider: &Provider) -> Reply {
        let back = self.fetch_code(server, provider);
        self.get(&server.url, &back)
    }

    fn session(&self, server: &Server<'_>) -> Option<&String> {
        self.0.get(&(server.url.clone(), "affiant_session".to_owned()))
    }

    /// Whether the session opens a page.
    fn is_in(&mut self, server: &Server<'_>) -> bool {
        self.get(&server.url, "/questions").status == 200
    }
}

fn refusals(app: &TestApp) -> Vec<String> {
    let reason = |entry: Entry| entry.details()["reason"].as_str().unwrap().to_owned();
    of_kind(&app.open().log, "session.refused").into_iter().map(reason).collect()
}

fn signs_on() -> Result<(), Failed> {
    let provider = Provider::start();
    let app = provider.home();
    let server = app.serve();
    for (person, algorithm, lean) in [
        ("ada", "RS256", false),
        ("bo", "PS256", false),
        ("cy", "ES256", true),
        ("dee", "EdDSA", false),
    ] {
        let groups = json!({ person: ["all", "matter-2026-7"] });
        provider.set(&json!({
            "login": person, "algorithm": algorithm, "lean": lean, "groups": groups,
        }));
        let mut browser = Browser::default();
        let door = browser.get(&server.url, "/sign-in").text();
        assert!(door.contains("Sign in with Example LLP"), "{door}");
        let sent = browser.get(&server.url, "/sign-in/openid");
        let cookie = sent.header("set-cookie");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        let reply = browser.sign_on(&server, &provider);
        assert_eq!(reply.status, 200, "{algorithm}: {}", reply.text());
        assert_eq!(reply.header("refresh"), "0; url=/questions");
        assert!(browser.is_in(&server), "{algorithm}");
        let who = app.open().governor.accounts.principal(person)?;
        assert_eq!(who.roles, [Role::Staff].into());
        assert_eq!(who.attributes["matter"], ["2026-7".to_owned()].into());
    }
    let left = Browser::default().get(&server.url, "/sign-in?left=provider").text();
    assert!(left.contains("/session/end?client_id=affiant"), "{left}");
    let log = &app.open().log;
    for (kind, count) in [("account.created", 4), ("session.federated", 4), ("session.refused", 0)]
    {
        let already = if kind == "account.created" { 6 } else { 0 };
        assert_eq!(of_kind(log, kind).len(), count + already, "{kind}");
    }
    let text: String = entries(log).iter().map(|entry| entry.details().to_string()).collect();
    // In quotes: those three letters are also hexadecimal digits of many a digest.
    for secret in ["\"ada\"", "2026-7", "127.0.0.1", "matter-"] {
        assert!(!text.contains(secret), "the record names {secret}");
    }
    Ok(())
}

fn follows_groups() -> Result<(), Failed> {
    let provider = Provider::start();
    let app = provider.home();
    let server = app.serve();
    let in_groups = |groups: &[&str]| provider.set(&json!({ "groups": { "ada": groups } }));
    let who = || app.open().governor.accounts.principal("ada").unwrap();
    in_groups(&["all", "records", "it", "matter-7"]);
    let mut first = Browser::default();
    assert_eq!(first.sign_on(&server, &provider).status, 200);
    assert_eq!(who().roles, [Role::Staff, Role::RecordsOfficer].into(), "and no administrator");
    in_groups(&["all"]);
    assert!(first.is_in(&server), "groups are read when somebody signs on");
    let mut second = Browser::default();
    assert_eq!(second.sign_on(&server, &provider).status, 200);
    assert!(!first.is_in(&server) && second.is_in(&server), "rights shrank");
    assert_eq!((who().roles, who().attributes.len()), ([Role::Staff].into(), 0));
    let changed = of_kind(&app.open().log, "rights.changed").pop().unwrap();
    let expected = json!(["records-officer"]);
    assert_eq!(
        (&changed.details()["lost"], &changed.details()["attributes_lost"]),
        (&expected, &json!(1))
    );
    let in_force = json!({ "name": "matter-7", "from": "2001-01-01", "until": "2999-12-31" });
    let over = json!({ "name": "records", "from": "2001-01-01", "until": "2001-12-31" });
    let dated = json!({ "groups": { "ada": ["all", in_force, over] } });
    provider.set(&dated);
    let mut third = Browser::default();
    assert_eq!(third.sign_on(&server, &provider).status, 200);
    assert_eq!((who().roles, who().attributes.len()), ([Role::Staff].into(), 1), "by the dates");
    provider.set(&json!({ "groups": { "ada": [{ "name": "all", "until": "2001-12-31" }] } }));
    assert_eq!(Browser::default().sign_on(&server, &provider).status, 403, "it has ended");
    in_groups(&["strangers"]);
    let reply = Browser::default().sign_on(&server, &provider);
    assert_eq!(reply.status, 403);
    assert!(reply.text().contains("you have no access here"), "{}", reply.text());
    assert!(!second.is_in(&server) && who().roles.is_empty(), "nothing is left");
    provider.set(&json!({ "login": "staff", "groups": { "staff": ["all"] } }));
    let reply = Browser::default().sign_on(&server, &provider);
    assert_eq!(reply.status, 403, "a local account has the name");
    assert_eq!(refusals(&app), ["no_group", "no_group", "name_taken"]);
    Ok(())
}

fn refuses_wrong_tokens() -> Result<(), Failed> {
    let provider = Provider::start();
    let app = provider.home();
    let server = app.serve();
    provider.set(&json!({ "groups": { "ada": ["all"] } }));
    let table = [
        (json!({ "aud": "another" }), 403, "token_audience"),
        (json!({ "aud": ["affiant", "another"] }), 403, "token_party"),
        (json!({ "azp": "another" }), 403, "token_party"),
        (json!({ "iss": "http://127.0.0.1:1" }), 403, "token_issuer"),
        (json!({ "nonce": "another" }), 403, "token_nonce"),
        (json!({ "exp": 1_000_000_000 }), 503, "token_expired"),
        (json!({ "iat": 4_000_000_000_u64 }), 503, "token_clock"),
    ];
    for (claims, status, _) in &table {
        provider.set(&json!({ "claims": claims }));
        let mut browser = Browser::default();
        let reply = browser.sign_on(&server, &provider);
        assert_eq!(reply.status, *status, "{claims}: {}", reply.text());
        assert_eq!(browser.session(&server), None, "{claims}");
    }
    assert_eq!(refusals(&app), table.map(|(_, _, reason)| reason));
    provider.set(&json!({ "claims": {} }));
    assert_eq!(
        Browser::default().sign_on(&server, &provider).status,
        200,
        "signed anew, unchanged"
    );
    Ok(())
}

fn refuses_replays() -> Result<(), Failed> {
    let provider = Provider::start();
    let app = provider.home();
    let server = app.serve();
    provider.set(&json!({ "groups": { "ada": ["all"] } }));
    let mut ada = Browser::default();
    let back = ada.fetch_code(&server, &provider);
    let thief = Browser::default().get(&server.url, &back);
    assert_eq!(thief.status, 403, "another browser has nothing of it");
    assert_eq!(ada.get(&server.url, &back).status, 200);
    assert_eq!(ada.get(&server.url, &back).status, 403, "the same address again");
    // The code of the first sign-on in a second one, of the same browser and of another: the
    // provider knows that it was used, and whose it was.
    let value = |address: &str, name: &str| {
        let mut pairs = address.split(['?', '&']);
        pairs.find_map(|pair| pair.strip_prefix(&format!("{name}="))).unwrap().to_owned()
    };
    for browser in [&mut ada, &mut Browser::default()] {
        let next = browser.fetch_code(&server, &provider);
        let mixed = next.replace(&value(&next, "code"), &value(&back, "code"));
        assert_ne!(mixed, next);
        let reply = browser.get(&server.url, &mixed);
        assert_eq!(reply.status, 403, "{}", reply.text());
        assert!(reply.text().contains("does not stand by this sign-in"), "{}", reply.text());
    }
    // A fresh code that another browser was given: PKCE ties it to that one.
    let stolen = Browser::default().fetch_code(&server, &provider);
    let mut thief = Browser::default();
    let own = thief.fetch_code(&server, &provider);
    let mixed = own.replace(&value(&own, "code"), &value(&stolen, "code"));
    assert_eq!(thief.get(&server.url, &mixed).status, 403);
    assert_eq!(thief.session(&server), None);
    let refused = ["state_replayed", "code_refused", "code_refused", "code_refused"];
    assert_eq!(refusals(&app), refused);
    Ok(())
}

fn refuses_withdrawn_keys() -> Result<(), Failed> {
    let provider = Provider::start();
    let app = provider.home();
    let server = app.serve();
    provider.set(&json!({ "groups": { "ada": ["all"] }, "algorithm": "ES256" }));
    let sign_on = || Browser::default().sign_on(&server, &provider).status;
    assert_eq!(sign_on(), 200);
    provider.set(&json!({ "sign": 1, "publish": [0, 1] }));
    assert_eq!(sign_on(), 200, "a new key is found at once");
    provider.set(&json!({ "sign": 2, "publish": [2] }));
    assert_eq!(sign_on(), 200, "and the old ones are gone with it");
    provider.set(&json!({ "sign": 1 }));
    assert_eq!(sign_on(), 403, "whoever still has an expired key opens nothing with it");
    assert_eq!(refusals(&app), ["token_key_unknown"]);
    Ok(())
}

fn goes_on_alone() -> Result<(), Failed> {
    let mut provider = Provider::start();
    let app = provider.home();
    let server = app.serve();
    provider.set(&json!({ "groups": { "ada": ["all"] } }));
    let mut ada = Browser::default();
    let back = ada.fetch_code(&server, &provider);
    provider.stop();
    let reply = ada.get(&server.url, &back);
    assert_eq!(reply.status, 503);
    assert!(reply.text().contains("does not answer"), "{}", reply.text());
    assert_eq!(refusals(&app), ["provider_away"]);
    drop(server.signed_in("admin"));
    drop(server);
    // A server that never saw it: the door says so before anybody leaves.
    let app = provider.home();
    let server = app.serve();
    let reply = Browser::default().get(&server.url, "/sign-in/openid");
    assert_eq!(reply.status, 503);
    for words in ["does not answer", "name=\"password\"", "provider_away"] {
        assert!(reply.text().contains(words), "{words}: {}", reply.text());
    }
    assert_eq!(server.signed_in("auditor").get("/api/v1/audit/entries").status, 200);
    Ok(())
}

/// Somebody without a password here, with a change that waits for them.
fn approves() -> Result<(), Failed> {
    let provider = Provider::start();
    let app = provider.home();
    let server = app.serve();
    provider.set(&json!({ "groups": { "ada": ["all"] } }));
    let mut browser = Browser::default();
    assert_eq!(browser.sign_on(&server, &provider).status, 200);
    let governor = &app.open().governor;
    let given = |role| Entitlements { roles: [role].into(), ..Entitlements::default() };
    governor.accounts.give(&"ada".parse()?, &given(Role::Approver))?;
    let admin = governor.actor("admin", Via::Cli, None);
    let shown = Credential::password(PASSWORD.to_owned().into(), None);
    let who = governor.confirm(&admin, "admin", &shown)?;
    let (account, rights) = ("outsider".parse()?, given(Role::Auditor));
    let proposal = Proposal::GrantRights { account, rights };
    let change = governor.propose(&who, &admin, proposal, "a test".to_owned().try_into()?)?.id;
    for row in app.open().state.sessions().list()? {
        app.open().state.sessions().put(&SessionRow { confirmed: None, ..row })?;
    }
    let page = format!("/admin/changes/{change}");
    let approve = |browser: &mut Browser| {
        let text = browser.get(&server.url, &page).text();
        let (_, csrf) = text.split_once("name=\"csrf\" value=\"").unwrap();
        let fields = format!("csrf={}", csrf.split('"').next().unwrap());
        browser.send(&server.url, "POST", &format!("{page}/approve"), &fields)
    };
    let led = approve(&mut browser);
    let confirm = led.header("location").to_owned();
    assert!(led.status == 303 && confirm.starts_with("/account/confirm?next="), "{confirm}");
    let asked = browser.get(&server.url, &confirm).text();
    assert!(asked.contains("/sign-in/openid?fresh=true"), "{asked}");
    let door = format!("/sign-in/openid?fresh=true&next={}", page.replace('/', "%2F"));
    let back = browser.fetch_code_from(&server, &provider, &door);
    let again = browser.get(&server.url, &back);
    assert_eq!(again.header("refresh"), format!("0; url={page}"), "{}", again.text());
    let approved = approve(&mut browser);
    assert_eq!((approved.status, approved.header("location")), (303, page.as_str()));
    let roles = governor.accounts.principal("outsider")?.roles;
    assert!(roles.contains(&Role::Auditor), "{roles:?}");
    Ok(())
}
