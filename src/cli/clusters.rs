//! `holdfast clusters`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::args::body;
use super::client::Request;
use super::confirm::{SevereArgs, severe};
use super::context::Context;
use super::error::{CliError, Exit};
use super::output::Column;
use crate::cluster;

/// Largest kubeconfig or authority, in bytes.
const FILE_MAX: usize = 1 << 20;

/// Manage the clusters that environments run on.
#[derive(Debug, Subcommand)]
pub enum ClustersCommand {
    /// List the clusters
    #[command(visible_alias = "ls")]
    List,
    /// Show a cluster
    Show {
        /// Its name or id
        cluster: String,
    },
    /// Add a cluster, after asking it who it is
    Add {
        /// Its name
        name: String,
        /// How it is reached.
        #[command(flatten)]
        source: SourceArgs,
        /// The Holdfast image its pods get as their gate
        #[arg(long, value_name = "IMAGE")]
        image: Option<String>,
        /// Add it although it cannot be asked yet
        #[arg(long)]
        unasked: bool,
    },
    /// Change how a cluster is called, or the image its pods get as their gate
    Update {
        /// Its name or id
        cluster: String,
        /// Its new name
        #[arg(long)]
        name: Option<String>,
        /// The Holdfast image; empty for none
        #[arg(long, value_name = "IMAGE")]
        image: Option<String>,
    },
    /// Look whether a cluster is fit for environments, and how to make it so (takes up to a minute)
    Test {
        /// Its name or id
        cluster: String,
    },
    /// Give a cluster a new credential, after asking the cluster whether it takes it
    Rotate {
        /// Its name or id
        cluster: String,
        /// How it is reached.
        #[command(flatten)]
        source: SourceArgs,
    },
    /// Remove a cluster; nothing on it is touched
    Remove {
        /// Its name
        cluster: String,
        /// How it is confirmed.
        #[command(flatten)]
        severe: SevereArgs,
    },
    /// Write the account Holdfast wants on a cluster, and the policy that binds it, without a server
    Manifest,
}

/// How a cluster is reached.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct SourceArgs {
    /// A kubeconfig; `-` is stdin
    #[arg(long, value_name = "FILE", conflicts_with_all = ["server", "local"])]
    kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig [default: its current one]
    #[arg(long, value_name = "CONTEXT", requires = "kubeconfig")]
    context: Option<String>,
    /// The address of the API server, like https://10.0.0.1:6443
    #[arg(long, value_name = "URL", conflicts_with = "local")]
    server: Option<String>,
    /// The certificate authority of the API server, PEM [default: those this machine trusts]
    #[arg(long, value_name = "FILE", requires = "server")]
    ca: Option<PathBuf>,
    /// The token of Holdfast's account there; `-` is stdin
    #[arg(long, value_name = "FILE", requires = "server")]
    account_token: Option<PathBuf>,
    /// The k3s on the server's own machine (instance operators)
    #[arg(long)]
    local: bool,
}

const COLUMNS: &[Column] = &[
    ("name", "/name"),
    ("state", "/state"),
    ("version", "/version"),
    ("found", "/found"),
    ("environments", "/environments"),
    ("server", "/server"),
];

const FIELDS: &[Column] = &[
    ("name", "/name"),
    ("kind", "/kind"),
    ("server", "/server"),
    ("state", "/state"),
    ("since", "/state_since"),
    ("message", "/message"),
    ("version", "/version"),
    ("account", "/account"),
    ("image", "/image"),
    ("found", "/found"),
    ("tested", "/tested_at"),
    ("environments", "/environments"),
    ("id", "/id"),
];

const BASE: &str = "clusters";

/// Runs the command.
///
/// # Errors
/// What the server refuses; a preflight that found something failed (exit code 1).
pub fn run(context: &Context, command: ClustersCommand) -> Result<(), CliError> {
    let output = &context.output;
    match command {
        ClustersCommand::List => output.list(&context.ask(&Request::get(&[BASE]))?, COLUMNS),
        ClustersCommand::Show { cluster } => output.item(&context.ask(&Request::get(&[BASE, &cluster]))?, FIELDS),
        ClustersCommand::Add { name, source, image, unasked } => {
            let mut fields = given(context, source)?;
            fields["name"] = name.as_str().into();
            fields["image"] = json!(image);
            fields["unasked"] = unasked.into();
            output.item(&context.ask(&Request::post(&[BASE]).body(&body(fields)))?, FIELDS)?;
            output.next(&format!("holdfast clusters test {name}"));
            Ok(())
        }
        ClustersCommand::Update { cluster, name, image } => {
            let fields = body(json!({"name": name, "image": image}));
            output.item(&context.ask(&Request::patch(&[BASE, &cluster]).body(&fields))?, FIELDS)
        }
        ClustersCommand::Test { cluster } => told(context, &context.ask(&Request::post(&[BASE, &cluster, "test"]))?),
        ClustersCommand::Rotate { cluster, source } => {
            let fields = body(given(context, source)?);
            output.item(&context.ask(&Request::put(&[BASE, &cluster, "credential"]).body(&fields))?, FIELDS)
        }
        ClustersCommand::Remove { cluster, severe: args } => {
            match severe(context, &args, "remove the cluster", &cluster, || Request::delete(&[BASE, &cluster]))? {
                Some(removed) => output.answer(&removed),
                None => Ok(()),
            }
        }
        ClustersCommand::Manifest => output.data(cluster::manifest().as_bytes()),
    }
}

/// The fields of a request that say how a cluster is reached.
fn given(context: &Context, source: SourceArgs) -> Result<Value, CliError> {
    let text = |path: &PathBuf| -> Result<String, CliError> {
        let bytes = context.input.content(Some(path), FILE_MAX)?;
        String::from_utf8(bytes.expose().clone())
            .map_err(|_| CliError::failed(format!("{} is not UTF-8", path.display())))
    };
    let kubeconfig = source.kubeconfig.as_ref().map(text).transpose()?;
    let authority = source.ca.as_ref().map(text).transpose()?;
    let token = match &source.server {
        Some(_) => {
            let file = source.account_token.as_deref();
            let token = context.input.line(file, "Token of Holdfast's account:", "--account-token")?;
            Some(token.expose().clone())
        }
        None => None,
    };
    Ok(json!({
        "kubeconfig": kubeconfig,
        "context": source.context,
        "server": source.server,
        "authority": authority,
        "token": token,
        "local": source.local,
    }))
}

/// Prints what a preflight found.
fn told(context: &Context, answer: &Value) -> Result<(), CliError> {
    if context.output.structured() {
        context.output.answer(answer)?;
    } else {
        context.output.data(lines(answer).as_bytes())?;
    }
    if answer["found"] == "failed" { Err(CliError::reported(Exit::Failed)) } else { Ok(()) }
}

fn lines(answer: &Value) -> String {
    let checks = answer["checks"].as_array().into_iter().flatten();
    let lines = checks.map(|check| {
        let field = |key: &str| check[key].as_str().unwrap_or_default();
        let fix = if field("fix").is_empty() { String::new() } else { format!("         fix: {}\n", field("fix")) };
        format!("{:<7}  {}: {}\n{fix}", field("state"), field("name"), field("found"))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_comes_with_its_fix() {
        let answer = json!({"checks": [
            {"name": "version", "state": "ok", "found": "v1.34.4", "fix": ""},
            {"name": "metrics", "state": "warning", "found": "no metrics API (404)", "fix": "install metrics-server"},
        ]});
        let expected =
            "ok       version: v1.34.4\nwarning  metrics: no metrics API (404)\n         fix: install metrics-server\n";
        assert_eq!(lines(&answer), expected);
    }
}
