//! A stream of server-sent events, read as it comes.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A stream that says nothing for so long is broken: it sends a sign of life every 15 seconds.
const SILENCE: Duration = Duration::from_secs(40);

/// An open stream.
pub(crate) struct Stream {
    socket: TcpStream,
    /// Everything that came, the head too.
    said: String,
}

impl Stream {
    /// Asks for a stream; panics unless the server answers.
    pub(crate) fn open(base: &str, path: &str, headers: &[(&str, &str)]) -> Self {
        let address = base.trim_start_matches("http://");
        let mut socket = TcpStream::connect(address).expect("the server listens");
        socket.set_read_timeout(Some(SILENCE)).expect("a timeout");
        let mut head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n");
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str("\r\n");
        socket.write_all(head.as_bytes()).expect("the server reads");
        Self { socket, said: String::new() }
    }

    /// The same for the events of the ledger, with a bearer token.
    pub(crate) fn audit(base: &str, query: &str, token: &str) -> Self {
        let bearer = format!("Bearer {token}");
        Self::open(base, &format!("/api/v1/audit/events/stream{query}"), &[("authorization", &bearer)])
    }

    /// Reads until `words` came; answers everything up to now.
    pub(crate) fn until(&mut self, words: &str) -> &str {
        while !self.said.contains(words) {
            assert!(self.more(), "the stream ended without {words:?}:\n{}", self.said);
        }
        &self.said
    }

    /// Reads until the server ends the stream; answers everything that came.
    pub(crate) fn rest_of_it(&mut self) -> &str {
        while !self.said.contains("\r\n0\r\n\r\n") && self.more() {}
        &self.said
    }

    fn more(&mut self) -> bool {
        let mut buffer = [0; 16_384];
        match self.socket.read(&mut buffer) {
            Ok(0) => false,
            Ok(read) => {
                self.said.push_str(&String::from_utf8_lossy(&buffer[..read]));
                true
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}; until then it said:\n{}", self.said),
        }
    }
}
