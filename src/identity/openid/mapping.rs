//! What the provider's groups stand for here.
//!
//! A group gives `staff`, `records-officer` or `auditor`. Every other role administers, approves or
//! holds keys: two persons give it, here, and a group named for it is a further condition. Whoever
//! is not in the group does not have the role, whatever two persons agreed on.
//!
//! A membership may have a start and an end, of the provider's (a group that it sends with dates) or of
//! the operator's (`openid.terms`): what it gives begins and ends by itself.
//!
//! No group sets a wall: to leave it would end the wall, which takes two persons here.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::clock::Timestamp;
use crate::domain::limits::{LABEL_CHARS_MAX, OPENID_GROUPS_MAX};
use crate::domain::principal::{Attributes, Role};
use crate::domain::relationship::{RelationshipKind, Term};
use crate::store::Dated;

/// Stands at the end of a group for any ending, and in a value for what that ending was.
const ANY: char = '*';

/// Which group stands for what.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Mapping {
    roles: BTreeMap<String, BTreeSet<Role>>,
    attributes: BTreeMap<String, Vec<(String, String)>>,
    terms: BTreeMap<String, Term>,
}

/// A group that somebody is in, and for how long.
pub(super) type Membership = (String, Term);

/// What somebody's groups come to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rights {
    /// Roles.
    pub roles: BTreeSet<Role>,
    /// Roles that two persons may have given, and that count only in a group they are not in.
    pub withheld: BTreeSet<Role>,
    /// Attributes.
    pub attributes: Attributes,
    /// What counts for a time.
    pub dated: Vec<Dated>,
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

    /// Bounds what these groups are worth, a pattern of groups at a time.
    ///
    /// # Errors
    /// The faults, in words.
    pub fn with_terms(self, terms: BTreeMap<String, Term>) -> Result<Self, Vec<String>> {
        let stars =
            |group: &&String| group.matches(ANY).count() > usize::from(group.ends_with(ANY));
        let mut faults: Vec<String> =
            terms.keys().filter(stars).map(|g| format!("{g:?}: a '*' only ends a group")).collect();
        if terms.len() > OPENID_GROUPS_MAX {
            faults.push(format!("more than {OPENID_GROUPS_MAX} groups are named"));
        }
        if faults.is_empty() { Ok(Self { terms, ..self }) } else { Err(faults) }
    }

    /// Whether any group may sign on at all.
    pub fn is_empty(&self) -> bool {
        self.roles.is_empty()
    }

    /// What these groups come to; nothing where none of them has a role here and now.
    pub(super) fn rights(&self, groups: &BTreeSet<Membership>, now: Timestamp) -> Option<Rights> {
        let bounded = groups.iter().map(|(group, term)| (group, self.bounded(group, *term)));
        let bounded: BTreeSet<(&String, Term)> = bounded.collect();
        let is_way_in =
            |(group, term): &(&String, Term)| term.holds_at(now) && self.roles.contains_key(*group);
        if !bounded.iter().any(is_way_in) {
            return None;
        }
        let (lasting, dated): (BTreeSet<_>, BTreeSet<_>) =
            bounded.into_iter().partition(|(_, term)| *term == Term::default());
        let named: BTreeSet<Role> = self.roles.values().flatten().copied().collect();
        let (mut held, mut attributes) = (BTreeSet::new(), Attributes::new());
        for (group, _) in lasting {
            held.extend(self.roles_of(group));
            self.put_attributes(group, &mut attributes);
        }
        let of_dated = |(group, term): (&String, Term)| {
            let mut attributes = Attributes::new();
            self.put_attributes(group, &mut attributes);
            Dated { term, roles: self.roles_of(group).collect(), attributes }
        };
        let is_any = |one: &Dated| {
            let is_over = one.term.until.is_some_and(|until| until <= now);
            let is_none = one.roles.is_empty() && one.attributes.is_empty();
            !is_over && !is_none
        };
        let reserved = |role: &Role| Role::RESERVED.contains(role);
        Some(Rights {
            roles: held.iter().copied().filter(|role| !reserved(role)).collect(),
            withheld: named.difference(&held).copied().filter(reserved).collect(),
            attributes,
            dated: dated.into_iter().map(of_dated).filter(is_any).collect(),
        })
    }

    fn bounded(&self, group: &str, term: Term) -> Term {
        let own = self.terms.iter().filter(|(pattern, _)| ending(pattern, group).is_some());
        own.fold(term, |term, (_, own)| term.within(*own))
    }

    fn roles_of(&self, group: &str) -> impl Iterator<Item = Role> {
        self.roles.get(group).into_iter().flatten().copied()
    }

    fn put_attributes(&self, group: &str, attributes: &mut Attributes) {
        for (pattern, pairs) in &self.attributes {
            let Some(ending) = ending(pattern, group) else { continue };
            for (key, value) in pairs {
                attributes.entry(key.clone()).or_default().insert(value.replace(ANY, ending));
            }
        }
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

    fn groups(names: &[&str]) -> BTreeSet<Membership> {
        names.iter().map(|name| ((*name).to_owned(), Term::default())).collect()
    }

    const NOW: Timestamp = Timestamp::from_unix_millis(5);

    fn term(from: Option<u64>, until: Option<u64>) -> Term {
        let [from, until] = [from, until].map(|time| time.map(Timestamp::from_unix_millis));
        Term { from, until }
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
            let rights = mapping.rights(&groups(names), NOW).unwrap();
            assert_eq!(rights.roles, given.iter().copied().collect(), "{names:?}");
            assert_eq!(rights.withheld, withheld.iter().copied().collect(), "{names:?}");
            let found = rights.attributes.get("matter").into_iter().flatten();
            assert_eq!(found.collect::<Vec<_>>(), matters, "{names:?}");
            assert!(rights.dated.is_empty());
        }
        for strangers in [&[][..], &["Everyone"], &["matter-7", "team-a"]] {
            assert_eq!(mapping.rights(&groups(strangers), NOW), None, "{strangers:?}");
        }
    }

    #[test]
    fn what_a_membership_with_dates_gives_counts_within_the_dates_of_both_sides() {
        let roles = table(&[("all", &["staff"]), ("it", &["administrator"])]);
        let mapping = Mapping::parse(&roles, &table(&[("m-*", &["matter=*"])])).unwrap();
        let terms =
            [("m-*".to_owned(), term(Some(2), Some(9))), ("old".to_owned(), term(None, None))];
        let mapping = mapping.with_terms(terms.into()).unwrap();
        // (the provider's dates, what counts)
        let rows = [
            (term(None, None), Some(term(Some(2), Some(9)))),
            (term(Some(4), Some(7)), Some(term(Some(4), Some(7)))),
            (term(Some(1), Some(99)), Some(term(Some(2), Some(9)))),
            (term(Some(6), None), Some(term(Some(6), Some(9)))),
            (term(None, Some(5)), None),
        ];
        for (given, counts) in rows {
            let mut all = groups(&["all"]);
            all.insert(("m-7".to_owned(), given));
            let rights = mapping.rights(&all, NOW).unwrap();
            assert!(rights.attributes.is_empty() && rights.roles == [Role::Staff].into());
            let dated: Vec<_> = rights.dated.iter().map(|one| one.term).collect();
            assert_eq!(dated, Vec::from_iter(counts), "{given:?}");
        }
        // (dates of the only group that has a role, whether it is a way in)
        for (dates, is_in) in [
            (term(None, Some(6)), true),
            (term(None, Some(5)), false),
            (term(Some(6), None), false),
            (term(Some(7), Some(6)), false),
        ] {
            let only = [("all".to_owned(), dates), ("m-7".to_owned(), Term::default())].into();
            assert_eq!(mapping.rights(&only, NOW).is_some(), is_in, "{dates:?}");
        }
        let mut all = groups(&["all"]);
        all.insert(("it".to_owned(), term(None, Some(9))));
        let rights = mapping.rights(&all, NOW).unwrap();
        assert_eq!(rights.withheld, [Role::Administrator].into(), "but while that group counts");
        assert!(rights.dated[0].entitlements().is_empty(), "the group alone gives nothing");
        let faults = mapping.with_terms([("m*7".to_owned(), Term::default())].into()).unwrap_err();
        assert_eq!(faults.len(), 1);
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
