//! What an office file says of itself, and what in it could act.

use crate::document::reason::Unreadable;
use crate::document::{Warning, WarningKind};

use super::Package;

/// The title that its author gave it.
pub(in crate::document) fn title(package: &mut Package<'_>) -> Result<Option<String>, Unreadable> {
    let core = package.relations("")?.into_iter().find(|to| to.kind == "core-properties");
    let Some(core) = core.filter(|core| !core.external) else { return Ok(None) };
    let properties = package.element(&core.target)?.unwrap_or_default();
    let title = properties.child("title").map(super::Element::text);
    Ok(title.filter(|title| !title.trim().is_empty()))
}

/// Things in a file that other programs run, open or fetch: counted, never touched.
#[derive(Debug, Default)]
pub(in crate::document) struct Acting {
    macros: usize,
    embedded: usize,
    fetched: usize,
    /// Fields that ask other programs for data.
    pub(in crate::document) fields: usize,
}

impl Acting {
    /// Looks through the names of parts and what `of` (the main part) refers to.
    pub(in crate::document) fn of(package: &mut Package<'_>, of: &str) -> Result<Self, Unreadable> {
        let mut found = Self::default();
        for name in package.names() {
            let name = name.to_ascii_lowercase();
            if name.contains("vbaproject") && !name.contains("/_rels/") {
                found.macros += 1;
            } else if ["/embeddings/", "/activex/"].iter().any(|part| name.contains(part))
                && !name.contains("/_rels/")
            {
                found.embedded += 1;
            }
        }
        // Hyperlinks wait for a click; templates, objects and pictures are fetched on opening.
        let mut relations = package.relations(of)?;
        if let Some((folder, _)) = of.rsplit_once('/') {
            relations.extend(package.relations(&format!("{folder}/settings.xml"))?);
        }
        let acts = |kind: &str| !matches!(kind, "hyperlink" | "externalLinkPath");
        found.fetched = relations.iter().filter(|to| to.external && acts(&to.kind)).count();
        Ok(found)
    }

    /// One warning that lists them, where there are any.
    pub(in crate::document) fn warning(&self) -> Option<Warning> {
        let list: Vec<String> = [
            (self.macros, "set of macros", "sets of macros"),
            (self.embedded, "embedded object", "embedded objects"),
            (self.fetched, "link fetched on opening", "links fetched on opening"),
            (self.fields, "field that asks another program", "fields that ask other programs"),
        ]
        .into_iter()
        .filter(|(count, _, _)| *count > 0)
        .map(|(count, one, more)| format!("{count} {}", if count == 1 { one } else { more }))
        .collect();
        (!list.is_empty()).then(|| Warning {
            kind: WarningKind::ActiveContent,
            page: None,
            detail: format!("the file holds {}: never run or opened", list.join(", ")),
        })
    }
}
