//! A blocking HTTP/1.1 client for tests: one request per connection, nothing hidden, nothing retried.
//!
//! It is not the client of the CLI on purpose: a test of the server must not pass because both share a mistake.

use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// No answer of ours is near this.
const LARGEST_ANSWER: u64 = 64 * 1024 * 1024;
/// A server that says nothing for so long is broken; the test fails instead of hanging.
const SILENCE: Duration = Duration::from_secs(30);

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case, in the order they came.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The first header of this name, given in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text; panics with the bytes where it is none.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// The body as JSON; `Null` where there is no body, panics with the text where it is not JSON.
    pub(crate) fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Panics with the answer unless it has this status; returns its JSON.
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }
}

/// A JSON request. `base` is `http://host:port`, `path` begins with `/` and holds the query.
pub(crate) fn request(base: &str, method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Response {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![("accept", "application/json")];
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    headers.extend(body.map(|_| ("content-type", "application/json")));
    let bytes = body.map(Value::to_string).unwrap_or_default();
    send(base, method, path, &headers, bytes.as_bytes())
}

/// Any request, as given; panics where the server does not answer. Use [`try_send`] where it may not.
pub(crate) fn send(base: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    try_send(base, method, path, headers, body).unwrap_or_else(|error| panic!("{method} {base}{path}: {error}"))
}

/// Any request, as given. Errors are those of the connection, or an answer that is not HTTP.
pub(crate) fn try_send(
    base: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let address = base.strip_prefix("http://").ok_or_else(|| broken("the base is not http://"))?.trim_end_matches('/');
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
        head.extend(["content-length: ", &body.len().to_string(), "\r\n"]);
    }
    head.push_str("\r\n");
    stream.write_all(&[head.as_bytes(), body].concat()).or_else(unless_answered)?;
    let mut answer = Vec::new();
    match stream.take(LARGEST_ANSWER).read_to_end(&mut answer) {
        // A server that refuses a body closes while we still send it: what it said came before.
        Err(error) if error.kind() != io::ErrorKind::ConnectionReset || answer.is_empty() => return Err(error),
        _ => {}
    }
    parse(&answer, method == "HEAD")
}

/// A body cut off by the server's answer is no error yet: the answer tells.
fn unless_answered(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Ok(()),
        _ => Err(error),
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn parse(answer: &[u8], without_body: bool) -> io::Result<Response> {
    let end = find(answer, b"\r\n\r\n").ok_or_else(|| broken("the answer has no end of headers"))?;
    let head = std::str::from_utf8(&answer[..end]).map_err(|_| broken("the headers are not text"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| broken("the answer has no status"))?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let value = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let rest = &answer[end + 4..];
    let body = if without_body || matches!(status, 204 | 304) {
        Vec::new()
    } else if value("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        unchunk(rest)?
    } else if let Some(length) = value("content-length") {
        let length: usize = length.parse().map_err(|_| broken("content-length is not a number"))?;
        rest.get(..length).ok_or_else(|| broken("the body is shorter than its length"))?.to_vec()
    } else {
        rest.to_vec()
    };
    Ok(Response { status, headers, body })
}

/// The bytes of a chunked body (RFC 9112, section 7.1); trailers are dropped.
fn unchunk(mut rest: &[u8]) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = find(rest, b"\r\n").ok_or_else(|| broken("a chunk has no size"))?;
        let size = std::str::from_utf8(&rest[..end]).ok().and_then(|line| line.split(';').next());
        let size = size.and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
        let size = size.ok_or_else(|| broken("a chunk's size is no number"))?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Ok(body);
        }
        body.extend(rest.get(..size).ok_or_else(|| broken("a chunk is cut off"))?);
        rest = rest.get(size + 2..).ok_or_else(|| broken("a chunk is cut off"))?;
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// Serves one connection: returns what was asked, having answered `answer`.
    fn serve_once(answer: &'static str, ask: impl FnOnce(&str) -> Response) -> (String, Response) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("the test connects");
            let mut asked = vec![0; 4096];
            let read = stream.read(&mut asked).expect("the request is sent at once");
            stream.write_all(answer.as_bytes()).expect("the answer fits the buffer");
            String::from_utf8_lossy(&asked[..read]).into_owned()
        });
        let response = ask(&base);
        (server.join().expect("the server thread ends"), response)
    }

    #[test]
    fn a_json_request_carries_token_length_and_body() {
        let answer = "HTTP/1.1 201 Created\r\nETag: \"1\"\r\nContent-Length: 8\r\n\r\n{\"a\": 1}ignored";
        let body = serde_json::json!({"slug": "shop"});
        let (asked, response) = serve_once(answer, |base| request(base, "POST", "/x?y=1", Some("t0"), Some(&body)));
        assert!(asked.starts_with("POST /x?y=1 HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("authorization: Bearer t0\r\n") && asked.contains("content-length: 15\r\n"), "{asked}");
        assert!(asked.ends_with("\r\n\r\n{\"slug\":\"shop\"}"), "{asked}");
        assert_eq!(response.header("etag"), Some("\"1\""));
        assert_eq!(response.expect(201)["a"], 1);
    }

    #[test]
    fn a_chunked_body_is_put_together() {
        let answer =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\na;x=y\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(parse(answer, false).expect("well formed").text(), "abc0123456789");
    }

    #[test]
    fn a_304_has_no_body_whatever_its_length_says() {
        let answer = b"HTTP/1.1 304 Not Modified\r\ncontent-length: 10\r\n\r\n";
        assert_eq!(parse(answer, false).expect("well formed").json(), Value::Null);
    }

    #[test]
    fn cut_off_answers_are_errors() {
        for answer in [
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "nonsense\r\n\r\n",
        ] {
            assert!(parse(answer.as_bytes(), false).is_err(), "{answer}");
        }
    }
}
