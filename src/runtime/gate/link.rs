//! One connection: whether it came about, and one question and answer on it.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The longest line of either side, in bytes: `closed` and an IPv6 address are the longest there is.
pub(super) const LONGEST_LINE: usize = 64;

/// What an attempt to connect told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Somebody accepted.
    Open,
    /// The network refused it, or said nothing.
    Closed,
    /// It failed for a reason that says nothing about the network.
    Unknown,
}

/// Tries to connect. Silence is tried once more within the same limit: one packet may be lost.
pub(super) async fn attempt(to: SocketAddr, limit: Duration) -> Way {
    for _ in 0..2 {
        match timeout(limit / 2, TcpStream::connect(to)).await {
            Ok(Ok(_)) => return Way::Open,
            Ok(Err(error)) => return way_of(&error),
            Err(_) => {}
        }
    }
    Way::Closed
}

/// What a failed connection says of the network.
pub(super) fn way_of(error: &Error) -> Way {
    match error.kind() {
        ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::TimedOut
        | ErrorKind::PermissionDenied => Way::Closed, // the last is what a filter on the way out answers
        _ => Way::Unknown,
    }
}

/// Sends a line and reads the one that answers it, within `limit`.
pub(super) async fn exchange(stream: &mut TcpStream, line: &str, limit: Duration) -> std::io::Result<String> {
    let talk = async {
        stream.write_all(line.as_bytes()).await?;
        read_line(stream).await
    };
    timeout(limit, talk).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}

/// Reads one line of at most [`LONGEST_LINE`] bytes, without its end.
pub(super) async fn read_line(stream: &mut TcpStream) -> std::io::Result<String> {
    let (mut buffer, mut filled) = ([0_u8; LONGEST_LINE], 0);
    loop {
        // Of a full buffer nothing is left to read into, and that reads like an end.
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        filled += read;
        if let Some(end) = buffer[..filled].iter().position(|byte| *byte == b'\n') {
            let line = std::str::from_utf8(&buffer[..end]).map_err(|_| ErrorKind::InvalidData)?;
            return Ok(line.to_owned());
        }
    }
}
