//! `[server]`: where the server listens and how it stops.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use ipnet::IpNet;

use super::error::ConfigError;
use super::reader::Reader;
use super::table::{Fallback, Key, Kind};
use super::url::BaseUrl;

static LISTEN: Key = Key {
    section: "server",
    name: "listen",
    kind: Kind::Address,
    fallback: Fallback::Value("127.0.0.1:8420"),
    help: "Where the server listens. Port 0 takes a free one.",
};
static PUBLIC_URL: Key = Key {
    section: "server",
    name: "public_url",
    kind: Kind::Url,
    fallback: Fallback::Computed("`http://localhost:<listening port>` (`https` with TLS)"),
    help: "The URL people and machines reach this server by.",
};
static INSECURE_LISTEN: Key = Key {
    section: "server",
    name: "insecure_listen",
    kind: Kind::Boolean,
    fallback: Fallback::Value("false"),
    help: "Listen beyond this machine without TLS. Only behind a proxy that has TLS.",
};
static WORKERS: Key = Key {
    section: "server",
    name: "workers",
    kind: Kind::Integer { min: 1, max: 256 },
    fallback: Fallback::Computed("one per processor"),
    help: "Threads that answer requests.",
};
static GRACEFUL_STOP_SECONDS: Key = Key {
    section: "server",
    name: "graceful_stop_seconds",
    kind: Kind::Integer { min: 0, max: 10 },
    fallback: Fallback::Value("10"),
    help: "How long running requests may take after SIGTERM.",
};

static TRUSTED_PROXIES: Key = Key {
    section: "server",
    name: "trusted_proxies",
    kind: Kind::Networks,
    fallback: Fallback::None,
    help: "Proxies whose `X-Forwarded-For`, `-Proto` and `-Host` are believed. Everybody else's are ignored.",
};

pub(super) const KEYS: &[&Key] =
    &[&LISTEN, &PUBLIC_URL, &INSECURE_LISTEN, &WORKERS, &GRACEFUL_STOP_SECONDS, &TRUSTED_PROXIES];

/// Where the server listens and how it stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The URL it is reached by, when one is set; see [`ServerConfig::public_url`].
    pub configured_url: Option<BaseUrl>,
    /// Whether plain HTTP beyond loopback was asked for.
    pub insecure_listen: bool,
    /// Threads that answer requests; `None` is one per processor.
    pub workers: Option<NonZeroUsize>,
    /// How long running requests may take after SIGTERM: at most ten seconds.
    pub graceful_stop: Duration,
    /// Whose word is taken for where a request came from.
    pub trusted_proxies: Vec<IpNet>,
}

impl ServerConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            listen: reader.address(&LISTEN)?.expect("the key's table gives it a default value"),
            configured_url: reader.parsed(&PUBLIC_URL, |text| BaseUrl::parse(text).ok())?,
            insecure_listen: reader.boolean(&INSECURE_LISTEN)?,
            workers: reader.optional_integer(&WORKERS)?.and_then(|n| NonZeroUsize::new(usize::try_from(n).ok()?)),
            graceful_stop: Duration::from_secs(reader.integer(&GRACEFUL_STOP_SECONDS)?),
            trusted_proxies: reader.networks(&TRUSTED_PROXIES)?,
        })
    }

    /// The URL the server is reached by: the configured one, or localhost at the port that was bound.
    pub fn public_url(&self, bound_port: u16, tls: bool) -> BaseUrl {
        self.configured_url.clone().unwrap_or_else(|| BaseUrl::localhost(bound_port, tls))
    }

    /// Refuses plain HTTP where other machines could read it, unless that was asked for.
    pub(super) fn check_reach(&self, tls: bool) -> Result<(), ConfigError> {
        if tls || self.insecure_listen || self.listen.ip().to_canonical().is_loopback() {
            Ok(())
        } else {
            Err(ConfigError::InsecureListen { listen: self.listen })
        }
    }
}
