//! What is handed out of the record: formats of others, and bundles that prove themselves.

mod bundle;
mod forged;
mod records;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use affiant::durable::{self, Readers};
use affiant::examine::{ExportFormat, ExportRequest, Exported, Reader, RecordFormat};

use crate::support::test_app::TestApp;

/// The operator, who may export.
fn operator(app: &TestApp) -> Reader {
    Reader { actor: app.open().operator(None), person: None }
}

fn export(app: &TestApp, request: &ExportRequest) -> Exported {
    app.open().examiner.export(&operator(app), request).unwrap().into_parts().0
}

/// The text of an export.
fn text(app: &TestApp, format: RecordFormat) -> String {
    let request = ExportRequest::everything(ExportFormat::Records(format));
    let mut exported = export(app, &request);
    let mut text = String::new();
    exported.file.read_to_string(&mut text).unwrap();
    text
}

/// Writes an export to a file in `folder`.
fn write(exported: &Exported, folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    durable::replace_from(&path, &exported.file, Readers::Owner).unwrap();
    path
}
