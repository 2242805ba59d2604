//! Clusters: which there are and whether they answer, what a preflight found in one, and how one is added, changed and removed.
//! What opens a cluster goes in by a form and comes out nowhere: no page shows it again, not even the one it was typed on.

use actix_web::http::StatusCode;
use askama::Template;
use serde::Deserialize;

use super::failure::Told;
use super::form::{Form, filled};
use super::frame::{Frame, Section};
use super::governance::{Confirm, Done, is_told, status_of};
use super::show_as::ShowAs;
use super::ui;
use super::visitor::{Theme, Visitor};
use crate::cluster::{
    CheckState, Cluster, ClusterAdd, ClusterState, ClusterUpdate, cluster_add, cluster_get, cluster_list,
    cluster_remove, cluster_rotate, cluster_test, cluster_update,
};
use crate::http::api::Answer;
use crate::http::api::cluster::{Given, source};
use crate::http::error::Problem;
use crate::http::extract::{Names, Query};
use crate::orgs::access;
use crate::policy::Action;
use crate::types::{SecretString, Slug};

/// How a cluster is given by a form. Of all this only names and addresses are shown again.
#[derive(Default, Deserialize)]
pub(super) struct SourceForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    image: String,
    /// `kubeconfig`, `token` or `local`.
    #[serde(default)]
    way: String,
    kubeconfig: Option<SecretString>,
    #[serde(default)]
    context: String,
    #[serde(default)]
    server: String,
    #[serde(default)]
    authority: String,
    token: Option<SecretString>,
}

/// What of it is shown again.
#[derive(Default)]
struct Typed {
    name: String,
    image: String,
    way: String,
    context: String,
    server: String,
}

impl SourceForm {
    fn typed(&self) -> Typed {
        let (way, context) = (self.way.clone(), self.context.clone());
        Typed { name: self.name.clone(), image: self.image.clone(), way, context, server: self.server.clone() }
    }

    /// Only what belongs to the way that was chosen; the rest may stand in the fields of the others.
    fn given(self) -> Given {
        let (by_token, local) = (self.way == "token", self.way == "local");
        let none = Given { kubeconfig: None, context: None, server: None, authority: None, token: None, local };
        match (local, by_token) {
            (true, _) => none,
            (_, true) => Given {
                server: filled(&self.server),
                authority: filled(&self.authority),
                token: self.token.map(|token| SecretString::new(token.expose().trim().to_owned())),
                ..none
            },
            _ => Given { kubeconfig: self.kubeconfig, context: filled(&self.context), ..none },
        }
    }
}

/// All of them.
#[derive(Template)]
#[template(path = "clusters.html")]
struct ListPage {
    frame: Frame,
    clusters: Vec<Cluster>,
    typed: Typed,
    told: Option<Told>,
    may_manage: bool,
    show_as: ShowAs,
}

/// Shows the clusters.
pub(super) async fn list(visitor: Visitor, Query(query): Query<Done>) -> Answer {
    show_list(&visitor, query.done.as_deref(), Typed::default(), None).await
}

async fn show_list(visitor: &Visitor, done: Option<&str>, typed: Typed, told: Option<Told>) -> Answer {
    let clusters = cluster_list(&visitor.op).await?;
    let may_manage = may_manage(visitor).await?;
    let frame = visitor.frame("Clusters", Section::Clusters, None).await?;
    let frame = frame.crumb("Home", "/").crumb("Clusters", "/clusters").help("clusters").notice(done);
    let show_as = ShowAs::of(
        visitor,
        "holdfast clusters add NAME --kubeconfig FILE\nholdfast clusters add NAME --server URL --ca FILE --account-token FILE\nholdfast clusters test NAME",
        ("POST", "/clusters"),
        r#"{"name": "<NAME>", "server": "<URL>", "authority": "<PEM>", "token": "<TOKEN>"}"#,
        "name: <NAME>\nserver: <URL>\nauthority: <PEM>\ntoken: <TOKEN>",
    );
    let status = status_of(told.as_ref());
    visitor.show_as(status, &ListPage { frame, clusters, typed, told, may_manage, show_as })
}

async fn may_manage(visitor: &Visitor) -> Result<bool, Problem> {
    Ok(!access::may(&visitor.op, None, None, &[Action::ClusterManage]).await?.is_empty())
}

/// Adds a cluster, after asking it who it is.
pub(super) async fn add(Form(visitor, form): Form<SourceForm>) -> Answer {
    let typed = form.typed();
    match try_add(&visitor, form).await {
        Ok(cluster) => Visitor::go(&format!("/clusters/{}?done=created", cluster.id)),
        Err(problem) if is_told_here(&problem) => show_list(&visitor, None, typed, Some(Told::of(&problem))).await,
        Err(problem) => Err(problem),
    }
}

async fn try_add(visitor: &Visitor, form: SourceForm) -> Result<Cluster, Problem> {
    let (name, image) = (Slug::parse(form.name.trim())?, filled(&form.image));
    let source = source(&visitor.state, &visitor.op, form.given()).await?;
    Ok(cluster_add(&visitor.op, ClusterAdd { name, source, image, unasked: false }).await?)
}

/// A cluster that does not answer is told beside the form, too.
fn is_told_here(problem: &Problem) -> bool {
    is_told(problem) || problem.status() == StatusCode::SERVICE_UNAVAILABLE
}

/// One cluster.
#[derive(Template)]
#[template(path = "cluster.html")]
struct ClusterPage {
    frame: Frame,
    cluster: Cluster,
    told: Option<Told>,
    typed: Typed,
    may_manage: bool,
    show_as: ShowAs,
}

impl ClusterPage {
    /// `3 environments`.
    fn environments(&self) -> String {
        ui::count(usize::try_from(self.cluster.environments).unwrap_or(usize::MAX), "environment")
    }

    /// What a check looks at, in words.
    fn words(name: &str) -> &str {
        match name {
            "reachable" => "Reachable",
            "version" => "Version of Kubernetes",
            "clock" => "Clock",
            "credential" => "Credential",
            "permissions" => "Permissions",
            "least_privilege" => "No right too many",
            "admission" => "Admission policy",
            "images" => "Images",
            "network_policy" => "Network policies enforced",
            "dns" => "Names",
            "storage" => "Storage",
            "metrics" => "Metrics",
            "encryption" => "Secrets encrypted at rest",
            other => other,
        }
    }
}

/// Shows one cluster.
pub(super) async fn page(visitor: Visitor, Names([name]): Names<1>, Query(query): Query<Done>) -> Answer {
    show_one(&visitor, &name, query.done.as_deref(), Typed::default(), None).await
}

async fn show_one(visitor: &Visitor, name: &str, done: Option<&str>, typed: Typed, told: Option<Told>) -> Answer {
    let cluster = cluster_get(&visitor.op, name).await?;
    let may_manage = may_manage(visitor).await?;
    let title = cluster.name.to_string();
    let frame = visitor.frame(title.clone(), Section::Clusters, None).await?;
    let here = format!("/clusters/{}", cluster.id);
    let frame = frame.crumb("Home", "/").crumb("Clusters", "/clusters").crumb(title.clone(), here);
    let frame = frame.help("clusters").notice(done);
    let show_as = ShowAs::of(
        visitor,
        format!(
            "holdfast clusters test {title}\nholdfast clusters update {title} --image IMAGE\nholdfast clusters rotate {title} --kubeconfig FILE\nholdfast clusters remove {title}"
        ),
        ("POST", &format!("/clusters/{title}/test")),
        "",
        "",
    );
    let status = status_of(told.as_ref());
    visitor.show_as(status, &ClusterPage { frame, cluster, told, typed, may_manage, show_as })
}

/// Leads back to the cluster, or tells beside its forms what was wrong.
async fn back(visitor: &Visitor, name: &str, word: &str, typed: Typed, done: Result<Cluster, Problem>) -> Answer {
    match done {
        Ok(cluster) => Visitor::go(&format!("/clusters/{}?done={word}", cluster.id)),
        Err(problem) if is_told_here(&problem) && problem.status() != StatusCode::NOT_FOUND => {
            show_one(visitor, name, None, typed, Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}

/// How it is called, and the image of its gate.
#[derive(Deserialize)]
pub(super) struct SettingsForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    image: String,
}

/// Changes name and image.
pub(super) async fn update(Names([name]): Names<1>, Form(visitor, form): Form<SettingsForm>) -> Answer {
    let done = match Slug::parse(form.name.trim()) {
        Ok(new) => {
            let change = ClusterUpdate { name: Some(new), image: Some(form.image) };
            cluster_update(&visitor.op, name.clone(), change).await.map_err(Problem::from)
        }
        Err(error) => Err(error.into()),
    };
    back(&visitor, &name, "changed", Typed::default(), done).await
}

/// A form that says nothing but that it was sent.
#[derive(Deserialize)]
pub(super) struct Sent {}

/// Looks whether it is fit.
pub(super) async fn test(Names([name]): Names<1>, Form(visitor, Sent {}): Form<Sent>) -> Answer {
    let done = cluster_test(&visitor.op, name.clone()).await.map_err(Problem::from);
    back(&visitor, &name, "checked", Typed::default(), done).await
}

/// Gives it a new credential.
pub(super) async fn rotate(Names([name]): Names<1>, Form(visitor, form): Form<SourceForm>) -> Answer {
    let typed = form.typed();
    let done = match source(&visitor.state, &visitor.op, form.given()).await {
        Ok(source) => cluster_rotate(&visitor.op, name.clone(), source).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    back(&visitor, &name, "rotated", typed, done).await
}

/// Removes it, when its name was typed.
pub(super) async fn remove(Names([name]): Names<1>, Form(visitor, form): Form<Confirm>) -> Answer {
    let cluster = cluster_get(&visitor.op, &name).await?;
    let done = match form.require(cluster.name.as_str()) {
        Ok(()) => cluster_remove(&visitor.op, name.clone(), false).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match done {
        Ok(_) => Visitor::go("/clusters?done=removed"),
        Err(problem) if is_told_here(&problem) && problem.status() != StatusCode::NOT_FOUND => {
            show_one(&visitor, &name, None, Typed::default(), Some(Told::of(&problem))).await
        }
        Err(problem) => Err(problem),
    }
}
