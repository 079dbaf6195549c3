//! `affiant audit witness`: on an auditor's machine, without a home.

use serde_json::json;

use crate::app::{Tls, bind_witness, open_witness};
use crate::audit::note::NoteVerifier;
use crate::cli::audit_args::WitnessArgs;
use crate::cli::context::Context;
use crate::cli::reply::{Failure, Reply};

pub(super) fn serve(context: &Context<'_>, args: &WitnessArgs) -> Result<Reply, Failure> {
    let logs: Result<Vec<_>, _> = args.log.iter().map(|log| verifier_key(context, log)).collect();
    let folder = context.path(&args.state);
    let witness = open_witness(&folder, args.name.clone(), &logs?)?;
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(cert), Some(key)) => Tls::Files { cert: context.path(cert), key: context.path(key) },
        (None, None) | (Some(_), None) | (None, Some(_)) => Tls::Plain,
    };
    let stopped: anyhow::Result<()> = actix_web::rt::System::new().block_on(async {
        let serving = bind_witness(&witness, args.listen, &tls)?;
        let (url, vkey) = (&serving.url, witness.verifier());
        let line = format!("witness {} {vkey} {url}", short_name(&vkey.to_string()));
        let text = format!(
            "Affiant witnesses {} log key(s) at {url}, remembering in {}\n\
             Line for the log's tlog-policy:\n  {line}\n",
            args.log.len(),
            folder.display(),
        );
        let value = json!({ "url": url, "vkey": vkey.to_string(), "policy_line": line });
        (context.announce)(&Reply::done(value, text));
        Ok(serving.server.await?)
    });
    stopped?;
    Ok(Reply::silent())
}

/// The key itself, or the file that holds it.
fn verifier_key(context: &Context<'_>, log: &str) -> Result<NoteVerifier, Failure> {
    if let Ok(key) = log.parse() {
        return Ok(key);
    }
    let path = context.path(std::path::Path::new(log));
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Failure::usage(format!("--log {log} is no verifier key, and no file with one: {error}"))
    })?;
    let key = text.trim_end().parse();
    key.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

/// What a policy may call the witness: its key's name.
fn short_name(vkey: &str) -> &str {
    vkey.split('+').next().unwrap_or(vkey)
}
