//! A small HTTP client that shows every reply as it came.

use std::io::Read;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::HeaderMap;

use super::PASSWORD;

/// Replies larger than this are a fault.
const BODY_BYTES_MAX: u64 = 64 << 20;

/// A client of one server.
#[derive(Clone)]
pub(crate) struct Client {
    agent: Agent,
    base: String,
    /// Headers of every request.
    pub(crate) headers: Vec<(String, String)>,
}

/// A reply, whatever its status.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// One server-sent event.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) name: String,
    pub(crate) data: Value,
}

impl Client {
    pub(crate) fn new(base: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(180)));
        let agent = config.build().new_agent();
        Self { agent, base: base.to_owned(), headers: Vec::new() }
    }

    /// Shows a bearer token from now on.
    pub(crate) fn with_token(mut self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"));
        self
    }

    /// Sends a header from now on.
    pub(crate) fn header(&mut self, name: &str, value: &str) {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// Opens a session, and shows its cookie and cross-site token from now on.
    pub(crate) fn sign_in(&mut self, name: &str) -> Reply {
        let body = json!({ "username": name, "password": PASSWORD });
        let reply = self.post("/api/v1/session", &body);
        assert_eq!(reply.status, 201, "{}", reply.text());
        let cookie = reply.header("set-cookie");
        self.header("Cookie", cookie.split(';').next().unwrap());
        self.header("X-CSRF-Token", reply.json()["csrf"].as_str().unwrap());
        reply
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send("GET", path, "", Vec::new())
    }

    pub(crate) fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, "", Vec::new())
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, "application/json", body.to_string().into_bytes())
    }

    /// Asks for a quotation.
    pub(crate) fn ask(&self, question: &str) -> Reply {
        self.post("/api/v1/queries", &json!({ "question": question, "mode": "verbatim" }))
    }

    /// [`Self::get`], or nothing where the server is gone.
    pub(crate) fn try_get(&self, path: &str) -> Option<Reply> {
        self.try_send("GET", path, "", Vec::new())
    }

    /// [`Self::post`], or nothing where the server is gone.
    pub(crate) fn try_post(&self, path: &str, body: &Value) -> Option<Reply> {
        self.try_send("POST", path, "application/json", body.to_string().into_bytes())
    }

    /// Uploads files with labels.
    pub(crate) fn upload(&self, files: &[(&str, &[u8])], labels: &[&str]) -> Reply {
        self.try_upload(files, labels).expect("the server answers")
    }

    /// [`Self::upload`], or nothing where the server is gone.
    pub(crate) fn try_upload(&self, files: &[(&str, &[u8])], labels: &[&str]) -> Option<Reply> {
        const EDGE: &str = "edge-of-a-part-7f3a";
        let mut body = Vec::new();
        for (name, bytes) in files {
            let head = format!(
                "--{EDGE}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n"
            );
            body.extend([head.as_bytes(), bytes, b"\r\n"].concat());
        }
        for label in labels {
            let part = format!(
                "--{EDGE}\r\nContent-Disposition: form-data; name=\"label\"\r\n\r\n{label}\r\n"
            );
            body.extend(part.into_bytes());
        }
        body.extend(format!("--{EDGE}--\r\n").into_bytes());
        let kind = format!("multipart/form-data; boundary={EDGE}");
        self.try_send("POST", "/api/v1/documents", &kind, body)
    }

    /// Asks and reads the answer as events, up to the end.
    pub(crate) fn stream(&self, question: &Value) -> (Reply, Vec<Sent>) {
        let mut client = self.clone();
        client.header("Accept", "text/event-stream");
        let reply = client.post("/api/v1/queries", question);
        let events = events(&reply.text());
        (reply, events)
    }

    /// Asks, and leaves the events to be read.
    pub(crate) fn open_stream(&self, question: &Value) -> impl Read + use<> {
        let mut client = self.clone();
        client.header("Accept", "text/event-stream");
        let body = question.to_string().into_bytes();
        let response = client.request("POST", "/api/v1/queries", "application/json", body);
        response.unwrap().into_body().into_reader()
    }

    /// Sends a request with any method.
    pub(crate) fn send(&self, method: &str, path: &str, kind: &str, body: Vec<u8>) -> Reply {
        self.try_send(method, path, kind, body).expect("the server answers")
    }

    fn try_send(&self, method: &str, path: &str, kind: &str, body: Vec<u8>) -> Option<Reply> {
        let (head, mut body) = self.request(method, path, kind, body).ok()?.into_parts();
        let body = body.with_config().limit(BODY_BYTES_MAX).read_to_vec().ok()?;
        Some(Reply { status: head.status.as_u16(), headers: head.headers, body })
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: Vec<u8>,
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let mut request =
            ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if !kind.is_empty() {
            request = request.header("Content-Type", kind);
        }
        self.agent.run(request.body(body).unwrap())
    }
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The problem document, which must have this status and code.
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["code"], code);
        assert_eq!(problem["status"], status);
        problem
    }
}

/// Parses a whole event stream.
fn events(text: &str) -> Vec<Sent> {
    let blocks = text.split("\n\n").filter(|block| !block.trim().is_empty());
    blocks
        .map(|block| {
            let field = |name: &str| {
                block.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default()
            };
            let data = serde_json::from_str(field("data: ")).unwrap();
            Sent { name: field("event: ").to_owned(), data }
        })
        .collect()
}
