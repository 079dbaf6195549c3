//! One function a command: one use case, rendered for people and as JSON.

mod accounts;
mod ask;
mod audit;
mod changes;
mod credentials;
mod demo;
mod demo_corpus;
mod documents;
mod duties;
mod emergencies;
mod evaluate;
mod home;
mod keys;
mod models;
mod policy;
mod proofs;
mod relationships;
mod reports;
mod timestamp;
mod witness;

use super::args::{Command, DocumentsCommand};
use super::audit_args::AuditCommand;
use super::context::Context;
use super::policy_args::PolicyCommand;
use super::reply::{Failure, Reply};

/// Whether a command reads or writes a home that a server may have open.
pub(super) fn needs_home(command: &Command) -> bool {
    match command {
        Command::Provision(_) | Command::Demo(_) | Command::Init(_) => false,
        // These open the home themselves, and say so where a server has it.
        Command::Serve(_) | Command::Rebuild => false,
        Command::Documents(DocumentsCommand::Parse { .. }) | Command::Models(_) => false,
        Command::Audit(AuditCommand::Verify(arguments)) => arguments.log.is_none(),
        Command::Audit(
            AuditCommand::Inventory | AuditCommand::Witness(_) | AuditCommand::CheckProof(_),
        ) => false,
        Command::Policy(
            PolicyCommand::Check { .. } | PolicyCommand::Test { .. } | PolicyCommand::Matrix { .. },
        ) => false,
        Command::Policy(_)
        | Command::User(_)
        | Command::Ingest(_)
        | Command::Documents(_)
        | Command::Search(_)
        | Command::Ask(_)
        | Command::Audit(_)
        | Command::Changes(_)
        | Command::Hold(_)
        | Command::Relationships(_)
        | Command::Emergency(_)
        | Command::Retention { .. }
        | Command::Erase(_)
        | Command::Evaluate(_) => true,
    }
}

/// Runs a command.
pub(super) fn execute(context: &mut Context<'_>, command: Command) -> Result<Reply, Failure> {
    match command {
        Command::Provision(args) => models::provision(context, &args),
        Command::Demo(args) => demo::demo(context, &args),
        Command::Init(args) => home::init(context, &args),
        Command::Serve(args) => home::serve(context, &args),
        Command::User(command) => accounts::user(context, command),
        Command::Ingest(args) => documents::ingest(context, &args),
        Command::Documents(command) => documents::documents(context, command),
        Command::Search(args) => ask::search(context, args),
        Command::Ask(args) => ask::ask(context, args),
        Command::Audit(command) => audit::audit(context, command),
        Command::Policy(command) => policy::policy(context, command),
        Command::Models(_) => models::list(context),
        Command::Evaluate(args) => evaluate::evaluate(context, &args),
        Command::Rebuild => home::rebuild(context),
        Command::Changes(command) => changes::changes(context, command),
        Command::Hold(command) => duties::hold(context, command),
        Command::Relationships(command) => relationships::relationships(context, command),
        Command::Emergency(command) => emergencies::emergency(context, command),
        Command::Retention { as_user } => duties::retention(context, as_user.as_deref()),
        Command::Erase(args) => duties::erase(context, args),
    }
}
