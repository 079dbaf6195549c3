//! What people come to do, each from the door to the end.

use std::net::TcpListener;

use affiant::app::Tls;

use serde_json::json;

use super::driver::{Browser, ENTER, Element, Scripts, TAB};
use super::real_provider::Provider;
use super::support::PASSWORD;
use super::support::corpus::{ANSWERABLE, UNANSWERABLE};
use super::support::patiently;
use super::support::record;
use super::support::server::Server;
use super::support::test_app::TestApp;

type Journey = fn();

/// Every journey, named by what it shows.
pub(crate) const ALL: &[(&str, Journey)] = &[
    ("staff_ask_watch_the_phases_and_open_the_cited_place", ask_and_open_the_source),
    ("what_nothing_answers_is_said_to_be_so_with_its_receipt", ask_in_vain),
    ("auditors_list_entries_open_one_and_verify_the_record", audit),
    ("administrators_see_policies_accounts_models_and_system", administrate),
    ("the_keyboard_alone_signs_in_and_asks", keyboard_alone),
    ("everything_works_without_scripts", without_scripts),
    ("a_wrong_password_is_told_and_leaves_the_name", wrong_password),
    ("what_a_role_may_not_open_is_a_page_with_the_request_id", forbidden),
    ("a_hostile_title_stays_text", hostile_title),
    (BY_PROVIDER, sign_on_through_the_provider),
];

/// The journey that also takes a real OpenID provider.
pub(crate) const BY_PROVIDER: &str = "people_sign_in_through_their_provider_and_out_again";

/// The server over HTTPS, with the certificate that `init` made.
fn serve(app: &TestApp) -> Server<'_> {
    let (cert, key) = app.open().home.tls();
    app.serve_with(&Tls::Files { cert, key })
}

fn sign_in(browser: &Browser, server: &Server<'_>, name: &str) {
    browser.open(&format!("{}/sign-in", server.url));
    browser.find("#username").type_text(name);
    browser.find("#password").type_text(PASSWORD);
    browser.find("main button[type=submit]").click();
    browser.find(".person");
}

/// Asks and waits for the receipt.
fn ask(browser: &Browser, question: &str) {
    browser.find("#question").type_text(question);
    browser.find("[data-ask] button[type=submit]").click();
    browser.find_shown("[data-answer] [data-slot=receipt]");
}

fn check_sentences(browser: &Browser) {
    let sentences = browser.all("[data-answer] [data-verdict]");
    assert!(!sentences.is_empty());
    for sentence in &sentences {
        let verdict = sentence.attribute("data-verdict").unwrap();
        assert!(["supported", "partly"].contains(&verdict.as_str()), "{verdict}");
        // A sentence that has just arrived fades in: its words count once they are shown.
        patiently("the words of a sentence", || (!sentence.text().is_empty()).then_some(()));
    }
    assert!(!browser.all("[data-answer] [data-verdict] [data-citation]").is_empty());
    let receipt = browser.find("[data-answer] [data-entry]");
    assert!(receipt.attribute("data-entry").unwrap().parse::<u64>().is_ok());
}

fn check_viewer(browser: &Browser) {
    let picture = browser.find("img[data-page]");
    patiently("the page picture", || {
        (picture.property("naturalWidth").as_u64()? > 0).then_some(())
    });
    let [left, top, right, bottom] = picture.edges();
    assert!(right > left && bottom > top);
    let highlights = browser.all("[data-highlight]");
    assert!(!highlights.is_empty());
    for highlight in &highlights {
        let [x0, y0, x1, y1] = highlight.edges();
        assert!(x1 > x0 && y1 > y0, "a highlight that nobody sees");
        let inside = x0 >= left - 1.0 && x1 <= right + 1.0 && y0 >= top - 1.0 && y1 <= bottom + 1.0;
        assert!(inside, "{:?} is not inside {:?}", [x0, y0, x1, y1], [left, top, right, bottom]);
    }
}

fn ask_and_open_the_source() {
    let app = TestApp::corpus();
    let server = serve(&app);
    let browser = Browser::start(Scripts::Run);
    sign_in(&browser, &server, "staff");
    browser.find("#question").type_text(ANSWERABLE);
    browser.find("[data-ask] button[type=submit]").click();
    browser.find_shown("[data-progress] [data-phase]");
    browser.find_shown("[data-answer] [data-slot=receipt]");
    assert!(browser.all("[data-phase][data-done]").len() > 2, "phases are ticked off");
    check_sentences(&browser);
    assert!(browser.address().contains("/ask/"), "the answer has an address of its own");
    assert_eq!(record::of_kind(&app.open().log, "answer.released").len(), 1);

    browser.find("[data-citation]").click();
    browser.find("[data-viewer]");
    check_viewer(&browser);
    assert!(!record::of_kind(&app.open().log, "document.viewed").is_empty());
}

fn ask_in_vain() {
    let app = TestApp::corpus();
    let server = serve(&app);
    let browser = Browser::start(Scripts::Run);
    sign_in(&browser, &server, "staff");
    ask(&browser, UNANSWERABLE);
    assert_eq!(browser.find("[data-answer]").attribute("data-outcome").unwrap(), "refused");
    assert!(browser.find("[data-no-answer]").is_shown());
    assert!(browser.all("[data-answer] [data-verdict]").is_empty());
}

fn audit() {
    let app = TestApp::empty();
    app.ask("staff", UNANSWERABLE);
    let server = serve(&app);
    let browser = Browser::start(Scripts::Run);
    sign_in(&browser, &server, "auditor");
    browser.open(&format!("{}/audit?type=query.refused", server.url));
    let entries = browser.all("table.entries a[data-entry]");
    assert_eq!(entries.len(), 1);
    let index = entries[0].attribute("data-entry").unwrap();
    entries[0].click();
    let section = browser.find("section[data-entry]");
    assert_eq!(section.attribute("data-entry"), Some(index.clone()));
    let canonical = browser.find("[data-canonical]").text();
    let entry: serde_json::Value = serde_json::from_str(&canonical).unwrap();
    assert_eq!(entry["type"], "query.refused");

    browser.open(&format!("{}/audit", server.url));
    browser.find("form[action='/audit/verify'] button").click();
    assert_eq!(browser.find("[data-verified]").attribute("data-verified").unwrap(), "true");
    assert!(!record::of_kind(&app.open().log, "audit.read").is_empty());
}

fn administrate() {
    let app = TestApp::empty();
    let server = serve(&app);
    let browser = Browser::start(Scripts::Run);
    sign_in(&browser, &server, "admin");
    browser.open(&format!("{}/admin/policies", server.url));
    let text = browser.find("main").text();
    assert!(text.contains("general") && text.contains("documents.cedar"), "{text}");
    browser.open(&format!("{}/admin/accounts", server.url));
    let text = browser.find("main").text();
    for name in ["admin", "approver", "auditor", "outsider", "records", "staff"] {
        assert!(text.contains(name), "{name}: {text}");
    }
    assert!(!text.contains("$argon2"));
    browser.open(&format!("{}/admin/models", server.url));
    assert!(browser.find("main").text().to_lowercase().contains("encoder"));
    browser.open(&format!("{}/admin/system", server.url));
    assert!(browser.title().starts_with("System"), "{}", browser.title());
}

fn keyboard_alone() {
    let app = TestApp::corpus();
    let server = serve(&app);
    let browser = Browser::start(Scripts::Run);
    browser.open(&format!("{}/sign-in", server.url));
    assert_eq!(browser.focus(), "username", "the first field has the focus");
    browser.press("staff");
    browser.press(&TAB.to_string());
    assert_eq!(browser.focus(), "password");
    browser.press(PASSWORD);
    browser.press(&ENTER.to_string());
    browser.find(".person");
    if !browser.address().ends_with("/ask") {
        browser.open(&format!("{}/ask", server.url));
    }
    patiently("the focus on the question", || (browser.focus() == "question").then_some(()));
    browser.press(ANSWERABLE);
    browser.press(&ENTER.to_string());
    browser.find_shown("[data-answer] [data-slot=receipt]");
    check_sentences(&browser);
}

fn without_scripts() {
    let app = TestApp::corpus();
    let server = serve(&app);
    let browser = Browser::start(Scripts::Blocked);
    sign_in(&browser, &server, "staff");
    browser.open(&format!("{}/ask", server.url));
    ask(&browser, ANSWERABLE);
    check_sentences(&browser);
    let streamed = browser.all("[data-streamed]").len();
    assert_eq!(streamed, 0, "the page was rendered by the server");
    browser.find("[data-citation]").click();
    browser.find("[data-viewer]");
    check_viewer(&browser);
    browser.open(&format!("{}/documents", server.url));
    assert!(browser.find("main").text().contains("Privacy Manual"));
    browser.find("form[action='/sign-out'] button").click();
    browser.find("#username");
}

fn wrong_password() {
    let app = TestApp::empty();
    let server = serve(&app);
    let browser = Browser::start(Scripts::Run);
    browser.open(&format!("{}/sign-in", server.url));
    browser.find("#username").type_text("staff");
    browser.find("#password").type_text("not the password");
    browser.find("main button[type=submit]").click();
    assert!(browser.find("[role=alert]").is_shown());
    assert_eq!(browser.find("#username").property("value"), "staff");
    assert_eq!(browser.find("#password").property("value"), "");
    assert_eq!(record::of_kind(&app.open().log, "session.failed").len(), 1);
}

fn forbidden() {
    let app = TestApp::empty();
    let server = serve(&app);
    let browser = Browser::start(Scripts::Run);
    browser.open(&format!("{}/audit", server.url));
    browser.find("#username");
    assert!(browser.address().contains("next="), "strangers are led back after the door");
    sign_in(&browser, &server, "staff");
    for path in ["/audit", "/audit/0", "/admin/policies", "/admin/accounts"] {
        browser.open(&format!("{}{path}", server.url));
        let text = browser.find("main").text();
        assert!(text.contains("policy does not allow"), "{path}: {text}");
        let ids = browser.all("main code");
        let is_id = |element: &Element<'_>| element.text().len() == 36;
        assert!(ids.iter().any(is_id), "{path}: the id of the request is shown");
    }
    browser.open(&format!("{}/nowhere", server.url));
    assert!(!browser.find("main").text().is_empty());
}

fn hostile_title() {
    let app = TestApp::empty();
    let title = "<script>document.title='owned'</script><b id=owned>Ledger";
    let text = format!("# {title}\n\nNineteen lanterns hang in the harbour office.\n");
    assert_eq!(app.ingest_text("ledger.md", &text).indexed, 1);
    let server = serve(&app);
    let browser = Browser::start(Scripts::Run);
    sign_in(&browser, &server, "staff");
    browser.open(&format!("{}/ask", server.url));
    ask(&browser, "How many lanterns hang in the harbour office?");
    assert!(browser.all("#owned").is_empty() && browser.title() != "owned");
    browser.open(&format!("{}/documents", server.url));
    assert!(browser.find("main").text().contains("Ledger"));
    assert!(browser.all("#owned").is_empty() && browser.title() != "owned");
}

/// The provider is another site, and asks on a page of its own: cookies come along only where they
/// should, and a page of ours leads on to where the person was going.
fn sign_on_through_the_provider() {
    let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let provider = Provider::start_for(&format!("https://{listen}"));
    provider.set(&json!({ "asks": true, "groups": { "ada": ["all"] } }));
    let app = provider.home();
    let (cert, key) = app.open().home.tls();
    let server = app.serve_at(listen, &Tls::Files { cert, key });
    for scripts in [Scripts::Run, Scripts::Blocked] {
        let browser = Browser::start(scripts);
        browser.open(&format!("{}/questions", server.url));
        browser.find("a.button[href^='/sign-in/openid']").click();
        browser.find("form[method=post] button:not(.main)").click();
        let person = browser.find(".person bdi");
        assert_eq!(person.text(), "ada");
        assert!(browser.address().ends_with("/questions"), "{}", browser.address());
        browser.find(".person button").click();
        let leave = browser.find("[role=status] a").attribute("href").unwrap();
        assert!(leave.starts_with(&format!("{}/session/end", provider.issuer)), "{leave}");
    }
}
