//! Server-sent events, read as they come.

use serde_json::Value;

use super::error::{CliError, Exit};

/// The longest line of a stream that is kept: an event is some kilobytes, a status of many services some more.
const LINE_MAX: usize = 4 << 20;

/// What takes each event: its name, and its data.
pub type Each<'a> = dyn FnMut(&str, &Value) -> Result<(), CliError> + 'a;

/// What was read of a stream so far.
#[derive(Default)]
pub struct Sse {
    rest: Vec<u8>,
    id: Option<String>,
    event: String,
    data: String,
    /// The id of the last event that was whole.
    pub last: Option<String>,
    ended: Option<String>,
}

impl Sse {
    /// Takes a piece of the stream, and hands each event that is whole to `each`.
    ///
    /// # Errors
    /// What `each` says; a stream that is none.
    pub fn take(&mut self, chunk: &[u8], each: &mut Each<'_>) -> Result<(), CliError> {
        self.rest.extend_from_slice(chunk);
        while let Some(at) = memchr::memchr(b'\n', &self.rest) {
            let line: Vec<u8> = self.rest.drain(..=at).collect();
            self.line(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']), each)?;
        }
        if self.rest.len() > LINE_MAX {
            return Err(CliError::failed("the server's stream has no line breaks"));
        }
        Ok(())
    }

    /// Why the server ended the stream, when it said so: to try again is of no use.
    pub fn ended(&mut self) -> Option<CliError> {
        let code = self.ended.take()?;
        let error = CliError::new(Exit::Forbidden, format!("the server ended the stream: {code}"));
        Some(error.hint("holdfast whoami says who you are; holdfast login signs in again"))
    }

    /// Forgets what was cut off with a connection.
    pub fn begin_anew(&mut self) {
        self.rest.clear();
        self.event.clear();
        self.data.clear();
    }

    fn line(&mut self, line: &str, each: &mut Each<'_>) -> Result<(), CliError> {
        if !line.is_empty() {
            let (field, text) = line.split_once(':').unwrap_or((line, ""));
            let text = text.strip_prefix(' ').unwrap_or(text);
            match field {
                "id" => self.id = Some(text.to_owned()),
                "event" => text.clone_into(&mut self.event),
                "data" => self.data.push_str(text),
                _ => {}
            }
            return Ok(());
        }
        let (event, data) = (std::mem::take(&mut self.event), std::mem::take(&mut self.data));
        if data.is_empty() {
            return Ok(());
        }
        let data: Value =
            serde_json::from_str(&data).map_err(|_| CliError::failed("an event of the stream is no JSON"))?;
        if event == "end" {
            self.ended = Some(data.get("code").and_then(Value::as_str).unwrap_or("ended").to_owned());
            return Ok(());
        }
        each(&event, &data)?;
        self.last = self.id.take().or(self.last.take());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_the_stream_is_cut() {
        let text = b"retry: 2000\n:ping\n\nid: 7\ndata: {\"seq\":7}\n\nid: 8\r\nevent: state\r\ndata: {\"seq\":8}\r\n\r\nevent: end\ndata: {\"code\":\"x\"}\n\n";
        for size in [1, 3, 1_000] {
            let (mut stream, mut seen) = (Sse::default(), Vec::new());
            for chunk in text.chunks(size) {
                stream
                    .take(chunk, &mut |name, event| {
                        seen.push((name.to_owned(), event["seq"].as_u64()));
                        Ok(())
                    })
                    .unwrap();
            }
            assert_eq!(seen, [(String::new(), Some(7)), ("state".to_owned(), Some(8))]);
            assert_eq!(stream.last.as_deref(), Some("8"));
            assert!(stream.ended().is_some_and(|error| error.to_string().ends_with(": x")));
        }
    }
}
