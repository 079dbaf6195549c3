//! What the provider's groups stand for here.
//!
//! A group gives `staff`, `records-officer` or `auditor`. Every other role administers, approves or
//! holds keys: two persons give it, here, and a group named for it is a further condition. Whoever
//! is not in the group does not have the role, whatever two persons agreed on.
//!
//! No group sets a wall: to leave it would end the wall, which takes two persons here.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::limits::{LABEL_CHARS_MAX, OPENID_GROUPS_MAX};
use crate::domain::principal::{Attributes, Role};
use crate::domain::relationship::RelationshipKind;

/// Stands at the end of a group for any ending, and in a value for what that ending was.
const ANY: char = '*';

/// Which group stands for what.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Mapping {
    roles: BTreeMap<String, BTreeSet<Role>>,
    attributes: BTreeMap<String, Vec<(String, String)>>,
}

/// What somebody's groups come to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rights {
    /// Roles.
    pub roles: BTreeSet<Role>,
    /// Roles that two persons may have given, and that count only in a group they are not in.
    pub withheld: BTreeSet<Role>,
    /// Attributes.
    pub attributes: Attributes,
}

impl Mapping {
    /// Reads group → roles and group → `key=value`; lists what is wrong with either.
    ///
    /// # Errors
    /// The faults, in words.
    pub fn parse(
        roles: &BTreeMap<String, Vec<String>>,
        attributes: &BTreeMap<String, Vec<String>>,
    ) -> Result<Self, Vec<String>> {
        let mut mapping = Self::default();
        let mut faults = Vec::new();
        if roles.len().max(attributes.len()) > OPENID_GROUPS_MAX {
            faults.push(format!("more than {OPENID_GROUPS_MAX} groups are named"));
        }
        for (group, names) in roles {
            if group.contains(ANY) {
                faults.push(format!("{group:?}: roles are for groups named in full, without '*'"));
            }
            for name in names {
                match name.parse() {
                    Ok(role) => {
                        mapping.roles.entry(group.clone()).or_default().insert(role);
                    }
                    Err(error) => faults.push(format!("{group:?}: {error}")),
                }
            }
        }
        for (group, pairs) in attributes {
            for pair in pairs {
                match attribute(group, pair) {
                    Ok(pair) => mapping.attributes.entry(group.clone()).or_default().push(pair),
                    Err(fault) => faults.push(format!("{group:?}: {pair:?} {fault}")),
                }
            }
        }
        if faults.is_empty() { Ok(mapping) } else { Err(faults) }
    }

    /// Whether any group may sign on at all.
    pub fn is_empty(&self) -> bool {
        self.roles.is_empty()
    }

    /// What these groups come to; nothing where none of them has a role here.
    pub fn rights(&self, groups: &BTreeSet<String>) -> Option<Rights> {
        let mine = |group: &&String| groups.contains(*group);
        if !self.roles.keys().any(|group| mine(&group)) {
            return None;
        }
        let named: BTreeSet<Role> = self.roles.values().flatten().copied().collect();
        let held: BTreeSet<Role> =
            self.roles.iter().filter(|(g, _)| mine(g)).flat_map(|(_, r)| r).copied().collect();
        let mut rights = Rights {
            roles: held.iter().copied().filter(|role| !Role::RESERVED.contains(role)).collect(),
            withheld: named
                .difference(&held)
                .copied()
                .filter(|r| Role::RESERVED.contains(r))
                .collect(),
            attributes: Attributes::new(),
        };
        for (pattern, pairs) in &self.attributes {
            for ending in groups.iter().filter_map(|group| ending(pattern, group)) {
                for (key, value) in pairs {
                    let value = value.replace(ANY, ending);
                    rights.attributes.entry(key.clone()).or_default().insert(value);
                }
            }
        }
        Some(rights)
    }
}

/// What `*` at the end of the pattern stands for in this group; empty where the pattern has none.
fn ending<'g>(pattern: &str, group: &'g str) -> Option<&'g str> {
    match pattern.strip_suffix(ANY) {
        Some(start) => group.strip_prefix(start).filter(|ending| !ending.is_empty()),
        None => (pattern == group).then_some(""),
    }
}

fn attribute(group: &str, pair: &str) -> Result<(String, String), &'static str> {
    let (key, value) = pair.split_once('=').ok_or("is not written key=value")?;
    let is_key = key.chars().all(|c| c.is_ascii_lowercase() || c == '_') && !key.is_empty();
    if !is_key || value.is_empty() || value.chars().count() > LABEL_CHARS_MAX {
        return Err("is not a lower-case key and a short value");
    }
    if key.parse().is_ok_and(RelationshipKind::restricts) {
        return Err(
            "keeps people away: set it with `affiant relationships`, as its end takes two persons",
        );
    }
    let stars = |text: &str| text.matches(ANY).count();
    let ends = group.ends_with(ANY);
    if stars(group) != usize::from(ends) || stars(value) > usize::from(ends) {
        return Err(
            "has a '*' that stands for nothing: it ends the group, and its value repeats it",
        );
    }
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        rows.iter().map(|(group, words)| ((*group).to_owned(), owned(words))).collect()
    }

    fn groups(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn groups_come_to_roles_and_attributes_and_never_to_reserved_roles() {
        let roles = table(&[
            ("everyone", &["staff"]),
            ("records", &["staff", "records-officer"]),
            ("it", &["administrator"]),
            ("partners", &["approver", "auditor"]),
        ]);
        let attributes = table(&[
            ("everyone", &["department=all"]),
            ("matter-*", &["matter=*"]),
            ("team-a", &["matter=A-1", "matter=A-2"]),
        ]);
        let mapping = Mapping::parse(&roles, &attributes).unwrap();
        let all = [Role::Administrator, Role::Approver];
        // (groups, roles given, roles withheld, matters)
        type Row<'a> = (&'a [&'a str], &'a [Role], &'a [Role], &'a [&'a str]);
        let table: [Row<'_>; 5] = [
            (&["everyone"], &[Role::Staff], &all, &[]),
            (&["records", "matter-7"], &[Role::Staff, Role::RecordsOfficer], &all, &["7"]),
            (&["it", "team-a"], &[], &[Role::Approver], &["A-1", "A-2"]),
            (&["it", "partners"], &[Role::Auditor], &[], &[]),
            (&["everyone", "matter-", "xmatter-1"], &[Role::Staff], &all, &[]),
        ];
        for (names, given, withheld, matters) in table {
            let rights = mapping.rights(&groups(names)).unwrap();
            assert_eq!(rights.roles, given.iter().copied().collect(), "{names:?}");
            assert_eq!(rights.withheld, withheld.iter().copied().collect(), "{names:?}");
            let found = rights.attributes.get("matter").cloned().unwrap_or_default();
            assert_eq!(found, groups(matters), "{names:?}");
        }
        for strangers in [&[][..], &["Everyone"], &["matter-7", "team-a"]] {
            assert_eq!(mapping.rights(&groups(strangers)), None, "{strangers:?}");
        }
    }

    #[test]
    fn every_fault_of_a_mapping_is_named() {
        let roles = table(&[("a", &["king", "staff"]), ("b*", &["staff"])]);
        let attributes = table(&[
            ("c", &["matter", "Matter=1", "matter=", "matter=*"]),
            ("*d", &["matter=1"]),
            ("e*", &["matter=**"]),
            ("f-*", &["wall=*", "conflict=*"]),
        ]);
        let faults = Mapping::parse(&roles, &attributes).unwrap_err();
        assert_eq!(faults.len(), 10, "{faults:?}");
        assert!(Mapping::parse(&table(&[]), &table(&[])).unwrap().is_empty());
    }
}
