//! Where a cluster's name leads: looked up once for a connection, checked, and connected to as checked.
//!
//! A name that leads to several addresses is refused when a single one of them is closed: a cluster has no reason to
//! answer there too, and whoever mixes them hopes for the one that is not looked at. Private and loopback addresses are
//! where clusters are, and stay open. No proxy of the environment is asked: behind one, nobody here would know the address.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec::IntoIter;

use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::Client as Sender;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ClientBuilder, ConfigExt as _};
use tower::Service;
use tower::util::MapErr;

use crate::cluster::access::is_closed;

/// Most addresses of one name that are looked at; no other is connected to.
const ADDRESSES_MAX: usize = 64;

type Boxed = Box<dyn Error + Send + Sync>;
type Promise<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;
type Lookup = Arc<dyn Fn(String) -> Promise<Vec<IpAddr>, io::Error> + Send + Sync>;

/// A name, or an address, that nothing is sent to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{host}` leads to {address}")]
pub(super) struct Closed {
    pub(super) host: String,
    pub(super) address: IpAddr,
}

/// Tells a connection the addresses of a name, all of them checked.
#[derive(Clone)]
pub(super) struct Guard {
    lookup: Lookup,
}

impl Guard {
    /// Names are looked up as this machine does it.
    pub(super) fn of_this_machine() -> Self {
        Self::new(|host| {
            Box::pin(async move {
                let found = tokio::net::lookup_host((host, 0)).await?;
                Ok(found.map(|address| address.ip()).take(ADDRESSES_MAX).collect())
            })
        })
    }

    fn new(lookup: impl Fn(String) -> Promise<Vec<IpAddr>, io::Error> + Send + Sync + 'static) -> Self {
        Self { lookup: Arc::new(lookup) }
    }

    /// A client whose connections, those of streams too, go where this guard lets them and follow no redirect.
    pub(super) fn client(self, config: &kube::Config) -> Result<kube::Client, kube::Error> {
        let mut tcp = HttpConnector::new_with_resolver(self);
        // The layer above makes it TLS.
        tcp.enforce_http(false);
        let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(tcp)?);
        connector.set_connect_timeout(config.connect_timeout);
        connector.set_write_timeout(config.write_timeout);
        let sender = Sender::builder(TokioExecutor::new()).build::<_, Body>(connector);
        let sender = MapErr::new(sender, Boxed::from);
        let builder = ClientBuilder::new(sender, config.default_namespace.as_str());
        let base = config.base_uri_layer();
        Ok(match config.auth_layer()? {
            Some(token) => builder.with_layer(&token).with_layer(&base).build(),
            None => builder.with_layer(&base).build(),
        })
    }
}

impl Service<Name> for Guard {
    type Response = IntoIter<SocketAddr>;
    type Error = Boxed;
    type Future = Promise<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let host = name.as_str().to_owned();
        let found = (self.lookup)(host.clone());
        Box::pin(async move { Ok(checked(&host, found.await?)?.into_iter()) })
    }
}

/// The addresses of a name, when not one of them is closed.
fn checked(host: &str, mut found: Vec<IpAddr>) -> Result<Vec<SocketAddr>, Closed> {
    found.truncate(ADDRESSES_MAX);
    if let Some(address) = found.iter().copied().find(|address| is_closed(*address)) {
        return Err(Closed { host: host.to_owned(), address });
    }
    // The port is the connection's.
    Ok(found.into_iter().map(|address| SocketAddr::new(address, 0)).collect())
}

/// An address that is written as such is not looked up, and looked at here.
pub(super) fn require_open(uri: &http::Uri) -> Result<(), Closed> {
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match address {
        Ok(address) if is_closed(address) => Err(Closed { host: host.to_owned(), address }),
        _ => Ok(()),
    }
}

/// What was closed, where that is why a call failed.
pub(super) fn closed<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Closed> {
    let mut next = Some(error);
    // Causes do not nest deeply; a circle must not hold us.
    for _ in 0..16 {
        let cause = next?;
        if let Some(found) = cause.downcast_ref::<Closed>() {
            return Some(found);
        }
        next = cause.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;
    use crate::cluster::{Access, Client, ClientError, LogAsk, Resource};
    use crate::types::{Failure as _, SecretString};

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    }

    fn leads_to(texts: &[&str]) -> Guard {
        let found = addresses(texts);
        Guard::new(move |_| Box::pin(ready(Ok(found.clone()))))
    }

    fn client(port: u16, guard: Guard) -> Client {
        let token = SecretString::new("token-of-the-account".into());
        let access = Access::by_token(&format!("https://cluster.example:{port}"), None, token).expect("an address");
        Client::guarded(&access, guard).expect("a client")
    }

    async fn asked(texts: &[&str]) -> Result<Vec<SocketAddr>, String> {
        let name = "cluster.example".parse::<Name>().expect("a name");
        leads_to(texts).call(name).await.map(Iterator::collect).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_name_that_leads_to_metadata_leads_nowhere() {
        for closed in [
            "169.254.169.254",
            "169.254.1.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fe80::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "0.0.0.0",
            "::",
            "224.0.0.1",
        ] {
            let alone = asked(&[closed]).await.expect_err(closed);
            assert!(alone.starts_with("`cluster.example` leads to "), "{alone}");
            assert!(asked(&["192.0.2.1", closed]).await.is_err(), "{closed} behind a fine one");
            assert!(asked(&[closed, "192.0.2.1"]).await.is_err(), "{closed} before a fine one");
        }
    }

    #[tokio::test]
    async fn a_name_may_lead_to_where_clusters_are() {
        let fine = ["127.0.0.1", "::1", "10.0.0.1", "172.16.0.1", "192.168.1.2", "fd00::1", "192.0.2.1"];
        let found = asked(&fine).await.expect("all are fine");
        assert_eq!(found.iter().map(SocketAddr::ip).collect::<Vec<_>>(), addresses(&fine));
        let many: Vec<IpAddr> = (0..200).map(|n| IpAddr::from([10, 0, 0, n])).collect();
        assert_eq!(checked("cluster.example", many).expect("fine").len(), ADDRESSES_MAX);
    }

    /// The name leads to a listener once, and to metadata from then on: who looked up twice would be found out.
    #[tokio::test]
    async fn the_address_that_is_checked_is_the_one_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let guard = Guard::new(move |_| {
            let first = count.fetch_add(1, Ordering::SeqCst) == 0;
            Box::pin(ready(Ok(addresses(if first { &["127.0.0.1"] } else { &["169.254.169.254"] }))))
        });
        let client = client(port, guard);
        let accept = async { timeout(Duration::from_secs(5), listener.accept()).await.map(drop) };
        let (came, failed) = tokio::join!(accept, client.version());
        came.expect("somebody connects");
        assert_eq!(failed.expect_err("it speaks no TLS").code(), "cluster_unreachable");
        assert_eq!(asked.load(Ordering::SeqCst), 1, "it was looked up once");
        assert_eq!(client.version().await.expect_err("it leads to metadata now").code(), "cluster_address_closed");
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn no_way_to_a_cluster_goes_past_the_guard() {
        let client = client(6443, leads_to(&["10.0.0.1", "169.254.169.254"]));
        let told = client.version().await.expect_err("closed");
        assert!(told.to_string().contains("`cluster.example` leads to 169.254.169.254"), "{told}");
        let mut all = vec![Some(told)];
        all.push(client.list(Resource::Pod, None, "", "").await.err());
        all.push(client.watch(Resource::Pod, None, "", "1").await.err());
        all.push(client.logs("a", "b", &LogAsk::default()).await.err());
        all.push(client.exec(("a", "b", "c"), &["true".to_owned()], false, false).await.err());
        all.push(client.forward("a", "b", 80).await.err());
        for (way, error) in all.iter().enumerate() {
            let code = error.as_ref().map(ClientError::code);
            assert_eq!(code, Some("cluster_address_closed"), "way {way}");
        }
    }

    #[test]
    fn a_written_address_is_looked_at_too() {
        for closed in ["https://169.254.169.254", "https://[fe80::1]:6443", "https://[::ffff:169.254.169.254]/a"] {
            assert!(require_open(&closed.parse().expect("an address")).is_err(), "{closed}");
        }
        for open in ["https://127.0.0.1:6443", "https://[fd00::1]", "https://cluster.example"] {
            assert!(require_open(&open.parse().expect("an address")).is_ok(), "{open}");
        }
    }
}
