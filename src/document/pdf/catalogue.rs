//! What a PDF says about itself without drawing it: title and active content, read by `lopdf`.
//!
//! Best effort: a file that `lopdf` cannot load has no title and no such warnings, and is read all
//! the same.

use lopdf::{Document, LoadOptions, Object};

use crate::document::guard::{self, Watch};
use crate::document::{Warning, WarningKind};

/// Largest unpacked structure stream.
const STRUCTURE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Larger files are not read a second time for their title.
const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What the file says about itself.
#[derive(Default)]
pub(super) struct Catalogue {
    pub(super) title: String,
    pub(super) warnings: Vec<Warning>,
}

/// Reads title and active content.
pub(super) fn read(bytes: &[u8], password: Option<&str>, watch: &Watch) -> Catalogue {
    if bytes.len() > FILE_BYTES_MAX || watch.check().is_err() {
        return Catalogue::default();
    }
    let options = LoadOptions {
        password: Some(password.unwrap_or_default().to_owned()),
        filter: Some(structure),
        max_decompressed_size: Some(STRUCTURE_BYTES_MAX),
        ..LoadOptions::default()
    };
    let loaded = guard::catch(|| Ok(Document::load_mem_with_options(bytes, options).ok()));
    let Ok(Some(document)) = loaded else { return Catalogue::default() };
    Catalogue {
        title: title(&document).unwrap_or_default(),
        warnings: active(&document).into_iter().collect(),
    }
}

/// A copy of an encrypted file without encryption; `None` where the password is wrong.
pub(super) fn decrypted(bytes: &[u8], password: &str) -> Option<Vec<u8>> {
    if bytes.len() > FILE_BYTES_MAX {
        return None;
    }
    let mut options = LoadOptions::with_password(password);
    options.max_decompressed_size = Some(STRUCTURE_BYTES_MAX);
    let copied = guard::catch(|| {
        let document = Document::load_mem_with_options(bytes, options).ok();
        Ok(document.filter(|document| !document.is_encrypted()).and_then(|mut document| {
            let mut copy = Vec::new();
            document.save_to(&mut copy).ok().map(|()| copy)
        }))
    });
    copied.ok().flatten()
}

/// Keeps objects without the contents of streams: only structure is wanted.
fn structure(id: (u32, u16), object: &mut Object) -> Option<((u32, u16), Object)> {
    if let Object::Stream(stream) = object
        && !stream.dict.has_type(b"ObjStm")
        && !stream.dict.has_type(b"XRef")
    {
        return Some((id, Object::Dictionary(std::mem::take(&mut stream.dict))));
    }
    Some((id, object.clone()))
}

fn title(document: &Document) -> Option<String> {
    let info = document.trailer.get(b"Info").ok()?;
    let (_, info) = document.dereference(info).ok()?;
    let (_, title) = document.dereference(info.as_dict().ok()?.get(b"Title").ok()?).ok()?;
    lopdf::decode_text_string(title).ok()
}

/// Warns of scripts, launched programs and embedded files.
fn active(document: &Document) -> Option<Warning> {
    let has = |wanted: fn(&lopdf::Dictionary) -> bool| {
        document.objects.values().any(|object| object.as_dict().is_ok_and(wanted))
    };
    let action = |dict: &lopdf::Dictionary, kind: &[u8]| {
        dict.get(b"S").and_then(Object::as_name).is_ok_and(|name| name == kind)
    };
    let mut found = Vec::new();
    if has(|dict| dict.has(b"JS")) {
        found.push("scripts");
    }
    let launches = document
        .objects
        .values()
        .any(|object| object.as_dict().is_ok_and(|dict| action(dict, b"Launch")));
    if launches {
        found.push("actions that start programs");
    }
    if has(|dict| dict.has(b"EmbeddedFiles") || dict.has_type(b"EmbeddedFile") || dict.has(b"EF")) {
        found.push("embedded files");
    }
    (!found.is_empty()).then(|| Warning {
        kind: WarningKind::ActiveContent,
        page: None,
        detail: format!("the file holds {}: none was run or opened", found.join(", ")),
    })
}
