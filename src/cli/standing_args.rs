//! The grammar of relationships and of access in an emergency.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::duty_args::CredentialArgs;

#[derive(Debug, Subcommand)]
pub(super) enum RelationshipsCommand {
    /// Put the relationships of a CSV file (person,kind,object,from,until) in place of those that
    /// its source gave before. Kinds: matter, patient, department, client, wall, barred, conflict.
    Import {
        /// The file.
        file: PathBuf,
        /// Whose relationships these are: an import replaces those of its source alone.
        #[arg(long, value_name = "NAME", default_value = "import")]
        source: String,
        /// Change nothing; tell what would change, and what each person would gain and lose.
        #[arg(long)]
        dry_run: bool,
        /// Who imports; else the operator.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
    },
    /// Every relationship, by person.
    List {
        /// Of this person alone.
        #[arg(long, value_name = "USER")]
        person: Option<String>,
        /// With this person's rights: who may manage relationships sees what they are with.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
    },
    /// Ethical walls, conflicts and barred records, one by one.
    #[command(subcommand)]
    Wall(WallCommand),
}

/// What keeps whom away from what.
#[derive(Args, Debug)]
pub(super) struct WallArgs {
    /// Who is kept away.
    #[arg(long, value_name = "USER")]
    pub(super) person: String,
    /// From this matter.
    #[arg(long, value_name = "M", required_unless_present_any = ["client", "patient"])]
    pub(super) matter: Option<String>,
    /// From all that belongs to this client.
    #[arg(long, value_name = "C", conflicts_with = "matter")]
    pub(super) client: Option<String>,
    /// From this patient: a spouse, a neighbour, themselves.
    #[arg(long, value_name = "P", conflicts_with_all = ["matter", "client"])]
    pub(super) patient: Option<String>,
    /// Why.
    #[arg(long, value_name = "R")]
    pub(super) reason: String,
}

#[derive(Debug, Subcommand)]
pub(super) enum WallCommand {
    /// Keep a person away, from now on.
    Add {
        #[command(flatten)]
        wall: WallArgs,
        /// When it ends by itself: RFC 3339, or the last day.
        #[arg(long, value_name = "T")]
        until: Option<String>,
        /// Who sets it; else the operator.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
    },
    /// Propose to end a wall, whoever set it.
    Remove {
        #[command(flatten)]
        wall: WallArgs,
        /// Who proposes it.
        #[arg(long = "as", value_name = "USER")]
        as_user: String,
        #[command(flatten)]
        credential: CredentialArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum EmergencyCommand {
    /// Open access to a matter or patient for a time; others are told, and it is reviewed.
    Open {
        /// A patient.
        #[arg(long, value_name = "P", required_unless_present = "matter")]
        patient: Option<String>,
        /// A matter.
        #[arg(long, value_name = "M", conflicts_with = "patient")]
        matter: Option<String>,
        /// Why.
        #[arg(long, value_name = "R")]
        reason: String,
        /// For how many minutes; else as long as is configured.
        #[arg(long, value_name = "N")]
        minutes: Option<u64>,
        /// Who opens it.
        #[arg(long = "as", value_name = "USER")]
        as_user: String,
        #[command(flatten)]
        credential: CredentialArgs,
    },
    /// End it before its time.
    Close {
        /// Its id.
        id: String,
        /// Who ends it: who opened it, or one who may review.
        #[arg(long = "as", value_name = "USER")]
        as_user: String,
        #[command(flatten)]
        credential: CredentialArgs,
    },
    /// Say what you think of somebody else's.
    Review {
        /// Its id.
        id: String,
        /// justified, unjustified or follow-up.
        #[arg(long, value_name = "O")]
        outcome: String,
        /// In your words.
        #[arg(long, value_name = "R")]
        note: Option<String>,
        /// Who reviews it.
        #[arg(long = "as", value_name = "USER")]
        as_user: String,
        #[command(flatten)]
        credential: CredentialArgs,
    },
    /// Every emergency: who, when, what was read, who reviewed it. Recorded.
    List {
        /// With this person's rights; who may not review sees their own.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
        /// Only those whose review is overdue.
        #[arg(long)]
        overdue: bool,
    },
}
