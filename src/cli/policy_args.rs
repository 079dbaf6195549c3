//! The grammar of `affiant policy …`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::duty_args::CredentialArgs;
use crate::domain::limits::SIMULATED_DEFAULT;

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Load a policy folder and list every problem.
    Check {
        /// The folder; else the home's.
        dir: Option<PathBuf>,
    },
    /// Run the examples beside the policies.
    Test {
        /// The folder; else the home's.
        dir: Option<PathBuf>,
    },
    /// Who comes through which route, page and command by their role alone, as Markdown tables.
    Matrix {
        /// The folder; else the home's.
        dir: Option<PathBuf>,
    },
    /// Propose other policies: checked, run on their examples and on past questions, then in force
    /// once a second person approves.
    Propose {
        /// Their folder.
        dir: PathBuf,
        #[command(flatten)]
        proposer: ProposerArgs,
    },
    /// Propose to go back to an earlier version.
    Rollback {
        /// Its number, or the beginning of its digest.
        version: String,
        #[command(flatten)]
        proposer: ProposerArgs,
    },
    /// Run past questions again under other policies, and list what each would newly show or hide:
    /// for the people who asked them, as they stand now, over the documents as they are now.
    Simulate {
        /// The folder of those policies.
        #[arg(long, value_name = "DIR")]
        candidate: PathBuf,
        /// How many of the newest questions.
        #[arg(long, value_name = "N", default_value_t = SIMULATED_DEFAULT)]
        last: usize,
        /// With this person's rights; else as the operator.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
    },
    /// Why a person may see a document, or may not.
    Explain(ExplainArgs),
    /// Every version that was in force.
    Versions {
        /// With this person's rights; else as the operator.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
    },
    /// The files of a version, with a signed statement of what it is.
    Show {
        /// Its number, or the beginning of its digest.
        version: String,
        /// The folder to write them into.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// With this person's rights; else as the operator.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
    },
    /// What differs between two versions, as a unified diff.
    Diff {
        /// A version's number or digest, the id of a proposed change, or a folder.
        from: String,
        /// The same; else the version in force.
        to: Option<String>,
        /// With this person's rights; else as the operator.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
    },
}

#[derive(Args, Debug)]
pub(super) struct ProposerArgs {
    /// Who proposes it.
    #[arg(long = "as", value_name = "USER")]
    pub(super) as_user: String,
    /// Why.
    #[arg(long, value_name = "R", default_value = "no reason given")]
    pub(super) reason: String,
    #[command(flatten)]
    pub(super) credential: CredentialArgs,
}

#[derive(Args, Debug)]
pub(super) struct ExplainArgs {
    /// Whose view of the document.
    #[arg(long = "as", value_name = "USER")]
    pub(super) as_user: String,
    /// The document, by its id.
    #[arg(long, value_name = "ID")]
    pub(super) document: String,
    /// Who asks, with that person's rights; else the operator.
    #[arg(long, value_name = "USER")]
    pub(super) by: Option<String>,
    /// What the person would do with it.
    #[arg(long, value_enum, default_value = "ask")]
    pub(super) action: ReadingAction,
    /// A purpose that the person would declare.
    #[arg(long)]
    pub(super) purpose: Option<String>,
    /// A matter that the person would ask in.
    #[arg(long)]
    pub(super) matter: Option<String>,
    /// A patient that the person would ask about.
    #[arg(long)]
    pub(super) patient: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum ReadingAction {
    Ask,
    Search,
    View,
}
