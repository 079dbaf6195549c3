//! Binding the server: addresses, protection, headers, routes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::middleware::DefaultHeaders;
use actix_web::{App as ActixApp, HttpServer, web};
use anyhow::{Context as _, bail};
use tokio::sync::Semaphore;

use crate::domain::limits::UPLOADS_MAX;
use crate::http::{self, About, Jobs, KnownModel, UseCases};
use crate::models::ModelStore;
use crate::portal;

use super::{App, Engine, tls};

/// How connections are protected.
#[derive(Clone, Debug)]
pub enum Tls {
    /// HTTPS with this certificate and key.
    Files {
        /// Certificate chain, PEM.
        cert: PathBuf,
        /// Private key, PEM.
        key: PathBuf,
    },
    /// Plain HTTP: on loopback, or behind a proxy that ends TLS.
    Plain,
}

/// A server that listens.
pub struct Serving {
    /// Where, with the port that was taken.
    pub address: SocketAddr,
    /// `https://…` or `http://…`.
    pub url: String,
    /// Stops it.
    pub handle: ServerHandle,
    /// Runs until it is stopped.
    pub server: actix_web::dev::Server,
}

/// Binds the server; it runs when its future is awaited.
///
/// # Errors
/// Where the address is taken, plain HTTP would leave the machine, or the certificate is bad.
pub fn bind(
    app: &App,
    engine: &Engine,
    listen: SocketAddr,
    protection: &Tls,
) -> anyhow::Result<Serving> {
    let plain = matches!(protection, Tls::Plain);
    if plain && !listen.ip().is_loopback() && !app.options.server.behind_proxy {
        bail!("{listen} is not a loopback address: plain HTTP needs server.behind_proxy = true");
    }
    // Browsers reach a proxy over TLS, though we do not see it.
    let secure_cookies = !plain || app.options.server.behind_proxy;
    let cases = web::Data::new(cases(app, engine, secure_cookies)?);
    let server = HttpServer::new(move || {
        let headers = DefaultHeaders::new()
            .add(("Content-Security-Policy", portal::assets::CONTENT_SECURITY_POLICY))
            .add(("X-Content-Type-Options", "nosniff"))
            .add(("X-Frame-Options", "DENY"))
            .add(("Referrer-Policy", "no-referrer"))
            .add(("Cross-Origin-Opener-Policy", "same-origin"))
            .add(("Permissions-Policy", "camera=(), microphone=(), geolocation=()"));
        ActixApp::new()
            .app_data(cases.clone())
            .wrap(headers)
            .configure(http::configure)
            .configure(portal::configure)
    })
    .workers(2)
    .shutdown_timeout(10);
    let bound = match protection {
        Tls::Plain => server.bind(listen),
        Tls::Files { cert, key } => server.bind_rustls_0_23(listen, tls::server_config(cert, key)?),
    }
    .with_context(|| format!("cannot listen on {listen}"))?;
    let address = bound.addrs().first().copied().context("no address was bound")?;
    let scheme = if plain { "http" } else { "https" };
    let server = bound.run();
    Ok(Serving { address, url: format!("{scheme}://{address}"), handle: server.handle(), server })
}

fn cases(app: &App, engine: &Engine, secure_cookies: bool) -> anyhow::Result<UseCases> {
    Ok(UseCases {
        answerer: Arc::clone(&engine.answerer),
        ingestor: Arc::clone(&engine.ingestor),
        governor: Arc::clone(&app.governor),
        examiner: Arc::clone(&app.examiner),
        reader: Arc::clone(&app.reader),
        policies: app.policies.clone(),
        log: app.log.clone(),
        witnesses: Arc::clone(&app.witnesses),
        log_dir: crate::audit::LogPaths::of(app.home.path()).log,
        entry_readers: app.options.entry_readers,
        jobs: Arc::new(Jobs::default()),
        gate: Arc::new(Semaphore::new(app.options.server.queue)),
        uploads: Arc::new(Semaphore::new(UPLOADS_MAX)),
        metrics: Arc::clone(&app.metrics),
        clock: Arc::clone(&app.clock),
        entropy: Arc::clone(&app.entropy),
        behind_proxy: app.options.server.behind_proxy,
        secure_cookies,
        about: about(app, engine)?,
    })
}

fn about(app: &App, engine: &Engine) -> anyhow::Result<About> {
    let store = ModelStore::at(&app.options.models.cache);
    let used: Vec<_> = engine.models.digests().into_values().collect();
    let models = store.list().into_iter().map(|manifest| KnownModel {
        folder: store.model_dir(manifest.id),
        is_used: used.contains(&manifest.graph_sha256),
        manifest,
    });
    Ok(About {
        runtime: store.installed()?.map_or_else(String::new, |found| found.runtime.version),
        models: models.collect(),
    })
}
