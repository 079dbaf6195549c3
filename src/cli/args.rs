//! The grammar of the command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::account_args::UserCommand;
use super::audit_args::AuditCommand;
use super::duty_args::{ChangesCommand, CredentialArgs, EraseArgs, HoldCommand};
use super::policy_args::PolicyCommand;
use super::standing_args::{EmergencyCommand, RelationshipsCommand};
use crate::domain::question::{InvalidScope, Scope};

/// Answers from regulated documents, with a record that others can check.
#[derive(Debug, Parser)]
#[command(name = "affiant", version, disable_help_subcommand = true)]
pub(super) struct Cli {
    /// Folder of the appliance; else $AFFIANT_HOME, else ./affiant-home.
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) home: Option<PathBuf>,
    /// Print one JSON object on stdout.
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Fetch ONNX Runtime and the default models, and build the model graphs.
    Provision(ProvisionArgs),
    /// Provision, make a demonstration home, take in the demo corpus, serve.
    Demo(DemoArgs),
    /// Make a home: keys, log, policies, the first administrator and approver.
    Init(InitArgs),
    /// Serve the API and the portal.
    Serve(ServeArgs),
    /// Accounts.
    #[command(subcommand)]
    User(UserCommand),
    /// Take in files or folders.
    Ingest(IngestArgs),
    /// The catalogue, and the text of documents.
    #[command(subcommand)]
    Documents(DocumentsCommand),
    /// Permitted passages for a query, without an answer.
    Search(SearchArgs),
    /// Answer a question.
    Ask(AskArgs),
    /// The record: verify, list, show, prove, export.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Policies: check, test.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Models: list.
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Ask the questions of a suite and measure.
    Evaluate(EvaluateArgs),
    /// Make the catalogue and the index anew, from the log and the vault.
    Rebuild,
    /// The queue of changes that need two persons.
    #[command(subcommand)]
    Changes(ChangesCommand),
    /// Holds: what must be neither deleted nor erased.
    #[command(subcommand)]
    Hold(HoldCommand),
    /// Who works on what, treats whom, and stands behind which wall.
    #[command(subcommand)]
    Relationships(RelationshipsCommand),
    /// Access in an emergency: open, close, review, list.
    #[command(subcommand)]
    Emergency(EmergencyCommand),
    /// How long documents must be kept, and from when on each may be erased.
    Retention {
        /// With this person's rights; else as the operator.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
    },
    /// Propose to erase a document, or all that belongs to a matter or patient.
    Erase(EraseArgs),
}

#[derive(Args, Debug)]
pub(super) struct ProvisionArgs {
    /// Take the wheels from this folder instead of the network.
    #[arg(long, value_name = "DIR")]
    pub(super) from: Option<PathBuf>,
    /// Also keep the wheels in this folder, to carry to a machine without a network.
    #[arg(long, value_name = "DIR")]
    pub(super) save: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct DemoArgs {
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDR")]
    pub(super) listen: Option<SocketAddr>,
    /// Print what was made and stop.
    #[arg(long)]
    pub(super) no_serve: bool,
}

#[derive(Args, Debug)]
pub(super) struct InitArgs {
    /// Name of the first administrator.
    #[arg(long, default_value = "admin")]
    pub(super) admin: String,
    /// Name of the first approver.
    #[arg(long, default_value = "approver")]
    pub(super) approver: String,
    /// Policy set to begin with: general, law or hospital.
    #[arg(long, default_value = "general", value_name = "SET")]
    pub(super) policies: String,
}

#[derive(Args, Debug)]
pub(super) struct ServeArgs {
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDR")]
    pub(super) listen: Option<SocketAddr>,
    /// Certificate chain, PEM.
    #[arg(long, value_name = "F", requires = "tls_key")]
    pub(super) tls_cert: Option<PathBuf>,
    /// Private key, PEM.
    #[arg(long, value_name = "F", requires = "tls_cert")]
    pub(super) tls_key: Option<PathBuf>,
    /// Serve plain HTTP: on loopback, or behind the configured proxy.
    #[arg(long, conflicts_with = "tls_cert")]
    pub(super) plain: bool,
}

#[derive(Args, Debug)]
pub(super) struct IngestArgs {
    /// Files or folders, taken in recursively.
    #[arg(required = true)]
    pub(super) paths: Vec<PathBuf>,
    /// A label of every document in this batch; repeat for several.
    #[arg(long, value_name = "K=V")]
    pub(super) label: Vec<String>,
    /// Password of encrypted files.
    #[arg(long)]
    pub(super) password: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum DocumentsCommand {
    /// Text and positions of one file; needs no home.
    Parse {
        /// The file.
        path: PathBuf,
        /// Its password.
        #[arg(long)]
        password: Option<String>,
    },
    /// Every document, or those that a person may see.
    List {
        #[command(flatten)]
        declared: ScopeArgs,
        /// With this person's rights.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
    },
    /// One document of the catalogue.
    Show {
        /// Its id.
        id: String,
        /// With this person's rights.
        #[arg(long = "as", value_name = "USER")]
        as_user: String,
    },
    /// Other labels for a document; nothing is embedded again. Those that only shut it are in effect
    /// at once; what may open it to others is proposed, for a second person to approve.
    Label {
        /// Its id.
        id: String,
        /// `KEY=VALUE` sets a label, `KEY=` takes it away; the others stay.
        #[arg(required = true, value_name = "KEY=VALUE")]
        labels: Vec<String>,
        /// With this person's rights.
        #[arg(long = "as", value_name = "USER")]
        as_user: String,
        /// Why, where they open it to others.
        #[arg(long, value_name = "R")]
        reason: Option<String>,
        #[command(flatten)]
        credential: CredentialArgs,
    },
    /// The stored text of its pages, as spans count it.
    Pages {
        /// Its id.
        id: String,
        /// The question whose answer led to it: what was declared with it holds here too.
        #[arg(long, value_name = "ID")]
        query: Option<String>,
        #[command(flatten)]
        declared: ScopeArgs,
        /// With this person's rights.
        #[arg(long = "as", value_name = "USER")]
        as_user: String,
    },
    /// Take a document out of the catalogue and the index; its contents are kept until erased.
    Delete {
        /// Its id.
        id: String,
        /// With this person's rights.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum SearchMode {
    Hybrid,
    Lexical,
    Vector,
}

/// What is declared with a question or search.
#[derive(Args, Debug)]
pub(super) struct ScopeArgs {
    /// Why it is asked.
    #[arg(long)]
    pub(super) purpose: Option<String>,
    /// The matter it is asked in.
    #[arg(long)]
    pub(super) matter: Option<String>,
    /// The patient it is asked about.
    #[arg(long)]
    pub(super) patient: Option<String>,
}

impl ScopeArgs {
    /// What is declared, as policies and the log take it.
    pub(super) fn declared(self) -> Result<Scope, InvalidScope> {
        let Self { purpose, matter, patient } = self;
        Scope { purpose, matter, patient }.declared()
    }
}

#[derive(Args, Debug)]
pub(super) struct SearchArgs {
    /// What to look for.
    pub(super) query: String,
    /// With this person's rights.
    #[arg(long = "as", value_name = "USER")]
    pub(super) as_user: String,
    #[command(flatten)]
    pub(super) scope: ScopeArgs,
    /// Hits at most.
    #[arg(long, default_value_t = 10)]
    pub(super) top_k: u32,
    /// Which index.
    #[arg(long, value_enum, default_value = "hybrid")]
    pub(super) mode: SearchMode,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum AskMode {
    Auto,
    Verbatim,
    Grounded,
}

#[derive(Args, Debug)]
pub(super) struct AskArgs {
    /// The question.
    pub(super) question: String,
    /// With this person's rights.
    #[arg(long = "as", value_name = "USER")]
    pub(super) as_user: String,
    #[command(flatten)]
    pub(super) scope: ScopeArgs,
    /// How the answer may be worded.
    #[arg(long, value_enum, default_value = "auto")]
    pub(super) mode: AskMode,
    /// Passages of evidence at most.
    #[arg(long)]
    pub(super) top_k: Option<u32>,
}

#[derive(Debug, Subcommand)]
pub(super) enum ModelsCommand {
    /// The models in the per-user cache, with their digests.
    List,
}

#[derive(Args, Debug)]
pub(super) struct EvaluateArgs {
    /// The suite: JSON lines.
    pub(super) suite: PathBuf,
    /// With this person's rights.
    #[arg(long = "as", value_name = "USER")]
    pub(super) as_user: Option<String>,
    /// Measure retrieval alone.
    #[arg(long)]
    pub(super) retrieval_only: bool,
    /// How answers may be worded.
    #[arg(long, value_enum, default_value = "auto")]
    pub(super) mode: AskMode,
}
