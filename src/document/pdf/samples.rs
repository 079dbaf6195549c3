//! Small PDFs for tests, built with `lopdf`.

use lopdf::encryption::crypt_filters::{Aes256CryptFilter, CryptFilter};
use lopdf::{
    Dictionary, Document, EncryptionState, EncryptionVersion, Object, Permissions, Stream,
};
use lopdf::{StringFormat, dictionary};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A document under construction: settings apply to the pages added after them.
pub(in crate::document) struct Sample {
    document: Document,
    resources: Dictionary,
    pages: Vec<Object>,
    tree: (u32, u16),
    rotate: i64,
    crop: Option<[i64; 4]>,
}

impl Sample {
    pub(in crate::document) fn new() -> Self {
        let mut document = Document::with_version("1.7");
        let tree = document.new_object_id();
        let font = document.add_object(dictionary! {
            "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Courier",
            "Encoding" => "WinAnsiEncoding",
        });
        let grey = Stream::new(
            dictionary! {
                "Type" => "XObject", "Subtype" => "Image", "Width" => 2, "Height" => 2,
                "ColorSpace" => "DeviceGray", "BitsPerComponent" => 8,
            },
            vec![200, 100, 50, 250],
        );
        let image = document.add_object(grey);
        let clear = document.add_object(dictionary! { "Type" => "ExtGState", "ca" => 0 });
        let resources = dictionary! {
            "Font" => dictionary! { "F1" => font },
            "XObject" => dictionary! { "Im" => image },
            "ExtGState" => dictionary! { "Clear" => clear },
        };
        Self { document, resources, pages: Vec::new(), tree, rotate: 0, crop: None }
    }

    pub(in crate::document) fn rotate(mut self, degrees: i64) -> Self {
        self.rotate = degrees;
        self
    }

    pub(in crate::document) fn crop(mut self, edges: [i64; 4]) -> Self {
        self.crop = Some(edges);
        self
    }

    pub(in crate::document) fn title(mut self, title: &str) -> Self {
        let info = dictionary! { "Title" => Object::string_literal(title) };
        let info = self.document.add_object(info);
        self.document.trailer.set("Info", info);
        self
    }

    /// Adds a page of 612 by 792 points that draws `content`.
    pub(in crate::document) fn page(mut self, content: &str) -> Self {
        let stream = Stream::new(Dictionary::new(), content.as_bytes().to_vec());
        let content = self.document.add_object(stream);
        let mut page = dictionary! {
            "Type" => "Page", "Parent" => self.tree, "Contents" => content,
            "MediaBox" => edges([0, 0, 612, 792]), "Resources" => self.resources.clone(),
            "Rotate" => self.rotate,
        };
        if let Some(crop) = self.crop {
            page.set("CropBox", edges(crop));
        }
        let page = self.document.add_object(page);
        self.pages.push(page.into());
        self
    }

    fn close(mut self) -> Document {
        let count = self.pages.len() as i64;
        let tree = dictionary! { "Type" => "Pages", "Kids" => self.pages, "Count" => count };
        self.document.objects.insert(self.tree, tree.into());
        let root =
            self.document.add_object(dictionary! { "Type" => "Catalog", "Pages" => self.tree });
        self.document.trailer.set("Root", root);
        self.document
    }

    pub(in crate::document) fn bytes(self) -> Vec<u8> {
        saved(self.close())
    }

    /// Encrypted with AES-256 under a user's and an owner's password.
    pub(in crate::document) fn encrypted(self, user: &str, owner: &str) -> Vec<u8> {
        let mut document = self.close();
        let id = Object::String(vec![7; 16], StringFormat::Hexadecimal);
        document.trailer.set("ID", Object::Array(vec![id.clone(), id]));
        let filter: Arc<dyn CryptFilter> = Arc::new(Aes256CryptFilter);
        let version = EncryptionVersion::V5 {
            encrypt_metadata: true,
            crypt_filters: BTreeMap::from([(b"StdCF".to_vec(), filter)]),
            file_encryption_key: &[9; 32],
            stream_filter: b"StdCF".to_vec(),
            string_filter: b"StdCF".to_vec(),
            owner_password: owner,
            user_password: user,
            permissions: Permissions::all(),
        };
        let state = EncryptionState::try_from(version).unwrap();
        document.encrypt(&state).unwrap();
        saved(document)
    }
}

fn saved(mut document: Document) -> Vec<u8> {
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

fn edges(edges: [i64; 4]) -> Object {
    Object::Array(edges.into_iter().map(Object::Integer).collect())
}
