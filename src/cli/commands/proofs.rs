//! `affiant audit proof` and `affiant audit check-proof`.

use std::path::Path;

use serde_json::json;

use super::audit::note;
use crate::audit::check_proof;
use crate::audit::note::NoteVerifier;
use crate::cli::audit_args::{CheckProofArgs, ProofArgs};
use crate::cli::context::Context;
use crate::cli::reply::{Failure, Reply, exit};
use crate::domain::digest::Digest;
use crate::domain::ids::EntryIndex;
use crate::durable::{self, Readers};

/// Writes the proof of an entry, and where asked the exact bytes that it proves.
pub(super) fn proof(context: &mut Context<'_>, args: &ProofArgs) -> Result<Reply, Failure> {
    let reader = context.reader(args.as_user.as_deref())?;
    let (at, out) = (EntryIndex(args.index), context.path(&args.out));
    let leaf = args.leaf.as_deref().map(|leaf| context.path(leaf));
    let examiner = &context.app()?.examiner;
    let proof = examiner.proof(&reader, at)?;
    durable::replace(&out, proof.as_bytes(), Readers::Everyone)?;
    if let Some(leaf) = &leaf {
        let entry = examiner.show(&reader, at)?;
        durable::replace(leaf, &entry.bytes, Readers::Everyone)?;
    }
    let text = format!("wrote {}", out.display());
    Ok(Reply::done(json!({ "path": out, "leaf": leaf }), text))
}

/// Checks a proof against the bytes of an entry and the log's key, with nothing else at hand.
pub(super) fn check(context: &Context<'_>, args: &CheckProofArgs) -> Result<Reply, Failure> {
    let path = |path: &Path| context.path(path);
    let (proof, vkey) = (note(&path(&args.proof))?, note(&path(&args.vkey))?);
    let leaf = path(&args.leaf);
    let entry = std::fs::read(&leaf).map_err(|error| {
        Failure::usage(format!("the entry {} cannot be read: {error}", leaf.display()))
    })?;
    let key: NoteVerifier = vkey.trim_end().parse().map_err(|error| {
        Failure::usage(format!("{} is no verifier key: {error}", args.vkey.display()))
    })?;
    Ok(match check_proof(&proof, &entry, &key) {
        Ok((index, checkpoint)) => {
            let text = format!(
                "ok: entry {index} of {} with {} entries\n",
                checkpoint.origin, checkpoint.size
            );
            let value = json!({ "ok": true, "index": index, "size": checkpoint.size,
                "origin": checkpoint.origin, "sha256": Digest::of(&entry) });
            Reply::done(value, text)
        }
        Err(error) => {
            let value = json!({ "ok": false, "detail": error.to_string() });
            Reply::done(value, format!("NOT ok: {error}\n")).with_exit(exit::CHECK_FAILED)
        }
    })
}
