//! How HTTP leaves this machine: to configured places alone, never through a proxy, never to where an
//! answer points, never for long.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// A client that gives up after `timeout` and trusts the authorities in `ca_file`, else the system's.
pub(super) fn agent(timeout: Duration, ca_file: Option<&Path>) -> anyhow::Result<ureq::Agent> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(RootCerts::Specific(Arc::new(roots(ca_file)?)))
        .build();
    let config = ureq::Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_global(Some(timeout))
        .user_agent("affiant")
        .tls_config(tls);
    Ok(config.build().new_agent())
}

fn roots(file: Option<&Path>) -> anyhow::Result<Vec<Certificate<'static>>> {
    let found = match file {
        Some(path) => CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(|| format!("{} holds no certificate", path.display()))?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    Ok(found.iter().map(|cert| Certificate::from_der(cert).to_owned()).collect())
}
