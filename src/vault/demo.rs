//! A project to look around in: a small shop with a tree of environments, with values that are inherited, overridden,
//! referenced and withheld, so that every page has something to show. Nothing in it is real, and it is deleted like any
//! other project.

use super::VaultError;
use super::model::Visibility;
use super::secret::{BatchRequest, Item, Wish, apply};
use crate::db::WriteTx;
use crate::op::Op;
use crate::orgs::environment::{EnvironmentCreate, environment_create_in};
use crate::orgs::project::{Project, ProjectCreate, project_create_in};
use crate::policy::Tier;
use crate::types::{SecretBytes, Slug};

/// What it says of itself.
const DESCRIPTION: &str = "A project to look around in. Nothing in it is real: delete it when you have seen enough.";

/// An environment: slug, parent, tier, description.
type Node = (&'static str, Option<&'static str>, Tier, &'static str);
/// A secret: environment, folder, name, value, comment, tags, who may see it.
type Entry =
    (&'static str, &'static str, &'static str, &'static str, &'static str, &'static [&'static str], Visibility);

const TREE: [Node; 4] = [
    ("base", None, Tier::Development, "What all others have unless they say otherwise"),
    ("staging", Some("base"), Tier::Staging, "Where changes are tried before customers see them"),
    (
        "feature-checkout",
        Some("staging"),
        Tier::Preview,
        "One branch: it changes two values and has the rest of staging",
    ),
    ("production", Some("base"), Tier::Production, "Protected: a value is shown after signing in again"),
];

const SECRETS: [Entry; 17] = [
    ("base", "/", "LOG_LEVEL", "debug", "", &[], Visibility::Unmasked),
    ("base", "/", "DATABASE_USER", "shop", "", &["db"], Visibility::Unmasked),
    ("base", "/", "DATABASE_HOST", "db.demo.example", "", &["db"], Visibility::Unmasked),
    (
        "base",
        "/",
        "DATABASE_PASSWORD",
        "demo-not-a-password",
        "Each environment has its own",
        &["db"],
        Visibility::Masked,
    ),
    (
        "base",
        "/",
        "DATABASE_URL",
        "postgres://${DATABASE_USER}:${DATABASE_PASSWORD}@${DATABASE_HOST}/shop",
        "Made of the four others: whoever overrides one of them changes it",
        &["db"],
        Visibility::Masked,
    ),
    ("base", "/", "REDIS_URL", "redis://cache.demo.example:6379/0", "", &[], Visibility::Masked),
    (
        "base",
        "/",
        "PAYMENT_API_KEY",
        "demo-payment-key-of-nobody",
        "The sandbox account",
        &["payments"],
        Visibility::Masked,
    ),
    ("base", "/", "FEATURE_FLAGS", "search,reviews", "", &[], Visibility::Unmasked),
    ("base", "/mail", "SMTP_HOST", "mail.demo.example", "", &["mail"], Visibility::Unmasked),
    ("base", "/mail", "SMTP_PASSWORD", "demo-not-a-mail-password", "", &["mail"], Visibility::Masked),
    ("staging", "/", "DATABASE_HOST", "db.staging.demo.example", "", &["db"], Visibility::Unmasked),
    ("staging", "/", "DATABASE_PASSWORD", "demo-staging-password", "", &["db"], Visibility::Masked),
    (
        "feature-checkout",
        "/",
        "FEATURE_FLAGS",
        "search,reviews,checkout-v2",
        "What the branch is about",
        &[],
        Visibility::Unmasked,
    ),
    (
        "feature-checkout",
        "/",
        "PAYMENT_API_KEY",
        "demo-payment-key-of-the-branch",
        "",
        &["payments"],
        Visibility::Masked,
    ),
    ("production", "/", "LOG_LEVEL", "warn", "", &[], Visibility::Unmasked),
    ("production", "/", "DATABASE_PASSWORD", "demo-production-password", "", &["db"], Visibility::Masked),
    (
        "production",
        "/",
        "SIGNING_KEY",
        "demo-signing-key",
        "Only machines get it",
        &["signing"],
        Visibility::Restricted,
    ),
];

/// Makes the demo project, whole or not at all.
///
/// # Errors
/// Not allowed to make a project, or what is in it; the slug is taken or reserved.
pub async fn demo_create(op: &Op, new: ProjectCreate) -> Result<Project, VaultError> {
    op.write(move |op, tx| {
        let description = new.description.or_else(|| Some(DESCRIPTION.to_owned()));
        let project = project_create_in(op, tx, ProjectCreate { description, ..new })?;
        for node in TREE {
            environment(op, tx, &project, node)?;
        }
        Ok(project)
    })
    .await
}

fn environment(op: &Op, tx: &mut WriteTx<'_>, project: &Project, node: Node) -> Result<(), VaultError> {
    let (slug, parent, tier, description) = node;
    let made = environment_create_in(
        op,
        tx,
        EnvironmentCreate {
            project: project.id.to_string(),
            slug: Slug::parse(slug)?,
            name: None,
            description: Some(description.to_owned()),
            parent: parent.map(str::to_owned),
            tier: Some(tier),
            protected: None,
            flow: None,
            any_names: false,
        },
    )?;
    let items = SECRETS.iter().filter(|(place, ..)| *place == slug).map(item).collect();
    let request = BatchRequest {
        project: project.id.to_string(),
        environment: made.environment.id.to_string(),
        items,
        skip_same: false,
        force: false,
        dry_run: false,
    };
    apply(op, tx, &made, request)?;
    Ok(())
}

fn item(entry: &Entry) -> Item {
    let (_, folder, name, value, comment, tags, visibility) = *entry;
    let value = SecretBytes::new(value.as_bytes().to_vec());
    Item {
        name: name.to_owned(),
        path: Some(folder.to_owned()),
        wish: Wish::Set { value, interpolate: true, visibility: Some(visibility) },
        comment: Some(comment.to_owned()),
        tags: Some(tags.iter().map(|tag| (*tag).to_owned()).collect()),
        base_version: Some(0),
    }
}
