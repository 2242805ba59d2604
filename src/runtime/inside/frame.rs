//! What goes over a WebSocket to who is inside: binary messages whose first byte says what the others are.

use bytes::{BufMut as _, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

/// The subprotocol of commands.
pub const PROTOCOL_EXEC: &str = "holdfast.exec.v1";
/// The subprotocol of connections to a port.
pub const PROTOCOL_FORWARD: &str = "holdfast.port-forward.v1";
/// Most bytes of one message after its first.
pub const PAYLOAD_MAX: usize = 64 << 10;

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
const RESIZE: u8 = 4;
const STDIN_END: u8 = 5;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// For the command to read, or to the port.
    Stdin(Bytes),
    /// What the command wrote, or what came from the port.
    Stdout(Bytes),
    /// What the command wrote to its errors.
    Stderr(Bytes),
    /// How it ended: the last message.
    Status(Ending),
    /// The terminal has another size.
    Resize(Window),
    /// There is nothing more to read, or no more comes to the port.
    StdinEnd,
}

/// How it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The exit code of the command; none where it has none, or nobody knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The stable code of what went wrong; empty when nothing did.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// The same in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Ending {
    /// The command ended with this exit code.
    pub fn exit(code: i32) -> Self {
        Self { exit_code: Some(code), ..Self::default() }
    }

    /// Something went wrong.
    pub fn failed(code: &str, detail: impl Into<String>) -> Self {
        Self { exit_code: None, code: code.to_owned(), detail: detail.into() }
    }
}

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

/// A message that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It has no first byte, or one that nothing is behind.
    #[error("a message begins with a byte from 0 to 5")]
    Channel,
    /// It is longer than a message may be.
    #[error("a message has at most 64 KiB after its first byte")]
    TooLong,
    /// It is no JSON, or has not the fields it should have.
    #[error("the JSON of the message cannot be read")]
    Json,
}

impl Frame {
    /// The message.
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Stdin(bytes) => with(STDIN, bytes),
            Self::Stdout(bytes) => with(STDOUT, bytes),
            Self::Stderr(bytes) => with(STDERR, bytes),
            Self::Status(ending) => with(STATUS, &json(ending)),
            Self::Resize(window) => with(RESIZE, &json(window)),
            Self::StdinEnd => with(STDIN_END, &[]),
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// It is none of these.
    pub fn read(mut message: Bytes) -> Result<Self, FrameError> {
        if message.len() > PAYLOAD_MAX + 1 {
            return Err(FrameError::TooLong);
        }
        let channel = *message.first().ok_or(FrameError::Channel)?;
        let rest = message.split_off(1);
        match channel {
            STDIN => Ok(Self::Stdin(rest)),
            STDOUT => Ok(Self::Stdout(rest)),
            STDERR => Ok(Self::Stderr(rest)),
            STATUS => serde_json::from_slice(&rest).map(Self::Status).map_err(|_| FrameError::Json),
            RESIZE => serde_json::from_slice(&rest).map(Self::Resize).map_err(|_| FrameError::Json),
            STDIN_END => Ok(Self::StdinEnd),
            _ => Err(FrameError::Channel),
        }
    }
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // Structures of numbers and texts are always JSON.
    serde_json::to_vec(value).unwrap_or_default()
}

fn with(channel: u8, rest: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(1 + rest.len());
    message.put_u8(channel);
    message.put_slice(rest);
    message.freeze()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_message_has_its_first_byte() {
        let window = Window { columns: 80, rows: 24 };
        let cases = [
            (Frame::Stdin(Bytes::from_static(b"a")), &b"\0a"[..]),
            (Frame::Stdout(Bytes::from_static(b"")), b"\x01"),
            (Frame::Stderr(Bytes::from_static(b"\xff")), b"\x02\xff"),
            (Frame::Status(Ending::exit(7)), b"\x03{\"exit_code\":7}"),
            (Frame::Status(Ending::failed("x", "y")), b"\x03{\"code\":\"x\",\"detail\":\"y\"}"),
            (Frame::Resize(window), b"\x04{\"columns\":80,\"rows\":24}"),
            (Frame::StdinEnd, b"\x05"),
        ];
        for (frame, message) in cases {
            assert_eq!(&frame.encode()[..], message);
            assert_eq!(Frame::read(Bytes::copy_from_slice(message)), Ok(frame));
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let read = |message: &[u8]| Frame::read(Bytes::copy_from_slice(message));
        assert_eq!(read(b""), Err(FrameError::Channel));
        assert_eq!(read(b"\x06"), Err(FrameError::Channel));
        assert_eq!(read(b"\xff\x00"), Err(FrameError::Channel));
        for size in [&b"\x04"[..], b"\x04{}", b"\x04{\"columns\":-1,\"rows\":1}", b"\x04{\"columns\":70000,\"rows\":1}"]
        {
            assert_eq!(read(size), Err(FrameError::Json));
        }
        assert_eq!(read(&vec![0; PAYLOAD_MAX + 2]), Err(FrameError::TooLong));
        assert!(read(&vec![0; PAYLOAD_MAX + 1]).is_ok());
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(message in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(frame) = Frame::read(Bytes::from(message.clone()))
                && !matches!(frame, Frame::Status(_) | Frame::Resize(_) | Frame::StdinEnd)
            {
                prop_assert_eq!(&frame.encode()[..], &message[..]);
            }
        }
    }
}
