//! `affiant audit wall` and `affiant audit disclosures`: reports that are handed to others.

use std::path::Path;

use serde_json::json;

use crate::cli::audit_args::{DisclosuresArgs, WallArgs};
use crate::cli::context::Context;
use crate::cli::reply::{Failure, Reply, exit};
use crate::domain::clock::Timestamp;
use crate::durable::{self, Readers};
use crate::http::{accounting_body, wall_body};

pub(super) fn wall(context: &mut Context<'_>, args: WallArgs) -> Result<Reply, Failure> {
    let reader = context.reader(args.as_user.as_deref())?;
    let out = args.out.map(|out| context.path(&out));
    let app = context.app()?;
    let made = app.examiner.wall(&reader, &args.matter)?;
    let (certificate, signed) = &*made;
    let text = certificate.to_markdown();
    if let Some(out) = &out {
        durable::create_dir_all(out)?;
        write(&out.join("certificate.md"), text.as_bytes())?;
        write(&out.join("certificate.dsse.json"), signed)?;
    }
    let mut value = wall_body(&made);
    if let Some(object) = value.as_object_mut() {
        object.insert("out".to_owned(), json!(out));
    }
    let code = if certificate.clean { exit::DONE } else { exit::CHECK_FAILED };
    Ok(Reply::done(value, text).with_exit(code))
}

pub(super) fn disclosures(
    context: &mut Context<'_>,
    args: DisclosuresArgs,
) -> Result<Reply, Failure> {
    let reader = context.reader(args.as_user.as_deref())?;
    let since = args.since.as_deref().map(str::parse).transpose()?;
    let until = args.until.as_deref().map(Timestamp::end_of).transpose()?;
    let out = args.out.map(|out| context.path(&out));
    let app = context.app()?;
    let made = app.examiner.disclosures(&reader, &args.patient, (since, until))?;
    let text = made.to_markdown();
    if let Some(out) = &out {
        write(out, text.as_bytes())?;
    }
    Ok(Reply::done(accounting_body(&made), text))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    Ok(durable::create_new(path, bytes, Readers::Owner)?)
}
