//! Time as operations show it.

mod back;
mod past;

use crate::op::Op;
use crate::orgs::testing::World;
use crate::types::{Clock as _, SecretBytes};
use crate::vault::VaultError;
use crate::vault::secret::{BatchRequest, Item, Wish, secret_batch};
use crate::vault::time::Instant;
use crate::vault::uses::Uses;
use crate::vault::variables::{Etags, ReadVariables, Variables, variables};

fn item(name: &str, wish: Wish) -> Item {
    Item { name: name.into(), path: None, wish, comment: None, tags: None, base_version: None }
}

fn text(value: &str) -> Wish {
    Wish::Set { value: SecretBytes::new(value.into()), interpolate: true, visibility: None }
}

async fn write(op: &Op, environment: &str, items: Vec<Item>) -> Result<(), VaultError> {
    let (project, environment) = ("shop".into(), environment.into());
    let request = BatchRequest { project, environment, items, skip_same: false, force: true, dry_run: false };
    secret_batch(op, request).await.map(drop)
}

async fn set(op: &Op, environment: &str, name: &str, value: &str) {
    write(op, environment, vec![item(name, text(value))]).await.unwrap();
}

async fn seen(op: &Op, environment: &str, at: Option<Instant>) -> Result<Vec<String>, VaultError> {
    let ask = ReadVariables { project: "shop".into(), environment: environment.into(), at, ..ReadVariables::default() };
    let Variables::Changed { variables, .. } = variables(op, &Uses::default(), &Etags::default(), &ask).await? else {
        panic!("nothing was known before");
    };
    let shown = variables.into_iter().map(|v| format!("{}={}", v.name, String::from_utf8_lossy(v.value.expose())));
    Ok(shown.collect())
}

fn now(world: &World) -> Instant {
    Instant::Time(world.clock.now())
}
