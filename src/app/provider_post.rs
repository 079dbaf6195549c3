//! The one place that speaks HTTP to the OpenID provider: to its issuer, and to the addresses that the
//! issuer's metadata names.

use std::sync::Arc;

use anyhow::Context as _;

use crate::config::OpenIdConfig;
use crate::domain::clock::{Clock, Entropy};
use crate::domain::limits::OPENID_REPLY_BYTES_MAX;
use crate::domain::secret::Secret;
use crate::identity::openid::{Ask, Call, Provider, Reply};

use super::outward;

/// The provider, as configured; nothing where none is.
pub(super) fn provider(
    config: Option<&OpenIdConfig>,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> anyhow::Result<Option<Provider>> {
    let Some(config) = config else { return Ok(None) };
    let agent =
        outward::agent(config.timeout, config.ca_file.as_deref()).context("openid.ca_file")?;
    let ask: Box<Ask> = Box::new(move |call| match send(&agent, call) {
        Ok(reply) => Some(reply),
        Err(error) => {
            tracing::warn!(%error, url = call.url, "the OpenID provider could not be reached");
            None
        }
    });
    let (clock, entropy) = (Arc::clone(clock), Arc::clone(entropy));
    Ok(Some(Provider::new(config.settings.clone(), ask, clock, entropy)))
}

fn send(agent: &ureq::Agent, call: &Call<'_>) -> Result<Reply, ureq::Error> {
    let authorization = call.authorization.as_ref().map(Secret::expose);
    let mut reply = match &call.form {
        Some(form) => {
            let mut request = agent.post(call.url).header("Accept", "application/json");
            if let Some(authorization) = authorization {
                request = request.header("Authorization", authorization);
            }
            request.content_type("application/x-www-form-urlencoded").send(form.expose())?
        }
        None => {
            let mut request = agent.get(call.url).header("Accept", "application/json");
            if let Some(authorization) = authorization {
                request = request.header("Authorization", authorization);
            }
            request.call()?
        }
    };
    let status = reply.status().as_u16();
    let body = reply.body_mut().with_config().limit(OPENID_REPLY_BYTES_MAX).read_to_vec()?;
    Ok(Reply { status, body })
}
