//! What surrounds every page: who is signed in, where they may go, when things happened.

use std::fmt;

use crate::domain::clock::Timestamp;
use crate::domain::principal::Principal;
use crate::policy::Action;
use crate::portal::assets;

/// A place in the navigation.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Place {
    /// Asking.
    Ask,
    /// The catalogue.
    Documents,
    /// Who works on what.
    Relationships,
    /// Access in an emergency.
    Emergencies,
    /// The record.
    Audit,
    /// The policy files in force.
    Policies,
    /// The accounts.
    Accounts,
    /// The models in use.
    Models,
    /// The state of the machine.
    System,
}

impl Place {
    /// Its address.
    pub const fn href(self) -> &'static str {
        match self {
            Self::Ask => "/ask",
            Self::Documents => "/documents",
            Self::Relationships => "/admin/relationships",
            Self::Emergencies => "/emergencies",
            Self::Audit => "/audit",
            Self::Policies => "/admin/policies",
            Self::Accounts => "/admin/accounts",
            Self::Models => "/admin/models",
            Self::System => "/admin/system",
        }
    }

    /// Its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ask => "Ask",
            Self::Documents => "Documents",
            Self::Relationships => "Relationships",
            Self::Emergencies => "Emergencies",
            Self::Audit => "Audit",
            Self::Policies => "Policies",
            Self::Accounts => "Accounts",
            Self::Models => "Models",
            Self::System => "System",
        }
    }

    /// Every place, in the order shown.
    pub const ALL: [Self; 9] = [
        Self::Ask,
        Self::Documents,
        Self::Relationships,
        Self::Emergencies,
        Self::Audit,
        Self::Policies,
        Self::Accounts,
        Self::Models,
        Self::System,
    ];

    /// A person has business here who may do one of these. The policy decides again when they get
    /// there.
    pub const fn needs(self) -> &'static [Action] {
        match self {
            Self::Ask => &[Action::Ask],
            Self::Documents => &[Action::ViewPage, Action::ListDocuments],
            Self::Relationships => &[Action::ManageRelationships],
            Self::Emergencies => &[Action::OpenEmergency, Action::ReviewEmergencies],
            Self::Audit => &[Action::ReadLog],
            Self::Policies => &[Action::ReadPolicies],
            Self::Accounts => &[Action::ManageAccounts],
            Self::Models => &[Action::ManageModels],
            Self::System => &[Action::ReadSystem],
        }
    }
}

/// Who is signed in.
#[derive(Clone, Debug)]
pub struct Person {
    /// The account's name.
    pub name: String,
    /// Its roles, for people.
    pub roles: String,
    /// Where they may go, in the order shown.
    pub places: Vec<Place>,
}

impl Person {
    /// A person, and the places where the policy gives them something to do.
    pub fn of(principal: &Principal, may: impl Fn(Action) -> bool) -> Self {
        let roles: Vec<_> = principal.roles.iter().map(|role| role.as_str()).collect();
        let is_open = |place: &Place| place.needs().iter().any(|action| may(*action));
        let places = Place::ALL.into_iter().filter(is_open).collect();
        Self { name: principal.name.to_string(), roles: roles.join(", ").replace('-', " "), places }
    }
}

/// What every page needs.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Who is signed in; nobody on the sign-in page.
    pub person: Option<Person>,
    /// The session's token, for forms and scripts.
    pub csrf: String,
    /// Which place this page belongs to.
    pub here: Option<Place>,
    /// What this person is to be told on every page.
    pub alerts: Vec<String>,
}

impl Frame {
    /// A page for a person who is signed in.
    pub fn of(person: Person, csrf: &str, here: Option<Place>) -> Self {
        Self { person: Some(person), csrf: csrf.to_owned(), here, alerts: Vec::new() }
    }

    /// A page for somebody not yet known.
    pub fn stranger(csrf: &str) -> Self {
        Self { person: None, csrf: csrf.to_owned(), here: None, alerts: Vec::new() }
    }

    /// Where the wordmark leads, and where people land after signing in.
    pub fn home(&self) -> &'static str {
        let first = self.person.as_ref().and_then(|person| person.places.first());
        first.map_or("/sign-in", |place| place.href())
    }

    /// Whether this page belongs to `place`.
    pub fn is_at(&self, place: &Place) -> bool {
        self.here == Some(*place)
    }

    /// Address of the stylesheet.
    pub fn stylesheet(&self) -> &'static str {
        assets::STYLESHEET.href()
    }

    /// Address of the script of every page.
    pub fn page_script(&self) -> &'static str {
        assets::PAGE_SCRIPT.href()
    }

    /// Address of the script of the ask page.
    pub fn ask_script(&self) -> &'static str {
        assets::ASK_SCRIPT.href()
    }

    /// Address of the mark.
    pub fn mark(&self) -> &'static str {
        assets::MARK.href()
    }
}

/// A time: exact for machines, readable for people, put into their zone by a script.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Moment(pub Timestamp);

impl Moment {
    /// RFC 3339 in UTC.
    pub fn iso(&self) -> String {
        self.0.to_string()
    }
}

impl From<Timestamp> for Moment {
    fn from(time: Timestamp) -> Self {
        Self(time)
    }
}

impl fmt::Display for Moment {
    /// `2026-11-22 08:21 UTC`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let iso = self.0.to_string();
        let to_the_minute: String = iso.chars().take(16).collect();
        write!(f, "{} UTC", to_the_minute.replace('T', " "))
    }
}

/// Ways to the neighbouring parts of a list.
#[derive(Clone, Debug, Default)]
pub struct Pager {
    /// Address of the part with newer (or earlier listed) things.
    pub newer: Option<String>,
    /// Address of the part with older (or later listed) things.
    pub older: Option<String>,
    /// What is shown, e.g. `1–50 of 312`.
    pub range: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::principal::Role;
    use crate::portal::views::samples;

    #[test]
    fn navigation_offers_what_the_policy_lets_a_person_do_and_nothing_else() {
        use Place::{
            Accounts, Ask, Audit, Documents, Emergencies, Models, Policies, Relationships, System,
        };
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/general");
        let policies = crate::policy::Policies::load(folder.as_ref()).unwrap();
        let table: [(&[Role], &[Place]); 7] = [
            (&[Role::Staff], &[Ask, Documents]),
            (&[Role::RecordsOfficer], &[Documents, Relationships, Emergencies]),
            (&[Role::Auditor], &[Audit, Policies]),
            (&[Role::Approver], &[Policies]),
            (&[Role::KeyCustodian], &[Policies, System]),
            (&[Role::Administrator, Role::Approver], &[Policies, Accounts, Models, System]),
            (&[], &[]),
        ];
        for (roles, places) in table {
            let who = samples::principal(roles);
            let person = Person::of(&who, |action| policies.may(&who, action).is_ok());
            let frame = Frame::of(person, "token", None);
            let home = places.first().map_or("/sign-in", |place| place.href());
            assert_eq!(frame.home(), home, "{roles:?}");
            assert_eq!(frame.person.unwrap().places, places, "{roles:?}");
        }
    }

    #[test]
    fn moments_read_to_the_minute_and_carry_the_millisecond() {
        let moment = Moment(Timestamp::from_unix_millis(1_767_225_600_007));
        assert_eq!(moment.to_string(), "2026-01-01 00:00 UTC");
        assert_eq!(moment.iso(), "2026-01-01T00:00:00.007Z");
    }
}
