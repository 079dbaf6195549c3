//! An import of relationships that is cut off is finished at the next start, or never began.

use std::collections::BTreeSet;
use std::sync::Arc;

use affiant::audit::{Condition, LogFiles};
use affiant::domain::relationship::{RelationshipKind, SourceName};
use affiant::govern::{Changer, GovernError};

use super::failing::Failing;
use crate::support::test_app::TestApp;
use crate::support::{patiently, record};

/// More than fit into one entry.
const MATTERS: usize = 350;

fn import(app: &TestApp, lines: &str) -> Result<(), GovernError> {
    let governor = &app.open().governor;
    let (records, source) = (app.asker("records"), SourceName::try_from("hr".to_owned()).unwrap());
    let text = format!("person,kind,object,from,until\n{lines}");
    let changer = Changer::Person(&records.principal);
    governor
        .import_relationships(changer, &records.actor, &source, text.as_bytes(), false)
        .map(drop)
}

fn held(app: &TestApp, kind: &str) -> BTreeSet<String> {
    let attributes = app.asker("outsider").principal.attributes;
    attributes.get(kind).cloned().unwrap_or_default()
}

/// Entries of the second import, and how many relationships each kind of them names.
fn said(app: &TestApp) -> (usize, usize, usize) {
    let imported = record::of_kind(&app.open().log, "relationships.imported");
    let changed = record::of_kind(&app.open().log, "relationship.changed");
    let of_second = changed
        .iter()
        .filter(|entry| imported.get(1).is_some_and(|imported| imported.req() == entry.req()));
    let (mut added, mut removed) = (0, 0);
    for entry in of_second {
        added += entry.details()["added"].as_array().unwrap().len();
        removed += entry.details()["removed"].as_array().unwrap().len();
    }
    (imported.len() - 1, added, removed)
}

#[test]
fn an_import_that_is_cut_off_is_finished_at_the_next_start_and_walls_hold_before() {
    let matters: BTreeSet<String> = (0..MATTERS).map(|number| format!("N-{number}")).collect();
    let mut lines = "outsider,wall,W-1,,\n".to_owned();
    matters.iter().for_each(|matter| lines.push_str(&format!("outsider,matter,{matter},,\n")));
    // (entries of the import that are recorded before the log fails, failed write is kept)
    let table = [(0, false), (0, true), (1, false), (1, true), (2, false), (3, false), (3, true)];
    for (recorded, kept) in table {
        let case = format!("{recorded} {kept}");
        let mut app = TestApp::under("law");
        import(&app, "outsider,matter,OLD,,\n").unwrap();
        let files = Failing::broken(app.log_files(), kept);
        app.reopen(Some(Arc::clone(&files) as Arc<dyn LogFiles>));
        files.after(recorded);
        let error = import(&app, &lines).unwrap_err();
        let is_cut_off = matches!(error, GovernError::CutOff(_));
        assert_eq!(is_cut_off, recorded > 0, "{case}: {error}");
        assert_eq!(held(&app, "matter"), ["OLD".to_owned()].into(), "{case}: not yet");
        assert_eq!(held(&app, "wall").len(), usize::from(recorded > 0), "{case}: at once");

        app.reopen(None);
        let begun = recorded > 0 || kept;
        let expected = if begun { matters.clone() } else { ["OLD".to_owned()].into() };
        assert_eq!(held(&app, "matter"), expected, "{case}");
        assert_eq!(held(&app, "wall").len(), usize::from(begun), "{case}");
        let expected = if begun { (1, MATTERS + 1, 1) } else { (0, 0, 0) };
        assert_eq!(said(&app), expected, "{case}: each once");
        assert!(app.open().state.imports().list().unwrap().is_empty(), "{case}");
        assert!(app.open().state.turnovers().list().unwrap().is_empty(), "{case}");
        import(&app, &lines).unwrap();
        assert_eq!(held(&app, "matter"), matters, "{case}: the next one");
    }
}

#[test]
fn an_import_that_a_full_disk_cut_off_is_finished_by_the_next_one() {
    let mut app = TestApp::under("law");
    let files = Failing::full(app.log_files(), false);
    app.reopen(Some(Arc::clone(&files) as Arc<dyn LogFiles>));
    files.after(1);
    let error = import(&app, "outsider,wall,W-1,,\noutsider,matter,M-1,,\n").unwrap_err();
    assert!(matches!(error, GovernError::CutOff(_)), "{error}");
    assert_eq!(held(&app, "wall").len(), 1);
    files.mend();
    patiently("space", || (app.open().log.condition() == Condition::Running).then_some(()));
    import(&app, "outsider,matter,M-2,,\n").unwrap();
    assert_eq!(held(&app, "matter"), ["M-2".to_owned()].into());
    let kinds: Vec<RelationshipKind> = app
        .open()
        .state
        .standings()
        .get(&"outsider".parse().unwrap())
        .unwrap()
        .unwrap()
        .relationships()
        .map(|one| one.kind)
        .collect();
    assert_eq!(kinds, [RelationshipKind::Wall, RelationshipKind::Matter], "kept, and new");
    assert_eq!(record::of_kind(&app.open().log, "relationships.imported").len(), 2);
}
