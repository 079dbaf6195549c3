//! A small WebDriver client: W3C WebDriver is JSON over HTTP.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

use super::support::patiently;

/// The key under which WebDriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// Keys as WebDriver spells them.
pub(crate) const TAB: char = '\u{e004}';
pub(crate) const ENTER: char = '\u{e007}';

const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1000",
];

/// What is not installed, if anything.
pub(crate) fn missing() -> Option<String> {
    let absent = |names: &[&str]| names.iter().all(|name| program(name).is_none());
    let chromium = absent(&["chromium", "chromium-browser", "google-chrome"]);
    (chromium || absent(&["chromedriver"]))
        .then(|| "install chromium and chromedriver, and have them on the path".to_owned())
}

#[expect(clippy::disallowed_methods, reason = "programs are found where the shell finds them")]
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// What a browser may do.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Scripts {
    Run,
    Blocked,
}

/// One browser with an empty profile.
pub(crate) struct Browser {
    driver: Child,
    agent: Agent,
    session: String,
    _profile: TempDir,
}

/// An element of the page.
pub(crate) struct Element<'a> {
    browser: &'a Browser,
    id: String,
}

impl Browser {
    pub(crate) fn start(scripts: Scripts) -> Self {
        let mut driver = Command::new("chromedriver")
            .args(["--port=0", "--log-level=SEVERE"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, port) = line.split_once("started successfully on port ")?;
                port.trim_end_matches('.').parse::<u16>().ok()
            })
            .expect("chromedriver says on which port it listens");
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(120)));
        let agent = config.build().new_agent();
        let profile = TempDir::new().unwrap();
        let mut arguments = ARGUMENTS.map(str::to_owned).to_vec();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let mut options = json!({ "args": arguments });
        if scripts == Scripts::Blocked {
            options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
        }
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "acceptInsecureCerts": true,
            "goog:chromeOptions": options,
        }}});
        let base = format!("http://127.0.0.1:{port}/session");
        let mut browser = Self { driver, agent, session: base, _profile: profile };
        let session = browser.post("", &wanted);
        let id = session["sessionId"].as_str().expect("a session");
        browser.session = format!("{}/{id}", browser.session);
        browser
    }

    /// Opens an address and waits until it is loaded.
    pub(crate) fn open(&self, address: &str) {
        self.post("/url", &json!({ "url": address }));
    }

    pub(crate) fn address(&self) -> String {
        self.get("/url").as_str().unwrap().to_owned()
    }

    pub(crate) fn title(&self) -> String {
        self.get("/title").as_str().unwrap().to_owned()
    }

    /// The elements that a selector names now.
    pub(crate) fn all(&self, selector: &str) -> Vec<Element<'_>> {
        let by = json!({ "using": "css selector", "value": selector });
        let found = self.post("/elements", &by);
        let ids = found.as_array().unwrap().iter();
        ids.map(|id| Element { browser: self, id: id[ELEMENT].as_str().unwrap().to_owned() })
            .collect()
    }

    /// The first element that a selector names, as soon as there is one.
    pub(crate) fn find(&self, selector: &str) -> Element<'_> {
        patiently(selector, || self.all(selector).into_iter().next())
    }

    /// The first element that a selector names and that is shown, as soon as there is one.
    pub(crate) fn find_shown(&self, selector: &str) -> Element<'_> {
        patiently(selector, || self.all(selector).into_iter().find(Element::is_shown))
    }

    /// Presses keys one after the other, wherever the focus is.
    pub(crate) fn press(&self, keys: &str) {
        let strokes: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|way| json!({ "type": way, "value": key })))
            .collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": strokes });
        self.post("/actions", &json!({ "actions": [keyboard] }));
    }

    /// The id of the element that has the focus.
    pub(crate) fn focus(&self) -> String {
        let active = self.get("/element/active");
        let id = active[ELEMENT].as_str().unwrap().to_owned();
        Element { browser: self, id }.property("id").as_str().unwrap_or_default().to_owned()
    }

    fn get(&self, path: &str) -> Value {
        let mut reply = self.agent.get(format!("{}{path}", self.session)).call().unwrap();
        let body: Value = reply.body_mut().read_json().unwrap();
        assert!(reply.status().is_success(), "GET {path}: {body}");
        body["value"].clone()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let address = format!("{}{path}", self.session);
        let mut reply = self.agent.post(address).send_json(body).unwrap();
        let answer: Value = reply.body_mut().read_json().unwrap();
        assert!(reply.status().is_success(), "POST {path} {body}: {answer}");
        answer["value"].clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser; where that fails, ending its driver ends it too.
        drop(self.agent.delete(&self.session).call());
        self.driver.kill().unwrap();
        self.driver.wait().unwrap();
    }
}

impl Element<'_> {
    pub(crate) fn click(&self) {
        self.browser.post(&format!("/element/{}/click", self.id), &json!({}));
    }

    pub(crate) fn type_text(&self, text: &str) {
        self.browser.post(&format!("/element/{}/value", self.id), &json!({ "text": text }));
    }

    /// The text that people see.
    pub(crate) fn text(&self) -> String {
        self.ask("text").as_str().unwrap().to_owned()
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        self.ask(&format!("attribute/{name}")).as_str().map(str::to_owned)
    }

    pub(crate) fn property(&self, name: &str) -> Value {
        self.ask(&format!("property/{name}"))
    }

    pub(crate) fn is_shown(&self) -> bool {
        self.ask("displayed") == json!(true)
    }

    /// Left, top, right and bottom on the page.
    pub(crate) fn edges(&self) -> [f64; 4] {
        let rect = self.ask("rect");
        let of = |name: &str| rect[name].as_f64().unwrap();
        [of("x"), of("y"), of("x") + of("width"), of("y") + of("height")]
    }

    fn ask(&self, what: &str) -> Value {
        self.browser.get(&format!("/element/{}/{what}", self.id))
    }
}
