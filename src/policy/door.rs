//! What each way into the appliance asks of whoever takes it: one [`Door`] for each route of the
//! API, each page and each command, listed where it is made. From them comes the table of who may
//! do what ([`Policies::opens`]), and the tests that hold every door to it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use super::{Action, Policies};
use crate::domain::principal::{Attributes, Principal, Role, UserName};

/// What a door asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Needs {
    /// Nothing: strangers come through as well.
    Nothing,
    /// An account, whatever its roles: it is about oneself, or shows what one may see and no more.
    Account,
    /// To be at the machine: no person's rights count.
    Machine,
    /// The right to one of these.
    Right(&'static [Action]),
}

impl Needs {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Account => "an account",
            Self::Machine => "the machine",
            Self::Right(_) => "a right",
        }
    }
}

/// One way into the appliance.
#[derive(Clone, Copy, Debug)]
pub struct Door {
    /// The route with its method, or the command.
    pub name: &'static str,
    /// What it asks for.
    pub needs: Needs,
    /// Whether the machine's operator comes through without a person's name.
    pub operator: bool,
    /// Whether it also takes a fresh proof of who one is.
    pub proof: bool,
    /// Whether whoever it belongs to comes through without that right.
    pub own: bool,
    /// The action that a limited token must name for a door that takes no right; without one, such
    /// tokens do not come through.
    pub part_of: Option<Action>,
}

impl Door {
    /// A door for those who have one of these rights.
    pub const fn right(name: &'static str, actions: &'static [Action]) -> Self {
        Self {
            name,
            needs: Needs::Right(actions),
            operator: false,
            proof: false,
            own: false,
            part_of: None,
        }
    }

    /// A door for everybody with an account.
    pub const fn account(name: &'static str) -> Self {
        Self {
            name,
            needs: Needs::Account,
            operator: false,
            proof: false,
            own: false,
            part_of: None,
        }
    }

    /// A door for strangers too.
    pub const fn open(name: &'static str) -> Self {
        Self {
            name,
            needs: Needs::Nothing,
            operator: false,
            proof: false,
            own: false,
            part_of: None,
        }
    }

    /// A door for whoever is at the machine.
    pub const fn machine(name: &'static str) -> Self {
        Self {
            name,
            needs: Needs::Machine,
            operator: true,
            proof: false,
            own: false,
            part_of: None,
        }
    }

    /// The same for the operator too, who names nobody.
    #[must_use]
    pub const fn or_operator(self) -> Self {
        Self { operator: true, ..self }
    }

    /// The same with a fresh proof of who one is.
    #[must_use]
    pub const fn with_proof(self) -> Self {
        Self { proof: true, ..self }
    }

    /// The same for whoever it belongs to, without that right: their own account, their proposal.
    #[must_use]
    pub const fn or_own(self) -> Self {
        Self { own: true, ..self }
    }

    /// The same for limited tokens that name this action too.
    #[must_use]
    pub const fn part_of(self, action: Action) -> Self {
        Self { part_of: Some(action), ..self }
    }
}

/// Who comes through a door.
#[derive(Clone, Debug, Serialize)]
pub struct Opened {
    /// The route or command.
    pub door: &'static str,
    /// What it asks for: `nothing`, `an account`, `the machine`, or `a right`.
    pub needs: &'static str,
    /// The actions one of which it asks for.
    pub actions: Vec<Action>,
    /// The roles that come through.
    pub roles: BTreeSet<Role>,
    /// Whether an account without any role does.
    pub no_role: bool,
    /// Whether the operator does, naming nobody.
    pub operator: bool,
    /// Whether a fresh proof of who one is is asked for.
    pub proof: bool,
    /// Whether everybody else comes through for what is their own.
    pub own: bool,
}

impl Policies {
    /// Who comes through these doors by their role alone, under these policies.
    pub fn opens(&self, doors: &[Door]) -> Vec<Opened> {
        doors.iter().map(|door| self.opened(door)).collect()
    }

    fn opened(&self, door: &Door) -> Opened {
        let lets = |roles: BTreeSet<Role>| match door.needs {
            Needs::Nothing | Needs::Account => true,
            Needs::Machine => false,
            Needs::Right(actions) => somebody(roles)
                .is_some_and(|who| actions.iter().any(|action| self.may(&who, *action).is_ok())),
        };
        let actions = match door.needs {
            Needs::Right(actions) => actions.to_vec(),
            Needs::Nothing | Needs::Account | Needs::Machine => Vec::new(),
        };
        Opened {
            door: door.name,
            needs: door.needs.as_str(),
            actions,
            roles: Role::ALL.into_iter().filter(|role| lets([*role].into())).collect(),
            no_role: lets(BTreeSet::new()),
            operator: door.operator,
            proof: door.proof,
            own: door.own,
        }
    }
}

/// Anybody with these roles and no attributes.
fn somebody(roles: BTreeSet<Role>) -> Option<Principal> {
    let name: UserName = "anybody".parse().ok()?;
    Some(Principal::new(name, roles, Attributes::new()))
}

/// The table as Markdown: a row for each door, a column for each role. A circle stands for what is
/// one's own.
pub fn door_table(opened: &[Opened]) -> String {
    let mark = |yes: bool| if yes { "●" } else { "·" };
    let heads: String = Role::ALL.iter().map(|role| format!(" {role} |")).collect();
    let rules = " :-: |".repeat(Role::ALL.len().saturating_add(2));
    let mut text =
        format!("| door | asks for |{heads} no role | operator |\n| --- | --- |{rules}\n");
    for row in opened {
        let mut asks: Vec<String> = row.actions.iter().map(ToString::to_string).collect();
        if asks.is_empty() {
            asks.push(row.needs.to_owned());
        }
        let proof = if row.proof { ", proof" } else { "" };
        let cell = |opens: bool| if row.own && !opens { "○" } else { mark(opens) };
        let cells: String =
            Role::ALL.iter().map(|role| format!(" {} |", cell(row.roles.contains(role)))).collect();
        let (none, operator) = (cell(row.no_role), mark(row.operator));
        let asks = asks.join(" or ");
        // Writing to a text does not fail.
        if writeln!(text, "| `{}` | {asks}{proof} |{cells} {none} | {operator} |", row.door)
            .is_err()
        {
            break;
        }
    }
    text
}
