//! `affiant audit timestamp`: RFC 3161 by file drop.

use std::path::Path;

use serde_json::json;

use crate::audit::SignerTrust;
use crate::cli::context::Context;
use crate::cli::reply::{Failure, Reply};
use crate::policy::Action;

pub(super) fn request(
    context: &mut Context<'_>,
    out: &Path,
    as_user: Option<&str>,
) -> Result<Reply, Failure> {
    context.allowed(as_user, Action::ManageKeys)?;
    let out = context.path(out);
    let requested = context.app()?.request_timestamp(&out)?;
    let value = json!({ "path": out, "size": requested.size, "sha256": requested.imprint });
    let text = format!(
        "wrote {}: a timestamp request for the checkpoint of {} entries\n\
         Carry it to a timestamp authority, and its answer back to --reply.\n",
        out.display(),
        requested.size,
    );
    Ok(Reply::done(value, text))
}

pub(super) fn reply(
    context: &mut Context<'_>,
    reply: &Path,
    ca: Option<&Path>,
    as_user: Option<&str>,
) -> Result<Reply, Failure> {
    let (reply, ca) = (context.path(reply), ca.map(|path| context.path(path)));
    let actor = context.allowed(as_user, Action::ManageKeys)?;
    let (kept, entry) = context.app()?.take_timestamp(actor, &reply, ca.as_deref())?;
    let is_trusted = kept.trust == SignerTrust::Chain;
    let value = json!({
        "path": kept.path, "size": kept.size, "time": kept.time.to_string(),
        "signer_sha256": kept.signer, "trusted": is_trusted, "entry": entry,
    });
    let mut text = format!(
        "the checkpoint of {} entries was there at {}\nkept as {}, entry {}\n",
        kept.size,
        kept.time,
        kept.path.display(),
        entry.0,
    );
    if !is_trusted {
        text.push_str(
            "Who signed it was not checked: name the authority's certificate with --ca.\n",
        );
    }
    Ok(Reply::done(value, text))
}
