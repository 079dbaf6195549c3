//! What a command prints, and the exit status it ends with.

use serde_json::{Value, json};

use crate::answer::{AnswerError, ReadError, ReplayError};
use crate::app::{HomeInUse, NoHome, PoliciesEdited};
use crate::audit::{
    AnchorError, AppendError, KeyChangeError, OpenError, ReadError as LogReadError, RoundError,
};
use crate::config::ConfigError;
use crate::document::SandboxError;
use crate::examine::ExamineError;
use crate::govern::{EnterError, GovernError};
use crate::identity::{AccountError, SignInError};
use crate::ingest::IngestError;
use crate::models::ProvisionError;

/// Exit codes of every command; README lists them.
pub(super) mod exit {
    pub(in crate::cli) const DONE: u8 = 0;
    pub(in crate::cli) const CHECK_FAILED: u8 = 1;
    pub(in crate::cli) const USAGE: u8 = 2;
    pub(in crate::cli) const PARTLY: u8 = 3;
    pub(in crate::cli) const DENIED: u8 = 4;
    pub(in crate::cli) const UNAVAILABLE: u8 = 5;
}

/// What a command came to.
pub(super) struct Reply {
    /// For `--json`.
    pub(super) value: Value,
    /// For people.
    pub(super) text: String,
    pub(super) exit: u8,
}

impl Reply {
    pub(super) fn done(value: Value, text: impl Into<String>) -> Self {
        Self { value, text: text.into(), exit: exit::DONE }
    }

    /// A command that announced its result while it ran.
    pub(super) fn silent() -> Self {
        Self::done(Value::Null, "")
    }

    #[must_use]
    pub(super) fn with_exit(self, exit: u8) -> Self {
        Self { exit, ..self }
    }

    pub(super) fn render(&self, as_json: bool) -> String {
        if self.value.is_null() {
            String::new()
        } else if as_json {
            format!("{}\n", self.value)
        } else {
            with_newline(&self.text)
        }
    }
}

/// A command that failed: what, why, and what to do.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) code: &'static str,
    pub(super) detail: String,
    pub(super) remedy: &'static str,
    pub(super) exit: u8,
}

impl Failure {
    pub(super) fn usage(detail: impl Into<String>) -> Self {
        let remedy = "correct the command; `affiant --help` lists the options";
        Self { code: "usage", detail: detail.into(), remedy, exit: exit::USAGE }
    }

    pub(super) fn denied(detail: impl Into<String>) -> Self {
        let remedy = "ask an administrator for the right";
        Self { code: "denied", detail: detail.into(), remedy, exit: exit::DENIED }
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        let remedy = "check the id, and whose rights you use";
        Self { code: "not_found", detail: detail.into(), remedy, exit: exit::USAGE }
    }

    pub(super) fn render(&self, as_json: bool) -> String {
        if as_json {
            let error = json!({ "code": self.code, "detail": self.detail, "remedy": self.remedy });
            format!("{}\n", json!({ "error": error }))
        } else {
            format!("affiant: {}\n  {}\n", self.detail, self.remedy)
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let detail = format!("{error:#}");
        let (code, remedy, exit) = classify(&error);
        Self { code, detail, remedy, exit }
    }
}

macro_rules! failure_from {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                anyhow::Error::from(error).into()
            }
        }
    )*};
}

failure_from!(
    AnswerError,
    ReadError,
    AppendError,
    ConfigError,
    EnterError,
    ExamineError,
    GovernError,
    KeyChangeError,
    IngestError,
    SandboxError,
    std::io::Error,
    crate::evaluate::EvaluateError,
    crate::evaluate::SuiteError,
    crate::domain::access::InvalidLabel,
    crate::domain::question::InvalidQuestion,
    crate::domain::question::InvalidScope,
    crate::domain::reason::InvalidReason,
    crate::domain::principal::InvalidUserName,
    crate::domain::principal::InvalidRole,
    crate::domain::clock::InvalidTimestamp,
    crate::domain::emergency::InvalidOutcome,
    crate::domain::relationship::InvalidSourceName,
    crate::domain::digest::InvalidDigest,
    crate::examine::InvalidFormat,
    AccountError,
    crate::store::StateError,
);

/// Code, remedy and exit status of an error, by the kinds that callers act on.
fn classify(error: &anyhow::Error) -> (&'static str, &'static str, u8) {
    if error.is::<HomeInUse>() {
        ("locked", "stop the other process, or use its server", exit::UNAVAILABLE)
    } else if error.is::<NoHome>() {
        ("no_home", "run `affiant init`, or name the home with --home", exit::USAGE)
    } else if error.is::<PoliciesEdited>() {
        (
            "policies_edited",
            "move the folder away and start again, which writes the version in force anew; then \
             propose yours with `affiant policy propose DIR --as USER`",
            exit::UNAVAILABLE,
        )
    } else if error.is::<ConfigError>() {
        ("configuration", "correct every field that is named", exit::USAGE)
    } else if let Some(AnchorError::Token(_) | AnchorError::Kept { .. }) = error.downcast_ref() {
        ("timestamp_refused", "ask the authority again, with a new request", exit::CHECK_FAILED)
    } else if error.chain().any(is_disagreement) {
        (
            "witness_disagrees",
            "put back the newest backup of this home; where the witness is at fault, take it out \
             of witness.policy_file",
            exit::UNAVAILABLE,
        )
    } else if let Some(refused) = error.chain().find_map(|cause| cause.downcast_ref()) {
        unrecorded(refused)
    } else if error.chain().any(<dyn std::error::Error>::is::<OpenError>) {
        ("log_unavailable", "do what the message says, then run it again", exit::UNAVAILABLE)
    } else if error.chain().any(<dyn std::error::Error>::is::<ProvisionError>) {
        (
            "models_unavailable",
            "run `affiant provision`, or `affiant provision --from DIR` without a network",
            exit::UNAVAILABLE,
        )
    } else if let Some(IngestError::Lacking { .. }) = error.downcast_ref() {
        ("index_incomplete", "run `affiant rebuild` while no server runs", exit::UNAVAILABLE)
    } else if let Some(error) = error.downcast_ref::<GovernError>() {
        governed(error)
    } else if let Some(EnterError::SignIn(error)) = error.downcast_ref() {
        not_believed(error)
    } else if let Some(ExamineError::Denied(_)) = error.downcast_ref() {
        ("denied", "ask an administrator for the right", exit::DENIED)
    } else if let Some(crate::evaluate::EvaluateError::Denied { .. }) = error.downcast_ref() {
        ("denied", "ask an administrator for the right", exit::DENIED)
    } else if let Some(ReadError::NotFound) = error.downcast_ref() {
        ("not_found", "check the id, and whose rights you use", exit::USAGE)
    } else if is_usage(error) {
        ("usage", "correct what is named", exit::USAGE)
    } else {
        ("unavailable", "see the message; the operator's log has more", exit::UNAVAILABLE)
    }
}

/// The same for what `govern` refuses.
const fn governed(error: &GovernError) -> (&'static str, &'static str, u8) {
    match error {
        GovernError::SignIn(error) => not_believed(error),
        GovernError::Denied(_) => ("denied", "ask an administrator for the right", exit::DENIED),
        GovernError::NeedsApproval { .. }
        | GovernError::OwnAccess { .. }
        | GovernError::TwoPersons
        | GovernError::LastOne { .. }
        | GovernError::OperatorOnly { .. } => ("denied", "do what the message says", exit::DENIED),
        GovernError::OwnProposal { .. } => {
            ("denied", "let a second person approve it", exit::DENIED)
        }
        GovernError::OwnEmergency { .. } => {
            ("denied", "let a second person review it", exit::DENIED)
        }
        GovernError::OwnWall { .. } => ("denied", "leave it to two others", exit::DENIED),
        GovernError::NoNote => ("usage", "leave out --note", exit::USAGE),
        GovernError::BadLines { .. } => {
            ("bad_lines", "correct the lines that are named, then run it again", exit::USAGE)
        }
        GovernError::BadName { .. }
        | GovernError::BadLength { .. }
        | GovernError::EndsInThePast
        | GovernError::NotHeeded { .. }
        | GovernError::NotAGrant => ("usage", "correct what is named", exit::USAGE),
        GovernError::AlreadyOpen { .. } | GovernError::TooManyOpen => {
            ("already_open", "see `affiant emergency list`", exit::USAGE)
        }
        GovernError::Held { .. } => ("held", "see `affiant hold list`", exit::DENIED),
        GovernError::TooYoung { .. } => ("too_young", "see `affiant retention`", exit::DENIED),
        GovernError::NotFound { .. } => {
            ("not_found", "check the id or name, and whose rights you use", exit::USAGE)
        }
        GovernError::Stale => ("stale", "see `affiant documents show`", exit::USAGE),
        GovernError::NotOpen { .. } => ("not_open", "see how far it is with `list`", exit::USAGE),
        GovernError::Faulty { .. } => {
            ("policy_problems", "correct every file that is named", exit::CHECK_FAILED)
        }
        GovernError::InForce => ("in_force", "see `affiant policy versions`", exit::USAGE),
        GovernError::Outdated => {
            ("outdated", "propose the policies again with `affiant policy propose`", exit::USAGE)
        }
        GovernError::Account(_) | GovernError::Label(_) => {
            ("usage", "correct what is named", exit::USAGE)
        }
        GovernError::NotRecorded(_) | GovernError::CutOff(_) => (
            "log_unavailable",
            "free disk space, then run `affiant audit verify`",
            exit::UNAVAILABLE,
        ),
        GovernError::Simulate(_)
        | GovernError::Reveal(_)
        | GovernError::Io(_)
        | GovernError::Interrupted
        | GovernError::Left { .. }
        | GovernError::Read(_)
        | GovernError::Catalogue(_)
        | GovernError::State(_)
        | GovernError::Vault(_)
        | GovernError::Index(_) => {
            ("unavailable", "see the message; the operator's log has more", exit::UNAVAILABLE)
        }
    }
}

/// The same for somebody who is not believed to be who they say, or not for this.
const fn not_believed(error: &SignInError) -> (&'static str, &'static str, u8) {
    match error {
        SignInError::State(_) => {
            ("unavailable", "see the message; the operator's log has more", exit::UNAVAILABLE)
        }
        SignInError::Busy => ("busy", "run it again in a moment", exit::UNAVAILABLE),
        SignInError::TooMany { .. } => {
            ("too_many_attempts", "wait as long as the message says", exit::DENIED)
        }
        SignInError::Wrong { .. } | SignInError::ConfirmFirst => (
            "sign_in_failed",
            "show this person's own password or token, with --code where they have a second factor",
            exit::DENIED,
        ),
        SignInError::NotOwn { .. }
        | SignInError::TokenNotOwn
        | SignInError::ResetLately { .. }
        | SignInError::EnrolFirst => {
            ("account_incomplete", "do what the message says, then run it again", exit::DENIED)
        }
    }
}

/// What to do where the log took no entry.
const fn unrecorded(refused: &AppendError) -> (&'static str, &'static str, u8) {
    let remedy = match refused {
        AppendError::Busy => "run it again in a few seconds",
        AppendError::Full => "free disk space, then run it again",
        AppendError::NotDurable { .. } | AppendError::Halted { .. } => {
            "do what the message says, then run it again"
        }
        AppendError::TooLarge { .. } | AppendError::Invalid => {
            return ("usage", "make what is to be recorded smaller", exit::USAGE);
        }
    };
    ("log_unavailable", remedy, exit::UNAVAILABLE)
}

/// Whether a witness has seen another history of the log, now or when it stopped the log.
fn is_disagreement(cause: &(dyn std::error::Error + 'static)) -> bool {
    matches!(cause.downcast_ref(), Some(RoundError::Disagreement(_)))
        || matches!(cause.downcast_ref(), Some(AppendError::Halted { .. }))
}

fn is_usage(error: &anyhow::Error) -> bool {
    error.is::<crate::domain::access::InvalidLabel>()
        || error.is::<crate::domain::question::InvalidQuestion>()
        || error.is::<crate::domain::question::InvalidScope>()
        || error.is::<crate::domain::reason::InvalidReason>()
        || error.is::<crate::domain::principal::InvalidUserName>()
        || error.is::<crate::domain::principal::InvalidRole>()
        || error.is::<crate::domain::clock::InvalidTimestamp>()
        || error.is::<crate::domain::digest::InvalidDigest>()
        || error.is::<crate::domain::emergency::InvalidOutcome>()
        || error.is::<crate::domain::relationship::InvalidSourceName>()
        || error.is::<crate::examine::InvalidFormat>()
        || error.is::<crate::evaluate::SuiteError>()
        || error.downcast_ref().is_some_and(is_callers_account_error)
        || matches!(error.downcast_ref(), Some(KeyChangeError::Overlap | KeyChangeError::Single))
        || matches!(error.downcast_ref(), Some(IngestError::Source { .. }))
        || matches!(
            error.downcast_ref(),
            Some(
                ExamineError::Read(LogReadError::NotFound { .. })
                    | ExamineError::Request(_)
                    | ExamineError::NoContents { .. }
            )
        )
        || matches!(
            error.downcast_ref(),
            Some(ExamineError::Replay(
                ReplayError::NotAnAnswer { .. }
                    | ReplayError::Unfinished { .. }
                    | ReplayError::Read(_)
            ))
        )
}

/// Hashing and the state are the appliance's business.
fn is_callers_account_error(error: &AccountError) -> bool {
    !matches!(error, AccountError::State(_) | AccountError::Hash(_))
}

fn with_newline(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}
