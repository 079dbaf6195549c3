//! Binding a witness: `affiant audit witness`, on an auditor's machine. It needs no home.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use actix_web::{App as ActixApp, HttpServer, web};
use anyhow::Context as _;

use super::serve::{Serving, Tls};
use super::tls;
use crate::audit::Witness;
use crate::audit::note::NoteVerifier;
use crate::domain::clock::{Entropy as _, SystemClock, SystemEntropy};
use crate::http;

/// Opens the witness that lies in `folder`, making it on first start under this name or one of its
/// own.
///
/// # Errors
/// What the witness says.
pub fn open_witness(
    folder: &Path,
    name: Option<String>,
    logs: &[NoteVerifier],
) -> anyhow::Result<Arc<Witness>> {
    let clock = Arc::new(SystemClock::start());
    let name = name.unwrap_or_else(|| {
        let mut random = [0; 4];
        SystemEntropy.fill(&mut random);
        format!("affiant.local/witness/{:08x}", u32::from_be_bytes(random))
    });
    let opened = Witness::open(folder, &name, logs, clock, &SystemEntropy);
    Ok(Arc::new(opened.context("the witness cannot be opened")?))
}

/// Binds it. What goes over the wire is signed and names nobody, so plain HTTP is allowed on any
/// address.
///
/// # Errors
/// Where the address is taken, or the certificate is bad.
pub fn bind_witness(
    witness: &Arc<Witness>,
    listen: SocketAddr,
    protection: &Tls,
) -> anyhow::Result<Serving> {
    let witness = web::Data::from(Arc::clone(witness));
    let server = HttpServer::new(move || {
        ActixApp::new().app_data(witness.clone()).configure(http::configure_witness)
    })
    .workers(1)
    .shutdown_timeout(5);
    let bound = match protection {
        Tls::Plain => server.bind(listen),
        Tls::Files { cert, key } => server.bind_rustls_0_23(listen, tls::server_config(cert, key)?),
    }
    .with_context(|| format!("cannot listen on {listen}"))?;
    let address = bound.addrs().first().copied().context("no address was bound")?;
    let scheme = if matches!(protection, Tls::Plain) { "http" } else { "https" };
    let server = bound.run();
    Ok(Serving { address, url: format!("{scheme}://{address}"), handle: server.handle(), server })
}
