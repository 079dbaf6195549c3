//! Which entries of the record are wanted: the form's fields, and the ways through the list.

use serde::Deserialize;

use crate::domain::clock::{InvalidTimestamp, Timestamp};
use crate::domain::ids::EntryIndex;
use crate::examine::{Filter, Part};
use crate::http::{Kind, Problem};

use super::address;
use super::views::{AuditFilter, EntryLine, Pager};

/// What is looked for, as a query or as hidden fields of the export form.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    #[serde(rename = "type")]
    kind: String,
    user: String,
    matter: String,
    patient: String,
    document: String,
    since: String,
    until: String,
    before: Option<u64>,
    after: Option<u64>,
    pub(super) format: String,
    purpose: String,
    recipient: String,
    pub(super) csrf: String,
}

impl Wanted {
    /// What `examine` is asked for.
    pub(super) fn filter(&self) -> Result<Filter, Problem> {
        let time = |text: &str, parse: fn(&str) -> Result<Timestamp, InvalidTimestamp>| {
            let parsed = given(text).map(|text| parse(&text)).transpose();
            parsed.map_err(|error| Problem::new(Kind::BadRequest, error.to_string()))
        };
        Ok(Filter {
            kind: given(&self.kind),
            user: given(&self.user),
            matter: given(&self.matter),
            patient: given(&self.patient),
            document: given(&self.document),
            since: time(&self.since, str::parse)?,
            until: time(&self.until, Timestamp::end_of)?,
        })
    }

    /// Why an export is handed out, where that was said.
    pub(super) fn purpose(&self) -> Option<String> {
        given(&self.purpose)
    }

    /// Who receives it, where that was said.
    pub(super) fn recipient(&self) -> Option<String> {
        given(&self.recipient)
    }

    /// Which part of the list.
    pub(super) fn part(&self) -> Part {
        match (self.before, self.after) {
            (Some(before), _) => Part::Before(EntryIndex(before)),
            (None, Some(after)) => Part::After(EntryIndex(after)),
            (None, None) => Part::Newest,
        }
    }

    fn address(&self, side: &str, index: u64) -> String {
        let index = index.to_string();
        let pairs = [
            ("type", self.kind.as_str()),
            ("user", &self.user),
            ("matter", &self.matter),
            ("patient", &self.patient),
            ("document", &self.document),
            ("since", &self.since),
            ("until", &self.until),
            (side, &index),
        ];
        address::with_query("/audit", &pairs)
    }

    /// The same, to stand in the form again.
    pub(super) fn shown(self) -> AuditFilter {
        let Self { kind, user, matter, patient, document, since, until, .. } = self;
        AuditFilter { kind, user, matter, patient, document, since, until }
    }
}

fn given(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Ways to the neighbouring parts; `entries` is newest first.
pub(super) fn pager(wanted: &Wanted, part: Part, has_more: bool, entries: &[EntryLine]) -> Pager {
    let (Some(newest), Some(oldest)) = (entries.first(), entries.last()) else {
        return Pager::default();
    };
    let (has_newer, has_older) = match part {
        Part::Newest => (false, has_more),
        Part::Before(_) => (true, has_more),
        Part::After(_) => (has_more, true),
    };
    Pager {
        newer: has_newer.then(|| wanted.address("after", newest.index)),
        older: has_older.then(|| wanted.address("before", oldest.index)),
        range: format!("{}–{}", newest.index, oldest.index),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::portal::views::Moment;

    fn wanted(since: &str, until: &str) -> Wanted {
        let (since, until) = (since.to_owned(), until.to_owned());
        Wanted { kind: "query".to_owned(), since, until, ..Wanted::default() }
    }

    #[test]
    fn a_day_lasts_to_its_end_and_a_time_to_itself() {
        let filter = wanted("2026-01-01", "2026-01-01").filter().unwrap();
        assert_eq!(filter.since.unwrap().to_string(), "2026-01-01T00:00:00.000Z");
        assert_eq!(filter.until.unwrap().to_string(), "2026-01-01T23:59:59.999Z");
        let filter = wanted("", "2026-01-01T09:00:00Z").filter().unwrap();
        assert_eq!(filter.until.unwrap().to_string(), "2026-01-01T09:00:00.000Z");
        assert!(filter.since.is_none() && filter.user.is_none());
        assert!(wanted("yesterday", "").filter().is_err());
    }

    #[test]
    fn parts_of_the_list_lead_to_each_other_and_keep_the_filter() {
        let line = |index| EntryLine {
            index,
            time: Moment(Timestamp::from_unix_millis(0)),
            kind: String::new(),
            outcome: String::new(),
            actor: String::new(),
            request: String::new(),
        };
        let entries = [line(99), line(50)];
        let wanted = wanted("2026-01-01", "");
        let newer = Some("/audit?type=query&since=2026-01-01&after=99");
        let older = Some("/audit?type=query&since=2026-01-01&before=50");
        let table = [
            (Part::Newest, true, None, older),
            (Part::Newest, false, None, None),
            (Part::Before(EntryIndex(100)), false, newer, None),
            (Part::After(EntryIndex(49)), true, newer, older),
            (Part::After(EntryIndex(49)), false, None, older),
        ];
        for (part, has_more, newer, older) in table {
            let found = pager(&wanted, part, has_more, &entries);
            let found = (found.newer.as_deref(), found.older.as_deref());
            assert_eq!(found, (newer, older), "{part:?} {has_more}");
        }
        assert!(pager(&wanted, Part::Newest, false, &[]).older.is_none());
    }
}
