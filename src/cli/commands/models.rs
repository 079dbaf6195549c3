//! `affiant provision` and `affiant models …`.

use serde_json::{Value, json};

use crate::cli::args::ProvisionArgs;
use crate::cli::context::Context;
use crate::cli::reply::{Failure, Reply};
use crate::models::{ModelStore, ProvisionOptions};

pub(super) fn provision(context: &Context<'_>, args: &ProvisionArgs) -> Result<Reply, Failure> {
    let store = ModelStore::at(&context.options.models.cache);
    let options = ProvisionOptions {
        from: args.from.as_ref().map(|dir| context.path(dir)),
        save: args.save.as_ref().map(|dir| context.path(dir)),
        python: context.options.models.python.clone(),
    };
    let found = store.provision(&options, context.progress).map_err(anyhow::Error::from)?;
    let models: Vec<Value> = found
        .manifests
        .iter()
        .map(|m| json!({ "id": m.id, "role": m.role, "sha256": m.graph_sha256 }))
        .collect();
    let mut text =
        format!("ONNX Runtime {} ({})\n", found.runtime.version, found.runtime.sha256.short());
    for manifest in &found.manifests {
        text.push_str(&format!("{} ({})\n", manifest.id, manifest.graph_sha256.short()));
    }
    let runtime = json!({ "version": found.runtime.version, "sha256": found.runtime.sha256 });
    Ok(Reply::done(json!({ "runtime": runtime, "models": models }), text))
}

pub(super) fn list(context: &Context<'_>) -> Result<Reply, Failure> {
    let manifests = ModelStore::at(&context.options.models.cache).list();
    let mut text = String::new();
    for manifest in &manifests {
        let role = serde_json::to_value(manifest.role).unwrap_or_default();
        text.push_str(&format!(
            "{:<28} {:<10} {:<6} {}\n",
            manifest.id,
            role.as_str().unwrap_or_default(),
            manifest.quantization.as_str(),
            manifest.graph_sha256
        ));
    }
    if manifests.is_empty() {
        text.push_str("no models yet; run `affiant provision`\n");
    }
    let models: Vec<Value> = manifests
        .iter()
        .map(|manifest| {
            let mut value = serde_json::to_value(manifest).unwrap_or_default();
            if let Some(object) = value.as_object_mut() {
                object.insert("sha256".to_owned(), json!(manifest.graph_sha256));
            }
            value
        })
        .collect();
    Ok(Reply::done(json!({ "models": models }), text))
}
