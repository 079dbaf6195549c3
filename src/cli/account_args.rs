//! The grammar of `affiant user …`.

use clap::Subcommand;

use super::duty_args::CredentialArgs;

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Create an account.
    Add {
        /// Its name.
        name: String,
        /// staff, records-officer or auditor; repeat for several.
        #[arg(long, required = true)]
        role: Vec<String>,
        /// An attribute; repeat for several, also of one key.
        #[arg(long, value_name = "K=V")]
        attr: Vec<String>,
        /// Read the password from standard input instead of generating one.
        #[arg(long)]
        password_stdin: bool,
    },
    /// Issue a bearer token for scripts.
    Token {
        /// The account.
        name: String,
        /// How long it holds: 30m, 1h, 7d.
        #[arg(long, default_value = "1h")]
        ttl: String,
    },
    /// Propose to give an account a role that administers, approves or keeps keys.
    Grant {
        /// The account.
        name: String,
        /// administrator, approver or key-custodian.
        #[arg(long)]
        role: String,
        /// Who proposes it.
        #[arg(long = "as", value_name = "USER")]
        as_user: String,
        /// Why.
        #[arg(long, value_name = "R")]
        reason: String,
        #[command(flatten)]
        credential: CredentialArgs,
    },
    /// Every account.
    List,
    /// End an account's access at once.
    Disable {
        /// The account.
        name: String,
    },
}
