//! The line formats: dotenv, shell, docker `--env-file`, masks for GitHub Actions. Each refuses what it cannot hold, naming the variable.

use super::dotenv::is_name_char;
use super::error::shown;
use super::{Format, FormatError, Variable};
use crate::types::{Secret, SecretBytes};

/// Writes dotenv lines that [`super::parse_dotenv`] reads back to templates resolving to the same bytes.
///
/// Single quotes where every parser agrees on them; else double quotes with as few escapes as possible.
///
/// # Errors
/// [`FormatError::NotRepresentable`]: a name outside the dialect, a NUL, a value that is not UTF-8.
pub fn write_dotenv(variables: &[Variable<'_>]) -> Result<SecretBytes, FormatError> {
    let mut out = buffer(variables);
    for variable in variables {
        let refuse = refusal(Format::Dotenv, variable.name);
        if variable.name.is_empty() || !variable.name.chars().all(is_name_char) {
            return Err(refuse("the name is empty or has a space, a control character, a quote, `=` or `#`"));
        }
        let text = std::str::from_utf8(variable.value).map_err(|_| refuse("the value is not UTF-8"))?;
        if text.contains('\0') {
            return Err(refuse("the value has a NUL byte"));
        }
        out.extend_from_slice(variable.name.as_bytes());
        if fits_single_quotes(text) {
            out.extend_from_slice(b"='");
            out.extend_from_slice(text.as_bytes());
            out.extend_from_slice(b"'\n");
        } else {
            out.extend_from_slice(b"=\"");
            push_double_quoted(&mut out, text);
            out.extend_from_slice(b"\"\n");
        }
    }
    Ok(Secret::new(out))
}

/// Whether single quotes mean the same to us, npm `dotenv` and `python-dotenv`: python-dotenv decodes `\\` and
/// `\'` in them, and every parser turns a raw CR into LF.
fn fits_single_quotes(text: &str) -> bool {
    !(text.contains(['\'', '\r']) || text.contains("\\\\") || text.ends_with('\\'))
}

/// The inside of double quotes. A backslash stays single where nobody would take it for an escape (npm `dotenv` never
/// undoes `\\`); a `$` is escaped only before `{`.
fn push_double_quoted(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let next = bytes.get(at + 1);
        match byte {
            b'\r' => out.extend_from_slice(b"\\r"),
            b'"' => out.extend_from_slice(b"\\\""),
            b'$' if next == Some(&b'{') => out.extend_from_slice(b"\\$"),
            b'\\' if next.is_none_or(|next| b"\\'\"abfnrtv$\r".contains(next)) => out.extend_from_slice(b"\\\\"),
            other => out.push(*other),
        }
    }
}

/// Writes `export NAME='value'` lines for a POSIX shell (POSIX.1-2024, XCU 2.2.2 single quotes). Every byte but NUL
/// is kept, also where the value is not UTF-8.
///
/// # Errors
/// [`FormatError::NotRepresentable`]: a name that is not `[A-Za-z_][A-Za-z0-9_]*`, a NUL.
pub fn write_shell(variables: &[Variable<'_>]) -> Result<SecretBytes, FormatError> {
    let mut out = buffer(variables);
    for variable in variables {
        let refuse = refusal(Format::Shell, variable.name);
        let fits = variable.name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && variable.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !fits {
            return Err(refuse("a shell name is letters, digits and _, not beginning with a digit"));
        }
        if variable.value.contains(&0) {
            return Err(refuse("the value has a NUL byte"));
        }
        out.extend_from_slice(b"export ");
        out.extend_from_slice(variable.name.as_bytes());
        out.extend_from_slice(b"='");
        for byte in variable.value {
            match byte {
                b'\'' => out.extend_from_slice(b"'\\''"),
                other => out.push(*other),
            }
        }
        out.extend_from_slice(b"'\n");
    }
    Ok(Secret::new(out))
}

/// Longest line of a docker env file, in bytes: docker reads it with a 64 KiB scanner that counts the line end.
const MAX_DOCKER_LINE: usize = 64 * 1024 - 1;

/// Writes raw `NAME=value` lines as `docker run --env-file` reads them: no quotes, no escapes, no comments behind.
///
/// # Errors
/// [`FormatError::NotRepresentable`]: a name with a space, `=`, or `#` at its beginning; a line feed, a CR at the end,
/// a NUL, not UTF-8, or a line over 65,535 bytes.
pub fn write_docker_env_file(variables: &[Variable<'_>]) -> Result<SecretBytes, FormatError> {
    let mut out = buffer(variables);
    for Variable { name, value } in variables {
        let refuse = refusal(Format::Docker, name);
        let fits = |c: char| !(c.is_whitespace() || c.is_control() || matches!(c, '=' | '\u{feff}'));
        if name.is_empty() || name.starts_with('#') || !name.chars().all(fits) {
            return Err(refuse("the name is empty, begins with `#` or has a space, a control character or `=`"));
        }
        if std::str::from_utf8(value).is_err() {
            return Err(refuse("the value is not UTF-8"));
        }
        if value.contains(&0) {
            return Err(refuse("the value has a NUL byte"));
        }
        if value.contains(&b'\n') {
            return Err(refuse("the value has several lines and an env file has no quotes"));
        }
        if value.ends_with(b"\r") {
            return Err(refuse("the value ends with a carriage return, which docker drops"));
        }
        if name.len() + 1 + value.len() > MAX_DOCKER_LINE {
            return Err(refuse("docker reads lines of at most 65535 bytes"));
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        out.extend_from_slice(value);
        out.push(b'\n');
    }
    Ok(Secret::new(out))
}

/// Writes an `::add-mask::` line for each value, with the escapes of workflow commands: printed by a step, they keep the
/// values out of the log of the job. The runner masks each line of a value by itself, too. Blank values are left out:
/// the runner cannot mask them.
///
/// # Errors
/// [`FormatError::NotRepresentable`]: a value that is not UTF-8 or has a NUL, which no line of a log shows as it is.
pub fn write_github_masks(variables: &[Variable<'_>]) -> Result<SecretBytes, FormatError> {
    let mut out = buffer(variables);
    for Variable { name, value } in variables {
        let refuse = refusal(Format::GithubMask, name);
        let text = std::str::from_utf8(value).map_err(|_| refuse("the value is not UTF-8"))?;
        if text.contains('\0') {
            return Err(refuse("the value has a NUL byte"));
        }
        if text.trim().is_empty() {
            continue;
        }
        out.extend_from_slice(b"::add-mask::");
        for byte in text.bytes() {
            match byte {
                b'%' => out.extend_from_slice(b"%25"),
                b'\r' => out.extend_from_slice(b"%0D"),
                b'\n' => out.extend_from_slice(b"%0A"),
                other => out.push(other),
            }
        }
        out.push(b'\n');
    }
    Ok(Secret::new(out))
}

/// Room for an export with few escapes, so that the buffer seldom moves and leaves a copy behind.
pub(super) fn buffer(variables: &[Variable<'_>]) -> Vec<u8> {
    Vec::with_capacity(variables.iter().map(|v| v.name.len() + v.value.len() * 3 / 2 + 32).sum())
}

pub(super) fn refusal(format: Format, name: &str) -> impl Fn(&'static str) -> FormatError {
    move |problem| FormatError::NotRepresentable { name: shown(name), format, problem }
}
