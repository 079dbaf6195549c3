//! The one place that speaks HTTP to witnesses: only to the addresses that the operator's policy
//! names, never through a proxy, never to where an answer points.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::audit::{Post, PostReply};
use crate::config::WitnessConfig;

/// A size or a few signature lines.
const REPLY_BYTES_MAX: u64 = 64 * 1024;

/// Sends to witnesses, as configured.
pub(super) fn sender(config: &WitnessConfig) -> anyhow::Result<Box<Post>> {
    if config.policy.witnesses().is_empty() {
        return Ok(Box::new(|_, _| None));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(RootCerts::Specific(Arc::new(roots(config.ca_file.as_deref())?)))
        .build();
    let agent = ureq::Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_global(Some(config.timeout))
        .user_agent("affiant")
        .tls_config(tls)
        .build()
        .new_agent();
    Ok(Box::new(move |url, body| match send(&agent, url, &body) {
        Ok(reply) => Some(reply),
        Err(error) => {
            tracing::warn!(%error, url, "a witness could not be reached");
            None
        }
    }))
}

fn send(agent: &ureq::Agent, url: &str, body: &str) -> Result<PostReply, ureq::Error> {
    let url = format!("{}/add-checkpoint", url.trim_end_matches('/'));
    let mut reply = agent.post(url).content_type("text/plain; charset=utf-8").send(body)?;
    let kind = reply.headers().get("Content-Type").and_then(|value| value.to_str().ok());
    let is_size = kind.is_some_and(|kind| kind.split(';').next() == Some("text/x.tlog.size"));
    let status = reply.status().as_u16();
    let body = reply.body_mut().with_config().limit(REPLY_BYTES_MAX).read_to_vec()?;
    Ok(PostReply { status, is_size, body })
}

/// The authorities that a witness's certificate may come from: the operator's, else the system's.
fn roots(file: Option<&Path>) -> anyhow::Result<Vec<Certificate<'static>>> {
    let found = match file {
        Some(path) => CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .with_context(|| format!("witness.ca_file {} holds no certificate", path.display()))?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    Ok(found.iter().map(|cert| Certificate::from_der(cert).to_owned()).collect())
}
