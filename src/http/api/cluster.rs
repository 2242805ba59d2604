//! Clusters, and what their preflight found.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Answer, List, created, ok};
use crate::cluster::{self, Check, CheckState, Cluster, ClusterAdd, ClusterKind, ClusterState, ClusterUpdate, Source};
use crate::config::read_whole_file;
use crate::http::error::Problem;
use crate::http::extract::{DryRun, Json, Known, Names, Query};
use crate::http::schema::ClusterId;
use crate::http::state::State;
use crate::op::Op;
use crate::types::{SecretString, Slug, Timestamp};

/// Largest kubeconfig of this machine, in bytes.
const KUBECONFIG_MAX: usize = 1 << 20;

/// A cluster. What opens it is shown to nobody.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClusterAnswer {
    /// Its id.
    id: ClusterId,
    /// Its name.
    name: Slug,
    /// `local`, the k3s of this host, or `remote`.
    #[schema(value_type = String)]
    kind: ClusterKind,
    /// The address of its API server.
    server: String,
    /// How many credentials it has had.
    credential: u32,
    /// What the cluster calls us, when it was asked.
    account: Option<String>,
    /// The Holdfast image its pods get as their gate.
    image: Option<String>,
    /// `untested`, `reachable` or `unreachable`.
    #[schema(value_type = String)]
    state: ClusterState,
    /// Since when that is so.
    state_since: Timestamp,
    /// Why it did not answer.
    message: Option<String>,
    /// Which Kubernetes it is.
    version: Option<String>,
    /// The worst of what the last preflight found: `ok`, `warning`, `failed` or `unknown`; null when there was none.
    #[schema(value_type = Option<String>)]
    found: Option<CheckState>,
    /// What the last preflight found.
    checks: Vec<ClusterCheckAnswer>,
    /// When that was.
    tested_at: Option<Timestamp>,
    /// Environments that run on it.
    environments: u64,
    /// When it was added.
    created_at: Timestamp,
    /// By whom.
    created_by: String,
}

/// One thing a preflight looked at.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClusterCheckAnswer {
    /// What: `version`, `network_policy`, …
    name: String,
    /// `ok`, `warning`, `failed` or `unknown`.
    #[schema(value_type = String)]
    state: CheckState,
    /// What was found.
    found: String,
    /// What to do about it; empty when there is nothing to do.
    fix: String,
}

impl From<Check> for ClusterCheckAnswer {
    fn from(check: Check) -> Self {
        Self { name: check.name, state: check.state, found: check.found, fix: check.fix }
    }
}

impl From<Cluster> for ClusterAnswer {
    fn from(cluster: Cluster) -> Self {
        let found = cluster.worst();
        Self {
            id: cluster.id,
            name: cluster.name,
            kind: cluster.kind,
            server: cluster.server,
            credential: cluster.credential,
            account: cluster.account,
            image: cluster.image,
            state: cluster.state,
            state_since: cluster.state_since,
            message: cluster.message,
            version: cluster.version,
            found,
            checks: cluster.checks.into_iter().map(ClusterCheckAnswer::from).collect(),
            tested_at: cluster.tested_at,
            environments: cluster.environments,
            created_at: cluster.created_at,
            created_by: cluster.created_by,
        }
    }
}

/// A cluster that shall be added: by a kubeconfig, by address and token, or the one of this host.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClusterCreate {
    /// Its name.
    name: Slug,
    /// The text of a kubeconfig that needs no file and no program.
    #[schema(value_type = Option<String>, write_only)]
    kubeconfig: Option<SecretString>,
    /// The context of the kubeconfig; its current one when none.
    context: Option<String>,
    /// The address of the API server, `https://host:port`; with `token`.
    server: Option<String>,
    /// The certificate authority of the API server, PEM; the machine's own when none.
    authority: Option<String>,
    /// The token of a service account.
    #[schema(value_type = Option<String>, write_only)]
    token: Option<SecretString>,
    /// The k3s on this host; for instance operators.
    #[serde(default)]
    local: bool,
    /// The Holdfast image its pods get as their gate.
    #[schema(max_length = 512)]
    image: Option<String>,
    /// Adds it although nobody has asked it yet.
    #[serde(default)]
    unasked: bool,
}

/// What may change of a cluster. What is not named stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClusterPatch {
    /// Its name.
    name: Option<Slug>,
    /// The Holdfast image its pods get as their gate; empty for none.
    #[schema(max_length = 512)]
    image: Option<String>,
}

/// A new credential: by a kubeconfig, by address and token, or of the one of this host.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClusterCredential {
    /// The text of a kubeconfig that needs no file and no program.
    #[schema(value_type = Option<String>, write_only)]
    kubeconfig: Option<SecretString>,
    /// The context of the kubeconfig; its current one when none.
    context: Option<String>,
    /// The address of the API server, `https://host:port`; with `token`.
    server: Option<String>,
    /// The certificate authority of the API server, PEM; the machine's own when none.
    authority: Option<String>,
    /// The token of a service account.
    #[schema(value_type = Option<String>, write_only)]
    token: Option<SecretString>,
    /// The k3s on this host; for instance operators.
    #[serde(default)]
    local: bool,
}

/// What goes, or would go.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClusterDeleted {
    /// Whether nothing was changed.
    dry_run: bool,
    /// The cluster, as it was.
    cluster: ClusterAnswer,
}

/// The ways a cluster is given.
pub(crate) struct Given {
    pub(crate) kubeconfig: Option<SecretString>,
    pub(crate) context: Option<String>,
    pub(crate) server: Option<String>,
    pub(crate) authority: Option<String>,
    pub(crate) token: Option<SecretString>,
    pub(crate) local: bool,
}

/// Which way it is. The kubeconfig of this host is read only for whoever may have that.
pub(crate) async fn source(state: &State, op: &Op, given: Given) -> Result<Source, Problem> {
    match (given.kubeconfig, given.server, given.token, given.local) {
        (Some(text), None, None, false) => Ok(Source::Kubeconfig { text, context: given.context }),
        (None, Some(server), Some(token), false) => Ok(Source::Token { server, authority: given.authority, token }),
        (None, None, None, true) => {
            cluster::local_allowed(op).await?;
            local(state)
        }
        (None, None, None, false) => {
            Err(Problem::invalid("missing_field", "missing field `kubeconfig`, `server` with `token`, or `local`"))
        }
        (None, Some(_), None, false) => Err(Problem::invalid("missing_field", "missing field `token`")),
        (None, None, Some(_), false) => Err(Problem::invalid("missing_field", "missing field `server`")),
        _ => Err(Problem::invalid("cluster_ambiguous", "give a kubeconfig, or a server with its token, or local")),
    }
}

fn local(state: &State) -> Result<Source, Problem> {
    let path = &state.parts.settings.cluster.local_kubeconfig;
    let missing = |_| {
        let words = format!("no kubeconfig of a k3s on this host at {}", path.display());
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "local_cluster_missing", words)
            .hint("install k3s, or set cluster.local_kubeconfig; Holdfast must be able to read the file")
    };
    let bytes = read_whole_file(path, KUBECONFIG_MAX).map_err(missing)?;
    let text = String::from_utf8(bytes.expose().clone()).unwrap_or_default();
    Ok(Source::Local { text: SecretString::new(text) })
}

/// Every cluster of the organization.
#[utoipa::path(get, path = "/clusters", operation_id = "cluster_list",
    responses((status = 200, description = "All clusters.", body = List<ClusterAnswer>)))]
pub(crate) async fn list(Known(op, _): Known) -> Answer {
    ok(&List::whole(cluster::cluster_list(&op).await?.into_iter().map(ClusterAnswer::from).collect()))
}

/// Adds a cluster, after asking it who it is.
#[utoipa::path(post, path = "/clusters", operation_id = "cluster_add", request_body = ClusterCreate,
    responses((status = 201, description = "The cluster.", body = ClusterAnswer)))]
pub(crate) async fn create(state: Data<State>, Known(op, _): Known, Json(body): Json<ClusterCreate>) -> Answer {
    let ClusterCreate { name, kubeconfig, context, server, authority, token, local, image, unasked } = body;
    let source = source(&state, &op, Given { kubeconfig, context, server, authority, token, local }).await?;
    created(&ClusterAnswer::from(cluster::cluster_add(&op, ClusterAdd { name, source, image, unasked }).await?))
}

/// A cluster, with what its last preflight found.
#[utoipa::path(get, path = "/clusters/{cluster}", operation_id = "cluster_get",
    responses((status = 200, description = "The cluster.", body = ClusterAnswer)))]
pub(crate) async fn get(Known(op, _): Known, Names([name]): Names<1>) -> Answer {
    ok(&ClusterAnswer::from(cluster::cluster_get(&op, &name).await?))
}

/// Changes how a cluster is called, and the image its pods get as their gate.
#[utoipa::path(patch, path = "/clusters/{cluster}", operation_id = "cluster_update", request_body = ClusterPatch,
    responses((status = 200, description = "The cluster.", body = ClusterAnswer)))]
pub(crate) async fn update(Known(op, _): Known, Names([name]): Names<1>, Json(body): Json<ClusterPatch>) -> Answer {
    let change = ClusterUpdate { name: body.name, image: body.image };
    ok(&ClusterAnswer::from(cluster::cluster_update(&op, name, change).await?))
}

/// Removes a cluster with its credential; refused while environments run on it.
#[utoipa::path(delete, path = "/clusters/{cluster}", operation_id = "cluster_remove", params(DryRun),
    responses((status = 200, description = "What goes with it.", body = ClusterDeleted)))]
pub(crate) async fn delete(Known(op, _): Known, Names([name]): Names<1>, Query(query): Query<DryRun>) -> Answer {
    let gone = cluster::cluster_remove(&op, name, query.dry_run).await?;
    ok(&ClusterDeleted { dry_run: query.dry_run, cluster: gone.cluster.into() })
}

/// Gives a cluster a new credential, after asking the cluster whether it takes it.
#[utoipa::path(put, path = "/clusters/{cluster}/credential", operation_id = "cluster_rotate",
    request_body = ClusterCredential,
    responses((status = 200, description = "The cluster.", body = ClusterAnswer)))]
pub(crate) async fn credential(
    state: Data<State>,
    Known(op, _): Known,
    Names([name]): Names<1>,
    Json(body): Json<ClusterCredential>,
) -> Answer {
    let ClusterCredential { kubeconfig, context, server, authority, token, local } = body;
    let source = source(&state, &op, Given { kubeconfig, context, server, authority, token, local }).await?;
    ok(&ClusterAnswer::from(cluster::cluster_rotate(&op, name, source).await?))
}

/// Looks whether a cluster is fit for environments. Takes up to a minute.
#[utoipa::path(post, path = "/clusters/{cluster}/test", operation_id = "cluster_test",
    responses((status = 200, description = "The cluster, with what was found.", body = ClusterAnswer)))]
pub(crate) async fn test(Known(op, _): Known, Names([name]): Names<1>) -> Answer {
    ok(&ClusterAnswer::from(cluster::cluster_test(&op, name).await?))
}

/// The account Holdfast wants on a cluster, and the policy that binds it, for `kubectl apply -f -`.
#[utoipa::path(get, path = "/cluster-manifest", operation_id = "cluster_manifest",
    responses((status = 200, description = "YAML.", body = String, content_type = "application/yaml")))]
pub(crate) async fn manifest(Known(_, _): Known) -> HttpResponse {
    HttpResponse::Ok().content_type("application/yaml").body(cluster::manifest())
}
