//! What each command asks of the person named by `--as`; `tests/it/doors/` holds every command to
//! its row.

use crate::policy::{Action, Door};

/// Whoever may decide or propose some change sees the queue.
const QUEUE: &[Action] =
    &[Action::Approve, Action::Erase, Action::ManageHolds, Action::ProposePolicies];

/// The commands.
pub(super) const COMMANDS: &[Door] = &[
    Door::machine("provision"),
    Door::machine("demo"),
    Door::machine("init"),
    Door::machine("serve"),
    Door::right("user add", &[Action::ManageAccounts]).or_operator(),
    Door::machine("user token").or_own(), // For others it is the operator who issues one.
    Door::right("user tokens", &[Action::ManageAccounts]).or_operator().or_own(),
    Door::right("user revoke-token", &[Action::ManageAccounts]).or_operator().or_own(),
    Door::right("user sign-out", &[Action::ManageAccounts]).or_operator().or_own(),
    Door::right("user password", &[Action::ManageAccounts]).or_operator().or_own(),
    Door::right("user totp", &[Action::ManageAccounts]).or_operator().or_own(),
    Door::right("user grant", &[Action::ManageAccounts]).with_proof(),
    Door::right("user list", &[Action::ManageAccounts]).or_operator(),
    Door::right("user revoke", &[Action::ManageAccounts]).or_operator(),
    Door::right("user disable", &[Action::ManageAccounts]).or_operator(),
    Door::right("user enable", &[Action::ManageAccounts]).or_operator().with_proof(),
    Door::machine("ingest"),
    Door::machine("documents parse"),
    Door::account("documents list").or_operator(),
    Door::right("documents show", &[Action::ViewPage, Action::ListDocuments]),
    Door::right("documents pages", &[Action::ViewPage]),
    Door::right("documents label", &[Action::LabelDocuments]),
    Door::right("documents delete", &[Action::DeleteDocuments]).or_operator(),
    Door::right("search", &[Action::Search]),
    Door::right("ask", &[Action::Ask]),
    Door::machine("audit verify"),
    Door::right("audit list", &[Action::ReadLog]).or_operator(),
    Door::right("audit show", &[Action::ReadLog]).or_operator(),
    Door::right("audit show --reveal", &[Action::Reveal]).with_proof(),
    Door::right("audit proof", &[Action::ReadLog]).or_operator(),
    Door::machine("audit check-proof"),
    Door::right("audit export", &[Action::ExportLog]).or_operator(),
    Door::right("audit timestamp", &[Action::ManageKeys]).or_operator(),
    Door::machine("audit witness"),
    Door::right("audit replay", &[Action::ReadLog]).or_operator(),
    Door::right("audit key list", &[Action::ManageKeys]).or_operator(),
    Door::right("audit key rotate", &[Action::ManageKeys]).or_operator(),
    Door::right("audit key retire", &[Action::ManageKeys]).or_operator(),
    Door::right("audit key compromised", &[Action::ManageKeys]).or_operator(),
    Door::machine("audit inventory"),
    Door::right("audit wall", &[Action::ExportLog]).or_operator(),
    Door::right("audit disclosures", &[Action::ExportLog]).or_operator(),
    Door::machine("policy check"),
    Door::machine("policy test"),
    Door::machine("policy matrix"),
    Door::right("policy propose", &[Action::ProposePolicies]),
    Door::right("policy rollback", &[Action::ProposePolicies]),
    Door::right("policy simulate", &[Action::ProposePolicies]).or_operator(),
    Door::machine("policy explain"), // `--as` is who is explained, `--by` who asks.
    Door::right("policy versions", &[Action::ReadPolicies]).or_operator(),
    Door::right("policy show", &[Action::ReadPolicies]).or_operator(),
    Door::right("policy diff", &[Action::ReadPolicies]).or_operator(),
    Door::machine("models list"),
    Door::right("evaluate", &[Action::Ask]),
    Door::machine("rebuild"),
    Door::right("changes list", QUEUE).or_operator(),
    Door::right("changes show", QUEUE).or_operator(),
    Door::right("changes approve", &[Action::Approve]).with_proof(),
    Door::right("changes reject", &[Action::Approve]).or_own(),
    Door::right("hold add", &[Action::ManageHolds]),
    Door::right("hold release", &[Action::ManageHolds]).with_proof(),
    Door::right("hold list", &[Action::ManageHolds]).or_operator(),
    Door::right("relationships import", &[Action::ManageRelationships]).or_operator(),
    Door::right("relationships list", &[Action::ManageRelationships]).or_operator(),
    Door::right("relationships wall add", &[Action::ManageRelationships]).or_operator(),
    Door::right("relationships wall remove", &[Action::ManageRelationships]).with_proof(),
    Door::right("emergency open", &[Action::OpenEmergency]).with_proof(),
    Door::account("emergency close"),
    Door::right("emergency review", &[Action::ReviewEmergencies]).with_proof(),
    Door::account("emergency list").or_operator(),
    Door::right("retention", &[Action::ManageHolds]).or_operator(),
    Door::right("erase", &[Action::Erase]).with_proof(),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::args::Cli;

    /// Every command that does something, by its words.
    fn commands(command: &clap::Command, words: &str) -> Vec<String> {
        let named = command.get_subcommands().map(|inner| {
            let words = format!("{words} {}", inner.get_name());
            match inner.has_subcommands() {
                true => commands(inner, words.trim()),
                false => vec![words.trim().to_owned()],
            }
        });
        named.flatten().collect()
    }

    #[test]
    fn every_command_has_its_row() {
        let there: BTreeSet<String> = commands(&Cli::command(), "").into_iter().collect();
        let is_command = |door: &&Door| !door.name.contains(" --");
        let listed = COMMANDS.iter().filter(is_command).map(|door| door.name.to_owned());
        assert_eq!(listed.collect::<BTreeSet<_>>(), there);
    }
}
