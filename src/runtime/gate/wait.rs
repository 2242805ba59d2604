//! The wait for what a service depends on: until somebody answers at each of its addresses.
//!
//! A name of a cluster leads to pods that are ready, and to none when there is none: a connection that comes about says that
//! the dependency is ready. Nobody has to be asked, so a pod that starts while the appliance is away waits and goes on as well.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, sleep, timeout};

use crate::types::ParseError;

/// How long one connection may take.
const CONNECT: Duration = Duration::from_secs(1);
/// How often it is tried: more often at first, when everything is about to start.
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_millis(200);
/// The most addresses of one name that are tried.
const ADDRESSES: usize = 4;
/// Longest name, as DNS has it.
const NAME: usize = 253;

/// Where a dependency answers: a name and a TCP port, like `db:5432`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    name: String,
    port: u16,
}

impl Way {
    /// Reads `NAME:PORT`.
    ///
    /// # Errors
    /// It is not a name of letters, digits, dots and dashes with a port from 1.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let wrong = || ParseError::new("address", "is a name and a port, like db:5432");
        let (name, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        if name.is_empty() || name.len() > NAME || !name.chars().all(fits) {
            return Err(wrong());
        }
        match port.parse() {
            Ok(port) if port > 0 => Ok(Self { name: name.to_owned(), port }),
            _ => Err(wrong()),
        }
    }
}

/// How the wait ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Waited {
    /// How long it took.
    pub took: Duration,
    /// What did not answer in all that time. The program starts all the same: what it makes of it is its own affair, and
    /// nothing would ever start a service again whose dependency is gone for good.
    pub missing: Vec<String>,
}

/// Waits until all of them answer, `patience` at most.
pub(super) async fn wait(after: &[Way], patience: Duration) -> Waited {
    let began = Instant::now();
    let mut missing: Vec<&Way> = after.iter().collect();
    while !missing.is_empty() && began.elapsed() < patience {
        let mut still = Vec::with_capacity(missing.len());
        for way in missing {
            if !answers(way).await {
                still.push(way);
            }
        }
        missing = still;
        if !missing.is_empty() {
            sleep((began.elapsed() / 20).clamp(SHORTEST, LONGEST)).await;
        }
    }
    Waited { took: began.elapsed(), missing: missing.into_iter().map(|way| way.name.clone()).collect() }
}

async fn answers(way: &Way) -> bool {
    let found = timeout(CONNECT, lookup_host((way.name.as_str(), way.port))).await;
    let Ok(Ok(found)) = found else { return false };
    for address in found.take(ADDRESSES).collect::<Vec<SocketAddr>>() {
        if matches!(timeout(CONNECT, TcpStream::connect(address)).await, Ok(Ok(_))) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    const LONG: Duration = Duration::from_mins(1);

    fn at(port: u16) -> Way {
        Way { name: "127.0.0.1".to_owned(), port }
    }

    #[test]
    fn a_way_is_a_name_and_a_port() {
        assert_eq!(Way::parse("db:5432"), Ok(Way { name: "db".to_owned(), port: 5432 }));
        for wrong in ["", "db", "db:", ":1", "db:0", "db:65536", "d b:1", "a/b:1", "[::1]:1", "db:+1x"] {
            assert!(Way::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn who_answers_is_not_waited_for_and_nothing_is_waited_for_without_a_name() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(wait(&[at(port)], LONG).await.missing, [""; 0]);
        assert_eq!(wait(&[], Duration::ZERO).await.missing, [""; 0]);
    }

    #[tokio::test]
    async fn who_comes_later_is_waited_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let ways = [at(port)];
        let (waited, listener) = tokio::join!(wait(&ways, LONG), async {
            tokio::task::yield_now().await;
            TcpListener::bind(("127.0.0.1", port)).await
        });
        assert!(listener.is_ok() && waited.missing.is_empty());
    }

    #[tokio::test]
    async fn who_never_answers_is_named_and_holds_nothing_up_for_good() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let nobody = Way { name: "nobody.invalid".to_owned(), port: 1 };
        let waited = wait(&[at(port), nobody], Duration::from_millis(120)).await;
        assert_eq!(waited.missing, ["127.0.0.1", "nobody.invalid"]);
    }
}
