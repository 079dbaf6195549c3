//! An office file as a package: parts by name, and how they refer to each other.

use std::io::{Cursor, Read as _};

use zip::ZipArchive;

use crate::document::guard::Watch;
use crate::document::reason::{Reason, Unreadable};
use crate::document::{Kind, archive};

use super::xml::{Element, Xml, decoded};

/// Parts of one file; a report with a picture on each page has some thousands.
const PARTS_MAX: usize = 20_000;
/// One part, unpacked: the text of the largest document that is taken in, with its marks.
const PART_BYTES_MAX: u64 = 96 * 1024 * 1024;
/// All parts that are read, unpacked.
const READ_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// An open package.
pub(in crate::document) struct Package<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    watch: &'a Watch,
    read: u64,
}

/// One part's word about another.
pub(in crate::document) struct Relation {
    /// By which the part names it.
    pub(in crate::document) id: String,
    /// The last word of its type: `styles`, `footnotes`, `hyperlink`.
    pub(in crate::document) kind: String,
    /// The other part's name, or an address outside the file.
    pub(in crate::document) target: String,
    /// Whether it is outside.
    pub(in crate::document) external: bool,
}

impl<'a> Package<'a> {
    /// Opens a package.
    pub(in crate::document) fn open(bytes: &'a [u8], watch: &'a Watch) -> Result<Self, Unreadable> {
        let archive = archive::open(bytes, PARTS_MAX)?;
        Ok(Self { archive, watch, read: 0 })
    }

    /// The names of all parts.
    pub(in crate::document) fn names(&self) -> impl Iterator<Item = String> {
        self.archive.file_names().filter_map(Result::ok).map(std::borrow::Cow::into_owned)
    }

    /// A part's text; `None` where there is no such part. Names differ in case between writers.
    pub(in crate::document) fn part(&mut self, name: &str) -> Result<Option<String>, Unreadable> {
        let exact = self.archive.index_for_name(name);
        let index = exact.or_else(|| {
            self.archive
                .file_names()
                .position(|own| own.is_ok_and(|own| own.eq_ignore_ascii_case(name)))
        });
        let Some(index) = index else { return Ok(None) };
        self.watch.check()?;
        let damaged = || Unreadable::new(Reason::Malformed, "a part is damaged: get a good copy");
        let file = self.archive.by_index(index).map_err(|_| damaged())?;
        let packed = file.compressed_size();
        let most = PART_BYTES_MAX
            .min(READ_BYTES_MAX.saturating_sub(self.read))
            .min(archive::unpacked_max(packed));
        let mut bytes = Vec::new();
        file.take(most + 1).read_to_end(&mut bytes).map_err(|_| damaged())?;
        if bytes.len() as u64 > most {
            let detail = format!("a part of the file unpacks to more than {most} bytes: split it");
            return Err(Unreadable::new(Reason::TooLarge, detail));
        }
        self.read += bytes.len() as u64;
        Ok(Some(decoded(bytes)))
    }

    /// A part as one element; `None` where there is no such part.
    pub(in crate::document) fn element(
        &mut self,
        name: &str,
    ) -> Result<Option<Element>, Unreadable> {
        let text = self.part(name)?;
        text.map(|text| Xml::whole(&text, self.watch)).transpose()
    }

    /// What a part (or, by the empty name, the file) refers to.
    pub(in crate::document) fn relations(&mut self, of: &str) -> Result<Vec<Relation>, Unreadable> {
        let (folder, file) = of.rsplit_once('/').unwrap_or(("", of));
        let slash = if folder.is_empty() { "" } else { "/" };
        let list = self.element(&format!("{folder}{slash}_rels/{file}.rels"))?;
        let Some(list) = list else { return Ok(Vec::new()) };
        let relation = |one: &Element| {
            let text = |name: &str| one.attribute(name).unwrap_or_default();
            let external = text("TargetMode").eq_ignore_ascii_case("external");
            let target =
                if external { text("Target").to_owned() } else { resolved(folder, text("Target")) };
            let kind = text("Type").rsplit('/').next().unwrap_or_default().to_owned();
            Relation { id: text("Id").to_owned(), kind, target, external }
        };
        Ok(list.elements().map(relation).collect())
    }

    /// The part that the file is about, by its relation `officeDocument`.
    pub(in crate::document) fn main_part(&mut self) -> Result<String, Unreadable> {
        let main = self.relations("")?.into_iter().find(|to| to.kind == "officeDocument");
        main.filter(|main| !main.external).map(|main| main.target).ok_or_else(|| {
            let detail = "the office file does not say which part is the document: get a good copy";
            Unreadable::new(Reason::Malformed, detail)
        })
    }
}

/// A target as a part's name: relative to the folder of the part that names it, or absolute.
fn resolved(folder: &str, target: &str) -> String {
    let absolute = target.strip_prefix('/');
    let mut path: Vec<&str> = match absolute {
        Some(_) => Vec::new(),
        None => folder.split('/').filter(|step| !step.is_empty()).collect(),
    };
    for step in absolute.unwrap_or(target).split('/') {
        match step {
            "" | "." => {}
            ".." => drop(path.pop()),
            step => path.push(step),
        }
    }
    path.join("/")
}

/// What a ZIP is: an office document of a kind that is read, or `None` for a plain archive.
///
/// # Errors
/// [`Reason::NotSupported`] for office documents of other kinds.
pub(in crate::document) fn kind_of(
    bytes: &[u8],
    watch: &Watch,
) -> Result<Option<Kind>, Unreadable> {
    let mut package = match Package::open(bytes, watch) {
        Ok(package) => package,
        // It may still be an archive: those have bounds of their own.
        Err(Unreadable { reason: Reason::TooLarge, .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    if !package.names().any(|name| name == "[Content_Types].xml") {
        return open_document(&package).map_or(Ok(None), Err);
    }
    let main = package.main_part()?;
    let types = package.element("[Content_Types].xml")?.unwrap_or_default();
    let declared = types.elements().find_map(|one| {
        let part = one.attribute("PartName")?.trim_start_matches('/');
        part.eq_ignore_ascii_case(&main).then(|| one.attribute("ContentType").unwrap_or_default())
    });
    let declared = declared.unwrap_or_default();
    // Templates and documents with macros are read as documents; macros are never run.
    if declared.contains("wordprocessingml.") || declared.contains("ms-word.") {
        return Ok(Some(Kind::Docx));
    }
    let binary = declared.contains(".binary");
    if (declared.contains("spreadsheetml.") || declared.contains("ms-excel.")) && !binary {
        return Ok(Some(Kind::Xlsx));
    }
    let what = if binary {
        "a binary workbook: save it as XLSX"
    } else if declared.contains("presentation") {
        "a presentation: save it as PDF"
    } else {
        "an office document of a kind that is not read here: save it as PDF"
    };
    Err(Unreadable::new(Reason::NotSupported, format!("this is {what}")))
}

/// Why an OpenDocument file or an e-book is not read.
fn open_document(package: &Package<'_>) -> Option<Unreadable> {
    let has = |wanted: &str| package.names().any(|name| name == wanted);
    (has("mimetype") && (has("content.xml") || has("META-INF/container.xml"))).then(|| {
        let detail = "this is an OpenDocument file or an e-book: save it as DOCX, XLSX or PDF";
        Unreadable::new(Reason::NotSupported, detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_found_from_the_part_that_names_them() {
        let table = [
            ("word", "styles.xml", "word/styles.xml"),
            ("word", "/docProps/core.xml", "docProps/core.xml"),
            ("word", "../customXml/item1.xml", "customXml/item1.xml"),
            ("", "word/document.xml", "word/document.xml"),
            ("a/b", "../../../../x", "x"),
        ];
        for (folder, target, expected) in table {
            assert_eq!(resolved(folder, target), expected);
        }
    }
}
