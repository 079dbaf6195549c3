//! The home's own certificate, and the operator's.

use std::path::Path;

use anyhow::Context as _;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::domain::digest::Digest;
use crate::durable::{self, Readers};

use super::Home;

/// Makes the home's own certificate, for `localhost` and the machine's name, and returns its
/// fingerprint: people compare it once, in their browser.
pub(super) fn create(home: &Home) -> anyhow::Result<String> {
    let (cert_path, key_path) = home.tls();
    if let Some(folder) = cert_path.parent() {
        durable::create_dir_all(folder)?;
    }
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if !host.is_empty() && host.is_ascii() && !names.contains(&host) {
        names.push(host);
    }
    let mut params = CertificateParams::new(names).context("the certificate cannot be made")?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Affiant");
    let key = KeyPair::generate()?;
    let cert = params.self_signed(&key)?;
    durable::create_new(&cert_path, cert.pem().as_bytes(), Readers::Owner)?;
    durable::create_new(&key_path, key.serialize_pem().as_bytes(), Readers::Owner)?;
    certificate_fingerprint(&cert_path)
}

/// SHA-256 of the first certificate of a PEM file, as browsers show it: `AB:CD:…`.
///
/// # Errors
/// Where the file cannot be read or holds no certificate.
pub fn certificate_fingerprint(path: &Path) -> anyhow::Result<String> {
    let cert = CertificateDer::from_pem_file(path)
        .with_context(|| format!("{} holds no certificate", path.display()))?;
    let digest = Digest::of(&cert);
    let pairs: Vec<String> = digest.as_bytes().iter().map(|byte| format!("{byte:02X}")).collect();
    Ok(pairs.join(":"))
}

/// TLS 1.2 and 1.3 with this certificate.
pub(super) fn server_config(cert: &Path, key: &Path) -> anyhow::Result<rustls::ServerConfig> {
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("{} holds no certificate chain", cert.display()))?;
    let private = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("{} holds no private key", key.display()))?;
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .context("certificate and key do not belong together")
}
