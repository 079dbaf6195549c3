//! The grammar of what needs two persons, and of proving who one is.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::account_args::UserCommand;
use super::args::{Command, DocumentsCommand};
use super::audit_args::AuditCommand;
use super::policy_args::{PolicyCommand, ProposerArgs};
use super::standing_args::{EmergencyCommand, RelationshipsCommand, WallCommand};

/// How somebody proves that they are the person named by `--as`.
#[derive(Args, Debug, Default)]
pub(super) struct CredentialArgs {
    /// File with a token that this person issued themselves.
    #[arg(long, value_name = "F")]
    pub(super) token_file: Option<PathBuf>,
    /// Read this person's own password from standard input.
    #[arg(long, conflicts_with = "token_file")]
    pub(super) password_stdin: bool,
    /// Code of this person's second factor, or a recovery code.
    #[arg(long, value_name = "CODE")]
    pub(super) code: Option<String>,
}

impl CredentialArgs {
    /// Whether anything is shown that proves who somebody is.
    pub(super) const fn is_there(&self) -> bool {
        self.token_file.is_some() || self.password_stdin
    }
}

/// What a hold or an erasure is about.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct TargetArgs {
    /// A document, by its id.
    #[arg(long, value_name = "ID")]
    pub(super) document: Option<String>,
    /// All that belongs to a matter.
    #[arg(long, value_name = "M")]
    pub(super) matter: Option<String>,
    /// All that belongs to a patient.
    #[arg(long, value_name = "P")]
    pub(super) patient: Option<String>,
    /// A person. A hold keeps all that they took in, asked and were told; an erasure, once their
    /// account is disabled, takes what they asked and were told, and their name.
    #[arg(long, value_name = "USER", visible_alias = "person")]
    pub(super) custodian: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct EraseArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// Who proposes it.
    #[arg(long = "as", value_name = "USER")]
    pub(super) as_user: String,
    /// On what basis; it outlives the erasure, so do not name what is erased.
    #[arg(long, value_name = "R")]
    pub(super) reason: String,
    #[command(flatten)]
    pub(super) credential: CredentialArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum ChangesCommand {
    /// Every change, oldest first.
    List {
        /// With this person's rights: who may propose or approve sees what changes name.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
    },
    /// One change.
    Show {
        /// Its id.
        id: String,
        /// With this person's rights.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
    },
    /// Approve a change that somebody else proposed, and put it into effect.
    Approve {
        /// Its id.
        id: String,
        /// Who approves.
        #[arg(long = "as", value_name = "USER")]
        as_user: String,
        #[command(flatten)]
        credential: CredentialArgs,
    },
    /// Reject a change, or withdraw one's own.
    Reject {
        /// Its id.
        id: String,
        /// Who rejects; withdrawing one's own takes no proof of who one is.
        #[arg(long = "as", value_name = "USER")]
        as_user: String,
        #[command(flatten)]
        credential: CredentialArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum HoldCommand {
    /// Keep something from being deleted or erased.
    Add {
        #[command(flatten)]
        target: TargetArgs,
        /// Who places it.
        #[arg(long = "as", value_name = "USER")]
        as_user: String,
        /// Why.
        #[arg(long, value_name = "R")]
        reason: String,
    },
    /// Propose that a hold ends.
    Release {
        /// Its id.
        id: String,
        /// Who proposes it.
        #[arg(long = "as", value_name = "USER")]
        as_user: String,
        /// Why.
        #[arg(long, value_name = "R")]
        reason: String,
        #[command(flatten)]
        credential: CredentialArgs,
    },
    /// Every hold.
    List {
        /// With this person's rights: who may manage holds sees what they keep, and why.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
    },
}

impl Command {
    /// Whether a secret is to be read from standard input.
    pub(super) fn reads_stdin(&self) -> bool {
        if let Self::User(UserCommand::Add { password_stdin, .. }) = self {
            return *password_stdin;
        }
        self.credential().is_some_and(|credential| credential.password_stdin)
    }

    fn credential(&self) -> Option<&CredentialArgs> {
        if let Self::Audit(AuditCommand::Show { credential, .. })
        | Self::Changes(
            ChangesCommand::Approve { credential, .. } | ChangesCommand::Reject { credential, .. },
        )
        | Self::Documents(DocumentsCommand::Label { credential, .. })
        | Self::Hold(HoldCommand::Release { credential, .. })
        | Self::Policy(
            PolicyCommand::Propose { proposer: ProposerArgs { credential, .. }, .. }
            | PolicyCommand::Rollback { proposer: ProposerArgs { credential, .. }, .. },
        )
        | Self::User(
            UserCommand::Grant { credential, .. }
            | UserCommand::Enable { credential, .. }
            | UserCommand::Token { credential, .. }
            | UserCommand::Password { credential, .. }
            | UserCommand::Totp { credential, .. },
        )
        | Self::Relationships(RelationshipsCommand::Wall(WallCommand::Remove {
            credential,
            ..
        }))
        | Self::Emergency(
            EmergencyCommand::Open { credential, .. }
            | EmergencyCommand::Close { credential, .. }
            | EmergencyCommand::Review { credential, .. },
        )
        | Self::Erase(EraseArgs { credential, .. }) = self
        {
            return Some(credential);
        }
        None
    }
}
