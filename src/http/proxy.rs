//! Where a request really comes from, when a proxy stands in front.
//!
//! What `X-Forwarded-*` say is believed of configured proxies only, and only as far as they could know: the address is
//! the first from the right that is none of theirs, scheme and host are what the last one wrote. Whoever sends the
//! headers without being such a proxy is counted, recorded and allowed by their own address.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName};
use ipnet::IpNet;

use super::state::State;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// Proxies in a row that are looked through at most.
const HOPS_MAX: usize = 32;

/// The address of whoever asks.
pub(super) fn address(state: &State, req: &HttpRequest) -> Option<IpAddr> {
    let peer = req.peer_addr().map(|a| a.ip())?;
    let trusted = &state.parts.settings.server.trusted_proxies;
    if trusted.is_empty() || !is_trusted(trusted, peer) {
        return Some(peer);
    }
    let lines: Vec<&str> = req.headers().get_all(FORWARDED_FOR).filter_map(|value| value.to_str().ok()).collect();
    Some(behind(trusted, peer, &lines))
}

/// The first address from the right that is no trusted proxy's; what is no address ends the search.
fn behind(trusted: &[IpNet], peer: IpAddr, lines: &[&str]) -> IpAddr {
    let mut nearest = peer;
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
    for hop in hops.take(HOPS_MAX) {
        let Some(address) = hop_address(hop.trim()) else { return nearest };
        nearest = address;
        if !is_trusted(trusted, address) {
            return nearest;
        }
    }
    nearest
}

/// `192.0.2.1`, `2001:db8::1`, and both with a port.
fn hop_address(text: &str) -> Option<IpAddr> {
    let bare = || text.parse::<IpAddr>().ok();
    bare().or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|a| a.ip())).map(|a| a.to_canonical())
}

fn is_trusted(trusted: &[IpNet], address: IpAddr) -> bool {
    trusted.iter().any(|net| net.contains(&address.to_canonical()))
}

/// Whether the browser reaches us through TLS: ours, a trusted proxy's, or by the public URL's own word.
pub(super) fn is_secure(state: &State, req: &HttpRequest) -> bool {
    state.tls || state.public_url.is_https() || forwarded(state, req, &FORWARDED_PROTO) == Some("https")
}

/// The host the browser asked for, with its port.
pub(super) fn host<'a>(state: &State, req: &'a HttpRequest) -> Option<&'a str> {
    forwarded(state, req, &FORWARDED_HOST).or_else(|| req.headers().get(header::HOST)?.to_str().ok())
}

/// The last word of a trusted proxy.
fn forwarded<'a>(state: &State, req: &'a HttpRequest, name: &HeaderName) -> Option<&'a str> {
    let trusted = &state.parts.settings.server.trusted_proxies;
    let peer = req.peer_addr()?.ip();
    if trusted.is_empty() || !is_trusted(trusted, peer) {
        return None;
    }
    let line = req.headers().get_all(name).last()?.to_str().ok()?;
    line.rsplit(',').next().map(str::trim).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|t| t.parse().unwrap()).collect()
    }

    fn asked(lines: &[&str]) -> String {
        behind(&nets(&["10.0.0.0/8", "2001:db8::/32"]), "10.0.0.1".parse().unwrap(), lines).to_string()
    }

    #[test]
    fn what_a_client_wrote_itself_is_behind_what_the_proxy_saw() {
        assert_eq!(asked(&["192.0.2.7"]), "192.0.2.7");
        assert_eq!(asked(&["127.0.0.1, 192.0.2.7"]), "192.0.2.7");
        assert_eq!(asked(&["198.51.100.1", "192.0.2.7, 10.2.3.4"]), "192.0.2.7");
        assert_eq!(asked(&["192.0.2.7:51234"]), "192.0.2.7");
        assert_eq!(asked(&["::ffff:192.0.2.7"]), "192.0.2.7");
        assert_eq!(asked(&["[2001:db9::1]:443, 2001:db8::2"]), "2001:db9::1");
    }

    #[test]
    fn what_is_no_address_ends_the_search_at_the_last_that_was() {
        assert_eq!(asked(&[]), "10.0.0.1");
        assert_eq!(asked(&["unknown"]), "10.0.0.1");
        assert_eq!(asked(&["192.0.2.7, nonsense, 10.9.9.9"]), "10.9.9.9");
        assert_eq!(asked(&[&["10.0.0.9"; 100].join(",")]), "10.0.0.9");
    }

    proptest! {
        #[test]
        fn any_header_gives_an_address(line in "[0-9a-f.:,\\[\\] x]{0,80}") {
            let _ = asked(&[&line]);
        }
    }
}
