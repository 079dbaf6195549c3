//! The grammar of `affiant user …`.

use std::path::PathBuf;

use clap::Subcommand;

use super::duty_args::CredentialArgs;

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Create an account.
    Add {
        /// Its name, that no account ever had.
        name: String,
        /// staff, records-officer or auditor; repeat for several. A person gives staff alone.
        #[arg(long, required = true)]
        role: Vec<String>,
        /// An attribute; repeat for several, also of one key. The machine's operator gives them.
        #[arg(long, value_name = "K=V")]
        attr: Vec<String>,
        /// Read the password from standard input instead of generating one.
        #[arg(long)]
        password_stdin: bool,
        /// With this person's rights.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
    },
    /// Issue a bearer token for scripts. With this person's own credential it is theirs, and may
    /// confirm what they do; issued by the machine's operator it confirms nothing. Nobody else
    /// issues one.
    Token {
        /// The account.
        name: String,
        /// How long it holds: 30m, 1h, 7d.
        #[arg(long, default_value = "1h")]
        ttl: String,
        /// An action of the policy that it is limited to, or read; repeat for several.
        #[arg(long, value_name = "ACTION")]
        scope: Vec<String>,
        /// What to call it.
        #[arg(long, default_value = "")]
        label: String,
        /// With this person's rights.
        #[arg(long = "as", value_name = "USER", conflicts_with_all = ["token_file", "password_stdin"])]
        as_user: Option<String>,
        #[command(flatten)]
        credential: CredentialArgs,
    },
    /// The sessions and tokens of an account.
    Tokens {
        /// The account.
        name: String,
        /// With this person's rights.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
    },
    /// End a session or token at once.
    RevokeToken {
        /// The account.
        name: String,
        /// Its id; see `user tokens`.
        id: String,
        /// With this person's rights.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
    },
    /// End every session of an account at once; its scripts go on.
    SignOut {
        /// The account.
        name: String,
        /// With this person's rights.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
    },
    /// Change one's own password, or reset somebody else's to one that they must change.
    Password {
        /// The account.
        name: String,
        /// File with the new password, in its first line.
        #[arg(
            long,
            value_name = "F",
            required_unless_present = "reset",
            requires = "password_stdin"
        )]
        new_password_file: Option<PathBuf>,
        /// Generate a one-time password for somebody else.
        #[arg(long, conflicts_with_all = ["new_password_file", "password_stdin"])]
        reset: bool,
        /// With this person's rights.
        #[arg(long = "as", value_name = "USER", requires = "reset")]
        as_user: Option<String>,
        #[command(flatten)]
        credential: CredentialArgs,
    },
    /// One's own second factor: begin to enrol it, then confirm it with a code.
    Totp {
        /// The account.
        name: String,
        /// A code of the authenticator that is being enrolled: puts it in force.
        #[arg(long, value_name = "CODE")]
        confirm: Option<String>,
        /// Take the second factor away.
        #[arg(long, conflicts_with = "confirm")]
        remove: bool,
        /// Take somebody else's away, whose device is lost.
        #[arg(long, conflicts_with_all = ["confirm", "remove", "token_file", "password_stdin"])]
        reset: bool,
        /// With this person's rights.
        #[arg(long = "as", value_name = "USER", requires = "reset")]
        as_user: Option<String>,
        #[command(flatten)]
        credential: CredentialArgs,
    },
    /// Propose to give an account roles and attributes; a second person approves them.
    Grant {
        /// The account.
        name: String,
        /// A role; repeat for several.
        #[arg(long, required_unless_present = "attr")]
        role: Vec<String>,
        /// An attribute; repeat for several, also of one key.
        #[arg(long, value_name = "K=V")]
        attr: Vec<String>,
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
    List {
        /// With this person's rights.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
    },
    /// Take roles and attributes back that an account was given, at once.
    Revoke {
        /// The account.
        name: String,
        /// A role; repeat for several.
        #[arg(long, required_unless_present = "attr")]
        role: Vec<String>,
        /// An attribute; repeat for several, also of one key.
        #[arg(long, value_name = "K=V")]
        attr: Vec<String>,
        /// With this person's rights.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
    },
    /// End an account's access at once.
    Disable {
        /// The account.
        name: String,
        /// With this person's rights.
        #[arg(long = "as", value_name = "USER")]
        as_user: Option<String>,
    },
    /// Let a disabled account in again, with what it had. A person proposes it, for a second person
    /// to approve.
    Enable {
        /// The account.
        name: String,
        /// Who proposes it; without, the machine's operator does it.
        #[arg(long = "as", value_name = "USER", requires = "reason")]
        as_user: Option<String>,
        /// Why.
        #[arg(long, value_name = "R", requires = "as_user")]
        reason: Option<String>,
        #[command(flatten)]
        credential: CredentialArgs,
    },
}
