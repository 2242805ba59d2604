//! What a command can end with: an exit code, a sentence, and a hint that names the fix.

use serde::Deserialize;

/// The exit codes scripts may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// The command was understood and failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The thing named does not exist, or is not visible to this credential.
    NotFound = 3,
    /// Not logged in, or not allowed.
    Forbidden = 4,
    /// Somebody else was first: a version, a name, a lock.
    Conflict = 5,
    /// No answer from the server.
    Unreachable = 6,
    /// `scan`: there are secrets where none should be.
    Found = 7,
    /// `run`, `env exec`: the program is there and cannot be executed, as shells say it.
    CannotExecute = 126,
    /// `run`, `env exec`: there is no such program, as shells say it.
    CommandNotFound = 127,
}

impl Exit {
    /// The exit code for an HTTP status that is an error.
    pub fn of_status(status: u16) -> Self {
        match status {
            404 => Self::NotFound,
            401 | 403 => Self::Forbidden,
            409 | 412 => Self::Conflict,
            _ => Self::Failed,
        }
    }
}

/// One way a command failed. Boxed inside, so that results stay small.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message)]
pub struct CliError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    exit: Exit,
    message: String,
    details: Vec<String>,
    hint: Option<String>,
    code: Option<String>,
    request_id: Option<String>,
    silent: bool,
}

impl CliError {
    /// An error with this exit code and sentence.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            exit,
            message: message.into(),
            details: Vec::new(),
            hint: None,
            code: None,
            request_id: None,
            silent: false,
        }))
    }

    /// The command failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// The command line is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The report is printed already; only the exit code is left to say.
    pub fn reported(exit: Exit) -> Self {
        let mut error = Self::new(exit, String::new());
        error.0.silent = true;
        error
    }

    /// The reader of our output went away (`holdfast … | head`): not an error.
    pub fn broken_pipe() -> Self {
        Self::reported(Exit::Ok)
    }

    /// The same error with a hint that names the fix.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same error with more to say, a line each.
    #[must_use]
    pub fn details(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.0.details.extend(lines);
        self
    }

    /// Reads an error answer of the server. Anything that is not problem+json gets a sentence of its own.
    pub fn from_answer(status: u16, request_id: Option<String>, location: Option<&str>, body: &[u8]) -> Self {
        let exit = Exit::of_status(status);
        let mut error = match serde_json::from_slice::<Problem>(body) {
            Ok(problem) if problem.code.is_some() => problem.into_error(exit),
            // A proxy in front says so when nothing behind it answers.
            _ if matches!(status, 502..=504) => Self::new(
                Exit::Unreachable,
                format!("the server cannot be reached: something before it answered {status}"),
            )
            .hint(foreign_hint(location)),
            _ => Self::new(exit, format!("the server answered {status}, and not as Holdfast does"))
                .hint(foreign_hint(location)),
        };
        error.0.request_id = error.0.request_id.or(request_id);
        error
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        self.0.exit
    }

    /// The server's stable code, where the error came from it.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The lines to print on stderr, without a trailing newline; none when everything is said already.
    pub fn lines(&self) -> Vec<String> {
        if self.0.silent {
            return Vec::new();
        }
        let mut lines = vec![format!("error: {}", self.0.message)];
        lines.extend(self.0.details.iter().map(|d| format!("  {d}")));
        lines.extend(self.0.hint.iter().map(|h| format!("hint: {h}")));
        lines.extend(self.0.request_id.iter().map(|r| format!("request: {r}")));
        lines
    }
}

fn foreign_hint(location: Option<&str>) -> String {
    match location {
        Some(to) => format!("it redirects to {to}; give that server's base URL with --url if it is the one you mean"),
        None => "check --url (or HOLDFAST_URL), and any proxy between here and the server".to_owned(),
    }
}

impl From<anyhow::Error> for CliError {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(error) => Self::failed(format!("{error:#}")),
        }
    }
}

/// The parts of problem+json (RFC 9457) the CLI uses.
#[derive(Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
    code: Option<String>,
    hint: Option<String>,
    request_id: Option<String>,
    #[serde(default)]
    errors: Vec<FieldProblem>,
}

#[derive(Deserialize)]
struct FieldProblem {
    #[serde(default)]
    field: Option<String>,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    code: Option<String>,
}

impl Problem {
    /// Lines of detail shown at most; the rest is counted.
    const SHOWN: usize = 20;

    fn into_error(self, exit: Exit) -> CliError {
        let message = self.detail.or(self.title).unwrap_or_else(|| "the server refused".to_owned());
        let mut error = CliError::new(exit, message);
        let hidden = self.errors.len().saturating_sub(Self::SHOWN);
        error.0.details = self.errors.into_iter().take(Self::SHOWN).map(FieldProblem::into_line).collect();
        if hidden > 0 {
            error.0.details.push(format!("and {hidden} more"));
        }
        error.0.hint = self.hint.filter(|hint| !hint.is_empty()).or_else(|| hint_of_code(self.code.as_deref()));
        error.0.code = self.code;
        error.0.request_id = self.request_id;
        error
    }
}

impl FieldProblem {
    fn into_line(self) -> String {
        let what = self.detail.or(self.code).unwrap_or_default();
        match self.field {
            Some(field) if !field.is_empty() && !what.contains(&field) => format!("{field}: {what}"),
            _ => what,
        }
    }
}

/// The command that fixes it, where only the CLI knows its name.
fn hint_of_code(code: Option<&str>) -> Option<String> {
    let hint = match code? {
        "setup_required" => "holdfast init makes the first owner of a new server",
        "unauthenticated" | "token_expired" | "token_revoked" => "holdfast login",
        "step_up_required" => "holdfast login again: this asks for a recent sign-in",
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_exit_code() {
        let cases = [
            (400, Exit::Failed),
            (401, Exit::Forbidden),
            (403, Exit::Forbidden),
            (404, Exit::NotFound),
            (409, Exit::Conflict),
            (412, Exit::Conflict),
            (422, Exit::Failed),
            (429, Exit::Failed),
            (500, Exit::Failed),
            (503, Exit::Failed),
        ];
        for (status, exit) in cases {
            assert_eq!(Exit::of_status(status), exit, "{status}");
        }
    }

    #[test]
    fn a_problem_keeps_its_sentence_hint_and_request() {
        let body = br#"{"title":"Conflict","status":409,"detail":"`shop` is taken","code":"slug_reserved",
            "hint":"choose another slug","request_id":"req_1","errors":[{"field":"slug","code":"taken","detail":"in use"}]}"#;
        let error = CliError::from_answer(409, None, None, body);
        assert_eq!(error.exit(), Exit::Conflict);
        assert_eq!(error.code(), Some("slug_reserved"));
        assert_eq!(
            error.lines(),
            ["error: `shop` is taken", "  slug: in use", "hint: choose another slug", "request: req_1"]
        );
    }

    #[test]
    fn an_answer_of_somebody_else_is_not_taken_for_ours() {
        for body in [&b"<html>Bad Gateway</html>"[..], b"{}", b"", b"[1]", br#"{"message":"no"}"#] {
            let error = CliError::from_answer(502, Some("req_9".to_owned()), None, body);
            assert_eq!(error.exit(), Exit::Unreachable);
            assert!(error.lines()[0].contains("502"), "{:?}", error.lines());
            assert_eq!(CliError::from_answer(500, None, None, body).exit(), Exit::Failed);
            assert_eq!(error.lines().last().map(String::as_str), Some("request: req_9"));
        }
    }

    #[test]
    fn long_lists_are_cut_and_counted() {
        let errors: Vec<_> = (0..50).map(|n| serde_json::json!({"detail": format!("NAME_{n}: not found")})).collect();
        let body = serde_json::json!({"detail": "broken", "code": "reference_broken", "errors": errors}).to_string();
        let lines = CliError::from_answer(422, None, None, body.as_bytes()).lines();
        assert_eq!(lines.len(), 22);
        assert_eq!(lines[21], "  and 30 more");
    }

    #[test]
    fn a_silent_end_says_nothing() {
        assert!(CliError::broken_pipe().lines().is_empty());
        assert_eq!(CliError::broken_pipe().exit(), Exit::Ok);
    }

    #[test]
    fn our_own_error_survives_the_way_through_anyhow() {
        let error = CliError::from(anyhow::Error::from(CliError::usage("no")));
        assert_eq!(error.exit(), Exit::Usage);
    }
}
