//! What a person or a pipe gives: secrets by stdin, file or a prompt that does not echo, never by argument.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::Path;

use super::error::CliError;
use crate::types::{SecretBytes, SecretString};

/// Largest value of a secret, in bytes; the server says the same.
pub const MAX_VALUE: usize = 64 << 10;
/// Longest password or token, in bytes.
const MAX_LINE: usize = 4 << 10;
/// Largest file for import, in bytes: what the server takes in one batch.
pub const MAX_IMPORT: usize = 32 << 20;

/// Where answers come from.
#[derive(Debug)]
pub struct Input {
    interactive: bool,
}

impl Input {
    /// Asks only if stdin is a terminal and `no_input` is not set.
    pub fn new(no_input: bool) -> Self {
        Self { interactive: !no_input && std::io::stdin().is_terminal() }
    }

    /// Whether there is somebody to ask.
    pub fn interactive(&self) -> bool {
        self.interactive
    }

    /// The value of a secret: exactly the bytes of `file`; or stdin, less one line end unless `raw`; or a prompt.
    ///
    /// # Errors
    /// Over 64 KiB, an unreadable file, or nobody to ask.
    pub fn value(&self, name: &str, file: Option<&Path>, raw: bool) -> Result<SecretBytes, CliError> {
        if let Some(path) = file.filter(|p| *p != Path::new("-")) {
            return read_file(path, MAX_VALUE).map(SecretBytes::new);
        }
        if self.interactive {
            return password(&format!("Value of {name}:")).map(SecretString::into_bytes);
        }
        if std::io::stdin().is_terminal() {
            return Err(CliError::usage("--no-input leaves nowhere to take the value from")
                .hint(format!("printf %s \"$VALUE\" | holdfast secrets set {name}, or --value-file FILE")));
        }
        // One more than the limit and a line end, so that what is too long is seen as such.
        let mut bytes = read_bounded(std::io::stdin().lock(), "stdin", MAX_VALUE + 2)?;
        if !raw {
            strip_line_end(&mut bytes);
        }
        if bytes.len() > MAX_VALUE { Err(too_large("stdin", MAX_VALUE)) } else { Ok(SecretBytes::new(bytes)) }
    }

    /// What is to be sent: exactly the bytes of `file` (`-` is stdin), or stdin less one line end, or a prompt.
    ///
    /// # Errors
    /// Over `max` bytes, an unreadable file, or nobody to ask.
    pub fn content(&self, file: Option<&Path>, max: usize) -> Result<SecretBytes, CliError> {
        match file {
            Some(path) if path == Path::new("-") => read_bounded(std::io::stdin().lock(), "stdin", max),
            Some(path) => read_file(path, max),
            None if self.interactive => return password("What to send:").map(SecretString::into_bytes),
            None if std::io::stdin().is_terminal() => {
                return Err(
                    CliError::usage("--no-input leaves nowhere to take it from").hint("--file FILE names a file")
                );
            }
            None => {
                let mut bytes = read_bounded(std::io::stdin().lock(), "stdin", max + 2)?;
                strip_line_end(&mut bytes);
                if bytes.len() > max { Err(too_large("stdin", max)) } else { Ok(bytes) }
            }
        }
        .map(SecretBytes::new)
    }

    /// A line that is a secret: typed at a prompt that does not echo, or piped.
    ///
    /// # Errors
    /// Not one line of UTF-8, or nobody to ask; `what` is named.
    pub fn line_or_stdin(&self, prompt: &str, what: &str) -> Result<SecretString, CliError> {
        if self.interactive {
            return password(prompt);
        }
        if std::io::stdin().is_terminal() {
            return Err(CliError::usage(format!("{what} is needed when nobody can be asked")));
        }
        self.line(Some(Path::new("-")), prompt, what)
    }

    /// A password or token: the first line of `file` (`-` is stdin), else a prompt.
    ///
    /// # Errors
    /// Not UTF-8, over 4 KiB, several lines, or nobody to ask; `flag` is named as the way out.
    pub fn line(&self, file: Option<&Path>, prompt: &str, flag: &str) -> Result<SecretString, CliError> {
        let Some(path) = file else {
            if self.interactive {
                return password(prompt);
            }
            return Err(CliError::usage(format!("{flag} FILE is needed when nobody can be asked")));
        };
        let mut bytes = if path == Path::new("-") {
            read_bounded(std::io::stdin().lock(), "stdin", MAX_LINE)?
        } else {
            read_file(path, MAX_LINE)?
        };
        strip_line_end(&mut bytes);
        let text =
            String::from_utf8(bytes).map_err(|_| CliError::failed(format!("{} is not UTF-8", path.display())))?;
        if text.is_empty() || text.contains('\n') {
            return Err(CliError::failed(format!("{} must hold exactly one line", path.display())));
        }
        Ok(SecretString::new(text))
    }

    /// The text of a file to import; `-` is stdin.
    ///
    /// # Errors
    /// Not UTF-8, over 32 MiB, unreadable.
    pub fn document(&self, path: &Path) -> Result<String, CliError> {
        let bytes = if path == Path::new("-") {
            read_bounded(std::io::stdin().lock(), "stdin", MAX_IMPORT)?
        } else {
            read_file(path, MAX_IMPORT)?
        };
        String::from_utf8(bytes).map_err(|e| {
            let line = e.as_bytes()[..e.utf8_error().valid_up_to()].split(|&b| b == b'\n').count();
            CliError::failed(format!("{}, line {line}: not UTF-8", path.display()))
                .hint("a value that is not text goes in alone: holdfast secrets set NAME --value-file FILE")
        })
    }

    /// Text a person types, shown as they type; `given` needs no question.
    ///
    /// # Errors
    /// Nobody to ask; `flag` is named as the way out.
    pub fn text(&self, given: Option<&str>, prompt: &str, flag: &str) -> Result<String, CliError> {
        match given {
            Some(text) => Ok(text.to_owned()),
            None if self.interactive => inquire::Text::new(prompt).prompt().map_err(prompt_error),
            None => Err(CliError::usage(format!("{flag} is needed when nobody can be asked"))),
        }
    }

    /// One of `options`.
    ///
    /// # Errors
    /// Nobody to ask; `flag` is named as the way out.
    pub fn select(&self, prompt: &str, options: Vec<String>, flag: &str) -> Result<String, CliError> {
        if self.interactive && !options.is_empty() {
            return inquire::Select::new(prompt, options).prompt().map_err(prompt_error);
        }
        Err(CliError::usage(format!("{flag} is needed")))
    }

    /// Yes or no, no being what Enter means; no when nobody can be asked.
    ///
    /// # Errors
    /// The person left the question.
    pub fn yes(&self, question: &str) -> Result<bool, CliError> {
        if !self.interactive {
            return Ok(false);
        }
        inquire::Confirm::new(question).with_default(false).prompt().map_err(prompt_error)
    }
}

fn password(prompt: &str) -> Result<SecretString, CliError> {
    let prompt = inquire::Password::new(prompt).with_display_mode(inquire::PasswordDisplayMode::Hidden);
    prompt.without_confirmation().prompt().map(SecretString::new).map_err(prompt_error)
}

fn prompt_error(error: inquire::InquireError) -> CliError {
    match error {
        inquire::InquireError::OperationCanceled | inquire::InquireError::OperationInterrupted => {
            CliError::failed("cancelled; nothing was done")
        }
        other => CliError::failed(format!("cannot ask: {other}")),
    }
}

fn read_file(path: &Path, limit: usize) -> Result<Vec<u8>, CliError> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => CliError::new(super::error::Exit::NotFound, format!("there is no file {name}")),
        _ => CliError::failed(format!("cannot read {name}: {e}")),
    })?;
    read_bounded(file, &name, limit)
}

fn read_bounded(source: impl Read, name: &str, limit: usize) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    source.take(most).read_to_end(&mut bytes).map_err(|e| CliError::failed(format!("cannot read {name}: {e}")))?;
    if bytes.len() > limit { Err(too_large(name, limit)) } else { Ok(bytes) }
}

fn too_large(name: &str, limit: usize) -> CliError {
    CliError::failed(format!("{name} is larger than {} KiB", limit >> 10))
}

/// Takes off exactly one line end: what `echo` adds and nobody means.
fn strip_line_end(bytes: &mut Vec<u8>) {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::error::Exit;

    fn piped() -> Input {
        Input { interactive: false }
    }

    #[test]
    fn exactly_one_line_end_is_stripped() {
        let cases = [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a"), ("\n", ""), ("", ""), ("a\r", "a\r")];
        for (given, kept) in cases {
            let mut bytes = given.as_bytes().to_vec();
            strip_line_end(&mut bytes);
            assert_eq!(bytes, kept.as_bytes(), "{given:?}");
        }
    }

    #[test]
    fn a_file_of_a_value_is_taken_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pem");
        std::fs::write(&path, b"line\n\xff\n").unwrap();
        assert_eq!(piped().value("KEY", Some(&path), false).unwrap().expose(), b"line\n\xff\n");
    }

    #[test]
    fn what_is_too_large_or_missing_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("big");
        std::fs::write(&path, vec![b'x'; MAX_VALUE + 1]).unwrap();
        assert!(piped().value("KEY", Some(&path), false).unwrap_err().to_string().contains("64 KiB"));
        let missing = piped().value("KEY", Some(&dir.path().join("none")), false).unwrap_err();
        assert_eq!(missing.exit(), Exit::NotFound);
    }

    #[test]
    fn a_password_file_is_one_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pw");
        std::fs::write(&path, "correct horse\n").unwrap();
        assert_eq!(piped().line(Some(&path), "", "--password-file").unwrap().expose(), "correct horse");
        for bad in [&b""[..], b"\n", b"a\nb\n", b"\xff"] {
            std::fs::write(&path, bad).unwrap();
            assert!(piped().line(Some(&path), "", "--password-file").is_err(), "{bad:?}");
        }
        assert_eq!(piped().line(None, "", "--password-file").unwrap_err().exit(), Exit::Usage);
    }

    #[test]
    fn an_import_that_is_not_text_names_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        std::fs::write(&path, b"A=1\nB=\xff\n").unwrap();
        assert!(piped().document(&path).unwrap_err().to_string().contains("line 2"));
    }
}
