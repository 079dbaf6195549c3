//! Office files made in tests.

use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const RELATION: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// A ZIP of these members.
pub(in crate::document) fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in members {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A document's parts beside its body.
#[derive(Default)]
pub(in crate::document) struct Sample {
    parts: Vec<(String, Vec<u8>)>,
    relations: String,
}

impl Sample {
    /// A part that the main part refers to by `kind`; its id is its name.
    pub(in crate::document) fn with(mut self, kind: &str, name: &str, text: &str) -> Self {
        let target =
            format!("<Relationship Id='{name}' Type='{RELATION}/{kind}' Target='{name}'/>");
        self.relations.push_str(&target);
        self.parts.push((format!("word/{name}"), text.as_bytes().to_vec()));
        self
    }

    /// Something outside the file.
    pub(in crate::document) fn outside(mut self, kind: &str, target: &str) -> Self {
        let target = format!(
            "<Relationship Id='x' Type='{RELATION}/{kind}' Target='{target}' TargetMode='External'/>"
        );
        self.relations.push_str(&target);
        self
    }

    /// A part that nothing refers to.
    pub(in crate::document) fn beside(mut self, name: &str, bytes: &[u8]) -> Self {
        self.parts.push((name.to_owned(), bytes.to_vec()));
        self
    }

    /// The file, with this in its body.
    pub(in crate::document) fn docx(self, body: &str) -> Vec<u8> {
        let document = format!(
            "<?xml version='1.0'?><w:document xmlns:w='w' xmlns:r='r' xmlns:mc='mc'><w:body>{body}</w:body></w:document>"
        );
        self.file("wordprocessingml.document.main+xml", &document)
    }

    /// The file, with this main part.
    pub(in crate::document) fn file(self, content_type: &str, main: &str) -> Vec<u8> {
        let types = format!(
            "<Types><Override PartName='/word/document.xml' \
             ContentType='application/vnd.openxmlformats-officedocument.{content_type}'/></Types>"
        );
        let root = format!(
            "<Relationships><Relationship Id='r1' Type='{RELATION}/officeDocument' Target='/word/document.xml'/>\
             <Relationship Id='r2' Type='{RELATION}/metadata/core-properties' Target='docProps/core.xml'/></Relationships>"
        );
        let relations = format!("<Relationships>{}</Relationships>", self.relations);
        let mut members: Vec<(&str, &[u8])> = vec![
            ("[Content_Types].xml", types.as_bytes()),
            ("_rels/.rels", root.as_bytes()),
            ("word/document.xml", main.as_bytes()),
            ("word/_rels/document.xml.rels", relations.as_bytes()),
        ];
        members.extend(self.parts.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())));
        zipped(&members)
    }
}
