//! `affiant init`, `affiant serve` and `affiant rebuild`.

use std::future::{Future as _, poll_fn};
use std::io::Read as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use serde_json::json;

use crate::app::{
    self, App, InitOptions, Tls, Upkeep, Watch, Witnessing, bind, certificate_fingerprint,
};
use crate::audit::What;
use crate::cli::args::{InitArgs, ServeArgs};
use crate::cli::context::Context;
use crate::cli::remote;
use crate::cli::reply::{Failure, Reply};
use crate::domain::digest::{Digest, DigestWriter};
use crate::http::EntryReaders;

pub(super) fn init(context: &mut Context<'_>, args: &InitArgs) -> Result<Reply, Failure> {
    let init = InitOptions {
        admin: args.admin.parse()?,
        approver: args.approver.parse()?,
        policies: args.policies.clone(),
    };
    let made = app::create(&context.options, &init)
        .map_err(|error| Failure::usage(format!("{error:#}")))?;
    let readers = match made.app.options.entry_readers {
        EntryReaders::Anyone => "anyone",
        EntryReaders::Auditors => "auditors",
    };
    let account =
        |(name, password): &(_, String)| json!({ "username": name, "password": password });
    let value = json!({
        "home": context.options.home,
        "vkey": made.vkey.trim_end(),
        "fingerprint": made.fingerprint,
        "admin": account(&made.admin),
        "approver": account(&made.approver),
        "log_entries": readers,
    });
    let text = format!(
        "home          {}\nverifier key  {}\ncertificate   {}\nadministrator {}  {}\napprover      {}  {}\nlog entries   for {readers} ([log] entries in affiant.toml)\n\
         Keep a copy of the verifier key elsewhere. The passwords are not shown again: hand each to its\n\
         owner, who changes it first (`affiant user password NAME --password-stdin --new-password-file F`).\n\
         Until then it signs in, and confirms nothing that takes two persons.\n",
        context.options.home.display(),
        made.vkey.trim_end(),
        made.fingerprint,
        made.admin.0,
        made.admin.1,
        made.approver.0,
        made.approver.1,
    );
    Ok(Reply::done(value, text))
}

pub(super) fn rebuild(context: &Context<'_>) -> Result<Reply, Failure> {
    let done = app::rebuild(context.options.clone(), context.progress)?;
    let value = json!({ "documents": done.documents, "passages": done.passages });
    let text = format!(
        "rebuilt the catalogue and the index: {} documents, {} passages\n",
        done.documents, done.passages
    );
    Ok(Reply::done(value, text))
}

pub(super) fn serve(context: &mut Context<'_>, args: &ServeArgs) -> Result<Reply, Failure> {
    let server = &context.options.server;
    let listen = args.listen.unwrap_or(server.listen);
    let tls = if args.plain || server.behind_proxy {
        Tls::Plain
    } else if let (Some(cert), Some(key)) = (&args.tls_cert, &args.tls_key) {
        Tls::Files { cert: context.path(cert), key: context.path(key) }
    } else if let Some(files) = &server.tls {
        Tls::Files { cert: files.cert.clone(), key: files.key.clone() }
    } else {
        let (cert, key) = app::Home::at(&context.options.home).tls();
        Tls::Files { cert, key }
    };
    let app = context.take_app()?;
    let announce = context.announce;
    run(&app, listen, &tls, context.progress, &mut |url, fingerprint| {
        let mut text = format!("Affiant serves {url}\n");
        if let Some(fingerprint) = fingerprint {
            text.push_str(&format!("certificate SHA-256 {fingerprint}\n"));
        }
        announce(&Reply::done(json!({ "url": url, "fingerprint": fingerprint }), text));
    })?;
    Ok(Reply::silent())
}

/// Serves until SIGINT or SIGTERM, or until it cannot go on, which is an error; `ready` is told the address and the certificate's fingerprint.
pub(super) fn run(
    app: &Arc<App>,
    listen: SocketAddr,
    tls: &Tls,
    progress: &dyn crate::models::Progress,
    ready: &mut dyn FnMut(&str, Option<&str>),
) -> Result<(), Failure> {
    let engine = app.engine(progress)?;
    let fingerprint = match tls {
        Tls::Files { cert, .. } => Some(certificate_fingerprint(cert)?),
        Tls::Plain => None,
    };
    app.record_own(What::LogStarted {
        binary: binary_digest()?,
        config: Digest::of(format!("{:?}", app.options).as_bytes()),
        policy: app.policies.digest(),
        models: engine.models.digests(),
        size: app.log.size(),
    })?;
    let commands = remote::listen(app)?;
    let upkeep = Upkeep::start(Arc::clone(&engine.index), Arc::clone(&app.governor))?;
    let witnessing = Witnessing::start(app)?;
    let served: anyhow::Result<Watch> = actix_web::rt::System::new().block_on(async {
        let serving = bind(app, &engine, listen, tls)?;
        let handle = serving.handle.clone();
        let watch = Watch::start(app, &engine, move || drop(handle.stop(true)))?;
        let mut server = serving.server;
        // Looked at once, it listens for signals: from now on a stop is a clean one.
        let ended = poll_fn(|context| Poll::Ready(Pin::new(&mut server).poll(context))).await;
        ready(&serving.url, fingerprint.as_deref());
        match ended {
            Poll::Ready(ended) => ended?,
            Poll::Pending => server.await?,
        }
        Ok(watch)
    });
    drop(commands);
    drop(upkeep);
    drop(witnessing);
    match served {
        Ok(watch) => Ok(watch.finish()?),
        Err(error) => {
            app.record_last(What::LogStopped { served_s: 0 })?;
            Err(error.into())
        }
    }
}

/// SHA-256 of the running program.
fn binary_digest() -> std::io::Result<Digest> {
    let mut file = std::fs::File::open("/proc/self/exe")?;
    let mut writer = DigestWriter::default();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut buffer)?;
        match buffer.get(..count) {
            Some([]) | None => return Ok(writer.finish()),
            Some(read) => writer.update(read),
        }
    }
}
