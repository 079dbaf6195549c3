//! What administrators look after: accounts, models, the machine.

use askama::Template;

use super::frame::{Frame, Moment};

/// `GET /admin/accounts`.
#[derive(Template)]
#[template(path = "accounts.html")]
pub struct AccountsPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Every account.
    pub accounts: Vec<AccountLine>,
}

/// One account.
#[derive(Clone, Debug)]
pub struct AccountLine {
    /// Its name.
    pub name: String,
    /// Its roles.
    pub roles: Vec<String>,
    /// Its attributes.
    pub attributes: Vec<(String, String)>,
    /// Whether it can sign in.
    pub is_active: bool,
    /// When it was made.
    pub created: Moment,
}

/// `GET /admin/models`.
#[derive(Template)]
#[template(path = "models.html")]
pub struct ModelsPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Every model on this machine.
    pub models: Vec<ModelLine>,
}

/// One model.
#[derive(Clone, Debug)]
pub struct ModelLine {
    /// Its id.
    pub id: String,
    /// `encoder`, `generator` or `reranker`.
    pub role: String,
    /// Digest of its graph.
    pub sha256: String,
    /// Where it came from.
    pub source: String,
    /// How its weights are stored.
    pub quantization: String,
    /// Whether answers use it.
    pub is_active: bool,
}

/// `GET /admin/system`.
#[derive(Template)]
#[template(path = "system.html")]
pub struct SystemPage {
    /// What surrounds it.
    pub frame: Frame,
    /// Version of the program.
    pub version: String,
    /// Version of ONNX Runtime.
    pub runtime: String,
    /// How many entries the log has.
    pub log_size: u64,
    /// How many documents are searchable.
    pub documents: u64,
    /// How many passages are indexed.
    pub passages: u64,
    /// The checks, as `doctor` runs them.
    pub checks: Vec<CheckLine>,
    /// The models in use.
    pub models: Vec<ModelLine>,
}

impl SystemPage {
    /// How many checks failed.
    pub fn failed(&self) -> usize {
        self.checks.iter().filter(|check| !check.ok).count()
    }
}

/// One check.
#[derive(Clone, Debug)]
pub struct CheckLine {
    /// What is checked.
    pub name: String,
    /// Whether it is well.
    pub ok: bool,
    /// What was found.
    pub detail: String,
    /// What to do about it.
    pub advice: Option<String>,
}
