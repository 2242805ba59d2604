//! The URL of a Holdfast server.

use std::fmt;

use crate::types::ParseError;

/// `http` or `https`, a host, perhaps a port; no user, path, query or fragment. Two texts for one server give
/// one value: host in lower case, no default port, no slash at the end. So it serves as a key for credentials.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// Longest URL, in bytes.
    pub const MAX_LEN: usize = 512;

    /// Reads a URL.
    ///
    /// # Errors
    /// It is not a URL, or has more than scheme, host and port.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let problem =
            |what: &str| ParseError::new("server URL", format!("{what}; it looks like https://holdfast.example.com"));
        if text.len() > Self::MAX_LEN {
            return Err(problem("it is longer than 512 bytes"));
        }
        let url = reqwest::Url::parse(text.trim()).map_err(|error| problem(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(problem("it does not begin with http:// or https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(problem("it has a user or password in it"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(problem("it has a path, a query or a fragment"));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| problem("it has no host"))?;
        let port = url.port().map_or(String::new(), |port| format!(":{port}"));
        Ok(Self(format!("{}://{host}{port}", url.scheme())))
    }

    /// This machine, at a port.
    pub fn localhost(port: u16, tls: bool) -> Self {
        let scheme = if tls { "https" } else { "http" };
        match (tls, port) {
            (false, 80) | (true, 443) => Self(format!("{scheme}://localhost")),
            _ => Self(format!("{scheme}://localhost:{port}")),
        }
    }

    /// The text, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Host and port as in a `Host` header: `localhost:8420`, `[::1]:8420`.
    pub fn authority(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// Whether it is `https`.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// Whether what is sent there can be read on the way: plain HTTP to another machine.
    pub fn is_clear_text(&self) -> bool {
        let authority = self.authority();
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !port.is_empty() => host,
            _ => authority,
        };
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
        !self.is_https() && host != "localhost" && !address.is_ok_and(|ip| ip.to_canonical().is_loopback())
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> String {
        BaseUrl::parse(text).map_or_else(|error| error.to_string(), |url| url.to_string())
    }

    #[test]
    fn one_server_has_one_text() {
        for text in [
            "https://Vault.Example.com",
            "https://vault.example.com/",
            "https://vault.example.com:443",
            " https://vault.example.com\n",
        ] {
            assert_eq!(parse(text), "https://vault.example.com");
        }
        assert_eq!(parse("http://[::1]:8420/"), "http://[::1]:8420");
    }

    #[test]
    fn what_is_more_than_a_server_is_refused() {
        for text in [
            "",
            "localhost:8420",
            "ftp://a",
            "http://",
            "http://u:p@a",
            "http://u@a",
            "http://a/b",
            "http://a?b",
            "http://a#b",
        ] {
            assert!(BaseUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn knows_when_a_token_would_travel_in_the_clear() {
        for safe in ["https://a.example", "http://localhost:8420", "http://127.0.0.1", "http://[::1]:8420"] {
            assert!(!BaseUrl::parse(safe).expect("valid").is_clear_text(), "{safe}");
        }
        for clear in ["http://a.example", "http://10.0.0.1:8420", "http://localhost.a.example", "http://[fe80::1]"] {
            assert!(BaseUrl::parse(clear).expect("valid").is_clear_text(), "{clear}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_reads_back_as_itself(text in "(https?://)?[a-zA-Z0-9.:@/?#\\[\\]-]{0,30}") {
            if let Ok(url) = BaseUrl::parse(&text) {
                prop_assert_eq!(BaseUrl::parse(url.as_str()), Ok(url.clone()));
                prop_assert!(!url.authority().is_empty() && !url.authority().contains(['/', '@', '?', '#']));
            }
        }

        #[test]
        fn localhost_is_what_parsing_gives(port in 1u16.., tls: bool) {
            let url = BaseUrl::localhost(port, tls);
            prop_assert_eq!(BaseUrl::parse(url.as_str()), Ok(url));
        }
    }
}
