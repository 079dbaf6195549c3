//! A file of relationships: every line checked, every fault told with its number.

use std::collections::{BTreeMap, BTreeSet};

use super::super::GovernError;
use crate::domain::access::check_label_value;
use crate::domain::limits::{
    RELATIONSHIP_BYTES_MAX, RELATIONSHIPS_MAX, RELATIONSHIPS_OF_PERSON_MAX,
};
use crate::domain::principal::UserName;
use crate::domain::relationship::{Relationship, SourceName, Term};

/// The columns, by these names and in any order.
const COLUMNS: [&str; 5] = ["person", "kind", "object", "from", "until"];
/// Columns that may be left out.
const OPTIONAL: [&str; 2] = ["from", "until"];
/// Faults that are listed one by one.
const FAULTS_MAX: usize = 1_000;

/// Relationships by person, each once.
pub(super) type ByPerson = BTreeMap<UserName, BTreeSet<Relationship>>;

/// A line of a file that cannot be taken.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
pub struct BadLine {
    /// Its number, from 1; the header is line 1.
    pub line: u64,
    /// What is wrong, and what to do.
    pub problem: String,
}

/// Reads a file: all of it, or every fault.
pub(super) fn parse(bytes: &[u8], source: &SourceName) -> Result<ByPerson, GovernError> {
    let refuse = |line: u64, problem: String| GovernError::BadLines {
        lines: vec![BadLine { line, problem }],
    };
    if bytes.len() as u64 > RELATIONSHIP_BYTES_MAX {
        let problem =
            format!("the file has more than {RELATIONSHIP_BYTES_MAX} bytes: split it by source");
        return Err(refuse(1, problem));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes); // As Excel writes it.
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let header = reader.headers().map_err(|error| refuse(1, error.to_string()))?;
    let columns = Columns::of(header).map_err(|problem| refuse(1, problem))?;
    let (mut found, mut bad, mut count) = (ByPerson::new(), Vec::new(), 0_usize);
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                bad.push(BadLine {
                    line,
                    problem: format!("{error}: save the file as CSV in UTF-8"),
                });
                // What follows a broken quotation is not what it seems.
                break;
            }
        }
        let line = record.position().map_or(0, csv::Position::line);
        count = count.saturating_add(1);
        if count > RELATIONSHIPS_MAX || bad.len() >= FAULTS_MAX {
            let problem = match count > RELATIONSHIPS_MAX {
                true => format!("more than {RELATIONSHIPS_MAX} lines: split the file by source"),
                false => "too many faults: what follows was not looked at".to_owned(),
            };
            bad.push(BadLine { line, problem });
            break;
        }
        match columns.read(&record, source) {
            Ok((person, relationship)) => {
                let own = found.entry(person).or_default();
                own.insert(relationship);
                if own.len() > RELATIONSHIPS_OF_PERSON_MAX {
                    let problem = format!(
                        "the person has more than {RELATIONSHIPS_OF_PERSON_MAX} relationships: give a department instead"
                    );
                    return Err(refuse(line, problem));
                }
            }
            Err(problem) => bad.push(BadLine { line, problem }),
        }
    }
    if bad.is_empty() { Ok(found) } else { Err(GovernError::BadLines { lines: bad }) }
}

/// Where each column stands.
struct Columns([Option<usize>; COLUMNS.len()]);

impl Columns {
    fn of(header: &csv::StringRecord) -> Result<Self, String> {
        let unknown = header.iter().find(|name| !COLUMNS.contains(name));
        if let Some(name) = unknown {
            let name: String = name.chars().take(80).collect();
            return Err(format!("the column {name:?} is unknown: {}", Self::expected()));
        }
        let found = COLUMNS.map(|column| header.iter().position(|name| name == column));
        let missing = COLUMNS
            .iter()
            .zip(found)
            .find(|(column, at)| at.is_none() && !OPTIONAL.contains(column));
        match missing {
            Some((column, _)) => {
                Err(format!("the column {column} is missing: {}", Self::expected()))
            }
            None => Ok(Self(found)),
        }
    }

    fn expected() -> &'static str {
        "the first line is `person,kind,object,from,until`"
    }

    fn read(
        &self,
        record: &csv::StringRecord,
        source: &SourceName,
    ) -> Result<(UserName, Relationship), String> {
        let [person, kind, object, from, until] =
            self.0.map(|at| at.and_then(|at| record.get(at)).unwrap_or_default());
        let person = person.parse::<UserName>().map_err(|e| format!("person: {e}"))?;
        let kind = kind.parse().map_err(|e| format!("kind: {e}"))?;
        check_label_value(object).map_err(|expected| format!("object: {expected}"))?;
        let Term { from, until } = Term::parse(from, until).map_err(|e| e.to_string())?;
        let (object, source) = (object.to_owned(), source.clone());
        Ok((person, Relationship { kind, object, from, until, source }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ByPerson, Vec<BadLine>> {
        parse(text.as_bytes(), &SourceName::by_hand()).map_err(|error| {
            let GovernError::BadLines { lines } = error else { panic!("{error}") };
            lines
        })
    }

    #[test]
    fn a_file_is_read_as_spreadsheets_write_it() {
        let text = "\u{feff}object,person,kind,until,from\r\n\"M-1, second phase\", ada ,matter,2026-03-31,\r\nP-1,ada,patient,,2026-01-01T08:00:00Z\r\nP-1,ada,patient,,2026-01-01T08:00:00Z\r\n";
        let found = read(text).unwrap();
        let own: Vec<_> = found[&"ada".parse::<UserName>().unwrap()].iter().collect();
        assert_eq!(own.len(), 2, "a line that stands twice counts once");
        assert_eq!(own[0].object, "M-1, second phase");
        assert_eq!(own[0].until, Some("2026-04-01".parse().unwrap()), "the last day still counts");
        assert_eq!(own[1].from, Some("2026-01-01T08:00:00Z".parse().unwrap()));
        assert!(read("person,kind,object\n").unwrap().is_empty());
    }

    #[test]
    fn every_bad_line_is_told_with_its_number_and_what_to_do() {
        let text = "person,kind,object,from,until\nAda,matter,M-1,,\nada,team,M-1,,\nada,matter,,,\nada,matter,M-1,soon,\nada,matter,M-1,2026-02-01,2026-01-01\nada,matter,M-1,,\nada,matter\n";
        let bad = read(text).unwrap_err();
        let told: Vec<_> = bad.iter().map(|one| (one.line, one.problem.as_str())).collect();
        assert_eq!(told.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3, 4, 5, 6, 8]);
        for ((_, problem), word) in
            told.iter().zip(["person:", "kind:", "object:", "from:", "it ends", "CSV"])
        {
            assert!(problem.contains(word), "{problem}");
        }
        for header in ["", "person,kind\n", "person,kind,object,colour\n"] {
            let bad = read(header).unwrap_err();
            assert!(bad[0].line == 1 && bad[0].problem.contains("person,kind,object"), "{bad:?}");
        }
    }
}
