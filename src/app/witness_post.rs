//! The one place that speaks HTTP to witnesses: only to the addresses that the operator's policy
//! names.

use anyhow::Context as _;

use crate::audit::{Post, PostReply};
use crate::config::WitnessConfig;

use super::outward;

/// A size or a few signature lines.
const REPLY_BYTES_MAX: u64 = 64 * 1024;

/// Sends to witnesses, as configured.
pub(super) fn sender(config: &WitnessConfig) -> anyhow::Result<Box<Post>> {
    if config.policy.witnesses().is_empty() {
        return Ok(Box::new(|_, _| None));
    }
    let agent =
        outward::agent(config.timeout, config.ca_file.as_deref()).context("witness.ca_file")?;
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
