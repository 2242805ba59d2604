//! What clusters promise, beneath the doors.

use super::{
    Access, ClusterAdd, ClusterError, Source, access, cluster_add, cluster_get, cluster_list, cluster_look,
    cluster_remove, cluster_rotate, cluster_update, use_set,
};
use crate::cluster::access::Credential;
use crate::cluster::{ClusterState, ClusterUpdate};
use crate::db::DbError;
use crate::ledger::Outcome;
use crate::op::Who;
use crate::orgs::testing::{World, code, secret, slug};
use crate::policy::BuiltinRole;
use crate::types::Failure as _;

/// Nothing listens on port 1.
const NOWHERE: &str = "https://127.0.0.1:1";
const TOKEN: &str = "token-of-the-account";

fn by_token(name: &str, token: &str, unasked: bool) -> ClusterAdd {
    let source = Source::Token { server: NOWHERE.into(), authority: None, token: secret(token) };
    ClusterAdd { name: slug(name), source, image: None, unasked }
}

async fn with_one() -> World {
    let world = World::new().await;
    cluster_add(&world.owner(), by_token("home", TOKEN, true)).await.unwrap();
    world
}

fn opened(world: &World) -> Result<Access, ClusterError> {
    world.core.db.read(|reader| {
        let cluster = super::find(reader, world.organization.id, "home")?;
        access(reader, &world.core.keyring, cluster.id)
    })
}

async fn change(world: &World, sql: &'static str) {
    let changed = world.core.db.write(move |tx| tx.sql().execute(sql, []).map_err(DbError::from));
    assert!(changed.await.unwrap() > 0, "{sql}");
}

#[tokio::test]
async fn what_opens_a_cluster_is_sealed_and_bound_to_where_it_may_be_sent() {
    let world = with_one().await;
    let found = opened(&world).unwrap();
    assert!(matches!(&found.credential, Credential::Token(token) if token.expose() == TOKEN));
    let stored: Vec<u8> = world
        .core
        .db
        .read(|reader| Ok::<_, DbError>(reader.sql().query_row("SELECT sealed FROM clusters", [], |row| row.get(0))?))
        .unwrap();
    assert!(!stored.windows(TOKEN.len()).any(|bytes| bytes == TOKEN.as_bytes()));
    for sql in [
        "UPDATE clusters SET server = 'https://evil.example'",
        "UPDATE clusters SET server = 'https://127.0.0.1:1', authority = 'of somebody else'",
        "UPDATE clusters SET authority = '', credential_number = 2",
    ] {
        change(&world, sql).await;
        assert!(opened(&world).is_err(), "{sql}");
    }
    change(&world, "UPDATE clusters SET credential_number = 1").await;
    assert!(opened(&world).is_ok());
}

#[tokio::test]
async fn one_that_does_not_answer_is_not_added_and_keeps_the_credential_it_has() {
    let world = with_one().await;
    let refused = cluster_add(&world.owner(), by_token("other", TOKEN, false)).await.unwrap_err();
    assert_eq!(refused.code(), "cluster_unreachable");
    assert!(refused.to_string().contains("nothing listens there"), "{refused}");
    assert_eq!(cluster_list(&world.owner()).await.unwrap().len(), 1);
    let source = Source::Token { server: NOWHERE.into(), authority: None, token: secret("another-token") };
    assert_eq!(code(cluster_rotate(&world.owner(), "home".into(), source).await), "cluster_unreachable");
    assert_eq!(cluster_get(&world.owner(), "home").await.unwrap().credential, 1);
    assert!(matches!(opened(&world).unwrap().credential, Credential::Token(token) if token.expose() == TOKEN));
}

#[tokio::test]
async fn a_look_tells_since_when_one_does_not_answer_and_writes_only_news() {
    let world = with_one().await;
    let job = world.op(Who::Job("look_at_clusters"));
    let looked = cluster_look(&job).await.unwrap();
    assert_eq!((looked.reachable, looked.unreachable), (0, 1));
    let first = cluster_get(&world.owner(), "home").await.unwrap();
    assert_eq!(first.state, ClusterState::Unreachable);
    assert!(first.message.as_deref().is_some_and(|m| m.contains("nothing listens there")), "{:?}", first.message);
    world.clock.advance(std::time::Duration::from_secs(30));
    cluster_look(&job).await.unwrap();
    let second = cluster_get(&world.owner(), "home").await.unwrap();
    assert_eq!(second.state_since, first.state_since, "it is unreachable since the first look");
}

#[tokio::test]
async fn only_who_manages_clusters_changes_them_and_others_see_none() {
    let world = with_one().await;
    let viewer = world.person("grace", &[(BuiltinRole::Viewer, "")]).await;
    let viewer = world.op_as(&viewer);
    assert_eq!(cluster_list(&viewer).await.unwrap().len(), 1, "who may see environments sees where they run");
    assert_eq!(code(cluster_add(&viewer, by_token("mine", TOKEN, true)).await), "permission_denied");
    assert_eq!(code(cluster_remove(&viewer, "home".into(), true).await), "permission_denied");
    assert_eq!(code(super::cluster_test(&viewer, "home".into()).await), "permission_denied");
    assert_eq!(world.events("cluster.manage", Outcome::Denied).len(), 3);
    let elsewhere = world.elsewhere().await;
    let elsewhere = world.op_as(&elsewhere);
    let id = cluster_get(&world.owner(), "home").await.unwrap().id.to_string();
    for name in ["home", id.as_str()] {
        assert_eq!(code(cluster_get(&elsewhere, name).await), "cluster_not_found");
        assert_eq!(code(cluster_remove(&elsewhere, name.into(), false).await), "cluster_not_found");
        assert_eq!(code(cluster_update(&elsewhere, name.into(), ClusterUpdate::default()).await), "cluster_not_found");
        assert_eq!(code(super::cluster_test(&elsewhere, name.into()).await), "cluster_not_found");
    }
}

#[tokio::test]
async fn the_cluster_of_this_host_is_for_operators_of_the_instance() {
    let world = World::new().await;
    let admin = world.person("grace", &[(BuiltinRole::Admin, "")]).await;
    let source = Source::Local { text: secret("apiVersion: v1") };
    let local = ClusterAdd { name: slug("here"), source, image: None, unasked: true };
    assert_eq!(code(cluster_add(&world.op_as(&admin), local).await), "permission_denied");
    assert_eq!(code(super::local_allowed(&world.op_as(&admin)).await), "permission_denied");
    assert_eq!(code(super::local_allowed(&world.owner()).await), "ok");
}

#[tokio::test]
async fn one_that_environments_run_on_is_not_removed() {
    let world = with_one().await;
    world.shop().await;
    let id = cluster_get(&world.owner(), "home").await.unwrap().id;
    let placed = world
        .core
        .db
        .read(|reader| crate::orgs::access::environment(&world.owner(), reader, "shop", "staging"))
        .unwrap();
    let (environment, now) = (placed.environment.id, world.owner().now());
    let set = |to| world.core.db.write(move |tx| use_set(tx, environment, to, now));
    set(Some(id)).await.unwrap();
    assert_eq!(cluster_get(&world.owner(), "home").await.unwrap().environments, 1);
    assert_eq!(code(cluster_remove(&world.owner(), "home".into(), false).await), "cluster_in_use");
    set(None).await.unwrap();
    assert_eq!(code(cluster_remove(&world.owner(), "home".into(), true).await), "ok");
    assert_eq!(cluster_list(&world.owner()).await.unwrap().len(), 1, "a plan removes nothing");
    assert_eq!(code(cluster_remove(&world.owner(), "home".into(), false).await), "ok");
    assert!(cluster_list(&world.owner()).await.unwrap().is_empty());
}

/// A kubeconfig of one context.
fn kubeconfig(cluster: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts:\n- name: a\n  context: {{cluster: c, user: u}}\n\
         clusters:\n- name: c\n  cluster: {{server: 'https://127.0.0.1:1'{cluster}}}\nusers:\n- name: u\n  user: {{{user}}}\n"
    )
}

#[test]
fn a_kubeconfig_that_needs_a_file_a_program_or_trust_in_everybody_is_refused() {
    let read = |text: &str, context| Access::from_kubeconfig(&secret(text), context);
    assert!(read(&kubeconfig("", "token: abc"), None).is_ok(), "control");
    for (cluster, user, code, words) in [
        ("", "exec: {command: aws, args: [a]}", "kubeconfig_refused", "runs a program"),
        ("", "auth-provider: {name: gcp}", "kubeconfig_refused", "from a provider"),
        ("", "tokenFile: /var/run/token", "kubeconfig_refused", "token is a file"),
        ("", "client-certificate: a.crt, client-key: a.key", "kubeconfig_refused", "is a file"),
        ("", "username: admin, password: admin", "kubeconfig_refused", "name and a password"),
        ("", "token: abc, as: somebody", "kubeconfig_refused", "acts as somebody else"),
        ("", "", "kubeconfig_refused", "neither a token"),
        ("", "token: 'two words'", "cluster_credential_invalid", "one line"),
        (", insecure-skip-tls-verify: true", "token: abc", "kubeconfig_refused", "insecure-skip-tls-verify"),
        (", certificate-authority: ca.crt", "token: abc", "kubeconfig_refused", "authority is a file"),
        (", certificate-authority-data: bm90IHBlbQ==", "token: abc", "cluster_authority_invalid", "certificate"),
        (", proxy-url: 'http://proxy'", "token: abc", "kubeconfig_refused", "proxy"),
        (", tls-server-name: other", "token: abc", "kubeconfig_refused", "another name"),
    ] {
        let error =
            read(&kubeconfig(cluster, user), None).err().unwrap_or_else(|| panic!("{cluster} {user} was taken"));
        assert_eq!(error.code(), code, "{cluster} {user}: {error}");
        assert!(error.to_string().contains(words), "{words:?} in {error}");
        assert!(!error.hint().is_empty());
    }
    let error = read(&kubeconfig("", "token: abc"), Some("b")).err().expect("no such context");
    assert_eq!((error.code(), error.hint().as_str()), ("kubeconfig_context_unknown", "name one of: a"));
    let broken = read("token: swordfish\n\t- :", None).err().expect("no YAML");
    assert_eq!(broken.code(), "kubeconfig_invalid");
    assert!(!broken.to_string().contains("swordfish"), "{broken}");
    let plain = Access::by_token("http://127.0.0.1:1", None, secret("abc")).err().expect("plain");
    assert!(plain.to_string().contains("must be https://"), "{plain}");
}

#[test]
fn no_address_of_metadata_or_of_nobody_is_called() {
    let closed = [
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "0.0.0.0",
        "[::]",
        "255.255.255.255",
        "224.0.0.1",
        "[ff02::1]",
    ];
    for host in closed {
        let refused = Access::by_token(&format!("https://{host}:6443"), None, secret("abc")).err();
        let refused = refused.unwrap_or_else(|| panic!("{host} was taken"));
        assert_eq!(refused.code(), "cluster_server_invalid", "{host}");
    }
    for host in ["127.0.0.1", "[::1]", "10.0.0.1", "192.168.1.2", "[fd00::1]", "cluster.example.com", "192.0.2.1"] {
        assert!(Access::by_token(&format!("https://{host}:6443"), None, secret("abc")).is_ok(), "{host}");
    }
}
