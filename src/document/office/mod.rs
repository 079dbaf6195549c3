//! What DOCX and XLSX share: a ZIP of XML parts that refer to each other (ECMA-376, part 2).
//!
//! [`Package`] opens the file and hands out parts, each within bounds; [`Xml`] reads one piece by
//! piece; [`catalogue`] tells title and what could act.

mod catalogue;
mod package;
#[cfg(test)]
pub(super) mod samples;
mod xml;

pub(super) use catalogue::{Acting, title};
pub(super) use package::{Package, Relation, kind_of};
pub(super) use xml::{Element, Node, Xml};
